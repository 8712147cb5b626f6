// Real copies of scattered cold pages: our kernel beside glibc's memcpy and the machine's fastest, two threads beside the machine's
// own limit.

import CopyBench
import CopyKernels
import PageCopy
import Units

enum CopyKernelsBenchmark {
  private static let route = CopyRoute(from: 0, to: 1)

  /// Wall times: several threads copy, and what waits for memory is on the CPU all the same.
  static func measure(rounds: Int, arena: Int) throws -> Benchmark.Outcome {
    let cpus = CPUBinding.allowed
    let catalog = EngineCatalog(cpus: cpus, threads: cpus.count > 1 ? [2] : [])
    let chosen = CopyKernel.best(destinationUsedNext: false).name
    let lists: [(name: String, subject: CopySubject)] = [
      ("4KiB", .list("4KiB", PageList(base: 1024))), ("2MiB", .list("2MiB", PageList(huge: 8))),
    ]
    let result = try CopyBenchmark.run(
      CopyBenchPlan(
        engines: catalog.offers.filter { $0.obstacle == nil }, subjects: lists.map(\.subject), caches: [.cold],
        routes: [route], rounds: rounds, arena: arena, cpus: cpus))
    var outcome = Benchmark.Outcome(remarks: result.remarks.map { "copy-kernels: \($0)" })
    func compare(_ name: String, _ row: CopySamples?, _ limit: CopySamples?, bar: Double?, note: String = "") {
      guard let row, let limit else { return }
      outcome.lines.append(
        Measurement(
          "copy-kernels/\(name)", unit: "ns/4KiB", Self.rounds(row), limit: limit.engine, Self.rounds(limit), bar: bar,
          note: note))
    }
    for (name, subject) in lists {
      let row = result.row(chosen, subject, .cold, route)
      compare("\(name) \(chosen)", row, result.row("memcpy", subject, .cold, route), bar: 1.05)
      compare("\(name) \(chosen)/best", row, best(result, subject), bar: 1.15)
    }
    guard cpus.count > 1 else {
      outcome.remarks.append("copy-kernels: one CPU; two threads are not measured")
      return outcome
    }
    let stream = streams(result).filter { $0.threads == 2 }.min { fastest($0) < fastest($1) }
    compare("2MiB mt:2", result.row("mt:2:bytes", lists[1].subject, .cold, route), stream, bar: 1.25)
    compare(
      "4KiB mt:2", result.row("mt:2:bytes", lists[0].subject, .cold, route), stream, bar: nil,
      note: "the limit is a stream: nobody copies scattered 4 KiB as fast")
    return outcome
  }

  private static func rounds(_ row: CopySamples) -> Rounds {
    var rounds = Rounds()
    for time in row.times { rounds.add(nanoseconds: time, count: row.pages) }
    return rounds
  }

  /// Nanoseconds of 4 KiB in the fastest round.
  private static func fastest(_ row: CopySamples) -> Double { rounds(row).minimum }

  private static func streams(_ result: CopyBenchResult) -> [CopySamples] {
    result.samples.filter { $0.subject == .stream }
  }

  /// The fastest single thread over the same pages.
  private static func best(_ result: CopyBenchResult, _ subject: CopySubject) -> CopySamples? {
    result.samples.filter { $0.threads == 1 && $0.subject == subject }.min { fastest($0) < fastest($1) }
  }
}
