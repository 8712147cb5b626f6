// A small workload on a machine whose every cost is stated, and figures made up.

import Simulation
import Sysctl
import Workload

@testable import Compare

enum SmallComparison {
  /// A region of three times the fast node, of which a window is used again and again.
  static let workload = """
    name: small
    about: 24 MiB, a sixth of it hot
    regions:
      A: {pages: 6144}
    tasks:
      - name: main
        phases:
          - mark: fill
            warmup: true
          - access: A
            write_every: 1
          - mark: hot
          - access: A
            first: 4096
            pages: 1024
            rounds: 60
            think: 400ns
    """

  static let knobs = """
    hw.cpus = 2
    hw.node0.size = 8M
    hw.node1.size = 64M
    hw.loaded_latency_queue = 0
    hw.node0.read_latency = 100ns
    hw.node0.write_latency = 100ns
    hw.node1.read_latency = 300ns
    hw.node1.write_latency = 300ns
    mm.transparent_hugepage.enabled = never
    vm.min_free_kbytes = 256
    cost.first_touch = 1us
    cost.hint_fault = 1us
    sim.time_scale = 200
    """

  static func prepared(_ text: String = workload) throws -> PreparedWorkload {
    try PreparedWorkload(try WorkloadFile.parse(text: text, path: "small.yaml"))
  }

  /// The product's knobs with these, then `settings` as `--set` writes them.
  static func base(_ settings: [String] = []) throws -> KnobTree {
    var tree = KnobTree.product
    try tree.load(text: knobs, name: "small.conf")
    for setting in settings { try tree.writeAssignment(setting) }
    return tree
  }

  static func plan(
    _ profiles: String, _ settings: [String] = [], workload: String = workload, over: String? = nil,
    hasRanges: Bool = true, calibrated: [String] = []
  ) throws -> ComparisonPlan {
    try ComparisonPlan(
      try prepared(workload), profiles: try Profile.list(profiles), base: try base(settings), reference: over,
      hasRanges: hasRanges, calibrated: calibrated)
  }

  /// Knobs of one run of a plan.
  static func tree(_ plan: ComparisonPlan, _ name: String) throws -> KnobTree {
    guard let run = plan.runs.first(where: { $0.name == name }) else { throw CompareError("no run \(name)") }
    return run.tree
  }

  /// A run of which only time and accesses are said.
  static func summary(measured: Int, accesses: Int = 1000) -> RunSummary {
    RunSummary(
      elapsedPs: measured, measuredPs: measured, hasWarmup: false, isCutOff: false, footprintPages: 1,
      accesses: accesses, fastAccesses: accesses / 2, measuredAccesses: accesses,
      tasks: [TaskFigures(name: "main", isEndless: false, accesses: accesses, endPs: measured, phases: [])],
      migrations: [], migrationPs: 0, copy: CopyFigures.none, stalls: [], kswapdPs: 0, cpuBusyPs: measured,
      warnings: [], faults: [])
  }
}
