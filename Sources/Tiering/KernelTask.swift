// What a kernel thread is made of: a state machine without a clock of its own, whose steps say what they need.

import Units

/// What a kernel thread wants after a step.
public enum ThreadStep: Sendable {
  /// So much CPU time passes, then the next step.
  case useCPU(Picoseconds)
  /// Sleeps until the time or until woken.
  case sleepUntil(Picoseconds)
  /// Sleeps until woken.
  case sleep
  /// Waits for a copy (`CopyMachine.takeBlocked`): polling, or asleep until it is woken for it.
  case spin
  case sleepForCopy
}

/// The work of one kernel thread.
public protocol KernelTask: AnyObject {
  /// Does the next step on `cpu` at `now`.
  func step(now: Picoseconds, cpu: Int) -> ThreadStep
  /// True once after steps that made pages available again: who waits for one should look.
  func takeRemapped() -> Bool
}
