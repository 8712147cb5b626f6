// Records of DAMON: damo's JSON, and `perf script` of damon:damon_aggregated.
// Source: sjp38/damo 3.4.3, src/_damo_records.py, DamonRecord.from_kvpairs, DamonSnapshot.from_kvpairs,
// parse_damon_trace_aggregated, parse_damon_trace_intervals_tune, add_fake_snapshot_if_needed; src/_damon.py, DamonRegion; Linux,
// include/trace/events/damon.h.

extension TraceImporter {
  /// Most regions of a JSON record, which is kept whole since it lists its targets one behind the other: 400 MiB.
  static let maxDamonRegions = 1 << 24
  /// Most checks in a snapshot; DAMON makes 20 by default.
  static let maxDamonChecks: UInt64 = 1 << 20

  /// Checks of a snapshot and nanoseconds between them, by intervals in microseconds; nil for ones without a check or with
  /// too many.
  ///
  /// An interval that DAMON tuned has the aggregation interval change by the same factor (mm/damon/core.c,
  /// kdamond_tune_intervals).
  func damonIntervals(
    sample: UInt64?, aggregation: UInt64?, tuned: UInt64?
  ) -> (checks: UInt32, sample: UInt64)? {
    let stated = sample ?? UInt64(damon.sampleMicroseconds)
    let whole = aggregation ?? UInt64(damon.aggregationMicroseconds)
    guard stated > 0, whole >= stated, whole < 1 << 40, whole / stated <= Self.maxDamonChecks else { return nil }
    let actual = tuned ?? stated
    guard actual > 0, actual < 1 << 40 else { return nil }
    return (UInt32(whole / stated), actual * 1000)
  }

  // MARK: JSON

  /// What a JSON record states before its snapshots are known to be whole.
  private struct Draft {
    var target = DamonState.Target()
    var sample: UInt64?
    var aggregation: UInt64?
    var snapshots: [(snapshot: DamonSnapshot, tuned: UInt64?, byte: Int)] = []
  }

  /// Reads a JSON record whole, then plays the snapshots of all its targets in order of time. Regions and bytes read.
  func damonRecords<Sink: AccessSink & ~Copyable>(
    _ bytes: ByteInput, _ sink: inout Sink, _ state: inout ImportState, _ tick: Tick<Sink>
  ) throws(TraceError) -> (lines: Int, bytes: Int) {
    var scanner = JSONScanner(bytes)
    try damonSnapshots(&scanner, &sink, &state, tick)
    return (state.records, scanner.offset)
  }

  /// Reads the list of records in `scanner`.
  func damonSnapshots<Sink: AccessSink & ~Copyable>(
    _ scanner: inout JSONScanner, _ sink: inout Sink, _ state: inout ImportState, _ tick: Tick<Sink>
  ) throws(TraceError) {
    var all: [(snapshot: DamonSnapshot, byte: Int)] = []
    try scanner.list { (scanner) throws(TraceError) in
      let draft = try damonDraft(&scanner, &state)
      guard let target = state.damon.number(of: draft.target) else {
        throw scanner.malformed("more than \(TraceFormat.maxThreads) targets")
      }
      for (snapshot, tuned, byte) in draft.snapshots {
        guard
          let (checks, sample) = damonIntervals(sample: draft.sample, aggregation: draft.aggregation, tuned: tuned)
        else { throw scanner.malformed("intervals of no check or of more than \(Self.maxDamonChecks)") }
        var snapshot = snapshot
        (snapshot.target, snapshot.checks, snapshot.sample) = (target, checks, sample)
        for region in snapshot.regions {
          guard let problem = region.objection(checks: checks) else { continue }
          let error = scanner.malformed(problem, at: byte)
          guard isLenient else { throw error }
          state.skipped.note(error)
        }
        snapshot.regions.removeAll { $0.objection(checks: checks) != nil }
        all.append((snapshot, byte))
      }
      tick(sink, state.records)
    }
    guard try scanner.isAtEnd() else { throw scanner.malformed("something behind the list") }
    all.sort { ($0.snapshot.end, $0.byte) < ($1.snapshot.end, $1.byte) }
    for (snapshot, byte) in all {
      if sink.isComplete { return }
      let problem = try state.damon.play(snapshot, everyPage: damon.isEveryPage, &state.threads, &sink)
      if let problem {
        let error = scanner.malformed(problem, at: byte)
        guard isLenient else { throw error }
        state.skipped.note(error)
      }
      tick(sink, state.records)
    }
    try state.damon.finish(everyPage: damon.isEveryPage, &state.threads, &sink)
  }

