// What must hold of memory at any moment between two steps: every frame in one place, lists and counters as a full walk
// finds them, every mapped page with its own content.

import Units

extension Memory {
  /// Everything that does not hold, in words; empty when the books agree. Walks all of memory.
  public func findFaults() -> [String] {
    var faults: [String] = []
    func fault(_ text: String) { if faults.count < 20 { faults.append(text) } }
    checkZones(fault)
    checkLists(fault)
    checkMappings(fault)
    checkHuge(fault)
    return faults
  }

  private func checkZones(_ fault: (String) -> Void) {
    var isolated = [Int](repeating: 0, count: nodeCount)
    for index in 0..<zoneCount {
      let zone = zones[index]
      var free = 0
      for order in 0...Memory.maxOrder {
        for type in 0..<3 {
          let list = zone.freeLists[order * 3 + type]
          var count = 0
          var pfn = list.head
          var previous: PFN = 0
          while pfn != 0, count <= list.count {
            let flags = frames[Int(pfn)].flags
            if flags & FrameFlags.kindMask != FrameFlags.kindBuddy {
              fault("pfn \(pfn) on a free list is no free block")
            }
            if frames[Int(pfn)].prev != previous { fault("pfn \(pfn): broken free list link") }
            count += 1
            previous = pfn
            pfn = frames[Int(pfn)].next
          }
          if count != list.count {
            fault("zone \(index) order \(order) type \(type): \(count) blocks, counted \(list.count)")
          }
          free += count << order
        }
      }
      if free != zone.free { fault("zone \(index): \(free) pages on free lists, nr_free_pages \(zone.free)") }
      if free > zone.managed { fault("zone \(index): more free than managed") }
      checkFrames(of: zone, isolated: &isolated[zone.node], fault)
    }
    for node in 0..<nodeCount where isolated[node] != nodes[node].isolated {
      fault("node \(node): \(isolated[node]) pages are isolated, counted \(nodes[node].isolated)")
    }
  }

  /// Walks a zone's frames block by block: free, per-CPU, kernel, folio, each exactly once.
  private func checkFrames(of zone: Zone, isolated: inout Int, _ fault: (String) -> Void) {
    var pfn = zone.start
    var counted = (free: 0, perCPU: 0)
    while pfn < zone.end {
      let flags = frames[Int(pfn)].flags
      var size: PFN = 1
      switch flags & FrameFlags.kindMask {
      case FrameFlags.kindBuddy:
        size = 1 << PFN(order(of: pfn))
        counted.free += Int(size)
      case FrameFlags.kindPerCPU: counted.perCPU += 1
      case FrameFlags.kindKernel: break
      case FrameFlags.kindTarget: size = 1 << PFN(order(of: pfn))
      case FrameFlags.kindFolio:
        size = 1 << PFN(order(of: pfn))
        if flags & (FrameFlags.onLRU | FrameFlags.inBatch) == 0 { isolated += Int(size) }
        if flags & FrameFlags.orphaned != 0 { break }
        if flags & FrameFlags.pageMapped != 0 { break }
        let slot = Int(frames[Int(pfn)].owner)
        if slot >= table.pages || table.frame[slot] != pfn { fault("folio \(pfn): its slot \(slot) does not map it") }
      default:
        fault("pfn \(pfn) of zone \(zone.index) is in no place (flags \(String(flags, radix: 16)))")
      }
      pfn += size
    }
    var perCPU = 0
    for cpu in 0..<cpuCount { perCPU += zone.perCPU[cpu].count }
    if perCPU != counted.perCPU {
      fault("zone \(zone.index): \(counted.perCPU) frames on per-CPU lists, counted \(perCPU)")
    }
    if counted.free != zone.free {
      fault("zone \(zone.index): \(counted.free) free frames, nr_free_pages \(zone.free)")
    }
  }

  private func checkLists(_ fault: (String) -> Void) {
    for node in 0..<nodeCount {
      for list in LRUList.allCases {
        var pages = 0
        var count = 0
        var pfn = nodes[node].lru[list.rawValue].head
        while pfn != 0, count <= nodes[node].lru[list.rawValue].count {
          let flags = frames[Int(pfn)].flags
          if flags & FrameFlags.onLRU == 0 { fault("pfn \(pfn) is on a list without PG_lru") }
          if lruList(of: flags) != list || self.node(of: pfn) != node { fault("pfn \(pfn) is on the wrong list") }
          pages += self.pages(of: pfn)
          count += 1
          pfn = frames[Int(pfn)].next
        }
        if pages != nodes[node].lruPages[list.rawValue] {
          fault("node \(node) \(list): \(pages) pages on the list, counted \(nodes[node].lruPages[list.rawValue])")
        }
        var byZone = 0
        for zone in nodes[node].zones { byZone += zones[zone].lruPages[list.rawValue] }
        if byZone != pages { fault("node \(node) \(list): zones count \(byZone), the list has \(pages)") }
      }
      if nodes[node].isolated < 0 { fault("node \(node): isolated \(nodes[node].isolated)") }
    }
  }

