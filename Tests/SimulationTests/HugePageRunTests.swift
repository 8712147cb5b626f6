// 2 MiB pages in whole runs: khugepaged, partly unmapped pages under pressure, promotion onto a fragmented node.
import MemoryModel
import Migration
import Testing
import Units

@testable import Simulation

private let khugepaged = "mm.transparent_hugepage.khugepaged."

@Suite struct HugePageRunTests {
  /// Fills 4 MiB and more by base pages, lets 2 MiB pages be, and reads on.
  private func fill(thp: String = "default", pages: Int = 1100, rounds: Int = 60) -> String {
    """
    name: collapse
    regions: {A: {pages: \(pages), thp: \(thp)}}
    tasks:
      - phases:
          - {access: A, write_every: 1}
          - set: {mm.transparent_hugepage.enabled: always}
          - {access: A, rounds: \(rounds), think: 1us}
    """
  }

  @Test func khugepagedCollapsesWhatWasTouchedBefore() throws {
    // A scan of eight ranges every 10 ms, on a CPU of its own.
    let settings = ["sim.time_scale=1000", "hw.cpus=2", "hw.node0.size=32M"]
    let result = try simulate(fill(), settings)
    #expect(result.count(.thp_collapse_alloc) == 2 && result.count(.thp_fault_alloc) == 0)
    #expect(result.memory.isHuge(slot: 0) && result.memory.isHuge(slot: 512) && !result.memory.isHuge(slot: 1024))
    #expect(result.footprintPages == 1100)
    #expect(result.kernelThreads.map(\.name) == ["khugepaged"])
    // Accesses to a range wait while it is collapsed.
    #expect(result.stall("migration_wait") > 0)
    #expect(result.count(.pgmigrate_success) == 0)
    // Without a scan in time, or with advice against it, nothing happens.
    for (text, knob) in [
      (fill(), "\(khugepaged)scan_sleep_millisecs=1000000"), (fill(thp: "never"), "sim.time_scale=1000"),
    ] {
      let idle = try simulate(text, settings + [knob])
      #expect(idle.count(.thp_collapse_alloc) == 0 && idle.kernelThreads.isEmpty)
    }
  }

  @Test func holesBecomeResident() throws {
    let text = """
      name: holes
      regions: {A: {size: 4M}}
      tasks:
        - phases:
            - {access: A, stride: 64, accesses: 16}
            - set: {mm.transparent_hugepage.enabled: always}
            - {sleep: 30ms}
      """
    let all = try simulate(text, ["sim.time_scale=1000"])
    #expect(all.count(.thp_collapse_alloc) == 2 && all.footprintPages == 1024)
    let few = try simulate(text, ["sim.time_scale=1000", "\(khugepaged)max_ptes_none=100"])
    #expect(few.count(.thp_collapse_alloc) == 0 && few.footprintPages == 16)
    #expect(few.count(.thp_scan_exceed_none_pte) >= 2)
  }

  @Test func aWriteToItsSleepWakesIt() throws {
    let text = """
      name: wake
      regions: {A: {size: 4M}}
      tasks:
        - phases:
            - {access: A, write_every: 1}
            - set: {mm.transparent_hugepage.enabled: always}
            - {sleep: 5ms}
            - set: {\(khugepaged)alloc_sleep_millisecs: 60000}
            - {sleep: 5ms}
      """
    #expect(try simulate(text, ["hw.node0.size=32M"]).count(.thp_collapse_alloc) == 2)
  }

  @Test(arguments: [KernelRules.tpp2021, .v6_12])
  func reclaimSplitsWhatIsPartlyUnmapped(rules: KernelRules) throws {
    // What B needs is held by the punched half of A.
    let text = """
      name: pressure
      footprint: 24M
      regions: {A: {size: 16M, thp: always}, B: {size: 20M, thp: never}}
      tasks:
        - phases:
            - {access: A, write_every: 1}
            - {punch: A, share: 50%, seed: 3}
            - {access: B, write_every: 1}
            - {access: A, write_every: 1, accesses: 1}
      """
    let result = try simulate(text, ["hw.node0.size=32M", "hw.node1.size=0", "kernel.rules=\(rules.rawValue)"])
    #expect(result.count(.thp_split_pmd) >= 7 && result.count(.thp_deferred_split_page) == result.count(.thp_split_pmd))
    #expect(result.count(.thp_split_page) > 0)
    #expect(result.count(.pgsteal_kswapd) == 0 && result.count(.oom_kill) == 0)
  }

  /// Free memory on the fast node, and no 2 MiB block in it.
  @Test func hugePagesAreNotPromotedOntoAFragmentedNode() throws {
    let text = """
      name: fragmented
      regions: {H: {size: 16M, thp: always, process: p}, F: {size: 80M, thp: never, process: p}}
      tasks:
        - {name: far, process: p, cpus: 1, phases: [{access: H, write_every: 1}]}
        - name: near
          process: p
          cpus: 0
          start: 10ms
          phases:
            - {access: F, write_every: 1}
            - {punch: F, share: 60%, seed: 3}
            - {access: H, rounds: 60, think: 1us}
      """
    let settings = [
      "hw.cpus=2", "hw.node0.size=64M", "hw.node1.size=64M", "hw.node1.cpus=1", "hw.node1.tier=1",
      "kernel.numa_balancing=2", "sim.time_scale=1000", "debug.sched.numa_balancing.scan_size_mb=64",
      "vm.compaction_proactiveness=0",
    ]
    let result = try simulate(text, settings)
    #expect(result.count(.compact_migrate_scanned) == 0 && result.count(.compact_daemon_wake) == 0)
    #expect(result.count(.thp_fault_alloc) >= 7)
    #expect(result.memory.zones[0].free > 4 * result.memory.zones[0].high)
    #expect(result.memory.zones[0].freeBlocks(order: 9) + result.memory.zones[0].freeBlocks(order: 10) == 0)
    #expect(result.count(.pgpromote_candidate) >= 512)
    #expect(result.count(.thp_migration_fail) > 0 && result.count(.thp_migration_split) == 0)
    #expect(result.count(.pgpromote_success) == 0 && result.count(.compact_stall) == 0)
  }
}
