// Plans of copies: the vectors that were read off the original, corner lists, the table.

import PageCopy
import Testing
import Units

/// What a plan puts on the channels of a round.
private struct Shape: Equatable, CustomStringConvertible {
  var descriptors: [Int]
  var singles: [Int]
  var batches: [Int]

  init(_ plan: CopyPlan, round: Int) {
    let part = plan.rounds[round]
    let channels = 0..<plan.channels
    descriptors = channels.map { part.descriptors(channel: $0, of: plan.channels) }
    singles = channels.map { _ in 0 }
    batches = singles
    for channel in channels {
      for slot in 0..<descriptors[channel] {
        switch plan.descriptor(round: round, channel: channel, slot: slot) {
        case .slice: break
        case .single: singles[channel] += 1
        case .batch(let run): batches[channel] += run.count
        }
      }
    }
  }

  init(_ descriptors: [Int], singles: [Int]? = nil, batches: [Int]? = nil) {
    self.descriptors = descriptors
    let none = descriptors.map { _ in 0 }
    self.singles = singles ?? none
    self.batches = batches ?? none
  }

  var description: String { "descriptors \(descriptors), singles \(singles), batches \(batches)" }
}

private func eight(_ value: Int) -> [Int] { Array(repeating: value, count: 8) }

/// Base pages first: then the cuts of the original come behind all of them.
private func baseFirst(_ base: Int, huge: Int) -> PageList {
  var list = PageList(base: base)
  list.append(.huge, count: huge)
  return list
}

private struct Vector: CustomTestStringConvertible {
  var name: String
  var list: PageList
  var channels = 8
  var rounds: [Shape]
  var testDescription: String { name }
}

@Suite struct VectorTests {
  /// The rows of the reference that the original gets right, cut as it cuts.
  private static let vectors: [Vector] = [
    Vector(
      name: "12 base", list: PageList(base: 12),
      rounds: [Shape([2, 2, 2, 2, 1, 1, 1, 1], singles: [2, 2, 2, 2, 1, 1, 1, 1])]),
    Vector(
      name: "15 base", list: PageList(base: 15),
      rounds: [Shape([2, 2, 2, 2, 2, 2, 2, 1], singles: [2, 2, 2, 2, 2, 2, 2, 1])]),
    Vector(name: "16 base", list: PageList(base: 16), rounds: [Shape(eight(1), batches: eight(2))]),
    Vector(
      name: "17 base", list: PageList(base: 17), rounds: [Shape(eight(1), batches: [3, 2, 2, 2, 2, 2, 2, 2])]),
    Vector(name: "32 base", list: PageList(base: 32), rounds: [Shape(eight(1), batches: eight(4))]),
    Vector(
      name: "1 huge + 31 base", list: PageList(huge: 1, base: 31),
      rounds: [Shape(eight(2), batches: [4, 4, 4, 4, 4, 4, 4, 3])]),
    Vector(
      name: "workload A", list: .workloadA,
      rounds: [Shape(eight(2), batches: [128, 128, 128, 128, 128, 128, 128, 127])]),
    Vector(name: "1024 base", list: PageList(base: 1024), rounds: [Shape(eight(1), batches: eight(128))]),
    Vector(name: "24 huge + 16 base", list: baseFirst(16, huge: 24), rounds: [Shape(eight(25), batches: eight(2))]),
    Vector(name: "24 huge + 8 base", list: baseFirst(8, huge: 24), rounds: [Shape(eight(25), singles: eight(1))]),
    Vector(
      name: "4 channels, 512 base", list: PageList(base: 512), channels: 4,
      rounds: [Shape([1, 1, 1, 1], batches: [128, 128, 128, 128])]),
    Vector(
      name: "1030 base", list: PageList(base: 1030),
      rounds: [
        Shape(eight(1), batches: eight(128)), Shape([1, 1, 1, 1, 1, 1, 0, 0], singles: [1, 1, 1, 1, 1, 1, 0, 0]),
      ]),
    Vector(name: "25 huge", list: PageList(huge: 25), rounds: [Shape(eight(24)), Shape(eight(1))]),
    Vector(
      name: "workload B", list: .workloadB,
      rounds: [
        Shape(eight(25), batches: [14, 14, 14, 13, 13, 13, 13, 13]),
        Shape(eight(1), batches: [112, 112, 112, 112, 112, 111, 111, 111]),
      ]),
    Vector(name: "nothing", list: PageList(), rounds: []),
    Vector(
      name: "1 base", list: PageList(base: 1),
      rounds: [Shape([1, 0, 0, 0, 0, 0, 0, 0], singles: [1, 0, 0, 0, 0, 0, 0, 0])]),
    Vector(name: "1 huge", list: PageList(huge: 1), rounds: [Shape(eight(1))]),
    Vector(name: "24 huge", list: PageList(huge: 24), rounds: [Shape(eight(24))]),
  ]

