// What one pass over a trace counts for `trace info`, page by page.

/// Takes records in trace order. Equal addresses of two processes are two pages.
///
/// Memory grows with the footprint alone: up to about 200 bytes a page, 2 KiB per 2 MiB block used, and 10 MiB besides.
struct LocalityCounter {
  /// Windows of the working-set curve: these parts of the trace's records.
  static let windowParts = [1024, 256, 64, 16, 4, 1]

  /// Records between asking for a page's slot and using it.
  private static let ahead = 16

  private let hasTimes: Bool
  private var stack: RecencyStack
  private var windows: WorkingSetWindows
  private var pages = BlockPages()
  /// By record of a block: its distance, below 2^30, or `.max` when it is the first to its page.
  private var between = [UInt32](repeating: 0, count: TraceBlock.capacity)
  private var workAt = LatestUses()
  private var timeAt = LatestUses()
  /// By number of pages between.
  private var distances: [UInt64] = []
  private var records: UInt64 = 0

  private(set) var numbers = PageNumbers()
  /// By page number.
  private(set) var uses: [PageUse] = []
  private(set) var workIntervals = IntervalCounts()
  private(set) var timeIntervals = IntervalCounts()

  /// `capacity` is that of the recency stack, for tests.
  init(records: Int, hasTimes: Bool, capacity: Int = 1 << 16) {
    self.hasTimes = hasTimes
    stack = RecencyStack(capacity: capacity)
    windows = WorkingSetWindows(Self.windowParts.map { Swift.max(1, records / $0) })
  }

  /// Takes the records of a block; false when there are too many pages.
  ///
  /// The tables are far larger than a CPU cache. So each has a loop of its own, in which one miss need not wait for another.
  mutating func add(_ block: TraceBlock) -> Bool {
    guard numbers.look(up: block, into: &pages) else { return false }
    let new = numbers.count - uses.count
    uses.append(contentsOf: repeatElement(PageUse(), count: new))
    distances.append(contentsOf: repeatElement(0, count: new))
    addUses(block)
    workAt.work(of: block, pages.ofRecord, numbers.count) { workIntervals.add($0) }
    if hasTimes { timeAt.time(of: block, pages.ofRecord, numbers.count) { timeIntervals.add($0) } }
    addDistances(block.count)
    return true
  }

  private mutating func addUses(_ block: TraceBlock) {
    pages.ofRecord.withUnsafeBufferPointer { pages in
      uses.withUnsafeMutableBufferPointer { uses in
        for i in 0..<block.count {
          uses[Int(pages[i])].accesses &+= 1 &+ UInt64(block.repeats[i])
          uses[Int(pages[i])].writes &+= (block.isWrite(i) ? 1 : 0) &+ UInt64(block.repeatWrites[i])
        }
      }
    }
  }

  private mutating func addDistances(_ count: Int) {
    stack.grow(to: numbers.count)
    for i in 0..<count {
      if i + Self.ahead < count { stack.prefetch(Int(pages.ofRecord[i + Self.ahead])) }
      records &+= 1
      if stack.isFull {
        windows.move(stack)
        stack.makeRoom()
      }
      let page = Int(pages.ofRecord[i])
      let former = stack.slot(of: page)
      between[i] = UInt32(truncatingIfNeeded: stack.use(page, stamp: records))
      windows.slide(stack, former: former, number: records)
    }
    between.withUnsafeBufferPointer { between in
      distances.withUnsafeMutableBufferPointer { distances in
        for i in 0..<count where between[i] != .max { distances[Int(between[i])] &+= 1 }
      }
    }
  }

  /// LRU stack distances.
  var reuseDistance: Reuse {
    var octaves = [UInt64](repeating: 0, count: 65)
    for (distance, n) in distances.enumerated() { octaves[Int.bitWidth - distance.leadingZeroBitCount] += n }
    let count = octaves.reduce(0, +)
    func rank(_ percent: UInt64) -> UInt64 {
      var left = (count * percent + 99) / 100
      for (distance, n) in distances.enumerated() {
        if n >= left { return UInt64(distance) }
        left -= n
      }
      return 0
    }
    let percentiles =
      count == 0
      ? nil
      : Reuse.Percentiles(
        p50: rank(50), p90: rank(90), p99: rank(99), max: UInt64(distances.lastIndex { $0 > 0 } ?? 0))
    return Reuse(unit: .pages, percentiles: percentiles, octaves: octaves)
  }

