// NUMA balancing and demotion targets: scan periods, hint faults, hot-page selection. Source: kernel/sched/fair.c
// (task_scan_min, task_numa_work, should_numa_migrate_memory, numa_promotion_rate_limit,
// numa_promotion_adjust_threshold), mm/mempolicy.c change_prot_numa; TPP's do_numa_page.
import Events
import Machine
import MemoryModel
import Migration
import Testing
import Units

@testable import Tiering

/// Two nodes, and a policy on them.
private struct Bench {
  let memory: Memory
  let policy: HintFaultPolicy

  init(
    _ rules: KernelRules = .v6_12, nodes: [Int] = [8192, 8192], jiffy: Int = 1,
    change: (inout BalancingKnobs) -> Void = { _ in }
  ) {
    var knobs = MemoryKnobs()
    knobs.minFreeKbytes = 256
    memory = Memory(
      nodes: nodes.enumerated().map { id, pages in
        NodeLayout(tier: id, cpus: id == 0 ? 0..<2 : 2..<2, zones: [ZoneLayout(kind: .normal, pages: pages)])
      }, cpuCount: 2, virtualPages: 16384, rules: rules, knobs: knobs)
    memory.tieringMode = true
    var balancing = BalancingKnobs()
    balancing.mode = 2
    change(&balancing)
    policy = HintFaultPolicy(
      memory: memory, clock: KernelClock(scale: 1, jiffyMilliseconds: jiffy), knobs: balancing)
  }

  func map(_ slots: Range<Int>, node: Int, isWrite: Bool = false, isFile: Bool = false) {
    for slot in slots {
      guard memory.mapBase(slot: slot, isWrite: isWrite, isFile: isFile, node: node, cpu: 0) else {
        fatalError("no room")
      }
    }
    memory.drainAllLRUBatches()
  }

  /// A NUMA scan of these slots at a time.
  @discardableResult
  func scan(_ slots: Range<Int>, at milliseconds: Int) -> Int {
    memory.protectForScan(slots: slots, skippedNodes: 1, tiering: true, stamp: UInt32(milliseconds))
  }

  /// A hint fault on CPU 0; whether it asks for a promotion, and how many faults it took.
  func fault(_ slot: Int, at milliseconds: Int) -> (promotes: Bool, faults: Int) {
    var faults = 0
    let outcome = policy.fault(
      slot: slot, cpu: 0, cpuNode: 0, now: milliseconds * Picoseconds.millisecond, faults: &faults)
    if case .promote(_, let node) = outcome {
      #expect(node == 0)
      return (true, faults)
    }
    return (false, faults)
  }

  func count(_ event: VMEvent) -> Int { memory.vmstat[event] }
}

@Suite struct PartlyMappedTests {
  /// The old kernel does not look at a page of a 2 MiB folio that is mapped page by page; later ones promote what is left of it.
  @Test(arguments: [(KernelRules.tpp2021, false, 0), (.v6_12, true, 1)])
  func aHintFaultOnAPageOfAHugePage(rules: KernelRules, promotes: Bool, counted: Int) {
    let bench = Bench(rules)
    #expect(bench.memory.mapHuge(slot: 0, isWrite: true, node: 1, cpu: 0))
    #expect(bench.memory.unmapPage(slot: 5, cpu: 0))
    #expect(bench.scan(0..<512, at: 1000) == 511)
    #expect(bench.fault(17, at: 1001).promotes == promotes)
    #expect(bench.count(.numa_hint_faults) == counted)
    #expect((bench.memory.entry(slot: 17) & PTE.hint == PTE.present) == !promotes)
    #expect(bench.memory.nodes[1].isolated == (promotes ? 512 : 0))
  }
}

@Suite struct ScanTests {
  /// Base pages of so many MiB.
  private static func mib(_ count: Int) -> Int { count << 8 }

  @Test(arguments: [
    // 16 GiB: 64 windows; the floor of 100 ms binds below, 60 s / 64 above.
    (rss: 16384, min: 100, max: 937), (rss: 256, min: 1000, max: 60000), (rss: 257, min: 500, max: 30000),
    (rss: 1024, min: 250, max: 15000), (rss: 600, min: 333, max: 20000), (rss: 200_000, min: 100, max: 100),
    (rss: 0, min: 1000, max: 60000),
  ])
  func periodsOfAProcess(rss: Int, min: Int, max: Int) {
    let knobs = BalancingKnobs()
    #expect(NumaScanner.scanMin(rss: ScanTests.mib(rss), knobs: knobs) == min)
    #expect(NumaScanner.scanMax(rss: ScanTests.mib(rss), knobs: knobs) == max)
  }

