// The migrate scanner: from the start of a zone upwards, for pages that can be moved. Source: mm/compaction.c
// isolate_migratepages, isolate_migratepages_block, fast_find_migrateblock.

import Units

extension CompactControl {
  /// COMPACT_CLUSTER_MAX: pages that one list has, unless the pageblock is to be finished.
  public static let clusterMax = 32

  /// Isolates pages of the next pageblock that is worth it (`isolate_migratepages`). False when too many pages of the node are
  /// isolated already (ISOLATE_ABORT).
  public func isolateSources() -> Bool {
    let before = migratePFN
    var low = fastFindBlock()
    let isFastFind = low != before && fastSearchFailures == 0
    var isFirst = true
    var end = Memory.blockStart(low) + PFN(Page.perHuge)
    while end <= freePFN {
      let isStart = low & PFN(Page.perHuge - 1) == 0 || low == memory.zones[zone].start
      let isKnown = isFirst && isFastFind
      isFirst = false
      if isStart && !isKnown && !isSuitable(low) {
        // Nothing was to be had here the last time.
      } else if !isSource(low) {
        updateCachedMigrate(end)
      } else {
        return isolate(from: low, to: end)
      }
      low = end
      migratePFN = end
      end += PFN(Page.perHuge)
    }
    return true
  }

  /// `isolation_suitable`.
  func isSuitable(_ pfn: PFN) -> Bool { request.ignoresSkips || !memory.isSkipped(pfn) }

  /// Async direct compaction moves pages out of blocks of the type that it needs alone (`suitable_migration_source`).
  private func isSource(_ pfn: PFN) -> Bool {
    guard request.isAsync && request.isDirect else { return true }
    return memory.blockType(pfn) == request.type
  }

  /// `too_many_isolated`.
  private var tooManyIsolated: Bool {
    let node = memory.zones[zone].node
    var listed = 0
    for list in LRUList.allCases { listed += memory.lruPages(node: node, list) }
    return memory.nodes[node].isolated > listed / 2
  }

  /// The pages of one pageblock (`isolate_migratepages_block`).
  private func isolate(from start: PFN, to end: PFN) -> Bool {
    if request.isAsync && tooManyIsolated { return false }
    let givesUp = request.isDirect && request.isAsync
    let window = PFN(1) << PFN(request.order ?? 0)
    let isWholeBlock = start & PFN(Page.perHuge - 1) == 0 || start == memory.zones[zone].start
    var hasMarked = false
    var low = start
    var windowEnd = (start & ~(window - 1)) + window
    var isolated = 0
    while low < end {
      if givesUp && low >= windowEnd {
        if isolated > 0 { break }
        windowEnd = (low & ~(window - 1)) + window
      }
      let flags = memory.frames[Int(low)].flags
      let (isMovable, isFree, size) = look(flags)
      migrateScanned += size
      low += PFN(size)
      if isFree { continue }
      if isMovable {
        if isWholeBlock && !hasMarked {
          hasMarked = true
          mark(low - 1)
        }
        take(low - 1)
        isolated += 1
        if sources.count >= Self.clusterMax && !finishesBlock { break }
      } else if givesUp {
        // The block of the order cannot become free: what was isolated of it goes back.
        for pfn in sources { memory.putBack(pfn) }
        sources.removeAll(keepingCapacity: true)
        sourcesLeft = 0
        isolated = 0
        low = max(low, windowEnd)
        windowEnd = (low & ~(window - 1)) + window
      }
    }
    low = min(low, end)
    if low == end && (isolated == 0 || finishesBlock) {
      if isWholeBlock && !hasMarked { memory.setSkip(start, true) }
      updateCachedMigrate(end)
    }
    memory.vmstat[.compact_isolated] += isolated
    migratePFN = low
    return true
  }

  /// What the scanner makes of a page by its flags: base pages on an LRU list can be moved; huge pages stay, and so does what
  /// others hold.
  @inline(__always)
  private func look(_ flags: UInt32) -> (isMovable: Bool, isFree: Bool, size: Int) {
    let size = 1 << Int((flags & FrameFlags.orderMask) >> FrameFlags.orderShift)
    switch flags & FrameFlags.kindMask {
    case FrameFlags.kindBuddy: return (false, true, size)
    case FrameFlags.kindFolio: return (size == 1 && flags & FrameFlags.onLRU != 0, false, size)
    case FrameFlags.kindTarget: return (false, false, size)
    default: return (false, false, 1)
    }
  }

