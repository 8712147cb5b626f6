// Partly unmapped 2 MiB pages: who keeps the memory, what is queued, what a split leaves.
import Testing

@testable import MemoryModel

/// A node of 8192 pages with a 2 MiB page at slot 0.
private func makeHuge(_ rules: KernelRules = .v6_12, pages: [Int] = [8192, 8192]) -> Memory {
  let memory = makeMemory(pages, rules: rules)
  guard memory.mapHuge(slot: 0, isWrite: true, node: 0, cpu: 0) else { fatalError("no 2 MiB block") }
  return memory
}

extension Memory {
  fileprivate var free: Int { (0..<zoneCount).reduce(0) { $0 + zones[$1].free } }
}

@Suite struct SplitTests {
  @Test(arguments: KernelRules.allCases)
  func aPartlyUnmappedPageKeepsItsMemory(rules: KernelRules) {
    let memory = makeHuge(rules)
    let free = memory.free
    // From 6.12 on every 2 MiB page is queued.
    #expect(memory.deferredSplits(node: 0) == (rules == .tpp2021 ? 0 : 1, 0))
    #expect(memory.unmapPart(slots: 3..<103, cpu: 0) == 100)
    #expect(memory.unmapPart(slots: 3..<103, cpu: 0) == 0)
    #expect(memory.unmapPage(slot: 511, cpu: 0))
    #expect(!memory.isHuge(slot: 0) && memory.isPageMapped(memory.folio(slot: 400)))
    #expect(memory.folio(slot: 400) == memory.table.frame[0])
    #expect(memory.mappedPages(of: memory.folio(slot: 0)) == 411)
    #expect(memory.residency(slots: 0..<512) == [411, 0])
    #expect(memory.deferredSplits(node: 0) == (1, 1))
    #expect(memory.free == free)
    #expect(memory.lruPages(node: 0, .inactiveAnon) == 512)
    #expect(memory.vmstat[.thp_split_pmd] == 1 && memory.vmstat[.thp_deferred_split_page] == 1)
    #expect(memory.vmstat[.thp_split_page] == 0)
    #expect(memory.findFaults() == [])
  }

