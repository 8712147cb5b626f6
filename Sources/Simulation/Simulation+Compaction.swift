// Who compacts in a run: kcompactd of each node, faults that wait for a huge page, and whoever writes vm.compact_memory.

import Compaction
import MemoryModel
import Migration
import Tiering
import Units

extension Simulation {
  /// What compacts for one thread.
  func makeZoneCompactor(caller: MigrateCaller) -> ZoneCompactor {
    let zones = ZoneCompactor(job: makeJob(), memory: memory, costs: costs, caller: caller)
    zones.knobs = compaction
    zones.runningCPUs = runningCPUs
    return zones
  }

  /// What allocates huge pages for one thread.
  func makeHugeAllocation(caller: MigrateCaller, seed: UInt64) -> HugeAllocation {
    HugeAllocation(
      memory: memory, zones: makeZoneCompactor(caller: caller), reclaim: makeDirectReclaim(caller: caller, seed: seed))
  }

  /// kcompactd of each node. Behind all others in the list of threads, so that their numbers do not depend on them.
  func makeKcompactds() {
    for node in 0..<memory.nodeCount {
      let task = Kcompactd(
        node: node, memory: memory, clock: clock, zones: makeZoneCompactor(caller: .kcompactd(node: node)))
      kcompactds.append((task, addKernelThread("kcompactd\(node)", task, node: node)))
      checkTimes.append(task.checkTime)
    }
  }

  /// A kernel thread that waits to be woken; on the CPUs of `node`, or anywhere.
  func addKernelThread(_ name: String, _ task: any KernelTask, node: Int? = nil) -> ModelThread {
    let own = node.map { memory.nodes[$0].cpus } ?? 0..<0
    let thread = ModelThread(
      id: threads.count, name: name, body: KernelThread(task: task, simulation: self),
      allowed: (0..<hardware.cpus).map { own.isEmpty || own.contains($0) }, isKernel: true)
    thread.state = .waiting
    addKernelThread(thread)
    return thread
  }

  /// Takes the knobs of compaction; `writes` are the names just written.
  func applyCompactionKnobs(writes: [String]) {
    compaction = tree[CompactionKnobs.self]
    memory.extfragThreshold = compaction.extfragThreshold
    khugepaged?.source.apply(knobs: compaction, reclaim: reclaim, runningCPUs: runningCPUs)
    for (task, _) in kcompactds {
      task.apply(knobs: compaction, runningCPUs: runningCPUs)
      if writes.contains("vm.compaction_proactiveness"), now > 0 { task.checkSoon(now: now) }
    }
    if writes.contains("vm.compact_memory") { compactMemory() }
  }

  private func compactMemory() {
    if memoryCompaction == nil {
      let task = MemoryCompaction(memory: memory, zones: makeZoneCompactor(caller: .sysctl))
      memoryCompaction = (task, addKernelThread("sysctl", task))
    }
    guard let (task, thread) = memoryCompaction else { return }
    task.apply(knobs: compaction, runningCPUs: runningCPUs)
    task.start()
    wake(thread, now: now)
  }

  /// Wakes a kernel thread, unless it sleeps for a copy of its own.
  private func wake(_ thread: ModelThread, now: Picoseconds) {
    if (thread.body as? KernelThread)?.sleepsForCopy == true { return }
    guard case .waiting = thread.state else { return }
    scheduler.wake(thread, now: now, waker: cpuInUse)
  }

  /// Wakes the kcompactds that somebody asked for.
  func deliverCompactionWakes(now: Picoseconds) {
    for (task, thread) in kcompactds where memory.nodes[task.node].kcompactdWakePending {
      memory.nodes[task.node].kcompactdWakePending = false
      wake(thread, now: now)
    }
  }

  /// When a kcompactd looks at its node next, if it looks at all.
  var nextCompactionCheck: Picoseconds {
    guard compaction.proactiveness > 0 else { return .max }
    return checkTimes.reduce(.max) { min($0, $1.pointee) }
  }

  /// The kcompactds whose time is up look at their nodes.
  func checkFragmentation() {
    guard compaction.proactiveness > 0 else { return }
    for (task, thread) in kcompactds where task.isDue(now: now) { wake(thread, now: now) }
  }
}
