// The kernel's own clock: milliseconds and jiffies, sped up by `sim.time_scale`.

import Units

/// Converts modelled time to the kernel's milliseconds. With a time scale of S every kernel period and threshold is S times
/// shorter in modelled time, so that a short trace sees many scans.
public struct KernelClock: Sendable {
  public let scale: Int
  /// Milliseconds between timer ticks (CONFIG_HZ): the granularity of all stamps.
  public let jiffy: Int

  public init(scale: Int, jiffyMilliseconds: Int) {
    self.scale = scale
    jiffy = jiffyMilliseconds
  }

  /// Kernel milliseconds at a modelled time, rounded down to a jiffy.
  @inline(__always)
  public func milliseconds(_ now: Picoseconds) -> Int {
    now / (Picoseconds.millisecond / scale) / jiffy * jiffy
  }

  /// Modelled time that a kernel period of `milliseconds` takes.
  @inline(__always)
  public func span(milliseconds: Int) -> Picoseconds { milliseconds * Picoseconds.millisecond / scale }

  /// Modelled time between two runs of kernel work that queues itself anew with a delay of `milliseconds`. The timer wheel
  /// rounds up to the next boundary of the delay's level: 2 s at 250 Hz are 504 jiffies.
  /// Source: kernel/time/timer.c LVL_START, LVL_GRAN, calc_index.
  ///
  /// - Parameter late: how long after its time the work was done at last; it is queued anew from then. A deferrable timer waits for the
  ///   first tick of a CPU that somebody woke.
  public func timerPeriod(milliseconds: Int, late: Picoseconds = 0) -> Picoseconds {
    let tick = span(milliseconds: jiffy)
    let jiffies = max(milliseconds / jiffy, 1)
    var granularity = 1
    while jiffies >= 63 * granularity { granularity *= 8 }
    let waited = late < tick ? 0 : (late + tick - 1) / tick
    return span(milliseconds: ((jiffies + waited) / granularity + 1) * granularity * jiffy)
  }
}
