// A small workload whose runs take some ten milliseconds in a debug build, and plans over it.

import Foundation
import Report
import Simulation
import Sysctl
import Workload

@testable import Sweep

enum SmallSweep {
  static let workload = """
    name: small
    regions:
      A: {pages: 1024}
    tasks:
      - name: main
        phases:
          - mark: fill
            warmup: true
          - access: A
            write_every: 1
          - mark: skewed
          - access: A
            pattern: zipf
            accesses: 2_000
            rounds: 2
            think: 400ns
    """

  static let knobs = """
    kernel.rules = tpp2021
    hw.cpus = 2
    hw.node0.size = 2M
    hw.node1.size = 64M
    mm.transparent_hugepage.enabled = never
    vm.min_free_kbytes = 512
    sim.time_scale = 1000
    mm.numa.demotion_enabled = 1
    kernel.numa_balancing = 2
    vm.demote_scale_factor = 1000
    """

  static func base(_ settings: [String] = []) throws -> KnobTree {
    var tree = KnobTree.product
    try tree.load(text: knobs, name: "small.conf")
    for setting in settings { try tree.writeAssignment(setting) }
    return tree
  }

  static func plan(
    _ vary: [String], seeds: Int = 1, settings: [String] = [], workload: String = workload, version: String = "test"
  ) throws -> SweepPlan {
    let tree = try base(settings)
    let file = RunInputs.File(name: "small.yaml", digest: Digest(of: workload))
    let inputs = RunInputs(version: version, tree: tree, about: "", workload: file, traces: [])
    let prepared = try PreparedWorkload(try WorkloadFile.parse(text: workload, path: "small.yaml"))
    return try SweepPlan(prepared, inputs: inputs, axes: try SweepAxis.list(vary, tree: tree), seeds: seeds)
  }

  /// A path in a folder that is gone afterwards.
  static func withPath<T>(_ body: (String) throws -> T) throws -> T {
    let folder = NSTemporaryDirectory() + "pageferry-sweep-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder + "/results.sqlite")
  }

  /// All results as bytes.
  static func csv(_ path: String) throws -> String { StoredSweep.csv(try SweepFile(reading: path).sweeps()) }
}