  private func damonDraft(
    _ scanner: inout JSONScanner, _ state: inout ImportState
  ) throws(TraceError) -> Draft {
    var draft = Draft()
    var hasTarget = false
    var hasSnapshots = false
    try scanner.object { (key, scanner) throws(TraceError) in
      switch key {
      case "kdamond_idx": draft.target.kdamond = try scanner.number()?.magnitude ?? 0
      case "context_idx": draft.target.context = try scanner.number()?.magnitude ?? 0
      case "target_id":
        draft.target.target = try scanner.number()?.magnitude ?? 0
        hasTarget = true
      case "intervals":
        if try scanner.passesNull() { return }
        try scanner.object { (key, scanner) throws(TraceError) in
          switch key {
          case "sample_us": draft.sample = try scanner.number()?.magnitude
          case "aggr_us": draft.aggregation = try scanner.number()?.magnitude
          default: try scanner.skip()
          }
        }
      case "snapshots":
        hasSnapshots = true
        try scanner.list { (scanner) throws(TraceError) in
          let byte = scanner.offset
          let (snapshot, tuned) = try damonSnapshot(&scanner, &state)
          if let snapshot { draft.snapshots.append((snapshot, tuned, byte)) }
        }
      default: try scanner.skip()
      }
    }
    guard hasTarget, hasSnapshots else { throw scanner.malformed("a record without target_id or snapshots") }
    return draft
  }

  /// Reads a snapshot, nil if it only states when another one began; and the sampling interval that DAMON tuned itself to.
  private func damonSnapshot(
    _ scanner: inout JSONScanner, _ state: inout ImportState
  ) throws(TraceError) -> (DamonSnapshot?, tuned: UInt64?) {
    var snapshot = DamonSnapshot()
    var tuned: UInt64?
    var hasEnd = false
    var isFake = false
    try scanner.object { (key, scanner) throws(TraceError) in
      switch key {
      case "end_time":
        guard let end = try scanner.number(), !end.isNegative else { throw scanner.malformed("no end_time") }
        snapshot.end = end.magnitude
        hasEnd = true
      case "sample_interval_us": tuned = try scanner.number()?.magnitude
      case "regions":
        try scanner.list { (scanner) throws(TraceError) in
          guard let region = try damonRegion(&scanner) else {
            isFake = true
            return
          }
          state.records += 1
          if state.records > Self.maxDamonRegions {
            var error = scanner.malformed("more than \(Self.maxDamonRegions) regions")
            error.kind = .limit
            error.fix = "import the record in parts, or as `perf script` text, of which any length is read"
            throw error
          }
          snapshot.regions.append(region)
        }
      default: try scanner.skip()
      }
    }
    guard hasEnd else { throw scanner.malformed("a snapshot without end_time") }
    return (isFake ? nil : snapshot, tuned)
  }

  /// Reads a region; nil for the one without bytes that stands for no snapshot.
  private func damonRegion(_ scanner: inout JSONScanner) throws(TraceError) -> DamonRegion? {
    var start: JSONNumber?
    var end: JSONNumber?
    var found: JSONNumber?
    try scanner.object { (key, scanner) throws(TraceError) in
      switch key {
      case "start": start = try scanner.number()
      case "end": end = try scanner.number()
      case "nr_accesses":
        if try scanner.passesNull() { return }
        try scanner.object { (key, scanner) throws(TraceError) in
          if key == "samples" { found = try scanner.number() } else { try scanner.skip() }
        }
      default: try scanner.skip()
      }
    }
    guard let start, let end, let found else {
      throw scanner.malformed("a region without start, end or nr_accesses.samples")
    }
    if start.magnitude == 0 && end.magnitude == 0 && found.isNegative { return nil }
    guard !start.isNegative, !end.isNegative, !found.isNegative, let count = UInt32(exactly: found.magnitude) else {
      throw scanner.malformed("a region of numbers that cannot be")
    }
    return DamonRegion(start: start.magnitude, end: end.magnitude, found: count)
  }

