// A copy job in modelled time: what its steps take, and what it waits for.

import DSAFormat
import DSAModel
import MemoryModel
import PageCopy
import Timeline
import Units

/// What a job wants after a step.
public enum JobStep: Equatable, Sendable {
  /// So much CPU time passes, then the next step.
  case useCPU(Picoseconds)
  /// The CPU polls until the copy that `CopyMachine.takeBlocked` gives is ready.
  case spin
  /// The thread sleeps until that copy wakes it.
  case sleep
  /// It is over.
  case done

  /// CPU time, nil when the job does not ask for any.
  public var cpuTime: Picoseconds? {
    if case .useCPU(let time) = self { time } else { nil }
  }
}

/// Drives one `CopyJob`. Belongs to a `MigrationJob` and is started again for each of its copies.
public final class ModelCopy {
  private enum Wait { case record, drain, entries, pool, work }

  public let job: CopyJob
  private let machine: CopyMachine
  private var pairs: [(old: PFN, new: PFN)] = []
  /// The CPUs beside the one on which it began: where its workers run.
  private var cpus = 0..<1
  /// CPU whose pool it has; -1 none.
  private var poolCPU = -1
  private var waitStart: Picoseconds?
  private var submittedAt: Picoseconds = 0
  private var waitsFor: Wait?
  /// Whether the devices still have to come to the time at which the CPU looked for the record.
  private var isCatchingUp = false
  /// Whether it polls; else its thread sleeps.
  public private(set) var isSpinning = false
  /// Shares that workers have not finished.
  private var sharesLeft = 0
  private var hasQueuedWork = false
  /// Elapsed time of the steps since the caller last asked.
  private var spent: Picoseconds = 0
  /// The copy of real bytes beside it.
  private var real: RealPart?
  /// Whatever the run needs to find the thread again.
  public var owner: AnyObject?
  /// The list's number in a timeline, and the track of its thread.
  public internal(set) var number = 0
  var track = 0

  public init(machine: CopyMachine) {
    self.machine = machine
    job = CopyJob(context: machine.context)
  }

  /// Begins to copy folios; `isSingle` when it is copy_huge_page and not the copy of a list. Real bytes behind them are copied here, as
  /// nobody reaches the folios until the end of the modelled copy.
  public func start(
    _ pairs: [(old: PFN, new: PFN)], isSingle: Bool = false, cpu: Int, isUsedNext: Bool = false
  ) {
    self.pairs.removeAll(keepingCapacity: true)
    self.pairs.append(contentsOf: pairs)
    job.removeAll()
    for pair in pairs {
      job.append(
        machine.memory.order(of: pair.old) > 0 ? .huge : .base, from: FrameMemory.address(of: pair.old),
        to: FrameMemory.address(of: pair.new))
    }
    spent = 0
    cpus = machine.cpusBeside(cpu)
    real = machine.backing.map { RealPart(pairs, of: machine, by: $0, isSingle, cpus.count, isUsedNext) }
    // Else nothing of the model's copy happens: not a step of its job.
    if real?.drivesClock != true { job.start(cpus: cpus.count, isSingle: isSingle) }
  }

  /// Time since this was asked last: CPU time, polling and sleeping.
  func takeSpent() -> Picoseconds {
    defer { spent = 0 }
    real?.spent += spent
    return spent
  }

  /// Real bytes, once the copy is over.
  func noteReal() {
    if let real { machine.backing?.note(real.copy) }
    real = nil
  }

  /// The only step of a copy whose measured time drives the clock.
  private func takeMeasured(_ part: RealPart, now: Picoseconds) -> JobStep {
    if part.isTaken { return .done }
    real?.isTaken = true
    for pair in pairs {
      let bytes = memory.pages(of: pair.old) << Page.shift
      let (from, to) = (memory.node(of: pair.old), memory.node(of: pair.new))
      memory.copyContent(from: pair.old, to: pair.new)
      if part.result.method == .dsa {
        machine.links.addDevice(bytes: bytes, from: from, to: to)
      } else {
        _ = machine.links.copy(bytes: bytes, from: from, to: to, cpuBandwidth: machine.costs.copyBandwidth)
      }
    }
    machine.context.timer.addMeasured(job.list, by: part.result.method, part.result.measured)
    show(.copy, now, now + part.result.measured, job.list.weight)
    return use(part.result.measured, part.result.method)
  }

