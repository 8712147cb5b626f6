// Whole runs: CPUs, epochs, bandwidth, waits, files, knob writes, and how runs end.
import MemoryModel
import Migration
import Sysctl
import Testing
import Units
import Workload

@testable import Simulation

private let tieringMachine = [
  "hw.node0.size=32M", "hw.node1.size=128M", "mm.numa.demotion_enabled=true", "kernel.numa_balancing=2",
  "vm.watermark_scale_factor=100", "sim.time_scale=1000", "debug.sched.numa_balancing.scan_size_mb=16",
]

private let hotTail = """
  name: hot
  regions: {A: {pages: 16000}}
  tasks:
    - name: main
      cpus: 0
      mlp: 1
      phases:
        - {access: A, write_every: 1}
        - {access: A, first: 14000, rounds: 300, think: 1us}
  """

@Suite struct RunTests {
  // MARK: Time

  @Test func aRunWithoutMemoryPressureTakesWhatItsAccessesCost() throws {
    let result = try simulate(
      """
      name: plain
      regions: {A: {pages: 1000}}
      tasks:
        - mlp: 1
          phases: [{access: A}, {access: A, rounds: 10, think: 1us}, {sleep: 3ms}, {compute: 2ms}]
      """,
      ["hw.node0.size=64M", "hw.node1.size=64M", "hw.loaded_latency_queue=0", "cost.context_switch=0ns"])
    let access = 110 * Picoseconds.nanosecond
    #expect(result.phase(0).elapsed == 1000 * (access + 600 * Picoseconds.nanosecond))
    #expect(result.phase(1).elapsed == 10_000 * (access + Picoseconds.microsecond))
    #expect(result.phase(2).elapsed == 3 * Picoseconds.millisecond)
    #expect(result.phase(3).elapsed == 2 * Picoseconds.millisecond)
    #expect(result.totals.accesses == 11_000)
    #expect(result.totals.fastAccesses == 11_000)
    #expect(result.count(.pgfault) == 1000)
    #expect(result.phase(1).totals.time[TimeUse.fastAccess.rawValue] == 10_000 * access)
    #expect(result.phase(1).totals.time[TimeUse.think.rawValue] == 10_000 * Picoseconds.microsecond)
  }

  @Test func timeUsesAddUpToTheRun() throws {
    for settings in [[], ["hw.cpus=2"], ["kernel.rules=tpp2021", "vm.demote_scale_factor=200"]] {
      let result = try simulate(hotTail, tieringMachine + settings)
      let spent = result.totals.time.reduce(0, +)
      // What the task does not see is the switching of threads.
      let slack = result.contextSwitches * 1500 * Picoseconds.nanosecond
      #expect(spent <= result.elapsed)
      #expect(result.elapsed - spent <= slack + 20 * Picoseconds.microsecond)
    }
  }

  @Test func kswapdOnAnIdleCPULeavesTheTaskAlone() throws {
    let one = try simulate(hotTail, tieringMachine)
    let two = try simulate(hotTail, tieringMachine + ["hw.cpus=2"])
    #expect(one.kswapdTime[0] > 0 && two.kswapdTime[0] > 0)
    // On one CPU the task waits for as long as kswapd works, and some switches.
    let waited = one.totals.time[TimeUse.cpuWait.rawValue]
    #expect(waited > one.kswapdTime[0] / 2)
    #expect(two.totals.time[TimeUse.cpuWait.rawValue] < waited / 10)
    #expect(two.cpuBusy[1] > 0)
    #expect(one.cpuBusy[0] <= one.elapsed + Picoseconds.millisecond)
  }

