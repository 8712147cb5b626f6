// Faults on purpose: which descriptors meet one.

import Events

/// Injected faults, decided by a seed or by counting, and so the same in every run.
public struct FaultPlan: Equatable, Sendable {
  public enum Trigger: Equatable, Sendable {
    case never
    /// Each event with so many chances in a million; 0...1_000_000.
    case rate(millionths: Int)
    /// The n-th event alone; the first is 1.
    case nth(Int)
  }

  /// A descriptor that is about to move data finds one of its pages absent.
  public var pageFault = Trigger.never
  /// A submission finds its queue full: a posted write is dropped, another gets Retry.
  public var queueFull = Trigger.never
  /// A device vanishes at a submission: what is in flight on it never completes.
  public var deviceGone = Trigger.never
  public var seed: UInt64 = 0

  public init() {}
}

/// The decisions of one kind of fault: the same trigger, seed and number of events give the same ones.
public struct FaultSource: Sendable {
  private let trigger: FaultPlan.Trigger
  private var random: SplitMix64
  private var events = 0

  public init(_ trigger: FaultPlan.Trigger, seed: UInt64) {
    self.trigger = trigger
    random = SplitMix64(seed: seed)
  }

  /// Counts an event and says whether it is hit.
  @inline(__always)
  public mutating func strikes() -> Bool {
    switch trigger {
    case .never: return false
    case .rate(let millionths): return random.below(1_000_000) < millionths
    case .nth(let n):
      events += 1
      return events == n
    }
  }

  /// A number in 0..<bound for the details of a fault.
  public mutating func below(_ bound: Int) -> Int { random.below(max(bound, 1)) }
}
