// Whole runs of random machines, knobs and workloads; the books must agree after each, and a seed must repeat itself.
//
// The second run of every tenth seed (of every PAGEFERRY_FUZZ_REAL-th) has real memory: it must be the same, with all bytes right.
//
// PAGEFERRY_FUZZ_RUNS says how many, PAGEFERRY_FUZZ_FIRST which seed is the first. A failure names its seed;
// PAGEFERRY_FUZZ_FIRST=seed PAGEFERRY_FUZZ_RUNS=1 repeats it and prints the case.
import Backing
import DSAModel
import Foundation
import HostMemory
import Machine
import MemoryModel
import Migration
import PageCopy
import Simulation
import Sysctl
import Testing
import Units
import Workload

@Suite(.serialized) struct WholeRunFuzz {
  private static func setting(_ name: String, default value: Int) -> Int {
    ProcessInfo.processInfo.environment[name].flatMap(Int.init) ?? value
  }

  /// Runs asked for: few without optimisation.
  private static var runs: Int {
    #if DEBUG
      setting("PAGEFERRY_FUZZ_RUNS", default: 200)
    #else
      setting("PAGEFERRY_FUZZ_RUNS", default: 2000)
    #endif
  }

  /// How one run ended.
  private enum Outcome: Equatable {
    case done(Ending)
    /// A typed error: not a failure unless it says so itself.
    case refused(String)
  }

  /// What two runs of one seed must have in common.
  private struct Ending: Equatable {
    var elapsed: Picoseconds
    var counters: [Int]
    var accesses: Int
    var samples: Int
    var faults: [String]
    var residency: [String]
    /// Accesses that waited for a page under migration.
    var waits: Int
    /// What the copy engines did.
    var copies: CopyTimer
    var devices: [DeviceCounters]
  }

  private static func realMemory(_ memory: Memory) throws(RunError) -> any FrameCopier {
    do throws(HostMemoryError) { return try RealFrames(for: memory) } catch {
      throw RunError("\(error)", fix: "", kind: .host)
    }
  }

  private static func run(_ fuzz: FuzzCase, isReal: Bool = false) throws -> Outcome {
    let spec = try WorkloadFile.parse(text: fuzz.workload, path: "fuzz.yaml")
    let tree = try fuzz.tree()
    do throws(RunError) {
      let result = try Simulation(
        spec, tree: tree, backing: isReal ? { memory throws(RunError) in try realMemory(memory) } : nil
      ).run()
      let idle = tree[HardwareKnobs.self].nodes.reduce(0) { $0 + $1.idlePages + $1.idleActivePages }
      // What a copy uses counts when it begins: the end of the run may cut one on each CPU short.
      let page = Page.size * Page.perHuge * Picoseconds.second / tree[CostKnobs.self].copyBandwidth
      let inFlight = page * tree[HardwareKnobs.self].cpus
      return .done(
        Ending(
          elapsed: result.elapsed, counters: result.memory.vmstat.snapshot(), accesses: result.totals.accesses,
          samples: result.samples.count,
          faults: result.faults + blockFaults(of: result.memory)
            + bookFaults(of: result, spec, idlePages: idle, inFlight: inFlight),
          residency: result.snaps.map { "\($0.onNode)" },
          waits: result.stalls.first { $0.cause == "migration_wait" }?.count ?? 0, copies: result.copy.timer,
          devices: result.copy.devices))
    } catch {
      return .refused("\(error)")
    }
  }

