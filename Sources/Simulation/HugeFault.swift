// The first touch of a block that may become a huge page: on the CPU's node first, then, if the fault may wait, anywhere.
// Source: mm/huge_memory.c do_huge_pmd_anonymous_page, mm/mempolicy.c alloc_pages_mpol.

import Compaction
import MemoryModel
import Migration
import Units

/// One thread's huge fault, as steps.
final class HugeFault {
  private let allocation: HugeAllocation
  private var node = 0
  private var effort = HugeEffort(isDirect: false, wakesKswapd: false, givesUpEarly: true)
  private var triesElsewhere = false

  /// What the fault is for.
  private(set) var slot = 0
  private(set) var isWrite = false

  /// The block, once the last step was `.done`; nil sends the fault to base pages.
  var block: PFN? { allocation.block }

  init(allocation: HugeAllocation) { self.allocation = allocation }

  /// Takes new knob values.
  func apply(_ simulation: Simulation) {
    allocation.apply(
      knobs: simulation.compaction, reclaim: simulation.reclaim, runningCPUs: simulation.runningCPUs)
  }

  /// Begins the fault of a write or read of `slot` on a CPU of `node`. The first try is for the node alone and does not wait
  /// for reclaim that looks hopeless (__GFP_THISNODE | __GFP_NORETRY).
  func start(slot: Int, isWrite: Bool, node: Int, effort: HugeEffort) {
    self.slot = slot
    self.isWrite = isWrite
    self.node = node
    self.effort = effort
    triesElsewhere = effort.isDirect
    var first = effort
    first.givesUpEarly = true
    allocation.start(node: node, thisNodeOnly: true, effort: first)
  }

  func step(now: Picoseconds, cpu: Int) -> JobStep {
    let step = allocation.step(now: now, cpu: cpu)
    guard step == .done, allocation.block == nil, triesElsewhere else { return step }
    triesElsewhere = false
    allocation.start(node: node, thisNodeOnly: false, effort: effort)
    return .useCPU(0)
  }

  func takeRemapped() -> Bool { allocation.takeRemapped() }
}