  @Test func windowsAreWholeScanSizes() {
    #expect(NumaScanner.windows(rss: ScanTests.mib(16384), scanPages: ScanTests.mib(256)) == 64)
    #expect(NumaScanner.windows(rss: 1, scanPages: ScanTests.mib(256)) == 1)
  }

  @Test func scanSizeSetsTheFloor() {
    var knobs = BalancingKnobs()
    knobs.scanSizeMiB = 64
    // 1000 / (2560 / 64)
    #expect(NumaScanner.scanMin(rss: ScanTests.mib(1 << 20), knobs: knobs) == 25)
    knobs.scanSizeMiB = 4096
    #expect(NumaScanner.scanMin(rss: ScanTests.mib(1 << 20), knobs: knobs) == 1000)
  }

  /// A scanner of 1 MiB a scan and an address space that is due.
  private func scanner(_ bench: Bench) -> (NumaScanner, ThreadScan, AddressSpaceScan) {
    var knobs = BalancingKnobs()
    knobs.mode = 2
    knobs.scanSizeMiB = 1
    knobs.scanDelay = 0
    let clock = KernelClock(scale: 1, jiffyMilliseconds: 1)
    return (
      NumaScanner(memory: bench.memory, clock: clock, knobs: knobs, costs: CostKnobs()), ThreadScan(knobs: knobs),
      AddressSpaceScan(start: 0, knobs: knobs, clock: clock)
    )
  }

  @Test func chunksWithoutAnUpdateCostVirtualPagesOnly() {
    let bench = Bench()
    bench.map(0..<4096, node: 0)
    bench.map(8192..<10240, node: 1)
    var (scanner, thread, space) = scanner(bench)
    let regions = [ScanRegion(slots: 0..<4096), ScanRegion(slots: 8192..<10240)]
    var updates: [Int] = []
    for i in 0..<6 {
      let before = bench.count(.numa_pte_updates)
      _ = scanner.scan(thread: &thread, space: &space, regions: regions, now: i * 10 * Picoseconds.second)
      updates.append(bench.count(.numa_pte_updates) - before)
    }
    // 2048 virtual pages a scan through the fast region; then one 2 MiB chunk a scan, since 256 pages are rounded up to
    // it and all of it is charged.
    #expect(updates == [0, 0, 512, 512, 512, 512])
    #expect(space.passes == 0)
    _ = scanner.scan(thread: &thread, space: &space, regions: regions, now: 100 * Picoseconds.second)
    #expect(space.passes == 1)
  }

  @Test func aPassEndsWithItsLastRegionAndTheNextStartsOver() {
    let bench = Bench()
    bench.map(0..<300, node: 1)
    var (scanner, thread, space) = scanner(bench)
    let regions = [ScanRegion(slots: 0..<300)]
    let time = scanner.scan(thread: &thread, space: &space, regions: regions, now: 0)
    #expect(bench.count(.numa_pte_updates) == 300)
    #expect(time == 300 * CostKnobs().scanEntry + CostKnobs().scanBlock)
    // What is PROT_NONE already is not updated again, so that only virtual pages are charged.
    _ = scanner.scan(thread: &thread, space: &space, regions: regions, now: 10 * Picoseconds.second)
    #expect(bench.count(.numa_pte_updates) == 300)
    #expect(space.passes >= 1)
  }

  @Test func aScanWaitsForItsPeriod() {
    let bench = Bench()
    bench.map(0..<300, node: 1)
    var (scanner, thread, space) = scanner(bench)
    let regions = [ScanRegion(slots: 0..<300)]
    thread.period = 1000
    _ = scanner.scan(thread: &thread, space: &space, regions: regions, now: 0)
    #expect(space.nextScan == Picoseconds.second)
    bench.memory.unprotect(slot: 5)
    #expect(scanner.scan(thread: &thread, space: &space, regions: regions, now: Picoseconds.second - 1) == 0)
    #expect(bench.count(.numa_pte_updates) == 300)
    _ = scanner.scan(thread: &thread, space: &space, regions: regions, now: Picoseconds.second)
    #expect(bench.count(.numa_pte_updates) == 301)
  }

