// Lists copied on real memory by HostCopy: every byte once and nothing beside, whatever fails.

import DSAFormat
import DSAModel
import Events
import PageCopy
import Testing
import Units

@testable import Portals

#if canImport(Glibc)
  import Glibc
#endif

/// Sources and destinations in one mapping, with guard bytes between, and what all of it must be in the end.
final class CopyArena {
  let arena: Arena
  let expected: UnsafeMutableRawPointer
  private(set) var pages: [CopyPage] = []

  /// - Parameter shifts: bytes that places may be off their pages.
  init(_ orders: [Int], seed: UInt64, shifts: Bool = true) throws {
    var random = SplitMix64(seed: seed)
    let gaps = orders.map { _ in (shifts ? random.below(200) : 0, shifts ? random.below(200) : 0) }
    let bytes = orders.reduce(0) { $0 + 2 * (Page.size << $1) } + (2 * orders.count + 1) * 512
    arena = try Arena(pages: bytes / Page.size + 2, seed: seed)
    expected = arena.snapshot()
    var places: [(from: Int, to: Int)] = []
    var at = shifts ? 512 : 0
    for (order, gap) in zip(orders, gaps) {
      let from = at + gap.0
      at = from + Page.size << order
      let to = at + gap.1
      at = to + Page.size << order
      places.append((from, to))
    }
    // Destinations in another order than sources.
    for index in places.indices.dropLast() where orders[index] == orders[index + 1] && random.below(2) == 0 {
      (places[index].to, places[index + 1].to) = (places[index + 1].to, places[index].to)
    }
    for (order, place) in zip(orders, places) {
      memcpy(expected + place.to, expected + place.from, Page.size << order)
      pages.append(CopyPage(from: arena.base + place.from, to: arena.base + place.to, order: order))
    }
  }

  deinit { expected.deallocate() }

  /// Whether every byte of the mapping is what it must be, guards included.
  var isRight: Bool { memcmp(arena.base, expected, arena.size) == 0 }
}

func random(_ generator: inout SplitMix64, huge: Int, base: Int) -> [Int] {
  var orders = [Int](repeating: 9, count: huge) + [Int](repeating: 0, count: base)
  for index in orders.indices.dropFirst() { orders.swapAt(index, generator.below(index + 1)) }
  return orders
}

private func device(
  channels: Int, engines: Int, faults: (inout FaultPlan) -> Void = { _ in },
  change: (inout DeviceConfiguration) -> Void = { _ in }
) throws -> SoftwareDevice {
  var plan = FaultPlan()
  faults(&plan)
  var configuration = DeviceConfiguration.software(channels: channels, engines: engines)
  change(&configuration)
  return try SoftwareDevice(configuration, faults: plan)
}

@Suite struct HostCopyTests {
  @Test(arguments: [(1, 1), (2, 2), (3, 1), (8, 3)])
  func `random lists are copied whole, and nothing beside`(_ channels: Int, _ engines: Int) throws {
    let device = try device(channels: channels, engines: engines)
    let shared = try HostChannels(device.portals, knobs: .host(channels: channels))
    let copy = HostCopy(shared)
    var generator = SplitMix64(seed: UInt64(channels))
    for (huge, base) in [(0, 1), (0, 40), (1, 0), (2, 300), (3, 7)] {
      let memory = try CopyArena(random(&generator, huge: huge, base: base), seed: generator.next())
      let result = try copy.copy(memory.pages)
      #expect(memory.isRight, "\(huge) huge, \(base) base")
      #expect(result.engine == .dsa && result.takenOver == 0 && result.timeouts == 0 && result.resumed == 0)
      #expect(result.bytes == (huge * 512 + base) * Page.size && result.firstError == .none)
      #expect(!shared.isBusy)
    }
    let timer = shared.timer.engines[CopyMethod.dsa.rawValue]
    #expect(timer.hugePages == 6 && timer.basePages == 348 && timer.calls == 5)
    #expect(device.counters.bytesWritten == (6 * 512 + 348) * Page.size)
  }

  @Test(arguments: [false, true], [ListCut.slots, .c2])
  func `long lists take several rounds`(overlaps: Bool, cut: ListCut) throws {
    let device = try device(channels: 2, engines: 2)
    var knobs = CopyKnobs.host(channels: 2)
    knobs.dsaRoundOverlap = overlaps
    knobs.dsaListCut = cut
    let shared = try HostChannels(device.portals, knobs: knobs)
    let memory = try CopyArena([Int](repeating: 0, count: 700), seed: 5)
    _ = try HostCopy(shared).copy(memory.pages)
    #expect(memory.isRight)
    #expect(cut == .c2 ? shared.timer.overflows == 1 : shared.timer.rounds == 3)
  }