  // MARK: Text

  /// One line of text.
  private struct DamonLine {
    var kdamond: UInt64 = 0
    var time: UInt64 = 0
    var target: UInt64 = 0
    var count = 0
    /// Nil for a fake region.
    var region: DamonRegion?
    /// A sampling interval that DAMON tuned itself to; the line has no region.
    var tuned: UInt64?
  }

  /// Parses the lines now in `text`, a region each. Comments and empty lines are passed over.
  func damonLines<Sink: AccessSink & ~Copyable>(
    _ text: inout LineReader, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    let end = text.end
    while text.cursor < end && !sink.isComplete {
      var p = text.cursor
      if state.passesEmptyLine(&text, &p) { continue }
      if p[0] == 0x23 {
        text.skipLine()
        state.passed += 1
        continue
      }
      let line = try damonLine(p, text)
      let before = state.time ?? line.time
      guard state.elapsed(to: line.time) != nil else {
        throw text.malformed(
          "time \(line.time) ns comes after \(before) ns",
          fix: "sort the lines by time, as sort -s -k4,4n does where the time is the fourth word")
      }
      if let tuned = line.tuned {
        state.damon.tunedSample = tuned
        state.passed += 1
      } else {
        try damonRegion(line, text, &sink, &state)
      }
      text.skipLine()
    }
  }

  /// Adds the region of `line` to its snapshot, and plays the snapshot if it is the last.
  private func damonRegion<Sink: AccessSink & ~Copyable>(
    _ line: DamonLine, _ text: borrowing LineReader, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    if let open = state.damon.open[line.kdamond], open.id != line.target || open.count != line.count {
      let error = text.malformed("the snapshot before has \(open.seen) of \(open.count) regions", fix: Self.damonFix)
      guard isLenient else { throw error }
      state.skipped.note(error)
      try damonPlay(line.kdamond, text, &sink, &state)
    }
    guard let (checks, sample) = damonIntervals(sample: nil, aggregation: nil, tuned: state.damon.tunedSample) else {
      throw text.malformed("intervals of no check or of more than \(Self.maxDamonChecks)", fix: Self.damonFix)
    }
    if state.damon.open[line.kdamond] == nil {
      let name = DamonState.Target(kdamond: line.kdamond, context: 0, target: line.target)
      guard let target = state.damon.number(of: name) else { throw text.tooManyThreads("record fewer targets") }
      state.damon.open[line.kdamond] = DamonState.Open(
        snapshot: DamonSnapshot(target: target, end: line.time, sample: sample, checks: checks), id: line.target,
        count: line.count)
    }
    state.records += 1
    let problem = line.region?.objection(checks: checks)
    if let region = line.region, problem == nil {
      state.damon.open[line.kdamond]?.snapshot.regions.append(region)
    }
    state.damon.open[line.kdamond]?.seen += 1
    if state.damon.open[line.kdamond]?.seen == line.count { try damonPlay(line.kdamond, text, &sink, &state) }
    if let problem {
      throw text.malformed(problem, fix: "state the intervals: --damon-sample-us, --damon-aggr-us")
    }
  }

  /// Plays the open snapshot of `kdamond`.
  private func damonPlay<Sink: AccessSink & ~Copyable>(
    _ kdamond: UInt64, _ text: borrowing LineReader, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    guard let open = state.damon.open.removeValue(forKey: kdamond), !open.snapshot.regions.isEmpty else { return }
    let problem = try state.damon.play(open.snapshot, everyPage: damon.isEveryPage, &state.threads, &sink)
    if let problem { throw text.malformed(problem, fix: Self.damonFix) }
  }

  /// Plays what is left when the text has ended.
  func endDamonLines<Sink: AccessSink & ~Copyable>(
    _ text: borrowing LineReader, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    if sink.isComplete { return }
    for (kdamond, open) in state.damon.open.sorted(by: { $0.key < $1.key }) {
      var error = text.malformed("the last snapshot has \(open.seen) of \(open.count) regions", fix: Self.damonFix)
      error.kind = .truncated
      guard isLenient else { throw error }
      state.skipped.note(error)
      try damonPlay(kdamond, text, &sink, &state)
    }
    try state.damon.finish(everyPage: damon.isEveryPage, &state.threads, &sink)
  }