  /// task_tick_numa: the first tick sets the period by the size, but counts on with the scan delay.
  @Test func theFirstScanCountsWithTheScanDelay() {
    let bench = Bench()
    var (scanner, thread, space) = scanner(bench)
    scanner.knobs = BalancingKnobs()
    scanner.knobs.mode = 2
    thread.period = scanner.knobs.scanDelay
    space.nextScan = 0
    func isDue(at milliseconds: Int) -> Bool {
      thread.isDue = false
      scanner.tick(
        thread: &thread, space: space, runTime: milliseconds * Picoseconds.millisecond, now: 0, rss: ScanTests.mib(600))
      return thread.isDue
    }
    #expect(!isDue(at: 1000))
    #expect(isDue(at: 1001))
    #expect(thread.period == 333)
    #expect(!isDue(at: 1333))
    #expect(isDue(at: 1334))
    #expect(!isDue(at: 1666))
    #expect(isDue(at: 1667))
  }

  @Test func theTickCountsRunTimeNotWallTime() {
    let bench = Bench()
    var (scanner, thread, space) = scanner(bench)
    thread.period = 1000
    scanner.tick(thread: &thread, space: space, runTime: Picoseconds.second, now: 99 * Picoseconds.second, rss: 1)
    #expect(!thread.isDue)
    scanner.tick(thread: &thread, space: space, runTime: Picoseconds.second + 1, now: 99 * Picoseconds.second, rss: 1)
    #expect(thread.isDue)
    // Not before the address space is due.
    thread.isDue = false
    space.nextScan = 200 * Picoseconds.second
    scanner.tick(thread: &thread, space: space, runTime: 9 * Picoseconds.second, now: 99 * Picoseconds.second, rss: 1)
    #expect(!thread.isDue)
  }

  @Test func scanningIsOffInModeZero() {
    let bench = Bench()
    var (scanner, thread, space) = scanner(bench)
    scanner.knobs.mode = 0
    space.nextScan = 0
    scanner.tick(thread: &thread, space: space, runTime: 99 * Picoseconds.second, now: 99 * Picoseconds.second, rss: 1)
    #expect(!thread.isDue)
  }

  @Test func thePeriodDoublesWithoutLocalFaultsUpToItsMaximum() {
    let bench = Bench()
    bench.map(0..<10, node: 0)
    var (scanner, thread, space) = scanner(bench)
    thread.period = 1000
    var periods: [Int] = []
    for pass in 1...8 {
      space.passes = pass
      scanner.recordFault(
        thread: &thread, space: &space, node: 0, isLocal: true, pages: 1, migrated: true, migrateFailed: false,
        now: pass * 100 * Picoseconds.second, rss: 256)
      periods.append(thread.period)
    }
    #expect(periods == [2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000])
  }

  @Test func faultsOnSlowPagesDoNotCountInTieringMode() {
    let bench = Bench()
    var (scanner, thread, space) = scanner(bench)
    thread.period = 1000
    space.passes = 1
    scanner.recordFault(
      thread: &thread, space: &space, node: 1, isLocal: false, pages: 1, migrated: false, migrateFailed: false,
      now: 100 * Picoseconds.second, rss: 256)
    #expect(thread.period == 1000 && thread.remote == 0)
  }

  @Test func theScannerLeavesFastPagesAloneInTieringModeOnly() {
    let bench = Bench()
    bench.map(0..<10, node: 0)
    bench.map(512..<522, node: 1)
    #expect(bench.memory.protectForScan(slots: 0..<1024, skippedNodes: 1, tiering: true, stamp: 5) == 10)
    #expect(bench.memory.protectForScan(slots: 0..<1024, skippedNodes: 0, tiering: true, stamp: 6) == 10)
    // Only pages of slow nodes are stamped.
    #expect(bench.memory.cold[Int(bench.memory.folio(slot: 0))].stamp == 0)
    #expect(bench.memory.cold[Int(bench.memory.folio(slot: 512))].stamp == 5)
  }

