// What a reader keeps from line to line, and what it passed over.

/// Lines or records that are not in the format and were skipped, as `TraceImporter.isLenient` asks.
public struct SkippedInput: Sendable, Equatable {
  /// How many.
  public var count = 0
  /// The first of them, as text: where and what.
  public var first = ""

  mutating func note(_ error: TraceError) {
    if count == 0 {
      let line = error.line.map { "line \($0)" }
      let byte = error.byte.map { "byte \($0)" }
      first = [line, byte].compactMap { $0 }.joined(separator: ", ") + ": " + error.problem
    }
    count += 1
  }

  /// `3 of the lines skipped, the first at line 7, byte 90: PROBLEM`; empty for none.
  public func note(for format: ImportFormat) -> String {
    count == 0 ? "" : "\(count) of the \(format.inputName) skipped, the first at \(first)"
  }
}

/// What a reader knows from the lines before.
struct ImportState {
  /// Instruction fetches found.
  var instructions = 0
  /// Lines that are none of an access: empty ones, and the tool's own.
  var passed = 0
  /// Records or regions read, where lines are not what is counted.
  var records = 0
  /// Time of the last access, in formats that state one.
  var time: UInt64?
  /// What was not in the format.
  var skipped = SkippedInput()
  /// What a user of the trace should know beyond that, for the provenance.
  var notes: [String] = []
  /// Threads, where the format states them.
  var threads = ThreadTable()
  /// Where the columns are; set before the first line of csv.
  var csv = CSVLayout()
  /// Objects of oraclegeneral.
  var ranges = ObjectRanges()
  /// Threads, version and clock of drmemtrace.
  var drmemtrace = DrMemtraceState()
  /// Snapshots of DAMON that are not yet accesses.
  var damon = DamonState()

  /// Passes over the line at the cursor if it is empty; if not, `p` is its first byte that is no blank.
  @inline(__always)
  mutating func passesEmptyLine(_ text: inout LineReader, _ p: inout UnsafePointer<UInt8>) -> Bool {
    skipBlanks(&p)
    guard p[0] == 0x0A else { return false }
    text.skipLine()
    passed += 1
    return true
  }

  /// Time from the last access to this one, 0 for the first; nil when the clock ran backwards.
  mutating func elapsed(to now: UInt64) -> UInt64? {
    let last = time ?? now
    guard now >= last else { return nil }
    time = now
    return now - last
  }
}
