// Classic LRU lists: adding through per-CPU batches, isolating a chunk, the reference check, putting back.
// Source: mm/swap.c (folio_add_lru, folio_mark_accessed), mm/vmscan.c (isolate_lru_folios, folio_check_references,
// shrink_active_list, inactive_is_low).

import Units

/// A per-CPU batch of folios on their way to an LRU list (struct folio_batch).
struct LRUBatch {
  let pages: UnsafeMutablePointer<PFN> = .allocate(capacity: 32)
  var count = 0
}

/// What the reference check says of an isolated folio (enum folio_references).
public enum References: Sendable { case reclaim, reclaimClean, keep, activate }

extension Memory {
  /// Base pages of the folio whose first page is `pfn`.
  @inline(__always)
  public func pages(of pfn: PFN) -> Int { 1 << order(of: pfn) }

  /// Order of the folio or block whose first page is `pfn`.
  @inline(__always)
  public func order(of pfn: PFN) -> Int {
    Int((frames[Int(pfn)].flags & FrameFlags.orderMask) >> FrameFlags.orderShift)
  }

  /// The list a folio belongs on by its flags (`folio_lru_list`).
  @inline(__always)
  func lruList(of flags: UInt32) -> LRUList {
    LRUList(rawValue: (flags & FrameFlags.file != 0 ? 2 : 0) + (flags & FrameFlags.active != 0 ? 1 : 0))!
  }

  /// Base pages on a list of a node.
  @inline(__always)
  public func lruPages(node: Int, _ list: LRUList) -> Int { nodes[node].lruPages[list.rawValue] }

  /// Base pages on a list of a node in zones up to `highest` (`lruvec_lru_size`).
  public func lruPages(node: Int, _ list: LRUList, upTo highest: ZoneKind) -> Int {
    var sum = 0
    for zone in nodes[node].zones where zones[zone].kind.rawValue <= highest.rawValue {
      sum += zones[zone].lruPages[list.rawValue]
    }
    return sum
  }

  /// Queues a new folio for its LRU list (`folio_add_lru`): per-CPU batch, drained when full or when the folio is large.
  func addToLRU(_ pfn: PFN, cpu: Int) {
    frames[Int(pfn)].flags |= FrameFlags.inBatch
    let batch = lruAdd + cpu
    batch.pointee.pages[batch.pointee.count] = pfn
    batch.pointee.count += 1
    if batch.pointee.count >= rules.lruBatchSize || order(of: pfn) > 0 { drainLRUAdd(cpu: cpu) }
  }

  /// Puts what waits in a CPU's LRU-add batch on its lists.
  public func drainLRUAdd(cpu: Int) {
    let batch = lruAdd + cpu
    for i in 0..<batch.pointee.count {
      let pfn = batch.pointee.pages[i]
      // A folio freed meanwhile has lost the flag.
      guard frames[Int(pfn)].flags & FrameFlags.inBatch != 0 else { continue }
      frames[Int(pfn)].flags &= ~FrameFlags.inBatch
      linkLRU(pfn)
    }
    batch.pointee.count = 0
  }

  /// Drains a CPU's batches (`lru_add_drain`).
  public func drainLRUBatches(cpu: Int) {
    drainLRUAdd(cpu: cpu)
    drainActivation(cpu: cpu)
  }

  /// Drains the batches of all CPUs (`lru_add_drain_all`).
  public func drainAllLRUBatches() {
    for cpu in 0..<cpuCount { drainLRUBatches(cpu: cpu) }
  }

  /// Puts a folio at the head of its list.
  func linkLRU(_ pfn: PFN) {
    let flags = frames[Int(pfn)].flags
    let list = lruList(of: flags)
    let zone = zoneIndex(of: pfn)
    let node = zones[zone].node
    let pages = self.pages(of: pfn)
    prepend(pfn, to: nodes[node].lru + list.rawValue)
    nodes[node].lruPages[list.rawValue] += pages
    zones[zone].lruPages[list.rawValue] += pages
    frames[Int(pfn)].flags = flags | FrameFlags.onLRU
  }

  /// Takes a folio off its list.
  func unlinkLRU(_ pfn: PFN) {
    let flags = frames[Int(pfn)].flags
    let list = lruList(of: flags)
    let zone = zoneIndex(of: pfn)
    let node = zones[zone].node
    let pages = self.pages(of: pfn)
    remove(pfn, from: nodes[node].lru + list.rawValue)
    nodes[node].lruPages[list.rawValue] -= pages
    zones[zone].lruPages[list.rawValue] -= pages
    frames[Int(pfn)].flags = flags & ~FrameFlags.onLRU
  }

  /// Takes one folio off its list for migration (`folio_isolate_lru`); false when it is on none (in a batch, or taken).
  public func isolate(_ pfn: PFN) -> Bool {
    guard frames[Int(pfn)].flags & FrameFlags.onLRU != 0 else { return false }
    unlinkLRU(pfn)
    nodes[node(of: pfn)].isolated += pages(of: pfn)
    return true
  }

