// Scenarios whose outcome follows from the kernel's code: where memory fills, when kswapd demotes, what is promoted.
import MemoryModel
import Migration
import Testing
import Units

@testable import Simulation

/// A fast node of 64 MiB and a slow one of 256 MiB.
private let twoNodes = ["hw.node0.size=64M", "hw.node1.size=256M", "vm.min_free_kbytes=4096"]
private let demotion = ["mm.numa.demotion_enabled=true"]
/// Memory tiering with many scans: 1000 kernel seconds a second, a pass over 16 MiB a scan.
private let tiering = [
  "kernel.numa_balancing=2", "sim.time_scale=1000", "vm.watermark_scale_factor=100",
  "debug.sched.numa_balancing.scan_size_mb=16",
]

/// Fills so many pages once and then, after a pause, reads the last of them again and again.
private func fillThenHot(pages: Int, hot: Int = 1024, rounds: Int = 400) -> String {
  """
  name: hot
  regions: {A: {pages: \(pages)}}
  tasks:
    - name: main
      mlp: 1
      phases:
        - {access: A, write_every: 1}
        - {sleep: 5ms}
        - {access: A, first: \(pages - hot), rounds: \(rounds), think: 1us}
  """
}

private func fill(pages: Int, tail: String = "") -> String {
  "name: fill\nregions: {A: {pages: \(pages)}}\ntasks:\n  - phases:\n      - {access: A, write_every: 1}\n\(tail)"
}

@Suite struct TieringScenarioTests {
  @Test func withoutPromotionTheFastNodeStopsAtItsLowMark() throws {
    let result = try simulate(fill(pages: 30_000), twoNodes + demotion)
    let fast = result.memory.zones[0]
    // The last refill of a per-CPU list, of up to 32 batches of 3, may pass the mark.
    #expect(result.free(0) <= fast.low && result.free(0) > fast.low - 96)
    #expect(result.free(1) < 65536 - 13_000)
    #expect(result.count(.pgdemote_kswapd) == 0 && result.count(.pgdemote_direct) == 0)
    #expect(result.count(.pageoutrun) == 0)
    #expect(result.count(.numa_miss) > 13_000)
  }

  @Test func demotionBeginsWhenTheSlowNodeIsAtItsLowMarkToo() throws {
    // 64 + 64 MiB and a workload that leaves less than both low marks: the slow path wakes kswapd of both nodes, which
    // run when the task sleeps.
    let settings = ["hw.node0.size=64M", "hw.node1.size=64M", "vm.min_free_kbytes=4096"] + demotion
    let below = try simulate(fill(pages: 31_000, tail: "      - {sleep: 50ms}\n"), settings)
    #expect(below.count(.pgdemote_kswapd) == 0)
    let above = try simulate(fill(pages: 31_480, tail: "      - {sleep: 50ms}\n"), settings)
    #expect(above.count(.pgdemote_kswapd) > 0)
    #expect(above.count(.pgsteal_kswapd) >= above.count(.pgdemote_kswapd))
  }

  @Test func pageTablesThatClaimMovableBlocksWakeKswapdEarlier() throws {
    // No unmovable blocks are left free, so that the page tables of a filling node take movable ones and boost it.
    let settings = twoNodes + demotion + ["vm.watermark_boost_factor=15000", "hw.node0.kernel_pages=1000"]
    let result = try simulate(fill(pages: 40_000), settings)
    #expect(result.count(.pageoutrun) > 0)
    #expect(try simulate(fill(pages: 40_000), twoNodes + demotion).count(.pageoutrun) == 0)
  }

