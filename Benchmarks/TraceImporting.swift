// Importing lackey's text, against a loop in C that only parses it.

import Events
import LimitLoops
import Trace

#if canImport(Glibc)
  import Glibc
#endif

/// A text as valgrind's lackey writes it, in a file and in memory.
final class TraceImporting {
  private let input = "/tmp/pageferry-bench-\(getpid()).lackey"
  private let output = "/tmp/pageferry-bench-\(getpid()).pft"
  private let text: [CChar]

  /// About `bytes` bytes: seven lines of ten are instructions; loads and stores walk over a few arrays and a stack.
  init(bytes: Int) throws {
    var random = SplitMix64(seed: 11)
    var text: [UInt8] = []
    text.reserveCapacity(bytes + 64)
    var (pc, stream): (UInt64, UInt64) = (0x0400_1000, 0x0520_0000)
    while text.count < bytes {
      let draw = random.next()
      if draw % 10 < 7 {
        pc += draw >> 8 & 7
        if draw >> 16 & 15 == 0 { pc = 0x0400_1000 + draw >> 20 & 0xFFFF }
        text += Array("I  \(Self.hex(pc)),\(1 + draw >> 40 & 7)\n".utf8)
      } else {
        stream += 8
        let address = draw >> 8 & 3 == 0 ? 0x1F_FEFF_F000 + draw >> 10 & 0xFF8 : stream
        let kind = ["L", "L", "L", "S", "S", "M"][Int(draw >> 32 % 6)]
        text += Array(" \(kind) \(Self.hex(address)),8\n".utf8)
      }
    }
    self.text = text.map { CChar(bitPattern: $0) }
    guard let file = fopen(input, "w") else {
      throw TraceError(.system, file: input, problem: "cannot be written", fix: "")
    }
    fwrite(text, 1, text.count, file)
    fclose(file)
  }

  deinit {
    unlink(input)
    unlink(output)
  }

  /// As lackey prints addresses: at least eight digits.
  private static func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }

  static func measure(bytes: Int, rounds: Int) throws -> [Measurement] {
    let bench = try TraceImporting(bytes: bytes)
    let bytes = bench.text.count
    var (limit, plain, cached) = (Rounds(), Rounds(), Rounds())
    var options = ImportOptions()
    options.cache = try CacheSpecification("32KiB:8,1MiB:16")
    for _ in 0..<rounds {
      var start = cpuNanoseconds()
      let counts = limit_lackey(bench.text, bytes)
      limit.add(nanoseconds: cpuNanoseconds() - start, count: bytes)
      precondition(counts.bad == 0 && counts.sum > 0)
      start = cpuNanoseconds()
      let result = try TraceImporter(format: .lackey).run(input: bench.input, output: bench.output)
      plain.add(nanoseconds: cpuNanoseconds() - start, count: bytes)
      precondition(result.accesses == Int(counts.accesses) && result.instructions == Int(counts.instructions))
      start = cpuNanoseconds()
      _ = try TraceImporter(format: .lackey, options: options).run(input: bench.input, output: bench.output)
      cached.add(nanoseconds: cpuNanoseconds() - start, count: bytes)
    }
    func line(_ name: String, _ rounds: Rounds, bar: Double) -> Measurement {
      Measurement(
        "lackey/\(name)", unit: "ns/byte", rounds, limit: "C parser", limit, bar: bar,
        note: "\((1000 / rounds.minimum).text(0)) MB a second, the C parser \((1000 / limit.minimum).text(0))")
    }
    return [line("import", plain, bar: 8), line("import-cached", cached, bar: 10)]
  }
}
