// Workloads and knobs that the benchmarks run.

import Simulation
import Sysctl
import Units
import Workload

enum Scenario {
  /// Two tiers under Linux 6.12 with promotion and demotion on; checks off, as they walk all of memory at the end.
  static func tieredTree(_ extra: [String] = []) throws -> KnobTree {
    try tree(
      ["kernel.rules=v6.12", "kernel.numa_balancing=2", "mm.numa.demotion_enabled=true", "debug.check=off"] + extra)
  }

  static func tree(_ writes: [String]) throws -> KnobTree {
    var tree = KnobTree.product
    for write in writes { try tree.writeAssignment(write) }
    return tree
  }

  static func workload(_ text: String) throws -> WorkloadSpec {
    try WorkloadFile.parse(text: text, path: "benchmark.yaml")
  }

  /// Every page written once, then skewed accesses.
  static func zipf(pages: Int, accesses: Int) throws -> WorkloadSpec {
    try workload(
      """
      name: zipf
      regions:
        A: {pages: \(pages)}
      tasks:
        - name: main
          phases:
            - access: A
              write_every: 1
            - access: A
              pattern: zipf
              scatter: 2654435761
              accesses: \(accesses)
              seed: 42
              write_every: 4
      """)
  }

  /// The skewed accesses of `zipf` alone, for the limit loop.
  static func zipfAccesses(pages: Int, accesses: Int) -> AccessSpec {
    AccessSpec(
      region: 0, pattern: .zipf(exponentThousandths: 1000), pages: pages, accesses: accesses, writes: .every(4),
      seed: 42, scatter: 2_654_435_761)
  }
}
