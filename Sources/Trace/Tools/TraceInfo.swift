// What `trace info` says about a trace: the header, checked, and how its accesses spread over pages and over time.

/// A summary of one trace. All of it is verified: the whole file has been read, unless it is `brief`.
public struct TraceInfo: Codable, Equatable, Sendable {
  public var path: String
  /// Format version.
  public var version: Int
  /// Counts, layout and provenance.
  public var header: TraceHeader
  /// Reads in all accesses, 0 to 1.
  public var readShare: Double
  /// Whether the header alone was read. What follows is nil then.
  public var isBrief: Bool
  /// Accesses per distinct 4 KiB page.
  public var accessesPerPage: Spread?
  /// Share of accesses that go to the tenth of the pages accessed most, 0 to 1.
  public var hottestTenthShare: Double?
  /// Records that are the first to their page.
  public var coldRecords: Int?
  /// Accesses folded into records: uses of a page at reuse distance 0 that no distribution below counts.
  public var foldedRepeats: Int?
  /// Distinct 4 KiB pages between two records of a page, over all threads in trace order.
  public var reuseDistance: Reuse?
  /// Work of all threads between two records of a page, the second one's own gap included. nil without a gap unit.
  public var reuseWork: Reuse?
  /// Nanoseconds between two records of a page, the later time stamp less the earlier. nil without time stamps.
  public var reuseTime: Reuse?
  /// Working sets, shortest window first.
  public var workingSet: [WorkingSet]?
  /// Hottest first.
  public var hottestRegions: [HotRegion]?

  /// A distribution: nearest-rank percentiles.
  public struct Spread: Codable, Equatable, Sendable {
    public var p50: UInt64
    public var p90: UInt64
    public var p99: UInt64
    public var max: UInt64
  }

  /// Distinct 4 KiB pages in windows of so many consecutive records: every such window, one ending at each record.
  public struct WorkingSet: Codable, Equatable, Sendable {
    /// 1/1024 to 1.
    public var partOfTrace: Double
    /// The part of the trace's records, rounded down, at least 1.
    public var windowRecords: Int
    /// How many there are.
    public var windows: Int
    public var meanPages: Double
    public var maxPages: Int
  }

  /// How far the reading is: pass 1 counts, later ones find percentiles.
  public typealias Progress = (_ pass: Int, _ done: Int, _ total: Int) -> Void

  /// The header of `path` alone, checked as whenever a trace is opened.
  public static func brief(path: String) throws(TraceError) -> TraceInfo { Self(try TraceFile(path: path)) }

  private init(_ file: TraceFile) {
    path = file.path
    version = TraceFormat.version
    header = file.header
    readShare = Double(header.reads) / Double(header.accesses)
    isBrief = true
  }

  /// Reads the whole of `path`, mostly twice.
  ///
  /// Time is O(records x log pages). Memory grows with the footprint alone: up to about 200 bytes a page, 2 KiB per 2 MiB block
  /// used, and 30 MiB. `regions` is how many hottest regions are wanted.
  public init(path: String, regions: Int = 10, progress: Progress = { _, _, _ in }) throws(TraceError) {
    let file = try TraceFile(path: path)
    self.init(file)
    isBrief = false
    let layout = header.layout
    var counter = LocalityCounter(records: header.records, hasTimes: layout.hasTimes)
    try Self.read(file, pass: 1, progress) { (block) throws(TraceError) in
      guard counter.add(block) else {
        throw TraceError(
          .limit, file: path,
          problem: "more than \(PageDirectory.maxBlocks) blocks of 2 MiB or \(PageNumbers.maxPages) pages in use",
          fix: "summarise a smaller trace")
      }
    }
    let numbers = counter.numbers
    guard numbers.count == header.footprintPages, numbers.hugeBlocks == header.footprintHugeBlocks else {
      throw TraceError(
        .damaged, file: path, byte: 80, problem: "the header's footprint is not the trace's",
        fix: "record the trace again")
    }
    coldRecords = numbers.count
    foldedRepeats = header.accesses - header.records
    countPages(counter.uses)
    hottestRegions = HotRegions.hottest(regions, numbers, counter.uses)
    reuseDistance = counter.reuseDistance
    workingSet = counter.workingSets
    var search = IntervalSearch(counter, hasWork: layout.gapUnit != .none, hasTimes: layout.hasTimes)
    var pass = 1
    while !search.isDone {
      pass += 1
      search.begin()
      try Self.read(file, pass: pass, progress) { search.add($0) }
      search.end()
    }
    if let unit = Reuse.Unit(layout.gapUnit) {
      reuseWork = Reuse(unit: unit, search.work, counter.workIntervals)
    }
    if layout.hasTimes { reuseTime = Reuse(unit: .ns, search.time, counter.timeIntervals) }
  }

  /// Hands all blocks of `file` to `body`, decoded two ahead.
  private static func read(
    _ file: TraceFile, pass: Int, _ progress: Progress, _ body: (TraceBlock) throws(TraceError) -> Void
  ) throws(TraceError) {
    let reader = ParallelReader(file, threads: 2)
    var done = 0
    while let block = try reader.next() {
      try body(block)
      done += block.count
      progress(pass, done, file.header.records)
    }
  }

  private mutating func countPages(_ uses: [PageUse]) {
    let counts = uses.map(\.accesses).sorted()
    func rank(_ percent: Int) -> UInt64 { counts[Swift.max(0, (counts.count * percent + 99) / 100 - 1)] }
    accessesPerPage = Spread(p50: rank(50), p90: rank(90), p99: rank(99), max: rank(100))
    let tenth = Swift.max(1, counts.count / 10)
    let hottest = counts.suffix(tenth).reduce(0, +)
    hottestTenthShare = Double(hottest) / Double(header.accesses)
  }
}

extension Reuse {
  /// `found` are the searches for p50, p90 and p99, all done; empty when nothing was counted.
  fileprivate init(unit: Unit, _ found: [PercentileSearch], _ counts: IntervalCounts) {
    let percentiles =
      found.count < 3
      ? nil : Percentiles(p50: found[0].low, p90: found[1].low, p99: found[2].low, max: counts.most)
    self.init(unit: unit, percentiles: percentiles, octaves: counts.octaves)
  }
}

extension Reuse.Unit {
  /// nil without a unit.
  fileprivate init?(_ unit: GapUnit) {
    switch unit {
    case .none: return nil
    case .instructions: self = .instructions
    case .cycles: self = .cycles
    case .nanoseconds: self = .ns
    }
  }
}
