// DAMON's snapshots become accesses: one for each check that found a region accessed, or one to each page of it.
// Source of what a count means: Linux, Documentation/mm/damon/design.rst, sections Region Based Sampling and Access Frequency
// Monitoring; mm/damon/core.c, damon_max_nr_accesses.

/// How DAMON's counts become accesses.
public struct DamonOptions: Sendable, Equatable {
  /// Microseconds between checks, where the record does not say; DAMON's default.
  public var sampleMicroseconds = 5_000
  /// Microseconds in which checks are counted, where the record does not say; DAMON's default.
  public var aggregationMicroseconds = 100_000
  /// Whether each page of a region is accessed before a check that found it accessed, and not one of them.
  public var isEveryPage = false

  public init() {}

  /// The options as text for the provenance.
  public var description: String {
    "sampling \(sampleMicroseconds) us and aggregation \(aggregationMicroseconds) us where not stated, "
      + (isEveryPage ? "every page of a region" : "one page of a region") + " for each check that found it accessed"
  }

  /// Throws when checks cannot be counted.
  func check() throws(TraceError) {
    guard sampleMicroseconds > 0, aggregationMicroseconds >= sampleMicroseconds,
      aggregationMicroseconds < 1 << 40,
      aggregationMicroseconds / sampleMicroseconds <= TraceImporter.maxDamonChecks
    else {
      throw TraceError(
        .usage, file: "", problem: "DAMON's intervals of \(sampleMicroseconds) us and \(aggregationMicroseconds) us",
        fix:
          "the sampling interval is 1 us or more, and the aggregation interval 1 to \(TraceImporter.maxDamonChecks) times as long"
      )
    }
  }
}

/// Addresses that DAMON counted together.
struct DamonRegion {
  /// First byte.
  var start: UInt64
  /// Byte behind the last.
  var end: UInt64
  /// Checks that found the region accessed, of those of a snapshot.
  var found: UInt32

  /// What cannot be in a region of which `checks` were made, if anything.
  func objection(checks: UInt32) -> String? {
    if end <= start { return "a region that ends at \(end), not behind its start \(start)" }
    if found > checks { return "\(found) accesses found in \(checks) checks" }
    return nil
  }

  /// Pages of 4 KiB that the region has a part of.
  var pages: UInt64 { (end - 1) >> 12 - start >> 12 + 1 }

  /// The first byte of the region in its page `number`.
  func address(ofPage number: UInt64) -> UInt64 { max(start, (start >> 12 + number) << 12) }
}

/// What DAMON found in one aggregation interval of one target.
struct DamonSnapshot {
  /// Number of the target, in order of appearance.
  var target = 0
  /// When the interval ended, in nanoseconds.
  var end: UInt64 = 0
  /// Nanoseconds between checks.
  var sample: UInt64 = 0
  /// Checks in the interval.
  var checks: UInt32 = 1
  var regions: [DamonRegion] = []
}

/// Plays snapshots in order of time. Holds those that overlap the latest one.
struct DamonState {
  /// Which target of which context of which kernel thread.
  struct Target: Hashable {
    var kdamond: UInt64 = 0
    var context: UInt64 = 0
    var target: UInt64 = 0
  }

  /// A snapshot of which regions are being read.
  struct Open {
    var snapshot: DamonSnapshot
    var id: UInt64
    /// Regions that it has, and those seen.
    var count: Int
    var seen = 0
  }

  /// A snapshot of which some checks are still to play.
  private struct Playing {
    var snapshot: DamonSnapshot
    var start: UInt64
    /// Nanoseconds from check to check.
    var width: UInt64
    var next: UInt32 = 0

    /// The middle of the sampling interval before the next check: the access is after the accessed bit was cleared and before it is
    /// looked at.
    var time: UInt64 { start + width * UInt64(next) + width / 2 }
  }

  private var targets: [Target: Int] = [:]
  /// When the last snapshot of each target ended.
  private var ends: [UInt64] = []
  private var playing: [Playing] = []
  /// Longest snapshot so far.
  private var longest: UInt64 = 0
  /// Everything before has been played.
  private var played: UInt64 = 0
  /// Snapshots of text being read, by the number of the kernel thread.
  var open: [UInt64: Open] = [:]
  /// The sampling interval that DAMON tuned itself to, in microseconds.
  var tunedSample: UInt64?

  /// The number of `name`; nil when there are too many.
  mutating func number(of name: Target) -> Int? {
    if let number = targets[name] { return number }
    guard ends.count < TraceFormat.maxThreads else { return nil }
    targets[name] = ends.count
    ends.append(0)
    return ends.count - 1
  }

