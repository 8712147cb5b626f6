// What holds of every plan: nothing lost, nothing twice, within the pools, balanced.

import Events
import PageCopy
import Testing
import Units

/// Copies of a list, checked to cover each byte of each item once.
private struct Coverage {
  private var parts: [[(Int, Int)]]
  private let list: PageList

  init(_ list: PageList) {
    self.list = list
    parts = Array(repeating: [], count: list.count)
  }

  mutating func add(_ slice: PageSlice) { parts[slice.item].append((slice.offset, slice.bytes)) }

  /// The first item that is not covered exactly once.
  var firstHole: Int? {
    for item in parts.indices {
      var at = 0
      for (offset, bytes) in parts[item].sorted(by: { $0.0 < $1.0 }) {
        guard offset == at, bytes > 0 else { return item }
        at += bytes
      }
      guard at == list[item].bytes else { return item }
    }
    return nil
  }
}

/// A list of up to some hundred items, with the corners more often than chance has them.
private func randomList(_ generator: inout SplitMix64) -> PageList {
  func below(_ bound: Int) -> Int { Int(generator.next() % UInt64(bound)) }
  var list = PageList()
  for _ in 0..<(1 + below(4)) {
    switch below(5) {
    case 0: list.append(.huge, count: below(30))
    case 1: list.append(.base, count: below(20))
    case 2: list.append(.base, count: below(300))
    case 3: list.append(.base, count: [7, 8, 9, 15, 16, 17, 128, 129, 1024][below(9)])
    default: for _ in 0..<below(60) { list.append(below(3) == 0 ? .huge : .base) }
    }
  }
  return list
}

@Suite struct PlanPropertyTests {
  @Test(arguments: 1...8)
  func `every byte is copied once, within the pools`(_ channels: Int) throws {
    var generator = SplitMix64(seed: UInt64(channels))
    for _ in 0..<60 {
      let list = randomList(&generator)
      for cut in ListCut.allCases {
        let plan = try CopyPlan(list, channels: channels, cut: cut)
        var coverage = Coverage(list)
        var next = 0
        for round in plan.rounds.indices {
          #expect(plan.rounds[round].items.lowerBound == next && !plan.rounds[round].items.isEmpty)
          next = plan.rounds[round].items.upperBound
          check(plan, round, &coverage)
        }
        #expect(next == list.count)
        #expect(coverage.firstHole == nil, "\(list), \(channels) channels, \(cut)")
        if cut == .slots { #expect(plan.faultsOfOriginal == []) }
      }
    }
  }

  private func check(_ plan: CopyPlan, _ round: Int, _ coverage: inout Coverage) {
    let part = plan.rounds[round]
    let channels = plan.channels
    var filled = Array(repeating: 0, count: channels)
    var bytes = filled
    var batches: [Int] = []
    var singles = 0
    for place in plan.submissions(round: round) {
      #expect(filled[place.channel] == place.slot, "slots fill in order")
      filled[place.channel] += 1
      switch plan.descriptor(round: round, channel: place.channel, slot: place.slot) {
      case .slice(let slice), .single(let slice):
        if slice.bytes == Page.size { singles += 1 }
        #expect(part.items.contains(slice.item))
        coverage.add(slice)
        bytes[place.channel] += slice.bytes
      case .batch(let run):
        batches.append(run.count)
        for member in plan.members(of: run) {
          #expect(part.items.contains(member.item))
          coverage.add(member)
          bytes[place.channel] += member.bytes
        }
      }
    }
    #expect(filled == (0..<channels).map { part.descriptors(channel: $0, of: channels) })
    #expect(bytes == (0..<channels).map { plan.bytes(round: round, channel: $0) })
    #expect(Array(plan.waits(round: round)).count == filled.reduce(0, +))
    // Balance: huge pages equally but for what does not divide, base pages within one page.
    let base = (0..<channels).map { part.basePages(channel: $0, of: channels) }
    #expect((base.max() ?? 0) - (base.min() ?? 0) <= 1 && base == base.sorted(by: >))
    #expect(batches.isEmpty ? part.base.count < 2 * channels : batches.count == channels)
    #expect(batches.allSatisfy { $0 >= 2 })
    #expect(batches.isEmpty ? singles == part.base.count : singles == 0)
    if plan.cut == .slots {
      #expect(filled.allSatisfy { $0 <= CopyLimits.slots } && batches.allSatisfy { $0 <= CopyLimits.batchMembers })
    }
  }

  /// The longest prefix, found by trying every one.
  @Test func `no longer prefix fits`() throws {
    var generator = SplitMix64(seed: 99)
    for _ in 0..<120 {
      let list = randomList(&generator)
      let channels = 1 + Int(generator.next() % 8)
      guard let first = try CopyPlan(list, channels: channels).rounds.first else { continue }
      var longest = 0
      var (huge, base) = (0, 0)
      for item in 0..<list.count {
        if list[item] == .huge { huge += 1 } else { base += 1 }
        let isBatched = base >= 2 * channels
        let share = (base + channels - 1) / channels
        if huge + (isBatched ? 1 : share) <= 25, !isBatched || share <= 128 { longest = item + 1 }
      }
      #expect(first.items == 0..<longest, "\(list), \(channels) channels")
    }
  }

  @Test func `replanning is planning`() throws {
    var generator = SplitMix64(seed: 5)
    var plan = try CopyPlan(PageList(), channels: 4)
    for _ in 0..<50 {
      let list = randomList(&generator)
      plan.replan(list)
      #expect(try plan == CopyPlan(list, channels: 4))
    }
  }
}

@Suite struct WorkerTests {
  @Test(arguments: WorkerSplit.allCases)
  func `every byte is copied once`(_ split: WorkerSplit) throws {
    var generator = SplitMix64(seed: 7)
    for round in 0..<150 {
      var list = randomList(&generator)
      if round < 20 { list = PageList((0..<(round / 4)).map { $0 % 3 == 1 ? .huge : .base }) }
      let workers = 1 + Int(generator.next() % 32)
      let plan = try WorkerCopyPlan(list, limit: workers, cpus: 64, split: split)
      #expect(plan.workers == workers)
      var coverage = Coverage(list)
      var shares: [Int] = []
      for worker in 0..<workers {
        let slices = plan.slices(worker: worker)
        #expect(slices.reduce(0) { $0 + $1.bytes } == plan.bytes(worker: worker))
        for slice in slices { coverage.add(slice) }
        shares.append(plan.bytes(worker: worker))
      }
      #expect(coverage.firstHole == nil, "\(list), \(workers) workers")
      if split == .bytes, list.weight >= workers {
        #expect((shares.max() ?? 0) - (shares.min() ?? 0) <= Page.size)
      }
    }
  }