  @Test func `orders in between go as base pages, and others are refused`() throws {
    let device = try device(channels: 2, engines: 1)
    let copy = HostCopy(try HostChannels(device.portals, knobs: .host(channels: 2)))
    var memory = try CopyArena([0, 3, 9, 8, 1], seed: 9)
    let result = try copy.copy(memory.pages)
    #expect(memory.isRight && result.bytes == (1 + 8 + 512 + 256 + 2) * Page.size)
    memory = try CopyArena([0], seed: 1)
    var pages = memory.pages
    pages.append(pages[0])
    pages[1].order = 10
    #expect(throws: HostCopyError.order(item: 1, order: 10)) { try copy.copy(pages) }
    #expect(try copy.copy([]).engine == .nothing)
  }

  @Test(arguments: [100_000, 400_000])
  func `pages that are absent are copied once more, and then by the CPU`(millionths: Int) throws {
    let device = try device(
      channels: 4, engines: 2,
      faults: {
        $0.pageFault = .rate(millionths: millionths)
        $0.seed = 3
      })
    let shared = try HostChannels(device.portals, knobs: .host(channels: 4))
    let copy = HostCopy(shared)
    var generator = SplitMix64(seed: 8)
    var (resumed, takenOver) = (0, 0)
    for _ in 0..<4 {
      let memory = try CopyArena(random(&generator, huge: 2, base: 120), seed: generator.next())
      let result = try copy.copy(memory.pages)
      #expect(memory.isRight)
      resumed += result.resumed
      takenOver += result.takenOver
      #expect(result.firstError.code == .pageFault)
    }
    #expect(resumed > 10 && resumed == shared.timer.resumed && takenOver == shared.timer.takenOver)
    #expect((takenOver > 0) == (millionths > 200_000))
    #expect(device.counters.pageFaults >= resumed)
  }

  @Test func `pages that were never touched are brought in`() throws {
    let device = try device(channels: 2, engines: 1)
    let shared = try HostChannels(device.portals, knobs: .host(channels: 2))
    let memory = try CopyArena([9, 0, 0, 0, 0, 0], seed: 4, shifts: false)
    // Destinations: they need not be there.
    memory.arena.drop(page: 512, count: 512)
    memory.arena.drop(page: 1027)
    let result = try HostCopy(shared).copy(memory.pages)
    #expect(memory.isRight && result.resumed >= 2 && result.takenOver == 0)
  }

  @Test func `touched before, they are no faults`() throws {
    let device = try device(channels: 2, engines: 1)
    let copy = HostCopy(try HostChannels(device.portals, knobs: .host(channels: 2)))
    let memory = try CopyArena([9, 0, 0, 0, 0, 0], seed: 4, shifts: false)
    memory.arena.drop(page: 512, count: 512)
    copy.touchesPages = true
    let result = try copy.copy(memory.pages)
    #expect(memory.isRight && result.resumed == 0 && device.counters.pageFaults == 0)
  }

  @Test func `a descriptor that is dropped is waited for until the time-out, then CPUs copy`() throws {
    let device = try device(channels: 2, engines: 1, faults: { $0.queueFull = .nth(3) })
    var knobs = CopyKnobs.host(channels: 2)
    knobs.dsaTimeout = 20 * .millisecond
    let shared = try HostChannels(device.portals, knobs: knobs)
    let copy = HostCopy(shared)
    let memory = try CopyArena([9, 9, 0, 9, 9], seed: 4)
    let result = try copy.copy(memory.pages)
    #expect(memory.isRight && result.timeouts == 1 && result.takenOver >= 1 && !shared.isBusy)
    #expect(!shared.knobs.useDSACopyPages && device.counters.dropped == 1)
    #expect(try copy.copy(memory.pages).engine == .pageByPage)
  }

  @Test(arguments: [true, false], [1, 4, 9])
  func `a device that vanishes loses nothing`(isDedicated: Bool, nth: Int) throws {
    let device = try device(
      channels: 2, engines: 2, faults: { $0.deviceGone = .nth(nth) },
      change: {
        if !isDedicated { for index in 0..<2 { $0.queues[index].mode = .shared(threshold: 20) } }
      })
    var knobs = CopyKnobs.host(channels: 2)
    knobs.dsaTimeout = 10 * .millisecond
    let shared = try HostChannels(device.portals, knobs: knobs)
    let memory = try CopyArena([9, 9, 0, 0, 0, 0, 9, 9, 0, 9], seed: 4)
    let result = try HostCopy(shared).copy(memory.pages)
    #expect(memory.isRight && !shared.isBusy && result.takenOver > 0)
    #expect(isDedicated ? result.timeouts > 0 : result.refused > 0)
  }

  @Test func `shared queues that say Retry are asked again`() throws {
    let device = try device(
      channels: 2, engines: 1, faults: { $0.queueFull = .rate(millionths: 400_000) },
      change: {
        for index in 0..<2 { $0.queues[index].mode = .shared(threshold: 3) }
      })
    let shared = try HostChannels(device.portals, knobs: .host(channels: 2))
    let memory = try CopyArena([9, 9, 9, 9, 9, 9, 0, 0, 9], seed: 4)
    let result = try HostCopy(shared).copy(memory.pages)
    #expect(memory.isRight && result.retries > 0 && result.takenOver == 0)
    #expect(device.counters.retries == result.retries)
  }