  /// Plays what is due when `snapshot` comes; what is wrong with it, if anything. Snapshots come in order of their ends.
  mutating func play<Sink: AccessSink & ~Copyable>(
    _ snapshot: DamonSnapshot, everyPage: Bool, _ threads: inout ThreadTable, _ sink: inout Sink
  ) throws(TraceError) -> String? {
    let before = ends[snapshot.target]
    guard snapshot.end > before else {
      return
        "target \(snapshot.target) has a snapshot that ends at \(snapshot.end) ns behind one that ends at \(before) ns"
    }
    ends[snapshot.target] = snapshot.end
    let length = UInt64(snapshot.checks).multipliedReportingOverflow(by: snapshot.sample)
    let span = length.overflow ? .max : length.partialValue
    longest = max(longest, span)
    let start = max(snapshot.end - min(span, snapshot.end), before, played)
    guard start < snapshot.end, (snapshot.end - start) / UInt64(snapshot.checks) > 1 else {
      return "a snapshot of \(snapshot.end - min(start, snapshot.end)) ns has \(snapshot.checks) checks"
    }
    let width = (snapshot.end - start) / UInt64(snapshot.checks)
    playing.append(Playing(snapshot: snapshot, start: start, width: width))
    try advance(to: snapshot.end - min(longest, snapshot.end), everyPage: everyPage, &threads, &sink)
    return nil
  }

  /// Plays what is left.
  mutating func finish<Sink: AccessSink & ~Copyable>(
    everyPage: Bool, _ threads: inout ThreadTable, _ sink: inout Sink
  ) throws(TraceError) {
    try advance(to: .max, everyPage: everyPage, &threads, &sink)
  }

  /// Plays all checks before `limit`, the earliest first.
  private mutating func advance<Sink: AccessSink & ~Copyable>(
    to limit: UInt64, everyPage: Bool, _ threads: inout ThreadTable, _ sink: inout Sink
  ) throws(TraceError) {
    while !sink.isComplete, let i = playing.indices.min(by: { playing[$0].time < playing[$1].time }),
      playing[i].time < limit
    {
      try emit(playing[i], everyPage: everyPage, &threads, &sink)
      played = max(played, playing[i].time)
      playing[i].next += 1
      if playing[i].next == playing[i].snapshot.checks { playing.remove(at: i) }
    }
    if limit < .max { played = max(played, limit) }
  }

  /// The accesses before the next check of `now`.
  private func emit<Sink: AccessSink & ~Copyable>(
    _ now: Playing, everyPage: Bool, _ threads: inout ThreadTable, _ sink: inout Sink
  ) throws(TraceError) {
    let name = UInt64(now.snapshot.target)
    sink.stamp(now.time)
    for region in now.snapshot.regions where Self.isFound(region, now.next, of: now.snapshot.checks) {
      // Targets are as few as threads may be. One without an access has no number.
      guard let numbers = threads.numbers(of: name, in: name) else { return }
      let chosen = Self.mix(region.start, now.snapshot.end, UInt64(now.next) << 32 | name) % region.pages
      let pages = everyPage ? 0..<region.pages : chosen..<chosen + 1
      for page in pages {
        if sink.isComplete { return }
        let address = region.address(ofPage: page)
        sink.select(thread: numbers.thread, of: numbers.process)
        sink.work(threads.elapsed(on: numbers.thread, to: now.time))
        try sink.access(address, size: restOfLine(address), isWrite: false)
      }
    }
  }

  /// Whether check `number` of `checks` found `region`: `region.found` of them do, evenly spread, and regions differ in which.
  static func isFound(_ region: DamonRegion, _ number: UInt32, of checks: UInt32) -> Bool {
    let phase = mix(region.start, region.end, 0) % UInt64(checks)
    return (UInt64(number) * UInt64(region.found) + phase) % UInt64(checks) + UInt64(region.found) >= UInt64(checks)
      && region.found > 0
  }

  /// Three numbers mixed to one that looks random: SplitMix64's finaliser over each.
  private static func mix(_ a: UInt64, _ b: UInt64, _ c: UInt64) -> UInt64 {
    var state: UInt64 = 0
    for value in [a, b, c] {
      state = (state ^ value) &+ 0x9E37_79B9_7F4A_7C15
      state = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
      state = (state ^ state >> 27) &* 0x94D0_49BB_1331_11EB
      state ^= state >> 31
    }
    return state
  }
}
