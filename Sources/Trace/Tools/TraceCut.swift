// A part of a trace as a trace: what lies in ranges of work, threads and addresses, or its first or last records.
import Units

/// Which records to keep: those that are in all ranges given. A record is where its first access is, and is kept with all its
/// repeats or not at all.
public struct TraceSelection: Equatable, Sendable {
  /// Work, in the trace's gap unit: a thread's work at a record is the sum of its gaps up to that record's own. nil is no end.
  public var from: UInt64?
  /// The first work that is not kept any more.
  public var to: UInt64?
  /// Time stamps, in nanoseconds since the trace's first one; nil is no end.
  public var fromTime: UInt64?
  /// The first time that is not kept any more.
  public var toTime: UInt64?
  /// Process numbers.
  public var processes: [ClosedRange<UInt16>] = []
  /// Thread numbers.
  public var threads: [ClosedRange<UInt16>] = []
  /// Addresses of first bytes.
  public var addresses: [ClosedRange<UInt64>] = []
  /// Of the records in the ranges, only so many from the beginning.
  public var first: Int?
  /// Of the records in the ranges, only so many at the end.
  public var last: Int?

  public init() {}

  /// Parses `0,2-5`; `name` is what they are numbers of, as in `threads`.
  public static func numbers(_ text: String, of name: String) throws(TraceError) -> [ClosedRange<UInt16>] {
    try ranges(text, name, "numbers below 65536, as in 0,2-5") { UInt16($0) }
  }

  /// Parses `1.5s`, to nanoseconds; a fraction of one is cut off.
  public static func time(_ text: String) throws(TraceError) -> UInt64 {
    do throws(QuantityFault) {
      return UInt64(try TimeSpan.parse(text) / .nanosecond)
    } catch {
      throw TraceError(.usage, file: "", problem: "time `\(text)`: \(error.reason)", fix: "write a time, as in 1.5s")
    }
  }

  /// Parses `0x1000-0x1fff,0x8000-0x8fff`; both ends are kept.
  public static func addresses(_ text: String) throws(TraceError) -> [ClosedRange<UInt64>] {
    try ranges(text, "addresses", "ranges, as in 0x1000-0x1fff") {
      $0.hasPrefix("0x") || $0.hasPrefix("0X") ? UInt64($0.dropFirst(2), radix: 16) : UInt64($0)
    }
  }

  private static func ranges<T: Comparable>(
    _ text: String, _ name: String, _ form: String, _ number: (Substring) -> T?
  ) throws(TraceError) -> [ClosedRange<T>] {
    var result: [ClosedRange<T>] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
      guard ends.count <= 2, let low = ends.first.flatMap(number), let high = ends.last.flatMap(number), low <= high
      else {
        throw TraceError(.usage, file: "", problem: "\(name) `\(text)`: `\(part)` is no range", fix: "write \(form)")
      }
      result.append(low...high)
    }
    return result
  }

  /// The selection as text for the provenance, as options of the command; empty when all is kept.
  var description: String {
    var words: [String] = []
    if let from { words.append("--from \(from)") }
    if let to { words.append("--to \(to)") }
    func text<T>(_ ranges: [ClosedRange<T>], _ number: (T) -> String) -> String {
      ranges.map { range in
        range.lowerBound == range.upperBound
          ? number(range.lowerBound) : "\(number(range.lowerBound))-\(number(range.upperBound))"
      }.joined(separator: ",")
    }
    if let fromTime { words.append("--from-time \(fromTime)ns") }
    if let toTime { words.append("--to-time \(toTime)ns") }
    if !processes.isEmpty { words.append("--processes " + text(processes) { "\($0)" }) }
    if !threads.isEmpty { words.append("--threads " + text(threads) { "\($0)" }) }
    if !addresses.isEmpty { words.append("--addresses " + text(addresses, hexText)) }
    if let first { words.append("--first \(first)") }
    if let last { words.append("--last \(last)") }
    return words.joined(separator: " ")
  }

  /// Throws `.usage` when the parts do not go together, or do not go with a trace of this layout.
  func check(_ file: String, _ layout: TraceLayout) throws(TraceError) {
    func fail(_ problem: String, _ fix: String) -> TraceError {
      TraceError(.usage, file: file, problem: problem, fix: fix)
    }
    if from != nil || to != nil, layout.gapUnit == .none {
      throw fail("the trace has no work to count by", "choose records with first and last")
    }
    if fromTime != nil || toTime != nil, !layout.hasTimes {
      throw fail("the trace has no time stamps", "choose records by work, with from and to")
    }
    if let fromTime, let toTime, fromTime >= toTime {
      throw fail("times from \(fromTime) ns to \(toTime) ns are nothing", "let the first be below the second")
    }
    if let from, let to, from >= to { throw fail("work from \(from) to \(to) is nothing", "let from be below to") }
    if first != nil && last != nil { throw fail("first and last records at once", "choose one, then cut again") }
    if (first ?? 1) < 1 || (last ?? 1) < 1 { throw fail("no records are asked for", "ask for 1 or more") }
  }
}

/// Cuts traces.
public struct TraceCutter: Sendable {
  public var selection: TraceSelection
  /// Whether damaged blocks of the input are left out, and the provenance says how many, instead of ending the cut.
  public var isLenient = false

  public init(_ selection: TraceSelection) { self.selection = selection }