  /// Mean and greatest working set of each window.
  var workingSets: [TraceInfo.WorkingSet] {
    zip(Self.windowParts, windows.results).map { part, result in
      TraceInfo.WorkingSet(
        partOfTrace: 1 / Double(part), windowRecords: Swift.max(1, Int(records) / part), windows: result.windows,
        meanPages: result.mean, maxPages: result.most)
    }
  }
}

/// The clock of each page's latest record, and the intervals from there.
struct LatestUses {
  /// By page; `.max` before its first record.
  private var latest: [UInt64] = []
  /// Sum of all gaps so far.
  private var work: UInt64 = 0

  /// Calls `body` with the work of all threads between each record and its page's former one. `pages` are the numbers of the
  /// records' pages, all below `count`.
  @inline(__always)
  mutating func work(of block: TraceBlock, _ pages: [UInt32], _ count: Int, _ body: (UInt64) -> Void) {
    var work = work
    // A trace's total gap is below 2^56.
    each(of: block, pages, count) { i in
      work &+= UInt64(block.gap[i])
      return work
    } body: { now, before in
      body(now &- before)
    }
    self.work = work
  }

  /// The same in time stamps, which may go back. The last there is, 2^64 - 1, counts as none.
  @inline(__always)
  mutating func time(of block: TraceBlock, _ pages: [UInt32], _ count: Int, _ body: (UInt64) -> Void) {
    each(of: block, pages, count) {
      block.time[$0]
    } body: { now, before in
      body(now > before ? now &- before : before &- now)
    }
  }

  @inline(__always)
  private mutating func each(
    of block: TraceBlock, _ pages: [UInt32], _ count: Int, clock: (Int) -> UInt64, body: (UInt64, UInt64) -> Void
  ) {
    latest.append(contentsOf: repeatElement(.max, count: max(0, count - latest.count)))
    pages.withUnsafeBufferPointer { pages in
      latest.withUnsafeMutableBufferPointer { latest in
        for i in 0..<block.count {
          let page = Int(pages[i])
          let now = clock(i)
          let before = latest[page]
          latest[page] = now
          if before != .max { body(now, before) }
        }
      }
    }
  }
}

/// What a later pass counts: intervals again, to find their percentiles among all values.
struct IntervalSearch {
  /// Percentiles of intervals in work and in time, as far as they are there.
  private(set) var work: [PercentileSearch]
  private(set) var time: [PercentileSearch]
  private var workAt = LatestUses()
  private var timeAt = LatestUses()
  private var numbers: PageNumbers
  private var pages = BlockPages()

  init(_ counter: LocalityCounter, hasWork: Bool, hasTimes: Bool) {
    func searches(_ counts: IntervalCounts) -> [PercentileSearch] {
      [50, 90, 99].compactMap { counts.search(percent: $0) }
    }
    numbers = counter.numbers
    work = hasWork ? searches(counter.workIntervals) : []
    time = hasTimes ? searches(counter.timeIntervals) : []
  }

  var isDone: Bool { work.allSatisfy(\.isFound) && time.allSatisfy(\.isFound) }

  mutating func begin() {
    workAt = LatestUses()
    timeAt = LatestUses()
    for i in work.indices { work[i].begin() }
    for i in time.indices { time[i].begin() }
  }

  /// Takes the records of a block that the counter has taken.
  mutating func add(_ block: TraceBlock) {
    numbers.look(up: block, into: &pages)
    if !work.allSatisfy(\.isFound) {
      workAt.work(of: block, pages.ofRecord, numbers.count) { for i in work.indices { work[i].add($0) } }
    }
    if !time.allSatisfy(\.isFound) {
      timeAt.time(of: block, pages.ofRecord, numbers.count) { for i in time.indices { time[i].add($0) } }
    }
  }

  mutating func end() {
    for i in work.indices { work[i].end() }
    for i in time.indices { time[i].end() }
  }
}