  @Test(arguments: vectors)
  private func `c2 cuts as the original does`(_ vector: Vector) throws {
    let plan = try CopyPlan(vector.list, channels: vector.channels, cut: .c2)
    #expect(plan.rounds.indices.map { Shape(plan, round: $0) } == vector.rounds)
    #expect(plan.faultsOfOriginal == [])
  }

  @Test func `workload B's first round of the original is its first 131 items`() throws {
    let plan = try CopyPlan(.workloadB, cut: .c2)
    #expect(plan.rounds.map(\.items) == [0..<131, 131..<1024])
    #expect(plan.rounds.map(\.base.count) == [107, 893])
  }

  @Test(arguments: 9...15)
  func `a full pool and singles overflow in the original`(_ base: Int) throws {
    let list = baseFirst(base, huge: 24)
    let original = try CopyPlan(list, cut: .c2)
    #expect(original.rounds.count == 1)
    let over = (0..<(base - 8)).map { CopyPlan.Fault.slotOverflow(round: 0, channel: $0, slots: 26) }
    #expect(original.faultsOfOriginal == over)
    // All base pages and as many huge ones as leave two slots for singles.
    let fixed = try CopyPlan(list, cut: .slots)
    #expect(fixed.rounds.map(\.items) == [0..<(base + 23), (base + 23)..<(base + 24)])
    #expect(Shape(fixed, round: 0).descriptors.max() == 25)
    #expect(fixed.faultsOfOriginal == [])
    // With four channels it is 5 to 7.
    let four = try CopyPlan(baseFirst(5, huge: 24), channels: 4, cut: .c2)
    #expect(four.faultsOfOriginal == [.slotOverflow(round: 0, channel: 0, slots: 26)])
  }

  @Test(arguments: [(4, 513, [512, 1]), (1, 129, [128, 1]), (2, 1024, [256, 256, 256, 256])])
  func `a batch beyond its array overflows in the original`(_ channels: Int, _ base: Int, _ fixed: [Int]) throws {
    let original = try CopyPlan(PageList(base: base), channels: channels, cut: .c2)
    #expect(original.rounds.count == 1)
    let members = (base + channels - 1) / channels
    #expect(original.faultsOfOriginal.first == .batchOverflow(round: 0, channel: 0, members: members))
    let plan = try CopyPlan(PageList(base: base), channels: channels)
    #expect(plan.rounds.map(\.base.count) == fixed)
  }

  @Test func `slots takes the longest prefix that fits`() throws {
    #expect(try CopyPlan(PageList(huge: 24, base: 12)).rounds.map(\.items) == [0..<32, 32..<36])
    // Sixteen make a batch of two on each channel, which is one slot.
    #expect(try CopyPlan(PageList(huge: 24, base: 16)).rounds.map(\.items) == [0..<40])
    #expect(try CopyPlan(.workloadB).rounds.map(\.items) == [0..<1024])
    #expect(try CopyPlan(.workloadA).rounds.count == 1)
    // Without base pages the batch's slot is a huge page's.
    #expect(try CopyPlan(PageList(huge: 25)).rounds.count == 1)
    #expect(try CopyPlan(PageList(huge: 26)).rounds.map(\.huge.count) == [25, 1])
    #expect(try CopyPlan(PageList(huge: 25, base: 16)).rounds.map(\.items) == [0..<25, 25..<41])
    #expect(try CopyPlan(PageList(base: 1025)).rounds.map(\.items) == [0..<1024, 1024..<1025])
    #expect(try CopyPlan(baseFirst(16, huge: 25)).rounds.map(\.items) == [0..<40, 40..<41])
  }

  @Test(arguments: [(3, 2), (5, 2), (6, 2), (7, 1)])
  func `what channels leave over is told and given to the last`(_ channels: Int, _ lost: Int) throws {
    let plan = try CopyPlan(PageList(huge: 2), channels: channels, cut: .c2)
    #expect(plan.faultsOfOriginal == [.lostBytes(perHugePage: lost, hugePages: 2)])
    #expect(plan.sliceBytes(channel: channels - 1) == plan.sliceBytes(channel: 0) + lost)
    #expect((0..<channels).reduce(0) { $0 + plan.bytes(round: 0, channel: $1) } == 4 << 20)
  }

  @Test(arguments: [(1, 2 << 20), (2, 1 << 20), (4, 512 << 10), (8, 256 << 10)])
  func `channels that divide have equal slices`(_ channels: Int, _ bytes: Int) throws {
    let plan = try CopyPlan(PageList(huge: 1), channels: channels)
    for channel in 0..<channels {
      #expect(
        plan.descriptor(round: 0, channel: channel, slot: 0)
          == .slice(PageSlice(item: 0, offset: bytes * channel, bytes: bytes)))
    }
  }

  @Test(arguments: [-1, 0, 9, Int.max])
  func `other numbers of channels are refused`(_ channels: Int) {
    #expect(throws: CopyPlanError.channels(channels)) { try CopyPlan(PageList(base: 1), channels: channels) }
  }
}

