// What a zone remembers of compaction: where the scanners stopped, which pageblocks are not worth a look, and how long it is
// left alone after a failure. Source: struct zone (include/linux/mmzone.h), mm/compaction.c.

import Units

/// A zone's memory of compaction.
public struct ZoneCompaction: Sendable {
  /// COMPACT_MAX_DEFER_SHIFT.
  static let mostDeferShift = 6

  /// Where the migrate scanner goes on, for MIGRATE_ASYNC and for the other modes (compact_cached_migrate_pfn).
  var migrate: (async: PFN, sync: PFN) = (0, 0)
  /// Where the free scanner goes on (compact_cached_free_pfn).
  var free: PFN = 0
  /// Where both began when the skip bits were last cleared (compact_init_migrate_pfn, compact_init_free_pfn).
  var firstMigrate: PFN = 0
  var firstFree: PFN = 0
  /// Requests passed over since the last failure (compact_considered).
  public internal(set) var considered = 0
  /// 1 << shift requests are passed over (compact_defer_shift).
  public internal(set) var deferShift = 0
  /// The smallest order that failed (compact_order_failed).
  public internal(set) var orderFailed = 0
  /// A direct compaction found the scanners met: kswapd clears the skip bits when it goes to sleep
  /// (compact_blockskip_flush).
  var flushesSkips = false

  public init() {}

  /// Whether a request of `order` is passed over because it failed a short while ago (`compaction_deferred`). Counts it.
  public mutating func isDeferred(order: Int) -> Bool {
    guard order >= orderFailed else { return false }
    considered += 1
    guard considered < 1 << deferShift else {
      considered = 1 << deferShift
      return false
    }
    return true
  }

  /// A synchronous compaction failed: pass over twice as many requests as before (`defer_compaction`).
  public mutating func failed(order: Int) {
    considered = 0
    deferShift = min(deferShift + 1, Self.mostDeferShift)
    orderFailed = min(orderFailed, order)
  }

  /// An allocation of `order` got its block, or is believed to get it (`compaction_defer_reset`).
  public mutating func succeeded(order: Int, isAllocated: Bool) {
    if isAllocated {
      considered = 0
      deferShift = 0
    }
    if order >= orderFailed { orderFailed = order + 1 }
  }

  /// Whether the longest wait is just over (`compaction_restarting`).
  func isRestarting(order: Int) -> Bool {
    order >= orderFailed && deferShift == Self.mostDeferShift && considered >= 1 << deferShift
  }
}

extension Memory {
  /// Whether a pageblock's skip bit is set (PB_migrate_skip).
  @inline(__always)
  func isSkipped(_ pfn: PFN) -> Bool { blockSkips[Int(pfn) >> Page.hugeOrder] != 0 }

  @inline(__always)
  func setSkip(_ pfn: PFN, _ isSkipped: Bool) { blockSkips[Int(pfn) >> Page.hugeOrder] = isSkipped ? 1 : 0 }

  /// The first page of a page's pageblock.
  @inline(__always)
  static func blockStart(_ pfn: PFN) -> PFN { pfn & ~PFN(Page.perHuge - 1) }

  /// Both scanners begin at the ends of the zone (`reset_cached_positions`).
  func resetScanners(zone: Int) {
    compaction[zone].migrate = (zones[zone].start, zones[zone].start)
    compaction[zone].free = Memory.blockStart(zones[zone].end - 1)
  }

  /// Clears the skip bits of zones whose direct compaction ended with the scanners met (`reset_isolation_suitable`); kswapd's
  /// before it sleeps.
  public func resetSkips(node: Int) {
    for zone in nodes[node].zones where compaction[zone].flushesSkips { resetSkips(zone: zone) }
  }

  /// Clears the skip bits of blocks that have something to move or somewhere to move it, and starts the scanners at the
  /// outermost of them (`__reset_isolation_suitable`).
  func resetSkips(zone: Int) {
    compaction[zone].flushesSkips = false
    let start = zones[zone].start
    // The free scanner's place is the last page of a block here, its first one everywhere else.
    let last = zones[zone].end - 1
    var (source, target) = (start, last)
    var firstSource: PFN?
    var lastTarget: PFN?
    while source < target {
      if resetSkip(block: source, zone: zone, asSource: true, asTarget: firstSource != nil), firstSource == nil {
        firstSource = source
        compaction[zone].firstMigrate = source
        compaction[zone].migrate = (source, source)
      }
      let block = Memory.blockStart(target)
      if resetSkip(block: block, zone: zone, asSource: lastTarget != nil, asTarget: true), lastTarget == nil {
        lastTarget = target
        compaction[zone].firstFree = target
        compaction[zone].free = target
      }
      source += PFN(Page.perHuge)
      target -= PFN(Page.perHuge)
    }
    // No distance where no block was fit for one of the scanners.
    if firstSource ?? last >= lastTarget ?? start {
      compaction[zone].migrate = (source, source)
      compaction[zone].free = target
    }
  }

  /// Clears a block's skip bit if every eighth page at least shows something to do there (`__reset_isolation_pfn`). Returns
  /// whether it does.
  private func resetSkip(block: PFN, zone: Int, asSource: Bool, asTarget: Bool) -> Bool {
    if isHugePage(block: block) { return false }
    if asSource && asTarget && !isSkipped(block) { return true }
    if !asSource && blockType(block) != .movable { return false }
    var pfn = block
    let end = min(block + PFN(Page.perHuge), zones[zone].end)
    while pfn < end {
      let flags = frames[Int(pfn)].flags
      let isBuddy = flags & FrameFlags.kindMask == FrameFlags.kindBuddy
      if (asSource && flags & FrameFlags.onLRU != 0) || (asTarget && isBuddy) {
        setSkip(block, false)
        return true
      }
      pfn += 1 << PFN(Memory.costlyOrder)
    }
    return false
  }
}

extension Memory {
  /// Asks for kcompactd of a node (`wakeup_kcompactd`): the wake is left pending for the scheduler, if some zone is worth it.
  public func wakeKcompactd(node: Int, order: Int, highest: ZoneKind) {
    guard order > 0 else { return }
    let state = nodes + node
    state.pointee.kcompactdOrder = max(state.pointee.kcompactdOrder, order)
    if highest.rawValue < state.pointee.kcompactdHighest.rawValue { state.pointee.kcompactdHighest = highest }
    guard state.pointee.kcompactdWaiting, !state.pointee.kcompactdWakePending else { return }
    let wanted = (state.pointee.kcompactdOrder, state.pointee.kcompactdHighest)
    let isWorthIt = state.pointee.zones.contains {
      zones[$0].kind.rawValue <= wanted.1.rawValue
        && compactionSuitability(
          zone: $0, order: wanted.0, highest: wanted.1, isKcompactd: true, threshold: extfragThreshold) == .suitable
    }
    guard isWorthIt else { return }
    state.pointee.kcompactdWakePending = true
    anyWakePending = true
  }

  /// A compacted zone gave an allocation its block: it is not left alone any more.
  public func noteCompacted(_ block: PFN, order: Int) {
    let zone = zoneIndex(of: block)
    compaction[zone].flushesSkips = false
    compaction[zone].succeeded(order: order, isAllocated: true)
  }
}
