// Watermarks against values that follow from mm/page_alloc.c (calculate_min_free_kbytes, __setup_per_zone_wmarks,
// __zone_watermark_ok), mm/khugepaged.c (set_recommended_min_free_kbytes) and patch 1 of TPP.
import Testing

@testable import MemoryModel

/// Base pages of so many GiB.
private func gib(_ count: Int) -> Int { count << 18 }

@Suite struct WatermarkTests {
  struct Vector: Sendable, CustomTestStringConvertible {
    var managed: Int
    var movable = false
    var lowmem: Int
    var minFree: Int
    var scale = 10
    var marks: [Int]
    var testDescription: String { "\(managed) pages of \(lowmem), \(minFree) kB, scale \(scale)" }
  }

  @Test(arguments: [
    Vector(managed: gib(16), lowmem: gib(80), minFree: 45056, marks: [2252, 6446, 10640, 14834]),
    Vector(managed: gib(64), lowmem: gib(80), minFree: 45056, marks: [9011, 25788, 42565, 59342]),
    Vector(managed: gib(16), lowmem: gib(80), minFree: 45056, scale: 100, marks: [2252, 44195, 86138, 128081]),
    Vector(managed: gib(16), lowmem: gib(16), minFree: 22528, marks: [5632, 9826, 14020, 18214]),
    Vector(managed: gib(64), movable: true, lowmem: gib(16), minFree: 22528, marks: [128, 16905, 33682, 50459]),
    // A small movable zone has the floor of 32 pages; its gap is a quarter of its uncapped share.
    Vector(managed: 8192, movable: true, lowmem: 8192, minFree: 1024, marks: [32, 96, 160, 224]),
  ])
  func marksOfAZone(vector: Vector) {
    let marks = ZoneMarks(
      managed: vector.managed, movable: vector.movable, lowmem: vector.lowmem, minFreeKbytes: vector.minFree,
      scaleFactor: vector.scale)
    #expect([marks.min, marks.low, marks.high, marks.promo] == vector.marks)
  }

  @Test(arguments: [(2, 45056), (3, 67584), (4, 90112)])
  func recommendedMinimumOfHugePages(zones: Int, kbytes: Int) {
    #expect(Memory.recommendedMinFreeKbytes(zones: zones, lowmemPages: gib(80)) == kbytes)
  }

  @Test func recommendedMinimumIsAtMostFivePercentOfLowMemory() {
    #expect(Memory.recommendedMinFreeKbytes(zones: 2, lowmemPages: 20_000) == 4000)
  }

  @Test(arguments: [(gib(16), 16384), (gib(1), 4096), (256, 128), (gib(100_000), 262_144), (1000, 252)])
  func computedMinimum(pages: Int, kbytes: Int) {
    #expect(Memory.minFreeKbytes(lowmemPages: pages) == kbytes)
  }

  @Test(arguments: [
    (factor: 200, mark: 83886),
    // Never below twice the high mark, never above the zone.
    (factor: 1, mark: 21280), (factor: 50, mark: 21280), (factor: 51, mark: 21390), (factor: 10000, mark: gib(16)),
  ])
  func demotionMark(factor: Int, mark: Int) {
    let marks = ZoneMarks(managed: gib(16), movable: false, lowmem: gib(80), minFreeKbytes: 45056, scaleFactor: 10)
    #expect(marks.demote(managed: gib(16), factor: factor) == mark)
  }

  @Test func demotionMarkOfAZoneWithHighMarksIsTheZone() {
    let marks = ZoneMarks(managed: 1000, movable: false, lowmem: 1000, minFreeKbytes: 2400, scaleFactor: 10)
    #expect(marks.high == 900)
    #expect(marks.demote(managed: 1000, factor: 200) == 1000)
  }

  @Test func demotionMarkIsZeroUntilItIsComputed() {
    let memory = makeMemory([16384, 16384], rules: .tpp2021)
    memory.tieringMode = true
    #expect(memory.zones[0].demote == 0)
    #expect(!memory.isBelowDemotionMark(0))
    memory.demotionMarkFactor = 10_000
    #expect(memory.zones[0].demote == 16384)
    // Not one page is used, but the mark is the whole zone and per-CPU lists are empty: equal is balanced.
    #expect(!memory.isBelowDemotionMark(0))
    memory.mapPages(0..<1)
    #expect(memory.isBelowDemotionMark(0))
  }

