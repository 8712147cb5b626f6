// Which format an input has, told from its first bytes by the readers themselves.

/// A format that was recognised.
public struct FormatRecognition: Equatable, Sendable {
  /// Bytes looked at, uncompressed.
  static let headBytes = 1 << 16
  /// Lines looked at, at most.
  private static let maxLines = 1000

  public let format: ImportFormat
  /// What was found, as in `37 of 40 lines are ' L ADDRESS,SIZE'`.
  public let reason: String

  /// Tries each format on `head`, the first `headBytes` of `file` or all of it.
  ///
  /// A format of which every line is wins over those of which some are; without one, a format of half the lines or more
  /// wins. Throws `.format` when two win or none does, with what was tried.
  init(
    head: [UInt8], of file: String, _ columns: CSVColumns, _ damon: DamonOptions = DamonOptions()
  ) throws(TraceError) {
    guard !head.isEmpty else {
      throw TraceError(.empty, file: file, problem: "no bytes at all", fix: "check the command that makes them")
    }
    guard !head.starts(with: TraceFormat.magic) else {
      throw TraceError(
        .format, file: file, byte: 0, problem: "is a Pageferry trace already", fix: "use it as it is")
    }
    try ForeignContainer.refuse(head, of: file)
    let isWhole = head.count < Self.headBytes
    let trials = ImportFormat.allCases.map { Trial($0, head, isWhole: isWhole, columns, damon) }
    var best = trials.filter { $0.matched > 0 && $0.refused == 0 }
    if best.isEmpty { best = trials.filter { $0.matched > 0 && $0.matched >= $0.refused } }
    guard best.count == 1 else {
      let tried = trials.map { "\($0.format.rawValue): \($0.reason)" }.joined(separator: "; ")
      let names = best.map(\.format.rawValue).joined(separator: " and ")
      throw TraceError(
        .format, file: file, byte: 0,
        problem: (best.isEmpty ? "no format is recognised; tried " : "may be \(names); tried ") + tried,
        fix: best.isEmpty
          ? "convert it to csv with a line that names the columns"
          : "say which with --format, as --format \(best[0].format)"
      )
    }
    format = best[0].format
    reason = best[0].reason
  }

  /// What one reader makes of the head.
  private struct Trial {
    let format: ImportFormat
    /// Lines or records that are an access.
    var matched = 0
    /// Lines that the reader passes over.
    var passed = 0
    /// Lines or records that it does not understand.
    var refused = 0
    /// Why no line was looked at.
    var obstacle: String?

    init(
      _ format: ImportFormat, _ head: [UInt8], isWhole: Bool, _ columns: CSVColumns, _ damon: DamonOptions
    ) {
      self.format = format
      var importer = TraceImporter(format: format)
      importer.damon = damon
      // Nobody wants the accesses.
      importer.damon.isEveryPage = false
      if let size = format.recordBytes {
        tryRecords(importer, size, head, isWhole)
      } else if format == .damon && JSONScanner.begins(head) {
        tryJSON(importer, head, isWhole)
      } else {
        tryLines(importer, head, isWhole, columns)
      }
    }

    private mutating func tryRecords(_ importer: TraceImporter, _ size: Int, _ head: [UInt8], _ isWhole: Bool) {
      var state = ImportState()
      var sink = NoSink()
      head.withUnsafeBytes { raw in
        guard let start = raw.baseAddress else { return }
        for i in 0..<head.count / size {
          do throws(TraceError) {
            try importer.record(of: format, start + i * size, "", &sink, &state)
          } catch {
            refused += 1
            // Nothing behind it is looked at.
            if error.kind == .format {
              obstacle = error.problem
              return
            }
          }
          state.records += 1
        }
      }
      passed = state.passed
      matched = state.records - passed - refused
      if isWhole && head.count % size != 0 { refused += 1 }
    }

    private mutating func tryJSON(_ importer: TraceImporter, _ head: [UInt8], _ isWhole: Bool) {
      var scanner = JSONScanner(head, file: "")
      var state = ImportState()
      var sink = NoSink()
      do throws(TraceError) {
        try importer.damonSnapshots(&scanner, &sink, &state) { _, _ in }
      } catch {
        // A head that is cut off ends in the middle of something.
        if isWhole || error.kind != .truncated { refused += 1 }
        if state.records == 0 { obstacle = error.problem }
      }
      matched = state.records
    }

    private mutating func tryLines(
      _ importer: TraceImporter, _ head: [UInt8], _ isWhole: Bool, _ columns: CSVColumns
    ) {
      var count = isWhole ? head.count : (head.lastIndex(of: 0x0A) ?? -1) + 1
      var lines = 0
      for i in 0..<count where head[i] == 0x0A {
        lines += 1
        if lines == FormatRecognition.maxLines {
          count = i + 1
          break
        }
      }
      guard count > 0 else {
        obstacle = "no line ends in the first \(head.count) bytes"
        return
      }
      var text = LineReader(Array(head[..<count]), file: "")
      var state = ImportState()
      var sink = NoSink()
      do throws(ColumnProblem) {
        if format == .csv { state.csv = try CSVLayout(&text, columns) }
      } catch {
        obstacle = "the first line does not name the columns: " + error.text
        return
      }
      let header = text.lines
      while text.cursor < text.end {
        do throws(TraceError) {
          try importer.lines(of: format, &text, &sink, &state)
        } catch {
          refused += 1
          text.skipLine()
        }
      }
      passed = state.passed
      matched = text.lines - header - passed - refused
    }

    var reason: String {
      if let obstacle { return obstacle }
      let others = passed > 0 ? ", \(passed) more are passed over" : ""
      return "\(matched) of \(matched + refused) \(format.unitName) are \(format.shape)\(others)"
    }
  }

  /// Takes accesses and does nothing with them.
  private struct NoSink: ~Copyable, AccessSink {
    var isComplete: Bool { false }
    mutating func select(thread: UInt16, of process: UInt16) {}
    mutating func work(_ units: UInt64) {}
    mutating func stamp(_ time: UInt64) {}
    mutating func access(_ address: UInt64, size: Int, isWrite: Bool) {}
  }
}

extension ImportFormat {
  /// What a line looks like.
  fileprivate var shape: String {
    switch self {
    case .lackey: "' L ADDRESS,SIZE'"
    case .din: "'0|1|2 ADDRESS' or 'l|s ADDRESS GAP'"
    case .ramulator: "'INSTRUCTIONS READ [WRITEBACK]'"
    case .dramsim: "'0xADDRESS READ|WRITE CYCLE'"
    case .csv: "values under the columns that the first line names"
    case .oraclegeneral: "24 bytes of time, object, size and next request"
    case .damon: "'target_id=N nr_regions=N START-END: FOUND AGE' or regions of JSON"
    case .perfscript: "'PID/TID TIME: EVENT: ADDRESS'"
    case .drmemtrace: "12 bytes of type, size and address"
    }
  }
}
