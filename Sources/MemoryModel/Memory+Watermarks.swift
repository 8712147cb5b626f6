// Watermarks: how they are computed, and the checks against them. Source: mm/page_alloc.c
// (calculate_min_free_kbytes, __setup_per_zone_wmarks, __zone_watermark_ok) and, for the demotion mark, patch 1 of TPP.

import Units

/// The marks of one zone, as a pure function of its size and the knobs, so that the reference's vectors can test it.
public struct ZoneMarks: Equatable, Sendable {
  public var min: Int
  public var low: Int
  public var high: Int
  public var promo: Int

  /// Computes the marks (`__setup_per_zone_wmarks`).
  ///
  /// - Parameters:
  ///   - managed: the zone's pages.
  ///   - movable: whether it is ZONE_MOVABLE.
  ///   - lowmem: managed pages of all zones up to ZONE_NORMAL.
  ///   - minFreeKbytes: vm.min_free_kbytes.
  ///   - scaleFactor: vm.watermark_scale_factor, 1/10000.
  public init(managed: Int, movable: Bool, lowmem: Int, minFreeKbytes: Int, scaleFactor: Int) {
    let pagesMin = minFreeKbytes / 4
    let share = lowmem > 0 ? pagesMin * managed / lowmem : 0
    min = movable ? Swift.min(Swift.max(managed / 1024, 32), 128) : share
    let gap = Swift.max(share / 4, managed * scaleFactor / 10000)
    low = min + gap
    high = min + 2 * gap
    promo = min + 3 * gap
  }

  /// TPP's demotion mark: `clamp(managed * factor / 10000, 2 * high, managed)`.
  public func demote(managed: Int, factor: Int) -> Int {
    Swift.min(Swift.max(managed * factor / 10000, 2 * high), managed)
  }
}

extension Memory {
  /// floor(sqrt(x)) (lib/math/int_sqrt.c).
  static func integerSquareRoot(_ x: Int) -> Int {
    guard x > 1 else { return max(x, 0) }
    var low = 1
    var high = min(x, 3_037_000_499)
    while low < high {
      let middle = (low + high + 1) / 2
      if middle <= x / middle { low = middle } else { high = middle - 1 }
    }
    return low
  }

  /// vm.min_free_kbytes as the kernel computes it for this much low memory, in kB (`calculate_min_free_kbytes`).
  public static func minFreeKbytes(lowmemPages: Int) -> Int {
    min(max(integerSquareRoot(lowmemPages * 4 * 16), 128), 262144)
  }

  /// The value of vm.min_free_kbytes in force, in kB: the computed or the written one, raised by khugepaged
  /// (`set_recommended_min_free_kbytes`) when huge pages are on.
  public var minFreeKbytesInForce: Int {
    let base = knobs.minFreeKbytes ?? Memory.minFreeKbytes(lowmemPages: lowmemPages)
    guard hugePagesOn else { return base }
    let lowZones = (0..<zoneCount).filter { zones[$0].kind != .movable }.count
    return max(base, Memory.recommendedMinFreeKbytes(zones: lowZones, lowmemPages: lowmemPages))
  }

  /// khugepaged's recommendation in kB for this many populated zones up to ZONE_NORMAL: two pageblocks and nine for the
  /// fallbacks of three migratetypes a zone, at most 5 % of low memory.
  public static func recommendedMinFreeKbytes(zones: Int, lowmemPages: Int) -> Int {
    min(Page.perHuge * zones * 2 + Page.perHuge * zones * 3 * 3, lowmemPages / 20) * 4
  }

  /// Managed pages of all zones up to ZONE_NORMAL.
  private var lowmemPages: Int {
    (0..<zoneCount).reduce(0) { $0 + (zones[$1].kind == .movable ? 0 : zones[$1].managed) }
  }

  /// Recomputes every mark, drops any boost, and sizes the per-CPU lists (`setup_per_zone_wmarks`).
  ///
  /// TPP's demotion mark stays 0 until `demotionMarkFactor` says that the original would have computed it.
  public func recomputeWatermarks() {
    let lowmem = lowmemPages
    let kbytes = minFreeKbytesInForce
    for index in 0..<zoneCount {
      let zone = zones + index
      let marks = ZoneMarks(
        managed: zone.pointee.managed, movable: zone.pointee.kind == .movable, lowmem: lowmem, minFreeKbytes: kbytes,
        scaleFactor: knobs.watermarkScaleFactor)
      zone.pointee.min = marks.min
      zone.pointee.low = marks.low
      zone.pointee.high = marks.high
      zone.pointee.promo = marks.promo
      zone.pointee.boost = 0
      zone.pointee.wakeForBoost = false
      if let factor = demotionMarkFactor, rules.isTPP {
        zone.pointee.demote = marks.demote(managed: zone.pointee.managed, factor: factor)
      }
    }
    setupLowmemReserve()
    sizePerCPULists()
  }

  /// `setup_per_zone_lowmem_reserve`: a zone keeps the managed pages of the higher zones of its node, divided by its
  /// ratio, from allocations that could use those.
  private func setupLowmemReserve() {
    for index in 0..<zoneCount {
      let zone = zones[index]
      let ratio = zone.kind.rawValue < knobs.lowmemReserveRatio.count ? knobs.lowmemReserveRatio[zone.kind.rawValue] : 0
      func reserve(_ highest: ZoneKind) -> Int {
        guard ratio > 0, highest.rawValue > zone.kind.rawValue else { return 0 }
        var above = 0
        for other in nodes[zone.node].zones
        where zones[other].kind.rawValue > zone.kind.rawValue && zones[other].kind.rawValue <= highest.rawValue {
          above += zones[other].managed
        }
        return above / ratio
      }
      zones[index].reserve = (reserve(.dma), reserve(.dma32), reserve(.normal), reserve(.movable))
    }
  }

