// pageferry-bench: measures the model's speed as ratios to bare loops that run in the same process, in turns with it.

import ArgumentParser
import Simulation

#if canImport(Glibc)
  import Glibc
#endif

@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pageferry-bench",
    abstract: "Measures replay, faults, migration and memory use as ratios to bare loops in the same process.",
    discussion: """
      Times are CPU times of one thread; of each thing the minimum of all rounds counts, and rounds of the things that are \
      compared alternate. docs/performance.md says what the numbers mean.
      """)

  @Flag(help: "Some minutes in all; exits 1 when a ratio is past its (generous) bar in each of three attempts.")
  var quick = false

  @Flag(help: "Exits 1 when a ratio is past its bar in each of three attempts.")
  var check = false

  @Flag(help: "Replay over 256 Mi pages as well: about 9 GiB of memory and several minutes.")
  var large = false

  @Option(help: ArgumentHelp("Only benchmarks whose names contain this.", valueName: "text"))
  var filter: String?

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(help: "Names of all benchmarks.")
  var list = false

  @Flag(help: "Builds a 1 TiB machine, touches it and reports memory a page.")
  var terabyte = false

  @Option(help: ArgumentHelp("Size of the --terabyte machine.", valueName: "GiB"))
  var gibibytes = 1024

  @Flag(help: "One hash for the results of each of a few runs: equal results, equal hash.")
  var fingerprint = false

  func run() throws {
    if terabyte { return print(try Terabyte.run(gibibytes: gibibytes, accesses: quick ? 10_000_000 : 100_000_000)) }
    if fingerprint {
      for line in try Fingerprint.lines() { print(line) }
      return
    }
    let chosen = Benchmark.all(quick: quick, large: large).filter { b in filter.map { b.name.contains($0) } ?? true }
    if list {
      for benchmark in chosen { print(benchmark.name) }
      return
    }
    guard !chosen.isEmpty else { throw ValidationError("no benchmark's name contains '\(filter ?? "")'; see --list") }
    var all: [Measurement] = []
    var faults: [String] = []
    if !json { print(Measurement.header) }
    for benchmark in chosen {
      let attempts = try benchmark.attempts(quick || check ? Benchmark.attempts : 1) { outcome in
        all += outcome.lines
        if !json { show(outcome, of: benchmark) }
      }
      faults += attempts.faults
    }
    if json { print(JSONText.of(all)) }
    if quick || check, !faults.isEmpty {
      for fault in faults { complain("pageferry-bench: \(fault)\n") }
      throw ExitCode.failure
    }
  }
}

private func show(_ outcome: Benchmark.Outcome, of benchmark: Benchmark) {
  for line in outcome.lines { print(line.line) }
  for text in outcome.remarks { print(text) }
  for fault in outcome.faults { print("FAULT \(benchmark.name): \(fault)") }
  fflush(nil)
}

/// Writes to standard error.
private func complain(_ text: String) {
  var text = text
  text.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

/// One benchmark by name.
struct Benchmark {
  struct Outcome {
    var lines: [Measurement] = []
    var remarks: [String] = []
    var faults: [String] = []
  }

  var name: String
  var run: () throws -> Outcome

  static func all(quick: Bool, large: Bool) -> [Benchmark] {
    let rounds = quick ? 5 : 15
    let mi = 1 << 20
    var list = [
      Benchmark(name: "disassembly") { disassembly() },
      Benchmark(name: "loop") {
        Outcome(
          lines: ReplayLoop.measure(
            pages: quick ? mi : 16 * mi, accesses: 1 << 22, rounds: rounds, horizon: 10_000_000))
      },
      Benchmark(name: "source") { Outcome(lines: Components.sources(pages: quick ? mi : 16 * mi, rounds: rounds)) },
      Benchmark(name: "components") {
        Outcome(lines: try Components.measure(pages: quick ? mi / 2 : 4 * mi, rounds: quick ? 3 : 5))
      },
      Benchmark(name: "compaction") { Compacting.measure(pages: quick ? mi / 4 : 16 * mi, rounds: quick ? 3 : 2) },
      Benchmark(name: "epoch") {
        Outcome(
          lines: try [1, 4].map {
            try Components.epochs(threads: $0, epochs: quick ? 20_000 : 100_000, rounds: quick ? 3 : 5)
          })
      },
      Benchmark(name: "copy-plan") { Outcome(lines: try CopyPlanning.measure(rounds: rounds)) },
      Benchmark(name: "trace-reader") {
        Outcome(lines: try TraceReading.measure(records: quick ? mi : 8 * mi, rounds: rounds))
      },
      Benchmark(name: "trace-import") {
        Outcome(lines: try TraceImporting.measure(bytes: quick ? 16 * mi : 128 * mi, rounds: quick ? 3 : 7))
      },
      Benchmark(name: "dsa") {
        Outcome(lines: try CopyDevices.measure(descriptors: quick ? 50_000 : 400_000, rounds: rounds))
      },
      Benchmark(name: "copy-kernels") {
        try CopyKernelsBenchmark.measure(rounds: quick ? 15 : 41, arena: quick ? 64 * mi : 256 * mi)
      },
      Benchmark(name: "software-portal") {
        try SoftwarePortals.measure(rounds: quick ? 10 : 30, arena: quick ? 128 << 20 : 256 << 20)
      },
      Benchmark(name: "compare") { try Comparing.measure(rounds: quick ? 1 : 3) },
      Benchmark(name: "sweep") { try Sweeping.measure(cells: quick ? 8 : 64) },
      Benchmark(name: "replay/1Mi") { try replay(pages: mi, quick: quick) },
      Benchmark(name: "replay/16Mi") { try replay(pages: 16 * mi, quick: quick) },
    ]
    if large { list.append(Benchmark(name: "replay/256Mi") { try replay(pages: 256 * mi, quick: quick) }) }
    if !quick {
      list.append(
        Benchmark(name: "replay-unhashed/16Mi") { try replay(pages: 16 * mi, quick: quick, isHashing: false) })
    }
    return list
  }

  private static func disassembly() -> Outcome {
    switch Disassembly.check() {
    case .clean(let text): Outcome(remarks: ["disassembly: \(text)"])
    case .skipped(let why): Outcome(remarks: ["disassembly: SKIPPED, \(why)"])
    case .fault(let text): Outcome(faults: [text])
    }
  }

  private static func replay(pages: Int, quick: Bool, isHashing: Bool = true) throws -> Outcome {
    let perRound = quick ? 2_000_000 : 4_000_000
    let run = WholeRun(
      pages: pages, warmup: quick ? 4_000_000 : 64_000_000, perRound: perRound, rounds: quick ? 8 : 24,
      isHashing: isHashing)
    let o = try run.measure()
    let size = "\(pages >> 20)Mi"
    let name = isHashing ? "replay/\(size)" : "replay-unhashed/\(size)"
    return Outcome(
      lines: [
        Measurement(
          name, unit: "ns/access", o.run, limit: "zipf bare", o.bare, bar: 20, basis: .mean,
          note: "\((1000 / o.run.mean).text(0)) M accesses a second; \(o.activity)"),
        Measurement("\(name)/source", unit: "ns/access", o.source, limit: "zipf bare", o.bare),
        Measurement("\(name)/bare-hashed", unit: "ns/access", o.hashed, limit: "zipf bare", o.bare),
        Measurement("\(name)/first-touch", unit: "ns/page", o.fill, limit: "zipf bare", o.bare, bar: 150),
      ])
  }
}
