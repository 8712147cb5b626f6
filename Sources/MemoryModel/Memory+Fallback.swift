// What the buddy allocator takes when the lists of the wanted migratetype are empty: pageblocks claimed from another type, or pages
// stolen from its blocks. Source: mm/page_alloc.c (__rmqueue_claim, __rmqueue_steal, try_to_claim_block since 6.15; __rmqueue_fallback,
// steal_suitable_fallback before).

import Units

extension Memory {
  /// A block of another type. `noFragment` leaves all but whole pageblocks alone; `mayWake` lets a claim raise the boost that wakes
  /// kswapd.
  func takeFallback(zone: Int, order: Int, type: MigrateType, noFragment: Bool, mayWake: Bool) -> PFN? {
    let least = noFragment && order < Page.hugeOrder ? Page.hugeOrder : order
    guard rules.claimsBeforeStealing else {
      return takeForeign(zone: zone, order: order, least: least, type: type, mayWake: mayWake)
    }
    if let pfn = claimLargest(zone: zone, order: order, least: least, type: type, mayWake: mayWake) { return pfn }
    return noFragment ? nil : stealSmallest(zone: zone, order: order, type: type)
  }

  /// `__rmqueue_claim`: the pageblock of the largest foreign block that can be had, down to blocks too small for the type to claim.
  private func claimLargest(zone: Int, order: Int, least: Int, type: MigrateType, mayWake: Bool) -> PFN? {
    var current = Memory.maxOrder
    while current >= least, Memory.mayClaim(order: current, type: type) {
      if let foreign = fallbackType(zone: zone, order: current, type: type),
        let pfn = claim(zone: zone, order: order, from: current, foreign: foreign, type: type, mayWake: mayWake)
      {
        return pfn
      }
      current -= 1
    }
    return nil
  }

  /// `__rmqueue_steal`: the smallest foreign block that will do; its pageblock keeps its type.
  private func stealSmallest(zone: Int, order: Int, type: MigrateType) -> PFN? {
    for current in order...Memory.maxOrder {
      if let foreign = fallbackType(zone: zone, order: current, type: type) {
        return takePart(zone: zone, order: order, from: current, foreign: foreign, type: type)
      }
    }
    return nil
  }

  /// `__rmqueue_fallback`: largest foreign block downwards; a movable request that may not claim takes the smallest.
  private func takeForeign(zone: Int, order: Int, least: Int, type: MigrateType, mayWake: Bool) -> PFN? {
    var current = Memory.maxOrder
    while current >= least {
      if let foreign = fallbackType(zone: zone, order: current, type: type) {
        let mayClaim = Memory.mayClaim(order: current, type: type)
        if !mayClaim && type == .movable && current > order {
          for small in order...Memory.maxOrder {
            if let smallType = fallbackType(zone: zone, order: small, type: type) {
              return steal(
                zone: zone, order: order, from: small, foreign: smallType, type: type,
                mayClaim: Memory.mayClaim(order: small, type: type), mayWake: mayWake)
            }
          }
        }
        return steal(
          zone: zone, order: order, from: current, foreign: foreign, type: type, mayClaim: mayClaim, mayWake: mayWake)
      }
      current -= 1
    }
    return nil
  }

  /// The first fallback type with a free block of exactly `order`.
  @inline(__always)
  private func fallbackType(zone: Int, order: Int, type: MigrateType) -> MigrateType? {
    let (first, second) = type.fallbacks
    if zones[zone].freeLists[order * 3 + first.rawValue].head != 0 { return first }
    if zones[zone].freeLists[order * 3 + second.rawValue].head != 0 { return second }
    return nil
  }

  /// `can_steal_fallback`, `should_try_claim_block`.
  static func mayClaim(order: Int, type: MigrateType) -> Bool {
    order >= Page.hugeOrder / 2 || type != .movable
  }

  /// `steal_suitable_fallback`: takes the block, and with it the whole pageblock when enough of that is usable.
  private func steal(
    zone: Int, order: Int, from current: Int, foreign: MigrateType, type: MigrateType, mayClaim: Bool, mayWake: Bool
  ) -> PFN {
    if current < Page.hugeOrder && !mayClaim {
      boost(zone, mayWake: mayWake)
    } else if let pfn = claim(
      zone: zone, order: order, from: current, foreign: foreign, type: type, mayWake: mayWake)
    {
      return pfn
    }
    return takePart(zone: zone, order: order, from: current, foreign: foreign, type: type)
  }

