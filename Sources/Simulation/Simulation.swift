// A run: the machine and the loop that moves modelled time. What is not in this file: building the machine (MachinePlan.swift), its
// threads (Simulation+Threads.swift), what phases do (Simulation+Actions.swift), the result (Simulation+Result.swift), checks.

import Compaction
import Events
import HugePages
import Machine
import MemoryModel
import Migration
import Sysctl
import Tiering
import Timeline
import Units
import Workload

/// One workload under one set of knobs.
public final class Simulation {
  public let spec: WorkloadSpec
  public internal(set) var tree: KnobTree
  let knobs: SimulationKnobs
  let hardware: HardwareKnobs
  let costs: CostKnobs
  let isHashing: Bool

  let memory: Memory
  let links: Links
  let copies: CopyMachine
  let trace: MigrationTrace
  let clock: KernelClock
  let targets: DemotionTargets
  let scanner: NumaScanner
  let policy: HintFaultPolicy
  var reclaim: ReclaimKnobs
  var balancing: BalancingKnobs
  var hugePages: HugePageKnobs
  var compaction: CompactionKnobs
  var stalls = StallHistograms()
  let runningCPUs: Int

  let scheduler: Scheduler
  var threads: [ModelThread] = []
  /// `wakeTime` of each thread, from the start of the run.
  var wakeTimes: [UnsafeMutablePointer<Picoseconds>] = []
  var kswapds: [Kswapd] = []
  var kswapdThreads: [ModelThread] = []
  var kcompactds: [(task: Kcompactd, thread: ModelThread)] = []
  /// When each looks at its node next; the kcompactds own the memory.
  var checkTimes: [UnsafeMutablePointer<Picoseconds>] = []
  /// Who carries out writes of vm.compact_memory; made at the first.
  var memoryCompaction: (MemoryCompaction, ModelThread)?
  /// khugepaged, once there is anything for it to do.
  var khugepaged: (task: Khugepaged, source: CompactingSource, thread: ModelThread)?
  private(set) var areThreadsMade = false
  var programs: [TaskProgram] = []
  var spaces: [AddressSpace] = []
  /// Threads that wait for a page under migration.
  var waiters: [UserThread] = []
  var foreground = 0
  /// The CPU whose thread is in the middle of a step.
  private(set) var cpuInUse: Int?
  /// Workers of multithreaded copies, by CPU; made when they are first needed.
  var copyWorkers: [Int: (CopyWorker, ModelThread)] = [:]
  /// How far a CPU may run ahead of the next one: workers of several CPUs copy together, and wake each other.
  var lookahead: Picoseconds = .max

  var now: Picoseconds = 0
  private(set) var epochStart: Picoseconds = 0
  var nextEvent = 0
  private var nextListStats: Picoseconds = 0
  private var nextDrain: Picoseconds = 0
  var failure: RunError?
  var isCut = false
  var warnings: [String] = []

  var sampler: Sampler
  var snaps: [SnapResult] = []
  var freeAreas: FreeAreaSampler
  let nodeOfCPU: [Int]
  /// The threads of all programs, which own them.
  var userThreads: [Unmanaged<UserThread>] = []
  /// Trace sources, opened when the run was set up: by task.
  var traceSources: [Int: any AccessSource] = [:]

  /// Where the run leaves what happens when; nil, and nothing is kept. Set before `run`.
  public var timeline: Timeline? {
    didSet {
      copies.timeline = timeline
      copies.isShowing = timeline != nil
      scheduler.timeline = timeline
      isShowing = timeline != nil
    }
  }
  /// Whether the timeline still takes what begins now.
  var isShowing = false

  /// Progress of the run for whoever shows it: modelled time and accesses done of all that are known to come.
  public var onProgress: ((_ time: Picoseconds, _ done: Int, _ total: Int) -> Void)?
  private var nextProgress = 0