  /// `__zone_watermark_ok` for an allocation without access to reserves: free pages beyond the mark and the lowmem
  /// reserve, and for higher orders one suitable block.
  @inline(__always)
  func watermarkOK(zone index: Int, order: Int, mark: Int, highest: ZoneKind) -> Bool {
    watermarkOK(zone: index, order: order, mark: mark, highest: highest, free: zones[index].free)
  }

  /// The same for a count of free pages that is not NR_FREE_PAGES.
  func watermarkOK(zone index: Int, order: Int, mark: Int, highest: ZoneKind, free pages: Int) -> Bool {
    let zone = zones + index
    let free = pages - ((1 << order) - 1)
    if free <= mark + zone.pointee.reserve(for: highest) { return false }
    if order == 0 { return true }
    var o = order
    while o <= Memory.maxOrder {
      if zone.pointee.freeBlocks(order: o) > 0 { return true }
      o += 1
    }
    return false
  }

  /// Whether a node needs no reclaim (`pgdat_balanced`; for a top-tier node under TPP, its ZONE_NORMAL against the
  /// demotion mark). With vm.defrag_mode the mark is to be met in whole pageblocks, until kswapd has given the order up.
  public func isBalanced(node: Int, order: Int, highest: ZoneKind) -> Bool {
    if rules.isTPP && tieringMode && isTopTier(node) {
      return !isBelowDemotionMark(node)
    }
    let which: Watermark = tieringMode && !rules.isTPP ? .promo : .high
    let inBlocks = knobs.isDefragMode && order > 0
    var managed = false
    for index in nodes[node].zones where zones[index].kind.rawValue <= highest.rawValue {
      managed = true
      let free = inBlocks ? zones[index].freeInBlocks : zones[index].free
      if watermarkOK(zone: index, order: order, mark: zones[index].mark(which), highest: highest, free: free) {
        return true
      }
    }
    // A node without a managed zone is balanced by definition.
    return !managed
  }

  /// Whether TPP holds a top-tier node unbalanced: free pages of its ZONE_NORMAL below the demotion mark. A node without
  /// that zone never is. Source: pgdat_toptier_balanced of the TPP patches, and the booted kernel.
  public func isBelowDemotionMark(_ node: Int) -> Bool {
    for index in nodes[node].zones where zones[index].kind == .normal {
      return zones[index].free < min(zones[index].demote, zones[index].managed)
    }
    return false
  }

  /// Whether a zone up to `highest` has its marks boosted (`pgdat_watermark_boosted`).
  public func isBoosted(node: Int, highest: ZoneKind) -> Bool {
    for index in nodes[node].zones where zones[index].kind.rawValue <= highest.rawValue && zones[index].boost > 0 {
      return true
    }
    return false
  }

  /// Whether `pages` can be promoted to the node (`migrate_balanced_pgdat`): some zone stays above its high mark.
  public func hasRoomForPromotion(node: Int, pages: Int) -> Bool {
    for index in nodes[node].zones
    where watermarkOK(zone: index, order: 0, mark: zones[index].mark(.high) + pages, highest: .movable) {
      return true
    }
    return false
  }

  /// Whether the node has so much free memory that promotion needs neither threshold nor rate limit
  /// (`pgdat_free_space_enough`): beyond the promo mark, 1 GiB or a sixteenth of the node.
  public func hasAmpleRoom(node: Int) -> Bool {
    var present = 0
    for index in nodes[node].zones { present += zones[index].managed }
    let enough = max((1 << 30) >> Page.shift, present >> 4)
    for index in nodes[node].zones
    where watermarkOK(zone: index, order: 0, mark: zones[index].mark(.promo) + enough, highest: .movable) {
      return true
    }
    return false
  }

  /// Asks for kswapd of the node of `zone` (`wakeup_kswapd`): the wake is left pending for the scheduler, unless kswapd
  /// runs already, the node is hopeless, or there is nothing to do.
  ///
  /// - Parameter mayReclaim: whether who asks can reclaim and compact; if it cannot, kcompactd is woken where fragmentation alone is
  ///   the problem.
  public func wakeKswapd(zone: Int, order: Int, highest: ZoneKind, mayReclaim: Bool = true) {
    let node = nodes + zones[zone].node
    if let now = node.pointee.kswapdHighest {
      if now.rawValue < highest.rawValue { node.pointee.kswapdHighest = highest }
    } else {
      node.pointee.kswapdHighest = highest
    }
    node.pointee.kswapdOrder = max(node.pointee.kswapdOrder, order)
    guard node.pointee.kswapdWaiting else { return }
    if node.pointee.kswapdFailures >= 16
      || (isBalanced(node: node.pointee.id, order: order, highest: highest)
        && !isBoosted(node: node.pointee.id, highest: highest))
    {
      if !mayReclaim { wakeKcompactd(node: node.pointee.id, order: order, highest: highest) }
      return
    }
    node.pointee.kswapdWakePending = true
    anyWakePending = true
  }

  /// Wakes kswapd of a node through its highest zone, for somebody who does not reclaim (`migrate_misplaced_folio_prepare`).
  public func wakeKswapd(node: Int, order: Int) {
    guard let zone = nodes[node].zones.last else { return }
    wakeKswapd(zone: zone, order: order, highest: .movable, mayReclaim: false)
  }
}