  @Test(arguments: [(1, 3), (10, 10), (16, 12), (64, 25), (100, 31), (1024, 101)])
  func inactiveRatio(gibibytes: Int, ratio: Int) { #expect(Memory.inactiveRatio(pages: gib(gibibytes)) == ratio) }

  @Test func inactiveRatioBelowAGibibyteIsOne() { #expect(Memory.inactiveRatio(pages: gib(1) - 1) == 1) }

  @Test func freePagesEqualToTheMarkFailTheCheck() {
    let memory = makeMemory([4096])
    let free = memory.zones[0].free
    #expect(free == 4096)
    #expect(!memory.watermarkOK(zone: 0, order: 0, mark: free, highest: .normal))
    #expect(memory.watermarkOK(zone: 0, order: 0, mark: free - 1, highest: .normal))
    // An order-9 request counts all but one of its pages as gone.
    #expect(!memory.watermarkOK(zone: 0, order: 9, mark: free - 511, highest: .normal))
    #expect(memory.watermarkOK(zone: 0, order: 9, mark: free - 512, highest: .normal))
  }

  @Test func highOrdersNeedOneBlockThatIsLargeEnough() {
    // 500 pages: the largest block is 256.
    let memory = makeMemory([500], minFreeKbytes: 128)
    #expect(memory.watermarkOK(zone: 0, order: 8, mark: 0, highest: .normal))
    #expect(!memory.watermarkOK(zone: 0, order: 9, mark: -1000, highest: .normal))
  }

  @Test func lowmemReserveIsTheHigherZonesOverTheRatio() {
    let memory = makeMemory(layouts: [
      NodeLayout(
        tier: 0, cpus: 0..<1,
        zones: [
          ZoneLayout(kind: .dma, pages: 1024), ZoneLayout(kind: .dma32, pages: 10240),
          ZoneLayout(kind: .normal, pages: 20480), ZoneLayout(kind: .movable, pages: 3200),
        ])
    ]) { $0.lowmemReserveRatio = [256, 128, 32, 0] }
    let zones = memory.zones
    #expect(ZoneKind.allCases.map { zones[0].reserve(for: $0) } == [0, 40, 120, 132])
    #expect(ZoneKind.allCases.map { zones[1].reserve(for: $0) } == [0, 0, 160, 185])
    #expect(ZoneKind.allCases.map { zones[2].reserve(for: $0) } == [0, 0, 0, 100])
    #expect(ZoneKind.allCases.map { zones[3].reserve(for: $0) } == [0, 0, 0, 0])
    // The reserve holds against user pages, not against the kernel's own.
    let free = zones[2].free
    #expect(!memory.watermarkOK(zone: 2, order: 0, mark: free - 100, highest: .movable))
    #expect(memory.watermarkOK(zone: 2, order: 0, mark: free - 100, highest: .normal))
  }

  @Test func recomputingTheMarksDropsTheBoost() {
    let memory = makeMemory([4096])
    memory.zones[0].boost = 512
    #expect(memory.zones[0].mark(.low) == memory.zones[0].low + 512)
    var knobs = memory.knobs
    knobs.watermarkScaleFactor = 20
    memory.apply(knobs)
    #expect(memory.zones[0].boost == 0)
  }

  @Test func tieringBalancesAtThePromotionMark() {
    let memory = makeMemory([8192, 8192])
    let zone = memory.zones[0]
    memory.zones[0].free = zone.high
    #expect(!memory.isBalanced(node: 0, order: 0, highest: .movable))
    memory.zones[0].free = zone.high + 1
    #expect(memory.isBalanced(node: 0, order: 0, highest: .movable))
    memory.tieringMode = true
    #expect(!memory.isBalanced(node: 0, order: 0, highest: .movable))
    // The promotion mark holds for slow nodes too.
    memory.zones[1].free = memory.zones[1].high + 1
    #expect(!memory.isBalanced(node: 1, order: 0, highest: .movable))
    memory.zones[0].free = zone.promo
    #expect(!memory.isBalanced(node: 0, order: 0, highest: .movable))
    memory.zones[0].free = zone.promo + 1
    #expect(memory.isBalanced(node: 0, order: 0, highest: .movable))
  }

  @Test func roomForPromotionIsTheHighMarkAndThePages() {
    let memory = makeMemory([8192, 8192])
    let high = memory.zones[0].high
    memory.zones[0].free = high + 1
    #expect(!memory.hasRoomForPromotion(node: 0, pages: 1))
    memory.zones[0].free = high + 2
    #expect(memory.hasRoomForPromotion(node: 0, pages: 1))
    memory.zones[0].free = high + 512
    #expect(!memory.hasRoomForPromotion(node: 0, pages: 512))
  }
}