  /// change_pte_range: dirty pages of files, and private pages where a process of one thread runs.
  @Test func theScannerLeavesDirtyFilePagesAndOwnPagesAlone() {
    let bench = Bench()
    for slot in 0..<10 {
      #expect(bench.memory.mapBase(slot: slot, isWrite: slot < 4, isFile: true, node: 1, cpu: 0))
    }
    bench.map(512..<522, node: 0)
    #expect(bench.memory.protectForScan(slots: 0..<512, skippedNodes: 0, isFile: true, tiering: true, stamp: 5) == 6)
    #expect(bench.memory.protectForScan(slots: 0..<512, skippedNodes: 0, tiering: true, stamp: 5) == 4)
    var (scanner, thread, space) = scanner(bench)
    scanner.knobs.mode = 1
    let regions = [ScanRegion(slots: 512..<522)]
    _ = scanner.scan(thread: &thread, space: &space, regions: regions, ownNode: 0, now: 0)
    #expect(bench.count(.numa_pte_updates) == 10)
    _ = scanner.scan(thread: &thread, space: &space, regions: regions, now: 100 * Picoseconds.second)
    #expect(bench.count(.numa_pte_updates) == 20)
  }

  @Test func aHugeEntryCostsAsMuchAsABasePages() {
    let bench = Bench()
    #expect(bench.memory.mapHuge(slot: 0, isWrite: false, node: 0, cpu: 0))
    #expect(bench.memory.mapHuge(slot: 512, isWrite: false, node: 1, cpu: 0))
    var (scanner, thread, space) = scanner(bench)
    let time = scanner.scan(
      thread: &thread, space: &space, regions: [ScanRegion(slots: 0..<1024)], now: Picoseconds.second)
    #expect(bench.count(.numa_huge_pte_updates) == 1)
    #expect(time == 2 * CostKnobs().scanEntry)
  }

  /// task_numa_work: mappings that a scan skipped are forced one by one, and only then numa_scan_seq goes on.
  @Test func aPassIsOverBehindTheMappingsThatItSkipped() {
    let bench = Bench()
    bench.map(0..<300, node: 0)
    var (scanner, thread, space) = scanner(bench)
    scanner.untouchedMappings = 2
    var passes: [Int] = []
    for i in 1...6 {
      _ = scanner.scan(
        thread: &thread, space: &space, regions: [ScanRegion(slots: 0..<300)], now: i * 100 * Picoseconds.second)
      passes.append(space.passes)
    }
    // Two passes without; the third ends with its last region, waits for two scans, and the next scan begins another.
    #expect(passes == [1, 2, 2, 2, 2, 3])
  }

  @Test func aHugeEntryIs512Updates() {
    let bench = Bench()
    #expect(bench.memory.mapHuge(slot: 0, isWrite: false, node: 1, cpu: 0))
    #expect(bench.scan(0..<512, at: 1) == 512)
    #expect(bench.count(.numa_pte_updates) == 512)
    #expect(bench.count(.numa_huge_pte_updates) == 1)
  }
}

