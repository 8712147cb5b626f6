// The buddy allocator: splitting and merging, fallbacks, claims and the boost. Source: mm/page_alloc.c (__rmqueue,
// __rmqueue_fallback, steal_suitable_fallback, boost_watermark).
import Testing
import Units

@testable import MemoryModel

@Suite struct BuddyTests {
  /// Free blocks of each order of a zone.
  private func blocks(_ memory: Memory, zone: Int = 0) -> [Int] {
    (0...Memory.maxOrder).map { memory.zones[zone].freeBlocks(order: $0) }
  }

  /// Takes every free page of a zone, as movable base pages in use.
  private func exhaust(_ memory: Memory) {
    while memory.takeBlock(zone: 0, order: 0, type: .movable, noFragment: false, mayWake: false) != nil {}
  }

  private func take(_ memory: Memory, _ type: MigrateType, order: Int = 0, mayWake: Bool = true) -> PFN? {
    memory.takeBlock(zone: 0, order: order, type: type, noFragment: false, mayWake: mayWake)
  }

  @Test func aPageIsSplitOffAndMergesBack() throws {
    let memory = makeMemory([4096])
    #expect(blocks(memory) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4])
    let page = try #require(take(memory, .movable))
    #expect(blocks(memory) == [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3])
    #expect(memory.zones[0].free == 4095)
    memory.freeBlock(page, order: 0)
    #expect(blocks(memory) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4])
    #expect(memory.findFaults() == [])
  }

  @Test func aZoneThatIsNoPowerOfTwoStartsInLargestBlocks() {
    let memory = makeMemory([3000])
    // 2 * 1024 + 512 + 256 + 128 + 32 + 16 + 8
    #expect(blocks(memory) == [0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 2])
    #expect(memory.zones[0].free == 3000)
  }

  @Test func buddiesOfOtherSizesDoNotMerge() throws {
    let memory = makeMemory([1024], minFreeKbytes: 128)
    let first = try #require(take(memory, .movable))
    let second = try #require(take(memory, .movable))
    #expect(second == first + 1)
    memory.freeBlock(first, order: 0)
    #expect(memory.zones[0].freeBlocks(order: 0) == 1)
    #expect(memory.zones[0].freeBlocks(order: 1) == 1)
    memory.freeBlock(second, order: 0)
    #expect(memory.zones[0].freeBlocks(order: 10) == 1)
  }

  @Test(arguments: [
    (MigrateType.movable, MigrateType.reclaimable), (.unmovable, .reclaimable), (.reclaimable, .unmovable),
  ])
  func firstFallbackIsTakenBeforeTheSecond(wanted: MigrateType, first: MigrateType) throws {
    let memory = makeMemory([4096])
    exhaust(memory)
    let others = MigrateType.allCases.filter { $0 != wanted }
    // An order-3 block of each other type, each in a pageblock of its own.
    for (i, type) in others.enumerated() {
      let block = memory.zones[0].start + PFN(i * Page.perHuge)
      memory.setBlockType(block, type)
      memory.insertFree(zone: 0, pfn: block, order: 3, type: type)
    }
    let page = try #require(take(memory, wanted))
    let offset = try #require(others.firstIndex(of: first)) * Page.perHuge
    #expect(page >= memory.zones[0].start + PFN(offset) && page < memory.zones[0].start + PFN(offset + 8))
  }

  @Test func movableStealsTheSmallestPieceWhenItMayNotClaim() throws {
    let memory = makeMemory([4096])
    exhaust(memory)
    let start = memory.zones[0].start
    for (i, order) in [3, 0].enumerated() {
      let block = start + PFN(i * Page.perHuge)
      memory.setBlockType(block, .unmovable)
      memory.insertFree(zone: 0, pfn: block, order: order, type: .unmovable)
    }
    let page = try #require(take(memory, .movable))
    #expect(page == start + PFN(Page.perHuge))
    #expect(memory.blockType(page) == .unmovable)
  }

