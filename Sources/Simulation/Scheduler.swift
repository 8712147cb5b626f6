// CPUs and their run queues. A woken thread runs at once on an idle CPU it may use; with none idle it competes for the
// waker's CPU by the rules of the kernel that is modelled. Source: kernel/sched/fair.c of 6.12 (EEVDF: pick_eevdf,
// update_deadline, place_entity) and of 5.13 (CFS: check_preempt_wakeup, check_preempt_tick, place_entity).

import MemoryModel
import Units

/// One CPU.
struct ModelCPU {
  var clock: Picoseconds = 0
  var current: ModelThread?
  var queue: [ModelThread] = []
  var nextTick: Picoseconds = 0
  var busyTime: Picoseconds = 0
  var minVirtualTime: Picoseconds = 0
  /// Whether its thread polls for a copy: its clock waits until the copy is ready or all others have come to the edge.
  var isPolling = false
  /// Whether its thread is to give way once it no longer polls (TIF_NEED_RESCHED with preemption off).
  var owesReschedule = false
}

/// The scheduler of all CPUs.
final class Scheduler {
  var cpus: [ModelCPU]
  let tick: Picoseconds
  let slice: Picoseconds
  /// CFS when true: a woken thread may preempt the running one at once.
  let wakeupPreempts: Bool
  let switchCost: Picoseconds
  private(set) var switches = 0

  init(cpuCount: Int, tick: Picoseconds, slice: Picoseconds, wakeupPreempts: Bool, switchCost: Picoseconds) {
    cpus = [ModelCPU](repeating: ModelCPU(), count: cpuCount)
    self.tick = tick
    self.slice = slice
    self.wakeupPreempts = wakeupPreempts
    self.switchCost = switchCost
    for i in cpus.indices { cpus[i].nextTick = tick }
  }

  /// The CPU whose thread is in the middle of a step, and whether a wake asks that thread to give way after it
  /// (TIF_NEED_RESCHED).
  private var stepping: Int?
  private var needsReschedule = false

  /// The current thread of a CPU begins a step, which `account` ends.
  func beginStep(_ cpu: Int) {
    stepping = cpu
    needsReschedule = false
  }

  /// Whether a thread that polls for a copy gives way to others (cond_resched).
  var pollingYields = false

  /// Lets a polling CPU's clock go on to `time`; with `ends` its thread goes on there.
  func poll(_ cpu: Int, until time: Picoseconds, ends: Bool) {
    if ends { cpus[cpu].isPolling = false }
    guard let thread = cpus[cpu].current else { return }
    if time > cpus[cpu].clock {
      let span = time - cpus[cpu].clock
      thread.cpuTime += span
      thread.body.polled(span)
      account(cpu, now: time, charged: span)
    }
    guard ends, cpus[cpu].owesReschedule else { return }
    cpus[cpu].owesReschedule = false
    if cpus[cpu].queue.isEmpty { return }
    thread.polledCopy?.stopPolling(now: cpus[cpu].clock)
    deschedule(cpu)
  }

  /// Whether any CPU polls for a copy.
  var isAnyPolling: Bool {
    for i in cpus.indices where cpus[i].isPolling { return true }
    return false
  }

  /// The second smallest clock of the CPUs with work; `Int.max` when there are not two.
  var secondClock: Picoseconds {
    var first = Int.max
    var second = Int.max
    for i in cpus.indices where !cpus[i].isPolling && (cpus[i].current != nil || !cpus[i].queue.isEmpty) {
      if cpus[i].clock < first {
        second = first
        first = cpus[i].clock
      } else if cpus[i].clock < second {
        second = cpus[i].clock
      }
    }
    return second
  }

  /// Whether any CPU has something to run.
  var isIdle: Bool {
    // By index: a copy of a CPU would count its references up and down.
    for i in cpus.indices where cpus[i].current != nil || !cpus[i].queue.isEmpty { return false }
    return true
  }

