// Mapping, unmapping, moving: what happens to page-table entries and frames. Policy and cost are elsewhere.

import Units

extension Memory {
  /// The tag of a page's content: never 0, which is poison.
  @inline(__always)
  static func tag(slot: Int, generation: UInt16) -> UInt32 {
    var x = UInt64(UInt32(truncatingIfNeeded: slot)) << 16 | UInt64(generation)
    x = (x ^ (x >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    x = (x ^ (x >> 33)) &* 0xC4CE_B9FE_1A85_EC53
    return UInt32(truncatingIfNeeded: x ^ (x >> 33)) | 1
  }

  /// The page table of a 2 MiB block, allocated on `node` if it has none; false when there is no memory for it.
  func ensureTablePage(slot: Int, node: Int, cpu: Int, mayFragment: Bool = false) -> Bool {
    let block = slot >> Page.hugeOrder
    if table.tablePage[block] != 0 { return true }
    guard let pfn = allocateKernelPage(node: node, cpu: cpu, mayFragment: mayFragment) else { return false }
    table.tablePage[block] = pfn
    return true
  }

  /// Maps a first-touched base page of `slot` on the zonelist of `node`; false when nothing can be allocated. `mayFragment` is for
  /// who has reclaimed in vain (vm.defrag_mode).
  public func mapBase(
    slot: Int, isWrite: Bool, isFile: Bool, node: Int, cpu: Int, mayFragment: Bool = false
  ) -> Bool {
    guard ensureTablePage(slot: slot, node: node, cpu: cpu, mayFragment: mayFragment) else { return false }
    var policy = AllocationPolicy.user
    policy.mayFragment = mayFragment
    guard let pfn = allocate(order: 0, node: node, cpu: cpu, policy: policy) else { return false }
    install(pfn, order: 0, slot: slot, isWrite: isWrite, isFile: isFile, cpu: cpu)
    return true
  }

  /// Maps base pages of slots as those of processes that have gone to sleep: from `node` alone, not accessed, on its
  /// inactive or active list. False when the node has too few.
  public func mapIdle(slots: Range<Int>, isActive: Bool, node: Int) -> Bool {
    var policy = AllocationPolicy.user
    policy.thisNodeOnly = true
    policy.mayFragment = true
    for slot in slots {
      guard ensureTablePage(slot: slot, node: node, cpu: 0, mayFragment: true),
        let pfn = allocate(order: 0, node: node, cpu: 0, policy: policy)
      else { return false }
      install(pfn, order: 0, slot: slot, isWrite: false, isFile: false, cpu: 0)
      table.hot[slot] &= ~PTE.accessed
      drainLRUAdd(cpu: 0)
      guard isActive else { continue }
      unlinkLRU(pfn)
      frames[Int(pfn)].flags |= FrameFlags.active
      linkLRU(pfn)
    }
    return true
  }

  /// Makes sure that the 2 MiB block of `slot` has a page table to deposit; false when there is no memory for it.
  public func prepareHuge(slot: Int, node: Int, cpu: Int) -> Bool {
    ensureTablePage(slot: slot & ~(Page.perHuge - 1), node: node, cpu: cpu)
  }

  /// Maps a 2 MiB block that was allocated for it over the whole block of `slot`, whose page table is there.
  public func mapHuge(_ block: PFN, slot: Int, isWrite: Bool, cpu: Int) {
    install(
      block, order: Page.hugeOrder, slot: slot & ~(Page.perHuge - 1), isWrite: isWrite, isFile: false, cpu: cpu)
    if rules.queuesWholeHugePages { deferSplit(block, isPartlyMapped: false) }
    vmstat[.thp_fault_alloc] += 1
  }

  /// The same with a block of `node` alone, if there is a free one; false otherwise.
  public func mapHuge(slot: Int, isWrite: Bool, node: Int, cpu: Int) -> Bool {
    var policy = AllocationPolicy.user
    policy.thisNodeOnly = true
    policy.mayWakeKswapd = false
    guard let pfn = allocate(order: Page.hugeOrder, node: node, cpu: cpu, policy: policy) else { return false }
    guard prepareHuge(slot: slot, node: node, cpu: cpu) else {
      release(pfn, order: Page.hugeOrder, cpu: cpu)
      return false
    }
    mapHuge(pfn, slot: slot, isWrite: isWrite, cpu: cpu)
    return true
  }

  func install(_ pfn: PFN, order: Int, slot: Int, isWrite: Bool, isFile: Bool, cpu: Int) {
    makeFolio(pfn, order: order, slot: slot, carrying: isFile ? FrameFlags.file : 0)
    for i in 0..<(1 << order) {
      cold[Int(pfn) + i].tag = Memory.tag(slot: slot + i, generation: table.generation[slot + i])
    }
    writeContent(pfn, slot: slot, order: order)
    let entry =
      PTE.present | PTE.accessed | (isWrite ? PTE.dirty : 0) | UInt8(truncatingIfNeeded: node(of: pfn))
    setEntry(slot: slot, order: order, entry)
    table.frame[slot] = pfn
    addToLRU(pfn, cpu: cpu)
  }

  /// Turns an allocated block into the folio that `slot` maps.
  func makeFolio(_ pfn: PFN, order: Int, slot: Int, carrying: UInt32) {
    let zone = frames[Int(pfn)].flags & FrameFlags.zoneMask
    frames[Int(pfn)].flags = zone | FrameFlags.kindFolio | UInt32(order) << FrameFlags.orderShift | carrying
    frames[Int(pfn)].owner = UInt32(slot)
    if order > 0 {
      for i in 1..<(1 << order) { frames[Int(pfn) + i].flags = zone | FrameFlags.kindTail }
    }
  }

  @inline(__always)
  func setEntry(slot: Int, order: Int, _ entry: UInt8) {
    if order > 0 { table.pmd[slot >> Page.hugeOrder] = entry } else { table.hot[slot] = entry }
  }

  /// The entry that maps a slot: the 2 MiB one if there is one, else the base page's.
  @inline(__always)
  public func entry(slot: Int) -> UInt8 {
    let huge = table.pmd[slot >> Page.hugeOrder]
    return huge != 0 ? huge : table.hot[slot]
  }

  /// Whether a slot is mapped as part of a 2 MiB page, by one entry for all of it.
  @inline(__always)
  public func isHuge(slot: Int) -> Bool {
    let entry = table.pmd[slot >> Page.hugeOrder]
    return entry != 0 && entry != PTE.collapsing
  }

  /// The first frame of the folio that maps `slot`.
  @inline(__always)
  public func folio(slot: Int) -> PFN {
    isHuge(slot: slot) ? table.frame[slot & ~(Page.perHuge - 1)] : head(of: table.frame[slot])
  }

  /// Makes the content of a dirty folio final: its generation goes up and its tag with it.
  func settleContent(_ pfn: PFN, slot: Int, order: Int) {
    checkContent(pfn, slot: slot, order: order)
    for i in 0..<(1 << order) {
      table.generation[slot + i] &+= 1
      cold[Int(pfn) + i].tag = Memory.tag(slot: slot + i, generation: table.generation[slot + i])
    }
    writeContent(pfn, slot: slot, order: order)
  }

  /// The same for content that ends now: nobody reads it again.
  func endContent(_ pfn: PFN, slot: Int, order: Int, entry: UInt8) {
    if entry & PTE.dirty != 0 {
      settleContent(pfn, slot: slot, order: order)
    } else {
      checkContent(pfn, slot: slot, order: order)
    }
  }

  // MARK: Migration's steps

  /// Replaces a folio's mapping by a migration entry (`try_to_migrate`): accesses wait from here on. `new` is the block it
  /// will move to. A 2 MiB folio is mapped as a whole: others are split first.
  public func unmapForMigration(_ pfn: PFN, to new: PFN) {
    precondition(!isPageMapped(pfn), "a folio that is mapped page by page is split, not migrated")
    let slot = Int(frames[Int(pfn)].owner)
    let order = order(of: pfn)
    let entry = order > 0 ? table.pmd[slot >> Page.hugeOrder] : table.hot[slot]
    if entry & PTE.dirty != 0 {
      settleContent(pfn, slot: slot, order: order)
      frames[Int(pfn)].flags |= FrameFlags.dirty
    }
    setEntry(slot: slot, order: order, PTE.special | entry & (rules.migrationKeepsYoung ? PTE.accessed : 0))
    frames[Int(pfn)].flags |= FrameFlags.migrating
    frames[Int(new)].flags =
      frames[Int(new)].flags & FrameFlags.zoneMask | FrameFlags.kindTarget | UInt32(order) << FrameFlags.orderShift
  }

  /// Copies a folio's content tags to its destination.
  public func copyContent(from old: PFN, to new: PFN) {
    let count = pages(of: old)
    (cold + Int(new)).update(from: cold + Int(old), count: count)
  }

  /// Copies the content tags of so many base pages.
  @inline(__always)
  public func copyContent(from old: PFN, to new: PFN, count: Int) {
    (cold + Int(new)).update(from: cold + Int(old), count: count)
  }

  /// The base page's content is neither the old nor the new one.
  public func poisonContent(_ pfn: PFN) { cold[Int(pfn)].tag = 0 }

  /// Points the mapping at the new folio (`remove_migration_ptes`), puts the new folio on its LRU batch and frees the old
  /// one. `inaccessible` leaves a PROT_NONE entry behind (TPP's demotion). `setDemoted` sets PG_demoted.
  public func finishMigration(from old: PFN, to new: PFN, inaccessible: Bool, setDemoted: Bool, cpu: Int) {
    let slot = Int(frames[Int(old)].owner)
    let order = order(of: old)
    if frames[Int(old)].flags & FrameFlags.orphaned != 0 {
      nodes[self.node(of: old)].isolated -= 1 << order
      retire(old, order: order, cpu: cpu)
      retire(new, order: order, cpu: cpu)
      return
    }
    let carried = frames[Int(old)].flags & FrameFlags.carried
    makeFolio(new, order: order, slot: slot, carrying: carried | (setDemoted ? FrameFlags.demoted : 0))
    if isPageMapped(old) {
      remapPages(of: old, to: new, isInaccessible: inaccessible)
    } else {
      let was = order > 0 ? table.pmd[slot >> Page.hugeOrder] : table.hot[slot]
      let node = UInt8(truncatingIfNeeded: node(of: new))
      setEntry(
        slot: slot, order: order,
        PTE.present | (inaccessible ? PTE.special : 0) | was & PTE.accessed | node)
      table.frame[slot] = new
    }
    nodes[self.node(of: old)].isolated -= 1 << order
    retire(old, order: order, cpu: cpu)
    addToLRU(new, cpu: cpu)
  }

  /// Frees an isolated folio whose mapping went away meanwhile; false when it still has one.
  public func releaseOrphan(_ pfn: PFN, cpu: Int) -> Bool {
    guard frames[Int(pfn)].flags & FrameFlags.orphaned != 0 else { return false }
    let order = order(of: pfn)
    nodes[node(of: pfn)].isolated -= 1 << order
    retire(pfn, order: order, cpu: cpu)
    return true
  }

  /// Undoes `unmapForMigration`: the old mapping is restored.
  public func restoreMapping(_ pfn: PFN) {
    frames[Int(pfn)].flags &= ~FrameFlags.migrating
    if isPageMapped(pfn) { return remapPages(of: pfn, to: pfn, isInaccessible: false) }
    let slot = Int(frames[Int(pfn)].owner)
    let order = order(of: pfn)
    let was = order > 0 ? table.pmd[slot >> Page.hugeOrder] : table.hot[slot]
    let node = UInt8(truncatingIfNeeded: node(of: pfn))
    setEntry(slot: slot, order: order, PTE.present | was & PTE.accessed | node)
  }

  /// Frees a folio's frames. Its mapping must be gone already.
  func retire(_ pfn: PFN, order: Int, cpu: Int) {
    if order > 0 { forgetHuge(pfn) }
    let zone = frames[Int(pfn)].flags & FrameFlags.zoneMask
    frames[Int(pfn)].flags = zone
    frames[Int(pfn)].owner = 0
    if order > 0 {
      for i in 1..<(1 << order) { frames[Int(pfn) + i].flags = zone }
    }
    release(pfn, order: order, cpu: cpu)
  }

  // MARK: Unmapping

  /// Unmaps and frees everything in a range of slots (`munmap`), page tables that become empty included. The range is
  /// a whole region. Returns the base pages that were mapped.
  @discardableResult
  public func unmap(slots: Range<Int>, cpu: Int) -> Int {
    var pages = 0
    var slot = slots.lowerBound
    while slot < slots.upperBound {
      let block = slot >> Page.hugeOrder
      // A collapse that is under way gives up.
      if table.pmd[block] == PTE.collapsing { table.pmd[block] = 0 }
      if table.pmd[block] != 0 {
        releaseMapped(table.frame[slot], slot: slot, order: Page.hugeOrder, cpu: cpu)
        slot += Page.perHuge
        pages += Page.perHuge
        continue
      }
      // Not 0: present, or a migration entry.
      if table.hot[slot] != 0 {
        zapPage(slot: slot, cpu: cpu)
        pages += 1
      }
      slot += 1
    }
    var block = slots.lowerBound >> Page.hugeOrder
    while block << Page.hugeOrder < slots.upperBound {
      releaseTablePage(block: block, cpu: cpu)
      block += 1
    }
    return pages
  }

  /// Frees a block's page table, if it has one. Nothing of the block may be mapped.
  func releaseTablePage(block: Int, cpu: Int) {
    let pfn = table.tablePage[block]
    guard pfn != 0 else { return }
    table.tablePage[block] = 0
    frames[Int(pfn)].flags &= FrameFlags.zoneMask
    release(pfn, order: 0, cpu: cpu)
  }

  /// Takes a folio's mapping away and frees it. One that is isolated, be it under migration, is freed by whoever holds
  /// it: the isolation's reference is the last one.
  func releaseMapped(_ pfn: PFN, slot: Int, order: Int, cpu: Int) {
    let entry = order > 0 ? table.pmd[slot >> Page.hugeOrder] : table.hot[slot]
    endContent(pfn, slot: slot, order: order, entry: entry)
    setEntry(slot: slot, order: order, 0)
    table.frame[slot] = 0
    releaseUnmapped(pfn, order: order, cpu: cpu)
  }

  /// Frees a folio whose last mapping is gone, unless it is isolated.
  func releaseUnmapped(_ pfn: PFN, order: Int, cpu: Int) {
    guard frames[Int(pfn)].flags & (FrameFlags.onLRU | FrameFlags.inBatch) != 0 else {
      frames[Int(pfn)].flags |= FrameFlags.orphaned
      return
    }
    dropFromLRU(pfn, cpu: cpu)
    retire(pfn, order: order, cpu: cpu)
  }

  /// Takes a folio that is about to be freed off its list or batch.
  private func dropFromLRU(_ pfn: PFN, cpu: Int) {
    let flags = frames[Int(pfn)].flags
    if flags & FrameFlags.onLRU != 0 {
      unlinkLRU(pfn)
    } else if flags & FrameFlags.inBatch != 0 {
      // Another CPU's batch may hold it; as __page_cache_release does, drain first, then take it off the list.
      drainAllLRUBatches()
      unlinkLRU(pfn)
    }
  }

  /// Drops an isolated page of a file-backed region: its mapping goes, its frame is freed, the next access reads it back
  /// from disk. Returns whether it was dirty, so that it had to be written first.
  public func dropFilePage(_ pfn: PFN, cpu: Int) -> Bool {
    let slot = Int(frames[Int(pfn)].owner)
    let wasDirty = isDirty(slot: slot)
    endContent(pfn, slot: slot, order: 0, entry: table.hot[slot])
    setEntry(slot: slot, order: 0, 0)
    table.frame[slot] = 0
    nodes[node(of: pfn)].isolated -= 1
    retire(pfn, order: 0, cpu: cpu)
    onPageDropped?(slot)
    return wasDirty
  }

  /// Whether the folio of a base page was written since it was read or last written back.
  public func isDirty(_ pfn: PFN) -> Bool { isDirty(slot: Int(frames[Int(pfn)].owner)) }

  @inline(__always)
  private func isDirty(slot: Int) -> Bool {
    table.hot[slot] & PTE.dirty != 0 || frames[Int(table.frame[slot])].flags & FrameFlags.dirty != 0
  }

  /// The nodes of the top tier, a bit each.
  public var topTierMask: UInt16 {
    var mask: UInt16 = 0
    for id in 0..<nodeCount where isTopTier(id) { mask |= 1 << UInt16(id) }
    return mask
  }

  // MARK: NUMA scanning

  /// Makes a range of slots PROT_NONE for NUMA balancing (`change_prot_numa`). Pages of `skippedNodes` (a bit a node) are
  /// left as they are, and so are dirty pages of files (`isFile`). In tiering mode pages of slower tiers are stamped with
  /// `stamp` (kernel milliseconds). Entries that are PROT_NONE already are skipped before the stamp. Returns entries
  /// changed, a huge one as 512.
  public func protectForScan(
    slots: Range<Int>, skippedNodes: UInt16, isFile: Bool = false, tiering: Bool, stamp: UInt32
  ) -> Int {
    var updates = 0
    var huge = 0
    let topTier = topTierMask
    var slot = slots.lowerBound
    while slot < slots.upperBound {
      let block = slot >> Page.hugeOrder
      let end = min((block + 1) << Page.hugeOrder, slots.upperBound)
      let pmd = table.pmd[block]
      if pmd != 0 {
        let node: UInt16 = 1 << UInt16(pmd & PTE.nodeMask)
        if pmd & PTE.hint == PTE.present && skippedNodes & node == 0 {
          table.pmd[block] = pmd | PTE.special
          if tiering && topTier & node == 0 { cold[Int(table.frame[block << Page.hugeOrder])].stamp = stamp }
          updates += Page.perHuge
          huge += 1
        }
      } else if table.tablePage[block] != 0 {
        while slot < end {
          let entry = table.hot[slot]
          let node: UInt16 = 1 << UInt16(entry & PTE.nodeMask)
          if entry & PTE.hint == PTE.present && skippedNodes & node == 0 && !(isFile && isDirty(slot: slot)) {
            table.hot[slot] = entry | PTE.special
            if tiering && topTier & node == 0 { cold[Int(head(of: table.frame[slot]))].stamp = stamp }
            updates += 1
          }
          slot += 1
        }
      }
      slot = end
    }
    vmstat[.numa_pte_updates] += updates
    vmstat[.numa_huge_pte_updates] += huge
    return updates
  }

  /// Makes a PROT_NONE entry accessible again after a hint fault, young.
  public func unprotect(slot: Int) {
    // The page may have been unmapped since the fault.
    guard entry(slot: slot) & PTE.hint == PTE.hint else { return }
    let block = slot >> Page.hugeOrder
    if table.pmd[block] != 0 {
      table.pmd[block] = table.pmd[block] & ~PTE.special | PTE.accessed
    } else {
      table.hot[slot] = table.hot[slot] & ~PTE.special | PTE.accessed
    }
  }

  /// Pages of a range of slots on each node (move_pages' status query).
  public func residency(slots: Range<Int>) -> [Int] {
    var counts = [Int](repeating: 0, count: nodeCount)
    for slot in slots {
      let entry = entry(slot: slot)
      if entry & PTE.present != 0 { counts[Int(entry & PTE.nodeMask)] += 1 }
    }
    return counts
  }
}
