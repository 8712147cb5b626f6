// A user thread: it replays its batch, and goes through the kernel when the replay loop stops.

import Compaction
import Machine
import MemoryModel
import Migration
import Tiering
import Units
import Workload

/// One thread of a task.
final class UserThread: ThreadBody {
  enum Stage { case replay, promoting, reclaiming, faultingHuge, ended }

  let program: TaskProgram
  let number: Int
  /// The run owns its threads and outlives them. Each use counts a reference; what happens at every fault goes `withRun`.
  unowned(unsafe) let simulation: Simulation
  private let uncounted: Unmanaged<Simulation>
  let space: AddressSpace
  var thread: ModelThread!
  let memory: Memory
  private let links: Links
  let policy: HintFaultPolicy
  var scan: ThreadScan

  let batch: AccessBatch
  var index = 0
  /// Accesses of the batch whose hint faults were prepared.
  var prefetched = 0
  let costs = AccessCosts()
  private var costVersion = -1
  private var sizeClass = 0
  private var mlpMilli: Int
  private var isTrace = false
  private var holdsBatch = false
  /// Whether it sleeps or computes for its task: the others wait for it.
  private var isPausing = false
  var totals = TaskTotals()
  private var replayTime: Picoseconds = 0
  /// Whether `foldCounts` has something to do.
  private var hasReplayed = false

  var stage = Stage.replay
  let job: MigrationJob
  lazy var directReclaim = simulation.makeDirectReclaim(caller: caller, seed: UInt64(thread.id))
  var caller: MigrateCaller { .task(program.index, thread: number) }
  lazy var hugeFault = HugeFault(
    allocation: simulation.makeHugeAllocation(caller: caller, seed: UInt64(thread.id) &+ 0x68_7567_65))
  var promotedSlot = 0
  var promotedFrom = 0
  var promotedTo = 0
  var stallStart: Picoseconds = 0
  /// Direct reclaims in a row that freed nothing.
  var reclaimRetries = 0
  /// MAX_RECLAIM_RETRIES.
  static let mostRetries = 16
  var waitStart: Picoseconds?
  var waitingForSlot: Int?
  private var sleepStart: Picoseconds = 0
  /// Since when it waits for the other threads of its task.
  private var idleSince: Picoseconds?
  /// What polling and sleeping for a copy count as; and since when it sleeps.
  var copyUse = TimeUse.promotion
  var copySleepStart: Picoseconds?
  /// Whether it sleeps for a copy: only the copy wakes it then.
  var sleepsForCopy: Bool { copySleepStart != nil }

  init(program: TaskProgram, number: Int, simulation: Simulation) {
    self.program = program
    space = program.space
    self.number = number
    self.simulation = simulation
    uncounted = .passUnretained(simulation)
    memory = simulation.memory
    links = simulation.links
    policy = simulation.policy
    scan = ThreadScan(knobs: simulation.balancing)
    batch = AccessBatch(capacity: program.spec.threads == 1 ? 4096 : simulation.knobs.chunk)
    mlpMilli = program.spec.mlpThousandths
    sizeClass = program.spec.sizeClass
    job = simulation.makeJob()
  }

  deinit { costs.deallocate() }

  func attach(_ thread: ModelThread) { self.thread = thread }

  /// The run without a reference that is counted.
  @inline(__always)
  func withRun<Result>(_ body: (Simulation) -> Result) -> Result { uncounted._withUnsafeGuaranteedRef(body) }

  // MARK: What the program tells it

  /// Takes the next chunk of a stream.
  func fill(from source: any AccessSource, now: Picoseconds) {
    source.fill(batch, limit: batch.capacity)
    index = 0
    prefetched = 0
    holdsBatch = batch.count > 0
    simulation.observe(batch, now: now)
    refreshCosts()
  }

  func setAccess(_ access: AccessSpec) {
    foldCounts()
    isTrace = false
    mlpMilli = access.isDependent ? 1000 : program.spec.mlpThousandths
    sizeClass = access.sizeClass
    costVersion = -1
  }