  @Test func hotPagesOfTheSlowNodeMakeKswapdFreeUpToThePromotionMark() throws {
    let result = try simulate(fillThenHot(pages: 30_000), twoNodes + demotion + tiering)
    let fast = result.memory.zones[0]
    #expect(result.count(.pgpromote_success) > 500)
    #expect(result.count(.pgdemote_kswapd) > 0)
    #expect(result.count(.pgsteal_kswapd) >= result.count(.pgdemote_kswapd))
    #expect(result.count(.numa_pages_migrated) == result.count(.pgpromote_success))
    #expect(result.samples.contains { $0.time > 0 && $0.free[0] > fast.high && $0.free[0] < 8192 })
    // The hot window ends up on the fast node.
    let hot = result.memory.residency(slots: (30_000 - 1024)..<30_000)
    #expect(hot[0] > 900)
    // Without demotion there is no room to promote to.
    let closed = try simulate(fillThenHot(pages: 30_000), twoNodes + tiering)
    #expect(closed.count(.pgpromote_success) < 100)
    #expect(closed.count(.pgpromote_candidate) > 500)
  }

  @Test func tppKeepsTwoPercentFreeFromTheFirstAllocationBelow() throws {
    let settings =
      twoNodes + demotion
      + [
        "vm.min_free_kbytes=256", "kernel.rules=tpp2021", "kernel.numa_balancing=2", "vm.demote_scale_factor=200",
        "hw.cpus=2",
      ]
    let result = try simulate(fill(pages: 30_000, tail: "      - {sleep: 1s}\n"), settings)
    let fast = result.memory.zones[0]
    #expect(fast.demote == 16384 * 200 / 10_000)
    #expect(result.count(.pgdemote_kswapd) > 1000)
    #expect(result.count(.pgdemote_anon) == result.count(.pgdemote_kswapd))
    #expect(result.free(0) >= fast.demote && result.free(0) < fast.demote + 500)
    // kswapd works although the slow node is far from its marks.
    #expect(result.free(1) > 40_000)
    // Written before balancing is on, the factor makes no mark: nearly nothing is demoted.
    let early = twoNodes + demotion + ["kernel.rules=tpp2021", "vm.demote_scale_factor=200", "kernel.numa_balancing=2"]
    #expect(try simulate(fill(pages: 30_000), early).count(.pgdemote_kswapd) == 0)
  }

  @Test func swappinessThrottlesDemotionWithoutAnySwap() throws {
    // A page cache beside the anonymous pages, so that file pages are not tiny; nothing is promoted any more once
    // kswapd has run: what counts is how far it gets.
    func run(swappiness: Int) throws -> RunResult {
      try simulate(
        fillThenHot(pages: 30_000, rounds: 40), twoNodes + demotion + tiering + ["vm.swappiness=\(swappiness)"])
    }
    let fast = try run(swappiness: 60)
    #expect(fast.samples.contains { $0.time > 0 && $0.free[0] > fast.memory.zones[0].promo - 64 && $0.free[0] < 4096 })
    let stalled = try run(swappiness: 0)
    // File and free pages above the high marks: anonymous pages weigh nothing.
    #expect(stalled.count(.pgdemote_kswapd) < fast.count(.pgdemote_kswapd))
    #expect(stalled.free(0) <= stalled.memory.zones[0].promo)
  }

  @Test func ampleRoomPromotesEveryHintFault() throws {
    // 1.5 GiB of fast memory that nobody uses; 65 full LRU batches, so that every page is on a list. The pages are first touched by a task on the slow node's CPU.
    let text = """
      name: ample
      regions: {A: {pages: 2015}}
      tasks:
        - {name: slow, cpus: 1, phases: [{access: A, write_every: 1}]}
        - name: fast
          cpus: 0
          start: 1ms
          mlp: 1
          phases: [{access: A, rounds: 200, think: 1us}]
      """
    let settings =
      [
        "kernel.rules=v7.1", "hw.cpus=2", "hw.node0.size=1536M", "hw.node1.size=64M", "hw.node1.cpus=1",
        "hw.node1.tier=1", "debug.sched.numa_balancing.hot_threshold_ms=1",
        "kernel.numa_balancing_promote_rate_limit_MBps=0",
      ] + tiering
    let result = try simulate(text, settings)
    #expect(result.count(.pgpromote_success) == 2015)
    #expect(result.count(.pgpromote_candidate_nrl) == 2015)
    #expect(result.count(.pgpromote_candidate) == 0)
    #expect(result.memory.nodes[0].hotThreshold == 0)
    #expect(result.memory.residency(slots: 0..<2015) == [2015, 0])
  }

