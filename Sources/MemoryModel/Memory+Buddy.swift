// The buddy allocator: free lists by order and migratetype, splitting and merging. What an allocation takes when its own lists are
// empty is in Memory+Fallback.swift. Source: mm/page_alloc.c (__rmqueue, expand, __free_one_page).

import Units

extension Memory {
  /// Links a free block into its list.
  @inline(__always)
  func insertFree(zone: Int, pfn: PFN, order: Int, type: MigrateType, atTail: Bool = false) {
    let list = zones[zone].freeLists + (order * 3 + type.rawValue)
    let frame = frames + Int(pfn)
    frame.pointee.flags =
      FrameFlags.kindBuddy | UInt32(order) << FrameFlags.orderShift | UInt32(type.rawValue) << FrameFlags.typeShift
      | UInt32(zone) << FrameFlags.zoneShift
    if atTail { append(pfn, to: list) } else { prepend(pfn, to: list) }
    zones[zone].free += 1 << order
  }

  /// Unlinks a free block from its list.
  @inline(__always)
  func removeFree(zone: Int, pfn: PFN) -> (order: Int, type: MigrateType) {
    let flags = frames[Int(pfn)].flags
    let order = Int((flags & FrameFlags.orderMask) >> FrameFlags.orderShift)
    let type = MigrateType(rawValue: Int((flags & FrameFlags.typeMask) >> FrameFlags.typeShift))!
    remove(pfn, from: zones[zone].freeLists + (order * 3 + type.rawValue))
    zones[zone].free -= 1 << order
    return (order, type)
  }

  /// Puts `pfn` at the head of `list`.
  @inline(__always)
  func prepend(_ pfn: PFN, to list: UnsafeMutablePointer<FrameList>) {
    let frame = frames + Int(pfn)
    let old = list.pointee.head
    frame.pointee.next = old
    frame.pointee.prev = 0
    if old == 0 { list.pointee.tail = pfn } else { frames[Int(old)].prev = pfn }
    list.pointee.head = pfn
    list.pointee.count += 1
  }

  /// Puts `pfn` at the tail of `list`.
  @inline(__always)
  func append(_ pfn: PFN, to list: UnsafeMutablePointer<FrameList>) {
    let frame = frames + Int(pfn)
    let old = list.pointee.tail
    frame.pointee.prev = old
    frame.pointee.next = 0
    if old == 0 { list.pointee.head = pfn } else { frames[Int(old)].next = pfn }
    list.pointee.tail = pfn
    list.pointee.count += 1
  }

  /// Puts `pfn` into `list` on the head's side of `place`.
  func insert(_ pfn: PFN, before place: PFN, in list: UnsafeMutablePointer<FrameList>) {
    let before = frames[Int(place)].prev
    frames[Int(pfn)].prev = before
    frames[Int(pfn)].next = place
    frames[Int(place)].prev = pfn
    if before == 0 { list.pointee.head = pfn } else { frames[Int(before)].next = pfn }
    list.pointee.count += 1
  }

  /// Takes `pfn` out of `list`.
  @inline(__always)
  func remove(_ pfn: PFN, from list: UnsafeMutablePointer<FrameList>) {
    let frame = frames[Int(pfn)]
    if frame.prev == 0 { list.pointee.head = frame.next } else { frames[Int(frame.prev)].next = frame.next }
    if frame.next == 0 { list.pointee.tail = frame.prev } else { frames[Int(frame.next)].prev = frame.prev }
    list.pointee.count -= 1
  }

  /// The migratetype of the pageblock of `pfn`.
  @inline(__always)
  func blockType(_ pfn: PFN) -> MigrateType { MigrateType(rawValue: Int(blockTypes[Int(pfn) >> Page.hugeOrder]))! }

  func setBlockType(_ pfn: PFN, _ type: MigrateType) {
    blockTypes[Int(pfn) >> Page.hugeOrder] = UInt8(type.rawValue)
  }

  /// Frees a block of `order`, merging it with its free buddies (`__free_one_page`).
  func freeBlock(_ pfn: PFN, order: Int) {
    let zone = zoneIndex(of: pfn)
    var head = pfn
    var order = order
    while order < Memory.maxOrder {
      let buddy = head ^ (PFN(1) << order)
      guard buddy >= zones[zone].start, buddy + (PFN(1) << order) <= zones[zone].end else { break }
      let flags = frames[Int(buddy)].flags
      guard flags & FrameFlags.kindMask == FrameFlags.kindBuddy,
        Int((flags & FrameFlags.orderMask) >> FrameFlags.orderShift) == order
      else { break }
      // Blocks of different types merge only above pageblock order, as in the kernel (no isolated or CMA blocks here).
      _ = removeFree(zone: zone, pfn: buddy)
      frames[Int(buddy)].flags = UInt32(zone) << FrameFlags.zoneShift
      frames[Int(head)].flags = UInt32(zone) << FrameFlags.zoneShift
      head &= ~(PFN(1) << order)
      order += 1
    }
    insertFree(
      zone: zone, pfn: head, order: order, type: blockType(head),
      atTail: isMergeLikely(head, order: order, zone: zone))
  }

  /// Whether the block and its buddy would merge once more: such a block goes to the end of its list, to be left alone
  /// (`buddy_merge_likely`).
  @inline(__always)
  private func isMergeLikely(_ pfn: PFN, order: Int, zone: Int) -> Bool {
    guard order < Memory.maxOrder - 1 else { return false }
    let pair = pfn & ~(PFN(1) << PFN(order))
    let other = pair ^ (PFN(1) << PFN(order + 1))
    guard other >= zones[zone].start, other + (PFN(1) << PFN(order + 1)) <= zones[zone].end else { return false }
    let flags = frames[Int(other)].flags
    return flags & FrameFlags.kindMask == FrameFlags.kindBuddy
      && Int((flags & FrameFlags.orderMask) >> FrameFlags.orderShift) == order + 1
  }

  /// Takes a block of `order` from the buddy lists, or nil (`__rmqueue`). `noFragment` refuses to break another type's
  /// pageblock (ALLOC_NOFRAGMENT); `mayWake` lets a claim raise the boost that wakes kswapd (ALLOC_KSWAPD).
  func takeBlock(zone: Int, order: Int, type: MigrateType, noFragment: Bool, mayWake: Bool) -> PFN? {
    if let pfn = takeSmallest(zone: zone, order: order, type: type) { return pfn }
    return takeFallback(zone: zone, order: order, type: type, noFragment: noFragment, mayWake: mayWake)
  }

  /// Smallest sufficient block of the own type (`__rmqueue_smallest`).
  @inline(__always)
  func takeSmallest(zone: Int, order: Int, type: MigrateType) -> PFN? {
    var current = order
    while current <= Memory.maxOrder {
      let head = zones[zone].freeLists[current * 3 + type.rawValue].head
      if head != 0 {
        _ = removeFree(zone: zone, pfn: head)
        expand(zone: zone, pfn: head, from: current, to: order, type: type)
        return head
      }
      current += 1
    }
    return nil
  }

  /// Gives the upper halves of a block that is larger than wanted back to the lists (`expand`).
  @inline(__always)
  func expand(zone: Int, pfn: PFN, from: Int, to: Int, type: MigrateType) {
    var order = from
    while order > to {
      order -= 1
      insertFree(zone: zone, pfn: pfn + (PFN(1) << order), order: order, type: type)
    }
    frames[Int(pfn)].flags = UInt32(zone) << FrameFlags.zoneShift
  }
}
