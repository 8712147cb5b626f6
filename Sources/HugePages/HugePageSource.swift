// Where khugepaged gets a 2 MiB block from.

import MemoryModel
import Migration
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

/// Takes a free block that is there, down to the min mark; wakes nobody.
public final class FreeBlockSource: HugePageSource {
  private let memory: Memory
  private var node = 0
  private var policy = AllocationPolicy.user
  public private(set) var block: PFN?

  public init(memory: Memory) { self.memory = memory }

  public func start(node: Int, allowed: UInt64, mayReclaim: Bool) {
    self.node = node
    policy = .user
    policy.mayWakeKswapd = false
    policy.nodeMask = allowed
  }

  public func step(now: Picoseconds, cpu: Int) -> JobStep {
    block = memory.allocate(order: Page.hugeOrder, node: node, cpu: cpu, policy: policy)
    return .done
  }

  public func takeRemapped() -> Bool { false }
}
