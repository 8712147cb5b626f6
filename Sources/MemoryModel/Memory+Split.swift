// The life of a 2 MiB folio after its mapping was split: mapped page by page, partly unmapped, on its node's queue until it is
// split itself. Source: mm/huge_memory.c __split_huge_pmd, split_huge_page_to_list, deferred_split_folio,
// deferred_split_scan; mm/vmscan.c and mm/shrinker.c do_shrink_slab.
//
// A folio that is mapped page by page (`FrameFlags.pageMapped`) has its first frame at a multiple of 512, and its page i can only
// be mapped by slot i of its block. Its second frame, which is on no list, links it to the queue and counts its mapped pages.

import Units

extension Memory {
  // MARK: From a frame to its folio

  /// The first frame of the folio that a mapped frame is part of.
  @inline(__always)
  func head(of pfn: PFN) -> PFN {
    guard pageMappedFolios != 0 else { return pfn }
    return frames[Int(pfn)].flags & FrameFlags.kindMask == FrameFlags.kindTail ? pfn & ~PFN(Page.perHuge - 1) : pfn
  }

  /// Whether a 2 MiB folio is mapped page by page. Pages of it may have been unmapped since.
  @inline(__always)
  public func isPageMapped(_ pfn: PFN) -> Bool { frames[Int(pfn)].flags & FrameFlags.pageMapped != 0 }

  /// Pages of a folio that some slot maps.
  public func mappedPages(of pfn: PFN) -> Int { isPageMapped(pfn) ? Int(frames[Int(pfn) + 1].owner) : pages(of: pfn) }

  /// Whether the block's slot `i` maps page `i` of the folio.
  @inline(__always)
  private func maps(_ i: Int, of pfn: PFN, at slot: Int) -> Bool { table.frame[slot + i] == pfn + PFN(i) }

  /// Marks a folio as mapped page by page.
  private func setPageMapped(_ pfn: PFN, count: UInt32) {
    frames[Int(pfn)].flags |= FrameFlags.pageMapped
    frames[Int(pfn) + 1].owner = count
    pageMappedFolios += 1
  }

  /// A folio ends: it is on no queue and mapped in no way any more.
  @inline(__always)
  func forgetHuge(_ pfn: PFN) {
    let flags = frames[Int(pfn)].flags
    guard flags & (FrameFlags.pageMapped | FrameFlags.deferred) != 0 else { return }
    if flags & FrameFlags.deferred != 0 { removeFromSplitQueue(pfn) }
    if flags & FrameFlags.pageMapped != 0 { pageMappedFolios -= 1 }
    frames[Int(pfn)].flags &= ~FrameFlags.pageMapped
  }

  // MARK: The mapping

  /// Splits a 2 MiB mapping into the entries of its 512 pages (`__split_huge_pmd`); its page table is there since it was made. A
  /// PROT_NONE mapping becomes accessible, a migration entry becomes 512 of them.
  func splitMapping(block: Int) {
    let slot = block << Page.hugeOrder
    let pfn = table.frame[slot]
    var entry = table.pmd[block]
    if entry & PTE.present != 0 { entry &= ~PTE.special }
    for i in 0..<Page.perHuge {
      table.hot[slot + i] = entry
      table.frame[slot + i] = pfn + PFN(i)
    }
    table.pmd[block] = 0
    setPageMapped(pfn, count: UInt32(Page.perHuge))
    vmstat[.thp_split_pmd] += 1
  }

  /// Unmaps and frees one base page (MADV_DONTNEED); false when it is not mapped. The mapping of a 2 MiB page is split first: its
  /// folio then keeps the page's memory until it is split itself, or unmapped to the last page.
  public func unmapPage(slot: Int, cpu: Int) -> Bool { unmapPart(slots: slot..<(slot + 1), cpu: cpu) == 1 }

  /// Unmaps what is mapped in a range of slots of one region (one call of MADV_DONTNEED). 2 MiB pages that lie in it as a whole are
  /// freed, and their page tables with them. Returns the base pages that were mapped.
  public func unmapPart(slots: Range<Int>, cpu: Int) -> Int {
    var count = 0
    var slot = slots.lowerBound
    while slot < slots.upperBound {
      let block = slot >> Page.hugeOrder
      let start = block << Page.hugeOrder
      let end = min(start + Page.perHuge, slots.upperBound)
      if table.pmd[block] == PTE.collapsing { table.pmd[block] = 0 }
      if table.pmd[block] != 0 {
        if end - slot == Page.perHuge {
          releaseMapped(table.frame[slot], slot: slot, order: Page.hugeOrder, cpu: cpu)
          releaseTablePage(block: block, cpu: cpu)
          count += Page.perHuge
          slot = end
          continue
        }
        splitMapping(block: block)
      }
      while slot < end {
        // Not 0: present, or a migration entry.
        if table.hot[slot] != 0 {
          zapPage(slot: slot, cpu: cpu)
          count += 1
        }
        slot += 1
      }
    }
    return count
  }