@Suite struct HintFaultTests {
  @Test(arguments: [(latency: 0, promotes: true), (999, true), (1000, false), (61_000, false)])
  func pagesTouchedSoonAfterTheScanAreHot(latency: Int, promotes: Bool) {
    let bench = Bench()
    bench.map(0..<1, node: 1)
    bench.scan(0..<1, at: 5000)
    #expect(bench.fault(0, at: 5000 + latency).promotes == promotes)
    #expect(bench.count(.pgpromote_candidate) == (promotes ? 1 : 0))
    #expect(bench.count(.numa_hint_faults) == 1)
    if !promotes { #expect(bench.memory.entry(slot: 0) & PTE.hint == PTE.present) }
  }

  @Test func anUnfaultedPageKeepsItsFirstStamp() {
    // Scanned at 0 s, scanned again at 60 s, touched at 61 s: 61 s old, not one.
    let bench = Bench()
    bench.map(0..<1, node: 1)
    #expect(bench.scan(0..<1, at: 0) == 1)
    #expect(bench.scan(0..<1, at: 60_000) == 0)
    #expect(!bench.fault(0, at: 61_000).promotes)
    // The rejected fault stamps the page with its own time: the next scan and touch find it hot.
    #expect(bench.memory.cold[Int(bench.memory.folio(slot: 0))].stamp == 61_000)
    #expect(bench.scan(0..<1, at: 62_000) == 1)
    #expect(bench.fault(0, at: 62_500).promotes)
  }

  @Test func aNarrowStampMakesOldPagesLookHot() {
    let bench = Bench()
    bench.policy.stampBits = 12
    bench.map(0..<1, node: 1)
    bench.scan(0..<1, at: 0)
    // 4096 ms wrap to 0.
    #expect(bench.fault(0, at: 4100).promotes)
  }

  @Test func stampsAreJiffies() {
    let bench = Bench(jiffy: 4)
    bench.map(0..<1, node: 1)
    bench.scan(0..<1, at: 0)
    #expect(bench.fault(0, at: 1003).promotes == false)
    let other = Bench(jiffy: 4)
    other.map(0..<1, node: 1)
    other.scan(0..<1, at: 0)
    #expect(other.fault(0, at: 999).promotes)
  }

  @Test func faultsOnTheCPUsOwnNodeAreLocal() {
    let bench = Bench { $0.mode = 3 }
    bench.map(0..<1, node: 0)
    _ = bench.memory.protectForScan(slots: 0..<1, skippedNodes: 0, tiering: true, stamp: 0)
    #expect(!bench.fault(0, at: 1).promotes)
    #expect(bench.count(.numa_hint_faults_local) == 1)
  }

  @Test func aFullFastNodeWakesItsKswapdInsteadOfPromoting() {
    let bench = Bench()
    // Page tables must not boost the marks, or kswapd would be awake for that.
    bench.map(0..<100, node: 1)
    var slot = 1024
    while bench.memory.hasRoomForPromotion(node: 0, pages: 1) {
      bench.map(slot..<(slot + 1), node: 0)
      slot += 1
    }
    bench.memory.nodes[0].kswapdWakePending = false
    bench.scan(0..<1, at: 0)
    #expect(!bench.fault(0, at: 1).promotes)
    #expect(bench.memory.nodes[0].kswapdWakePending)
    #expect(bench.count(.pgpromote_candidate) == 1)
  }

  @Test func dirtyFilePagesStay() {
    let bench = Bench()
    bench.map(0..<1, node: 1, isWrite: true, isFile: true)
    bench.map(1..<2, node: 1, isFile: true)
    bench.scan(0..<2, at: 0)
    #expect(!bench.fault(0, at: 1).promotes)
    #expect(bench.fault(1, at: 1).promotes)
  }

  /// shrink_folio_list without demotion: FOLIOREF_RECLAIM_CLEAN drops a page only if it is clean.
  @Test func aDirtyPageThatWasReferencedIsKept() {
    let bench = Bench()
    let memory = bench.memory
    bench.map(0..<1, node: 1, isWrite: true, isFile: true)
    bench.map(1..<2, node: 1, isFile: true)
    // A first look finds each page accessed and marks it referenced.
    for slot in 0..<2 { #expect(memory.checkReferences(memory.folio(slot: slot)) == .keep) }
    let link = LinkProperties(
      readLatency: 100_000, writeLatency: 100_000, readBandwidth: 1 << 34, writeBandwidth: 1 << 34,
      threadReadBandwidth: 1 << 33, threadWriteBandwidth: 1 << 33)
    let job = MigrationJob(
      memory: memory, links: Links(nodes: [link, link], epoch: Picoseconds.microsecond, queuePermille: 0),
      trace: MigrationTrace(limit: 0), costs: CostKnobs())
    let shrinker = NodeShrinker(
      memory: memory, targets: DemotionTargets(memory: memory), job: job, node: 1, caller: .kswapd(node: 1),
      knobs: ReclaimKnobs(), costs: CostKnobs(), seed: 1)
    var control = ScanControl()
    control.priority = 0
    control.toReclaim = 32
    func pass() -> Int {
      shrinker.start(control, cpu: 0)
      while shrinker.step(now: 0, cpu: 0) != .done {}
      return shrinker.control.reclaimed
    }
    #expect(pass() == 1)
    #expect(memory.entry(slot: 0) != 0 && memory.entry(slot: 1) == 0)
    // Not referenced any more: written, and dropped.
    #expect(pass() == 1)
    #expect(memory.entry(slot: 0) == 0)
  }

  /// kswapd gives a high order up once it has reclaimed twice as much, and sleeps if the node is balanced without it.
  @Test func kswapdSleepsByTheOrderThatItEndedWith() {
    let bench = Bench(nodes: [8192, 16384])
    let memory = bench.memory
    memory.demotionEnabled = true
    let slots = memory.zones[0].free - memory.zones[0].promo - 200
    bench.map(0..<slots, node: 0)
    for slot in 0..<slots {
      let page = memory.folio(slot: slot)
      // Every second page is in use elsewhere, so that no block can become free; the others are not accessed.
      if slot % 2 == 0 { _ = memory.checkReferences(page) } else { _ = memory.isolate(page) }
    }
    let link = LinkProperties(
      readLatency: 100_000, writeLatency: 100_000, readBandwidth: 1 << 34, writeBandwidth: 1 << 34,
      threadReadBandwidth: 1 << 33, threadWriteBandwidth: 1 << 33)
    let kswapd = Kswapd(
      node: 0, memory: memory, targets: DemotionTargets(memory: memory),
      links: Links(nodes: [link, link], epoch: Picoseconds.microsecond, queuePermille: 0),
      trace: MigrationTrace(limit: 0), clock: KernelClock(scale: 1, jiffyMilliseconds: 4), knobs: ReclaimKnobs(),
      costs: CostKnobs(), seed: 1)
    memory.wakeKswapd(node: 0, order: Page.hugeOrder)
    var time = 0
    var naps = false
    for _ in 0..<100_000 {
      switch kswapd.step(now: time, cpu: 0) {
      case .useCPU(let span): time += span
      case .sleepUntil: naps = true
      default: Issue.record("kswapd neither works nor naps")
      }
      if naps { break }
    }
    #expect(naps && bench.count(.pageoutrun) == 1)
    #expect(bench.count(.pgdemote_kswapd) >= 2 << Page.hugeOrder)
    #expect(!memory.isBalanced(node: 0, order: Page.hugeOrder, highest: .movable))
  }

  /// `should_continue_reclaim`: a pass for a costly order goes on while compaction has no room to begin and enough pages are inactive.
  @Test func aPassForAHighOrderGoesOnUntilCompactionCanBegin() {
    let bench = Bench(nodes: [8192, 8192])
    let memory = bench.memory
    func goesOn(order: Int) -> Bool {
      var control = ScanControl()
      control.order = order
      control.highest = .movable
      return memory.needsMoreToCompact(node: 0, control, threshold: 500)
    }
    // Whole blocks are free: nothing to compact.
    #expect(!goesOn(order: Page.hugeOrder))
    let slots = memory.zones[0].free - memory.zones[0].low - 32
    bench.map(0..<slots, node: 0)
    #expect(goesOn(order: Page.hugeOrder))
    // Three is the last order that nobody compacts for at such a price (PAGE_ALLOC_COSTLY_ORDER).
    #expect(goesOn(order: 4) && !goesOn(order: 3) && !goesOn(order: 0))
    // Twice the block has to be inactive, or there is no point.
    var inactive = memory.lruPages(node: 0, .inactiveAnon)
    for slot in 0..<slots where inactive > 2 << Page.hugeOrder {
      #expect(memory.isolate(memory.folio(slot: slot)))
      inactive -= 1
    }
    #expect(memory.lruPages(node: 0, .inactiveAnon) == 1024)
    #expect(!goesOn(order: Page.hugeOrder) && goesOn(order: 8))
  }

  @Test func aPageOnNoListIsNotPromoted() {
    let bench = Bench()
    bench.map(0..<1, node: 1)
    bench.scan(0..<1, at: 0)
    #expect(bench.memory.isolate(bench.memory.folio(slot: 0)))
    #expect(!bench.fault(0, at: 1).promotes)
  }

  // MARK: Rate limit and threshold

  @Test func theRateLimitHoldsBackWhatIsBeyondASecondsWorth() {
    // 1 MB/s is 256 pages a second.
    let bench = Bench { $0.promoteRateLimit = 1 }
    bench.map(0..<1200, node: 1)
    bench.scan(0..<1200, at: 9_900)
    let first = (0..<600).filter { bench.fault($0, at: 10_000).promotes }.count
    #expect(first == 256)
    #expect(bench.count(.pgpromote_candidate) == 600)
    // 1000 ms later is still the same window, 1001 ms later is the next.
    #expect(!bench.fault(600, at: 10_999 + 1).promotes)
    #expect((601..<1200).filter { bench.fault($0, at: 11_001).promotes }.count == 0)
  }

  @Test func theNextWindowStartsAfterItsFirstCandidate() {
    let bench = Bench {
      $0.promoteRateLimit = 1
      $0.hotThreshold = 100_000
    }
    bench.map(0..<1200, node: 1)
    bench.scan(0..<1200, at: 9_900)
    #expect((0..<600).filter { bench.fault($0, at: 10_000).promotes }.count == 256)
    #expect((600..<1200).filter { bench.fault($0, at: 11_001).promotes }.count == 256)
    #expect(bench.count(.pgpromote_candidate) == 1200)
  }

  @Test func aLimitOfZeroStopsPromotion() {
    let bench = Bench { $0.promoteRateLimit = 0 }
    bench.map(0..<10, node: 1)
    bench.scan(0..<10, at: 9_900)
    #expect((0..<10).filter { bench.fault($0, at: 10_000).promotes }.count == 0)
    #expect(bench.count(.pgpromote_candidate) == 10)
  }

  /// The thresholds after each of so many scan periods, with so many candidates in each.
  private func thresholds(candidates: Int, periods: Int) -> [Int] {
    let bench = Bench { $0.promoteRateLimit = 1 }
    bench.map(0..<200, node: 1)
    return (1...periods).map { period in
      bench.memory.nodes[0].promoteCandidates += candidates
      bench.scan(period..<(period + 1), at: period * 60_001)
      _ = bench.fault(period, at: period * 60_001)
      return bench.memory.nodes[0].hotThreshold
    }
  }

  @Test func tooManyCandidatesLowerTheThresholdByAnEighthToItsFloor() {
    // The reference is 256 * 60 = 15,360 candidates.
    #expect(
      thresholds(candidates: 20_000, periods: 10) == [875, 750, 625, 500, 375, 250, 125, 125, 125, 125])
  }

  @Test func tooFewRaiseItToTwiceTheKnob() {
    #expect(
      thresholds(candidates: 0, periods: 10) == [1125, 1250, 1375, 1500, 1625, 1750, 1875, 2000, 2000, 2000])
  }