  /// What a finished run must satisfy beyond the model's own checks.
  private static func bookFaults(of result: RunResult, _ spec: WorkloadSpec, idlePages: Int, inFlight: Picoseconds)
    -> [String]
  {
    var faults: [String] = []
    func require(_ holds: Bool, _ text: @autoclosure () -> String) { if !holds { faults.append(text()) } }
    let totals = result.totals
    require(totals.reads + totals.writes == totals.accesses, "reads + writes are not the accesses")
    require(totals.fastAccesses <= totals.accesses, "more fast accesses than accesses")
    for task in result.tasks {
      for use in task.totals.time.indices where task.totals.time[use] < 0 {
        faults.append("task \(task.name) spent \(task.totals.time[use]) ps on \(TimeUse(rawValue: use)!)")
      }
    }
    let memory = result.memory
    if memory.rules != .tpp2021 {
      // No node of these machines has ample room, where candidates are not counted.
      require(
        memory.vmstat[.pgpromote_success] <= memory.vmstat[.pgpromote_candidate], "more promotions than candidates")
    }
    require(
      memory.vmstat[.compact_stall] == memory.vmstat[.compact_success] + memory.vmstat[.compact_fail],
      "compact_stall is not compact_success + compact_fail")
    require(
      memory.vmstat[.compact_daemon_migrate_scanned] <= memory.vmstat[.compact_migrate_scanned]
        && memory.vmstat[.compact_daemon_free_scanned] <= memory.vmstat[.compact_free_scanned],
      "kcompactd has scanned more than all compaction")
    let (copy, engines) = (result.copy, result.copy.timer.engines)
    for method in CopyMethod.allCases {
      let use = copy.use(of: method)
      require(use.elapsed >= 0 && use.cpuTime >= 0, "engine \(method) took \(use)")
    }
    // A CPU that copies does nothing else meanwhile.
    let busy = result.cpuBusy.reduce(0, +)
    let used = engines.reduce(0) { $0 + $1.cpuTime }
    require(
      used <= busy + inFlight + Picoseconds.millisecond,
      "copies used \(used) ps of CPU time, all CPUs were busy for \(busy)")
    let written = copy.devices.reduce(0) { $0 + $1.bytesWritten }
    require(
      copy.use(of: .dsa).bytes <= written, "\(copy.use(of: .dsa).bytes) bytes count as DSA's, which wrote \(written)")
    require(
      copy.bytes <= result.memory.vmstat[.pgmigrate_success] << Page.shift + 64 << 20, "more copied than migrated")
    // Behind the slots of processes and idle pages, from a whole 2 MiB block on, lie those of ageing.
    let aged = spec.ages.reduce(0) { sum, age in
      sum + Memory.agedSlots(pages: memory.nodes[age.node].zones.reduce(0) { $0 + memory.zones[$1].managed })
    }
    let firstAged = aged == 0 ? memory.table.pages : (memory.table.pages - aged) & ~(Page.perHuge - 1)
    let mapped = (0..<firstAged).count { memory.isMapped(slot: $0) }
    let resident = result.processes.reduce(idlePages) { $0 + $1.pages }
    require(mapped == resident, "\(mapped) pages are mapped, the processes and the idle pages are \(resident)")
    if !result.isCut {
      for (index, task) in result.tasks.enumerated() {
        guard let plan = Plan(of: spec.tasks[index]) else { continue }
        let made = task.totals.accesses
        require(
          plan.hasMix ? made >= plan.accesses : made == plan.accesses,
          "task \(task.name) was to make \(plan.hasMix ? "at least " : "")\(plan.accesses) accesses, made \(made)")
        require(
          result.elapsed >= plan.time, "task \(task.name) was to take \(plan.time) ps, the run took \(result.elapsed)")
      }
    }
    return faults
  }

  /// What a task must do in a run that is not cut.
  private struct Plan {
    /// Accesses: exact without a mix, else the fewest.
    var accesses = 0
    var hasMix = false
    /// The least time it takes: that of its mixes.
    var time: Picoseconds = 0

    /// Nil for a task that goes on until others end.
    init?(of task: TaskSpec) {
      guard case .times(let times) = task.repeats, case .phases(let phases) = task.work, add(phases) else { return nil }
      accesses *= times * task.weight
      time *= times
    }

    private init() {}

    /// Whether the phases end by themselves.
    private mutating func add(_ phases: [PhaseSpec]) -> Bool {
      for phase in phases {
        switch phase.action {
        case .access(let access): accesses += access.accesses * access.rounds
        case .mix(let mix):
          accesses += mix.stretch
          time += mix.duration
          hasMix = true
        case .loop(.times(let times), let body):
          var inner = Plan()
          guard inner.add(body) else { return false }
          accesses += times * inner.accesses
          time += times * inner.time
          hasMix = hasMix || inner.hasMix
        case .loop(.forever, _): return false
        default: break
        }
      }
      return true
    }
  }

