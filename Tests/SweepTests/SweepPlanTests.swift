// Which cells a sweep has, and what knobs they begin with.

import Simulation
import Sysctl
import Testing

@testable import Sweep

struct SweepPlanTests {
  @Test func `cells are all combinations, seeds innermost`() throws {
    let plan = try SmallSweep.plan(["vm.limit_chans=1,2", "vm.dsa_copy_threshold=4,8"], seeds: 2)
    #expect(
      plan.cells.map { plan.key($0) } == [
        "vm.limit_chans=1 vm.dsa_copy_threshold=4 seed=0", "vm.limit_chans=1 vm.dsa_copy_threshold=4 seed=1",
        "vm.limit_chans=1 vm.dsa_copy_threshold=8 seed=0", "vm.limit_chans=1 vm.dsa_copy_threshold=8 seed=1",
        "vm.limit_chans=2 vm.dsa_copy_threshold=4 seed=0", "vm.limit_chans=2 vm.dsa_copy_threshold=4 seed=1",
        "vm.limit_chans=2 vm.dsa_copy_threshold=8 seed=0", "vm.limit_chans=2 vm.dsa_copy_threshold=8 seed=1",
      ])
  }

  @Test func `seed 0 leaves the knobs as they are, and others move three`() throws {
    let plan = try SmallSweep.plan(["vm.limit_chans=2"], seeds: 3, settings: ["sim.seed=7", "sim.start_delay=1ms"])
    let knobs = try plan.cells.map { try plan.tree($0) }
    for (k, tree) in knobs.enumerated() {
      #expect(try tree.read("sim.seed") == "\(7 + k)")
      #expect(try tree.read("sim.workload_seed") == "\(k)")
      #expect(try tree.read("sim.start_delay") == "\(1 + 37 * k)ms")
      #expect(try tree.read("vm.limit_chans") == "2")
    }
  }

  @Test func `the workload's seed changes what is accessed, alone`() throws {
    let plan = try SmallSweep.plan(["sim.workload_seed=0,1"])
    let hashes = try plan.cells.map {
      try plan.workload.simulation(plan.tree($0)).run().tasks[0].phases.map(\.accessHash)
    }
    // Phase 1 goes through the pages in order, phase 3 draws them.
    #expect(hashes[0][1] == hashes[1][1] && hashes[0][3] != hashes[1][3])
  }

  @Test func `varied knobs are written behind those of the command line, in their order`() throws {
    let on = ["vm.limit_chans=4", "vm.dsa_state=1", "vm.use_dsa_copy_pages=1"]
    let plan = try SmallSweep.plan(on)
    #expect(try plan.tree(plan.cells[0]).history.suffix(3).map { "\($0.name)=\($0.value)" } == on)
    let wrong = try SmallSweep.plan(on.reversed())
    #expect(throws: KnobError.self) { try wrong.tree(wrong.cells[0]) }
  }

  @Test func `the key depends on version, workload and knobs, and on nothing else`() throws {
    let key = try SmallSweep.plan(["vm.limit_chans=2"]).key
    #expect(try SmallSweep.plan(["vm.dsa_copy_threshold=1,2"], seeds: 4).key == key)
    #expect(try SmallSweep.plan(["vm.limit_chans=2"], version: "other").key != key)
    #expect(try SmallSweep.plan(["vm.limit_chans=2"], settings: ["vm.swappiness=1"]).key != key)
    #expect(try SmallSweep.plan(["vm.limit_chans=2"], workload: SmallSweep.workload + "\n").key != key)
  }

  @Test func `a sweep in which nothing varies is refused, and one that is too large`() {
    #expect(throws: SweepError.self) { try SmallSweep.plan([]) }
    #expect(throws: SweepError.self) { try SmallSweep.plan(["vm.limit_chans=1"], seeds: 0) }
    #expect(throws: SweepError.self) {
      try SmallSweep.plan(["vm.dsa_copy_threshold=1:5000:+1", "vm.limit_chans=1:8:+1"], seeds: 26)
    }
  }
}