  @Test func withinATenthItStays() {
    #expect(thresholds(candidates: 15_000, periods: 3) == [1000, 1000, 1000])
  }

  @Test func theThresholdAdaptsOncePerScanPeriod() {
    let bench = Bench { $0.promoteRateLimit = 1 }
    bench.map(0..<10, node: 1)
    for slot in 0..<10 {
      bench.scan(slot..<(slot + 1), at: 60_001 + slot)
      _ = bench.fault(slot, at: 60_001 + slot)
    }
    #expect(bench.memory.nodes[0].hotThreshold == 1125)
  }

  @Test func ampleRoomPromotesEverythingAndResetsTheThreshold() {
    // Beyond the promo mark a GiB: 262,144 pages.
    let bench = Bench(.v7_1, nodes: [300_000, 8192]) { $0.promoteRateLimit = 0 }
    bench.memory.nodes[0].hotThreshold = 500
    bench.map(0..<10, node: 1)
    bench.scan(0..<10, at: 0)
    #expect((0..<10).filter { bench.fault($0, at: 500_000).promotes }.count == 10)
    #expect(bench.count(.pgpromote_candidate_nrl) == 10)
    #expect(bench.count(.pgpromote_candidate) == 0)
    #expect(bench.memory.nodes[0].hotThreshold == 0)
  }

