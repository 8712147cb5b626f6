// A kernel thread (kswapd and its kin) as a thread of the modelled machine.

import MemoryModel
import Tiering
import Timeline
import Units

/// Runs a kernel task on whatever CPU the scheduler gives it.
final class KernelThread: ThreadBody {
  let task: any KernelTask
  private unowned(unsafe) let simulation: Simulation
  /// Since when it is awake, as far as a timeline wants to know.
  private var awakeSince: Picoseconds?
  /// Whether it sleeps for a copy: only the copy wakes it then.
  private(set) var sleepsForCopy = false

  init(task: any KernelTask, simulation: Simulation) {
    self.task = task
    self.simulation = simulation
  }

  func polled(_ span: Picoseconds) {}

  func tick(_ thread: ModelThread, now: Picoseconds) {}

  func run(_ thread: ModelThread, cpu: Int, now: Picoseconds, limit: Picoseconds) -> Picoseconds {
    var t = now
    if simulation.timeline != nil, awakeSince == nil { awakeSince = now }
    sleepsForCopy = false
    while t < limit {
      if thread.debt > 0 {
        t = thread.payDebt(now: t, limit: limit)
        if t >= limit { return t }
      }
      switch task.step(now: t, cpu: cpu) {
      case .useCPU(let span): thread.debt += span
      case .sleepUntil(let time):
        thread.state = .sleeping(until: time)
        fallAsleep(thread, now: t)
        return t
      case .sleep:
        thread.state = .waiting
        fallAsleep(thread, now: t)
        return t
      case .spin:
        simulation.poll(thread)
        return t
      case .sleepForCopy:
        sleepsForCopy = true
        simulation.sleepForCopy(thread)
        return t
      }
      if task.takeRemapped() { simulation.wakeWaiters(now: t) }
      if simulation.memory.anyWakePending { return t }
    }
    return t
  }

  private func fallAsleep(_ thread: ModelThread, now: Picoseconds) {
    guard let timeline = simulation.timeline, let since = awakeSince else { return }
    awakeSince = nil
    guard timeline.mask.contains(.threads) else { return }
    timeline.add(TimelineRecord(.awake, since, now, track: thread.id))
  }
}
