// Per-CPU free lists: pages on them are not in NR_FREE_PAGES, which is why kswapd overshoots and a fault finds room.
// Source: mm/page_alloc.c rmqueue_pcplist, nr_pcp_alloc, nr_pcp_free, nr_pcp_high, zone_batchsize, zone_highsize (6.12),
// and their fixed-size predecessors (5.13).

import Units

/// CONFIG_PCP_BATCH_SCALE_MAX.
private let batchScaleMax = 5

extension Memory {
  /// Sizes all per-CPU lists from the zone's size and low mark.
  func sizePerCPULists() {
    for index in 0..<zoneCount {
      let zone = zones + index
      let managed = zone.pointee.managed
      let local = nodes[zone.pointee.node].cpus.count
      let cpus = local == 0 ? cpuCount : local
      // zone_batchsize: about 0.1 % of the zone in 5.13, 0.025 % since 5.14, at most 256 KiB, as 2^n - 1.
      var batch = rules.perCPUListsTune ? min(managed >> 12, 64) : min(managed / 1024, 256) / 4
      batch = max(batch, 1)
      batch = (1 << (Int.bitWidth - 1 - (batch + batch / 2).leadingZeroBitCount)) - 1
      batch = max(batch, 1)
      func size(_ total: Int) -> Int { max(total / cpus, batch << 2) }
      for cpu in 0..<cpuCount {
        let lists = zone.pointee.perCPU + cpu
        lists.pointee.batch = batch
        if !rules.perCPUListsTune {
          lists.pointee.highMin = 6 * batch
          lists.pointee.highMax = 6 * batch
        } else if knobs.percpuHighFraction > 0 {
          lists.pointee.highMin = size(managed / knobs.percpuHighFraction)
          lists.pointee.highMax = lists.pointee.highMin
        } else {
          lists.pointee.highMin = size(zone.pointee.low)
          lists.pointee.highMax = size(managed / 8)
        }
        lists.pointee.high = lists.pointee.highMin
      }
    }
  }

  @inline(__always)
  private func list(_ lists: UnsafeMutablePointer<PerCPUPages>, _ type: MigrateType) -> UnsafeMutablePointer<FrameList>
  {
    UnsafeMutableRawPointer(lists).assumingMemoryBound(to: FrameList.self) + type.rawValue
  }

  /// One page from this CPU's list, refilled from the buddy lists when empty (`rmqueue_pcplist`).
  func takePerCPU(zone: Int, cpu: Int, type: MigrateType, noFragment: Bool, mayWake: Bool) -> PFN? {
    let lists = zones[zone].perCPU + cpu
    lists.pointee.freeCount >>= 1
    let list = list(lists, type)
    if list.pointee.head == 0 {
      var want = perCPURefill(lists, zone: zone)
      while want > 0 {
        guard
          let pfn = takeBlock(zone: zone, order: 0, type: type, noFragment: noFragment, mayWake: mayWake)
        else { break }
        frames[Int(pfn)].flags = FrameFlags.kindPerCPU | UInt32(zone) << FrameFlags.zoneShift
        append(pfn, to: list)
        lists.pointee.count += 1
        want -= 1
      }
      if list.pointee.head == 0 { return nil }
    }
    let pfn = list.pointee.head
    remove(pfn, from: list)
    lists.pointee.count -= 1
    frames[Int(pfn)].flags = UInt32(zone) << FrameFlags.zoneShift
    return pfn
  }

  /// Pages to fetch at once (`nr_pcp_alloc`).
  private func perCPURefill(_ lists: UnsafeMutablePointer<PerCPUPages>, zone: Int) -> Int {
    let base = lists.pointee.batch
    guard rules.perCPUListsTune else { return base }
    let (low, top) = (lists.pointee.highMin, lists.pointee.highMax)
    var high = min(max(lists.pointee.high, low), top)
    lists.pointee.high = high
    if high < base { return 1 }
    var batch = base << lists.pointee.allocFactor
    if low != top && !zones[zone].belowHigh {
      high = min(high + batch, top)
      lists.pointee.high = high
    }
    let most = max(high - lists.pointee.count - base, base)
    if batch <= most && lists.pointee.allocFactor < batchScaleMax { lists.pointee.allocFactor += 1 }
    batch = min(batch, most)
    return batch > 1 ? max(batch, 2) : batch
  }