  @Test func `the original's split by items leaves all huge pages to one worker`() throws {
    let list = PageList(huge: 4, base: 12)
    let items = try WorkerCopyPlan(list, limit: 4, cpus: 8, split: .items)
    #expect((0..<4).map { items.bytes(worker: $0) } == [8 << 20, 16384, 16384, 16384])
    let bytes = try WorkerCopyPlan(list, limit: 4, cpus: 8, split: .bytes)
    #expect((0..<4).map { bytes.bytes(worker: $0) } == Array(repeating: (8 << 20) / 4 + 12288, count: 4))
    // 10 items on 4 workers: 3, 3, 2, 2.
    let uneven = try WorkerCopyPlan(PageList(base: 10), limit: 4, cpus: 8, split: .items)
    #expect((0..<4).map { uneven.slices(worker: $0).map(\.item) } == [[0, 1, 2], [3, 4, 5], [6, 7], [8, 9]])
  }

  @Test func `fewer pages than workers are cut, and the last worker gets the rest`() throws {
    let plan = try WorkerCopyPlan(PageList(huge: 1, base: 1), limit: 3, cpus: 8, split: .items)
    #expect(
      plan.slices(worker: 2) == [
        PageSlice(item: 0, offset: 2 * 699_050, bytes: 699_052), PageSlice(item: 1, offset: 2730, bytes: 1366),
      ])
  }

  @Test(arguments: [(4, 96, 4), (5, 96, 4), (1, 96, 1), (8, 3, 2), (32, 96, 32), (33, 96, 32)])
  func `a huge page has an even number of workers`(_ limit: Int, _ cpus: Int, _ workers: Int) throws {
    let plan = try WorkerCopyPlan(hugePageWithLimit: limit, cpus: cpus)
    #expect(plan.workers == workers)
    #expect((0..<workers).reduce(0) { $0 + plan.bytes(worker: $1) } == 2 << 20)
  }

  @Test func `workers that cannot be are errors`() {
    #expect(throws: WorkerCopyError.noWorkers(limit: 0, cpus: 8)) {
      try WorkerCopyPlan(PageList(base: 1), limit: 0, cpus: 8)
    }
    #expect(throws: WorkerCopyError.noWorkers(limit: 4, cpus: 0)) { try WorkerCopyPlan(hugePageWithLimit: 4, cpus: 0) }
    #expect(throws: WorkerCopyError.tooManyWorkers(34)) { try WorkerCopyPlan(hugePageWithLimit: 35, cpus: 96) }
    #expect(throws: WorkerCopyError.tooManyWorkers(33)) {
      try WorkerCopyPlan(PageList(base: 1), limit: 33, cpus: 96)
    }
  }
}