  @Test(arguments: [1, 2, 3, 32, 128])
  func `queues with small batches get them in parts`(most: Int) throws {
    let device = try device(
      channels: 2, engines: 2, faults: { $0.pageFault = .rate(millionths: 20_000) },
      change: {
        for index in 0..<2 { $0.queues[index].maxBatch = most == 3 ? 4 : most }
      })
    let shared = try HostChannels(device.portals, knobs: .host(channels: 2))
    var generator = SplitMix64(seed: 2)
    let memory = try CopyArena(random(&generator, huge: 1, base: 250), seed: 3)
    let result = try HostCopy(shared).copy(memory.pages)
    #expect(memory.isRight && !shared.isBusy)
    #expect(result.splitBatches == (most < 125 ? 2 : 0))
    #expect(most == 1 ? device.counters.batches == 0 : device.counters.batches > 0)
    #expect(device.counters.dropped == 0 && [.none, .pageFault].contains(result.firstError.code))
  }

  @Test func `a part that is lost is not waited for twice`() throws {
    let device = try device(
      channels: 1, engines: 1, faults: { $0.queueFull = .nth(40) }, change: { $0.queues[0].maxBatch = 1 })
    var knobs = CopyKnobs.host(channels: 1)
    knobs.dsaTimeout = 10 * .millisecond
    let shared = try HostChannels(device.portals, knobs: knobs)
    let memory = try CopyArena([Int](repeating: 0, count: 100), seed: 3)
    let result = try HostCopy(shared).copy(memory.pages)
    #expect(memory.isRight && !shared.isBusy && result.timeouts == 1 && result.takenOver > 0)
  }

  @Test(arguments: [WorkerSplit.items, .bytes])
  func `workers copy lists and single huge pages`(split: WorkerSplit) throws {
    var knobs = CopyKnobs()
    knobs.cpuMultiCopyPages = true
    knobs.mtCopySplit = split
    knobs.limitMTNum = 3
    let shared = try HostChannels([], knobs: knobs)
    let copy = HostCopy(shared)
    var memory = try CopyArena([0, 9, 0, 0, 0, 3], seed: 3)
    #expect(try copy.copy(memory.pages).engine == .workers)
    #expect(memory.isRight)
    memory = try CopyArena([9], seed: 6)
    #expect(try copy.copy(memory.pages, isSingle: true).engine == .workers)
    #expect(memory.isRight)
    memory = try CopyArena([0, 9], seed: 6)
    #expect(try copy.copy(memory.pages, cpus: 0).engine == .workers)
    #expect(memory.isRight)
  }

  @Test func `one huge page goes to all channels`() throws {
    let device = try device(channels: 4, engines: 2)
    let shared = try HostChannels(device.portals, knobs: .host(channels: 4))
    let memory = try CopyArena([9], seed: 6)
    #expect(try HostCopy(shared).copy(memory.pages, isSingle: true).engine == .dsa)
    #expect(memory.isRight && device.counters.memmoves == 4)
  }

  @Test func `threads copy over the same channels`() throws {
    let device = try device(channels: 2, engines: 2, faults: { $0.pageFault = .rate(millionths: 30_000) })
    let shared = try HostChannels(device.portals, knobs: .host(channels: 2))
    let memories = try (0..<4).map { try CopyArena([9, 9, 0, 9] + [Int](repeating: 0, count: 60), seed: UInt64($0)) }
    nonisolated(unsafe) let lists = memories.map(\.pages)
    ThreadWorkers().run(shares: 4) { thread in
      let copy = HostCopy(shared)
      for _ in 0..<3 { _ = try? copy.copy(lists[thread]) }
    }
    #expect(memories.allSatisfy(\.isRight) && !shared.isBusy)
    #expect(device.counters.dropped == 0)
  }

  @Test func `channels that cannot carry a plan are refused`() throws {
    let device = try device(channels: 1, engines: 1, change: { $0.queues[0].maxTransfer = 1 << 20 })
    #expect(throws: HostCopyError.channels(wanted: 2, portals: 1)) {
      try HostChannels(device.portals, knobs: .host(channels: 2))
    }
    let error = #expect(throws: HostCopyError.self) { try HostChannels(device.portals, knobs: .host(channels: 1)) }
    #expect(error?.description.contains("max_transfer_size") == true)
  }

  @Test func `a copy that is wrong is seen`() throws {
    let memory = try CopyArena([0, 0], seed: 1)
    #expect(!memory.isRight)
    let device = try SoftwareDevice(
      .software(),
      copy: { to, from, count in
        memcpy(to, from, count)
        to.storeBytes(of: ~from.load(fromByteOffset: 77, as: UInt8.self), toByteOffset: 77, as: UInt8.self)
      })
    _ = try HostCopy(try HostChannels(device.portals, knobs: .host(channels: 1))).copy(memory.pages)
    #expect(!memory.isRight)
  }
}
