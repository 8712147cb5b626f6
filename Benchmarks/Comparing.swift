// Eight runs of the demo trace by `compare`, on one thread and on two, over one run by itself.

import Compare
import Foundation
import Report
import Simulation
import Synchronization
import Sysctl
import Workload

#if canImport(Glibc)
  import Glibc
#endif

enum Comparing {
  /// Run from the repository's root. The eight standard profiles without ranges; the one run is `tpp`, its trace read anew. Times are CPU
  /// times, so that neighbours take none of them: of one thread that of the process, of two that of the busier one.
  static func measure(rounds: Int) throws -> Benchmark.Outcome {
    let path = "workloads/demo.yaml"
    guard FileManager.default.fileExists(atPath: path) else {
      return Benchmark.Outcome(remarks: ["compare: SKIPPED, no \(path) here; run from the repository's root"])
    }
    let spec = try WorkloadFile.parse(path: path)
    var base = KnobTree.product
    try base.load(path: "sysctl/machines/ddr5-cxl-asic.conf")
    func plan(_ profiles: [String]) throws -> ComparisonPlan {
      try ComparisonPlan(
        try PreparedWorkload(spec), profiles: try Profile.list(profiles.joined(separator: ",")), base: base,
        hasRanges: false)
    }
    var (single, one, singleWall, two, critical) = (Rounds(), Rounds(), Rounds(), Rounds(), Rounds())
    for _ in 0..<rounds {
      let alone = try plan(["tpp"]).runs[0].tree
      let lone = try processTimes { _ = try Simulation(spec, tree: alone).run() }
      single.add(nanoseconds: lone.cpu, count: 1)
      singleWall.add(nanoseconds: lone.wall, count: 1)
      one.add(nanoseconds: try processTimes { _ = try plan(Profile.standard).run(jobs: 1, version: "") }.cpu, count: 1)
      let busiest = BusiestThread()
      let standard = try plan(Profile.standard)
      two.add(
        nanoseconds: try processTimes {
          _ = try standard.run(jobs: 2, version: "", keep: { (_, _, _) throws(ReportError) in busiest.note() })
        }.wall, count: 1)
      critical.add(nanoseconds: busiest.nanoseconds, count: 1)
    }
    return Benchmark.Outcome(lines: [
      Measurement(
        "compare/8 runs, 1 thread", unit: "ns", one, limit: "one run", single, bar: 12,
        note: "CPU time of the process"),
      Measurement(
        "compare/8 runs, 2 threads", unit: "ns", critical, limit: "one run", single, bar: 8,
        note: "CPU time of the busier thread: what two free CPUs take"),
      Measurement(
        "compare/wall, 2 threads", unit: "ns", two, limit: "one run", singleWall,
        note: "wall time: says nothing on a busy host"),
    ])
  }
}

/// The CPU time of the threads that made runs.
private final class BusiestThread: Sendable {
  private let times = Mutex<[UInt: Int]>([:])

  /// Called by a thread behind each of its runs.
  func note() {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    let spent = time.tv_sec * 1_000_000_000 + time.tv_nsec
    times.withLock { $0[UInt(pthread_self())] = spent }
  }

  var nanoseconds: Int { times.withLock { $0.values.max() ?? 0 } }
}