  private func take(_ pfn: PFN) {
    _ = memory.isolate(pfn)
    sources.append(pfn)
    sourcesLeft += 1
  }

  /// Sets the skip bit of the block that a page is taken from (`test_and_set_skip`); in 5.13 only if it is the block's first page.
  private func mark(_ pfn: PFN) {
    guard !request.ignoresSkips, !memory.rules.isTPP || pfn & PFN(Page.perHuge - 1) == 0 else { return }
    memory.setSkip(pfn, true)
  }

  /// Leaves the rest of the block of the order that the scanner is in: a page of it could not be moved.
  public func skipRestOfWindow() {
    let window = PFN(1) << PFN(request.order ?? 0)
    migratePFN = ((migratePFN - 1) & ~(window - 1)) + window
  }

  /// Later compactions begin behind `pfn` (`update_cached_migrate`).
  private func updateCachedMigrate(_ pfn: PFN) {
    let kept = memory.compaction[zone].migrate
    memory.compaction[zone].migrate.async = max(kept.async, pfn)
    if !request.isAsync { memory.compaction[zone].migrate.sync = max(kept.sync, pfn) }
  }

  /// Async compaction that found nothing to do leaves its position to the other modes as well.
  public func shareCachedMigrate() {
    memory.compaction[zone].migrate.sync = memory.compaction[zone].migrate.async
  }

  /// Whether both modes go on at the same place.
  public var hasSharedPosition: Bool {
    memory.compaction[zone].migrate.async == memory.compaction[zone].migrate.sync
  }

  /// A block low in the zone with free pages in it already, named by the free lists (`fast_find_migrateblock`); else where the
  /// scanner is.
  private func fastFindBlock() -> PFN {
    let zoneStart = memory.zones[zone].start
    guard !request.ignoresSkips, !finishesBlock, let order = request.order, order > Memory.costlyOrder,
      migratePFN == zoneStart || migratePFN & PFN(Page.perHuge - 1) == 0,
      !request.isDirect || request.type == .movable
    else { return migratePFN }
    var distance = (freePFN - min(migratePFN, freePFN)) >> 1
    if migratePFN != zoneStart { distance >>= 2 }
    let high = Memory.blockStart(migratePFN + distance)
    let limit = searchLimit
    var scanned = 0
    var current = order - 1
    while current >= Memory.costlyOrder && scanned < limit {
      let list = memory.zones[zone].freeLists + (current * 3 + MigrateType.movable.rawValue)
      var pfn = list.pointee.head
      while pfn != 0 {
        scanned += 1
        if scanned > limit {
          memory.rotate(list, head: pfn)
          break
        }
        if pfn < high && !memory.isSkipped(pfn) {
          memory.rotate(list, head: pfn)
          noteFastStart(pfn)
          fastSearchFailures = 0
          // Later kernels leave it to the scan of the block (6.3); in 5.13 that would leave many blocks to be found again and again.
          if memory.rules.isTPP { memory.setSkip(pfn, true) }
          migrateScanned += scanned
          return max(Memory.blockStart(pfn), zoneStart)
        }
        pfn = memory.frames[Int(pfn)].next
      }
      current -= 1
    }
    migrateScanned += scanned
    fastSearchFailures += 1
    if let start = fastStart, start != 0 {
      migratePFN = Memory.blockStart(start)
      fastStart = nil
    }
    return migratePFN
  }

  private func noteFastStart(_ pfn: PFN) {
    guard let start = fastStart else { return }
    fastStart = start == 0 ? pfn : min(start, pfn)
  }

  /// `freelist_scan_limit`.
  var searchLimit: Int { Self.clusterMax >> min(63, fastSearchFailures) + 1 }
}

extension Memory {
  /// Turns a list until `pfn`, which is on it, is its head (`move_freelist_tail`).
  func rotate(_ list: UnsafeMutablePointer<FrameList>, head pfn: PFN) {
    let (first, last) = (list.pointee.head, list.pointee.tail)
    guard first != pfn else { return }
    let before = frames[Int(pfn)].prev
    frames[Int(last)].next = first
    frames[Int(first)].prev = last
    frames[Int(before)].next = 0
    frames[Int(pfn)].prev = 0
    list.pointee.head = pfn
    list.pointee.tail = before
  }

  /// Turns a list until `pfn` is its tail (`move_freelist_head`).
  func rotate(_ list: UnsafeMutablePointer<FrameList>, tail pfn: PFN) {
    let next = frames[Int(pfn)].next
    if next != 0 { rotate(list, head: next) }
  }
}
