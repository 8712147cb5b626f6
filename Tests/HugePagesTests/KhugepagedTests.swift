// The walk of khugepaged: how much it looks at, when it sleeps, what it does without memory.
import Machine
import MemoryModel
import Migration
import Testing
import Tiering
import Units

@testable import HugePages

/// Address spaces of whole regions.
private final class Spaces: CollapseSpaces {
  var spaces: [[CollapseRegion]]
  var filled: [Int]

  init(_ spaces: [[CollapseRegion]]) {
    self.spaces = spaces
    filled = [Int](repeating: 0, count: spaces.count)
  }

  var count: Int { spaces.count }
  func regions(of space: Int) -> [CollapseRegion] { spaces[space] }
  func collapsed(space: Int, filled: Int) { self.filled[space] += filled }
}

private struct Bench {
  let memory: Memory
  let spaces: Spaces
  let task: Khugepaged

  init(
    _ regions: [[Range<Int>]], pages: [Int] = [16384, 8192], rules: KernelRules = .v6_12,
    change: (inout HugePageKnobs) -> Void = { _ in }
  ) {
    var knobs = HugePageKnobs()
    knobs.enabled = .always
    change(&knobs)
    var memoryKnobs = MemoryKnobs()
    memoryKnobs.minFreeKbytes = 256
    memory = Memory(
      nodes: pages.enumerated().map { id, pages in
        NodeLayout(tier: id, cpus: id == 0 ? 0..<1 : 1..<1, zones: [ZoneLayout(kind: .normal, pages: pages)])
      }, cpuCount: 1, virtualPages: 16384, rules: rules, knobs: memoryKnobs)
    spaces = Spaces(regions.map { $0.map { CollapseRegion(slots: $0, isEligible: true) } })
    let link = LinkProperties(
      readLatency: 80_000, writeLatency: 80_000, readBandwidth: 100_000_000_000, writeBandwidth: 100_000_000_000,
      threadReadBandwidth: 100_000_000_000, threadWriteBandwidth: 100_000_000_000)
    task = Khugepaged(
      memory: memory, links: Links(nodes: pages.map { _ in link }, epoch: 10_000_000, queuePermille: 0),
      clock: KernelClock(scale: 1, jiffyMilliseconds: 1), knobs: knobs, costs: CostKnobs(), spaces: spaces,
      source: FreeBlockSource(memory: memory))
  }

  func map(_ slots: Range<Int>, node: Int = 0) {
    for slot in slots {
      guard memory.mapBase(slot: slot, isWrite: true, isFile: false, node: node, cpu: 0) else { fatalError("no room") }
    }
  }

  /// Steps until it sleeps: for how many milliseconds, nil for good. The books agree at each step.
  func wake() -> Int? {
    var now = 0
    while true {
      switch task.step(now: now, cpu: 0) {
      case .useCPU(let time): now += time
      case .sleepUntil(let time): return (time - now) / Picoseconds.millisecond
      case .sleep: return nil
      case .spin, .sleepForCopy: Issue.record("nothing is copied by an engine")
      }
      #expect(memory.findFaults() == [])
    }
  }

  func isHuge(_ blocks: Range<Int>) -> [Bool] { blocks.map { memory.isHuge(slot: $0 << 9) } }
}

@Suite struct KhugepagedTests {
  @Test func mostOfTheRangeDecides() {
    let bench = Bench([[0..<512]])
    bench.map(0..<212)
    bench.map(212..<512, node: 1)
    #expect(bench.wake() == 10_000)
    #expect(bench.memory.residency(slots: 0..<512) == [0, 512])
    #expect(bench.memory.vmstat[.thp_collapse_alloc] == 1 && bench.task.pagesCollapsed == 1)
    // No demotion, no promotion, no migration.
    for event: VMEvent in [.pgmigrate_success, .pgpromote_success, .pgdemote_kswapd, .numa_pages_migrated] {
      #expect(bench.memory.vmstat[event] == 0)
    }
  }

  /// Pages to scan, ranges that one wake looks at. Each time a space is entered counts as a page: once a wake, and once behind each
  /// collapse.
  @Test(arguments: [(512, 1), (513, 1), (1, 1), (1024, 2), (2048, 4), (4096, 8)])
  func aWakeLooksAtSoManyPages(pages: Int, ranges: Int) {
    let bench = Bench([[0..<(512 * 12)]]) { $0.pagesToScan = pages }
    for block in 0..<12 { bench.map((block * 512)..<(block * 512 + 20)) }
    #expect(bench.wake() == 10_000)
    #expect(bench.task.pagesCollapsed == ranges)
    #expect(bench.spaces.filled == [492 * ranges])
  }