  /// The CPU with work whose clock is the smallest and below `limit`; ties go to the lower number.
  func nextCPU(before limit: Picoseconds) -> Int? {
    var best: Int?
    var bestClock = limit
    for i in cpus.indices
    where cpus[i].clock < bestClock && !cpus[i].isPolling && (cpus[i].current != nil || !cpus[i].queue.isEmpty) {
      best = i
      bestClock = cpus[i].clock
    }
    return best
  }

  /// Makes a thread runnable at `now`, woken from `waker`'s CPU if it has one; nothing when it is runnable already.
  func wake(_ thread: ModelThread, now: Picoseconds, waker: Int?) {
    guard !thread.isQueued else { return }
    thread.isQueued = true
    thread.state = .runnable
    let cpu = place(thread, waker: waker)
    if cpus[cpu].current == nil && cpus[cpu].queue.isEmpty {
      // Idle: its clock and ticks catch up.
      cpus[cpu].clock = max(cpus[cpu].clock, now)
      cpus[cpu].nextTick = (cpus[cpu].clock / tick + 1) * tick
    }
    placeVirtualTime(thread, on: cpu)
    thread.queuedSince = max(now, cpus[cpu].clock)
    cpus[cpu].queue.append(thread)
    guard let current = cpus[cpu].current else { return }
    if thread.isUrgent {
      if !current.isUrgent { deschedule(cpu) }
      return
    }
    if wakeupPreempts {
      // CFS: the woken thread preempts when it is more than the wake-up granularity behind.
      if current.virtualTime - thread.virtualTime > slice / 3 { deschedule(cpu) }
    } else {
      // EEVDF: the running thread's deadline is renewed if it has lapsed, and a tie goes to the woken one. So a thread
      // that had its slice gives way at once, and one that has not keeps the CPU until the next tick.
      renewDeadline(current)
      if current.deadline >= thread.deadline { deschedule(cpu) }
    }
  }

  /// `update_deadline`: a slice that was used up begins anew.
  private func renewDeadline(_ thread: ModelThread) {
    if thread.virtualTime >= thread.deadline { thread.deadline = thread.virtualTime + slice }
  }

  /// Takes the current thread off a CPU, back to its queue.
  private func deschedule(_ cpu: Int) {
    guard let current = cpus[cpu].current else { return }
    if cpus[cpu].isPolling {
      // The original polls with preemption off, but for vm.dsa_sync_mode = 1.
      guard pollingYields else {
        cpus[cpu].owesReschedule = true
        return
      }
      cpus[cpu].isPolling = false
      current.polledCopy?.stopPolling(now: cpus[cpu].clock)
    }
    if cpu == stepping {
      needsReschedule = true
      return
    }
    current.queuedSince = cpus[cpu].clock
    cpus[cpu].queue.append(current)
    cpus[cpu].current = nil
  }

  /// An idle CPU the thread may use, its last one first; else the waker's; else its last or first allowed one.
  private func place(_ thread: ModelThread, waker: Int?) -> Int {
    func idle(_ i: Int) -> Bool { thread.allowed[i] && cpus[i].current == nil && cpus[i].queue.isEmpty }
    if idle(thread.lastCPU) { return thread.lastCPU }
    if let free = cpus.indices.first(where: idle) { return free }
    if let waker, thread.allowed[waker] { return waker }
    return thread.lastCPU
  }

  /// `place_entity`.
  private func placeVirtualTime(_ thread: ModelThread, on cpu: Int) {
    if wakeupPreempts {
      // A sleeper gets up to half a latency of credit.
      thread.virtualTime = max(thread.virtualTime, cpus[cpu].minVirtualTime - slice)
    } else {
      // Its lag is zero: it joins at the average.
      thread.virtualTime = average(cpu)
      thread.deadline = thread.virtualTime + slice
    }
  }

