// The node a range is collapsed on. Source: mm/khugepaged.c hpage_collapse_find_target_node (6.12),
// khugepaged_find_target_node (5.13).

import MemoryModel

/// Chooses nodes for ranges.
public struct CollapseTarget: Sendable {
  /// Whether nodes that tie take turns.
  private let takesTurns: Bool
  /// The last choice where they do; -1 before the first.
  private var last = -1

  public init(rules: KernelRules) { takesTurns = rules.collapseTargetsTakeTurns }

  /// The node with most of a range's pages, the lowest of several, and all nodes with as many as a bit mask. Until 6.0 a tie goes to the
  /// next node behind the last choice, and to that node alone.
  public mutating func choose(load: [Int]) -> (node: Int, allowed: UInt64) {
    let most = load.max() ?? 0
    var node = load.firstIndex(of: most) ?? 0
    if takesTurns {
      if node <= last, let next = load.indices.first(where: { $0 > last && load[$0] == most }) { node = next }
      last = node
      return (node, 1 << UInt64(node))
    }
    let tied = load.indices.reduce(UInt64(0)) { $0 | (load[$1] == most ? 1 << UInt64($1) : 0) }
    return (node, tied)
  }
}
