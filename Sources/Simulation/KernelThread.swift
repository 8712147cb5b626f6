// kswapd as a thread of the modelled machine.

import MemoryModel
import Tiering
import Units

/// Runs a node's kswapd on whatever CPU the scheduler gives it.
final class KernelThread: ThreadBody {
  let kswapd: Kswapd
  private unowned(unsafe) let simulation: Simulation
  /// Whether it sleeps for a copy: only the copy wakes it then.
  private(set) var sleepsForCopy = false

  init(kswapd: Kswapd, simulation: Simulation) {
    self.kswapd = kswapd
    self.simulation = simulation
  }

  func polled(_ span: Picoseconds) {}

  func tick(_ thread: ModelThread, now: Picoseconds) {}

  func run(_ thread: ModelThread, cpu: Int, now: Picoseconds, limit: Picoseconds) -> Picoseconds {
    var t = now
    sleepsForCopy = false
    while t < limit {
      if thread.debt > 0 {
        t = thread.payDebt(now: t, limit: limit)
        if t >= limit { return t }
      }
      switch kswapd.step(now: t, cpu: cpu) {
      case .useCPU(let span): thread.debt += span
      case .sleepUntil(let time):
        thread.state = .sleeping(until: time)
        return t
      case .sleep:
        thread.state = .waiting
        return t
      case .spin:
        simulation.poll(thread)
        return t
      case .sleepForCopy:
        sleepsForCopy = true
        simulation.sleepForCopy(thread)
        return t
      }
      if kswapd.takeRemapped() { simulation.wakeWaiters(now: t) }
      if simulation.memory.anyWakePending { return t }
    }
    return t
  }
}
