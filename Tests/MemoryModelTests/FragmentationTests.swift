// Fragmentation, suitability, deferral: the reference's vectors (linux-mm.md 4.2, 4.4, 4.7). Its 996 for 512 single pages is
// 997 by its own formula: 2000 / 512 is 3.
import MemoryModel
import Testing

@Suite struct FragmentationTests {
  @Test(
    arguments: [
      (2048, 2048, 998), (512, 512, 997), (100, 100, 989), (2560, 10, 400), (2560, 12, 500), (0, 0, 0),
    ])
  func `the index of order 9 without a block of it`(pages: Int, blocks: Int, index: Int) {
    #expect(FreeBlocks(pages: pages, blocks: blocks, suitable: 0).fragmentationIndex(order: 9) == index)
  }

  @Test func `an allocation that would not fail has index -1000`() {
    #expect(FreeBlocks(pages: 512, blocks: 1, suitable: 1).fragmentationIndex(order: 9) == -1000)
  }

  @Test(arguments: [(1024, 1, 50), (1024, 2, 0), (1000, 0, 100), (0, 0, 0), (513, 1, 0)])
  func `external fragmentation is the share in blocks too small`(pages: Int, suitable: Int, percent: Int) {
    #expect(FreeBlocks(pages: pages, blocks: 9, suitable: suitable).externalFragmentation(order: 9) == percent)
  }

  @Test(arguments: [
    (20, 80, 90, 90), (0, 100, 100, 100), (100, 0, 0, 15), (90, 10, 15, 20), (97, 3, 4, 15), (50, 50, 60, 60),
  ])
  func `proactiveness names the scores between which a node is compacted`(
    value: Int, low: Int, high: Int, oldHigh: Int
  ) {
    let marks = Memory.scoreMarks(proactiveness: value, rules: .v7_1)
    #expect(marks.low == low && marks.high == high)
    for rules in [KernelRules.tpp2021, .v6_12] {
      let marks = Memory.scoreMarks(proactiveness: value, rules: rules)
      #expect(marks.low == max(low, 5) && marks.high == oldHigh)
    }
  }

  @Test func `the gap of order 9 is 4 MiB`() { #expect(Memory.compactGap(order: 9) == 1024) }

  @Test func `each failure doubles the requests passed over, to 64`() {
    var zone = ZoneCompaction()
    let isNew = zone.isDeferred(order: 9)
    #expect(!isNew)
    for shift in 1...8 {
      zone.failed(order: 9)
      let deferred = (0..<200).prefix { _ in zone.isDeferred(order: 9) }.count
      #expect(deferred == 1 << min(shift, 6) - 1)
    }
    #expect(zone.deferShift == 6)
  }

  @Test func `a smaller order than the one that failed is not deferred`() {
    var zone = ZoneCompaction()
    zone.succeeded(order: 8, isAllocated: false)
    zone.failed(order: 9)
    let deferred = (zone.isDeferred(order: 8), zone.isDeferred(order: 9))
    #expect(deferred == (false, true))
  }

  @Test func `an allocation ends the deferral, a belief raises the order alone`() {
    var zone = ZoneCompaction()
    zone.failed(order: 9)
    zone.failed(order: 9)
    zone.succeeded(order: 9, isAllocated: false)
    let isDeferred = zone.isDeferred(order: 9)
    #expect(zone.deferShift == 2 && zone.orderFailed == 10 && !isDeferred)
    zone.succeeded(order: 9, isAllocated: true)
    #expect(zone.deferShift == 0 && zone.considered == 0)
  }

  @Test func `suitability goes by the low mark and the gap, then by the index`() {
    let memory = makeMemory([16384], virtualPages: 32768) { $0.watermarkBoostFactor = 0 }
    let zone = memory.zones[0]
    #expect(memory.compactionSuitability(zone: 0, order: 9, highest: .movable, threshold: 500) == .notNeeded)
    // All pages mapped, every second one freed: no block of order 9, and more than enough pages.
    let pages = zone.free - zone.low - 200
    memory.mapPages(0..<pages)
    for slot in stride(from: 0, to: pages, by: 2) { _ = memory.unmapPage(slot: slot, cpu: 0) }
    memory.drainAllPerCPULists()
    takeBlocks(memory)
    #expect(memory.compactionSuitability(zone: 0, order: 9, highest: .movable, threshold: 500) == .suitable)
    #expect(memory.compactionSuitability(zone: 0, order: 9, highest: .movable, threshold: 1000) == .unsuitable)
    #expect(memory.fragmentationScore(zone: 0) == 100)
    var slot = 16384
    while memory.zones[0].free > zone.low + Memory.compactGap(order: 9) {
      memory.mapPages(slot..<slot + 1)
      slot += 1
    }
    #expect(memory.compactionSuitability(zone: 0, order: 9, highest: .movable, threshold: 500) == .unsuitable)
  }

  private func takeBlocks(_ memory: Memory) {
    var policy = AllocationPolicy.user
    policy.mayWakeKswapd = false
    while memory.zones[0].freeBlocks(order: 9) + memory.zones[0].freeBlocks(order: 10) > 0 {
      _ = memory.allocate(order: 9, node: 0, cpu: 0, policy: policy)
    }
  }
}
