import MemoryModel
import Simulation
import Sysctl
import Units
import Validation

@main struct Pageferry {
  static func main() throws {
    let args = CommandLine.arguments
    var tree = KnobTree.product
    for f in args[2...] where f.contains("=") { }
    for f in args[2...] {
      if f.contains("=") { try tree.writeAssignment(f) } else { _ = try tree.load(path: f) }
    }
    for delay in [0, 37, 113] {
      let r = try OracleRun.run(scenario: args[1], tree: tree, startDelay: delay * Picoseconds.millisecond)
      let m = r.memory
      print("delay", delay, "elapsed", Double(r.elapsed) / 1e12, "faults", r.faults.count, r.faults.prefix(3))
      for e: VMEvent in [.pgdemote_kswapd, .pgpromote_success, .pgpromote_candidate, .numa_pte_updates, .numa_hint_faults, .pgscan_kswapd, .pgactivate, .pageoutrun, .kswapd_low_wmark_hit_quickly, .kswapd_high_wmark_hit_quickly, .pgmigrate_fail, .pgpromote_tried, .pgmigrate_fail_dst_node_full, .numa_miss] {
        print("  ", e, m.vmstat[e], terminator: ";")
      }
      print()
      for s in r.snaps { print("  snap", s.onNode, "window0", s.per64.suffix(384).reduce(0) { $0 + Int($1) }) }
      for t in r.tasks { print("  task", t.name, "cpu", Double(t.cpuTime) / 1e12, "period", t.scanPeriodMs, "passes", r.processes.map(\.scanPasses)) }
      if args.contains("sim.trace_limit=7") { for s in r.samples { print(Double(s.time) / 1e12, s.free, s.events[VMEvent.pgdemote_kswapd.rawValue], s.events[VMEvent.pgpromote_success.rawValue], s.events[VMEvent.pgpromote_candidate.rawValue], s.events[VMEvent.numa_pte_updates.rawValue], s.events[VMEvent.pgscan_kswapd.rawValue]) } }
    }
  }
}
