// A bounded buffer of what happens in a window of a run. Text is made of it later, elsewhere.

import Units

/// Records of one run. A run without one tests an optional where a stage, a descriptor or a kernel-thread event ends, and nothing else.
///
/// What overlaps the window is kept whole, so that no span is shorter than it was. The first `limit` records stay; those behind are
/// counted. Single accesses are never looked at.
public final class Timeline {
  /// Records that are kept when nothing else is said: 16 MB.
  public static let standardLimit = 200_000
  public static let limits = 1...10_000_000

  public let window: TimelineWindow
  public let mask: TraceMask
  public let limit: Int
  /// The window in force; empty until the first migration when the window hangs on it.
  public private(set) var span: Range<Picoseconds>
  public private(set) var records: [TimelineRecord] = []
  /// Records of the window beyond the limit.
  public private(set) var lost = 0

  private var isArmed: Bool
  private var running: [TimelineRecord?] = []
  private var nodes: [TimelineRecord?] = []
  private var lists = 0

  /// - Parameter limit: records that are kept, 1...10,000,000, of 80 bytes each.
  public init(_ window: TimelineWindow = .standard, limit: Int = standardLimit, mask: TraceMask = .all) {
    self.window = window
    self.mask = mask
    self.limit = min(max(limit, Timeline.limits.lowerBound), Timeline.limits.upperBound)
    switch window {
    case .span(let span):
      self.span = span
      isArmed = false
    case .afterFirstMigration:
      span = 0..<0
      isArmed = true
    }
    records.reserveCapacity(min(self.limit, Timeline.standardLimit))
  }

  /// The first migration opens a window that waits for it.
  public func migrationBegins(at now: Picoseconds) {
    guard isArmed, case .afterFirstMigration(let length) = window else { return }
    isArmed = false
    let (end, isBeyond) = now.addingReportingOverflow(length)
    span = now..<(isBeyond ? .max : end)
  }

  /// Whether something from `start` to `end` overlaps the window. What takes no time does when it lies in it.
  @inline(__always)
  public func covers(_ start: Picoseconds, _ end: Picoseconds) -> Bool {
    start < span.upperBound && (end > span.lowerBound || start >= span.lowerBound)
  }

  /// Keeps a record if it overlaps the window and there is room.
  ///
  /// - Returns: its place, for `extend`; nil when it was not kept.
  @discardableResult
  public func add(_ record: TimelineRecord) -> Int? {
    guard covers(record.start, record.end) else { return nil }
    guard records.count < limit else {
      lost += 1
      return nil
    }
    records.append(record)
    return records.count - 1
  }

  /// A record turns out to end later.
  public func extend(_ place: Int, to end: Picoseconds) {
    if records.indices.contains(place) { records[place].end = max(records[place].end, end) }
  }

  /// A number for a page list that is copied; from 1.
  public func nextList() -> Int {
    lists += 1
    return lists
  }

  /// A thread ran on a CPU. Spans that follow each other are one record.
  public func ran(cpu: Int, thread: Int, from start: Picoseconds, to end: Picoseconds) {
    guard mask.contains(.cpus), end > start, covers(start, end) else { return }
    while running.count <= cpu { running.append(nil) }
    if let last = running[cpu] {
      if last.a == thread, last.end == start {
        running[cpu]?.end = end
        return
      }
      add(last)
    }
    running[cpu] = TimelineRecord(.run, start, end, track: cpu, a: thread)
  }

  /// A node's traffic of an epoch. Epochs without a change are left out: rates and pages go on as they were.
  ///
  /// - Parameters:
  ///   - read: bytes read, `write` bytes written from `start` to `end`.
  ///   - free: free pages at `end`.
  public func epoch(node: Int, from start: Picoseconds, to end: Picoseconds, read: Int, write: Int, free: Int) {
    guard mask.contains(.counters), end > start, covers(start, end) else { return }
    while nodes.count <= node { nodes.append(nil) }
    let record = TimelineRecord(.node, start, end, track: node, a: read, b: write, c: free)
    if let last = nodes[node], last.a == read, last.b == write, last.c == free, last.end - last.start == end - start {
      return
    }
    nodes[node] = record
    add(record)
  }

  /// The end of the run: what is still open is closed.
  public func finish() {
    for record in running { if let record { add(record) } }
    running.removeAll()
  }
}
