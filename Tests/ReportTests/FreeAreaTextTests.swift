// Snapshots of the free lists: the exact bytes of /proc and debugfs.

import MemoryModel
import Simulation
import Testing
import Units

@testable import Report

@Suite struct FreeAreaTextTests {
  /// A DMA32 zone with whole blocks, and a Normal one in pieces.
  static let zones: [ZoneFreeAreas] = [
    ZoneFreeAreas(
      node: 0, kind: .dma32,
      blocks: [
        [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0], [1, 2, 4, 2, 5, 4, 3, 3, 4, 2, 752], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      ], pageblocks: [1, 1528, 0]),
    ZoneFreeAreas(
      node: 1, kind: .normal,
      blocks: [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [123_456, 66, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      ], pageblocks: [0, 4000, 12]),
  ]

  @Test func `buddyinfo`() {
    #expect(
      FreeAreaText.buddyinfo(Self.zones) == """
        Node 0, zone    DMA32      1      2      4      2      5      4      3      3      5      2    752\u{20}
        Node 1, zone   Normal 123467     66      0      0      0      0      0      0      0      0      0\u{20}

        """)
  }

  // swift-format-ignore
  @Test func `pagetypeinfo`() {
    #expect(
      FreeAreaText.pagetypeinfo(Self.zones) == """
        Page block order: 9
        Pages per block:  512

        Free pages count per migrate type at order       0      1      2      3      4      5      6      7      8      9     10\u{20}
        Node    0, zone    DMA32, type    Unmovable      0      0      0      0      0      0      0      0      1      0      0\u{20}
        Node    0, zone    DMA32, type      Movable      1      2      4      2      5      4      3      3      4      2    752\u{20}
        Node    0, zone    DMA32, type  Reclaimable      0      0      0      0      0      0      0      0      0      0      0\u{20}
        Node    0, zone    DMA32, type   HighAtomic      0      0      0      0      0      0      0      0      0      0      0\u{20}
        Node    0, zone    DMA32, type      Isolate      0      0      0      0      0      0      0      0      0      0      0\u{20}
        Node    1, zone   Normal, type    Unmovable      0      0      0      0      0      0      0      0      0      0      0\u{20}
        Node    1, zone   Normal, type      Movable >100000     66      0      0      0      0      0      0      0      0      0\u{20}
        Node    1, zone   Normal, type  Reclaimable     11      0      0      0      0      0      0      0      0      0      0\u{20}
        Node    1, zone   Normal, type   HighAtomic      0      0      0      0      0      0      0      0      0      0      0\u{20}
        Node    1, zone   Normal, type      Isolate      0      0      0      0      0      0      0      0      0      0      0\u{20}

        Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate\u{20}
        Node 0, zone    DMA32            1         1528            0            0            0\u{20}
        Node 1, zone   Normal            0         4000           12            0            0\u{20}

        """)
  }

  @Test func `extfrag has three decimals, and -1.000 where a block exists`() {
    let index = FreeAreaText.extfragIndex(Self.zones, rules: .v6_12).split(separator: "\n")
    #expect(index[0] == "Node 0, zone    DMA32 " + String(repeating: "-1.000 ", count: 11))
    // 123,599 pages in 123,533 blocks: 1000 - (1000 + 123599 * 1000 / 4) / 123533 and so on.
    #expect(
      index[1].hasPrefix("Node 1, zone   Normal -1.000 -1.000  0.750  0.875  0.938  0.969 ")
        && index[1].hasSuffix("  1.000 "))
    #expect(
      FreeAreaText.extfragIndex(Self.zones, rules: .tpp2021).contains("Normal -1.000 -1.000 0.750 0.875 0.938 "))
    let unusable = FreeAreaText.unusableIndex(Self.zones).split(separator: "\n")
    #expect(unusable[0].hasPrefix("Node 0, zone    DMA32 0.000 0.000 0.000 "))
    #expect(unusable[1].hasPrefix("Node 1, zone   Normal 0.000 0.998 1.000 1.000 "))
    // Nothing free: no index, and nothing usable.
    let none = [
      ZoneFreeAreas(
        node: 0, kind: .normal, blocks: [[Int]](repeating: [Int](repeating: 0, count: 11), count: 3),
        pageblocks: [0, 1, 0])
    ]
    #expect(FreeAreaText.extfragIndex(none, rules: .v6_12).hasPrefix("Node 0, zone   Normal  0.000  0.000 "))
    #expect(FreeAreaText.unusableIndex(none).hasPrefix("Node 0, zone   Normal 1.000 1.000 "))
  }

  @Test func `a line with the time stands before each snapshot`() {
    let samples = [
      FreeAreaSample(time: 0, name: "start", zones: Self.zones),
      FreeAreaSample(time: 1_500 * Picoseconds.microsecond, name: "", zones: Self.zones),
    ]
    let files = FreeAreaText.files(samples, rules: .v6_12)
    #expect(files.map(\.name) == ["buddyinfo", "pagetypeinfo", "extfrag_index", "unusable_index"])
    for (_, text) in files {
      #expect(text.hasPrefix("# time_ms 0.000 start\n"))
      #expect(text.contains("\n# time_ms 1.500\n"))
    }
  }

  @Test func `a run leaves one at both ends, and a series if it is told to`() throws {
    let (result, _) = try SmallRun.run()
    #expect(result.freeAreas.map(\.name) == ["start", "end"])
    let free = result.freeAreas.map { $0.zones[0].freeBlocks(order: 0).pages }
    #expect(free[0] > free[1])
    let (many, _) = try SmallRun.run("sim.buddy_interval = 1ms")
    let times = many.freeAreas.dropFirst().dropLast().map(\.time)
    #expect(times.count > 5 && zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
    #expect(many.freeAreas.last == result.freeAreas.last)
  }
}
