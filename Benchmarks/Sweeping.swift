// Sixty-four cells by `sweep` on two threads, over the same runs one after the other.

import Compare
import Foundation
import Report
import Simulation
import Sweep
import Synchronization
import Sysctl
import Workload

#if canImport(Glibc)
  import Glibc
#endif

enum Sweeping {
  /// Run from the repository's root. The runs one after the other read the trace anew each, make the same figures and the same files in memory as
  /// the cells, and write nothing. Times of both are wall times and CPU times: the latter says what two free CPUs take.
  static func measure(cells: Int) throws -> Benchmark.Outcome {
    let path = "workloads/demo.yaml"
    guard FileManager.default.fileExists(atPath: path) else {
      return Benchmark.Outcome(remarks: ["sweep: SKIPPED, no \(path) here; run from the repository's root"])
    }
    let spec = try WorkloadFile.parse(path: path)
    var tree = KnobTree.product
    try tree.load(path: "sysctl/machines/ddr5-cxl-asic.conf")
    try tree.load(path: "sysctl/profiles/tpp.conf")
    let inputs = try RunInputs(version: "bench", tree: tree, spec: spec)
    let axes = try SweepAxis.list(["vm.swappiness=1:\(cells):+1"], tree: tree)
    let plan = try SweepPlan(try PreparedWorkload(spec), inputs: inputs, axes: axes)
    var (alone, aloneWall, busier, wall) = (Rounds(), Rounds(), Rounds(), Rounds())
    let lone = try processTimes {
      for cell in plan.cells {
        var own = inputs
        own.tree = try plan.tree(cell)
        _ = RunFiles(try Simulation(spec, tree: own.tree).run(), inputs: own).json
      }
    }
    alone.add(nanoseconds: lone.cpu, count: 1)
    aloneWall.add(nanoseconds: lone.wall, count: 1)
    let file = NSTemporaryDirectory() + "pageferry-bench-\(UUID().uuidString).sqlite"
    defer { unlink(file) }
    let both = try processTimes {
      let outcome = try plan.run(into: try SweepFile(writing: file), jobs: 2)
      guard outcome.made == cells, outcome.failed == 0 else { throw SweepError("cells failed: \(outcome)") }
    }
    // Threads take cells as they come free: of two, the busier has half, and at most one cell more.
    busier.add(nanoseconds: both.cpu / 2 + lone.cpu / cells / 2, count: 1)
    wall.add(nanoseconds: both.wall, count: 1)
    return Benchmark.Outcome(lines: [
      Measurement(
        "sweep/\(cells) cells, 2 threads", unit: "ns", busier, limit: "one by one", alone,
        // Of a few cells one that is disturbed is a large part: 0.6 to 0.75 was seen of eight.
        bar: cells < 64 ? 1 : 0.55,
        note: "CPU time: half of the process's and half a cell"),
      Measurement(
        "sweep/wall, 2 threads", unit: "ns", wall, limit: "one by one", aloneWall,
        note: "wall time: says nothing on a busy host"),
    ])
  }
}
