// Classic LRU lists. Source: mm/swap.c folio_add_lru, mm/vmscan.c folio_check_references, shrink_active_list,
// isolate_lru_folios, inactive_is_low; 5.13's mark_page_accessed.
import Testing
import Units

@testable import MemoryModel

@Suite struct LRUTests {
  @Test(arguments: [(KernelRules.v6_12, 31), (.v7_1, 31), (.tpp2021, 15)])
  func newPagesReachTheListInBatches(rules: KernelRules, batch: Int) {
    let memory = makeMemory([8192], rules: rules)
    memory.mapPages(0..<(batch - 1))
    #expect(memory.lruPages(node: 0, .inactiveAnon) == 0)
    memory.mapPages((batch - 1)..<batch)
    #expect(memory.lruPages(node: 0, .inactiveAnon) == batch)
    #expect(memory.lruPages(node: 0, .activeAnon) == 0)
  }

  @Test func aHugePageDrainsTheBatchAtOnce() {
    let memory = makeMemory([8192])
    memory.mapPages(0..<5)
    #expect(memory.mapHuge(slot: 512, isWrite: false, node: 0, cpu: 0))
    #expect(memory.lruPages(node: 0, .inactiveAnon) == 517)
    #expect(memory.nodes[0].lru[LRUList.inactiveAnon.rawValue].count == 6)
  }

  struct Check: Sendable {
    var isFile = false
    var young: Bool
    var referenced: Bool
    var result: References
    var referencedAfter: Bool
  }

  @Test(arguments: [
    Check(young: false, referenced: false, result: .reclaim, referencedAfter: false),
    Check(young: false, referenced: true, result: .reclaim, referencedAfter: false),
    Check(young: true, referenced: false, result: .keep, referencedAfter: true),
    Check(young: true, referenced: true, result: .activate, referencedAfter: true),
    Check(isFile: true, young: false, referenced: false, result: .reclaim, referencedAfter: false),
    Check(isFile: true, young: false, referenced: true, result: .reclaimClean, referencedAfter: false),
    Check(isFile: true, young: true, referenced: false, result: .keep, referencedAfter: true),
    Check(isFile: true, young: true, referenced: true, result: .activate, referencedAfter: true),
  ])
  func referenceCheck(check: Check) {
    let memory = makeMemory([8192])
    memory.mapPages(7..<8, isFile: check.isFile)
    memory.drainAllLRUBatches()
    let page = memory.folio(slot: 7)
    if !check.young { memory.table.hot[7] &= ~PTE.accessed }
    if check.referenced { memory.frames[Int(page)].flags |= FrameFlags.referenced }
    #expect(memory.checkReferences(page) == check.result)
    #expect(memory.table.hot[7] & PTE.accessed == 0)
    #expect((memory.frames[Int(page)].flags & FrameFlags.referenced != 0) == check.referencedAfter)
  }

  /// 64 pages, all active and young.
  private func activeMemory(isFile: Bool = false) -> Memory {
    let memory = makeMemory([8192])
    memory.mapPages(0..<64, isFile: isFile)
    memory.drainAllLRUBatches()
    for slot in 0..<64 {
      let page = memory.folio(slot: slot)
      #expect(memory.isolate(page))
      memory.activate(page)
      memory.putBack(page)
    }
    return memory
  }

  @Test func theActiveListIgnoresYoungBits() {
    let memory = activeMemory()
    #expect(memory.lruPages(node: 0, .activeAnon) == 64)
    #expect(memory.vmstat[.pgactivate] == 64)
    // The oldest half of them; all are young, none rotates.
    #expect(memory.shrinkActiveList(node: 0, list: .activeAnon, wanted: 32, highest: .movable, cpu: 0) == 32)
    #expect(memory.lruPages(node: 0, .activeAnon) == 32)
    #expect(memory.lruPages(node: 0, .inactiveAnon) == 32)
    #expect(memory.vmstat[.pgdeactivate] == 32)
    #expect(memory.vmstat[.pgrefill] == 32)
    for slot in 0..<64 {
      let flags = memory.frames[Int(memory.folio(slot: slot))].flags
      #expect((memory.table.hot[slot] & PTE.accessed == 0) == (slot < 32))
      #expect((flags & FrameFlags.workingset != 0) == (slot < 32))
    }
    #expect(memory.findFaults() == [])
  }