  /// Until 6.10 the rest of a stolen block, and for other than movable pages all that is free around it, went to the lists of who asked.
  @Test(
    arguments: [(KernelRules.tpp2021, true), (.v6_12, false)],
    [(MigrateType.movable, MigrateType.unmovable), (.unmovable, .reclaimable)])
  func theRestOfAStolenBlock(rules: (KernelRules, follows: Bool), types: (MigrateType, MigrateType)) throws {
    let (wanted, foreign) = types
    let memory = makeMemory([4096], rules: rules.0)
    exhaust(memory)
    let start = memory.zones[0].start
    memory.setBlockType(start, foreign)
    for (offset, order) in [(0, 3), (64, 2)] {
      memory.insertFree(zone: 0, pfn: start + PFN(offset), order: order, type: foreign)
    }
    _ = try #require(take(memory, wanted))
    func free(_ type: MigrateType) -> Int {
      (0...Memory.maxOrder).reduce(0) { $0 + memory.zones[0].freeLists[$1 * 3 + type.rawValue].count << $1 }
    }
    // Movable pages take the smaller block, and touch no other.
    let followers = rules.follows ? (wanted == .movable ? 3 : 11) : 0
    #expect(free(wanted) == followers && free(foreign) == 11 - followers)
    #expect(memory.blockType(start) == foreign)
  }

  @Test func unmovableTakesAWholePageblockWithoutBoost() throws {
    let memory = makeMemory([4096])
    let page = try #require(take(memory, .unmovable))
    #expect(memory.blockType(page) == .unmovable)
    #expect(memory.zones[0].boost == 0)
    // An order-10 block is two pageblocks, and both change type.
    #expect(memory.blockType(page ^ 512) == .unmovable)
    #expect(try #require(take(memory, .movable)) / 1024 != page / 1024)
  }

  /// A zone in use except for one free run of 2^order pages at the start of its first pageblock.
  private func nearlyFull(pages: Int = 4096, order: Int, _ change: (inout MemoryKnobs) -> Void = { _ in }) -> Memory {
    let memory = makeMemory([pages], change)
    exhaust(memory)
    memory.freeBlock(memory.zones[0].start, order: order)
    return memory
  }

  @Test func claimingABlockRetypesItAndBoosts() throws {
    let memory = nearlyFull(order: 8)
    let page = try #require(take(memory, .unmovable))
    #expect(memory.blockType(page) == .unmovable)
    #expect(memory.zones[0].freeLists[7 * 3 + MigrateType.unmovable.rawValue].count == 1)
    #expect(memory.zones[0].boost == 512)
    #expect(memory.zones[0].wakeForBoost)
  }

