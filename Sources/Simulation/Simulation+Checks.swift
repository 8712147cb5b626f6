// Identities between counters that hold in a kernel and must hold here.

import DSAModel
import MemoryModel
import Sysctl
import Units

extension Simulation {
  /// What does not hold of linux vmstat's identities.
  func identityFaults() -> [String] {
    func v(_ event: VMEvent) -> Int { memory.vmstat[event] }
    var faults: [String] = []
    func require(_ holds: Bool, _ text: String) { if !holds { faults.append("vmstat: \(text)") } }
    require(v(.pgsteal_kswapd) >= v(.pgdemote_kswapd), "pgsteal_kswapd >= pgdemote_kswapd")
    require(v(.pgsteal_direct) >= v(.pgdemote_direct), "pgsteal_direct >= pgdemote_direct")
    require(
      v(.pgsteal_kswapd) + v(.pgsteal_direct) == v(.pgsteal_anon) + v(.pgsteal_file),
      "pgsteal_kswapd + pgsteal_direct = pgsteal_anon + pgsteal_file")
    require(
      v(.pgscan_kswapd) + v(.pgscan_direct) >= v(.pgsteal_kswapd) + v(.pgsteal_direct), "pgscan >= pgsteal")
    require(v(.numa_pages_migrated) >= v(.pgpromote_success), "numa_pages_migrated >= pgpromote_success")
    require(
      v(.pgmigrate_success) >= v(.numa_pages_migrated) + v(.pgdemote_kswapd) + v(.pgdemote_direct),
      "pgmigrate_success >= numa_pages_migrated + pgdemote")
    require(
      v(.numa_pte_updates) >= 512 * v(.numa_huge_pte_updates), "numa_pte_updates >= 512 numa_huge_pte_updates")
    require(
      v(.compact_stall) == v(.compact_success) + v(.compact_fail), "compact_stall = compact_success + compact_fail")
    if memory.rules.countsUnlimitedCandidates {
      require(
        v(.pgpromote_success) <= v(.pgpromote_candidate) + v(.pgpromote_candidate_nrl),
        "pgpromote_success <= pgpromote_candidate + pgpromote_candidate_nrl")
    }
    return faults
  }

  /// Knobs that mean something only where memory is real.
  static func checkBacking(_ tree: KnobTree, isReal: Bool) throws(RunError) {
    if isReal { return }
    if tree[SimulationKnobs.self].copyClock == .measured {
      throw RunError(
        "clock.copy is measured, but there are no real copies to measure, and no two such runs would be alike",
        fix: "add --backing real to pageferry run, which alone has it; else write clock.copy=modelled", kind: .knob)
    }
    if tree[FaultKnobs.self].corrupt != .never {
      throw RunError(
        "debug.fault.corrupt is \(tree[FaultKnobs.self].corrupt.text), but there are no real copies to corrupt",
        fix: "add --backing real to pageferry run, which alone has it; else write debug.fault.corrupt=off", kind: .knob)
    }
  }

  /// Shows a new batch to the samplers.
  func observe(_ batch: AccessBatch, now: Picoseconds) {
    sampler.heat.observe(batch)
    sampler.reuse.observe(
      batch, now: now, scale: clock.scale, threshold: clock.span(milliseconds: balancing.hotThreshold))
  }
}