  private func average(_ cpu: Int) -> Picoseconds {
    var sum = 0
    var count = 0
    for thread in cpus[cpu].queue {
      sum += thread.virtualTime - cpus[cpu].minVirtualTime
      count += 1
    }
    if let current = cpus[cpu].current {
      sum += current.virtualTime - cpus[cpu].minVirtualTime
      count += 1
    }
    return count == 0 ? cpus[cpu].minVirtualTime : cpus[cpu].minVirtualTime + sum / count
  }

  /// Puts the thread that the rules choose on a CPU without one; nil when its queue is empty.
  func pick(_ cpu: Int) -> ModelThread? {
    if let current = cpus[cpu].current { return current }
    guard !cpus[cpu].queue.isEmpty else { return nil }
    var best = 0
    if let urgent = cpus[cpu].queue.firstIndex(where: \.isUrgent) {
      best = urgent
    } else if wakeupPreempts {
      for i in cpus[cpu].queue.indices.dropFirst()
      where cpus[cpu].queue[i].virtualTime < cpus[cpu].queue[best].virtualTime { best = i }
    } else {
      let middle = average(cpu)
      var found = false
      for i in cpus[cpu].queue.indices where cpus[cpu].queue[i].virtualTime <= middle {
        if !found || cpus[cpu].queue[i].deadline < cpus[cpu].queue[best].deadline { best = i }
        found = true
      }
    }
    let thread = cpus[cpu].queue.remove(at: best)
    thread.queuedTime += max(cpus[cpu].clock - thread.queuedSince, 0)
    if thread.lastCPU != cpu || switches > 0 {
      thread.debt += switchCost
      thread.switchTime += switchCost
    }
    switches += 1
    thread.lastCPU = cpu
    // CPUs are up to an epoch apart: a thread that changes them does not go back in time.
    cpus[cpu].clock = max(cpus[cpu].clock, thread.stoppedAt)
    thread.pickedAt = cpus[cpu].clock
    cpus[cpu].current = thread
    return thread
  }

  /// Accounts `elapsed` time of the current thread, which ended at `now`; takes it off the CPU when it no longer runs.
  ///
  /// Virtual time follows the thread's own CPU clock, `charged`: what that clock does not show is not weighed either.
  func account(_ cpu: Int, now: Picoseconds, charged: Picoseconds) {
    stepping = nil
    guard let thread = cpus[cpu].current else { return }
    thread.stoppedAt = now
    cpus[cpu].busyTime += now - cpus[cpu].clock
    cpus[cpu].clock = now
    // Nice -20 weighs 88761 / 1024 (sched_prio_to_weight).
    thread.virtualTime += thread.isUrgent ? charged * 1024 / 88761 : charged
    var least = thread.virtualTime
    for i in cpus[cpu].queue.indices { least = min(least, cpus[cpu].queue[i].virtualTime) }
    cpus[cpu].minVirtualTime = max(cpus[cpu].minVirtualTime, least)
    if case .runnable = thread.state {
      if needsReschedule { deschedule(cpu) }
    } else {
      cpus[cpu].current = nil
      thread.isQueued = false
    }
    needsReschedule = false
  }

  /// A tick on a busy CPU: may put another thread in.
  func onTick(_ cpu: Int) {
    guard let current = cpus[cpu].current, !current.isUrgent else { return }
    if wakeupPreempts {
      guard let waiting = cpus[cpu].queue.map(\.virtualTime).min() else { return }
      let share = max(2 * slice / (cpus[cpu].queue.count + 1), slice / 4)
      let ran = cpus[cpu].clock - current.pickedAt
      if ran > share || (ran >= slice / 4 && current.virtualTime - waiting > share) { deschedule(cpu) }
    } else if current.virtualTime >= current.deadline {
      renewDeadline(current)
      guard !cpus[cpu].queue.isEmpty else { return }
      let middle = average(cpu)
      let best = cpus[cpu].queue.filter { $0.virtualTime <= middle }.map(\.deadline).min()
      if let best, best < current.deadline || current.virtualTime > middle { deschedule(cpu) }
    }
  }
}