  /// Puts an isolated folio back at the head of the list its flags name (`folio_putback_lru`, `move_folios_to_lru`).
  public func putBack(_ pfn: PFN) {
    nodes[node(of: pfn)].isolated -= pages(of: pfn)
    linkLRU(pfn)
  }

  /// Isolates folios from the tail of a list until `wanted` base pages were looked at (`isolate_lru_folios`). Folios of
  /// zones above `highest` are skipped and go back to the head. Returns how many folios are in `buffer` (room for 32 or
  /// more) and the base pages scanned.
  public func isolateChunk(
    node: Int, list: LRUList, wanted: Int, highest: ZoneKind, into buffer: UnsafeMutablePointer<PFN>
  ) -> (count: Int, scanned: Int) {
    var count = 0
    var scanned = 0
    var skipped: [PFN] = []
    let source = nodes[node].lru + list.rawValue
    while scanned < wanted, source.pointee.tail != 0 {
      let pfn = source.pointee.tail
      let zone = zoneIndex(of: pfn)
      unlinkLRU(pfn)
      if zones[zone].kind.rawValue > highest.rawValue {
        vmstat.values[VMEvent.pgskip_dma.rawValue + zones[zone].kind.rawValue] += pages(of: pfn)
        skipped.append(pfn)
        continue
      }
      let pages = self.pages(of: pfn)
      nodes[node].isolated += pages
      buffer[count] = pfn
      count += 1
      scanned += pages
    }
    for pfn in skipped { linkLRU(pfn) }
    return (count, scanned)
  }

  /// Reads and clears the accessed bits of the folio's mappings (`folio_referenced`): how many were set.
  @inline(__always)
  func testClearYoung(_ pfn: PFN) -> Int {
    if isPageMapped(pfn) { return testClearYoungPages(pfn) }
    let slot = Int(frames[Int(pfn)].owner)
    let entry = order(of: pfn) > 0 ? table.pmd + (slot >> Page.hugeOrder) : table.hot + slot
    let young = entry.pointee & PTE.accessed != 0
    if young { entry.pointee &= ~PTE.accessed }
    return young ? 1 : 0
  }

  /// `folio_check_references`: reads and clears the young bit, turns PG_referenced over.
  public func checkReferences(_ pfn: PFN) -> References {
    let young = testClearYoung(pfn)
    let flags = frames[Int(pfn)].flags
    let wasReferenced = flags & FrameFlags.referenced != 0
    if young > 0 {
      frames[Int(pfn)].flags = flags | FrameFlags.referenced
      return wasReferenced || young > 1 ? .activate : .keep
    }
    frames[Int(pfn)].flags = flags & ~FrameFlags.referenced
    return wasReferenced && flags & FrameFlags.file != 0 ? .reclaimClean : .reclaim
  }

  /// Sets PG_active of an isolated folio; it goes to the active list when it is put back.
  public func activate(_ pfn: PFN) {
    frames[Int(pfn)].flags |= FrameFlags.active
    vmstat[.pgactivate] += pages(of: pfn)
  }

  /// Moves a chunk from the tail of an active list to the inactive list (`shrink_active_list`). Accessed bits are
  /// cleared and ignored. Returns the folios looked at.
  public func shrinkActiveList(node: Int, list: LRUList, wanted: Int, highest: ZoneKind, cpu: Int) -> Int {
    drainLRUBatches(cpu: cpu)
    return withUnsafeTemporaryAllocation(of: PFN.self, capacity: 64) { buffer in
      let pages = buffer.baseAddress!
      let (count, scanned) = isolateChunk(node: node, list: list, wanted: wanted, highest: highest, into: pages)
      vmstat[.pgrefill] += scanned
      for i in 0..<count {
        let pfn = pages[i]
        _ = testClearYoung(pfn)
        frames[Int(pfn)].flags = frames[Int(pfn)].flags & ~FrameFlags.active | FrameFlags.workingset
        vmstat[.pgdeactivate] += self.pages(of: pfn)
        putBack(pfn)
      }
      return count
    }
  }

  /// Base pages on a list as the statistics say (`lruvec_page_state`): as of the last flush where the rules have one.
  public func statedPages(node: Int, _ list: LRUList) -> Int {
    rules.listStatsFlushMs == 0 ? lruPages(node: node, list) : listStats[node * LRUList.allCases.count + list.rawValue]
  }

  /// Flushes the list statistics (`mem_cgroup_flush_stats`).
  public func flushListStats() {
    for node in 0..<nodeCount {
      for list in LRUList.allCases {
        listStats[node * LRUList.allCases.count + list.rawValue] = lruPages(node: node, list)
      }
    }
  }

