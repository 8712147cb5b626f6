// Compaction of small zones, driven step by step: what becomes free, what stays, what is counted.
import Compaction
import Events
import Machine
import Migration
import Testing
import Units

@testable import MemoryModel

/// A zone under compaction, and what is needed to compact it.
private final class Bench {
  let memory: Memory
  let zones: ZoneCompactor
  let trace = MigrationTrace(limit: 1000)
  let job: MigrationJob

  init(
    pages: Int, rules: KernelRules = .v6_12, concurrent: Bool = false, virtualPages: Int = 16384,
    isDefragMode: Bool = false, cpuCount: Int = 1
  ) {
    var knobs = MemoryKnobs()
    knobs.minFreeKbytes = 256
    knobs.isDefragMode = isDefragMode
    memory = Memory(
      nodes: [NodeLayout(tier: 0, cpus: 0..<cpuCount, zones: [ZoneLayout(kind: .normal, pages: pages)])],
      cpuCount: cpuCount, virtualPages: virtualPages, rules: rules, knobs: knobs)
    let link = LinkProperties(
      readLatency: 100 * Picoseconds.nanosecond, writeLatency: 100 * Picoseconds.nanosecond,
      readBandwidth: 100_000_000_000, writeBandwidth: 100_000_000_000, threadReadBandwidth: 10_000_000_000,
      threadWriteBandwidth: 10_000_000_000)
    let links = Links(nodes: [link], epoch: 10 * Picoseconds.microsecond, queuePermille: 250)
    job = MigrationJob(memory: memory, links: links, trace: trace, costs: CostKnobs())
    zones = ZoneCompactor(job: job, memory: memory, costs: CostKnobs(), caller: .kcompactd(node: 0))
    zones.knobs.isConcurrent = concurrent
  }

  /// Fills the zone with base pages and frees the share that `frees` says.
  func fragment(_ frees: (Int) -> Bool) {
    let pages = memory.zones[0].free - memory.zones[0].low - 64
    for slot in 0..<pages { _ = memory.mapBase(slot: slot, isWrite: true, isFile: false, node: 0, cpu: 0) }
    for slot in 0..<pages where frees(slot) { _ = memory.unmapPage(slot: slot, cpu: 0) }
    memory.drainAllPerCPULists()
    memory.drainAllLRUBatches()
  }

  /// Runs a compaction to its end; the books are looked at after every step.
  func compact(_ request: CompactRequest, mode: MigrateMode, checks: Bool = true) -> (CompactResult, Picoseconds) {
    zones.start(request, zone: 0, mode: mode)
    var time = 0
    for step in 0... {
      switch zones.step(now: time, cpu: 0) {
      case .useCPU(let span): time += span
      case .done: return (zones.result, time)
      case .spin, .sleep: Issue.record("a copy by the CPU does not wait")
      }
      if checks, step % 16 == 0, let fault = memory.findFaults().first { Issue.record("after step \(step): \(fault)") }
    }
    return (zones.result, time)
  }
}

@Suite struct CompactionTests {
  private static func random(_ percent: Int, seed: UInt64) -> (Int) -> Bool {
    var generator = SplitMix64(seed: seed)
    let draws = (0..<20_000).map { _ in generator.below(100) < percent }
    return { draws[$0] }
  }

  @Test(arguments: [KernelRules.tpp2021, .v6_12], [false, true])
  func `a fragmented zone gets a free huge block, and nothing is lost`(rules: KernelRules, concurrent: Bool) {
    let bench = Bench(pages: 8192, rules: rules, concurrent: concurrent && rules.isTPP)
    bench.fragment(Self.random(60, seed: 3))
    let free = bench.memory.zones[0].free
    #expect(bench.memory.zones[0].freeBlocks(order: 9) + bench.memory.zones[0].freeBlocks(order: 10) == 0)
    let (result, time) = bench.compact(.background(order: 9, highest: .normal), mode: .syncLight)
    #expect(result == .success && time > 0)
    #expect(bench.memory.zones[0].freeBlocks(order: 9) + bench.memory.zones[0].freeBlocks(order: 10) > 0)
    bench.memory.drainAllPerCPULists()
    #expect(bench.memory.zones[0].free == free)
    #expect(bench.memory.findFaults().isEmpty)
    let moved = bench.memory.vmstat[.pgmigrate_success]
    #expect(moved > 0 && bench.memory.vmstat[.compact_isolated] >= 2 * moved)
    #expect(bench.trace.records.allSatisfy { $0.reason == .compaction && $0.hugeSucceeded == 0 })
    let expected: MigrateFunction = concurrent && rules.isTPP ? .migratePagesConcur : .migratePages
    #expect(bench.trace.records.allSatisfy { $0.function == expected })
  }