@Suite struct OrderTests {
  @Test func `huge pages go to all channels, one after the other, before base pages`() throws {
    let list = PageList([.base, .huge, .base, .huge, .base])
    let plan = try CopyPlan(list, channels: 2)
    let order = plan.submissions(round: 0).map { plan.descriptor(round: 0, channel: $0.channel, slot: $0.slot) }
    let half = 1 << 20
    #expect(
      order == [
        .slice(PageSlice(item: 1, offset: 0, bytes: half)), .slice(PageSlice(item: 1, offset: half, bytes: half)),
        .slice(PageSlice(item: 3, offset: 0, bytes: half)), .slice(PageSlice(item: 3, offset: half, bytes: half)),
        .single(PageSlice(item: 0, offset: 0, bytes: 4096)), .single(PageSlice(item: 2, offset: 0, bytes: 4096)),
        .single(PageSlice(item: 4, offset: 0, bytes: 4096)),
      ])
  }

  @Test func `batches are contiguous runs, by channel, without the huge pages`() throws {
    let plan = try CopyPlan(PageList([.base, .huge, .base, .base, .huge, .base, .base]), channels: 2)
    var members: [[Int]] = []
    for place in plan.submissions(round: 0) {
      if case .batch(let run) = plan.descriptor(round: 0, channel: place.channel, slot: place.slot) {
        members.append(plan.members(of: run).map(\.item))
      }
    }
    #expect(members == [[0, 2, 3], [5, 6]])
  }

  @Test func `waits are by channel`() throws {
    let plan = try CopyPlan(PageList(base: 5), channels: 3)
    #expect(plan.waits(round: 0).map { [$0.channel, $0.slot] } == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0]])
    #expect(plan.submissions(round: 0).map { [$0.channel, $0.slot] } == [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1]])
  }

  @Test func `pools are 28 KiB a channel and CPU`() {
    #expect(CopyLimits.pools.reduce(0) { $0 + $1.pages } * 8 * Page.size == 224 << 10)
    for pool in CopyLimits.pools { #expect(pool.used <= pool.fitting) }
  }
}

@Suite struct ListTests {
  @Test func `lists are read and weighed`() throws {
    #expect(PageList(text: "24h,12b") == PageList(huge: 24, base: 12))
    #expect(PageList(text: "A")?.weight == 1535)
    #expect(PageList(text: "A")?.bytes == 6_287_360)
    #expect(PageList(text: "B")?.bytes == 54_427_648)
    #expect(PageList(text: "B")?.hugeCount == 24)
    #expect(PageList(text: "0b") == PageList())
    for text in ["", "12", "b", "-1b", "1x", "1b,", "99999999999999999999b", "16777217b", "AB"] {
      #expect(PageList(text: text) == nil, "\(text)")
    }
  }

  @Test func `items and ordinals agree`() {
    let kinds: [PageKind] = [.huge, .base, .huge, .huge, .base, .base, .huge, .base]
    let list = PageList(kinds)
    #expect(kinds.indices.map { list[$0] } == kinds)
    #expect((0..<list.baseCount).map { list.item(ofBase: $0) } == kinds.indices.filter { kinds[$0] == .base })
  }

  @Test func `a plan reads as a table`() throws {
    #expect(
      try CopyPlan(PageList(huge: 24, base: 12)).description == """
        24 huge + 12 base, 49200KiB: 2 rounds on 8 channels, cut by slots
        round 1: items 0-31: 24 huge + 8 base
          channels  descriptors  huge slices  singles  batch    bytes
               0-7           25  24 x 256KiB        1      -  6148KiB
        round 2: items 32-35: 4 base
          channels  descriptors  huge slices  singles  batch  bytes
               0-3            1            -        1      -   4KiB
               4-7            0            -        -      -      0

        """)
    #expect(
      try CopyPlan(PageList(base: 2100), channels: 1, cut: .c2).description == """
        2100 base, 8400KiB: 3 rounds on 1 channel, cut by c2
        rounds 1-2: items 0-2047: 1024 base each
          channels  descriptors  huge slices  singles  batch  bytes
                 0            1            -        -   1024   4MiB
        round 3: items 2048-2099: 52 base
          channels  descriptors  huge slices  singles  batch   bytes
                 0            1            -        -     52  208KiB
        original: overflow: round 1 has a batch of 1024 on channel 0, and its array has 128
        original: overflow: round 2 has a batch of 1024 on channel 0, and its array has 128

        """)
    let overflow = try CopyPlan(baseFirst(9, huge: 24), channels: 8, cut: .c2).description
    #expect(overflow.contains("original: overflow: round 1 needs 26 descriptors on channel 0, and its pool has 25\n"))
  }
}
