// How fragmented a zone is, and whether compaction can help. Source: mm/vmstat.c (fragmentation_index, extfrag_for_order),
// mm/compaction.c (compaction_suitable, fragmentation_score_node).

import Units

/// Free memory of a zone as an allocation of one order sees it (struct contig_page_info, mm/vmstat.c).
public struct FreeBlocks: Equatable, Sendable {
  /// Free base pages.
  public var pages: Int
  /// Free blocks of any order.
  public var blocks: Int
  /// Blocks of the order, or what larger ones would give.
  public var suitable: Int

  public init(pages: Int, blocks: Int, suitable: Int) {
    self.pages = pages
    self.blocks = blocks
    self.suitable = suitable
  }

  /// Why an allocation of `order` would fail, in thousandths: towards 0 for lack of memory, towards 1000 because memory is
  /// fragmented; -1000 when it would not fail, 0 when nothing is free (`__fragmentation_index`).
  public func fragmentationIndex(order: Int) -> Int {
    guard order <= Memory.maxOrder, blocks > 0 else { return 0 }
    if suitable > 0 { return -1000 }
    return 1000 - (1000 + pages * 1000 / (1 << order)) / blocks
  }

  /// Percentage of free memory that is in blocks too small for `order` (`extfrag_for_order`); 0 when nothing is free.
  public func externalFragmentation(order: Int) -> Int {
    guard pages > 0 else { return 0 }
    return (pages - suitable << order) * 100 / pages
  }
}

/// What compaction of a zone would come to before it begins (the first part of enum compact_result).
public enum CompactionSuitability: Sendable { case notNeeded, unsuitable, suitable }

extension Memory {
  /// The free blocks of a zone for an allocation of `order` (`fill_contig_page_info`).
  public func freeBlocks(zone: Int, order: Int) -> FreeBlocks {
    var found = FreeBlocks(pages: 0, blocks: 0, suitable: 0)
    for o in 0...Memory.maxOrder {
      let count = zones[zone].freeBlocks(order: o)
      found.pages += count << o
      found.blocks += count
      if o >= order { found.suitable += count << (o - order) }
    }
    return found
  }

  /// compact_gap: room for what is being moved and where it goes, in base pages (include/linux/compaction.h).
  public static func compactGap(order: Int) -> Int { 2 << order }

  /// Whether a zone needs compaction for `order`, and has the free pages for it (`compaction_suit_allocation_order`).
  ///
  /// - Parameters:
  ///   - isKcompactd: whether kcompactd asks: under vm.defrag_mode it wants the high mark met in whole pageblocks. All else goes by
  ///     the min mark.
  ///   - threshold: vm.extfrag_threshold.
  public func compactionSuitability(
    zone: Int, order: Int, highest: ZoneKind, isKcompactd: Bool = false, threshold: Int
  ) -> CompactionSuitability {
    let wantsBlocks = isKcompactd && knobs.isDefragMode
    let mark: Watermark = wantsBlocks ? .high : .min
    let free = wantsBlocks ? zones[zone].freeInBlocks : zones[zone].free
    if watermarkOK(zone: zone, order: order, mark: zones[zone].mark(mark), highest: highest, free: free) {
      return .notNeeded
    }
    return hasRoomToCompact(zone: zone, order: order, highest: highest, mark: mark, threshold: threshold)
      ? .suitable : .unsuitable
  }

  /// `compaction_suitable`: free pages beyond a mark and the gap, and for costly orders not plainly a lack of memory.
  private func hasRoomToCompact(zone: Int, order: Int, highest: ZoneKind, mark: Watermark, threshold: Int) -> Bool {
    let isCostly = order > Memory.costlyOrder
    let more = isCostly ? zones[zone].low - zones[zone].min : 0
    let mark = zones[zone].mark(mark) + Memory.compactGap(order: order) + more
    guard watermarkOK(zone: zone, order: 0, mark: mark, highest: highest) else { return false }
    guard isCostly else { return true }
    let index = freeBlocks(zone: zone, order: order).fragmentationIndex(order: order)
    return index < 0 || index > threshold
  }

  /// Whether compaction can have a free block of `order` without any reclaim (`compaction_ready`, mm/vmscan.c): direct reclaim
  /// passes such a zone by.
  public func isReadyToCompact(zone: Int, order: Int, highest: ZoneKind, threshold: Int) -> Bool {
    if watermarkOK(zone: zone, order: order, mark: zones[zone].mark(.min), highest: highest) { return true }
    if rules.compactsAboveHighMark {
      return hasRoomToCompact(zone: zone, order: order, highest: highest, mark: .high, threshold: threshold)
    }
    guard hasRoomToCompact(zone: zone, order: order, highest: highest, mark: .min, threshold: threshold) else {
      return false
    }
    return watermarkOK(
      zone: zone, order: 0, mark: zones[zone].mark(.high) + Memory.compactGap(order: order), highest: highest)
  }

  /// PAGE_ALLOC_COSTLY_ORDER.
  public static let costlyOrder = 3

  /// The node's fragmentation for huge pages, 0 to 100: its zones' percentages by their sizes (`fragmentation_score_node`).
  public func fragmentationScore(node: Int) -> Int {
    var sum = 0
    var present = 0
    for zone in nodes[node].zones {
      present += zones[zone].managed
      sum += zones[zone].managed * fragmentationScore(zone: zone)
    }
    return sum / (present + 1)
  }

  /// The zone's fragmentation for huge pages in percent (`fragmentation_score_zone`).
  public func fragmentationScore(zone: Int) -> Int {
    freeBlocks(zone: zone, order: Page.hugeOrder).externalFragmentation(order: Page.hugeOrder)
  }

  /// The score at which proactive compaction of a node begins, and that down to which it compacts a zone
  /// (`fragmentation_score_wmark`).
  public static func scoreMarks(proactiveness: Int, rules: KernelRules) -> (low: Int, high: Int) {
    guard rules.proactiveMarksReachZero else {
      let low = max(100 - proactiveness, 5)
      return (low, min(low + 10, 100))
    }
    let low = 100 - proactiveness
    return (low, min(low + min(10, low / 2), 100))
  }

  /// Whether `vm.compaction_proactiveness` wants the node compacted now (`should_proactive_compact_node`).
  public func wantsProactiveCompaction(node: Int, proactiveness: Int) -> Bool {
    guard proactiveness > 0, nodes[node].kswapdWaiting else { return false }
    return fragmentationScore(node: node) > Memory.scoreMarks(proactiveness: proactiveness, rules: rules).high
  }
}