  @Test(arguments: [(false, 1...1), (true, 4...23)])
  func `kcompactd makes one block, in defrag mode blocks up to the high mark`(isOn: Bool, blocks: ClosedRange<Int>) {
    let bench = Bench(pages: 12288, rules: .v7_1, isDefragMode: isOn)
    let zone = bench.memory.zones
    bench.fragment(Self.random(60, seed: 3))
    #expect(zone[0].freeInBlocks == 0)
    // To be passed by a whole block.
    zone[0].high = 3 * Page.perHuge
    let (result, _) = bench.compact(.background(order: 9, highest: .normal), mode: .syncLight, checks: false)
    #expect(result == .success)
    #expect(blocks.contains(zone[0].freeInBlocks / Page.perHuge), "\(zone[0].freeInBlocks)")
    // Whoever waits for a block goes without more.
    let direct = CompactRequest.direct(order: 9, type: .movable, highest: .normal, priority: .syncLight)
    #expect(bench.compact(direct, mode: .syncLight, checks: false).0 == .success)
    #expect(bench.memory.findFaults() == [])
  }

  @Test func `a whole zone is looked at once, and its free memory ends in blocks`() {
    let bench = Bench(pages: 12288)
    bench.fragment(Self.random(50, seed: 9))
    let before = bench.memory.fragmentationScore(zone: 0)
    let (result, _) = bench.compact(.node(isProactive: false), mode: .sync, checks: false)
    #expect(result == .complete)
    bench.memory.drainAllPerCPULists()
    #expect(before > 90 && bench.memory.fragmentationScore(zone: 0) < 30)
    #expect(bench.zones.migrateScanned + bench.zones.freeScanned <= bench.memory.zones[0].managed)
    #expect(bench.memory.findFaults().isEmpty)
  }

  @Test func `lists have 32 base pages, then what is left of the block`() {
    let bench = Bench(pages: 8192)
    bench.fragment(Self.random(50, seed: 5))
    _ = bench.compact(.node(isProactive: false), mode: .sync, checks: false)
    let sizes = bench.trace.records.map(\.succeeded)
    #expect(sizes.contains(32) && sizes.contains { $0 > 100 })
    #expect(sizes.allSatisfy { $0 <= 480 })
  }

  @Test func `huge pages are never moved, and are passed by as a whole`() {
    // linux-mm.md 10, scenario 10: huge pages and single free pages.
    let bench = Bench(pages: 8192)
    let memory = bench.memory
    var slot = 0
    while memory.mapHuge(slot: slot, isWrite: true, node: 0, cpu: 0) { slot += Page.perHuge }
    let isolated = memory.vmstat[.compact_isolated]
    bench.compactsNothing()
    #expect(memory.vmstat[.pgmigrate_success] == 0)
    #expect(memory.vmstat[.compact_isolated] == isolated)
    #expect(bench.zones.migrateScanned >= Page.perHuge)
  }