  private var memory: Memory { machine.memory }

  // MARK: Steps

  /// The next step; the driver has done what the last one said.
  public func step(now: Picoseconds, cpu: Int) -> JobStep {
    if let real, real.drivesClock { return takeMeasured(real, now: now) }
    // Whatever this step gives back, others may wait for.
    defer { machine.wakeForEntries(now: now) }
    if waitsFor == .record || waitsFor == .drain, job.isRecordWritten, let step = endRecordWait(now: now) {
      return step
    }
    while true {
      switch job.step(now: now) {
      case .lockPool:
        // The CPU's when it asked first: that pool it gets, wherever it wakes.
        if poolCPU < 0 { poolCPU = cpu }
        guard let pool = machine.lockPool(cpu: poolCPU, for: self) else { return sleep(for: .pool, now: now) }
        endWait(now)
        job.pool = pool
      case .submit: return submit(now: now)
      case .wait:
        if let step = wait(now: now) { return step }
      case .waitForEntries:
        // Whoever has the entries may need this CPU: it sleeps, as idxd_alloc_desc (drivers/dma/idxd/submit.c) does.
        if !job.hasEntries { return sleep(for: .entries, now: now) }
        endWait(now)
      case .copy(let item): return copy(item, now: now)
      case .work:
        if let step = work(now: now) { return step }
      case .done:
        release(now: now)
        return .done
      }
    }
  }

  /// Leaves what it did from `start` to `end`, of so many, to the timeline.
  private func show(_ part: CopyPart, _ start: Picoseconds, _ end: Picoseconds, _ count: @autoclosure () -> Int) {
    guard let timeline = machine.timeline, timeline.mask.contains(.stages) else { return }
    timeline.add(TimelineRecord(.copy, start, end, track: track, code: part.rawValue, a: number, b: count()))
  }

  private func use(_ time: Picoseconds, _ method: CopyMethod) -> JobStep {
    spent += time
    machine.context.timer.engines[method.rawValue].cpuTime += time
    return .useCPU(time)
  }

  private func release(now: Picoseconds) {
    for pair in pairs { machine.frames.forget(pair.new, pages: machine.memory.pages(of: pair.old)) }
    guard poolCPU >= 0 else { return }
    machine.unlockPool(cpu: poolCPU, now: now)
    poolCPU = -1
  }

  // MARK: The CPU

  private func copy(_ item: Int, now: Picoseconds) -> JobStep {
    let (old, new) = pairs[item]
    let memory = machine.memory
    machine.frames.forget(new, pages: memory.pages(of: old))
    memory.copyContent(from: old, to: new)
    let time = machine.links.copy(
      bytes: memory.pages(of: old) << Page.shift, from: memory.node(of: old), to: memory.node(of: new),
      cpuBandwidth: machine.costs.copyBandwidth)
    show(.copy, now, now + time, memory.pages(of: old))
    return use(time, .cpu)
  }

  // MARK: DSA

  private func submit(now: Picoseconds) -> JobStep {
    for submission in job.submissions { machine.post(submission, of: job, list: number, at: now) }
    let costs = machine.copyCosts
    let time = job.filled * costs.dsaDescriptor + job.submitted * costs.dsaSubmit
    submittedAt = now + time
    show(.submit, now, now + time, job.submissions.reduce(0) { $0 + $1.slots.count })
    return use(time, .dsa)
  }

  private var knobs: CopyKnobs { machine.context.knobs }

  /// When it looks again at the latest.
  public private(set) var deadline: Picoseconds = .max

  /// Whether what it waits for has come.
  public var isReady: Bool {
    switch waitsFor {
    case nil: true
    case .record: job.isRecordWritten
    case .drain: job.isRecordWritten || machine.isQuiet(channel: job.waitingChannel)
    case .entries: job.hasEntries
    case .pool: machine.hasPool(cpu: poolCPU, self)
    case .work: sharesLeft == 0
    }
  }

