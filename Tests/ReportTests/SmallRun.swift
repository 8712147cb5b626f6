// One small run that the suites of this target look at.

import Simulation
import Sysctl
import Workload

@testable import Report

/// A run whose every cost is stated here, so that its text does not change with defaults.
enum SmallRun {
  static let workload = """
    name: small
    about: 24 MiB written once, then read twice
    regions:
      A: {pages: 6144}
    tasks:
      - name: main
        phases:
          - mark: fill
            warmup: true
          - access: A
            write_every: 1
          - mark: read
          - access: A
            rounds: 2
            think: 100ns
          - snap: A
    """

  static let knobs = """
    hw.cpus = 1
    hw.node0.size = 16M
    hw.node1.size = 64M
    hw.loaded_latency_queue = 0
    hw.node0.read_latency = 100ns
    hw.node0.write_latency = 100ns
    hw.node1.read_latency = 200ns
    hw.node1.write_latency = 200ns
    cost.first_touch = 1us
    cost.context_switch = 0ns
    sim.sample_interval = 1ms
    """

  static func inputs(_ extra: String = "") throws -> RunInputs {
    var tree = KnobTree.product
    try tree.load(text: knobs + "\n" + extra, name: "small.conf")
    return RunInputs(
      version: "test", tree: tree, about: "24 MiB written once, then read twice",
      workload: RunInputs.File(name: "small.yaml", digest: Digest(of: workload)), traces: [])
  }

  static func run(_ extra: String = "") throws -> (result: RunResult, inputs: RunInputs) {
    let inputs = try inputs(extra)
    let spec = try WorkloadFile.parse(text: workload, path: "small.yaml")
    return (try Simulation(spec, tree: inputs.tree).run(), inputs)
  }
}