  @Test(arguments: [KernelRules.tpp2021, .v6_12, .v7_1])
  func `asynchronous direct compaction leaves a block with a page that cannot move`(rules: KernelRules) {
    let bench = Bench(pages: 8192, rules: rules)
    bench.fragment(Self.random(60, seed: 7))
    // One kernel page in every block: no window can become free.
    let memory = bench.memory
    var pinned = 0
    var block = memory.zones[0].start
    while block < memory.zones[0].end {
      for pfn in block..<block + PFN(Page.perHuge)
      where memory.frames[Int(pfn)].flags & FrameFlags.kindMask == FrameFlags.kindFolio {
        if memory.isolate(pfn) { pinned += 1 }
        break
      }
      block += PFN(Page.perHuge)
    }
    let request = CompactRequest.direct(order: 9, type: .movable, highest: .normal, priority: .async)
    let (result, _) = bench.compact(request, mode: .async, checks: false)
    #expect(pinned > 10 && result == .partialSkipped && memory.vmstat[.pgmigrate_success] == 0)
    // What moves single pages would move these; the windows stay, the lists are put back.
    #expect(memory.vmstat[.compact_isolated] >= 0 && memory.nodes[0].isolated == pinned)
    // Blocks that the free lists name are looked at once.
    #expect(bench.zones.migrateScanned <= memory.zones[0].managed)
  }

  /// update_cached_migrate rounds the end of a block up to the end of the next one.
  @Test(arguments: [KernelRules.tpp2021, .v6_12])
  func `the next compaction begins one block behind the one that was done with`(rules: KernelRules) throws {
    let bench = Bench(pages: 8192, rules: rules)
    // No free block of order 3 or more: nothing for the fast search.
    bench.fragment { $0 % 8 < 4 }
    let memory = bench.memory
    let request = CompactRequest.direct(order: 9, type: .movable, highest: .normal, priority: .async)
    #expect(bench.compact(request, mode: .async).0 == .success)
    let block = try #require(memory.allocate(order: 9, node: 0, cpu: 0, policy: .user))
    #expect(memory.compaction[0].migrate.async == block + PFN(2 * Page.perHuge))
    memory.release(block, order: 9, cpu: 0)
  }

  /// Until 6.5 the fast search marked the block that it named, and the scan that followed skipped what was marked.
  @Test(arguments: [(KernelRules.tpp2021, 0), (.v6_12, 32)])
  func `what the fast search names is looked at`(rules: KernelRules, found: Int) {
    let bench = Bench(pages: 8192, rules: rules)
    // The free blocks of some size lie low in the zone, behind the block where the scanner is.
    bench.fragment { (1536..<2560).contains($0) && $0 % 64 < 32 }
    for block in 0..<2 { bench.memory.setSkip(bench.memory.zones[0].start + PFN(block * Page.perHuge), true) }
    let request = CompactRequest.direct(order: 9, type: .movable, highest: .normal, priority: .async)
    let control = CompactControl(request, zone: 0, memory: bench.memory)
    let before = control.migratePFN
    #expect(control.isolateSources())
    #expect(control.sources.count == found)
    #expect(control.migratePFN > before)
    #expect(control.fastSearchFailures == 0)
    for pfn in control.takeSources() { bench.memory.putBack(pfn) }
  }