  /// Takes the line at `start` apart: `KDAMOND TID [CPU] TIME: EVENT: target_id=N nr_regions=N START-END: FOUND AGE`.
  private func damonLine(
    _ start: UnsafePointer<UInt8>, _ text: borrowing LineReader
  ) throws(TraceError) -> DamonLine {
    var line = DamonLine()
    var p = start
    var last = (start: start, end: start)
    var isFirst = true
    while true {
      skipBlanks(&p)
      let word = p
      while p[0] > 0x20 { p += 1 }
      guard p > word else { throw text.malformed("no event damon:damon_aggregated", fix: Self.damonFix) }
      let isRegion = Self.isWord(word, p, "damon_aggregated:")
      if isRegion || Self.isWord(word, p, "damon_monitor_intervals_tune:") {
        guard last.end - last.start > 1, last.end[-1] == 0x3A, let time = perfTime(last.start, last.end - 1) else {
          throw text.malformed("no time before the event", fix: Self.damonFix)
        }
        line.time = time
        if isRegion { try damonFields(p, &line, text) } else { line.tuned = Self.value(&p, "sample_us=") }
        guard isRegion || line.tuned != nil else { throw text.malformed("no sample_us=", fix: Self.damonFix) }
        return line
      }
      if isFirst, Self.begins(word, "kdamond.") {
        var digits = word + 8
        line.kdamond = decimalNumber(&digits) ?? 0
      }
      isFirst = false
      last = (word, p)
    }
  }

  private func damonFields(
    _ start: UnsafePointer<UInt8>, _ line: inout DamonLine, _ text: borrowing LineReader
  ) throws(TraceError) {
    var p = start
    guard let target = Self.value(&p, "target_id="), let count = Self.value(&p, "nr_regions="), count > 0,
      count < UInt64(Self.maxDamonRegions), skipBlanks(&p)
    else { throw text.malformed("no target_id= and nr_regions=", fix: Self.damonFix) }
    line.target = target
    line.count = Int(count)
    guard let first = wideNumber(&p), p[0] == 0x2D else {
      throw text.malformed("no START-END:", fix: Self.damonFix)
    }
    p += 1
    guard let end = wideNumber(&p), p[0] == 0x3A else { throw text.malformed("no START-END:", fix: Self.damonFix) }
    p += 1
    skipBlanks(&p)
    let isFake = p[0] == 0x2D && first == 0 && end == 0
    if p[0] == 0x2D { p += 1 }
    guard isFake || p[-1] != 0x2D, let found = decimalNumber(&p) else {
      throw text.malformed("no count of accesses found", fix: Self.damonFix)
    }
    // Kernels before 5.17 print no age.
    if skipBlanks(&p), p[0] != 0x0A {
      if p[0] == 0x2D { p += 1 }
      guard wideNumber(&p) != nil else { throw text.malformed("no age behind the count", fix: Self.damonFix) }
      skipBlanks(&p)
    }
    guard p[0] == 0x0A else { throw text.malformed("something behind the age", fix: Self.damonFix) }
    if !isFake { line.region = DamonRegion(start: first, end: end, found: UInt32(clamping: found)) }
  }

  /// Whether the word is `name` or `damon:name`.
  private static func isWord(
    _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ name: StaticString
  ) -> Bool {
    let word = begins(start, "damon:") ? start + 6 : start
    return end - word == name.utf8CodeUnitCount && begins(word, name)
  }

  /// Whether the bytes at `p` are `text`; lines end in a line feed, so that no byte behind the line is read.
  private static func begins(_ p: UnsafePointer<UInt8>, _ text: StaticString) -> Bool {
    var i = 0
    while i < text.utf8CodeUnitCount && p[i] == text.utf8Start[i] { i += 1 }
    return i == text.utf8CodeUnitCount
  }

  /// The number behind `name` at the next word, which `p` moves past; nil when there is none.
  private static func value(_ p: inout UnsafePointer<UInt8>, _ name: StaticString) -> UInt64? {
    skipBlanks(&p)
    guard begins(p, name) else { return nil }
    p += name.utf8CodeUnitCount
    return wideNumber(&p)
  }

  private static var damonFix: String {
    "lines are those of perf script for damon:damon_aggregated: TIME: EVENT: target_id=N nr_regions=N START-END: FOUND AGE"
  }
}