  @Test func aBlockMostlyOfMovablePagesIsNotClaimed() throws {
    let memory = makeMemory([1024], virtualPages: 1024, minFreeKbytes: 128) { $0.watermarkBoostFactor = 0 }
    memory.mapPages(0..<900)
    memory.drainAllLRUBatches()
    memory.drainAllPerCPULists()
    // Movable pages on LRU lists do not help an unmovable request to a block; 128 free ones are too few.
    exhaust(memory)
    let block =
      memory.frames[Int(memory.zones[0].start)].flags & FrameFlags.kindMask == FrameFlags.kindFolio
      ? memory.zones[0].start : memory.zones[0].start + 512
    for slot in 0..<900 {
      let pfn = memory.folio(slot: slot)
      if pfn >= block, pfn < block + 128 { #expect(memory.unmapPage(slot: slot, cpu: 0)) }
    }
    memory.drainAllPerCPULists()
    let page = try #require(take(memory, .unmovable))
    #expect(memory.blockType(page) == .movable)
  }

  @Test func boostGrowsByAPageblockUpToTheFactor() throws {
    let memory = makeMemory([65536]) { $0.watermarkScaleFactor = 100 }
    exhaust(memory)
    let high = memory.zones[0].high
    let limit = high * 15000 / 10000
    #expect(limit > 1024)
    var boosts: [Int] = []
    for i in 0..<5 {
      memory.freeBlock(memory.zones[0].start + PFN(i * Page.perHuge), order: 8)
      _ = try #require(take(memory, .unmovable, order: 8))
      boosts.append(memory.zones[0].boost)
    }
    #expect(boosts == (1...5).map { min($0 * 512, limit) })
    #expect(boosts.last == limit)
  }

  @Test func boostIsAtLeastAPageblock() throws {
    // 150 % of this zone's high mark is less than 512 pages.
    let memory = nearlyFull(order: 8)
    #expect(memory.zones[0].high * 3 / 2 < 512)
    _ = try #require(take(memory, .unmovable))
    #expect(memory.zones[0].boost == 512)
  }

  @Test(arguments: [(pages: 2047, boost: 0), (pages: 2048, boost: 512)])
  func zonesUnderFourPageblocksAreNotBoosted(pages: Int, boost: Int) throws {
    let memory = nearlyFull(pages: pages, order: 8)
    _ = try #require(take(memory, .unmovable))
    #expect(memory.zones[0].boost == boost)
  }

  @Test func boostFactorZeroIsOff() throws {
    let memory = nearlyFull(order: 8) { $0.watermarkBoostFactor = 0 }
    _ = try #require(take(memory, .unmovable))
    #expect(memory.zones[0].boost == 0 && !memory.zones[0].wakeForBoost)
  }

  @Test func noFragmentRefusesBlocksBelowAPageblock() throws {
    let memory = nearlyFull(order: 8)
    #expect(memory.takeBlock(zone: 0, order: 0, type: .unmovable, noFragment: true, mayWake: true) == nil)
    #expect(memory.zones[0].boost == 0)
  }

  @Test func theKernelsPagesAreHeldAndTheirFreeRestStaysUnmovable() {
    let memory = makeMemory(layouts: [
      NodeLayout(
        tier: 0, cpus: 0..<1, zones: [ZoneLayout(kind: .normal, pages: 8192)], kernelPages: 700, unmovableFree: 100)
    ])
    #expect(memory.zones[0].free == 8192 - 700)
    var unmovable = 0
    for order in 0...Memory.maxOrder {
      unmovable += memory.zones[0].freeLists[order * 3 + MigrateType.unmovable.rawValue].count << order
    }
    #expect(unmovable >= 100 && unmovable < 100 + 512)
    #expect(memory.findFaults() == [])
  }

  /// kernel/dma/pool.c: 128 KiB at least, in one block; the rest of the kernel's pages lies above.
  @Test func theDMAZoneHoldsThePoolOfAtomicAllocationsAlone() {
    let memory = makeMemory(layouts: [
      NodeLayout(
        tier: 0, cpus: 0..<1,
        zones: [ZoneLayout(kind: .dma, pages: 4096), ZoneLayout(kind: .dma32, pages: 8192)], kernelPages: 700)
    ])
    #expect(memory.zones[0].free == 4096 - 32)
    #expect(memory.zones[1].free == 8192 - 700 + 32)
    #expect(memory.findFaults() == [])
  }

  /// move_freelist_head and move_freelist_tail: what was looked at last is what the next search comes to last.
  @Test func aFreeListIsTurnedBehindWhatWasLookedAt() {
    let memory = makeMemory([8192])
    let list = memory.zones[0].freeLists + (Memory.maxOrder * 3 + MigrateType.movable.rawValue)
    func order() -> [PFN] {
      var found: [PFN] = []
      var pfn = list.pointee.head
      while pfn != 0 {
        found.append(pfn)
        pfn = memory.frames[Int(pfn)].next
      }
      return found
    }
    let blocks = order()
    #expect(blocks.count > 3)
    memory.rotate(list, head: blocks[2])
    #expect(order() == Array(blocks[2...] + blocks[..<2]))
    #expect(list.pointee.tail == blocks[1])
    memory.rotate(list, tail: blocks[2])
    #expect(order() == Array(blocks[3...] + blocks[...2]))
    #expect(list.pointee.head == blocks[3] && memory.findFaults() == [])
  }
}