  /// Sets a run up. Everything that can be wrong with the machine or the workload is found here.
  ///
  /// - Parameters:
  ///   - spec: the workload.
  ///   - tree: all knobs, in force from the start; see `KnobTree.product`.
  ///   - isHashing: keep the hash of the pages that each access phase touches.
  ///   - prepared: what was read of the workload's traces already; its `spec` is then the workload.
  ///   - backing: takes real memory for the frames of the machine; nil, and content is tags alone.
  public init(
    _ spec: WorkloadSpec, tree: KnobTree, isHashing: Bool = true, prepared: PreparedWorkload? = nil,
    backing: ((Memory) throws(RunError) -> any FrameCopier)? = nil
  ) throws(RunError) {
    do throws(WorkloadError) {
      self.spec = try spec.withRecordedThreads().reseeded(tree[SimulationKnobs.self].workloadSeed)
    } catch { throw RunError(error.description, fix: "", kind: .trace) }
    let spec = self.spec
    self.tree = tree
    self.tree.isRunning = true
    self.isHashing = isHashing
    knobs = tree[SimulationKnobs.self]
    hardware = tree[HardwareKnobs.self]
    costs = tree[CostKnobs.self]
    reclaim = tree[ReclaimKnobs.self]
    balancing = tree[BalancingKnobs.self]
    hugePages = tree[HugePageKnobs.self]
    compaction = tree[CompactionKnobs.self]
    let rules = tree[KernelKnobs.self].rules

    for (name, isOn) in [
      ("vm.use_concur_to_demote", reclaim.concurToDemote), ("vm.use_concur_to_compact", compaction.isConcurrent),
    ] where isOn && !rules.isTPP {
      throw RunError(
        "\(name) is 1 under kernel.rules = \(rules.rawValue): only the original's kernel has it",
        fix: "write kernel.rules=tpp2021, or \(name)=0")
    }
    if tree[MemoryKnobs.self].isDefragMode && !rules.hasDefragMode {
      throw RunError(
        "vm.defrag_mode is 1 under kernel.rules = \(rules.rawValue): Linux has it since 6.15",
        fix: "write kernel.rules=v7.1, or vm.defrag_mode=0")
    }
    try Simulation.checkBacking(self.tree, isReal: backing != nil)
    try Simulation.checkWrites(of: spec, tree: self.tree)
    let inputs = try TraceInputs(spec, costs: costs, isHashing: isHashing, known: prepared?.maps ?? [:])
    let footprint = try Simulation.footprintPages(spec, inputs: inputs)
    let tables = Simulation.tablePages(spec, inputs: inputs)
    let layouts = try MachinePlan.nodes(hardware, footprintPages: footprint, tablePages: tables)
    nodeOfCPU = MachinePlan.nodeOfCPU(layouts, cpus: hardware.cpus)
    let idle = hardware.nodes.reduce(0) { $0 + $1.idlePages + $1.idleActivePages }
    let firstAged = (inputs.totalSlots + idle + Page.perHuge - 1) & ~(Page.perHuge - 1)
    let virtualPages = try firstAged + MachinePlan.agedSlots(spec, layouts)
    try MachinePlan.checkSize(layouts, virtualPages: virtualPages)
    memory = Memory(
      nodes: layouts, cpuCount: hardware.cpus, virtualPages: virtualPages, rules: rules, knobs: tree[MemoryKnobs.self])
    let copier = try backing?(memory)
    memory.backing = copier
    try MachinePlan.mapIdlePages(hardware, in: memory, firstSlot: inputs.totalSlots)
    let droppable = try MachinePlan.age(spec, in: memory, firstSlot: firstAged)
    try MachinePlan.check(
      memory, footprintPages: footprint, tablePages: tables, droppablePages: droppable, spec: spec)
    links = Links(
      nodes: tree[HardwareKnobs.self].nodes.map(MachinePlan.link), epoch: knobs.epoch,
      queuePermille: hardware.queuePermille)
    copies = try Simulation.makeCopies(self.tree, memory: memory, links: links, nodeOfCPU: nodeOfCPU)
    copies.backing = copier
    trace = MigrationTrace(limit: knobs.traceLimit)
    clock = KernelClock(scale: knobs.timeScale, jiffyMilliseconds: max(1000 / hardware.timerHz, 1))
    targets = DemotionTargets(memory: memory)
    scanner = NumaScanner(memory: memory, clock: clock, knobs: balancing, costs: costs)
    scanner.untouchedMappings = knobs.untouchedMappings
    policy = HintFaultPolicy(memory: memory, clock: clock, knobs: balancing)
    policy.stampBits = hardware.stampBits
    let userThreads = spec.tasks.reduce(0) { $0 + $1.threads }
    runningCPUs = min(userThreads, hardware.cpus)

    // CFS scales its latency, EEVDF its slice, by 1 + log2 of the CPUs, of at most 8.
    let factor = 1 + (Int.bitWidth - 1 - min(hardware.cpus, 8).leadingZeroBitCount)
    let base = rules.wakeupPreempts ? 3 * Picoseconds.millisecond : 750 * Picoseconds.microsecond
    scheduler = Scheduler(
      cpuCount: hardware.cpus, tick: Picoseconds.second / hardware.timerHz,
      slice: hardware.schedulerSlice ?? base * factor, wakeupPreempts: rules.wakeupPreempts,
      switchCost: costs.contextSwitch)
    sampler = Sampler(
      interval: knobs.sampleInterval, pages: inputs.totalSlots, regions: inputs.regions(of: spec), memory: memory)
    freeAreas = FreeAreaSampler(interval: knobs.buddyInterval)
    nextListStats = hardware.statsPhase

    connectCopies()
    try applyHistory()
    makeKernelThreads(layouts)
    try makeTasks(inputs)
    makeKcompactds()
    applyCompactionKnobs(writes: [])
    areThreadsMade = true
    updateKhugepaged()
  }

