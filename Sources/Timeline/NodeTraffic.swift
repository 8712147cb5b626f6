// Traffic and free pages of nodes over a window, however long, in bounded memory.

import Units

/// Records of kind `node`, one behind the other for each node.
///
/// Epochs in which the same happens are one record. When there are more than `limit`, neighbours become one until half of them are left,
/// and from then on a record takes as much time: rates are means of it.
struct NodeTraffic {
  private(set) var records: [TimelineRecord] = []
  private let limit: Int
  /// What a record may take with different epochs in it.
  private var step: Picoseconds = 0
  private var open: [Open?] = []

  /// A record that may still grow.
  private struct Open {
    var record: TimelineRecord
    /// Of the last epoch.
    var read: Int
    var write: Int
    var length: Picoseconds

    mutating func grow(to end: Picoseconds, read: Int, write: Int, free: Int) {
      (self.read, self.write, length) = (read, write, end - record.end)
      if record.c != free { record.d = end }
      record.end = end
      record.a += read
      record.b += write
      record.c = free
    }
  }

  /// - Parameter limit: records, and half of that again for each node while the run goes on.
  init(limit: Int) { self.limit = limit }

  mutating func add(node: Int, from start: Picoseconds, to end: Picoseconds, read: Int, write: Int, free: Int) {
    while open.count <= node { open.append(nil) }
    if let last = open[node] {
      let follows = last.record.end == start
      let isSame =
        last.read == read && last.write == write && last.record.c == free && last.length == end - start
      if follows, isSame || end - last.record.start <= step {
        open[node]?.grow(to: end, read: read, write: write, free: free)
        return
      }
      push(last.record)
    }
    open[node] = Open(
      record: TimelineRecord(.node, start, end, track: node, a: read, b: write, c: free, d: end), read: read,
      write: write, length: end - start)
  }

  /// Takes what is still open.
  mutating func finish() {
    for one in open { if let one { push(one.record) } }
    open.removeAll()
  }

  private mutating func push(_ record: TimelineRecord) {
    records.append(record)
    guard records.count > limit else { return }
    while records.count > limit / 2, step < Picoseconds.max / 4 {
      step = max(step * 2, 2 * (record.end - record.start))
      merge()
    }
  }

  /// Makes one record of neighbours that together take no longer than a step.
  private mutating func merge() {
    var kept: [TimelineRecord] = []
    var last: [Int32: Int] = [:]
    for record in records {
      if let place = last[record.track], kept[place].end == record.start, record.end - kept[place].start <= step {
        kept[place].end = record.end
        kept[place].a += record.a
        kept[place].b += record.b
        kept[place].c = record.c
        kept[place].d = record.d
      } else {
        last[record.track] = kept.count
        kept.append(record)
      }
    }
    records = kept
  }
}
