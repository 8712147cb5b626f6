// Compaction by an allocation that waits for its block: zone after zone of its zonelist. Source: mm/compaction.c
// try_to_compact_pages.

import MemoryModel
import Migration
import Units

/// `try_to_compact_pages` as steps.
public final class DirectCompaction {
  private let memory: Memory
  private let zones: ZoneCompactor

  private var order = 0
  private var type = MigrateType.movable
  private var highest = ZoneKind.movable
  private var priority = CompactPriority.async
  private var left: [Int] = []
  private var current: Int?

  /// What the zones came to: the best of their results.
  public private(set) var result = CompactResult.skipped

  public init(memory: Memory, zones: ZoneCompactor) {
    self.memory = memory
    self.zones = zones
  }

  /// Begins with the first zone that `policy` allows an allocation preferring `node`.
  public func start(order: Int, node: Int, policy: AllocationPolicy, priority: CompactPriority) {
    self.order = order
    self.priority = priority
    type = policy.type
    highest = policy.highest
    left = memory.allowedZones(node: node, policy: policy).reversed()
    current = nil
    result = .skipped
  }

  /// Does the next step; at the end `result` is there.
  public func step(now: Picoseconds, cpu: Int) -> JobStep {
    if let zone = current {
      let step = zones.step(now: now, cpu: cpu)
      guard step == .done else { return step }
      current = nil
      result = max(result, zones.result)
      if zones.result == .success {
        memory.compaction[zone].succeeded(order: order, isAllocated: false)
        return .done
      }
      if priority != .async && (zones.result == .complete || zones.result == .partialSkipped) {
        memory.compaction[zone].failed(order: order)
      }
    }
    while let zone = left.popLast() {
      if priority != .syncFull && memory.compaction[zone].isDeferred(order: order) {
        result = max(result, .deferred)
        continue
      }
      current = zone
      zones.start(
        .direct(order: order, type: type, highest: highest, priority: priority), zone: zone,
        mode: priority == .async ? .async : .syncLight)
      return .useCPU(0)
    }
    return .done
  }
}
