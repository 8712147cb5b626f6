// Run directories that the suites of this target look at, written by a run of a second or less.

import Foundation
import Plot
import Report
import Simulation
import Sysctl
import Testing
import Workload

@testable import Charts

/// Whether gnuplot is here; suites that draw say so when it is not.
let gnuplot: Gnuplot? = {
  do throws(PlotError) { return try Gnuplot() } catch {
    print("*** SKIPPED: \(error). No page was drawn in these tests. ***")
    return nil
  }
}()

enum TinyRun {
  static let workload = """
    name: tiny
    about: 8 MiB written once, then a hot part read in rounds
    regions:
      A: {pages: 2048}
    tasks:
      - name: main
        phases:
          - mark: fill
            warmup: true
          - access: A
            write_every: 1
          - mark: read
          - access: A
            rounds: 4
            think: 1us
    """

  /// Every cost that the numbers of the tests hang on is here.
  static let knobs = """
    hw.cpus = 1
    hw.node0.size = 4M
    hw.node1.size = 16M
    hw.loaded_latency_queue = 0
    hw.node0.read_latency = 100ns
    hw.node0.write_latency = 100ns
    hw.node1.read_latency = 200ns
    hw.node1.write_latency = 200ns
    cost.first_touch = 1us
    cost.context_switch = 0ns
    sim.sample_interval = 1ms
    """

  /// Demotion by kswapd, so that pages move, are copied and are charted.
  static let tiering = """
    kernel.rules = tpp2021
    vm.use_concur_to_demote = 1
    mm.numa.demotion_enabled = 1
    kernel.numa_balancing = 2
    vm.demote_scale_factor = 1000
    """

  /// Runs and writes a run directory in `folder`; its path.
  @discardableResult
  static func write(_ name: String, in folder: String, _ extra: String = tiering) throws -> String {
    var tree = KnobTree.product
    try tree.load(text: knobs + "\n" + extra, name: "tiny.conf")
    let spec = try WorkloadFile.parse(text: workload, path: "tiny.yaml")
    let inputs = RunInputs(
      version: "test", tree: tree, about: spec.about,
      workload: RunInputs.File(name: "tiny.yaml", digest: Digest(of: workload)), traces: [])
    let result = try Simulation(spec, tree: tree).run()
    #expect(result.faults.isEmpty)
    let directory = try RunDirectory(.path("\(folder)/\(name)"))
    return try RunFiles(result, inputs: inputs).write(to: directory, wallSeconds: .zero)
  }

  /// A folder that is gone afterwards. A browser's helpers may outlive it, and write once more while the folder is emptied.
  static func withFolder<T>(_ body: (String) throws -> T) throws -> T {
    let folder = NSTemporaryDirectory() + "pageferry-charts-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer {
      for _ in 0..<100 where FileManager.default.fileExists(atPath: folder) {
        do { try FileManager.default.removeItem(atPath: folder) } catch { usleep(50_000) }
      }
    }
    return try body(folder)
  }
}
