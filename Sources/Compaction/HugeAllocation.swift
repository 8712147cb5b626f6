// The allocation of a huge page that may compact and reclaim. Source: mm/page_alloc.c __alloc_pages_slowpath,
// __alloc_pages_direct_compact, __alloc_pages_direct_reclaim, for costly orders.

import MemoryModel
import Migration
import Tiering
import Units

/// How far an allocation of a huge page goes.
public struct HugeEffort: Equatable, Sendable {
  /// It compacts and reclaims by itself (__GFP_DIRECT_RECLAIM).
  public var isDirect: Bool
  /// It wakes kswapd, which wakes kcompactd (__GFP_KSWAPD_RECLAIM).
  public var wakesKswapd: Bool
  /// It gives up where compaction looks hopeless, and never waits for pages (__GFP_NORETRY).
  public var givesUpEarly: Bool

  public init(isDirect: Bool, wakesKswapd: Bool, givesUpEarly: Bool) {
    self.isDirect = isDirect
    self.wakesKswapd = wakesKswapd
    self.givesUpEarly = givesUpEarly
  }

  /// What a fault may do (`vma_thp_gfp_mask`, mm/huge_memory.c).
  public static func fault(_ defrag: HugePageDefrag, isAdvised: Bool) -> HugeEffort {
    switch defrag {
    case .always: HugeEffort(isDirect: true, wakesKswapd: false, givesUpEarly: !isAdvised)
    case .defer: HugeEffort(isDirect: false, wakesKswapd: true, givesUpEarly: false)
    case .deferMadvise: HugeEffort(isDirect: isAdvised, wakesKswapd: !isAdvised, givesUpEarly: false)
    case .madvise: HugeEffort(isDirect: isAdvised, wakesKswapd: false, givesUpEarly: false)
    case .never: HugeEffort(isDirect: false, wakesKswapd: false, givesUpEarly: false)
    }
  }

  /// What khugepaged may do (`alloc_hugepage_khugepaged_gfpmask`, mm/khugepaged.c).
  public static func khugepaged(defrag: Bool) -> HugeEffort {
    HugeEffort(isDirect: defrag, wakesKswapd: false, givesUpEarly: false)
  }
}

/// One thread's allocation of a 2 MiB block, as steps.
public final class HugeAllocation {
  private enum Phase { case idle, begin, compacting, reclaiming, compactingAgain }

  private let memory: Memory
  private let compaction: DirectCompaction
  private let reclaim: DirectReclaim
  private let zones: ZoneCompactor

  private var phase = Phase.idle
  private var policy = AllocationPolicy.user
  private var effort = HugeEffort(isDirect: false, wakesKswapd: false, givesUpEarly: true)
  private var node = 0

  /// The block, once the last step was `.done`; nil when there is none to be had.
  public private(set) var block: PFN?

  /// - Parameters:
  ///   - zones: compacts for this thread.
  ///   - reclaim: reclaims for it.
  public init(memory: Memory, zones: ZoneCompactor, reclaim: DirectReclaim) {
    self.memory = memory
    self.zones = zones
    self.reclaim = reclaim
    compaction = DirectCompaction(memory: memory, zones: zones)
  }

  /// Takes new knob values.
  public func apply(knobs: CompactionKnobs, reclaim: ReclaimKnobs, runningCPUs: Int) {
    zones.knobs = knobs
    zones.runningCPUs = runningCPUs
    self.reclaim.apply(knobs: reclaim, runningCPUs: runningCPUs)
  }

  /// True once after steps that made pages available again.
  public func takeRemapped() -> Bool {
    let compacted = zones.takeRemapped()
    return reclaim.takeRemapped() || compacted
  }

  /// Begins an allocation that prefers `node`, on that node alone if `thisNodeOnly`; `nodes` are those that will do, a bit each,
  /// nil for all.
  public func start(node: Int, thisNodeOnly: Bool = false, nodes: UInt64? = nil, effort: HugeEffort) {
    precondition(phase == .idle)
    self.node = node
    self.effort = effort
    policy = .user
    policy.thisNodeOnly = thisNodeOnly
    policy.nodeMask = nodes
    policy.mayWakeKswapd = effort.wakesKswapd
    policy.mayReclaim = effort.isDirect
    block = nil
    phase = .begin
  }

  /// Does the next step; at the end `block` is there, or nothing was to be had.
  public func step(now: Picoseconds, cpu: Int) -> JobStep {
    switch phase {
    case .idle: return .done
    case .begin:
      block = memory.allocate(order: Page.hugeOrder, node: node, cpu: cpu, policy: policy)
      guard block == nil, effort.isDirect else { return end() }
      return compact(.async, in: .compacting)
    case .compacting:
      let step = compaction.step(now: now, cpu: cpu)
      guard step == .done else { return step }
      if takeCompacted(cpu: cpu) { return end() }
      if effort.givesUpEarly && (isLocalTry || compaction.result == .skipped || compaction.result == .deferred) {
        return end()
      }
      reclaim.start(
        node: node, order: Page.hugeOrder, policy: policy, extfragThreshold: zones.knobs.extfragThreshold)
      phase = .reclaiming
      return .useCPU(0)
    case .reclaiming:
      let step = reclaim.step(now: now, cpu: cpu)
      guard step == .done else { return step }
      if reclaim.madeProgress, takeReclaimed(cpu: cpu) { return end() }
      return compact(effort.givesUpEarly ? .async : .syncLight, in: .compactingAgain)
    case .compactingAgain:
      let step = compaction.step(now: now, cpu: cpu)
      guard step == .done else { return step }
      _ = takeCompacted(cpu: cpu)
      return end()
    }
  }

  /// A try for one node that may compact and not reclaim.
  private var isLocalTry: Bool { policy.thisNodeOnly && memory.rules.localHugeTryOnlyCompacts }

  private func end() -> JobStep {
    phase = .idle
    return .done
  }

  private func compact(_ priority: CompactPriority, in phase: Phase) -> JobStep {
    compaction.start(order: Page.hugeOrder, node: node, policy: policy, priority: priority)
    self.phase = phase
    return .useCPU(0)
  }

  /// The block that compaction was for, and its counters (`__alloc_pages_direct_compact`).
  private func takeCompacted(cpu: Int) -> Bool {
    guard compaction.result != .skipped else { return false }
    memory.vmstat[.compact_stall] += 1
    block = memory.allocateAboveMin(order: Page.hugeOrder, node: node, cpu: cpu, policy: policy)
    guard let block else {
      memory.vmstat[.compact_fail] += 1
      return false
    }
    memory.noteCompacted(block, order: Page.hugeOrder)
    memory.vmstat[.compact_success] += 1
    return true
  }

  /// The block after reclaim; before giving up, what hides on the per-CPU lists is freed.
  private func takeReclaimed(cpu: Int) -> Bool {
    block = memory.allocateAboveMin(order: Page.hugeOrder, node: node, cpu: cpu, policy: policy)
    if block == nil {
      memory.drainAllPerCPULists()
      block = memory.allocateAboveMin(order: Page.hugeOrder, node: node, cpu: cpu, policy: policy)
    }
    return block != nil
  }
}