  @Test func aHugePageIsOneFolioToLookAtAnd512PagesOfTheCount() {
    let memory = makeMemory([8192])
    #expect(memory.mapHuge(slot: 0, isWrite: false, node: 0, cpu: 0))
    let page = memory.folio(slot: 0)
    #expect(memory.isolate(page))
    memory.activate(page)
    memory.putBack(page)
    #expect(memory.shrinkActiveList(node: 0, list: .activeAnon, wanted: 32, highest: .movable, cpu: 0) == 1)
    #expect(memory.vmstat[.pgrefill] == 512)
  }

  /// 5.13 made a migrated page old (pte_mkold in remove_migration_pte), 6.1 and later keep what it was.
  @Test(arguments: [(KernelRules.tpp2021, false), (.v6_12, true)])
  func aMigratedPageIsAsYoungAsTheKernelLeavesIt(rules: KernelRules, staysYoung: Bool) throws {
    let memory = makeMemory([8192, 8192], rules: rules)
    memory.mapPages(0..<1)
    memory.drainAllLRUBatches()
    let old = memory.folio(slot: 0)
    #expect(memory.isolate(old))
    let new = try #require(memory.allocate(order: 0, node: 1, cpu: 0, policy: .promotion))
    memory.unmapForMigration(old, to: new)
    memory.copyContent(from: old, to: new)
    memory.finishMigration(from: old, to: new, inaccessible: false, setDemoted: false, cpu: 0)
    memory.drainAllLRUBatches()
    #expect((memory.entry(slot: 0) & PTE.accessed != 0) == staysYoung)
    #expect(memory.checkReferences(new) == (staysYoung ? .keep : .reclaim))
  }

  @Test func inactiveIsLowByTheRatio() {
    let memory = activeMemory()
    memory.flushListStats()
    #expect(memory.inactiveIsLow(node: 0, file: false))
    #expect(!memory.inactiveIsLow(node: 0, file: true))
    _ = memory.shrinkActiveList(node: 0, list: .activeAnon, wanted: 32, highest: .movable, cpu: 0)
    // The kernel goes by the statistics of its last flush.
    #expect(memory.inactiveIsLow(node: 0, file: false))
    memory.flushListStats()
    // 32 * 1 against 32: not low.
    #expect(!memory.inactiveIsLow(node: 0, file: false))
  }

  @Test func aChunkIsThirtyTwoPagesOrEndsWithTheHugePageThatCrosses() {
    let memory = makeMemory([8192])
    memory.mapPages(0..<31)
    #expect(memory.mapHuge(slot: 512, isWrite: false, node: 0, cpu: 0))
    memory.mapPages(1024..<1100)
    memory.drainAllLRUBatches()
    let buffer = UnsafeMutablePointer<PFN>.allocate(capacity: 64)
    defer { buffer.deallocate() }
    let first = memory.isolateChunk(node: 0, list: .inactiveAnon, wanted: 32, highest: .movable, into: buffer)
    #expect(first == (count: 32, scanned: 31 + 512))
    #expect(memory.nodes[0].isolated == 543)
    // From the tail: the oldest page is first.
    #expect(buffer[0] == memory.folio(slot: 0) && buffer[31] == memory.folio(slot: 512))
    for i in 0..<32 { memory.putBack(buffer[i]) }
    let second = memory.isolateChunk(node: 0, list: .inactiveAnon, wanted: 32, highest: .movable, into: buffer)
    #expect(second == (count: 32, scanned: 32))
    for i in 0..<32 { memory.putBack(buffer[i]) }
    #expect(memory.nodes[0].isolated == 0)
    #expect(memory.findFaults() == [])
  }

