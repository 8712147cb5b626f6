// Which ranges may be collapsed, and what becomes of their pages.
import Testing

@testable import MemoryModel

private let defaults = CollapseLimits(none: 511, swapped: 64)

/// A memory whose first block has base pages at `slots`, all on their lists, `young` of them accessed.
private func makeRange(_ slots: Range<Int>, young: Int = 1, rules: KernelRules = .v6_12) -> Memory {
  let memory = makeMemory([4096, 4096], rules: rules)
  memory.mapPages(slots, isWrite: true)
  for slot in slots.dropFirst(young) { memory.table.hot[slot] &= ~PTE.accessed }
  memory.drainAllLRUBatches()
  return memory
}

extension Memory {
  /// Collapses a block on a node; false when it may not be, or there is no 2 MiB block.
  @discardableResult
  fileprivate func collapse(_ block: Int, node: Int, limits: CollapseLimits = defaults) -> Int? {
    guard scanForCollapse(block: block, limits: limits).outcome == .succeed,
      let new = allocate(order: 9, node: node, cpu: 0, policy: .promotion)
    else { return nil }
    holdHugeBlock(new)
    guard let range = beginCollapse(block: block, limits: limits).range else {
      release(new, order: 9, cpu: 0)
      return nil
    }
    copyContent(of: range, to: new)
    finishCollapse(range, to: new, cpu: 0)
    return range.holes
  }
}

@Suite struct CollapseRuleTests {
  /// Pages mapped, accessed ones among them, limit of holes.
  @Test(arguments: [
    (1, 1, 511, CollapseOutcome.succeed, 512), (1, 1, 510, .exceedsNone, 512), (256, 1, 256, .succeed, 512),
    (255, 1, 256, .exceedsNone, 512), (512, 1, 0, .succeed, 512), (511, 1, 0, .exceedsNone, 512),
    (512, 0, 511, .notReferenced, 512), (10, 0, 511, .notReferenced, 512), (10, 5, 0, .exceedsNone, 11),
  ])
  func holesAndReferences(mapped: Int, young: Int, limit: Int, outcome: CollapseOutcome, entries: Int) {
    let memory = makeRange(0..<mapped, young: young)
    let scan = memory.scanForCollapse(block: 0, limits: CollapseLimits(none: limit, swapped: 64))
    #expect(scan.outcome == outcome)
    #expect(scan.entries == entries)
    #expect(memory.vmstat[.thp_scan_exceed_none_pte] == (outcome == .exceedsNone ? 1 : 0))
  }

  @Test func aReferencedPageWillDoForAYoungOne() {
    let memory = makeRange(0..<5, young: 0)
    memory.frames[Int(memory.folio(slot: 3))].flags |= FrameFlags.referenced
    #expect(memory.scanForCollapse(block: 0, limits: defaults).outcome == .succeed)
  }

  /// Pages under migration, accessed pages, limit of pages elsewhere.
  @Test(arguments: [
    (64, 512, 64, CollapseOutcome.succeed), (65, 512, 64, .exceedsSwapped), (1, 257, 64, .succeed),
    (1, 256, 64, .notReferenced), (1, 512, 0, .exceedsSwapped),
  ])
  func pagesUnderMigrationCountAsSwappedOut(moving: Int, young: Int, limit: Int, outcome: CollapseOutcome) {
    let memory = makeRange(0..<512, young: young)
    for slot in 0..<moving {
      let page = memory.folio(slot: slot)
      guard memory.isolate(page), let new = memory.allocate(order: 0, node: 1, cpu: 0, policy: .promotion) else {
        fatalError("no page")
      }
      memory.unmapForMigration(page, to: new)
    }
    let limits = CollapseLimits(none: 511, swapped: limit)
    #expect(memory.scanForCollapse(block: 0, limits: limits).outcome == outcome)
    #expect(memory.vmstat[.thp_scan_exceed_swap_pte] == (outcome == .exceedsSwapped ? 1 : 0))
    #expect(memory.beginCollapse(block: 0, limits: limits).scan.outcome == .notPresent)
  }

  @Test func pagesOnNoListStopIt() {
    let memory = makeRange(0..<512)
    #expect(memory.isolate(memory.folio(slot: 9)))
    #expect(memory.scanForCollapse(block: 0, limits: defaults).outcome == .notListed)
    let batched = makeMemory([4096])
    batched.mapPages(0..<1)
    #expect(batched.scanForCollapse(block: 0, limits: defaults).outcome == .notListed)
  }