  @Test func theLastPageFreesTheWholeFolio() {
    let memory = makeHuge()
    let free = memory.free
    for slot in 0..<512 { #expect(memory.unmapPage(slot: slot, cpu: 0)) }
    #expect(memory.free == free + 512)
    #expect(memory.deferredSplits(node: 0) == (0, 0))
    #expect(memory.lruPages(node: 0, .inactiveAnon) == 0)
    #expect(memory.vmstat[.thp_split_page] == 0)
    // The page table stays, so that the block is not mapped as a whole again.
    #expect(memory.table.tablePage[0] != 0)
    #expect(memory.findFaults() == [])
  }

  @Test func aPageThatIsUnmappedAsAWholeIsNotSplit() {
    let memory = makeHuge()
    #expect(memory.mapHuge(slot: 512, isWrite: true, node: 0, cpu: 0))
    let free = memory.free
    #expect(memory.unmapPart(slots: 0..<600, cpu: 0) == 600)
    #expect(memory.vmstat[.thp_split_pmd] == 1)
    // The first block and its page table.
    memory.drainAllPerCPULists()
    #expect(memory.free >= free + 513)
    #expect(memory.table.tablePage[0] == 0 && memory.table.tablePage[1] != 0)
    #expect(memory.findFaults() == [])
  }

  @Test func touchedHolesAreBasePages() {
    let memory = makeHuge()
    let huge = memory.folio(slot: 0)
    #expect(memory.unmapPart(slots: 10..<20, cpu: 0) == 10)
    memory.mapPages(12..<14, isWrite: true)
    #expect(memory.folio(slot: 12) != huge && memory.folio(slot: 11) == 0 && memory.folio(slot: 20) == huge)
    #expect(memory.mappedPages(of: huge) == 502)
    #expect(memory.findFaults() == [])
    #expect(memory.unmap(slots: 0..<512, cpu: 0) == 504)
    #expect(memory.findFaults() == [])
  }

  @Test func aProtectedMappingIsAccessibleOnceSplit() {
    let memory = makeHuge()
    #expect(memory.protectForScan(slots: 0..<512, skippedNodes: 0, tiering: false, stamp: 0) == 512)
    #expect(memory.unmapPage(slot: 0, cpu: 0))
    #expect(memory.entry(slot: 1) & PTE.hint == PTE.present)
    // Scans see pages then, and stamp the folio.
    #expect(memory.protectForScan(slots: 0..<512, skippedNodes: 0, tiering: false, stamp: 0) == 511)
    #expect(memory.vmstat[.numa_huge_pte_updates] == 1)
  }

  @Test func theFolioHasTheStampOfItsPages() {
    let memory = makeMemory([8192, 8192])
    #expect(memory.mapHuge(slot: 0, isWrite: true, node: 1, cpu: 0))
    #expect(memory.unmapPage(slot: 9, cpu: 0))
    #expect(memory.protectForScan(slots: 300..<301, skippedNodes: 0, tiering: true, stamp: 77) == 1)
    let folio = memory.folio(slot: 300)
    #expect(memory.cold[Int(folio)].stamp == 77)
    // A split gives it to all of them.
    #expect(memory.isolate(folio))
    memory.splitHuge(folio)
    #expect(memory.cold[Int(memory.folio(slot: 511))].stamp == 77)
  }

  /// Accessed pages of a partly mapped folio and what the check says of them.
  @Test(arguments: [(0, References.reclaim), (1, .keep), (2, .activate), (300, .activate)])
  func everyMappingIsAskedForReferences(young: Int, answer: References) {
    let memory = makeHuge()
    #expect(memory.unmapPage(slot: 511, cpu: 0))
    for slot in young..<511 { memory.table.hot[slot] &= ~PTE.accessed }
    #expect(memory.checkReferences(memory.folio(slot: 0)) == answer)
    #expect((0..<511).allSatisfy { memory.table.hot[$0] & PTE.accessed == 0 })
  }

  // MARK: The shrinker

  /// So many partly mapped 2 MiB pages; page 0 of each is the one that is gone.
  private func makeQueue(_ count: Int, _ rules: KernelRules = .tpp2021) -> Memory {
    let memory = makeMemory([512 * (count + 4)], virtualPages: 512 * (count + 1), rules: rules)
    for block in 0..<count {
      guard memory.mapHuge(slot: block * 512, isWrite: true, node: 0, cpu: 0) else { fatalError("no block") }
      #expect(memory.unmapPage(slot: block * 512, cpu: 0))
    }
    return memory
  }

  @Test func shrinkingSplitsTheOldestAndFreesWhatIsUnmapped() {
    let memory = makeQueue(2)
    let first = memory.folio(slot: 1)
    memory.drainAllPerCPULists()
    let free = memory.free
    // A batch of what is queued: at priority 1 twice half of it.
    #expect(memory.shrinkDeferredSplits(node: 0, priority: 1, cpu: 0) == 2)
    memory.drainAllPerCPULists()
    #expect(memory.free == free + 2)
    #expect(memory.vmstat[.thp_split_page] == 2 && memory.vmstat[.thp_split_pmd] == 2)
    #expect(memory.deferredSplits(node: 0) == (0, 0))
    #expect((1..<512).allSatisfy { memory.folio(slot: $0) == first + PFN($0) })
    #expect(memory.lruPages(node: 0, .inactiveAnon) == 1022)
    // The pages are where the folio was: behind those of the second one, in the order of the kernel.
    #expect(memory.nodes[0].lru[0].tail == first + 1 && memory.nodes[0].lru[0].count == 1022)
    #expect(memory.frames[Int(first) + 1].prev == first + 2)
    #expect(memory.findFaults() == [])
  }

  /// Folios queued, priorities of the passes, folios split by each.
  @Test(arguments: [
    (4, [12, 12], [0, 0]), (4, [2, 2], [0, 0]), (4, [2, 1], [0, 4]), (4, [1], [4]), (4, [0], [4]),
    (3, [1, 1], [0, 3]), (3, [1, 0], [0, 3]), (200, [1], [128]), (200, [2, 2, 2], [0, 0, 128]),
  ])
  func passesScanInProportion(queued: Int, priorities: [Int], split: [Int]) {
    let memory = makeQueue(queued)
    #expect(priorities.map { memory.shrinkDeferredSplits(node: 0, priority: $0, cpu: 0) } == split)
    #expect(memory.deferredSplits(node: 0).queued == queued - split.reduce(0, +))
    #expect(memory.findFaults() == [])
  }

  @Test func anIsolatedFolioCannotBeSplit() {
    let memory = makeQueue(1)
    let folio = memory.folio(slot: 1)
    #expect(memory.isolate(folio))
    #expect(memory.shrinkDeferredSplits(node: 0, priority: 0, cpu: 0) == 0)
    #expect(memory.vmstat[.thp_split_page_failed] > 0)
    #expect(memory.deferredSplits(node: 0) == (1, 1))
    #expect(memory.findFaults() == [])
    memory.putBack(folio)
    #expect(memory.shrinkDeferredSplits(node: 0, priority: 0, cpu: 0) == 1)
  }

  @Test func wholePagesLeaveTheQueueUnsplit() {
    let memory = makeHuge()
    #expect(memory.shrinkDeferredSplits(node: 0, priority: 0, cpu: 0) == 0)
    #expect(memory.deferredSplits(node: 0) == (0, 0) && memory.isHuge(slot: 0))
    #expect(memory.unmapPage(slot: 0, cpu: 0))
    #expect(memory.deferredSplits(node: 0) == (1, 1))
  }

  // MARK: Splits under migration

  @Test func aFolioLosesPagesWhileItIsMoved() {
    let memory = makeHuge()
    let old = memory.folio(slot: 0)
    #expect(memory.isolate(old))
    guard let new = memory.allocate(order: 9, node: 1, cpu: 0, policy: .promotion) else { fatalError("no block") }
    memory.unmapForMigration(old, to: new)
    #expect(memory.unmapPart(slots: 100..<200, cpu: 0) == 100)
    #expect(memory.entry(slot: 0) & PTE.hint == PTE.special && memory.entry(slot: 150) == 0)
    #expect(memory.findFaults() == [])
    memory.mapPages(150..<151)
    memory.copyContent(from: old, to: new)
    memory.finishMigration(from: old, to: new, inaccessible: false, setDemoted: false, cpu: 0)
    #expect(memory.residency(slots: 0..<512) == [1, 412])
    #expect(memory.deferredSplits(node: 1) == (1, 1) && memory.deferredSplits(node: 0).queued == 0)
    #expect(memory.findFaults() == [])
  }

  @Test func aMigrationThatIsUndoneFindsWhatIsLeft() {
    let memory = makeHuge()
    let old = memory.folio(slot: 0)
    #expect(memory.isolate(old))
    guard let new = memory.allocate(order: 9, node: 1, cpu: 0, policy: .promotion) else { fatalError("no block") }
    memory.unmapForMigration(old, to: new)
    #expect(memory.unmapPage(slot: 5, cpu: 0))
    memory.restoreMapping(old)
    memory.putBack(old)
    memory.release(new, order: 9, cpu: 0)
    #expect(memory.residency(slots: 0..<512) == [511, 0])
    #expect(memory.deferredSplits(node: 0) == (1, 1))
    #expect(memory.findFaults() == [])
  }

  @Test func aSplitLeavesPagesThatNothingMapsToWhoeverIsolatedThem() {
    let memory = makeHuge()
    #expect(memory.unmapPart(slots: 0..<12, cpu: 0) == 12)
    let folio = memory.folio(slot: 12)
    #expect(memory.isolate(folio))
    memory.splitHuge(folio)
    #expect(memory.nodes[0].isolated == 512)
    #expect(memory.findFaults() == [])
    let freed = (0..<512).count { memory.releaseOrphan(folio + PFN($0), cpu: 0) }
    #expect(freed == 12)
    for slot in 12..<512 { memory.putBack(memory.folio(slot: slot)) }
    #expect(memory.nodes[0].isolated == 0)
    #expect(memory.findFaults() == [])
  }
}