  func setTrace() {
    foldCounts()
    isTrace = true
    mlpMilli = program.spec.mlpThousandths
    costVersion = -1
  }

  // MARK: Costs and counts

  private var sizeClasses: ClosedRange<Int> { isTrace ? 0...6 : sizeClass...sizeClass }

  /// Recomputes what accesses cost when the load of a node has changed.
  private func refreshCosts() {
    guard costVersion != links.version else { return }
    foldCounts()
    costVersion = links.version
    if isTrace { setTouchCosts() }
    for size in sizeClasses {
      for node in 0..<memory.nodeCount {
        for write in 0...1 {
          costs.set(
            sizeClass: size, node: node, isWrite: write == 1,
            to: program.spec.weight
              * links.accessCost(node: node, isWrite: write == 1, bytes: 64 << size, mlpMilli: mlpMilli))
        }
      }
    }
  }

  /// A touch takes as long wherever its page is.
  private func setTouchCosts() {
    for node in 0..<memory.nodeCount {
      for write in 0...1 {
        costs.set(
          sizeClass: AccessBatch.touchClass, node: node, isWrite: write == 1,
          to: program.spec.weight * simulation.costs.cachedAccess)
      }
    }
  }

  /// Counts the touches done. Their time is the thread's, not memory's.
  private func foldTouches() {
    for node in 0..<memory.nodeCount {
      for write in 0...1 {
        totals.touches +=
          costs.take(sizeClass: AccessBatch.touchClass, node: node, isWrite: write == 1).count * program.spec.weight
      }
    }
  }

  /// Adds what the replay loop counted to the totals and to the nodes' traffic.
  func foldCounts() {
    guard hasReplayed else { return }
    hasReplayed = false
    if isTrace { foldTouches() }
    var accessTime = 0
    let weight = program.spec.weight
    for size in sizeClasses {
      for node in 0..<memory.nodeCount {
        let reads = costs.take(sizeClass: size, node: node, isWrite: false)
        let writes = costs.take(sizeClass: size, node: node, isWrite: true)
        let count = reads.count + writes.count
        guard count > 0 else { continue }
        let spent = reads.time + writes.time
        accessTime += spent
        let isFast = memory.isTopTier(node)
        totals.time[(isFast ? TimeUse.fastAccess : .slowAccess).rawValue] += spent
        totals.accesses += count * weight
        totals.reads += reads.count * weight
        totals.writes += writes.count * weight
        if isFast { totals.fastAccesses += count * weight }
        totals.bytes += count * weight * (64 << size)
        links.addDemand(
          node: node, read: reads.count * weight * (64 << size), write: writes.count * weight * (64 << size))
      }
    }
    totals.time[TimeUse.think.rawValue] += replayTime - accessTime
    replayTime = 0
  }

  @inline(__always)
  func use(_ what: TimeUse, _ span: Picoseconds) {
    totals.time[what.rawValue] += span
    thread.debt += span
  }

  // MARK: Running

  func tick(_ thread: ModelThread, now: Picoseconds) {
    simulation.scanner.tick(
      thread: &scan, space: program.space.scan, runTime: thread.cpuTime, now: now, rss: program.space.rss)
  }