  /// Until 6.9 the free scanner took pages for the whole list again when it ran out.
  @Test(arguments: [(KernelRules.tpp2021, 32), (.v6_12, 1)])
  func `the free scanner takes pages for`(rules: KernelRules, wanted: Int) throws {
    let bench = Bench(pages: 8192, rules: rules)
    bench.fragment { $0 % 2 == 0 }
    let control = CompactControl(.background(order: 9, highest: .normal), zone: 0, memory: bench.memory)
    for _ in 0..<16 where control.sources.count < 32 { #expect(control.isolateSources()) }
    #expect(control.sources.count >= 32)
    var targets: [PFN] = []
    while targets.count < 31 { targets.append(try #require(control.takeTarget())) }
    while control.freePages > 0 { targets.append(try #require(control.takeTarget())) }
    targets.append(try #require(control.takeTarget()))
    #expect(control.freePages + 1 >= wanted)
    for pfn in targets { bench.memory.releaseHeld(pfn, order: 0, cpu: 0) }
    for pfn in control.takeSources() { bench.memory.putBack(pfn) }
    control.releaseFreePages(cpu: 0)
  }

  /// The page that is missing may be on a per-CPU list: a kcompactd that ends in vain empties those of its zone, of all CPUs.
  @Test func `kcompactd that makes no block drains the zone's per-CPU lists`() {
    let bench = Bench(pages: 4096, cpuCount: 2)
    let memory = bench.memory
    bench.fragment { $0 % 3 != 0 }
    // A page of each block that somebody holds: no block can become free.
    var held = Set<PFN>()
    for slot in stride(from: 0, to: 4096, by: 3) where memory.entry(slot: slot) & PTE.present != 0 {
      let page = memory.folio(slot: slot)
      guard held.insert(page >> PFN(Page.hugeOrder)).inserted else { continue }
      #expect(memory.isolate(page))
    }
    for slot in stride(from: 1200, to: 1260, by: 3) { #expect(memory.unmapPage(slot: slot, cpu: 1)) }
    memory.drainAllLRUBatches()
    let lists = memory.zones[0].perCPU
    #expect(lists[1].count == 20)
    let kcompactd = Kcompactd(
      node: 0, memory: memory, clock: KernelClock(scale: 1, jiffyMilliseconds: 4), zones: bench.zones)
    memory.wakeKcompactd(node: 0, order: Page.hugeOrder, highest: .normal)
    var time = 0
    var sleeps = false
    for _ in 0..<100_000 where !sleeps {
      switch kcompactd.step(now: time, cpu: 0) {
      case .useCPU(let span): time += span
      case .sleep: sleeps = true
      default: Issue.record("kcompactd neither works nor sleeps")
      }
    }
    #expect(sleeps && memory.vmstat[.compact_daemon_wake] == 1 && memory.vmstat[.compact_daemon_migrate_scanned] > 0)
    #expect(memory.zones[0].freeBlocks(order: 9) + memory.zones[0].freeBlocks(order: 10) == 0)
    #expect(lists[1].count == 0)
    let isLeftAlone = memory.compaction[0].isDeferred(order: Page.hugeOrder)
    #expect(isLeftAlone)
  }

  @Test func `what is not needed and what cannot be done is not begun`() {
    let bench = Bench(pages: 8192)
    #expect(bench.compact(.background(order: 9, highest: .normal), mode: .syncLight).0 == .success)
    #expect(bench.memory.vmstat[.compact_migrate_scanned] == 0)
    bench.fragment { _ in false }
    #expect(bench.compact(.background(order: 9, highest: .normal), mode: .syncLight).0 == .skipped)
  }

  @Test(arguments: 1...12) func `random zones keep their books at every step`(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let rules: KernelRules = generator.below(2) == 0 ? .tpp2021 : .v6_12
    let bench = Bench(pages: 3000 + generator.below(4000), rules: rules, concurrent: rules.isTPP && seed % 3 == 0)
    bench.fragment(Self.random(5 + generator.below(90), seed: seed &* 77))
    let priorities: [CompactPriority] = [.async, .syncLight, .syncFull]
    for _ in 0..<4 {
      let priority = priorities[generator.below(3)]
      let order = [1, 3, 4, 7, 9][generator.below(5)]
      _ = bench.compact(
        .direct(order: order, type: .movable, highest: .normal, priority: priority),
        mode: priority == .async ? .async : .syncLight)
    }
    _ = bench.compact(.node(isProactive: seed % 2 == 0), mode: .sync)
    #expect(bench.memory.findFaults().isEmpty)
    #expect(bench.memory.nodes[0].isolated == 0)
  }

  @Test(
    arguments: [
      (HugePageDefrag.always, false, true, false, true), (.always, true, true, false, false),
      (.defer, false, false, true, false), (.defer, true, false, true, false),
      (.deferMadvise, false, false, true, false), (.deferMadvise, true, true, false, false),
      (.madvise, false, false, false, false), (.madvise, true, true, false, false),
      (.never, false, false, false, false), (.never, true, false, false, false),
    ])
  func `defrag decides how far a fault goes`(
    _ defrag: HugePageDefrag, _ advised: Bool, _ direct: Bool, _ wakes: Bool, _ givesUp: Bool
  ) {
    #expect(
      HugeEffort.fault(defrag, isAdvised: advised)
        == HugeEffort(isDirect: direct, wakesKswapd: wakes, givesUpEarly: givesUp))
  }
}

extension Bench {
  fileprivate func compactsNothing() {
    let (result, _) = compact(.node(isProactive: false), mode: .sync)
    #expect(result == .complete && memory.findFaults().isEmpty)
  }
}