  @Test func booksAgreeAndSeedsRepeat() throws {
    let first = Self.setting("PAGEFERRY_FUZZ_FIRST", default: 0)
    let runs = Self.runs
    LastWords.install()
    var refusals: [String: Int] = [:]
    var (done, agedRuns, defragRuns) = (0, 0, 0)
    var reached = [Int](repeating: 0, count: VMEvent.allCases.count)
    var waits = 0
    var copied = [String: Int]()
    for seed in first..<(first + runs) {
      LastWords.begin(UInt64(seed))
      defer { LastWords.end() }
      let fuzz = FuzzCase(seed: UInt64(seed))
      if runs == 1 { print(fuzz) }
      let outcome: Outcome
      do { outcome = try Self.run(fuzz) } catch {
        Issue.record("seed \(seed): the case is not valid: \(error)")
        continue
      }
      switch outcome {
      case .done(let ending):
        done += 1
        agedRuns += fuzz.workload.contains("age:") ? 1 : 0
        defragRuns += fuzz.writes.contains("vm.defrag_mode=1") ? 1 : 0
        waits += ending.waits > 0 ? 1 : 0
        let copies = ending.copies
        for (name, count) in [
          ("cpu", copies.engines[CopyMethod.cpu.rawValue].calls),
          ("workers", copies.engines[CopyMethod.workers.rawValue].calls),
          ("dsa", copies.engines[CopyMethod.dsa.rawValue].bytes), ("batches", copies.batches),
          ("resumed", copies.resumed),
          ("taken over", copies.takenOver), ("time-outs", copies.timeouts), ("full queues", copies.fullQueues),
          ("overflows", copies.overflows), ("interrupts", ending.devices.reduce(0) { $0 + $1.interrupts }),
        ] { copied[name, default: 0] += count > 0 ? 1 : 0 }
        for event in reached.indices where ending.counters[event] > 0 { reached[event] += 1 }
        if !ending.faults.isEmpty { Issue.record("seed \(seed): \(ending.faults.prefix(3))") }
      case .refused(let text):
        let isFault = text.contains("books do not agree") || text.contains("nothing can run")
        if isFault { Issue.record("seed \(seed): \(text)") }
        // The words without the numbers, to count kinds.
        refusals[String(text.filter { !$0.isNumber }.prefix(60)), default: 0] += 1
      }
      let isReal = seed % Self.setting("PAGEFERRY_FUZZ_REAL", default: 10) == 0
      if try Self.run(fuzz, isReal: isReal) != outcome {
        Issue.record("seed \(seed): the second run differs from the first")
      }
    }
    print("fuzz: \(done) of \(runs) runs ended, refused:", refusals)
    print("fuzz: ended on aged machines \(agedRuns), with vm.defrag_mode from the start \(defragRuns)")
    print("fuzz: runs that reached", VMEvent.allCases.map { "\($0.name) \(reached[$0.rawValue])" }, "waits \(waits)")
    print("fuzz: runs with copies", copied.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })
    guard runs >= 200 else { return }
    // Reclaim's lists of up to 32 pages overflow no pool.
    for (name, count) in copied where count == 0 && name != "overflows" && (runs >= 2000 || name != "full queues") {
      Issue.record("no run has copies with \(name)")
    }
    // A generator whose cases are all refused, or leave paths alone, would test nothing.
    #expect(done * 2 > runs, "only \(done) of \(runs) runs ended: \(refusals)")
    #expect(waits > 0)
    #expect(agedRuns > 0 && defragRuns > 0, "\(agedRuns) aged machines, \(defragRuns) with vm.defrag_mode")
    for event: VMEvent in [
      .pgdemote_kswapd, .pgdemote_direct, .pgpromote_success, .pgpromote_tried, .pgmigrate_fail, .thp_migration_success,
      .thp_migration_split, .thp_fault_fallback, .thp_split_pmd, .thp_deferred_split_page, .thp_split_page,
      .thp_collapse_alloc, .thp_scan_exceed_none_pte, .numa_huge_pte_updates, .pgmajfault, .pgactivate, .pgrefill,
    ] {
      #expect(reached[event.rawValue] > 0, "no run has \(event.name)")
    }
  }
}
