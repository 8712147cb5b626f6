// What all copies of a machine share: the knobs in force, the entries in flight on each queue, and the timer.

import Units

/// The copy code's globals. Jobs of one machine share one; it belongs to one thread, or its user locks it.
public final class CopyContext {
  /// In force. `useDSACopyPages` is turned off by failures, see `CopyRules`.
  public var knobs: CopyKnobs
  public var timer = CopyTimer()
  /// Entries of each channel's queue, and how many of them are taken. The original does not count: six CPUs with 25 descriptors
  /// each overrun a queue of 128.
  private var entries: [Int]
  private var taken: [Int]

  public init(knobs: CopyKnobs) {
    self.knobs = knobs
    entries = []
    taken = []
  }

  /// Says what queues there are, in the order of channels. Only while nothing is in flight.
  public func setQueues(entries: [Int]) {
    self.entries = entries
    taken = entries.map { _ in 0 }
  }

  /// Entries that are free on a channel.
  @inline(__always)
  public func free(_ channel: Int) -> Int { entries[channel] - taken[channel] }

  /// Entries that a driver submits to beside the job's: it may have to submit a batch in parts.
  @inline(__always)
  public func take(_ count: Int, _ channel: Int) { taken[channel] += count }

  /// Entries that are free again.
  @inline(__always)
  public func release(_ count: Int, _ channel: Int) { taken[channel] -= count }

  /// Whether any descriptor is in flight.
  public var isBusy: Bool { taken.contains { $0 > 0 } }
}
