// The copy engines of a machine on which nothing else happens, for tables of copies.

import Machine
import MemoryModel
import Migration
import Sysctl
import Units

extension Simulation {
  /// The links of the machine that the knobs describe, without load.
  public static func idleLinks(_ tree: KnobTree) -> Links {
    let hardware = tree[HardwareKnobs.self]
    return Links(
      nodes: hardware.nodes.map(MachinePlan.link), epoch: tree[SimulationKnobs.self].epoch,
      queuePermille: hardware.queuePermille)
  }

  /// The engines of a run on such links. `memory` has the nodes of the knobs, of any size.
  public static func idleCopies(
    _ tree: KnobTree, memory: Memory, nodeOfCPU: [Int]
  ) throws(RunError) -> CopyMachine {
    try makeCopies(tree, memory: memory, links: idleLinks(tree), nodeOfCPU: nodeOfCPU)
  }
}