  /// At `wait`, the record not being there: nil when the job can go on, without it.
  private func wait(now: Picoseconds) -> JobStep? {
    // The devices' clock may be behind: whether the CPU has to wait at all is known when they have come to its time.
    isCatchingUp = machine.now < now
    if isCatchingUp { return block(for: .record, now: now, until: now, isSpinning: true) }
    // By the devices' clock: that of a CPU may be ahead, and the record come in between.
    let end = submittedAt + knobs.dsaTimeout
    if machine.now < end { return block(for: .record, now: now, until: end, isSpinning: !job.wantsInterrupts) }
    // Nothing that was accepted may go on behind the job's back: it gets to its end first.
    if !machine.isQuiet(channel: job.waitingChannel) {
      return block(for: .drain, now: now, until: .max, isSpinning: true)
    }
    job.timeOut()
    return endRecordWait(now: now)
  }

  private func endRecordWait(now: Picoseconds) -> JobStep? {
    let hasFoundIt = isCatchingUp
    isCatchingUp = false
    guard endWait(now), !hasFoundIt else { return nil }
    let costs = machine.copyCosts
    let time: Picoseconds
    if job.wantsInterrupts {
      time = costs.dsaInterrupt
    } else {
      switch knobs.wait {
      case .spin: time = 0
      case .reschedule: time = costs.dsaReschedPoll
      case .pause: time = costs.dsaPausePoll
      case .umwait: time = costs.dsaUmwaitExit
      }
    }
    return time > 0 ? use(time, .dsa) : nil
  }

  // MARK: Waiting

  private func block(for what: Wait, now: Picoseconds, until: Picoseconds, isSpinning: Bool) -> JobStep {
    if self.isSpinning != isSpinning { account(now) }
    if waitStart == nil { waitStart = now }
    waitsFor = what
    self.isSpinning = isSpinning
    deadline = until
    machine.beginWait(self)
    return isSpinning ? .spin : .sleep
  }

  /// Sleeps until another thread wakes this one.
  private func sleep(for what: Wait, now: Picoseconds) -> JobStep {
    if waitStart == nil { waitStart = now }
    waitsFor = what
    isSpinning = false
    if what == .entries { machine.waitForEntries(self) }
    machine.block(self)
    return .sleep
  }

  /// What passed since it began to wait counts, and the wait goes on.
  private func account(_ now: Picoseconds) {
    guard let start = waitStart else { return }
    spent += now - start
    if now > start { show(.wait, start, now, 0) }
    if isSpinning { machine.context.timer.engines[CopyMethod.dsa.rawValue].cpuTime += now - start }
    waitStart = now
  }

  /// Its thread loses the CPU on which it polls: what follows is not the copy's time.
  public func stopPolling(now: Picoseconds) {
    if isSpinning { endWait(now) }
  }

  /// The end of a wait, if there was one. What passed meanwhile is accounted.
  @discardableResult
  private func endWait(_ now: Picoseconds) -> Bool {
    guard waitStart != nil else { return false }
    account(now)
    waitStart = nil
    waitsFor = nil
    machine.endWait(self)
    isSpinning = false
    deadline = .max
    return true
  }

  // MARK: Workers

  private func work(now: Picoseconds) -> JobStep? {
    guard let plan = job.workers else { return nil }
    if !hasQueuedWork {
      hasQueuedWork = true
      sharesLeft = plan.workers
      for worker in 0..<plan.workers {
        // Always the node's first CPUs, busy or not.
        machine.onWork(
          CopyWork(
            copy: self, machine: machine, cpu: cpus.lowerBound + worker, slices: plan.slices(worker: worker),
            item: job.workItem ?? 0), now)
      }
      let time = plan.workers * machine.copyCosts.mtQueue
      show(.queueWork, now, now + time, plan.workers)
      return use(time, .workers)
    }
    if sharesLeft > 0 {
      return sleep(for: .work, now: now)
    }
    hasQueuedWork = false
    let flush = endWait(now) ? machine.copyCosts.mtFlush : 0
    job.workIsDone()
    return flush > 0 ? use(flush, .workers) : nil
  }

  /// A worker has finished its share.
  func shareEnded(now: Picoseconds) {
    sharesLeft -= 1
    if sharesLeft == 0 { machine.onWake(self, now) }
  }

  func addresses(of item: Int) -> (from: UInt64, to: UInt64) { (job.sources[item], job.destinations[item]) }
}