  @Test func theWalkGoesOnWhereItStopped() {
    let bench = Bench([[0..<2048], [4096..<5632]]) { $0.pagesToScan = 1024 }
    for slot in [0, 1024, 4096, 5120] { bench.map(slot..<(slot + 1)) }
    #expect(bench.wake() == 10_000)
    #expect(bench.isHuge(0..<4) == [true, false, false, false])
    #expect(bench.wake() == 10_000)
    #expect(bench.isHuge(0..<4) == [true, false, true, false])
    #expect(bench.isHuge(8..<11) == [false, false, false] && bench.task.fullScans == 0)
    #expect(bench.wake() == 10_000)
    #expect(bench.isHuge(8..<11) == [true, false, false])
    #expect(bench.wake() == 10_000)
    #expect(bench.isHuge(8..<11) == [true, false, true] && bench.task.fullScans == 1)
  }

  @Test func noWakeWalksTwice() {
    let bench = Bench([[0..<512]]) { $0.pagesToScan = 1 << 20 }
    bench.map(0..<1)
    #expect(bench.wake() == 10_000)
    #expect(bench.task.fullScans == 1 && bench.task.pagesCollapsed == 1)
  }

  @Test func withoutSleepTimePasses() {
    let bench = Bench([[0..<512]]) { $0.scanSleepMillisecs = 0 }
    var times: [Int] = []
    for _ in 0..<3 {
      if case .useCPU(let time) = bench.task.step(now: 0, cpu: 0) { times.append(time) }
    }
    #expect(times.count == 3 && times[2] == Picoseconds.microsecond)
  }

  @Test func onlyWholeBlocksOfEligibleRegions() {
    let bench = Bench([[100..<1400], [2048..<3072]])
    bench.spaces.spaces[1][0].isEligible = false
    bench.map(100..<1400)
    bench.map(2048..<2100)
    #expect(bench.wake() == 10_000)
    #expect(bench.isHuge(0..<6) == [false, true, false, false, false, false])
    bench.spaces.spaces[0] = []
    #expect(bench.wake() == nil)
  }

  @Test func withoutABlockItSleepsOnceAndGivesUp() {
    let bench = Bench([[0..<1024]], pages: [16384, 2048]) { $0.allocSleepMillisecs = 7000 }
    bench.map(0..<100, node: 1)
    bench.map(512..<612, node: 1)
    #expect(bench.memory.residency(slots: 0..<1024) == [0, 200])
    while bench.memory.allocate(order: 9, node: 1, cpu: 0, policy: .promotion) != nil {}
    #expect(wakeOnly(bench) == 7000)
    #expect(bench.memory.vmstat[.thp_collapse_alloc_failed] == 1)
    #expect(wakeOnly(bench) == 10_000)
    #expect(bench.memory.vmstat[.thp_collapse_alloc_failed] == 2 && bench.memory.vmstat[.thp_collapse_alloc] == 0)
  }

  /// As `wake`, where blocks that the test holds are in no book.
  private func wakeOnly(_ bench: Bench) -> Int? {
    while true {
      switch bench.task.step(now: 0, cpu: 0) {
      case .useCPU: continue
      case .sleepUntil(let time): return time / Picoseconds.millisecond
      default: return nil
      }
    }
  }

  @Test func aRangeThatIsUnmappedMeanwhileIsGivenUp() {
    // Behind each number of steps once.
    for steps in 1..<7 {
      let bench = Bench([[0..<512]])
      bench.map(0..<512)
      for _ in 0..<steps { _ = bench.task.step(now: 0, cpu: 0) }
      bench.memory.unmap(slots: 0..<512, cpu: 0)
      bench.spaces.spaces[0] = []
      #expect(bench.memory.findFaults() == [], "\(steps)")
      #expect(bench.wake() == nil)
      #expect(bench.memory.nodes[0].isolated == 0 && bench.memory.lruPages(node: 0, .inactiveAnon) == 0, "\(steps)")
    }
  }

  @Test func timeIsTheSumOfTheStages() {
    let bench = Bench([[0..<512]])
    bench.map(0..<256)
    var now = 0
    loop: while true {
      switch bench.task.step(now: now, cpu: 0) {
      case .useCPU(let time): now += time
      default: break loop
      }
    }
    let costs = CostKnobs()
    let copied = (256 << 12) * Picoseconds.second / costs.copyBandwidth
    #expect(
      now == costs.scanBlock + 2 * 512 * costs.collapseEntry + costs.allocate + costs.flush + costs.collapse
        + costs.firstTouchHuge / 2 + copied)
  }
}

/// Takes a free block that is there, down to the min mark; wakes nobody.
private final class FreeBlockSource: HugePageSource {
  private let memory: Memory
  private var node = 0
  private var policy = AllocationPolicy.user
  private(set) var block: PFN?

  init(memory: Memory) { self.memory = memory }

  func start(node: Int, allowed: UInt64, mayReclaim: Bool) {
    self.node = node
    policy = .user
    policy.mayWakeKswapd = false
    policy.nodeMask = allowed
  }

  func step(now: Picoseconds, cpu: Int) -> JobStep {
    block = memory.allocate(order: Page.hugeOrder, node: node, cpu: cpu, policy: policy)
    return .done
  }

  func takeRemapped() -> Bool { false }
}
