// One number for everything that a few runs modelled: equal before and after a change that is only about speed.

import MemoryModel
import Simulation
import Sysctl
import Workload

enum Fingerprint {
  /// A line a run. Relative paths are those of the repository's root.
  static func lines() throws -> [String] {
    var lines: [String] = []
    let tiering = ["kernel.numa_balancing=2", "mm.numa.demotion_enabled=true"]
    for file in ["workloads/quick.yaml", "workloads/hot-tail.yaml"] {
      for writes in [[], tiering, ["kernel.rules=tpp2021"] + tiering] {
        var tree = KnobTree.product
        for write in writes.prefix(1) where write.hasPrefix("kernel.rules") { try tree.writeAssignment(write) }
        _ = try tree.load(path: "sysctl/machines/oracle-tcg.conf")
        for write in writes { try tree.writeAssignment(write) }
        lines.append(try line("\(file) \(writes.joined(separator: " "))", WorkloadFile.parse(path: file), tree))
      }
    }
    for writes in [tiering, tiering + ["sim.time_scale=50"], tiering + ["mm.transparent_hugepage.enabled=always"]] {
      lines.append(
        try line("mixed \(writes.dropFirst(2).joined(separator: " "))", Scenario.workload(mixed), Scenario.tree(writes))
      )
    }
    return lines
  }

  /// Threads that share a stream, tasks that compete for CPUs, sleeps, chases, drifts, random writes, a knob event.
  private static let mixed = """
    name: mixed
    regions:
      A: {size: 256M}
      B: {size: 64M}
      C: {pages: 20_000}
    tasks:
      - name: team
        threads: 3
        phases:
          - access: A
            write_every: 1
          - access: A
            pattern: zipf
            exponent: 0.9
            scatter: 2654435761
            accesses: 3_000_000
            rounds: 2
            write_share: 20%
            sleep: 10ms
      - name: chaser
        cpus: 1
        mlp: 1
        bytes: 256
        phases:
          - access: B
            pattern: chase
            accesses: 1_000_000
            think: 20ns
          - access: B
            pattern: drift
            hot: 1024
            hot_share: 90%
            step: 100
            period: 50_000
            accesses: 1_000_000
            write_every: 3
      - name: napper
        cpus: 1
        weight: 3
        phases:
          - loop: 20
            phases:
              - access: C
                pattern: uniform
                accesses: 50_000
              - sleep: 3ms
              - compute: 1ms
    events:
      - at: 100ms
        set: {vm.swappiness: 10}
    """

  private static func line(_ name: String, _ spec: WorkloadSpec, _ tree: KnobTree) throws -> String {
    let result = try Simulation(spec, tree: tree).run()
    precondition(result.faults.isEmpty, "\(result.faults)")
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    func add(_ n: Int) { hash = (hash ^ UInt64(bitPattern: Int64(n))) &* 0x100_0000_01B3 }
    func add(_ t: TaskTotals) {
      for n in [t.accesses, t.reads, t.writes, t.fastAccesses, t.bytes] + t.time { add(n) }
    }
    add(result.elapsed)
    for n in result.memory.vmstat.snapshot() + result.kswapdTime + result.cpuBusy { add(n) }
    add(result.contextSwitches)
    for task in result.tasks {
      add(task.totals)
      add(task.cpuTime)
      add(task.end)
      add(task.scanPeriodMs)
      for p in task.phases {
        add(p.start)
        add(p.end)
        add(p.elapsed)
        add(p.totals)
        add(Int(truncatingIfNeeded: p.accessHash))
      }
      for r in task.rounds { add(r.end) }
    }
    for s in result.samples {
      add(s.time)
      for n in s.events + s.free { add(n) }
      add(s.fastAccesses)
    }
    for s in result.snaps { for n in s.onNode { add(n) } }
    for s in result.stalls { for n in [s.count, s.p50Nanoseconds, s.p99Nanoseconds, s.maxNanoseconds] { add(n) } }
    return "\(String(hash, radix: 16)) \(name) elapsed \(result.elapsed)"
  }
}