  /// `try_to_claim_block`: the pageblock becomes `type`'s if it is free as a whole, or if half of it is free or of that type already;
  /// the marks are boosted for one that is not whole. Nil, and nothing has changed but the boost. 5.13 takes the free blocks of a pageblock
  /// that it may not retype all the same.
  private func claim(
    zone: Int, order: Int, from current: Int, foreign: MigrateType, type: MigrateType, mayWake: Bool
  ) -> PFN? {
    let pfn = zones[zone].freeLists[current * 3 + foreign.rawValue].head
    if current >= Page.hugeOrder {
      _ = removeFree(zone: zone, pfn: pfn)
      for block in 0..<(1 << (current - Page.hugeOrder)) {
        setBlockType(pfn + PFN(block * Page.perHuge), type)
      }
      expand(zone: zone, pfn: pfn, from: current, to: order, type: type)
      return pfn
    }
    boost(zone, mayWake: mayWake)
    let start = Memory.blockStart(pfn)
    guard start >= zones[zone].start && start + PFN(Page.perHuge) <= zones[zone].end else { return nil }
    let (free, movable) = survey(block: start)
    let alike = type == .movable ? movable : foreign == .movable ? Page.perHuge - (free + movable) : 0
    let isUsable = free + alike >= Page.perHuge / 2
    guard isUsable || !rules.stolenRestStays else { return nil }
    moveFreeBlocks(zone: zone, block: start, to: type)
    if isUsable { setBlockType(start, type) }
    return takeSmallest(zone: zone, order: order, type: type)
  }

  /// Part of a block, the rest of which stays with its type, or before 6.10 goes to the lists of who asked.
  private func takePart(zone: Int, order: Int, from current: Int, foreign: MigrateType, type: MigrateType) -> PFN {
    let pfn = zones[zone].freeLists[current * 3 + foreign.rawValue].head
    _ = removeFree(zone: zone, pfn: pfn)
    expand(zone: zone, pfn: pfn, from: current, to: order, type: rules.stolenRestStays ? foreign : type)
    return pfn
  }

  /// Free and movable pages of a pageblock (`prep_move_freepages_block`).
  private func survey(block start: PFN) -> (free: Int, movable: Int) {
    var free = 0
    var movable = 0
    var pfn = start
    let end = start + PFN(Page.perHuge)
    while pfn < end {
      let flags = frames[Int(pfn)].flags
      switch flags & FrameFlags.kindMask {
      case FrameFlags.kindBuddy:
        let pages = 1 << Int((flags & FrameFlags.orderMask) >> FrameFlags.orderShift)
        free += pages
        pfn += PFN(pages)
      case FrameFlags.kindFolio:
        if flags & FrameFlags.onLRU != 0 { movable += 1 }
        pfn += 1
      default:
        pfn += 1
      }
    }
    return (free, movable)
  }

  /// Moves the free blocks of a pageblock to another type's lists (`__move_freepages_block`).
  private func moveFreeBlocks(zone: Int, block start: PFN, to type: MigrateType) {
    var pfn = start
    let end = start + PFN(Page.perHuge)
    while pfn < end {
      let flags = frames[Int(pfn)].flags
      guard flags & FrameFlags.kindMask == FrameFlags.kindBuddy else {
        pfn += 1
        continue
      }
      let (order, _) = removeFree(zone: zone, pfn: pfn)
      insertFree(zone: zone, pfn: pfn, order: order, type: type)
      pfn += PFN(1) << order
    }
  }

  /// Raises the marks, and has the next allocation wake kswapd (ZONE_BOOSTED_WATERMARK).
  private func boost(_ zone: Int, mayWake: Bool) {
    if boostWatermark(zone) && mayWake { zones[zone].wakeForBoost = true }
  }

  /// `boost_watermark`: raises the zone's marks by a pageblock, up to `vm.watermark_boost_factor` of the high mark.
  private func boostWatermark(_ zone: Int) -> Bool {
    guard knobs.watermarkBoostFactor > 0, Page.perHuge * 4 <= zones[zone].managed else { return false }
    let limit = zones[zone].high * knobs.watermarkBoostFactor / 10000
    guard limit > 0 else { return false }
    zones[zone].boost = min(zones[zone].boost + Page.perHuge, max(Page.perHuge, limit))
    return true
  }
}
