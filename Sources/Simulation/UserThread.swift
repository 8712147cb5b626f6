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
  private enum Stage { case replay, promoting, reclaiming, faultingHuge, ended }

  let program: TaskProgram
  let number: Int
  /// The run owns its threads and outlives them. What uses it several times takes a reference first: each use counts one.
  unowned(unsafe) let simulation: Simulation
  private let space: AddressSpace
  private(set) var thread: ModelThread!
  private let memory: Memory
  private let links: Links
  private let policy: HintFaultPolicy
  var scan: ThreadScan

  private let batch: AccessBatch
  private var index = 0
  /// Accesses of the batch whose hint faults were prepared.
  private var prefetched = 0
  private let costs = AccessCosts()
  private var costVersion = -1
  private var sizeClass = 0
  private var mlpMilli: Int
  private var isTrace = false
  private var holdsBatch = false
  /// Whether it sleeps or computes for its task: the others wait for it.
  private var isPausing = false
  private(set) var totals = TaskTotals()
  private var replayTime: Picoseconds = 0
  /// Whether `foldCounts` has something to do.
  private var hasReplayed = false

  private var stage = Stage.replay
  private let job: MigrationJob
  private lazy var directReclaim = simulation.makeDirectReclaim(caller: caller, seed: UInt64(thread.id))
  private var caller: MigrateCaller { .task(program.index, thread: number) }
  private lazy var hugeFault = HugeFault(
    allocation: simulation.makeHugeAllocation(caller: caller, seed: UInt64(thread.id) &+ 0x68_7567_65))
  private var promotedSlot = 0
  private var promotedFrom = 0
  private var promotedTo = 0
  private var stallStart: Picoseconds = 0
  /// Direct reclaims in a row that freed nothing.
  private var reclaimRetries = 0
  /// MAX_RECLAIM_RETRIES.
  private static let mostRetries = 16
  private var waitStart: Picoseconds?
  private(set) var waitingForSlot: Int?
  private var sleepStart: Picoseconds = 0
  /// Since when it waits for the other threads of its task.
  private var idleSince: Picoseconds?
  /// What polling and sleeping for a copy count as; and since when it sleeps.
  private var copyUse = TimeUse.promotion
  private var copySleepStart: Picoseconds?
  /// Whether it sleeps for a copy: only the copy wakes it then.
  var sleepsForCopy: Bool { copySleepStart != nil }

  init(program: TaskProgram, number: Int, simulation: Simulation) {
    self.program = program
    space = program.space
    self.number = number
    self.simulation = simulation
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
  private func use(_ what: TimeUse, _ span: Picoseconds) {
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
      if memory.anyWakePending || simulation.failure != nil { return t }
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

  // MARK: Faults

  private func handleFault(now: Picoseconds, cpu: Int) {
    let access = batch.slots[index]
    let slot = Int(access >> 1)
    let entry = memory.entry(slot: slot)
    if entry & PTE.present != 0 {
      if index >= prefetched {
        prefetched = index + 256
        memory.prefetchFaults(batch, range: index..<prefetched)
      }
      hintFault(slot: slot, now: now, cpu: cpu)
    } else if entry & PTE.special != 0 {
      waitingForSlot = slot
      waitStart = now
      thread.state = .waiting
      simulation.waiters.append(self)
    } else {
      firstTouch(slot: slot, isWrite: access & 1 == 1, now: now, cpu: cpu)
    }
  }

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

  private func firstTouch(slot: Int, isWrite: Bool, now: Picoseconds, cpu: Int) {
    let simulation = simulation
    guard let region = space.region(of: slot) else {
      simulation.fail(
        RunError(
          "task '\(program.spec.name)' accesses page \(slot - space.slots.lowerBound) of its process, which is not mapped",
          fix: "map its region before the access"))
      return
    }
    let node = simulation.node(ofCPU: cpu)
    if simulation.wantsHuge(region, slot: slot) {
      beginHugeFault(region, slot: slot, isWrite: isWrite, node: node, now: now, cpu: cpu)
      return
    }
    touchBase(region, slot: slot, isWrite: isWrite, node: node, now: now, cpu: cpu)
  }

  private func beginHugeFault(
    _ region: MappedRegion, slot: Int, isWrite: Bool, node: Int, now: Picoseconds, cpu: Int
  ) {
    let isAdvised = region.advice == .madvise || region.advice == .always
    hugeFault.apply(simulation)
    hugeFault.start(
      slot: slot, isWrite: isWrite, node: node,
      effort: .fault(simulation.hugePages.defrag, isAdvised: isAdvised))
    stallStart = now
    stage = .faultingHuge
    stepHugeFault(now: now, cpu: cpu)
  }

  private func stepHugeFault(now: Picoseconds, cpu: Int) {
    if continues(hugeFault.step(now: now, cpu: cpu), as: .compaction, now: now) {
      if hugeFault.takeRemapped() { simulation.wakeWaiters(now: now) }
      return
    }
    stage = .replay
    if now > stallStart { simulation.stalls.record(.compaction, now - stallStart) }
    let slot = hugeFault.slot
    guard let region = program.space.region(of: slot), simulation.wantsHuge(region, slot: slot) else {
      // Another thread has mapped something there meanwhile: the access is tried again.
      if let block = hugeFault.block { memory.release(block, order: Page.hugeOrder, cpu: cpu) }
      return
    }
    guard let block = hugeFault.block else { return fallBack(region, slot: slot, now: now, cpu: cpu) }
    guard memory.prepareHuge(slot: slot, node: simulation.node(ofCPU: cpu), cpu: cpu) else {
      memory.release(block, order: Page.hugeOrder, cpu: cpu)
      return fallBack(region, slot: slot, now: now, cpu: cpu)
    }
    memory.mapHuge(block, slot: slot, isWrite: hugeFault.isWrite, cpu: cpu)
    program.space.rss += Page.perHuge
    memory.vmstat[.pgfault] += 1
    let costs = simulation.costs
    payFirstTouch(costs.firstTouchHuge, unaccounted: costs.unaccountedTouchHuge)
  }

  private func fallBack(_ region: MappedRegion, slot: Int, now: Picoseconds, cpu: Int) {
    memory.vmstat[.thp_fault_fallback] += 1
    let node = simulation.node(ofCPU: cpu)
    touchBase(region, slot: slot, isWrite: hugeFault.isWrite, node: node, now: now, cpu: cpu)
  }

  @inline(__always)
  private func touchBase(_ region: MappedRegion, slot: Int, isWrite: Bool, node: Int, now: Picoseconds, cpu: Int) {
    let simulation = simulation
    let costs = simulation.costs
    let isMapped = memory.mapBase(
      slot: slot, isWrite: isWrite, isFile: region.isFile, node: node, cpu: cpu,
      mayFragment: reclaimRetries >= Self.mostRetries)
    guard isMapped else {
      beginReclaim(node: node, now: now)
      return
    }
    reclaimRetries = 0
    space.rss += 1
    memory.vmstat[.pgfault] += 1
    if region.isFile {
      memory.vmstat[.pgmajfault] += 1
      use(.majorFault, costs.majorFault)
      simulation.stalls.record(.majorFault, costs.majorFault)
    } else {
      payFirstTouch(costs.firstTouch, unaccounted: costs.unaccountedTouch)
    }
  }

  /// A part of a first touch's time may not show in the task's CPU clock.
  private func payFirstTouch(_ time: Picoseconds, unaccounted: Picoseconds) {
    use(.firstTouch, time)
    totals.time[TimeUse.firstTouch.rawValue] += unaccounted
    thread.hiddenDebt += unaccounted
    simulation.stalls.record(.firstTouch, time + unaccounted)
  }

  private func hintFault(slot: Int, now: Picoseconds, cpu: Int) {
    var faults = 0
    let node = simulation.node(ofCPU: cpu)
    let from = memory.node(of: memory.folio(slot: slot))
    let pages = memory.isHuge(slot: slot) ? Page.perHuge : 1
    let outcome = policy.fault(slot: slot, cpu: cpu, cpuNode: node, now: now, faults: &faults)
    memory.vmstat[.pgfault] += faults
    let trap = faults * simulation.costs.hintFault
    use(.hintFault, trap)
    switch outcome {
    case .restored, .stuck, .failed:
      simulation.stalls.record(.hintFault, trap)
      var isFailure = false
      if case .failed = outcome { isFailure = true }
      record(
        node: from, local: from == node, pages: pages, migrated: false, migrateFailed: isFailure, now: now)
    case .promote(let folio, let target):
      promotedSlot = slot
      promotedFrom = from
      promotedTo = target
      stallStart = now
      withUnsafePointer(to: folio) {
        job.start(
          UnsafeBufferPointer(start: $0, count: 1), to: MigrationTarget(node: target, allowed: 1 << UInt64(target)),
          reason: .numaMisplaced, mode: .async, runningCPUs: simulation.runningCPUs, caller: caller)
      }
      let isolation = simulation.costs.isolate
      use(.promotion, isolation)
      simulation.trace.addIsolation(isolation, .numaMisplaced)
      job.noteIsolation(at: now + trap, time: isolation)
      stage = .promoting
    }
  }

  private func record(
    node: Int, local: Bool, pages: Int, migrated: Bool, migrateFailed: Bool = false, now: Picoseconds
  ) {
    simulation.scanner.recordFault(
      thread: &scan, space: &program.space.scan, node: node, isLocal: local, pages: pages, migrated: migrated,
      migrateFailed: migrateFailed, now: now, rss: program.space.rss)
  }

  private func stepPromotion(now: Picoseconds, cpu: Int) {
    if continues(job.step(now: now, cpu: cpu), as: .promotion, now: now) {
      if job.takeRemapped() { simulation.wakeWaiters(now: now) }
      return
    }
    stage = .replay
    let moved = job.nrSucceeded
    policy.finishPromotion(job: job, slot: promotedSlot, from: promotedFrom, to: promotedTo)
    simulation.stalls.record(.promotion, now - stallStart)
    let node = moved > 0 ? promotedTo : promotedFrom
    record(
      node: node, local: node == simulation.node(ofCPU: cpu), pages: max(moved, 1), migrated: moved > 0, now: now)
  }

  /// Does what a step says; false when the job is over.
  private func continues(_ step: JobStep, as use: TimeUse, now: Picoseconds) -> Bool {
    switch step {
    case .useCPU(let time): self.use(use, time)
    case .spin:
      copyUse = use
      simulation.poll(thread)
    case .sleep:
      copyUse = use
      copySleepStart = now
      simulation.sleepForCopy(thread)
    case .done: return false
    }
    return true
  }

  func polled(_ span: Picoseconds) { totals.time[copyUse.rawValue] += span }

  private func beginReclaim(node: Int, now: Picoseconds) {
    if reclaimRetries >= Self.mostRetries {
      memory.vmstat[.oom_kill] += 1
      simulation.fail(
        RunError(
          "out of memory: task '\(program.spec.name)' touched a new page, every node it may use is at its min mark, and reclaim freed nothing in 16 tries",
          fix: "make the nodes larger (hw.nodeN.size) or the workload smaller; there is no swap"))
      return
    }
    stallStart = now
    directReclaim.apply(knobs: simulation.reclaim, runningCPUs: simulation.runningCPUs)
    directReclaim.start(node: node)
    stage = .reclaiming
  }

  private func stepReclaim(now: Picoseconds, cpu: Int) {
    if continues(directReclaim.step(now: now, cpu: cpu), as: .directReclaim, now: now) {
      if directReclaim.takeRemapped() { simulation.wakeWaiters(now: now) }
      return
    }
    stage = .replay
    reclaimRetries = directReclaim.reclaimed > 0 ? 0 : reclaimRetries + 1
    if directReclaim.reclaimed == 0 { memory.drainAllPerCPULists() }
    simulation.stalls.record(.directReclaim, now - stallStart)
  }
}