  @Test func untouchedAndWholeBlocksAreNoRanges() {
    let memory = makeMemory([4096])
    #expect(memory.scanForCollapse(block: 0, limits: defaults).outcome == .noTable)
    #expect(memory.mapHuge(slot: 0, isWrite: true, node: 0, cpu: 0))
    let scan = memory.scanForCollapse(block: 0, limits: defaults)
    #expect(scan.outcome == .isHuge && scan.entries == 0)
  }

  @Test func theOldKernelDoesNotCountLimits() {
    let memory = makeRange(0..<5, rules: .tpp2021)
    #expect(memory.scanForCollapse(block: 0, limits: CollapseLimits(none: 0, swapped: 0)).outcome == .exceedsNone)
    #expect(memory.vmstat[.thp_scan_exceed_none_pte] == 0)
  }
}

@Suite struct CollapseTests {
  @Test func pagesOfTwoNodesBecomeOneOfTheTarget() {
    let memory = makeMemory([4096, 4096])
    memory.mapPages(0..<212)
    memory.mapPages(212..<512, isWrite: true, node: 1)
    memory.drainAllLRUBatches()
    #expect(memory.scanForCollapse(block: 0, limits: defaults).load == [212, 300])
    memory.drainAllPerCPULists()
    let free = memory.zones[0].free
    #expect(memory.collapse(0, node: 1) == 0)
    #expect(memory.isHuge(slot: 0) && memory.residency(slots: 0..<512) == [0, 512])
    #expect(memory.entry(slot: 0) & (PTE.hint | PTE.accessed) == PTE.present | PTE.accessed)
    memory.drainAllPerCPULists()
    #expect(memory.zones[0].free == free + 212)
    #expect(memory.lruPages(node: 1, .inactiveAnon) == 512)
    #expect(memory.findFaults() == [])
  }

  @Test func holesHaveWhatAFirstTouchGives() {
    let memory = makeRange(100..<110)
    #expect(memory.collapse(0, node: 0) == 502)
    #expect(memory.residency(slots: 0..<512) == [512, 0])
    #expect(memory.findFaults() == [])
  }

  @Test func writtenPagesKeepTheirContent() {
    let memory = makeRange(0..<512)
    let generation = memory.table.generation[7]
    memory.collapse(0, node: 1)
    #expect(memory.table.generation[7] == generation + 1)
    #expect(memory.findFaults() == [])
  }

  @Test func nobodyGetsThroughMeanwhile() {
    let memory = makeRange(0..<10)
    guard let range = memory.beginCollapse(block: 0, limits: defaults).range else { fatalError("refused") }
    #expect([0, 9, 10, 511].allSatisfy { memory.entry(slot: $0) & PTE.hint == PTE.special })
    #expect((0..<512).count { memory.isMapped(slot: $0) } == 10)
    #expect(memory.nodes[0].isolated == 10)
    #expect(memory.protectForScan(slots: 0..<512, skippedNodes: 0, tiering: false, stamp: 0) == 0)
    #expect(memory.findFaults() == [])
    memory.abandonCollapse(range, cpu: 0)
    #expect(memory.residency(slots: 0..<512) == [10, 0] && memory.nodes[0].isolated == 0)
    #expect(memory.findFaults() == [])
  }

  @Test func anUnmappedRangeIsGivenUp() {
    let memory = makeRange(0..<10)
    guard let range = memory.beginCollapse(block: 0, limits: defaults).range else { fatalError("refused") }
    #expect(memory.unmapPart(slots: 3..<600, cpu: 0) == 7)
    #expect(!memory.isCollapsing(range))
    memory.abandonCollapse(range, cpu: 0)
    #expect(memory.residency(slots: 0..<512) == [3, 0] && memory.nodes[0].isolated == 0)
    #expect(memory.findFaults() == [])
  }

  @Test(arguments: KernelRules.allCases)
  func aPartlyMappedPageIsCollapsedAgain(rules: KernelRules) {
    let memory = makeMemory([4096], rules: rules)
    #expect(memory.mapHuge(slot: 0, isWrite: true, node: 0, cpu: 0))
    #expect(memory.unmapPart(slots: 0..<100, cpu: 0) == 100)
    memory.mapPages(0..<20)
    memory.drainAllLRUBatches()
    let old = memory.folio(slot: 200)
    #expect(memory.collapse(0, node: 0) == 80)
    #expect(memory.folio(slot: 0) != old)
    // The old one is free, and on no queue.
    #expect(memory.deferredSplits(node: 0) == (rules == .tpp2021 ? 0 : 1, 0))
    #expect(memory.lruPages(node: 0, .inactiveAnon) == 512)
    #expect(memory.findFaults() == [])
  }
}