  /// Frees one page to this CPU's list, and part of the list to the buddy lists when it is full
  /// (`free_unref_page_commit`).
  func freePerCPU(_ pfn: PFN, cpu: Int) {
    let zone = zoneIndex(of: pfn)
    let lists = zones[zone].perCPU + cpu
    let type = blockType(pfn)
    frames[Int(pfn)].flags = FrameFlags.kindPerCPU | UInt32(zone) << FrameFlags.zoneShift
    prepend(pfn, to: list(lists, type))
    lists.pointee.count += 1
    let batch = lists.pointee.batch
    guard rules.perCPUListsTune else {
      if lists.pointee.count >= lists.pointee.high { drainPerCPU(lists, count: batch, first: type) }
      return
    }
    lists.pointee.allocFactor >>= 1
    if lists.pointee.freeCount < batch << batchScaleMax { lists.pointee.freeCount += 1 }
    let high = perCPUHigh(lists, zone: zone)
    if lists.pointee.count >= high {
      // nr_pcp_free
      let count = high < batch ? 1 : min(max(lists.pointee.freeCount, batch), max(high - batch, batch))
      drainPerCPU(lists, count: count, first: type)
      if zones[zone].belowHigh && watermarkOK(zone: zone, order: 0, mark: zones[zone].mark(.high), highest: .movable) {
        zones[zone].belowHigh = false
      }
    }
  }

  /// The size at which the list is drained (`nr_pcp_high`).
  private func perCPUHigh(_ lists: UnsafeMutablePointer<PerCPUPages>, zone: Int) -> Int {
    let (low, top, batch) = (lists.pointee.highMin, lists.pointee.highMax, lists.pointee.batch)
    var high = min(max(lists.pointee.high, low), top)
    lists.pointee.high = high
    if high == 0 { return 0 }
    if zones[zone].reclaimActive {
      lists.pointee.high = max(high - max(lists.pointee.freeCount, batch), low)
      return min(batch << 2, lists.pointee.high)
    }
    if low == top { return high }
    if zones[zone].belowHigh {
      lists.pointee.high = max(high - max(lists.pointee.freeCount, batch), low)
      high = max(lists.pointee.count, low)
    } else if lists.pointee.count >= high {
      let need = lists.pointee.freeCount + batch
      if lists.pointee.high < need { lists.pointee.high = min(max(need, low), top) }
    }
    return high
  }

  /// Gives `count` pages back to the buddy lists, oldest first, `first` type's list before the others
  /// (`free_pcppages_bulk`).
  private func drainPerCPU(_ lists: UnsafeMutablePointer<PerCPUPages>, count: Int, first: MigrateType) {
    var left = min(count, lists.pointee.count)
    var type = first.rawValue
    while left > 0 {
      let list = list(lists, MigrateType(rawValue: type)!)
      while left > 0, list.pointee.tail != 0 {
        let pfn = list.pointee.tail
        remove(pfn, from: list)
        lists.pointee.count -= 1
        left -= 1
        frames[Int(pfn)].flags &= FrameFlags.zoneMask
        freeBlock(pfn, order: 0)
      }
      type = (type + 1) % 3
    }
  }

  /// Empties a CPU's lists of a zone (`drain_local_pages`).
  public func drainPerCPULists(zone: Int, cpu: Int) {
    let lists = zones[zone].perCPU + cpu
    drainPerCPU(lists, count: lists.pointee.count, first: .unmovable)
  }

  /// Empties the lists of all CPUs of a zone (`drain_all_pages` of a zone).
  public func drainPerCPULists(zone: Int) {
    for cpu in 0..<cpuCount { drainPerCPULists(zone: zone, cpu: cpu) }
  }

  /// Empties every per-CPU list of every zone (`drain_all_pages`).
  public func drainAllPerCPULists() {
    for zone in 0..<zoneCount { drainPerCPULists(zone: zone) }
  }
}
