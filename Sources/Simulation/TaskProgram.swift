// One task's stream of work, shared by its threads: which phase is on, where its accesses come from, what it has done.

import Machine
import MemoryModel
import Tiering
import Units
import Workload

/// One address space in a run.
final class AddressSpace {
  let index: Int
  let name: String
  /// First slot of the process in the page table, and its slots.
  let slots: Range<Int>
  /// Regions mapped now: index in the workload, slots, kind and huge-page advice.
  var regions: [MappedRegion] = []
  var scan: AddressSpaceScan
  /// Base pages mapped.
  var rss = 0
  /// Threads of all its tasks.
  var threads = 0

  init(index: Int, name: String, slots: Range<Int>, scan: AddressSpaceScan) {
    self.index = index
    self.name = name
    self.slots = slots
    self.scan = scan
  }

  /// The mapped region that holds a slot.
  @inline(__always)
  func region(of slot: Int) -> MappedRegion? {
    // By index: an iterator would count a reference to the array, at each first touch.
    var index = 0
    while index < regions.count {
      if regions[index].slots.contains(slot) { return regions[index] }
      index += 1
    }
    return nil
  }
}

/// A region that is mapped now.
struct MappedRegion {
  var region: Int
  var slots: Range<Int>
  var isFile: Bool
  var advice: HugePageAdvice
}

/// What the next piece of work of a task is.
enum NextWork {
  /// The thread's batch was filled: replay it.
  case batch
  /// Another thread of the task has to finish first.
  case wait
  /// Sleep until then.
  case sleep(until: Picoseconds)
  /// Use CPU time.
  case compute(Picoseconds)
  /// The phase is over at once; ask again.
  case again
  /// The task is over.
  case done
}

/// A task's program.
final class TaskProgram {
  let spec: TaskSpec
  let index: Int
  let space: AddressSpace
  private unowned(unsafe) let simulation: Simulation
  private var cursor: PhaseCursor?
  private var traceRepeatsLeft: Int?
  private(set) var phase: PhaseSpec?
  private(set) var source: (any AccessSource)?
  /// The source when it goes on until a time, and that time.
  private var timed: (mix: MixSource, end: Picoseconds)?
  private var sources: [Int: any AccessSource] = [:]
  private var round = 0
  private var roundStart: Picoseconds = 0
  private var phaseStart: Picoseconds = 0
  private var totalsAtPhase = TaskTotals()
  private var totalsAtSection = TaskTotals()
  private var pendingSleep: Picoseconds = 0
  private var mustStop = false
  /// Threads that hold a batch or are running something; the last one to come back moves the program on.
  var activeThreads = 0
  var threads: [UserThread] = []
  var result: TaskResult
  private(set) var isDone = false

  init(_ spec: TaskSpec, index: Int, space: AddressSpace, simulation: Simulation) {
    self.spec = spec
    self.index = index
    self.space = space
    self.simulation = simulation
    result = TaskResult(name: spec.name, threads: spec.threads)
    switch spec.work {
    case .phases(let phases): cursor = PhaseCursor(phases, repeats: spec.repeats)
    case .trace:
      if case .times(let n) = spec.repeats { traceRepeatsLeft = n } else { traceRepeatsLeft = Int.max }
    }
    let start = spec.start + simulation.knobs.startDelay
    result.sections.append(SectionResult(name: "", isWarmup: false, start: start, end: start))
  }

  /// Whether the task goes on until the others are done.
  var isEndless: Bool { spec.isEndless }

  /// Ends an endless task at its next step.
  func stop() {
    mustStop = true
    cursor?.stop()
  }

  /// Totals of all threads as of now.
  func totals() -> TaskTotals {
    var sum = TaskTotals()
    for thread in threads {
      thread.foldCounts()
      let t = thread.totals
      sum.accesses += t.accesses
      sum.reads += t.reads
      sum.writes += t.writes
      sum.fastAccesses += t.fastAccesses
      sum.bytes += t.bytes
      sum.touches += t.touches
      for i in sum.time.indices { sum.time[i] += t.time[i] }
      sum.time[TimeUse.cpuWait.rawValue] += thread.thread.queuedTime
      sum.time[TimeUse.contextSwitch.rawValue] += thread.thread.switchTime
    }
    return sum
  }