  private func checkMappings(_ fault: (String) -> Void) {
    var slot = 0
    while slot < table.pages {
      let block = slot >> Page.hugeOrder
      let pmd = table.pmd[block]
      if pmd != 0, pmd != PTE.collapsing {
        check(slot: slot, entry: pmd, order: Page.hugeOrder, fault)
        slot += Page.perHuge
        continue
      }
      if table.tablePage[block] == 0 {
        slot += Page.perHuge
        continue
      }
      for _ in 0..<Page.perHuge {
        if table.hot[slot] != 0 { check(slot: slot, entry: table.hot[slot], order: 0, fault) }
        slot += 1
      }
    }
  }

  private func check(slot: Int, entry: UInt8, order: Int, _ fault: (String) -> Void) {
    let pfn = table.frame[slot]
    let folio = order == 0 ? head(of: pfn) : pfn
    let flags = frames[Int(folio)].flags
    let isPart = order == 0 && flags & FrameFlags.pageMapped != 0
    guard pfn != 0, flags & FrameFlags.kindMask == FrameFlags.kindFolio,
      self.order(of: folio) == (isPart ? Page.hugeOrder : order), isPart || flags & FrameFlags.pageMapped == 0
    else {
      fault("slot \(slot) maps pfn \(pfn), which is no folio of order \(order)")
      return
    }
    if frames[Int(folio)].owner != UInt32(slot - Int(pfn - folio)) {
      fault("slot \(slot) maps pfn \(pfn), owned by \(frames[Int(folio)].owner)")
    }
    if entry & PTE.present != 0 && Int(entry & PTE.nodeMask) != node(of: folio) {
      fault("slot \(slot): its entry names node \(entry & PTE.nodeMask), its frame is on \(node(of: folio))")
    }
    for i in 0..<(1 << order)
    where cold[Int(pfn) + i].tag != Memory.tag(slot: slot + i, generation: table.generation[slot + i]) {
      fault("slot \(slot + i): its content was lost or torn")
      break
    }
  }

  /// 2 MiB folios that are mapped page by page, and the queues of those that are to be split.
  private func checkHuge(_ fault: (String) -> Void) {
    var pageMapped = 0
    var deferred = [Int](repeating: 0, count: nodeCount)
    for index in 0..<zoneCount {
      var pfn = zones[index].start
      while pfn < zones[index].end {
        let flags = frames[Int(pfn)].flags
        let kind = flags & FrameFlags.kindMask
        let isBlock = kind == FrameFlags.kindFolio || kind == FrameFlags.kindBuddy || kind == FrameFlags.kindTarget
        if kind == FrameFlags.kindFolio, order(of: pfn) > 0 {
          if flags & FrameFlags.deferred != 0 { deferred[zones[index].node] += 1 }
          if flags & FrameFlags.pageMapped != 0 {
            pageMapped += 1
            checkPageMapped(pfn, fault)
          }
        } else if flags & (FrameFlags.pageMapped | FrameFlags.deferred | FrameFlags.partlyMapped) != 0 {
          fault("pfn \(pfn) has the flags of a 2 MiB folio, which it is not")
        }
        pfn += isBlock ? 1 << PFN(order(of: pfn)) : 1
      }
    }
    if pageMapped != pageMappedFolios {
      fault("\(pageMapped) folios are mapped page by page, counted \(pageMappedFolios)")
    }
    for node in 0..<nodeCount {
      var length = 0
      var pfn = splitQueues[node].head
      while pfn != 0, length <= splitQueues[node].count {
        if frames[Int(pfn) - 1].flags & FrameFlags.deferred == 0 {
          fault("pfn \(pfn - 1) is on a split queue it does not know of")
        }
        length += 1
        pfn = frames[Int(pfn)].next
      }
      if length != splitQueues[node].count || length != deferred[node] {
        fault(
          "node \(node): \(length) folios on the split queue, counted \(splitQueues[node].count), marked \(deferred[node])"
        )
      }
    }
  }

  private func checkPageMapped(_ pfn: PFN, _ fault: (String) -> Void) {
    let flags = frames[Int(pfn)].flags
    let slot = Int(frames[Int(pfn)].owner)
    let mapped = (0..<Page.perHuge).count { table.frame[slot + $0] == pfn + PFN($0) }
    if mapped != frames[Int(pfn) + 1].owner {
      fault("folio \(pfn): \(mapped) of its pages are mapped, counted \(frames[Int(pfn) + 1].owner)")
    }
    if (mapped == 0) != (flags & FrameFlags.orphaned != 0) {
      fault("folio \(pfn) has \(mapped) mapped pages and is not freed")
    }
    let isQueued = flags & FrameFlags.partlyMapped != 0 && flags & FrameFlags.deferred != 0
    if !isQueued && mapped > 0 && flags & FrameFlags.migrating == 0 {
      fault("folio \(pfn) is partly mapped and on no split queue")
    }
  }
}
