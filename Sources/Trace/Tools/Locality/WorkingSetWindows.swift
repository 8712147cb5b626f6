// How many pages each window of so many records touches, while the records go by.

/// Slides windows over a trace and keeps the mean and the greatest of their working sets (Denning, CACM 11(5), 1968).
///
/// Every window of exactly so many consecutive records counts, one for each record at which it can end, as in the footprint of
/// Xiang et al. (PACT 2011). A window of the whole trace is the footprint. Each window keeps the first slot of the recency stack
/// that is in it: that only moves on, so that a record takes O(1) for each window, and memory does not grow.
struct WorkingSetWindows {
  private struct Window {
    var records: UInt64
    /// First slot of the recency stack whose record is in the window.
    var first = 0
    /// Pages now in it.
    var pages = 0
    /// Over all windows so far.
    var sum = 0
    var most = 0
    var count = 0
  }

  private var windows: [Window]

  /// One window for each number of records, 1 or more.
  init(_ lengths: [Int]) {
    windows = lengths.map { Window(records: UInt64($0)) }
  }

  /// Record `number` (from 1) used a page, which held the slot `former` before, or -1 when it is new. The stack has it already.
  @inline(__always)
  mutating func slide(_ stack: borrowing RecencyStack, former: Int, number: UInt64) {
    for i in windows.indices {
      var first = windows[i].first
      var pages = windows[i].pages
      if former < first { pages &+= 1 }
      let records = windows[i].records
      while stack.stamp(first) &+ records <= number {
        if stack.isHeld(first) { pages &-= 1 }
        first &+= 1
      }
      windows[i].first = first
      windows[i].pages = pages
      if number >= records {
        windows[i].sum &+= pages
        windows[i].most = max(windows[i].most, pages)
        windows[i].count &+= 1
      }
    }
  }

  /// Called before the stack makes room.
  mutating func move(_ stack: borrowing RecencyStack) {
    for i in windows.indices { windows[i].first = stack.rank(windows[i].first) }
  }

  /// Mean and greatest working set, window by window; 0 where the trace was shorter.
  var results: [(mean: Double, most: Int, windows: Int)] {
    windows.map { ($0.count == 0 ? 0 : Double($0.sum) / Double($0.count), $0.most, $0.count) }
  }
}