  /// Takes the mapping of one base page away (`zap_pte_range`). A folio of 512 pages is freed with its last one; until then it waits
  /// on the queue.
  func zapPage(slot: Int, cpu: Int) {
    let pfn = table.frame[slot]
    let folio = head(of: pfn)
    guard order(of: folio) > 0 else { return releaseMapped(pfn, slot: slot, order: 0, cpu: cpu) }
    let entry = table.hot[slot]
    endContent(pfn, slot: slot, order: 0, entry: entry)
    table.hot[slot] = 0
    table.frame[slot] = 0
    frames[Int(folio) + 1].owner -= 1
    if frames[Int(folio) + 1].owner == 0 {
      releaseUnmapped(folio, order: Page.hugeOrder, cpu: cpu)
    } else if entry & PTE.present != 0 {
      deferSplit(folio, isPartlyMapped: true)
    }
  }

  /// Points the pages of a folio that are mapped by migration entries of their own at `new`: at the folio they were moved to, or at
  /// the same one again. The kernel queues a folio that lost pages under migration only when it loses another one.
  func remapPages(of old: PFN, to new: PFN, isInaccessible: Bool) {
    let slot = Int(frames[Int(old)].owner)
    let bits = PTE.present | (isInaccessible ? PTE.special : 0) | UInt8(truncatingIfNeeded: node(of: new))
    let count = frames[Int(old) + 1].owner
    for i in 0..<Page.perHuge where maps(i, of: old, at: slot) {
      table.hot[slot + i] = bits | table.hot[slot + i] & PTE.accessed
      table.frame[slot + i] = new + PFN(i)
    }
    if new != old { setPageMapped(new, count: count) }
    if count < Page.perHuge { deferSplit(new, isPartlyMapped: true) }
  }

  /// `testClearYoung` of a folio that is mapped page by page.
  func testClearYoungPages(_ pfn: PFN) -> Int {
    let slot = Int(frames[Int(pfn)].owner)
    var young = 0
    for i in 0..<Page.perHuge where table.hot[slot + i] & PTE.accessed != 0 && maps(i, of: pfn, at: slot) {
      table.hot[slot + i] &= ~PTE.accessed
      young += 1
    }
    return young
  }

  // MARK: The queue

  /// Queues a 2 MiB folio of a node for splitting (`deferred_split_folio`). From 6.12 on folios that are mapped as a whole are
  /// queued too, to be split where most of their pages turn out to be zero.
  func deferSplit(_ pfn: PFN, isPartlyMapped: Bool) {
    let flags = frames[Int(pfn)].flags
    if isPartlyMapped && flags & FrameFlags.partlyMapped == 0 {
      frames[Int(pfn)].flags |= FrameFlags.partlyMapped
      vmstat[.thp_deferred_split_page] += 1
    }
    guard flags & FrameFlags.deferred == 0 else { return }
    frames[Int(pfn)].flags |= FrameFlags.deferred
    append(pfn + 1, to: splitQueues + node(of: pfn))
  }

  private func removeFromSplitQueue(_ pfn: PFN) {
    remove(pfn + 1, from: splitQueues + node(of: pfn))
    frames[Int(pfn)].flags &= ~(FrameFlags.deferred | FrameFlags.partlyMapped)
  }

  /// 2 MiB folios on a node's queue (`split_queue_len`), and those of them that are partly mapped.
  public func deferredSplits(node: Int) -> (queued: Int, partlyMapped: Int) {
    var partly = 0
    var pfn = splitQueues[node].head
    while pfn != 0 {
      if frames[Int(pfn) - 1].flags & FrameFlags.partlyMapped != 0 { partly += 1 }
      pfn = frames[Int(pfn)].next
    }
    return (splitQueues[node].count, partly)
  }

  /// What reclaim of a node at `priority` asks of the queue (`do_shrink_slab` for `deferred_split_scan`, with DEFAULT_SEEKS and batches
  /// of 128). What a pass leaves undone is added to the next. Returns how many folios were split.
  ///
  /// The queue is the node's, as without memory cgroups; with them it is the cgroup's.
  public func shrinkDeferredSplits(node: Int, priority: Int, cpu: Int) -> Int {
    let freeable = splitQueues[node].count
    guard freeable > 0 else { return 0 }
    let deferred = nodes[node].deferredSplitScans
    let delta = (freeable >> priority) * 4 / 2
    var left = min((deferred >> priority) + delta, 2 * freeable)
    var scanned = 0
    var split = 0
    while left >= 128 || left >= freeable {
      let batch = min(128, left)
      let done = scanDeferredSplits(node: node, count: batch, cpu: cpu)
      split += done
      if done == 0 && splitQueues[node].count == 0 { break }
      left -= batch
      scanned += batch
    }
    nodes[node].deferredSplitScans = min(max(deferred + delta - scanned, 0), 2 * freeable)
    return split
  }