  /// What `thread` does next. `others` is how many other threads of the task still work on the phase.
  func next(for thread: UserThread, now: Picoseconds, others: Int) throws(RunError) -> NextWork {
    if pendingSleep > 0 {
      guard others == 0 else { return .wait }
      let span = pendingSleep
      pendingSleep = 0
      return .sleep(until: now + span)
    }
    if let source {
      if let timed, timed.mix.isBetweenStretches, now >= timed.end { timed.mix.end() }
      if source.remainingInRound > 0 && source.roundsDone == round && !mustStop {
        thread.fill(from: source, now: now)
        if threads.count > 1 { simulation.wakeTeam(of: self, now: now) }
        return .batch
      }
      guard others == 0 else { return .wait }
      try endRound(source, now: now)
      return .again
    }
    guard others == 0 else { return .wait }
    return try nextPhase(now: now)
  }

  /// A round is over: it is timed, and the phase ends with the last one.
  private func endRound(_ source: any AccessSource, now: Picoseconds) throws(RunError) {
    if result.rounds.count < 10_000 {
      result.rounds.append(RoundResult(phase: phase?.number ?? 0, start: roundStart, end: now))
    }
    roundStart = now
    round = source.roundsDone
    if case .access(let spec)? = phase?.action, spec.sleep > 0 { pendingSleep = spec.sleep }
    if let failure = source.failure { throw RunError(failure.description, fix: "") }
    if source.remaining == 0 || mustStop {
      finishPhase(now: now, hash: source.hash)
      self.source = nil
      timed = nil
    }
  }

  private func finishPhase(now: Picoseconds, hash: UInt64 = 0) {
    guard let phase else { return }
    let label = traceRepeatsLeft == nil ? simulation.label(of: phase) : "trace"
    let totals = totals()
    let delta = totals - totalsAtPhase
    if let i = result.phases.firstIndex(where: { $0.number == phase.number }) {
      result.phases[i].end = now
      result.phases[i].runs += 1
      result.phases[i].elapsed += now - phaseStart
      result.phases[i].totals = result.phases[i].totals + delta
      result.phases[i].accesses += delta.accesses
      result.phases[i].accessHash = hash
    } else {
      var p = PhaseResult(number: phase.number, label: label, start: phaseStart, end: now)
      p.runs = 1
      p.elapsed = now - phaseStart
      p.totals = delta
      p.accesses = delta.accesses
      p.accessHash = hash
      result.phases.append(p)
    }
    self.phase = nil
  }

  /// Moves on to the next phase and begins it.
  private func nextPhase(now: Picoseconds) throws(RunError) -> NextWork {
    finishPhase(now: now)
    if traceRepeatsLeft != nil { return try nextTracePass(now: now) }
    guard !mustStop, let next = cursor?.next() else { return end(now: now) }
    begin(next, now: now)
    switch next.action {
    case .access(let access):
      let source = source(of: next) {
        PatternSource(access, baseSlot: baseSlot(of: access), hashing: simulation.isHashing)
      }
      begin(source, like: access, now: now)
      return .again
    case .mix(let mix):
      let source = source(of: next) {
        MixSource(mix, baseSlots: mix.windows.map { baseSlot(of: $0.access) }, hashing: simulation.isHashing)
      }
      timed = (source, now + mix.duration)
      begin(source, like: mix.windows[0].access, now: now)
      return .again
    case .sleep(let span): return .sleep(until: now + span)
    case .compute(let span): return .compute(span)
    case .map(let region):
      simulation.map(region: region, in: space)
      return .again
    case .unmap(let region):
      simulation.unmap(region: region, in: space, cpu: threads[0].thread.lastCPU)
      return .again
    case .set(let writes):
      try simulation.write(writes.map { ($0.name, $0.value, $0.line) })
      return .again
    case .snap(let region):
      simulation.snap(region: region, in: space, now: now)
      return .compute(simulation.snapCost(region: region))
    case .buddyinfo(let name):
      simulation.freeAreas.take(name, now: now, memory: simulation.memory)
      return .again
    case .punch(let punch):
      simulation.punch(punch, in: space, cpu: threads[0].thread.lastCPU)
      return .again
    case .mark(let name, let isWarmup):
      closeSection(now: now)
      result.sections.append(SectionResult(name: name, isWarmup: isWarmup, start: now, end: now))
      return .again
    case .loop: return .again
    }
  }

