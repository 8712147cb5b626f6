// Where khugepaged gets a 2 MiB block from.

import Compaction
import MemoryModel
import Migration
import Tiering
import Units

/// An allocation of one 2 MiB block as steps, as it may compact and reclaim on the way.
public protocol HugePageSource: AnyObject {
  /// Begins an allocation.
  ///
  /// - Parameters:
  ///   - node: preferred node.
  ///   - allowed: nodes that will do, a bit each.
  ///   - mayReclaim: whether it may compact and reclaim memory (`khugepaged/defrag`: GFP_TRANSHUGE, else GFP_TRANSHUGE_LIGHT).
  func start(node: Int, allowed: UInt64, mayReclaim: Bool)
  /// Does the next step; `.done` when the allocation is over.
  func step(now: Picoseconds, cpu: Int) -> JobStep
  /// What a finished allocation got, nil when there was nothing.
  var block: PFN? { get }
  /// True once after steps that made pages available again.
  func takeRemapped() -> Bool
}

/// What khugepaged's gfp flags come to: without defrag a free block that is there, else compaction and reclaim as an advised fault
/// does (`alloc_hugepage_khugepaged_gfpmask`).
public final class CompactingSource: HugePageSource {
  private let allocation: HugeAllocation

  public init(allocation: HugeAllocation) { self.allocation = allocation }

  public var block: PFN? { allocation.block }

  /// Takes new knob values.
  public func apply(knobs: CompactionKnobs, reclaim: ReclaimKnobs, runningCPUs: Int) {
    allocation.apply(knobs: knobs, reclaim: reclaim, runningCPUs: runningCPUs)
  }

  public func start(node: Int, allowed: UInt64, mayReclaim: Bool) {
    allocation.start(node: node, nodes: allowed, effort: .khugepaged(defrag: mayReclaim))
  }

  public func step(now: Picoseconds, cpu: Int) -> JobStep { allocation.step(now: now, cpu: cpu) }

  public func takeRemapped() -> Bool { allocation.takeRemapped() }
}