  /// `deferred_split_scan`: the oldest folios of the queue. One that is isolated cannot be split and goes back to the end; one that is
  /// mapped as a whole leaves the queue, as no page's content is zero here (`thp_underused`).
  private func scanDeferredSplits(node: Int, count: Int, cpu: Int) -> Int {
    var failed: [PFN] = []
    var split = 0
    for _ in 0..<min(count, splitQueues[node].count) {
      let pfn = splitQueues[node].head - 1
      let flags = frames[Int(pfn)].flags
      removeFromSplitQueue(pfn)
      guard flags & FrameFlags.partlyMapped != 0 else { continue }
      if flags & FrameFlags.onLRU != 0 {
        splitListed(pfn, cpu: cpu)
        split += 1
      } else {
        vmstat[.thp_split_page_failed] += 1
        failed.append(pfn)
      }
    }
    for pfn in failed {
      frames[Int(pfn)].flags |= FrameFlags.deferred | FrameFlags.partlyMapped
      append(pfn + 1, to: splitQueues + node)
    }
    return split
  }

  // MARK: The folio

  /// Splits an isolated 2 MiB folio, and its mapping if that is whole, into 512 base folios (`split_huge_page_to_list`), all of them
  /// isolated; pages that nothing maps are orphans. PROT_NONE entries become accessible.
  public func splitHuge(_ pfn: PFN) {
    let slot = Int(frames[Int(pfn)].owner)
    let isWhole = !isPageMapped(pfn)
    precondition(order(of: pfn) == Page.hugeOrder && (!isWhole || table.pmd[slot >> Page.hugeOrder] != 0))
    if isWhole { splitMapping(block: slot >> Page.hugeOrder) }
    let flags = splitFlags(pfn)
    for i in 0..<Page.perHuge {
      let isMapped = maps(i, of: pfn, at: slot)
      makeBase(pfn + PFN(i), slot: slot + i, flags: flags | (isMapped ? 0 : FrameFlags.orphaned))
      if isMapped { cleanEntry(slot + i) }
    }
    vmstat[.thp_split_page] += 1
  }

  /// Splits a 2 MiB folio that is on an LRU list and mapped page by page. Its mapped pages take its place there, the others are freed.
  private func splitListed(_ pfn: PFN, cpu: Int) {
    let slot = Int(frames[Int(pfn)].owner)
    let isLast = !maps(0, of: pfn, at: slot)
    let flags = splitFlags(pfn)
    let list = lruList(of: flags)
    let zone = zoneIndex(of: pfn)
    let node = zones[zone].node
    var freed: [PFN] = []
    for i in (1..<Page.perHuge).reversed() {
      let page = pfn + PFN(i)
      if maps(i, of: pfn, at: slot) {
        makeBase(page, slot: slot + i, flags: flags)
        insert(page, before: pfn, in: nodes[node].lru + list.rawValue)
        cleanEntry(slot + i)
      } else {
        freed.append(page)
      }
    }
    if isLast {
      remove(pfn, from: nodes[node].lru + list.rawValue)
      freed.append(pfn)
    } else {
      frames[Int(pfn)].flags = flags
      cleanEntry(slot)
    }
    nodes[node].lruPages[list.rawValue] -= freed.count
    zones[zone].lruPages[list.rawValue] -= freed.count
    for page in freed {
      frames[Int(page)].flags = flags & FrameFlags.zoneMask
      retire(page, order: 0, cpu: cpu)
    }
    vmstat[.thp_split_page] += 1
  }

  /// Takes a folio that is about to be split off the queue; the flags that each of its pages has then.
  private func splitFlags(_ pfn: PFN) -> UInt32 {
    forgetHuge(pfn)
    return frames[Int(pfn)].flags & ~(FrameFlags.orderMask | FrameFlags.activating)
  }

  /// A page of a split folio. Pages have the folio's time stamp (`__split_huge_page_tail`).
  private func makeBase(_ page: PFN, slot: Int, flags: UInt32) {
    cold[Int(page)].stamp = cold[Int(page & ~PFN(Page.perHuge - 1))].stamp
    frames[Int(page)].flags = flags
    frames[Int(page)].owner = UInt32(slot)
  }

  /// A split replaces entries by migration entries and makes them anew from the region's protection (`remap_page`).
  private func cleanEntry(_ slot: Int) {
    if table.hot[slot] & PTE.present != 0 { table.hot[slot] &= ~PTE.special }
  }
}
