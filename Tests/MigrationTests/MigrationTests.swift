// migrate_pages: batches, flushes, counters, records, and what happens without room. Source: mm/migrate.c migrate_pages,
// migrate_pages_batch (6.12), unmap_and_move (5.13).
import Machine
import MemoryModel
import Testing
import Units

@testable import Migration

@Suite struct MigrationTests {
  @Test(arguments: [(KernelRules.tpp2021, 32), (.v6_12, 1), (.v7_1, 1)])
  func flushesOfAListOfThirtyTwo(rules: KernelRules, flushes: Int) {
    let bench = Bench(rules)
    bench.map(0..<32)
    bench.start(slots: Array(0..<32))
    bench.finish()
    #expect(bench.flushes() == flushes)
    #expect(bench.job.nrSucceeded == 32)
    #expect(bench.job.leftovers == [])
    #expect((0..<32).allSatisfy { bench.node(of: $0) == 1 && !bench.isUnavailable($0) })
    #expect(bench.memory.findFaults() == [])
  }

  @Test func timeIsTheSumOfTheStages() {
    for rules in [KernelRules.tpp2021, .v6_12] {
      let bench = Bench(rules)
      bench.map(0..<32)
      bench.start(slots: Array(0..<32), runningCPUs: 3)
      let time = bench.finish()
      let costs = bench.job.costs
      let flush = costs.flush + 2 * costs.flushPerCPU
      let copy = bench.links.copy(bytes: 4096, from: 0, to: 1, cpuBandwidth: costs.copyBandwidth)
      // 10 GB/s of the source's one thread bind, not the CPU's 11.
      #expect(copy == 409_600)
      #expect(
        time == 32 * (costs.allocate + costs.unmap + copy + costs.remap + costs.putBack) + bench.flushes() * flush)
      #expect(bench.trace.stageTime[MigrateReason.demotion.rawValue].reduce(0, +) == time)
    }
  }

  // MARK: Batches

  @Test func aBatchIncludesTheFolioThatCrosses512() {
    let bench = Bench(.v6_12)
    bench.map(0..<511)
    bench.mapHuge(512)
    bench.map(1024..<1025)
    bench.start(slots: Array(0..<511) + [512, 1024])
    _ = bench.step()
    // 511 base pages and the 2 MiB page, 1023 pages in all; the next page waits for its own batch.
    #expect((0..<511).allSatisfy { bench.isUnavailable($0) })
    #expect(bench.isUnavailable(512))
    #expect(!bench.isUnavailable(1024))
    bench.finish()
    // One flush for the base pages, one for the 2 MiB page, one for the second batch.
    #expect(bench.flushes() == 3)
    #expect(bench.job.nrSucceeded == 1024)
    #expect(bench.memory.findFaults() == [])
  }

  @Test func scenarioOf511BasePagesAndOneHugePage() {
    let bench = Bench(.v6_12)
    bench.map(0..<511)
    bench.mapHuge(512)
    bench.start(slots: Array(0..<511) + [512])
    bench.finish()
    #expect(bench.flushes() == 2)
    #expect(bench.trace.records.count == 1)
    #expect(bench.trace.records.first?.succeeded == 1023)
    #expect(bench.trace.records.first?.hugeSucceeded == 1)
    #expect(bench.memory.vmstat[.pgmigrate_success] == 1023)
  }

  @Test func exactly512PagesAreABatch() {
    let bench = Bench(.v6_12)
    bench.map(0..<512)
    bench.mapHuge(512)
    bench.start(slots: Array(0..<512) + [512])
    _ = bench.step()
    #expect(bench.isUnavailable(511) && !bench.isUnavailable(512))
  }

  @Test func oldKernelsTakePagesOneByOne() {
    let bench = Bench(.tpp2021)
    bench.map(0..<3)
    bench.start(slots: [0, 1, 2])
    _ = bench.step()
    #expect(bench.isUnavailable(0) && !bench.isUnavailable(1) && !bench.isUnavailable(2))
    _ = bench.step()
    #expect(!bench.isUnavailable(0))
    _ = bench.step()
    #expect(bench.isUnavailable(1))
  }

  // MARK: Availability

  @Test(arguments: KernelRules.allCases)
  func aPageIsUnavailableFromUnmapToRemap(rules: KernelRules) {
    let bench = Bench(rules)
    bench.map(0..<4)
    bench.start(slots: [0, 1, 2, 3])
    let batch = AccessBatch(capacity: 1)
    batch.count = 1
    batch.slots[0] = 2 << 1
    let costs = AccessCosts()
    defer { costs.deallocate() }
    var states: [Bool] = []
    while bench.step() != nil {
      let stop = bench.memory.replay(batch, from: 0, now: 0, horizon: 1, costs: costs).stop
      // A demoted page under TPP faults too, but is there.
      #expect((stop == .fault) == (bench.memory.entry(slot: 2) & PTE.hint != PTE.present))
      // The old mapping, then none, then the new one; once each.
      if states.last != bench.isUnavailable(2) { states.append(bench.isUnavailable(2)) }
      #expect(bench.memory.findFaults() == [])
    }
    #expect(states == (rules == .tpp2021 ? [false, true, false] : [true, false]))
    #expect(bench.node(of: 2) == 1)
  }

  @Test func inABatchAPageWaitsForTheCopiesBeforeIt() {
    let bench = Bench(.v6_12)
    bench.map(0..<32)
    bench.start(slots: Array(0..<32))
    var availableAfter: [Int: Int] = [:]
    var time = 0
    while let part = bench.step() {
      time += part
      for slot in 0..<32 where !bench.isUnavailable(slot) && availableAfter[slot] == nil { availableAfter[slot] = time }
    }
    let first = try! #require(availableAfter[0])
    let last = try! #require(availableAfter[31])
    #expect(last - first == 31 * (409_600 + bench.job.costs.remap + bench.job.costs.putBack))
  }

  @Test func waitersAreToldOnceAPageIsBack() {
    let bench = Bench(.v6_12)
    bench.map(0..<1)
    bench.start(slots: [0])
    while bench.isUnavailable(0) || bench.node(of: 0) == 0 {
      #expect(!bench.job.takeRemapped())
      _ = bench.step()
    }
    #expect(bench.job.takeRemapped())
    #expect(!bench.job.takeRemapped())
  }

  // MARK: Counters and records

  @Test func recordOfASuccess() throws {
    let bench = Bench(.v6_12)
    bench.map(0..<5)
    bench.mapHuge(512)
    bench.start(slots: [0, 1, 2, 3, 4, 512], mode: .sync)
    let time = bench.finish()
    let record = try #require(bench.trace.records.first)
    #expect(bench.trace.records.count == 1)
    #expect(record.time == time && record.cpu == 0 && record.caller == .kswapd(node: 0))
    #expect(record.succeeded == 517 && record.failed == 0)
    #expect(record.hugeSucceeded == 1 && record.hugeFailed == 0 && record.hugeSplit == 0)
    #expect(record.mode.name == "MIGRATE_SYNC" && record.reason.name == "demotion")
    #expect(bench.trace.histogram[MigrateReason.demotion.rawValue][MigrateMode.sync.rawValue][517] == 1)
    #expect(bench.trace.basePages[MigrateReason.demotion.rawValue] == 5)
    #expect(bench.trace.hugePages[MigrateReason.demotion.rawValue] == 512)
    #expect(bench.memory.vmstat[.pgmigrate_success] == 517)
    #expect(bench.memory.vmstat[.thp_migration_success] == 1)
    #expect(bench.memory.vmstat[.pgmigrate_fail] == 0)
  }

  @Test(arguments: [
    (MigrateReason.compaction, "compaction"), (.syscall, "syscall_or_cpuset"), (.mempolicy, "mempolicy_mbind"),
    (.numaMisplaced, "numa_misplaced"), (.contigRange, "contig_range"), (.longtermPin, "longterm_pin"),
    (.demotion, "demotion"), (.memoryFailure, "memory_failure"), (.memoryHotplug, "memory_hotplug"),
  ])
  func reasonsPrintAsTheTracepointDoes(reason: MigrateReason, name: String) { #expect(reason.name == name) }

  @Test func recordsBeyondTheLimitAreCounted() {
    let trace = MigrationTrace(limit: 2)
    for i in 0..<5 {
      trace.add(
        MigrateRecord(
          time: i, cpu: 0, caller: .kswapd(node: 0), succeeded: 5000, failed: 0, hugeSucceeded: 0, hugeFailed: 0,
          hugeSplit: 0,
          mode: .async, reason: .demotion))
    }
    #expect(trace.records.map(\.time) == [0, 1])
    #expect(trace.lost == 3)
    let bins = trace.histogram[MigrateReason.demotion.rawValue][MigrateMode.async.rawValue]
    #expect(bins[MigrationTrace.largestBin] == 5)
  }

  @Test func hugePromotionOfTheOldKernelLeavesNoRecord() {
    for rules in [KernelRules.tpp2021, .v6_12] {
      let bench = Bench(rules)
      bench.mapHuge(0, node: 1)
      bench.start(slots: [0], to: 0, reason: .numaMisplaced)
      bench.finish()
      #expect(bench.node(of: 0) == 0)
      #expect(bench.trace.records.count == (rules == .tpp2021 ? 0 : 1))
      #expect(bench.memory.vmstat[.pgmigrate_success] == 512)
      #expect(bench.memory.vmstat[.thp_migration_success] == (rules == .tpp2021 ? 0 : 1))
    }
  }

  @Test func demotionUnderTPPLeavesPagesInaccessibleAndMarked() {
    for rules in [KernelRules.tpp2021, .v6_12] {
      let bench = Bench(rules)
      bench.map(0..<1)
      bench.start(slots: [0])
      bench.finish()
      #expect((bench.memory.entry(slot: 0) & PTE.hint == PTE.hint) == (rules == .tpp2021))
      #expect(bench.memory.wasDemoted(bench.memory.folio(slot: 0)) == (rules == .tpp2021))
    }
  }

  /// The reference kernel's scan made 152 of 152 demoted huge pages inaccessible: they were not so before.
  @Test func aHugePageDemotedUnderTPPStaysAccessible() {
    let bench = Bench(.tpp2021)
    bench.mapHuge(0)
    bench.start(slots: [0])
    bench.finish()
    #expect(bench.node(of: 0) == 1 && bench.memory.isHuge(slot: 0))
    #expect(bench.memory.entry(slot: 0) & PTE.hint == PTE.present)
    #expect(bench.memory.vmstat[.thp_migration_success] == 1)
  }

  // MARK: No room

  /// Leaves node 1 without a free 2 MiB block: one page of each stays in use, as the kernel's.
  private func fragment(_ bench: Bench) {
    var pages: [PFN] = []
    while let page = bench.memory.allocate(order: 0, node: 1, cpu: 0, policy: .promotion) { pages.append(page) }
    for page in pages {
      if page % 512 == 300 {
        bench.memory.frames[Int(page)].flags |= FrameFlags.kindKernel
      } else {
        bench.memory.release(page, order: 0, cpu: 0)
      }
    }
    bench.memory.drainAllPerCPULists()
    #expect(bench.memory.zones[1].freeBlocks(order: 9) == 0 && bench.memory.zones[1].free > 1500)
  }

  @Test(arguments: KernelRules.allCases)
  func demotionSplitsAHugePageThatFindsNoBlock(rules: KernelRules) {
    let bench = Bench(rules, pages: [8192, 1536])
    bench.mapHuge(0)
    fragment(bench)
    bench.start(slots: [0])
    bench.finish()
    #expect(!bench.memory.isHuge(slot: 0))
    #expect((0..<512).allSatisfy { bench.node(of: $0) == 1 })
    #expect(bench.job.leftovers == [])
    #expect(bench.memory.vmstat[.thp_migration_split] == 1)
    // 5.13 counts the split only.
    #expect(bench.memory.vmstat[.thp_migration_fail] == (rules == .tpp2021 ? 0 : 1))
    #expect(bench.memory.vmstat[.thp_split_page] == 1)
    #expect(bench.memory.vmstat[.pgmigrate_success] == 512)
    #expect(bench.memory.vmstat[.pgmigrate_fail] == 0)
    #expect(bench.trace.records.first?.failed == 0)
    #expect(bench.trace.records.first?.hugeSplit == 1)
    #expect(bench.memory.findFaults() == [])
  }

  /// A slow node at its min mark has neither a block nor pages: the huge page is split, and its pages stay.
  @Test(arguments: [KernelRules.v6_12, .v7_1])
  func demotionToANodeAtItsMinMarkLeavesTheSplitPages(rules: KernelRules) {
    let bench = Bench(rules, pages: [8192, 1536])
    bench.mapHuge(0)
    while bench.memory.allocate(order: 0, node: 1, cpu: 0, policy: .promotion) != nil {}
    bench.memory.anyWakePending = false
    bench.start(slots: [0])
    bench.finish()
    #expect(bench.memory.vmstat[.thp_migration_split] == 1 && bench.memory.vmstat[.thp_migration_fail] == 1)
    #expect(bench.memory.vmstat[.thp_split_page] == 1 && bench.memory.vmstat[.pgmigrate_success] == 0)
    // The first single page ends the call, and wakes the slow node's kswapd.
    #expect(bench.memory.vmstat[.pgmigrate_fail] == 1)
    #expect(bench.memory.nodes[1].kswapdWakePending)
    #expect(bench.job.leftovers.count == 512)
    bench.putBackLeftovers()
    #expect((0..<512).allSatisfy { bench.node(of: $0) == 0 })
  }

  /// Pages that a folio has lost, when it is migrated.
  @Test(arguments: KernelRules.allCases, [MigrateReason.demotion, .numaMisplaced])
  func aPartlyMappedFolioIsSplitFirst(rules: KernelRules, reason: MigrateReason) {
    let bench = Bench(rules, pages: [8192, 8192])
    bench.mapHuge(0)
    #expect(bench.memory.unmapPart(slots: 100..<112, cpu: 0) == 12)
    bench.start(slots: [0], reason: reason)
    while bench.step() != nil { #expect(bench.memory.findFaults() == []) }
    #expect(bench.job.leftovers == [] && bench.memory.residency(slots: 0..<512) == [0, 500])
    // Pages that nothing maps are freed, and count as moved.
    #expect(bench.job.nrSucceeded == 512)
    #expect(bench.memory.vmstat[.thp_migration_split] == 1 && bench.memory.vmstat[.thp_split_page] == 1)
    #expect(bench.memory.deferredSplits(node: 0) == (0, 0))
    #expect(bench.memory.nodes[0].isolated == 0 && bench.memory.findFaults() == [])
  }

  @Test func theConcurrentCallLeavesPartlyMappedFoliosToTheOther() {
    let bench = Bench(.tpp2021, pages: [8192, 8192])
    bench.mapHuge(0)
    bench.mapHuge(512)
    #expect(bench.memory.unmapPart(slots: 0..<12, cpu: 0) == 12)
    bench.start(slots: [12, 512], isConcurrent: true)
    bench.finish()
    #expect(bench.memory.residency(slots: 0..<1024) == [0, 1012])
    #expect(bench.memory.isHuge(slot: 512) && bench.memory.vmstat[.thp_split_page] == 1)
    #expect(bench.memory.findFaults() == [])
  }

  @Test(arguments: [KernelRules.v6_12, .v7_1])
  func promotionNeverSplits(rules: KernelRules) {
    // Node 1 is where it goes, so that the same fragmented node serves.
    let bench = Bench(rules, pages: [8192, 1536])
    bench.mapHuge(0)
    fragment(bench)
    bench.start(slots: [0], reason: .numaMisplaced)
    bench.finish()
    #expect(bench.memory.isHuge(slot: 0))
    #expect(bench.memory.entry(slot: 0) & PTE.hint == PTE.present)
    #expect(bench.job.nrSucceeded == 0)
    #expect(bench.job.leftovers == [bench.memory.folio(slot: 0)])
    #expect(bench.memory.vmstat[.thp_migration_fail] == 1)
    #expect(bench.memory.vmstat[.thp_migration_split] == 0)
    #expect(bench.memory.vmstat[.pgmigrate_fail] == 512)
    #expect(bench.trace.records.first?.failed == 512)
    bench.putBackLeftovers()
    #expect(bench.memory.findFaults() == [])
  }

  @Test(arguments: KernelRules.allCases)
  func whatFindsNoRoomComesBackIsolated(rules: KernelRules) {
    let bench = Bench(rules, pages: [8192, 1024])
    bench.map(0..<1500)
    bench.start(slots: Array(0..<1500))
    #expect(bench.memory.nodes[0].isolated == 1500)
    bench.finish()
    let moved = bench.job.nrSucceeded
    // Down to the min mark of the target, per-CPU pages aside; never into reserves.
    #expect(moved > 900 && moved <= 1024 - bench.memory.zones[1].min)
    #expect(bench.job.leftovers.count == 1500 - moved)
    #expect(bench.memory.nodes[0].isolated == 1500 - moved)
    // In list order: the first ones moved, and what was not moved is as it was.
    #expect((0..<moved).allSatisfy { bench.node(of: $0) == 1 })
    #expect((moved..<1500).allSatisfy { bench.node(of: $0) == 0 && !bench.isUnavailable($0) })
    // Only the page that found no room has failed; the others were not tried.
    #expect(bench.memory.vmstat[.pgmigrate_fail] == 1)
    #expect(bench.trace.records.first?.failed == 1)
    bench.putBackLeftovers()
    #expect(bench.memory.nodes[0].isolated == 0)
    #expect(bench.memory.findFaults() == [])
  }

  @Test func aBasePageDemotionThatFindsNoRoomWakesTheTargetsKswapd() {
    let bench = Bench(.v6_12, pages: [8192, 1024])
    bench.map(0..<1500)
    bench.start(slots: Array(0..<1500))
    bench.finish()
    #expect(bench.memory.nodes[1].kswapdWakePending)
    #expect(!bench.memory.nodes[0].kswapdWakePending)
  }

  @Test func aHugePageDemotionThatFindsNoRoomWakesNobody() {
    // 500 pages hold no 2 MiB block, and with 128 kB of min_free are far above their marks.
    let bench = Bench(.v6_12, pages: [8192, 500])
    bench.mapHuge(0)
    bench.start(slots: [0])
    _ = bench.step()
    #expect(!bench.memory.anyWakePending)
    #expect(bench.memory.vmstat[.thp_split_page] == 1)
  }

  @Test func promotionThatFindsNoRoomWakesNobody() {
    let bench = Bench(.v6_12, pages: [8192, 1024])
    bench.map(0..<1500)
    bench.start(slots: Array(0..<1500), reason: .numaMisplaced)
    bench.finish()
    #expect(bench.job.leftovers.count > 400)
    #expect(!bench.memory.anyWakePending)
  }

  @Test(arguments: [KernelRules.tpp2021, .v6_12])
  func aFolioUnmappedBeforeItsTurnCountsAsMoved(rules: KernelRules) {
    let bench = Bench(rules)
    bench.map(0..<4)
    bench.start(slots: [0, 1, 2, 3])
    #expect(bench.memory.unmapPage(slot: 3, cpu: 1))
    #expect(bench.memory.unmapPage(slot: 2, cpu: 1))
    bench.finish()
    #expect(bench.job.nrSucceeded == 4)
    #expect(bench.memory.nodes[0].isolated == 0)
    #expect(bench.trace.basePages[MigrateReason.demotion.rawValue] == 2)
    #expect(bench.memory.findFaults() == [])
  }

  @Test func demotionTriesTheOtherSlowNodesWhenItsTargetIsFull() {
    let bench = Bench(.v6_12, pages: [8192, 1024, 8192])
    bench.map(0..<1500)
    let folios = (0..<1500).map { bench.memory.folio(slot: $0) }
    for folio in folios { #expect(bench.memory.isolate(folio)) }
    folios.withUnsafeBufferPointer {
      bench.job.start(
        $0, to: MigrationTarget(node: 1, allowed: 0b110), reason: .demotion, mode: .async, runningCPUs: 1,
        caller: .kswapd(node: 0))
    }
    bench.finish()
    #expect(bench.job.nrSucceeded == 1500)
    let onNode = bench.memory.residency(slots: 0..<1500)
    #expect(onNode[0] == 0 && onNode[1] > 900 && onNode[2] > 400)
  }
}
