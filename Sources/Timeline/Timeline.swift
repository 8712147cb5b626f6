// A bounded buffer of what happens in a window of a run. Text is made of it later, elsewhere.

import Units

/// Records of one run. A run without one tests an optional where a stage, a descriptor or a kernel-thread event ends, and nothing else.
///
/// What overlaps the window is kept whole, so that no span is shorter than it was. When `limit` records are there, the window ends:
/// what is kept is all that had ended by then, and nothing of later. Single accesses are never looked at.
public final class Timeline {
  /// Records that are kept when nothing else is said: 16 MB.
  public static let standardLimit = 200_000
  public static let limits = 1...10_000_000

  public let window: TimelineWindow
  public let mask: TraceMask
  public let limit: Int
  /// The window in force; empty until the first migration when the window hangs on it, and shorter once the buffer is full.
  public private(set) var span: Range<Picoseconds>
  /// Where the window was to end, when the buffer was full before; nil otherwise.
  public private(set) var wantedEnd: Picoseconds?
  /// All but the nodes' traffic, in the order in which it ended: up to `limit`, and what ran on CPUs when they were reached.
  public private(set) var records: [TimelineRecord] = []
  /// The nodes' traffic over all of the window.
  public var counters: [TimelineRecord] { traffic.records }

  private var isArmed: Bool
  /// What begins here or later is not kept.
  private var horizon: Picoseconds
  private var running: [TimelineRecord?] = []
  private var traffic: NodeTraffic
  private var lists = 0

  /// - Parameter limit: records that are kept, 1...10,000,000, of 80 bytes each; a quarter of that more for the nodes' traffic.
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
    horizon = span.upperBound
    traffic = NodeTraffic(limit: max(self.limit / 4, 64))
    records.reserveCapacity(min(self.limit, Timeline.standardLimit))
  }

  /// The first migration opens a window that waits for it.
  public func migrationBegins(at now: Picoseconds) {
    guard isArmed, case .afterFirstMigration(let length) = window else { return }
    isArmed = false
    let (end, isBeyond) = now.addingReportingOverflow(length)
    span = now..<(isBeyond ? .max : end)
    horizon = span.upperBound
  }

  /// Whether something from `start` to `end` overlaps the window. What takes no time does when it lies in it.
  @inline(__always)
  public func covers(_ start: Picoseconds, _ end: Picoseconds) -> Bool {
    start < horizon && (end > span.lowerBound || start >= span.lowerBound)
  }

  /// Whether nothing that begins at `now` or later will be kept.
  public func isOver(at now: Picoseconds) -> Bool { !isArmed && now >= horizon }

  /// Keeps a record if it overlaps the window; the first one without room ends the window.
  ///
  /// - Returns: its place, for `extend`; nil when it was not kept.
  @discardableResult
  public func add(_ record: TimelineRecord) -> Int? {
    guard covers(record.start, record.end) else { return nil }
    guard records.count < limit else {
      fill(at: record.end)
      return nil
    }
    records.append(record)
    return records.count - 1
  }

  /// Ends the window, the buffer being full.
  private func fill(at now: Picoseconds) {
    wantedEnd = span.upperBound
    horizon = .min
    span = span.lowerBound..<min(max(now, span.lowerBound), span.upperBound)
    finish()
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
      running[cpu] = nil
      add(last)
      // It may have been the one too many.
      guard wantedEnd == nil else { return }
    }
    running[cpu] = TimelineRecord(.run, start, end, track: cpu, a: thread)
  }

  /// A node's traffic of an epoch (`NodeTraffic`).
  ///
  /// - Parameters:
  ///   - read: bytes read, `write` bytes written from `start` to `end`.
  ///   - free: free pages at `end`.
  public func epoch(node: Int, from start: Picoseconds, to end: Picoseconds, read: Int, write: Int, free: Int) {
    guard mask.contains(.counters), end > start, covers(start, end) else { return }
    traffic.add(node: node, from: start, to: end, read: read, write: write, free: free)
  }

  /// The end of the window or of the run: what is still open is closed.
  public func finish() {
    for record in running { if let record { records.append(record) } }
    running.removeAll()
    traffic.finish()
  }
}
