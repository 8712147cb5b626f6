// How a run drives the copy engines: CPUs that poll, threads that sleep, workers, and the devices' own time.

import DSAConfig
import DSAModel
import Machine
import MemoryModel
import Migration
import PageCopy
import Sysctl
import Units

extension SerializeHuge {
  var model: HugeSerialization {
    switch self {
    case .off: .off
    case .always: .always
    case .reused: .recent
    }
  }
}

extension Simulation {
  /// The copy engines of the machine that the knobs describe.
  static func makeCopies(
    _ tree: KnobTree, memory: Memory, links: Links, nodeOfCPU: [Int]
  ) throws(RunError) -> CopyMachine {
    let hardware: CopyDevices
    let knobs = tree[DSAHardwareKnobs.self]
    do throws(DeviceConfigurationError) {
      let machine = try DSAMachine(tree)
      hardware = CopyDevices(
        devices: machine.devices, channels: machine.channels, platformBandwidth: knobs.platformBandwidth,
        node: knobs.node, hugeSerialization: knobs.serializeHuge.model, faults: tree[FaultKnobs.self].plan)
    } catch {
      throw RunError("hw.dsa.config: \(error.description)", fix: "run pageferry dsa check on the file", kind: .knob)
    }
    guard knobs.node < memory.nodeCount else {
      throw RunError(
        "hw.dsa.node is \(knobs.node), but the machine has nodes 0 to \(memory.nodeCount - 1)", fix: "lower it",
        kind: .knob)
    }
    return CopyMachine(
      memory: memory, links: links, costs: tree[CostKnobs.self], copyCosts: tree[CopyCostKnobs.self],
      hardware: hardware, cpus: nodeOfCPU.count,
      cpusBeside: { cpu in
        let node = nodeOfCPU[cpu]
        let first = nodeOfCPU.firstIndex(of: node) ?? cpu
        return first..<((nodeOfCPU.lastIndex(of: node) ?? cpu) + 1)
      },
      allocationFaults: tree[FaultKnobs.self].alloc == .never ? nil : tree[FaultKnobs.self].allocationFailures)
  }

  /// Connects the engines with the scheduler.
  func connectCopies() {
    copies.onWake = { [unowned self] copy, now in
      guard let thread = copy.owner as? ModelThread else { return }
      scheduler.wake(thread, now: now, waker: cpuInUse)
    }
    copies.onWork = { [unowned self] work, now in
      // From the first on; a run without any interleaves its CPUs like any other.
      lookahead = Picoseconds.microsecond
      let (worker, thread) = copyWorker(ofCPU: work.cpu)
      worker.enqueue(work)
      scheduler.wake(thread, now: now, waker: cpuInUse)
    }
  }

  private func copyWorker(ofCPU cpu: Int) -> (CopyWorker, ModelThread) {
    if let known = copyWorkers[cpu] { return known }
    let worker = CopyWorker(timeline: timeline)
    let thread = ModelThread(
      id: threads.count, name: "kworker/\(cpu):1H", body: worker, allowed: (0..<hardware.cpus).map { $0 == cpu },
      isKernel: true, isUrgent: true)
    thread.state = .waiting
    threads.append(thread)
    copyWorkers[cpu] = (worker, thread)
    return (worker, thread)
  }

  /// Takes the copy knobs. A switch that a failure has turned off stays off until it is written.
  func applyCopyKnobs() throws(RunError) {
    do throws(DeviceConfigurationError) {
      try copies.apply(tree[CopyKnobs.self])
    } catch {
      throw RunError(
        "vm.dsa_state=1: \(error.description)",
        fix: "change hw.dsa.config, or the latencies and bandwidths of hw.nodeN that do not fit", kind: .knob)
    }
    scheduler.pollingYields = tree[CopyKnobs.self].wait == .reschedule
  }

  /// Writes to the tree what failures have turned off.
  func noteFailedSwitch() throws(KnobError) {
    guard tree[CopyKnobs.self].useDSACopyPages, !copies.context.knobs.useDSACopyPages else { return }
    try tree.write(name: "vm.use_dsa_copy_pages", value: "0", origin: .program)
  }

  /// What a user of the copy engines has to know of the run.
  func warnOfCopies() {
    let copy = copies.summary(elapsed: now)
    if tree[CopyKnobs.self].useDSACopyPages, !copy.isSwitchedOn {
      warnings.append(
        "a failure of DSA turned vm.use_dsa_copy_pages off (\(copy.timer.dsaCopyFail) failed calls, "
          + "\(copy.timer.timeouts) time-outs): from then on CPUs copied")
    } else if copy.isSwitchedOn, copy.bytes > 0, copy.use(of: .dsa).calls == 0 {
      warnings.append(
        "DSA copied nothing: no list reached vm.dsa_copy_threshold (\(tree[CopyKnobs.self].dsaCopyThreshold) pages)"
          + (memory.rules.isTPP && !reclaim.concurToDemote
            ? ", and without vm.use_concur_to_demote base pages are copied one by one" : ""))
    }
    if copy.timer.overflows > 0 {
      warnings.append(
        "\(copy.timer.overflows) lists, planned by vm.dsa_list_cut = c2, were beyond the original's pools, where it crashes; "
          + "they were copied page by page")
    }
  }

  // MARK: Waiting

  /// The thread's CPU polls for the copy of its last step.
  func poll(_ thread: ModelThread) { thread.polledCopy = copies.takeBlocked() }

  /// The thread sleeps until the copy of its last step wakes it.
  func sleepForCopy(_ thread: ModelThread) {
    copies.takeBlocked()?.owner = thread
    thread.state = .waiting
  }

  /// Moves devices and links on, when all threads have come to `edge` or poll: to the moment at which one of these can go on.
  /// - Returns: whether a CPU has something to do before the edge.
  func moveQuietWorld(until edge: Picoseconds) -> Bool {
    guard copies.isAwaited || copies.isBusy || scheduler.isAnyPolling else { return false }
    while true {
      if endPolling() { return true }
      let next = copies.nextTime
      if next > edge { break }
      copies.advance(to: next)
      if scheduler.nextCPU(before: edge) != nil { return true }
    }
    copies.advance(to: edge)
    for cpu in scheduler.cpus.indices where scheduler.cpus[cpu].isPolling {
      scheduler.poll(cpu, until: edge, ends: false)
      if scheduler.cpus[cpu].clock >= scheduler.cpus[cpu].nextTick { tick(cpu) }
    }
    return false
  }

  /// Lets the polling CPU go on whose copy is ready; of several the one that is behind.
  private func endPolling() -> Bool {
    var best: Int?
    for cpu in scheduler.cpus.indices where scheduler.cpus[cpu].isPolling {
      guard let copy = scheduler.cpus[cpu].current?.polledCopy else { continue }
      guard copy.isReady || copy.deadline <= copies.now else { continue }
      if let other = best, scheduler.cpus[other].clock <= scheduler.cpus[cpu].clock { continue }
      best = cpu
    }
    guard let best else { return false }
    scheduler.poll(best, until: max(scheduler.cpus[best].clock, copies.now), ends: true)
    return true
  }
}