  // MARK: The loop

  /// Runs to the end.
  public func run() throws(RunError) -> RunResult {
    wakeTimes = threads.map(\.wakeTime)
    sample()
    freeAreas.take("start", now: now, memory: memory)
    while foreground > 0 && failure == nil && !isCut { advance() }
    if let failure { throw failure }
    return finish()
  }

  /// Moves to the next edge: the end of the epoch, or the next timer if that is earlier.
  private func advance() {
    let timer = nextTimer()
    var edge = epochStart + knobs.epoch
    let quiet = scheduler.isIdle ? copies.nextTime : .max
    if scheduler.isIdle, quiet > edge {
      let timer = min(timer ?? .max, quiet)
      guard timer != .max else {
        failure = RunError(
          "nothing can run and nothing will wake: \(threads.filter { !$0.isKernel }.map(\.name).joined(separator: ", ")) wait",
          fix: "this is a fault of the model; please report it with config.sysctl and the workload")
        return
      }
      // Nobody runs: go straight to the timer.
      if isShowing, let timeline { noteNodes(in: timeline, until: timer) }
      links.endEpoch(elapsed: max(timer - epochStart, knobs.epoch))
      copies.endEpoch()
      epochStart = timer
      edge = timer
    } else if let timer {
      edge = min(edge, max(timer, now))
    }
    repeat {
      while let cpu = scheduler.nextCPU(before: edge) {
        runCPU(cpu, until: limit(edge))
        if failure != nil || foreground == 0 { break }
      }
    } while failure == nil && foreground > 0 && moveQuietWorld(until: edge)
    now = max(now, edge)
    fireTimers()
    if now >= epochStart + knobs.epoch { endEpoch() }
    if now >= nextListStats { flushListStats() }
    if now >= nextDrain {
      nextDrain = now + knobs.drainInterval
      if hardware.cpus > 1 { for cpu in 0..<hardware.cpus { memory.drainLRUAdd(cpu: cpu) } }
    }
    if now >= sampler.next { sample() }
    if now >= freeAreas.next { freeAreas.take("", now: now, memory: memory) }
    if knobs.maxTime > 0 && now >= knobs.maxTime { isCut = true }
  }

  /// How far the CPU that is behind may go.
  private func limit(_ edge: Picoseconds) -> Picoseconds {
    guard lookahead < knobs.epoch else { return edge }
    let next = scheduler.secondClock
    return next >= edge ? edge : min(edge, next + lookahead)
  }

  /// Runs one CPU's thread until `edge`, its next tick, or until something happens.
  private func runCPU(_ cpu: Int, until edge: Picoseconds) {
    guard let thread = scheduler.pick(cpu) else { return }
    let start = scheduler.cpus[cpu].clock
    let limit = min(edge, scheduler.cpus[cpu].nextTick)
    if start < limit {
      cpuInUse = cpu
      thread.polledCopy = nil
      scheduler.beginStep(cpu)
      let clockBefore = thread.cpuTime
      let end = thread.body.run(thread, cpu: cpu, now: start, limit: limit)
      cpuInUse = nil
      scheduler.account(cpu, now: end, charged: thread.cpuTime - clockBefore)
      if thread.polledCopy != nil, scheduler.cpus[cpu].current === thread { scheduler.cpus[cpu].isPolling = true }
      deliverWakes(now: end, waker: cpu)
    }
    if scheduler.cpus[cpu].clock >= scheduler.cpus[cpu].nextTick { tick(cpu) }
  }

  func tick(_ cpu: Int) {
    let time = scheduler.cpus[cpu].clock
    while scheduler.cpus[cpu].nextTick <= time { scheduler.cpus[cpu].nextTick += scheduler.tick }
    if let current = scheduler.cpus[cpu].current { current.body.tick(current, now: time) }
    // TPP looks at the top tier from the balancing tick, which needs a scheduler domain: more than one CPU.
    if memory.rules.isTPP && memory.tieringMode && hardware.cpus > 1 {
      for node in 0..<memory.nodeCount where memory.isTopTier(node) && memory.isBelowDemotionMark(node) {
        memory.wakeKswapd(node: node, order: 0)
      }
      deliverWakes(now: time, waker: cpu)
    }
    scheduler.onTick(cpu)
  }

