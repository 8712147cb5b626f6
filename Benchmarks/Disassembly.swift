// Looks at the replay loop as the compiler left it: no call, no division, the prefetch still there.

#if canImport(Glibc)
  import Glibc
#endif

enum Disassembly {
  enum Verdict {
    case clean(String)
    case skipped(String)
    case fault(String)
  }

  /// Functions to look at, by the part of their symbols that names them.
  private static let loops = ["replayUniform", "replayVaried"]

  /// Where they are: mangled names begin with the module's.
  private static let model = "$s11MemoryModel"
  private static let here = "$s15pageferry_bench"

  static func check() -> Verdict {
    let tools = ["llvm-objdump", "objdump"]
    guard let tool = tools.first(where: { system("command -v \($0) >/dev/null 2>&1") == 0 }) else {
      return .skipped("no disassembler: install binutils or use the llvm-objdump beside swift")
    }
    var path = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &path, 4095)
    guard length > 0 else { return .skipped("this program's own file is unknown") }
    let binary = String(decoding: path.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let symbols = output("\(tool) -t '\(binary)'").split(separator: "\n").compactMap { line in
      line.split(separator: " ").last.map(String.init)
    }
    guard symbols.contains(where: { $0.hasPrefix(model) }) else { return .skipped("the binary has no symbols") }

    func verdict(_ function: String, in module: String) -> Verdict {
      let part = "\(function.count)\(function)"
      let names = Set(symbols.filter { $0.hasPrefix(module) && $0.contains(part) && $0.hasSuffix("F") })
      guard let name = names.first, names.count == 1 else {
        return .fault("\(function): \(names.count) functions of that name in the binary")
      }
      return judge(instructions(tool: tool, binary: binary, symbol: name), name: function)
    }

    // The check checks itself: a loop with a planted call must not pass.
    withExtendedLifetime(plantedLoop(3)) {}
    if case .clean = verdict("plantedLoop", in: here) { return .fault("a planted call was not found") }
    var words: [String] = []
    for loop in loops {
      switch verdict(loop, in: model) {
      case .clean(let text): words.append(text)
      case let other: return other
      }
    }
    return .clean(words.joined(separator: "; "))
  }

  private struct Instruction {
    var address: Int
    var text: Substring
    var mnemonic: Substring
    /// Where a jump goes, within reach.
    var target: Int?
  }

  private static func instructions(tool: String, binary: String, symbol: String) -> [Instruction] {
    let option = tool == "objdump" ? "--disassemble" : "--disassemble-symbols"
    let text = output("\(tool) --no-show-raw-insn \(option)='\(symbol)' '\(binary)'")
    return text.split(separator: "\n").compactMap { line in
      let trimmed = line.drop { $0 == " " || $0 == "\t" }
      guard let colon = trimmed.firstIndex(of: ":"), let address = Int(trimmed[..<colon], radix: 16) else { return nil }
      let words = trimmed[trimmed.index(after: colon)...].split { $0 == " " || $0 == "\t" }
      guard let mnemonic = words.first else { return nil }
      var target: Int?
      if mnemonic.hasPrefix("j"), words.count > 1 {
        target = Int(words[1].hasPrefix("0x") ? words[1].dropFirst(2) : words[1], radix: 16)
      }
      return Instruction(address: address, text: trimmed, mnemonic: mnemonic, target: target)
    }
  }

  private static func judge(_ code: [Instruction], name: String) -> Verdict {
    guard let first = code.first?.address else { return .fault("\(name): no code") }
    // A backward jump closes a loop.
    let loops = code.compactMap { i -> ClosedRange<Int>? in
      guard let target = i.target, target <= i.address, target >= first else { return nil }
      return target...i.address
    }
    guard !loops.isEmpty else { return .fault("\(name): no loop in its code") }
    let body = code.filter { i in loops.contains { $0.contains(i.address) } }
    if let bad = body.first(where: { i in ["call", "div", "idiv"].contains { i.mnemonic.hasPrefix($0) } }) {
      return .fault("\(name): the loop has '\(bad.text)'")
    }
    guard body.contains(where: { $0.mnemonic.hasPrefix("prefetch") }) else {
      return .fault("\(name): the loop does not prefetch")
    }
    return .clean("\(name) \(body.count) instructions in its loop, no call")
  }

  private static func output(_ command: String) -> String {
    guard let pipe = popen(command + " 2>/dev/null", "r") else { return "" }
    defer { pclose(pipe) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&buffer, 1, buffer.count, pipe)
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// What the check must find: a loop that calls.
@inline(never)
func plantedLoop(_ count: Int) -> Int {
  var sum = 0
  for i in 0..<count { sum &+= plantedCall(i) }
  return sum
}

@inline(never)
private func plantedCall(_ n: Int) -> Int { wallNanoseconds() &+ n }