  func run(_ thread: ModelThread, cpu: Int, now: Picoseconds, limit: Picoseconds) -> Picoseconds {
    var t = now
    if let start = waitStart {
      endWait(from: start, now: t)
    }
    if let start = idleSince { endIdling(from: start) }
    if let start = copySleepStart {
      copySleepStart = nil
      totals.time[copyUse.rawValue] += wokenAt(after: start) - start
    }
    while t < limit {
      if thread.debt | thread.hiddenDebt != 0 {
        t = thread.payDebt(now: t, limit: limit)
        if t >= limit { return t }
      }
      switch stage {
      case .ended:
        thread.state = .done
        return t
      case .promoting: stepPromotion(now: t, cpu: cpu)
      case .reclaiming: stepReclaim(now: t, cpu: cpu)
      case .faultingHuge: stepHugeFault(now: t, cpu: cpu)
      case .replay:
        if scan.isDue {
          scanAddressSpace(now: t)
          continue
        }
        if index >= batch.count {
          if !takeWork(now: t) { return t }
          continue
        }
        refreshCosts()
        let (reached, after, stop) = memory.replay(batch, from: index, now: t, horizon: limit, costs: costs)
        index = reached
        thread.cpuTime += after - t
        replayTime += after - t
        hasReplayed = true
        t = after
        if stop == .fault { handleFault(now: t, cpu: cpu) }
      }
      if memory.anyWakePending || withRun({ $0.failure != nil }) { return t }
      if case .runnable = thread.state, thread.polledCopy == nil { continue }
      return t
    }
    return t
  }

  /// Asks the program for more work; false when the thread stops running for now.
  private func takeWork(now: Picoseconds) -> Bool {
    if holdsBatch {
      holdsBatch = false
      program.activeThreads -= 1
      batch.count = 0
      index = 0
    }
    if isPausing {
      isPausing = false
      program.activeThreads -= 1
    }
    let next: NextWork
    do throws(RunError) {
      next = try program.next(for: self, now: now, others: program.activeThreads)
    } catch {
      simulation.fail(error)
      return false
    }
    switch next {
    case .batch:
      if holdsBatch { program.activeThreads += 1 }
      return true
    case .again: return true
    case .wait:
      thread.state = .waiting
      idleSince = now
      return false
    case .sleep(let until):
      sleepStart = now
      totals.time[TimeUse.sleep.rawValue] += max(until - now, 0)
      thread.state = .sleeping(until: max(until, now))
      beginPause()
      return false
    case .compute(let span):
      beginPause()
      use(.think, span)
      return true
    case .done:
      stage = .ended
      thread.state = .done
      simulation.wakeTeam(of: program, now: now)
      return false
    }
  }

  private func beginPause() {
    isPausing = true
    program.activeThreads += 1
  }

  private func scanAddressSpace(now: Picoseconds) {
    let regions = program.space.regions.map { ScanRegion(slots: $0.slots, isFile: $0.isFile) }
    let ownNode = program.space.threads == 1 ? simulation.node(ofCPU: thread.lastCPU) : nil
    let time = simulation.scanner.scan(
      thread: &scan, space: &program.space.scan, regions: regions, ownNode: ownNode, now: now)
    use(.scan, time)
  }

  // MARK: Waiting

  private func endWait(from start: Picoseconds, now: Picoseconds) {
    waitStart = nil
    waitingForSlot = nil
    totals.time[TimeUse.migrationWait.rawValue] += wokenAt(after: start) - start
    simulation.stalls.record(.migrationWait, now - start)
  }

  /// When a wait that began at `start` ended; from then until it runs the thread waits for a CPU.
  private func wokenAt(after start: Picoseconds) -> Picoseconds { max(start, thread.queuedSince) }

  private func endIdling(from start: Picoseconds) {
    idleSince = nil
    totals.time[TimeUse.teamWait.rawValue] += wokenAt(after: start) - start
  }

  /// The task ends while the thread waits for the others.
  func stopIdling(now: Picoseconds) {
    guard let start = idleSince else { return }
    idleSince = nil
    totals.time[TimeUse.teamWait.rawValue] += max(now - start, 0)
  }

  /// Closes the thread's books in the middle of whatever it does.
  func cut(now: Picoseconds) {
    switch thread.state {
    case .sleeping(let until):
      // Not the sleep before a task's start, which counts as nothing.
      if isPausing { totals.time[TimeUse.sleep.rawValue] -= max(until - max(now, sleepStart), 0) }
    case .waiting:
      if let start = waitStart { totals.time[TimeUse.migrationWait.rawValue] += max(now - start, 0) }
      if let start = copySleepStart { totals.time[copyUse.rawValue] += max(now - start, 0) }
    case .runnable, .done: break
    }
  }
}
