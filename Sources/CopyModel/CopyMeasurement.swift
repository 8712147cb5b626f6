// What one copy took.

import Units

/// Time of one copy, and what CPUs did meanwhile.
public struct CopyMeasurement: Equatable, Sendable {
  public var bytes: Int
  /// From the call to its return.
  public var elapsed: Picoseconds
  /// CPU time of moving bytes, all CPUs together; the workers' wake-ups, queueing and flushing among it.
  public var copying: Picoseconds = 0
  /// CPU time of filling descriptors (cost.dsa_descriptor) and of writing them to portals (cost.dsa_submit).
  public var filling: Picoseconds = 0
  public var submitting: Picoseconds = 0
  /// CPU time of waiting for records: polling, and waking up by umwait or an interrupt.
  public var polling: Picoseconds = 0
  /// CPU time of context switches (cost.context_switch).
  public var switching: Picoseconds = 0
  /// Rounds of DSA copies (`CopyTimer.rounds`).
  public var rounds = 0
  /// Top-level descriptors.
  public var descriptors = 0
  /// Whether vm.dsa_list_cut = c2 planned beyond the original's pools, so that the list went page by page.
  public var overflowed = false

  public init(bytes: Int, elapsed: Picoseconds) {
    self.bytes = bytes
    self.elapsed = elapsed
  }

  /// CPU time in all.
  public var cpuTime: Picoseconds { copying + filling + submitting + polling + switching }
  /// Bytes a second.
  public var bandwidth: Int { elapsed > 0 ? ratio(bytes, elapsed, times: Picoseconds.second) : 0 }
  /// How many thousandths of this the other took.
  public func speedup(over other: CopyMeasurement) -> Int { ratio(other.elapsed, elapsed, times: 1000) }
}

/// `part * times / whole`, rounded to nearest; 0 without a whole.
func ratio(_ part: Int, _ whole: Int, times: Int) -> Int {
  guard whole > 0 else { return 0 }
  let product = UInt(max(part, 0)).multipliedFullWidth(by: UInt(times))
  let (low, carry) = product.low.addingReportingOverflow(UInt(whole / 2))
  let high = product.high + (carry ? 1 : 0)
  guard high < UInt(whole) else { return Int.max }
  return Int(clamping: UInt(whole).dividingFullWidth((high, low)).quotient)
}
