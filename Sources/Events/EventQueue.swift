// What happens next: a priority queue of modelled events.

import Units

/// Events in order of time; those of one time in the order in which they were scheduled. A 4-ary heap over 16-byte entries.
///
/// An entry is the time and a word of 40 bits sequence number over 24 bits payload, so that no two keys are equal and the
/// order never depends on the payload.
public struct EventQueue: ~Copyable {
  /// One event: when, and 24 bits of the owner's.
  @frozen public struct Event: Equatable, Sendable {
    public var time: Picoseconds
    @usableFromInline var order: UInt64
    /// What was scheduled; 0..<2^24.
    @inlinable public var payload: Int { Int(truncatingIfNeeded: order & 0xFF_FFFF) }

    @inlinable init(time: Picoseconds, order: UInt64) {
      self.time = time
      self.order = order
    }

    @inlinable func precedes(_ other: Event) -> Bool {
      time < other.time || (time == other.time && order < other.order)
    }
  }

  @usableFromInline var entries: UnsafeMutablePointer<Event>
  @usableFromInline var capacity: Int
  /// Events scheduled and not yet taken.
  public private(set) var count = 0
  /// Of the next event; 2^40 are enough for a million a second over 12 days.
  private var sequence: UInt64 = 0

  public init(capacity: Int = 256) {
    self.capacity = max(capacity, 4)
    entries = .allocate(capacity: self.capacity)
  }

  deinit { entries.deallocate() }

  /// When the next event happens; `Picoseconds.max` without one.
  @inline(__always)
  public var nextTime: Picoseconds { count == 0 ? .max : entries[0].time }

  /// The next event, left in the queue.
  @inline(__always)
  public var first: Event? { count == 0 ? nil : entries[0] }

  /// Schedules `payload` (0..<2^24) for `time`. O(log n).
  public mutating func push(_ payload: Int, at time: Picoseconds) {
    precondition(payload >= 0 && payload < 1 << 24 && sequence < 1 << 40, "an event's payload has 24 bits")
    if count == capacity { grow() }
    let event = Event(time: time, order: sequence << 24 | UInt64(payload))
    sequence += 1
    var at = count
    count += 1
    while at > 0 {
      let parent = (at - 1) >> 2
      if !event.precedes(entries[parent]) { break }
      entries[at] = entries[parent]
      at = parent
    }
    entries[at] = event
  }

  /// Takes the next event; nil when there is none. O(log n).
  public mutating func pop() -> Event? {
    if count == 0 { return nil }
    let first = entries[0]
    count -= 1
    if count > 0 { sink(entries[count]) }
    return first
  }

  /// Puts `event` where the root's hole sinks to.
  private func sink(_ event: Event) {
    var at = 0
    while true {
      let child = (at << 2) + 1
      if child >= count { break }
      var least = child
      let end = min(child + 4, count)
      var other = child + 1
      while other < end {
        if entries[other].precedes(entries[least]) { least = other }
        other += 1
      }
      if !entries[least].precedes(event) { break }
      entries[at] = entries[least]
      at = least
    }
    entries[at] = event
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Event>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: entries, count: count)
    entries.deallocate()
    entries = larger
    capacity *= 2
  }
}