  @Test func ampleRoomCountsNoCandidateBeforeItHadACounter() {
    let bench = Bench(.v6_12, nodes: [300_000, 8192])
    bench.map(0..<10, node: 1)
    bench.scan(0..<10, at: 0)
    #expect((0..<10).filter { bench.fault($0, at: 500_000).promotes }.count == 10)
    #expect(bench.count(.pgpromote_candidate) == 0 && bench.count(.pgpromote_candidate_nrl) == 0)
    #expect(bench.memory.nodes[0].promoteCandidates == 0)
  }

  @Test func aNodeOfAGibibyteNeverHasAmpleRoom() {
    let bench = Bench(.v7_1, nodes: [262_144, 8192])
    bench.map(0..<1, node: 1)
    bench.scan(0..<1, at: 0)
    #expect(!bench.fault(0, at: 500_000).promotes)
    #expect(bench.count(.pgpromote_candidate_nrl) == 0)
  }

  // MARK: TPP

  @Test func aBasePagePromotionCosts31HintFaultsUnderTPP() {
    let bench = Bench(.tpp2021)
    bench.map(0..<2, node: 1)
    for slot in 0..<2 {
      bench.scan(slot..<(slot + 1), at: 0)
      // However long ago the scan was: there is no threshold.
      let outcome = bench.fault(slot, at: 500_000)
      #expect(outcome.promotes && outcome.faults == 31)
    }
    #expect(bench.count(.numa_hint_faults) == 62)
    #expect(bench.count(.pgpromote_candidate) == 2)
    #expect(bench.count(.pgpromote_candidate_anon) == 2)
    #expect(bench.count(.pgactivate) == 2)
  }