  /// Wakes the kswapds that allocations and promotions asked for.
  private func deliverWakes(now: Picoseconds, waker: Int?) {
    guard memory.anyWakePending else { return }
    memory.anyWakePending = false
    for node in 0..<memory.nodeCount where memory.nodes[node].kswapdWakePending {
      memory.nodes[node].kswapdWakePending = false
      kswapds[node].wake()
      // Not on its wait queue: wake_all_kswapds passes it by.
      if (kswapdThreads[node].body as? KernelThread)?.sleepsForCopy == true { continue }
      scheduler.wake(kswapdThreads[node], now: now, waker: waker)
    }
    deliverCompactionWakes(now: now)
  }

  /// The end of the first sleep, Int.max when nobody sleeps.
  private var firstWake: Picoseconds { wakeTimes.reduce(Int.max) { min($0, $1.pointee) } }

  private func nextTimer() -> Picoseconds? {
    var earliest = firstWake
    if nextEvent < spec.events.count { earliest = min(earliest, spec.events[nextEvent].at) }
    // A look at the nodes alone wakes nobody who waits.
    return earliest == Int.max ? nil : min(earliest, nextCompactionCheck)
  }

  private func fireTimers() {
    if firstWake <= now { wakeSleepers() }
    if nextCompactionCheck <= now { checkFragmentation() }
    while nextEvent < spec.events.count, spec.events[nextEvent].at <= now {
      let event = spec.events[nextEvent]
      nextEvent += 1
      do throws(RunError) {
        try write(event.writes.map { ($0.name, $0.value, $0.line) })
      } catch { failure = error }
    }
  }

  private func wakeSleepers() {
    for thread in threads {
      if case .sleeping(let until) = thread.state, until <= now {
        scheduler.wake(thread, now: max(until, 0), waker: nil)
      }
    }
  }

  private func endEpoch() {
    // Without counting references: two atomic operations a thread would be a fifth of an epoch.
    for thread in userThreads { thread._withUnsafeGuaranteedRef { $0.foldCounts() } }
    if isShowing, let timeline { noteNodes(in: timeline, until: now) }
    links.endEpoch(elapsed: now - epochStart)
    copies.endEpoch()
    epochStart = now
    if let onProgress, now >= nextProgress {
      nextProgress = now + knobs.epoch * 1000
      onProgress(now, programs.reduce(0) { $0 + $1.accessesDone }, totalAccesses)
    }
  }

  /// Accesses that all tasks that end will do, as far as the workload says; 0 when it does not.
  private lazy var totalAccesses: Int = {
    let planned = programs.map { $0.isEndless ? 0 : $0.accessesPlanned }
    return planned.contains(nil) ? 0 : planned.reduce(0) { $0 + ($1 ?? 0) }
  }()

  /// The kernel's periodic flush of the list statistics: deferrable work, which waits while no CPU runs.
  private func flushListStats() {
    memory.flushListStats()
    let period = memory.rules.listStatsFlushMs
    guard period > 0 else {
      nextListStats = .max
      return
    }
    nextListStats += clock.timerPeriod(milliseconds: period, late: now - nextListStats)
  }

  // MARK: What threads tell the run

  func fail(_ error: RunError) { failure = failure ?? error }

  func node(ofCPU cpu: Int) -> Int { nodeOfCPU[cpu] }

  /// Wakes the threads of a task that wait for one another.
  func wakeTeam(of program: TaskProgram, now: Picoseconds) {
    for body in program.threads where body.waitingForSlot == nil && !body.sleepsForCopy {
      if case .waiting = body.thread.state { scheduler.wake(body.thread, now: now, waker: cpuInUse) }
    }
  }

  /// Wakes the threads whose page is available again.
  func wakeWaiters(now: Picoseconds) {
    guard !waiters.isEmpty else { return }
    waiters.removeAll { body in
      guard let slot = body.waitingForSlot else { return true }
      guard memory.entry(slot: slot) & PTE.hint != PTE.special else { return false }
      scheduler.wake(body.thread, now: now, waker: cpuInUse)
      return true
    }
  }

  func taskEnded(_ program: TaskProgram, now: Picoseconds) {
    self.now = max(self.now, now)
    guard !program.isEndless else { return }
    foreground -= 1
    if foreground == 0 { for other in programs where other.isEndless { other.stop() } }
  }

  func sample(isLast: Bool = false) {
    var fast = 0
    var all = 0
    for program in programs {
      for thread in program.threads {
        thread.foldCounts()
        fast += thread.totals.fastAccesses
        all += thread.totals.accesses
      }
    }
    sampler.take(now: now, memory: memory, copies: copies, fast: fast, slow: all - fast, isLast: isLast)
    if knobs.check == .epoch, let fault = memory.findFaults().first {
      failure = failure ?? RunError("the books do not agree at \(now) ps: \(fault)", fix: "please report it")
    }
  }
}