  /// The source of a phase, from its first access: made once, because some take memory.
  private func source<Source: AccessSource>(of phase: PhaseSpec, make: () -> Source) -> Source {
    if let known = sources[phase.number] as? Source {
      known.restart()
      return known
    }
    let source = make()
    sources[phase.number] = source
    return source
  }

  private func baseSlot(of access: AccessSpec) -> Int {
    space.slots.lowerBound + simulation.spec.regions[access.region].baseSlot
  }

  private func begin(_ source: any AccessSource, like access: AccessSpec, now: Picoseconds) {
    self.source = source
    round = source.roundsDone
    for thread in threads { thread.setAccess(access) }
    simulation.wakeTeam(of: self, now: now)
  }

  private func begin(_ phase: PhaseSpec, now: Picoseconds) {
    self.phase = phase
    phaseStart = now
    roundStart = now
    totalsAtPhase = totals()
  }

  private func nextTracePass(now: Picoseconds) throws(RunError) -> NextWork {
    guard !mustStop, let left = traceRepeatsLeft, left > 0 else { return end(now: now) }
    if left != Int.max { traceRepeatsLeft = left - 1 }
    begin(PhaseSpec(action: .compute(0), number: 0, line: spec.line, column: 0), now: now)
    let source: any AccessSource
    if let known = sources[0] {
      source = known
      source.restart()
    } else {
      source = try simulation.traceSource(for: self)
      sources[0] = source
    }
    self.source = source
    round = source.roundsDone
    for thread in threads { thread.setTrace() }
    simulation.wakeTeam(of: self, now: now)
    return .again
  }

  private func closeSection(now: Picoseconds) {
    let totals = totals()
    let last = result.sections.count - 1
    result.sections[last].end = now
    result.sections[last].totals = totals - totalsAtSection
    totalsAtSection = totals
  }

  private func end(now: Picoseconds) -> NextWork {
    guard !isDone else { return .done }
    closeBooks(now: now)
    simulation.taskEnded(self, now: now)
    return .done
  }

  /// Accesses of one pass of the task's trace, if it has one.
  var simulationTraceAccesses: Int? { simulation.traceSources[index]?.remaining }

  fileprivate func closeBooks(now: Picoseconds) {
    isDone = true
    for thread in threads { thread.stopIdling(now: now) }
    closeSection(now: now)
    result.end = now
    result.totals = totals()
    result.cpuTime = threads.reduce(0) { $0 + $1.thread.cpuTime }
    result.scanPeriodMs = threads.first?.scan.period ?? 0
  }
}

extension TaskTotals {
  public static func + (a: TaskTotals, b: TaskTotals) -> TaskTotals {
    var s = a
    s.accesses += b.accesses
    s.reads += b.reads
    s.writes += b.writes
    s.fastAccesses += b.fastAccesses
    s.bytes += b.bytes
    s.touches += b.touches
    s.time = zip(a.time, b.time).map { $0 + $1 }
    return s
  }
}

// MARK: - Ends and progress

extension TaskProgram {
  /// Closes the books of a task that the end of the run cuts off.
  func cut(now: Picoseconds) {
    guard !isDone else { return }
    for thread in threads { thread.cut(now: now) }
    closeBooks(now: now)
  }

  /// Accesses done so far, from the threads' own counts.
  var accessesDone: Int { threads.reduce(0) { $0 + $1.totals.accesses + $1.totals.touches } }

  /// Accesses the task will do in all, as far as its phases say; a trace says it in its header. Nil when a phase goes on for a
  /// time.
  var accessesPlanned: Int? {
    func count(_ phases: [PhaseSpec]) -> Int? {
      var sum = 0
      for phase in phases {
        switch phase.action {
        case .access(let a): sum += a.accesses * a.rounds * spec.weight
        case .mix: return nil
        case .loop(.times(let n), let body):
          guard let once = count(body) else { return nil }
          sum += n * once
        default: break
        }
      }
      return sum
    }
    guard case .times(let times) = spec.repeats else { return 0 }
    switch spec.work {
    case .phases(let phases): return count(phases).map { times * $0 }
    case .trace: return times * (simulationTraceAccesses ?? 0) * spec.weight
    }
  }
}
