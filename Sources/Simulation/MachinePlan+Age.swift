// Nodes that are aged before a run.

import MemoryModel
import Units
import Workload

extension MachinePlan {
  /// Virtual pages that the ageing takes at most.
  static func agedSlots(_ spec: WorkloadSpec, _ layouts: [NodeLayout]) throws(RunError) -> Int {
    var slots = 0
    for age in spec.ages {
      guard age.node < layouts.count else {
        throw RunError(
          "\(spec.path):\(age.line): node \(age.node) is to be aged, but the machine has nodes 0 to \(layouts.count - 1)",
          fix: "change 'node:' of 'age:', or give hw.node\(age.node).size")
      }
      slots += Memory.agedSlots(pages: layouts[age.node].pages)
    }
    return slots
  }

  /// Ages the nodes; their pages have the slots from `firstSlot` on. Returns the pages of page cache.
  static func age(_ spec: WorkloadSpec, in memory: Memory, firstSlot: Int) throws(RunError) -> Int {
    var slot = firstSlot
    var pageCache = 0
    for age in spec.ages {
      let wanted = NodeAge(
        free: age.free, inBlocks: age.inBlocks, unmovable: age.unmovable, unmovableIn: age.unmovableIn,
        pageCache: age.pageCache, seed: age.seed)
      guard let aged = memory.age(node: age.node, wanted, firstSlot: slot) else {
        throw RunError(
          "\(spec.path):\(age.line): node \(age.node) has too few free 2 MiB blocks for the shares of 'age:'",
          fix: "raise hw.node\(age.node).size, lower 'unmovable:' or raise 'in_blocks:'")
      }
      slot += aged.slots
      pageCache += aged.pageCache
    }
    memory.resetCounters()
    return pageCache
  }
}
