// Work of records that are left out, until a record of the same thread states it.

/// By thread: work since its latest record that was kept.
struct UnstatedWork {
  private var units: [UInt64]

  /// `start` is work that each thread's first record states besides its own.
  init(threads: Int, start: UInt64 = 0) { units = [UInt64](repeating: start, count: threads) }

  /// Work of `thread`; a trace's is below 2^56 in all.
  mutating func add(_ work: UInt64, to thread: UInt16) { units[Int(thread)] &+= work }

  /// The gap of a record of `thread` that is kept. What it cannot hold stays for the thread's next one.
  mutating func take(_ thread: UInt16) -> UInt32 {
    let gap = UInt32(clamping: units[Int(thread)])
    units[Int(thread)] -= UInt64(gap)
    return gap
  }

  /// Leaves out the work of `thread`.
  mutating func forget(_ thread: UInt16) { units[Int(thread)] = 0 }
}
