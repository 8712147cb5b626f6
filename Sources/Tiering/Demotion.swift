// Where demoted pages go. Source: mm/memory-tiers.c next_demotion_node, node_get_allowed_targets.

import Events
import MemoryModel
import Migration

/// Demotion targets of every node, from the tiers.
public struct DemotionTargets: Sendable {
  /// For each node the nearest nodes of the next tier down, and all nodes of slower tiers as a bit mask.
  private let preferred: [[Int]]
  private let lower: [UInt64]

  public init(memory: Memory) {
    let nodes = (0..<memory.nodeCount).map { memory.nodes[$0] }
    preferred = nodes.map { node in
      guard let next = nodes.map(\.tier).filter({ $0 > node.tier }).min() else { return [] }
      let candidates = nodes.filter { $0.tier == next }
      let nearest = candidates.map { memory.distances[node.id][$0.id] }.min()!
      return candidates.filter { memory.distances[node.id][$0.id] == nearest }.map(\.id)
    }
    lower = nodes.map { node in
      nodes.filter { $0.tier > node.tier }.reduce(0) { $0 | 1 << UInt64($1.id) }
    }
  }

  /// Whether a node has anywhere to demote to.
  public func exists(from node: Int) -> Bool { lower[node] != 0 }

  /// The target of one call: one of the nearest nodes of the next tier, chosen uniformly when there are several.
  func choose(from node: Int, random: inout SplitMix64) -> MigrationTarget? {
    let candidates = preferred[node]
    guard !candidates.isEmpty else { return nil }
    let choice = candidates.count == 1 ? candidates[0] : candidates[random.below(candidates.count)]
    return MigrationTarget(node: choice, allowed: lower[node])
  }
}