  @Test func halvingTheEpochChangesLittle() throws {
    // Two CPUs, so that the epoch decides how finely kswapd and the task interleave. Tolerance: 10 %; of hint faults 15 %, since each
    // that finds no room comes again at the next scan.
    let coarse = try simulate(hotTail, tieringMachine + ["hw.cpus=2", "sim.epoch=10us"])
    let fine = try simulate(hotTail, tieringMachine + ["hw.cpus=2", "sim.epoch=5us"])
    func close(_ a: Int, _ b: Int, percent: Int = 10) -> Bool { abs(a - b) * 100 <= max(a, b) * percent }
    #expect(close(coarse.elapsed, fine.elapsed))
    #expect(coarse.count(.pgpromote_success) > 1000)
    for event: VMEvent in [.pgpromote_success, .pgdemote_kswapd, .numa_hint_faults, .numa_pte_updates, .pgscan_kswapd] {
      #expect(
        close(coarse.count(event), fine.count(event), percent: event == .numa_hint_faults ? 15 : 10),
        "\(event.name) \(coarse.count(event)) \(fine.count(event))")
    }
  }

  @Test func twoTasksOnOneCPUTakeTurns() throws {
    let text = """
      name: turns
      regions: {A: {pages: 100}, B: {pages: 100}}
      tasks:
        - {name: a, cpus: 0, phases: [{access: A, rounds: 500, think: 1us}]}
        - {name: b, cpus: 0, phases: [{access: B, rounds: 500, think: 1us}]}
      """
    let one = try simulate(text, ["hw.cpus=2", "hw.node0.size=64M"])
    let free = try simulate(text.replacing("cpus: 0, ", with: ""), ["hw.cpus=2", "hw.node0.size=64M"])
    #expect(Double(one.elapsed) > 1.9 * Double(free.elapsed))
    // Neither waits for the other to end.
    let ends = one.tasks.map(\.end)
    #expect(abs(ends[0] - ends[1]) < one.elapsed / 10)
    #expect(one.tasks.allSatisfy { abs($0.totals.time[TimeUse.cpuWait.rawValue] - one.elapsed / 2) < one.elapsed / 10 })
  }

  // MARK: Bandwidth

  private func readers(_ threads: Int) throws -> Double {
    let result = try simulate(
      """
      name: readers
      regions: {A: {pages: 4096}}
      tasks:
        - name: main
          threads: \(threads)
          mlp: 16
          phases: [{access: A}, {access: A, pattern: uniform, accesses: 1_500_000, seed: 5}]
      """,
      [
        "hw.cpus=32", "hw.node0.size=64M", "hw.node0.read_bandwidth=20GB/s", "hw.node0.thread_read_bandwidth=5GB/s",
      ])
    let phase = result.phase(1)
    return Double(phase.totals.bytes) / (Double(phase.elapsed) / Double(Picoseconds.second)) / 1e9
  }

  @Test func manyThreadsSaturateANode() throws {
    let one = try readers(1)
    #expect(one > 4.5 && one < 5.05, "one thread reads \(one) GB/s")
    let many = try readers(32)
    #expect(many > 19 && many < 20.8, "32 threads read \(many) GB/s")
  }

  // MARK: Waits

  @Test func aThreadThatTouchesAPageUnderMigrationWaits() throws {
    // Copies of 4 ms each and two threads on the same few pages, one LRU batch: while one promotes a page the other
    // meets it.
    let text = """
      name: wait
      regions: {A: {pages: 31}}
      tasks:
        - {name: slow, cpus: 2, phases: [{access: A, write_every: 1}]}
        - {name: a, cpus: 0, start: 1ms, phases: [{access: A, rounds: 3000, think: 1us}]}
        - {name: b, cpus: 1, start: 1ms, phases: [{access: A, rounds: 3000, think: 1us}]}
      """
    let result = try simulate(
      text,
      tieringMachine + [
        "hw.cpus=3", "hw.node1.cpus=1", "hw.node1.tier=1", "cost.copy_bandwidth=1MB/s",
        "debug.sched.numa_balancing.hot_threshold_ms=100000",
      ])
    #expect(result.count(.pgpromote_success) == 31)
    #expect(result.stall("migration_wait") > 0)
    let waited = result.tasks[1...].reduce(0) { $0 + $1.totals.time[TimeUse.migrationWait.rawValue] }
    #expect(waited > Picoseconds.millisecond)
    // A wait is not longer than a migration.
    let stall = try #require(result.stalls.first { $0.cause == "migration_wait" })
    #expect(stall.maxNanoseconds < 4_200_000)
    // Alone, nobody waits.
    let alone = try simulate(hotTail, tieringMachine + ["hw.cpus=1"])
    #expect(alone.totals.time[TimeUse.migrationWait.rawValue] == 0 || alone.kswapdTime[0] > 0)
  }

  // MARK: Files

  @Test func filePagesAreDroppedAndReadBack() throws {
    // 80 MiB of file on 64 MiB of memory, twice through, without demotion.
    let text = """
      name: files
      regions: {F: {pages: 20480, kind: file}}
      tasks: [{phases: [{access: F, rounds: 2, write_every: WRITES}, {sleep: 1ms}]}]
      """
    let machine = ["hw.node0.size=32M", "hw.node1.size=32M"]
    let clean = try simulate(text.replacing("WRITES", with: "0"), machine)
    #expect(clean.count(.pgmajfault) > 20_480 + 10_000)
    #expect(clean.count(.pgsteal_file) > 10_000)
    #expect(clean.count(.pgdemote_kswapd) == 0)
    // What is resident is what is mapped.
    #expect(clean.processes[0].pages == clean.memory.residency(slots: 0..<20_480).reduce(0, +))
    #expect(clean.processes[0].pages < 16_384)
    #expect(clean.count(.oom_kill) == 0)
    // Dirty pages cost a write before they can go.
    let dirty = try simulate(text.replacing("WRITES", with: "1"), machine)
    #expect(dirty.elapsed > clean.elapsed)
  }

  // MARK: Mapping

  @Test func unmappingGivesTheMemoryBack() throws {
    let result = try simulate(
      """
      name: maps
      regions: {A: {pages: 9000}, B: {pages: 9000}}
      tasks:
        - phases:
            - map: A
            - {access: A}
            - unmap: A
            - map: B
            - {access: B}
            - {punch: B, share: 100%, seed: 1}
            - map: A
            - {access: A, pages: 10}
      """,
      ["hw.node0.size=72M", "hw.node1.size=4M"])
    #expect(result.processes[0].pages == 10)
    #expect(result.count(.pgfault) == 18_010)
    #expect(result.memory.zones[0].free > 16_000)
  }

  @Test func unmappingWhileKswapdHoldsPagesIsSafe() throws {
    let result = try simulate(
      """
      name: churn
      regions: {A: {pages: 7000}, B: {pages: 9000}}
      tasks:
        - name: hot
          process: p
          mlp: 1
          phases: [{access: B, write_every: 1}, {access: B, first: 5000, rounds: 60, think: 1us}]
        - name: churn
          process: p
          repeat: forever
          phases: [{map: A}, {access: A, write_every: 1}, {punch: A, share: 50%, seed: 3}, {unmap: A}]
      """,
      tieringMachine + ["hw.cpus=4", "debug.check=epoch", "sim.sample_interval=2ms"])
    #expect(result.count(.pgdemote_kswapd) > 1000)
  }

  /// Pages that nobody accesses are the first that kswapd demotes; those of the active list come later. None of them is
  /// counted as allocated in the run.
  @Test func idlePagesAreDemotedFirst() throws {
    let text = """
      name: idle
      regions: {A: {pages: 9000}}
      tasks: [{phases: [{access: A, write_every: 1}, {access: A, first: 6000, rounds: 20, think: 1us}]}]
      """
    let machine = tieringMachine + ["hw.node0.idle_pages=300", "hw.node0.idle_active_pages=200", "debug.check=epoch"]
    let result = try simulate(text, machine)
    #expect(result.faults.isEmpty)
    let slots = result.memory.table.pages
    let firstIdle = 9216
    #expect(slots == firstIdle + 512)
    let inactive = result.memory.residency(slots: firstIdle..<(firstIdle + 300))
    #expect(inactive[0] == 0 && inactive[1] == 300, "\(inactive)")
    #expect(result.count(.pgdemote_kswapd) >= 300)
    #expect(result.footprintPages == 9000)
    // Each page of the region is allocated once, each promotion and demotion allocates once more.
    let moved = result.count(.pgdemote_kswapd) + result.count(.pgpromote_success)
    #expect(result.count(.pgfault) >= 9000)
    #expect((9000 + moved...9000 + moved + 40).contains(result.count(.numa_hit) + result.count(.numa_miss)))
  }

  /// The time of each thread is accounted to the last picosecond, by task and by section: waiting for a CPU, for the other
  /// threads of the task and for migrations included.
  @Test func timesOfThreadsAddUp() throws {
    let text = """
      name: sums
      regions: {A: {size: 16M}, B: {size: 16M}}
      tasks:
        - {name: a, cpus: 0, start: 3ms, phases: [{access: A, write_every: 1}, {access: A, rounds: 20, think: 1us}]}
        - name: b
          cpus: 0
          threads: 2
          phases: [{mark: w, warmup: true}, {access: B}, {mark: r}, {access: B, rounds: 20, think: 1us, sleep: 1ms}]
        - {name: c, cpus: 1, repeat: forever, phases: [{sleep: 7ms}, {compute: 1ms}]}
      """
    let result = try simulate(
      text, tieringMachine + ["hw.node0.size=16M", "hw.node1.size=64M", "hw.cpus=2", "sim.time_scale=100"])
    #expect(result.count(.pgpromote_success) > 0)
    for (task, start) in zip(result.tasks, [3, 0, 0]) {
      let sum = task.totals.time.reduce(0, +)
      let sections = task.sections.reduce(0) { $0 + $1.totals.time.reduce(0, +) }
      #expect(sections == sum, "\(task.name)")
      let lived = task.threads * (task.end - start * Picoseconds.millisecond)
      // A thread that ends or is cut off is accounted to the end of its step.
      #expect(abs(lived - sum) < 20 * Picoseconds.microsecond, "\(task.name): \(lived - sum) ps are missing")
    }
    #expect(result.tasks[0].totals.time[TimeUse.cpuWait.rawValue] > 10 * Picoseconds.millisecond)
    #expect(result.tasks[1].totals.time[TimeUse.teamWait.rawValue] > 0)
  }

  @Test func withoutTPPsMarkTheRunWarns() throws {
    let text = "name: mark\nregions: {A: {pages: 1000}}\ntasks: [{phases: [{access: A}]}]"
    let knobs = ["kernel.rules=tpp2021", "mm.numa.demotion_enabled=1"]
    let factor = "vm.demote_scale_factor=200"
    let early = try simulate(text, knobs + [factor, "kernel.numa_balancing=2"])
    let late = try simulate(text, knobs + ["kernel.numa_balancing=2", factor])
    #expect(early.warnings.contains { $0.contains("demotion mark was never computed") })
    #expect(!late.warnings.contains { $0.contains("demotion mark") })
  }

  @Test func aStartDelayMovesEveryTask() throws {
    let text = "name: later\nregions: {A: {pages: 1000}}\ntasks: [{start: 1ms, phases: [{access: A}]}]"
    let result = try simulate(text, ["sim.start_delay=5ms"])
    let plain = try simulate(text, [])
    #expect(result.tasks[0].sections[0].start == 6 * Picoseconds.millisecond)
    #expect(result.tasks[0].end - plain.tasks[0].end == 5 * Picoseconds.millisecond)
  }

  // MARK: Knobs

  @Test func knobsWrittenInTheMiddleTakeEffect() throws {
    let text = """
      name: knobs
      regions: {A: {pages: 16000}}
      tasks:
        - mlp: 1
          phases:
            - {access: A, write_every: 1}
            - set: {kernel.numa_balancing: 2}
            - {access: A, first: 14000, rounds: 100, think: 1us}
            - set: {kernel.numa_balancing: 0}
            - mark: off
            - {access: A, first: 12000, pages: 1000, rounds: 100, think: 1us}
      events: [{at: 0s, set: {mm.numa.demotion_enabled: true}}, {at: 1us, set: {/proc/sys/vm/swappiness: 100}}]
      """
    let machine = tieringMachine.filter { !$0.hasPrefix("kernel.numa") && !$0.hasPrefix("mm.numa") }
    let result = try simulate(text, machine)
    #expect(result.count(.pgpromote_success) > 300)
    #expect(result.count(.pgdemote_kswapd) > 0)
    // Entries made PROT_NONE before it went off fault once more, and that is all.
    let window = result.memory.residency(slots: 12_000..<13_000)
    #expect(window[1] > 900, "\(window)")
  }

  @Test func aKnobWriteThatIsRefusedEndsTheRunWithItsPlace() throws {
    let text = """
      name: bad
      regions: {A: {pages: 100}}
      tasks:
        - phases:
            - {access: A}
            - set: {vm.swappiness: 300}
      """
    let error = #expect(throws: RunError.self) { try simulate(text) }
    #expect(error?.description.contains("test.yaml:6") == true, "\(error?.what ?? "")")
    #expect(error?.description.contains("vm.swappiness") == true)
    let running = #expect(throws: RunError.self) {
      try simulate(text.replacing("vm.swappiness: 300", with: "hw.cpus: 2"))
    }
    #expect(running?.description.contains("hw.cpus") == true)
  }

  // MARK: Ends

  @Test func runningOutOfMemoryIsATypedError() throws {
    // The stated footprint is a lie, so that the run begins.
    let text = """
      name: oom
      footprint: 1M
      regions: {A: {pages: 40_000}}
      tasks: [{name: eater, phases: [{access: A, write_every: 1}]}]
      """
    let error = #expect(throws: RunError.self) {
      try simulate(text, ["hw.node0.size=32M", "hw.node1.size=32M", "mm.numa.demotion_enabled=true"])
    }
    #expect(error?.what.hasPrefix("out of memory: task 'eater'") == true, "\(error?.what ?? "")")
    #expect(error?.fix.contains("hw.nodeN.size") == true)
  }

  @Test func aMachineOfOneNodeHasNothingToMigrate() throws {
    let text = "name: one\nregions: {A: {pages: 4000}}\ntasks: [{phases: [{access: A, rounds: 5, think: 1us}]}]"
    let result = try simulate(text, tieringMachine + ["hw.node0.size=32M", "hw.node1.size=0"])
    #expect(result.memory.nodeCount == 1)
    #expect(result.totals.fastAccesses == 20_000)
    #expect(result.count(.pgmigrate_success) == 0)
  }

  @Test func touchingWhatIsNotMappedIsATypedError() throws {
    let text = """
      name: race
      regions: {A: {pages: 1000}}
      tasks:
        - {name: a, phases: [{map: A}, {access: A}, {unmap: A}, {sleep: 1ms}]}
        - {name: b, phases: [{map: A}, {access: A, rounds: 100, think: 1us}]}
      """
    let error = #expect(throws: RunError.self) { try simulate(text, ["hw.cpus=2"]) }
    #expect(error?.what.contains("which is not mapped") == true, "\(error?.what ?? "")")
  }

  @Test(
    arguments: [
      (["hw.node0.tier=1"], "no fast node"),
      (["hw.node0.size=4M", "hw.node0.kernel_pages=900", "vm.watermark_scale_factor=3000"], "below its watermarks"),
      (["hw.node0.size=16M", "hw.node1.size=16M"], "the workload needs"),
      (["hw.node0.size=100T"], "8 TiB"), (["hw.node0.size=8T", "hw.node1.size=8T"], "8 TiB"),
      (["hw.node0.cpus=3"], "name 3 CPUs"), (["hw.node0.cpus=0"], "the nodes have 0 CPUs"),
      (["hw.node0.zones=Normal Movable"], "two zones have no size"),
      (["hw.node0.zones=Normal=10M HighMem"], "no zone is called 'HighMem'"),
      (["hw.node0.zones=Movable=10M Normal"], "lowest first"),
      (["hw.node0.size=64M", "hw.node0.zones=Normal=64M Movable"], "the node has 16384"),
      (["hw.node0.size=64M", "hw.node0.kernel_pages=16384"], "leave nothing"),
      (["hw.node0.size=64M", "hw.node0.idle_pages=8192", "hw.node0.idle_active_pages=8192"], "leave nothing"),
      (["hw.node0.size=64M", "hw.node0.idle_pages=16383"], "not so many pages free"),
      (["hw.node0.size=128M", "hw.node1.size=0", "hw.node1.idle_pages=1"], "not so many pages free"),
      (["hw.node0.size=0"], "less than a page"),
    ] as [([String], String)])
  func contradictoryMachinesAreTypedErrors(settings: [String], words: String) throws {
    let error = #expect(throws: RunError.self) {
      try simulate("name: x\nregions: {A: {pages: 20000}}\ntasks: [{phases: [{access: A}]}]", settings)
    }
    #expect(error?.what.contains(words) == true, "\(error?.what ?? "")")
    #expect(error?.fix.isEmpty == false)
  }

  @Test func aTaskOnACPUThatIsNotThereNamesItsLine() throws {
    let error = #expect(throws: RunError.self) {
      try simulate("name: x\nregions: {A: {pages: 20}}\ntasks:\n  - {cpus: 1, phases: [{access: A}]}", [])
    }
    #expect(error?.what.hasPrefix("test.yaml:4: task 'task0' is to run on CPU 1") == true, "\(error?.what ?? "")")
  }

  @Test func aWorkloadThatNeverEndsIsATypedError() throws {
    // The file is refused before there is a run.
    let error = #expect(throws: WorkloadError.self) {
      try simulate("name: x\nregions: {A: {pages: 20}}\ntasks: [{repeat: forever, phases: [{access: A}]}]", [])
    }
    #expect(error?.description.contains("the run never ends") == true)
  }

  @Test func aRunIsCutAtItsMaximumTime() throws {
    let result = try simulate(hotTail, tieringMachine + ["sim.max_time=5ms"])
    #expect(result.isCut)
    #expect(result.elapsed >= 5 * Picoseconds.millisecond && result.elapsed < 6 * Picoseconds.millisecond)
    #expect(result.totals.accesses < 100_000)
  }

  @Test func endlessTasksStopWithTheLastOther() throws {
    let result = try simulate(
      """
      name: background
      regions: {A: {pages: 100}, B: {pages: 100}}
      tasks:
        - {name: main, phases: [{access: A, rounds: 50, think: 1us}]}
        - {name: other, repeat: forever, phases: [{access: B, think: 1us}, {sleep: 100us}]}
      """, ["hw.cpus=2"])
    #expect(result.tasks[0].totals.accesses == 5000)
    #expect(result.tasks[1].totals.accesses >= 1000)
    #expect(result.elapsed < 8 * Picoseconds.millisecond)
  }

  // MARK: Knob writes of the workload

  @Test(arguments: [
    ("vm.swapiness: 0", "unknown knob 'vm.swapiness' (test.yaml:6); did you mean vm.swappiness?"),
    ("vm.swappiness: 900", "vm.swappiness=900 (test.yaml:6): out of range 0...200"),
    ("vm.swappiness: many", "vm.swappiness=many (test.yaml:6): not an integer"),
    ("hw.cpus: 2", "hw.cpus=2 (test.yaml:6) refused: a run is going on; write it before the run"),
  ])
  func aWriteThatNoMomentTakesIsRefusedBeforeTheRun(_ write: String, _ message: String) throws {
    let start = "name: w\nregions: {A: {pages: 100}}\ntasks:\n  - phases:\n    - access: A\n"
    let places = [
      "    - set: {\(write)}\n",
      "    - {loop: 2, phases: [{loop: 2, phases: [{set: {\(write)}}, {access: A}]}]}\n",
      "events: [{at: 1h, set: {\(write)}}]\n",
    ]
    for place in places {
      let spec = try WorkloadFile.parse(text: start + place, path: "test.yaml")
      let error = #expect(throws: RunError.self) { try Simulation(spec, tree: makeTree([])) }
      #expect(error?.description == message && error?.kind == .knob)
    }
  }

  @Test func theFirstBadWriteOfTheFileIsNamed() throws {
    let text = """
      name: w
      events:
        - {at: 1h, set: {vm.b: 1}}
        - {at: 1s, set: {vm.c: 1}}
      regions: {A: {pages: 100}}
      tasks: [{phases: [{set: {vm.a: 1}}, {access: A}]}]
      """
    let spec = try WorkloadFile.parse(text: text, path: "test.yaml")
    let error = #expect(throws: RunError.self) { try Simulation(spec, tree: makeTree([])) }
    #expect(error?.description.hasPrefix("unknown knob 'vm.b' (test.yaml:3)") == true)
  }

  @Test func eventsAfterTheEndAreAWarning() throws {
    let text = "name: w\nregions: {A: {pages: 100}}\ntasks: [{phases: [{access: A}, {sleep: 2s}]}]\nevents:\n"
    let reached = "- {at: 1s, set: {vm.swappiness: 10}}\n"
    let ahead = "- {at: 10s, set: {vm.swappiness: 0}}\n"
    #expect(try simulate(text + reached).warnings == [])
    #expect(
      try simulate(text + reached + ahead).warnings == [
        "the event at 10s (line 6) was not reached: the run ended before"
      ])
    #expect(
      try simulate(text + ahead + ahead + reached + ahead).warnings == [
        "the event at 10s (line 5) and 2 after it were not reached: the run ended before"
      ])
  }

  @Test func phasesAreNamedByWhatTheyDo() throws {
    let result = try simulate(
      """
      name: w
      regions: {A: {pages: 100}}
      tasks: [{phases: [{compute: 1ms}, {access: A}, {compute: 1ms}]}]
      """)
    #expect(result.tasks[0].phases.map(\.label) == ["compute", "access A seq", "compute"])
  }

  // MARK: Repetition

  @Test func equalRunsAreEqual() throws {
    let text =
      hotTail + """

          - {name: other, threads: 3, repeat: forever, phases: [{access: A, pattern: zipf, accesses: 500}, {sleep: 500us}]}
        """
    let settings = tieringMachine + ["hw.cpus=3"]
    let (a, b) = (try simulate(text, settings), try simulate(text, settings))
    #expect(a.elapsed == b.elapsed)
    #expect(a.memory.vmstat.snapshot() == b.memory.vmstat.snapshot())
    #expect(a.samples.map(\.events) == b.samples.map(\.events))
    #expect(a.samples.map(\.free) == b.samples.map(\.free))
    #expect(a.samples.map(\.time) == b.samples.map(\.time))
    #expect(a.tasks.map(\.totals.time) == b.tasks.map(\.totals.time))
    #expect(a.trace.records.map(\.time) == b.trace.records.map(\.time))
    #expect(a.count(.pgpromote_success) > 0)
    // Another workload seed draws other pages.
    let c = try simulate("seed: 2\n" + text, settings)
    #expect(c.memory.vmstat.snapshot() != a.memory.vmstat.snapshot())
  }
}