  @Test func aReferencedPageNeedsOneFewer() {
    let bench = Bench(.tpp2021)
    bench.map(0..<1, node: 1)
    bench.memory.markAccessed(bench.memory.folio(slot: 0), cpu: 0)
    bench.scan(0..<1, at: 0)
    #expect(bench.fault(0, at: 1).faults == 30)
  }

  @Test func anActivePageAndAHugePageNeedOneFaultUnderTPP() {
    let bench = Bench(.tpp2021)
    bench.map(0..<1, node: 1)
    let page = bench.memory.folio(slot: 0)
    #expect(bench.memory.isolate(page))
    bench.memory.activate(page)
    bench.memory.putBack(page)
    #expect(bench.memory.mapHuge(slot: 512, isWrite: false, node: 1, cpu: 0))
    bench.scan(0..<1024, at: 0)
    #expect(bench.fault(0, at: 1) == (true, 1))
    #expect(bench.fault(512, at: 1) == (true, 1))
    // Candidates are base pages only.
    #expect(bench.count(.pgpromote_candidate) == 1)
  }

  @Test func aFullFastNodeCountsUnderTPP() {
    let bench = Bench(.tpp2021)
    bench.map(0..<1, node: 1)
    bench.memory.demotionMarkFactor = nil
    var slot = 1024
    while bench.memory.hasRoomForPromotion(node: 0, pages: 1) {
      bench.map(slot..<(slot + 1), node: 0)
      slot += 1
    }
    bench.scan(0..<1, at: 0)
    #expect(!bench.fault(0, at: 1).promotes)
    #expect(bench.count(.pgmigrate_fail_dst_node_full) == 1)
  }
}

@Suite struct DemotionTargetTests {
  private func targets(_ tiers: [Int]) -> DemotionTargets {
    let memory = Memory(
      nodes: tiers.map { NodeLayout(tier: $0, cpus: 0..<0, zones: [ZoneLayout(kind: .normal, pages: 2048)]) },
      cpuCount: 1, virtualPages: 512, rules: .v6_12, knobs: MemoryKnobs())
    return DemotionTargets(memory: memory)
  }

  @Test func pagesGoToTheNextTierAndAllSlowerOnesWillDo() throws {
    let targets = targets([0, 1, 2])
    var random = SplitMix64(seed: 1)
    let first = try #require(targets.choose(from: 0, random: &random))
    #expect(first.node == 1 && first.allowed == 0b110)
    let second = try #require(targets.choose(from: 1, random: &random))
    #expect(second.node == 2 && second.allowed == 0b100)
    #expect(!targets.exists(from: 2))
    #expect(targets.choose(from: 2, random: &random) == nil)
  }

  @Test func equalTargetsAreChosenUniformly() {
    let targets = targets([0, 1, 1, 3])
    var random = SplitMix64(seed: 1)
    var chosen = [0, 0, 0, 0]
    for _ in 0..<2000 { chosen[targets.choose(from: 0, random: &random)!.node] += 1 }
    #expect(chosen[0] == 0 && chosen[3] == 0)
    #expect(abs(chosen[1] - 1000) < 100 && chosen[1] + chosen[2] == 2000)
  }
}