  /// Writes the selected records of `input` to the trace `output`, which appears only when all went well.
  ///
  /// The work of a record that is left out goes to the thread's next one that is kept, but not work before `from`, that of
  /// records before `fromTime`, nor, with `last`, that of records before the last. What a gap cannot hold goes on to the gap after
  /// it. Memory is one block and what the writer takes; `last` reads `input` twice. `progress` gets the records read and how many
  /// there are, `lost` what was damaged and left out. Throws `.empty` when no record is kept.
  public func run(
    input: String, output: String, guarding: TemporaryGuard? = nil,
    progress: (_ done: Int, _ total: Int) -> Void = { _, _ in },
    lost: (_ blocks: Int, _ records: Int, _ first: TraceError) -> Void = { _, _, _ in }
  ) throws(TraceError) -> TraceHeader {
    var reader = try TraceReader(path: input)
    reader.isLenient = isLenient
    let header = reader.header
    try selection.check(input, header.layout)
    var toDrop = 0
    if let last = selection.last {
      let total = 2 * header.records
      toDrop = max(0, try count(&reader) { progress($0, total) } - last)
      reader.rewind()
    }
    let doneBefore = selection.last == nil ? 0 : header.records
    var writer = try TraceWriter(
      path: output, layout: header.layout, provenance: provenance(of: header, input), reading: reader.identity,
      guarding: guarding)
    var position = WorkPosition(selection, of: header)
    let block = TraceBlock()
    var done = 0
    let limit = selection.first ?? .max
    while writer.records < limit, try reader.next(into: block) {
      for i in 0..<block.count {
        let isInRanges = position.advance(block, i)
        if toDrop > 0 {
          toDrop -= isInRanges ? 1 : 0
          position.forget(block.thread[i])
          continue
        }
        if !isInRanges { continue }
        var record = block[i]
        record.gap = position.take(record.thread)
        try writer.append(record)
        if writer.records == limit { break }
      }
      done += block.count
      progress(doneBefore + done, doneBefore + header.records)
    }
    guard writer.records > 0 else {
      throw TraceError(
        .empty, file: input, problem: "none of \(header.records) records is in the ranges",
        fix: "see `pageferry trace info` for its work, threads and addresses")
    }
    // How many accesses a filter left out of a part is not known.
    let isAll = writer.records == header.records
    var note = ""
    if let first = reader.lost.first {
      lost(reader.lost.blocks, reader.lost.records, first)
      note = "damaged in the original and left out: \(reader.lost.records) records in \(reader.lost.blocks) blocks"
    }
    return try writer.finish(cachedAccesses: isAll ? header.cachedAccesses : 0, filterNote: note)
  }

  /// Records in the ranges.
  private func count(_ reader: inout TraceReader, _ progress: (Int) -> Void) throws(TraceError) -> Int {
    var position = WorkPosition(selection, of: reader.header)
    let block = TraceBlock()
    var (found, done) = (0, 0)
    while try reader.next(into: block) {
      for i in 0..<block.count where position.advance(block, i) { found += 1 }
      done += block.count
      progress(done)
    }
    return found
  }

  private func provenance(of header: TraceHeader, _ input: String) -> TraceProvenance {
    var provenance = header.provenance
    let options = selection.description
    let name = TraceProvenance.fileName(input)
    provenance.note("cut of \(name), \(header.records) records" + (options.isEmpty ? "" : ": \(options)"))
    return provenance
  }
}

/// How far each thread has worked, and what of that no record kept states yet.
private struct WorkPosition {
  private let selection: TraceSelection
  private let from: UInt64
  private let to: UInt64
  /// Time stamps that are kept: the first and the last.
  private let times: ClosedRange<UInt64>
  private let hasTimes: Bool
  /// By thread: work at its latest record.
  private var work: [UInt64]
  /// By thread: work since its latest record that was kept, or since `from`.
  private var unstated: UnstatedWork

  init(_ selection: TraceSelection, of header: TraceHeader) {
    self.selection = selection
    hasTimes = selection.fromTime != nil || selection.toTime != nil
    func time(_ offset: UInt64) -> UInt64 {
      let (sum, isOver) = header.firstTime.addingReportingOverflow(offset)
      return isOver ? .max : sum
    }
    let first = time(selection.fromTime ?? 0)
    let end = selection.toTime.map(time)
    times = first...max(first, end.map { $0 == .max ? .max : $0 - 1 } ?? .max)
    from = selection.from ?? 0
    to = selection.to ?? .max
    work = [UInt64](repeating: 0, count: header.threads)
    unstated = UnstatedWork(threads: header.threads)
  }

  /// Goes on to record `i`; whether it is in all ranges.
  mutating func advance(_ block: TraceBlock, _ i: Int) -> Bool {
    let thread = Int(block.thread[i])
    let before = work[thread]
    // A trace's total gap is below 2^56.
    let now = before &+ UInt64(block.gap[i])
    work[thread] = now
    if now < from { return false }
    unstated.add(now &- max(before, min(from, now)), to: block.thread[i])
    if now >= to { return false }
    if hasTimes, !times.contains(block.time[i]) {
      if block.time[i] < times.lowerBound { unstated.forget(block.thread[i]) }
      return false
    }
    if !selection.processes.isEmpty {
      let process = block.pageProcess[Int(block.pageIndex[i])]
      guard selection.processes.contains(where: { $0.contains(process) }) else { return false }
    }
    if !selection.threads.isEmpty {
      guard selection.threads.contains(where: { $0.contains(block.thread[i]) }) else { return false }
    }
    if !selection.addresses.isEmpty {
      guard selection.addresses.contains(where: { $0.contains(block.address(i)) }) else { return false }
    }
    return true
  }

  /// The gap of a record of `thread` that is kept.
  mutating func take(_ thread: UInt16) -> UInt32 { unstated.take(thread) }

  /// Leaves out a record of `thread` and its work.
  mutating func forget(_ thread: UInt16) { unstated.forget(thread) }
}