  @Test func pagesOfHigherZonesAreSkipped() {
    let memory = makeMemory(layouts: [
      NodeLayout(
        tier: 0, cpus: 0..<1,
        zones: [ZoneLayout(kind: .normal, pages: 4096), ZoneLayout(kind: .movable, pages: 4096)])
    ])
    memory.mapPages(0..<62)
    let buffer = UnsafeMutablePointer<PFN>.allocate(capacity: 64)
    defer { buffer.deallocate() }
    let none = memory.isolateChunk(node: 0, list: .inactiveAnon, wanted: 32, highest: .normal, into: buffer)
    #expect(none == (count: 0, scanned: 0))
    #expect(memory.vmstat[.pgskip_movable] == 62)
    #expect(memory.lruPages(node: 0, .inactiveAnon, upTo: .normal) == 0)
    #expect(memory.lruPages(node: 0, .inactiveAnon, upTo: .movable) == 62)
    #expect(memory.findFaults() == [])
  }

  @Test func costsAreHalvedWhenTheyOutgrowAQuarterOfTheLists() {
    let memory = makeMemory([8192])
    memory.mapPages(0..<310)
    memory.noteCost(node: 0, file: false, pageouts: 0, rotated: 60)
    #expect(memory.nodes[0].anonCost == 60)
    memory.noteCost(node: 0, file: true, pageouts: 1, rotated: 0)
    // 60 + 32 is more than 310 / 4.
    #expect(memory.nodes[0].anonCost == 30 && memory.nodes[0].fileCost == 16)
    // 5.13 counts page-out only.
    let old = makeMemory([8192], rules: .tpp2021)
    old.mapPages(0..<300)
    old.noteCost(node: 0, file: false, pageouts: 0, rotated: 60)
    #expect(old.nodes[0].anonCost == 0)
  }

  @Test func marksTurnReferencedThenActiveThroughABatchOfFifteen() {
    let memory = makeMemory([8192], rules: .tpp2021)
    memory.mapPages(0..<15)
    let page = memory.folio(slot: 3)
    memory.markAccessed(page, cpu: 0)
    #expect(memory.frames[Int(page)].flags & FrameFlags.referenced != 0)
    for round in 1...14 {
      memory.markAccessed(page, cpu: 0)
      #expect(!memory.isActive(page), "round \(round)")
      memory.markAccessed(page, cpu: 0)
    }
    memory.markAccessed(page, cpu: 0)
    #expect(memory.isActive(page))
    #expect(memory.lruPages(node: 0, .activeAnon) == 1)
    #expect(memory.vmstat[.pgactivate] == 1)
  }

  @Test func aFrameThatIsFreedLeavesTheActivationBatch() {
    let memory = makeMemory([8192], rules: .tpp2021)
    memory.mapPages(0..<30)
    let page = memory.folio(slot: 7)
    for _ in 0..<2 { memory.markAccessed(page, cpu: 0) }
    #expect(memory.unmapPage(slot: 7, cpu: 0))
    // The frame comes back from the per-CPU list as another page.
    memory.mapPages(600..<601)
    memory.drainAllLRUBatches()
    #expect(memory.folio(slot: 600) == page)
    #expect(!memory.isActive(page))
    #expect(memory.vmstat[.pgactivate] == 0)
  }

  @Test func aPageInTheMarkersOwnAddBatchBecomesActiveThere() {
    let memory = makeMemory([8192], cpus: 2, rules: .tpp2021)
    memory.mapPages(0..<2)
    for _ in 0..<2 { memory.markAccessed(memory.folio(slot: 0), cpu: 0) }
    for _ in 0..<2 { memory.markAccessed(memory.folio(slot: 1), cpu: 1) }
    #expect(memory.isActive(memory.folio(slot: 0)))
    #expect(!memory.isActive(memory.folio(slot: 1)))
    memory.drainAllLRUBatches()
    #expect(memory.lruPages(node: 0, .activeAnon) == 1)
    #expect(memory.lruPages(node: 0, .inactiveAnon) == 1)
  }
}
