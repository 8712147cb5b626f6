// A thread of the modelled machine: a user thread or a kernel thread, with what the scheduler keeps of it.

import Migration
import Tiering
import Units

/// What a thread is doing as far as the scheduler is concerned.
enum ThreadState {
  case runnable
  /// Until the time, or until woken.
  case sleeping(until: Picoseconds)
  /// Until woken.
  case waiting
  case done
}

/// Anything that runs on a CPU.
protocol ThreadBody: AnyObject {
  /// Runs on `cpu` from `now` to `limit` at most (by one access or kernel step more), or until the thread sleeps, waits,
  /// ends, or wakes another. Returns the time then and sets `thread.state`.
  func run(_ thread: ModelThread, cpu: Int, now: Picoseconds, limit: Picoseconds) -> Picoseconds
  /// The thread has polled for a copy for so long.
  func polled(_ span: Picoseconds)
  /// A scheduler tick hit the thread.
  func tick(_ thread: ModelThread, now: Picoseconds)
}

/// A schedulable thread.
final class ModelThread {
  let id: Int
  let name: String
  let body: any ThreadBody
  /// CPUs it may run on.
  let allowed: [Bool]
  let isKernel: Bool
  var state = ThreadState.runnable {
    didSet {
      if case .sleeping(let until) = state { wakeTime.pointee = until } else { wakeTime.pointee = Int.max }
    }
  }
  /// When a sleep ends, Int.max for a thread that does not sleep; kept apart so that looking at all of them is cheap.
  let wakeTime: UnsafeMutablePointer<Picoseconds>
  /// Whether it is on a CPU or in a CPU's queue.
  var isQueued = false
  /// CPU it last ran on.
  var lastCPU: Int
  /// CPU time that its own clock shows (sum_exec_runtime).
  var cpuTime: Picoseconds = 0
  /// CPU time it owes before its next step; and the part its clock does not show.
  var debt: Picoseconds = 0
  var hiddenDebt: Picoseconds = 0
  /// Virtual run time and deadline (EEVDF); CFS uses the first and the time it was put on its CPU.
  var virtualTime: Picoseconds = 0
  var deadline: Picoseconds = 0
  var pickedAt: Picoseconds = 0
  /// When it last ran.
  var stoppedAt: Picoseconds = 0
  /// When it last became runnable without running: for the time spent waiting for a CPU.
  var queuedSince: Picoseconds = 0
  var queuedTime: Picoseconds = 0
  /// What it polls for, nil when it does not.
  var polledCopy: ModelCopy?
  /// A worker of the high-priority queue: it runs before all others of its CPU.
  let isUrgent: Bool
  /// CPU time of its context switches.
  var switchTime: Picoseconds = 0

  init(
    id: Int, name: String, body: any ThreadBody, allowed: [Bool], isKernel: Bool, isUrgent: Bool = false
  ) {
    self.isUrgent = isUrgent
    self.id = id
    self.name = name
    self.body = body
    self.allowed = allowed
    self.isKernel = isKernel
    lastCPU = allowed.firstIndex(of: true) ?? 0
    wakeTime = .allocate(capacity: 1)
    wakeTime.initialize(to: Int.max)
  }

  deinit { wakeTime.deallocate() }

  /// Pays debt from `now` to `limit` at most; returns the time then.
  @inline(__always)
  func payDebt(now: Picoseconds, limit: Picoseconds) -> Picoseconds {
    var t = now
    if debt > 0, t < limit {
      let part = min(debt, limit - t)
      debt -= part
      cpuTime += part
      t += part
    }
    if hiddenDebt > 0, t < limit {
      let part = min(hiddenDebt, limit - t)
      hiddenDebt -= part
      t += part
    }
    return t
  }
}
