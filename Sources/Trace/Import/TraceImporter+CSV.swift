// Comma-separated values under a line that names the columns. Source of the quoting: RFC 4180, section 2.

extension TraceImporter {
  /// Reads the line that names the columns.
  func csvLayout(_ text: inout LineReader) throws(TraceError) -> CSVLayout {
    do throws(ColumnProblem) {
      return try CSVLayout(&text, columns)
    } catch {
      throw text.malformed(
        "the first line does not name the columns: " + error.text,
        fix: "name them: --columns address=ADDR,op=RW,time=TS; an empty name is a field not to read, as in time=")
    }
  }

  /// Parses the lines now in `text`, which are those after the header line. Empty lines are passed over.
  func csv<Sink: AccessSink & ~Copyable>(
    _ text: inout LineReader, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    let end = text.end
    while text.cursor < end && !sink.isComplete {
      var p = text.cursor
      if state.passesEmptyLine(&text, &p) { continue }
      p = text.cursor
      if let problem = state.csv.split(&p) { throw text.malformed(problem, fix: CSVLayout.fix) }
      let fields = state.csv.spans.count
      guard fields == state.csv.places.fields else {
        throw text.malformed("\(fields) fields, \(state.csv.places.fields) columns", fix: CSVLayout.fix)
      }
      try csvAccess(text, &sink, &state)
      text.cursor = p
      text.lines += 1
    }
  }

  /// The access of the line that was taken apart last.
  private func csvAccess<Sink: AccessSink & ~Copyable>(
    _ text: borrowing LineReader, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    let (places, spans) = (state.csv.places, state.csv.spans)
    guard let address = spans[places.address].number else {
      throw text.malformed("no address", fix: Self.numberFix)
    }
    guard let isWrite = spans[places.op].isWrite else {
      throw text.malformed(
        "unknown operation", fix: "operations are r, read, load, 0 and w, write, store, 1, in any case")
    }
    var size = restOfLine(address)
    if let column = places.size {
      guard let stated = spans[column].number, stated > 0, stated <= TraceFormat.maxAccessBytes,
        address <= UInt64.max - stated
      else { throw text.malformed("no size of 1 to 4096 bytes at this address", fix: Self.numberFix) }
      size = Int(stated)
    }
    var gap: UInt64 = 0
    if let column = places.gap {
      guard let stated = spans[column].number, stated <= UInt64(UInt32.max) else {
        throw text.malformed("no gap below 2^32", fix: Self.numberFix)
      }
      gap = stated
    }
    var name: UInt64 = 0
    if let column = places.thread {
      guard let stated = spans[column].number else { throw text.malformed("no thread number", fix: Self.numberFix) }
      name = stated
    }
    var time: UInt64?
    if let column = places.time {
      guard let now = spans[column].number else { throw text.malformed("no time", fix: Self.numberFix) }
      let before = state.time ?? now
      guard state.elapsed(to: now) != nil else {
        throw text.malformed("time \(now) comes after time \(before)", fix: "sort the lines by time")
      }
      time = now
    }
    var process: UInt64 = 0
    if let column = places.process {
      guard let stated = spans[column].number else { throw text.malformed("no process number", fix: Self.numberFix) }
      process = stated
    }
    guard let numbers = state.threads.numbers(of: name, in: process) else {
      throw text.tooManyThreads("leave them out: --columns thread=")
    }
    if let time { gap = state.threads.elapsed(on: numbers.thread, to: time) }
    sink.select(thread: numbers.thread, of: numbers.process)
    sink.work(gap)
    if let time, state.csv.gapUnit == .nanoseconds { sink.stamp(time) }
    try sink.access(address, size: size, isWrite: isWrite)
  }

  private static var numberFix: String {
    "numbers are whole: decimal without leading zeros, or hexadecimal after 0x"
  }
}