  @Test func aLowRateLimitCapsPromotionButNotTheCandidates() throws {
    let limit = ["kernel.numa_balancing_promote_rate_limit_MBps=1"]
    let hot = fillThenHot(pages: 40_000, hot: 4000, rounds: 40)
    // A second of the kernel is 20 ms here.
    let settings = twoNodes + demotion + tiering + ["sim.time_scale=50"]
    let free = try simulate(hot, settings)
    let capped = try simulate(hot, settings + limit)
    let seconds = capped.elapsed / (20 * Picoseconds.millisecond) + 1
    #expect(capped.count(.pgpromote_success) <= 257 * seconds)
    #expect(capped.count(.pgpromote_success) > 0)
    #expect(capped.count(.pgpromote_success) < free.count(.pgpromote_success))
    #expect(capped.count(.pgpromote_candidate) > capped.count(.pgpromote_success))
  }

  @Test func aPageTouchedLongAfterItsScanIsCold() throws {
    // B is on the slow node, scanned while the task works on A, and touched once, long after.
    func run(pause: String) throws -> RunResult {
      try simulate(
        """
        name: cold
        regions: {B: {pages: 500}, A: {pages: 500}}
        tasks:
          - {name: slow, cpus: 1, phases: [{access: B}, {access: A}]}
          - name: fast
            cpus: 0
            start: 1ms
            mlp: 1
            phases: [{access: A, rounds: \(pause), think: 1us}, {access: B}]
        """,
        [
          "hw.cpus=2", "hw.node0.size=64M", "hw.node1.size=64M", "hw.node1.cpus=1", "hw.node1.tier=1",
        ] + tiering)
    }
    // 120 rounds of 500 accesses are about 60 ms, 60 s of the kernel.
    let late = try run(pause: "120")
    let onNode = late.memory.residency(slots: 0..<500)
    #expect(late.count(.numa_hint_faults) >= 1000)
    #expect(onNode[1] == 500, "\(onNode)")
    #expect(late.count(.pgpromote_success) >= 400)
  }

  @Test func demotionCascadesThroughThreeTiers() throws {
    let settings =
      [
        "hw.cpus=2", "hw.node0.size=32M", "hw.node1.size=32M", "hw.node2.size=128M", "hw.node1.tier=1",
        "hw.node2.tier=2",
        "vm.watermark_scale_factor=200",
      ] + demotion + tiering
    let result = try simulate(fillThenHot(pages: 24_000), settings)
    #expect(result.demotions(from: 0) > 0)
    #expect(result.demotions(from: 1) > 0)
    #expect(result.demotions(from: 2) == 0)
    #expect(result.count(.pgdemote_kswapd) == result.demotions(from: 0) + result.demotions(from: 1))
  }

  @Test func hugePagesThatFindNoRoomBelowAreSplit() throws {
    let settings =
      [
        "mm.transparent_hugepage.enabled=always", "hw.node0.size=64M", "hw.node1.size=34M", "hw.cpus=2",
      ] + demotion + tiering
    let text = """
      name: huge
      regions: {A: {pages: 22528}}
      tasks:
        - mlp: 1
          phases:
            - {access: A, write_every: 1}
            - {access: A, first: 16384, rounds: 30, think: 1us}
      """
    let result = try simulate(text, settings)
    #expect(result.count(.thp_fault_alloc) > 20)
    #expect(result.count(.thp_migration_split) > 0)
    #expect(result.count(.thp_migration_fail) >= result.count(.thp_migration_split))
    #expect(result.count(.thp_split_page) == result.count(.thp_migration_split))
  }
}