  /// `inactive_is_low`: whether the inactive list is too short against the active one, by the node's size.
  public func inactiveIsLow(node: Int, file: Bool) -> Bool {
    let inactive = statedPages(node: node, file ? .inactiveFile : .inactiveAnon)
    let active = statedPages(node: node, file ? .activeFile : .activeAnon)
    return inactive * Memory.inactiveRatio(pages: inactive + active) < active
  }

  /// The inactive ratio for lists of this many base pages: 1 below 1 GiB, else isqrt(10 * GiB).
  public static func inactiveRatio(pages: Int) -> Int {
    let gib = pages >> (30 - Page.shift)
    return gib == 0 ? 1 : integerSquareRoot(10 * gib)
  }

  /// `lru_note_cost`: adds to the reclaim cost of a list type and halves both when they outgrow a quarter of the lists.
  public func noteCost(node: Int, file: Bool, pageouts: Int, rotated: Int) {
    let cost = pageouts * 32 + (rules.rotationIsCost ? rotated : 0)
    guard cost > 0 else { return }
    if file { nodes[node].fileCost += cost } else { nodes[node].anonCost += cost }
    var total = 0
    for list in LRUList.allCases { total += lruPages(node: node, list) }
    if nodes[node].anonCost + nodes[node].fileCost > total / 4 {
      nodes[node].anonCost /= 2
      nodes[node].fileCost /= 2
    }
  }

  // MARK: 5.13's mark_page_accessed, which TPP's hint fault calls

  /// `mark_page_accessed`: inactive,unreferenced -> inactive,referenced -> active (through this CPU's activation batch).
  public func markAccessed(_ pfn: PFN, cpu: Int) {
    let flags = frames[Int(pfn)].flags
    if flags & FrameFlags.referenced == 0 {
      frames[Int(pfn)].flags = flags | FrameFlags.referenced
      return
    }
    guard flags & FrameFlags.active == 0 else { return }
    frames[Int(pfn)].flags = flags & ~FrameFlags.referenced
    if flags & FrameFlags.onLRU != 0 {
      queueActivation(pfn, cpu: cpu)
    } else if flags & FrameFlags.inBatch != 0, isInAddBatch(pfn, cpu: cpu) {
      frames[Int(pfn)].flags |= FrameFlags.active
    }
  }

  /// Only the marking CPU's own batch is searched (`__lru_cache_activate_page`).
  private func isInAddBatch(_ pfn: PFN, cpu: Int) -> Bool {
    let batch = lruAdd[cpu]
    for i in 0..<batch.count where batch.pages[i] == pfn { return true }
    return false
  }

  private func queueActivation(_ pfn: PFN, cpu: Int) {
    frames[Int(pfn)].flags |= FrameFlags.activating
    let batch = activation + cpu
    batch.pointee.pages[batch.pointee.count] = pfn
    batch.pointee.count += 1
    if batch.pointee.count >= rules.lruBatchSize || order(of: pfn) > 0 { drainActivation(cpu: cpu) }
  }

  private func drainActivation(cpu: Int) {
    let batch = activation + cpu
    for i in 0..<batch.pointee.count {
      let pfn = batch.pointee.pages[i]
      let flags = frames[Int(pfn)].flags
      // A frame that was freed and taken again since has lost the flag.
      guard flags & FrameFlags.activating != 0 else { continue }
      frames[Int(pfn)].flags = flags & ~FrameFlags.activating
      guard flags & FrameFlags.onLRU != 0, flags & FrameFlags.active == 0 else { continue }
      unlinkLRU(pfn)
      frames[Int(pfn)].flags |= FrameFlags.active
      linkLRU(pfn)
      vmstat[.pgactivate] += pages(of: pfn)
    }
    batch.pointee.count = 0
  }
}

// MARK: - What reclaim asks of memory

extension Memory {
  /// Whether a folio is page cache of a file-backed region.
  public func isFile(_ pfn: PFN) -> Bool { frames[Int(pfn)].flags & FrameFlags.file != 0 }

  /// Whether a folio is active (PG_active).
  public func isActive(_ pfn: PFN) -> Bool { frames[Int(pfn)].flags & FrameFlags.active != 0 }

  /// Whether a folio was demoted and not promoted since (PG_demoted of the TPP patches).
  public func wasDemoted(_ pfn: PFN) -> Bool { frames[Int(pfn)].flags & FrameFlags.demoted != 0 }

  /// Marks the zones of a node as being reclaimed, so that per-CPU lists stay short (ZONE_RECLAIM_ACTIVE).
  public func setReclaimActive(node: Int, _ active: Bool) {
    for zone in nodes[node].zones { zones[zone].reclaimActive = active }
  }

  /// Takes a boost that kswapd has dealt with off a zone again.
  public func lowerBoost(zone: Int, by pages: Int) { zones[zone].boost -= min(zones[zone].boost, pages) }
}
