// What a user thread does in the kernel: first touches, huge faults, hint faults with their promotions, direct reclaim.

import Compaction
import Machine
import MemoryModel
import Migration
import Tiering
import Units
import Workload

extension UserThread {
  func handleFault(now: Picoseconds, cpu: Int) {
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

  private func firstTouch(slot: Int, isWrite: Bool, now: Picoseconds, cpu: Int) {
    guard let region = space.region(of: slot) else {
      simulation.fail(
        RunError(
          "task '\(program.spec.name)' accesses page \(slot - space.slots.lowerBound) of its process, which is not mapped",
          fix: "map its region before the access"))
      return
    }
    let (node, wantsHuge) = withRun { ($0.node(ofCPU: cpu), $0.wantsHuge(region, slot: slot)) }
    if wantsHuge { return beginHugeFault(region, slot: slot, isWrite: isWrite, node: node, now: now, cpu: cpu) }
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

  func stepHugeFault(now: Picoseconds, cpu: Int) {
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
    withRun { simulation in
      let costs = simulation.costs
      if region.isFile {
        memory.vmstat[.pgmajfault] += 1
        use(.majorFault, costs.majorFault)
        simulation.stalls.record(.majorFault, costs.majorFault)
      } else {
        payFirstTouch(costs.firstTouch, unaccounted: costs.unaccountedTouch)
      }
    }
  }

  /// A part of a first touch's time may not show in the task's CPU clock.
  private func payFirstTouch(_ time: Picoseconds, unaccounted: Picoseconds) {
    use(.firstTouch, time)
    totals.time[TimeUse.firstTouch.rawValue] += unaccounted
    thread.hiddenDebt += unaccounted
    withRun { $0.stalls.record(.firstTouch, time + unaccounted) }
  }

  private func hintFault(slot: Int, now: Picoseconds, cpu: Int) {
    withRun { hintFault($0, slot: slot, now: now, cpu: cpu) }
  }

  @inline(__always)
  private func hintFault(_ simulation: Simulation, slot: Int, now: Picoseconds, cpu: Int) {
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

  func record(
    node: Int, local: Bool, pages: Int, migrated: Bool, migrateFailed: Bool = false, now: Picoseconds
  ) {
    withRun {
      $0.scanner.recordFault(
        thread: &scan, space: &space.scan, node: node, isLocal: local, pages: pages, migrated: migrated,
        migrateFailed: migrateFailed, now: now, rss: space.rss)
    }
  }

  func stepPromotion(now: Picoseconds, cpu: Int) {
    if continues(job.step(now: now, cpu: cpu), as: .promotion, now: now) {
      if job.takeRemapped() { simulation.wakeWaiters(now: now) }
      return
    }
    stage = .replay
    let moved = job.nrSucceeded
    policy.finishPromotion(job: job, slot: promotedSlot, from: promotedFrom, to: promotedTo)
    let local = withRun {
      $0.stalls.record(.promotion, now - stallStart)
      return $0.node(ofCPU: cpu)
    }
    let node = moved > 0 ? promotedTo : promotedFrom
    record(
      node: node, local: node == local, pages: max(moved, 1), migrated: moved > 0, now: now)
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

  func stepReclaim(now: Picoseconds, cpu: Int) {
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
