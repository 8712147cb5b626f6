// All of an input into a sink: lines, records and JSON, strict or lenient.

extension TraceImporter {
  /// Called now and then with what was read so far.
  typealias Tick<Sink: ~Copyable> = (borrowing Sink, _ lines: Int) -> Void

  /// Reads `bytes` to the end, or until `sink` has enough. Of csv, `text` is behind the line that names the columns. What was read:
  /// lines or records, and bytes.
  func read<Sink: AccessSink & ~Copyable>(
    _ format: ImportFormat, _ bytes: ByteInput, _ text: inout LineReader, _ sink: inout Sink,
    _ state: inout ImportState, _ tick: Tick<Sink>
  ) throws(TraceError) -> (lines: Int, bytes: Int) {
    if format.recordBytes != nil || format == .damon {
      try ForeignContainer.refuse(try bytes.head(ForeignContainer.headBytes), of: bytes.file)
    }
    var count: (lines: Int, bytes: Int)
    var lines: Int?
    if let size = format.recordBytes {
      count = try records(of: format, size, bytes, &sink, &state, tick)
    } else if format == .damon, JSONScanner.begins(try bytes.head(ForeignContainer.headBytes)) {
      count = try damonRecords(bytes, &sink, &state, tick)
    } else {
      while !sink.isComplete, try text.fill() {
        try linesOrSkipped(of: format, &text, &sink, &state)
        tick(sink, format == .damon ? state.records : text.lines)
      }
      if format == .damon { try endDamonLines(text, &sink, &state) }
      lines = text.lines
      count = (text.lines, text.offset - (text.endsWithoutLineFeed ? 1 : 0))
      if format == .damon { count.lines = state.records }
    }
    try checkSkipped(state, of: lines ?? count.lines, lines == nil ? format.unitName : "lines", format, bytes.file)
    return count
  }

  /// Parses the lines now in `text`, each to one or two accesses, and passes over bad ones if it may.
  func linesOrSkipped<Sink: AccessSink & ~Copyable>(
    of format: ImportFormat, _ text: inout LineReader, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    while text.cursor < text.end && !sink.isComplete {
      do throws(TraceError) {
        try lines(of: format, &text, &sink, &state)
      } catch {
        // Errors of the sink are of other kinds: a full disk is no bad line.
        guard isLenient && error.kind == .malformed else { throw error }
        state.skipped.note(error)
        text.skipLine()
      }
    }
  }

  /// Parses the lines now in `text`, each to one or two accesses. Throws for the first bad one, at which `text` then stands.
  func lines<Sink: AccessSink & ~Copyable>(
    of format: ImportFormat, _ text: inout LineReader, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    switch format {
    case .lackey: try lackey(&text, &sink, &state)
    case .din: try din(&text, &sink, &state)
    case .ramulator: try ramulator(&text, &sink, &state)
    case .dramsim: try dramsim(&text, &sink, &state)
    case .csv: try csv(&text, &sink, &state)
    case .damon: try damonLines(&text, &sink, &state)
    case .perfscript: try perfScript(&text, &sink, &state)
    case .oraclegeneral, .drmemtrace: preconditionFailure("a binary format has no lines")
    }
  }

  /// Reads records of `size` bytes each.
  private func records<Sink: AccessSink & ~Copyable>(
    of format: ImportFormat, _ size: Int, _ bytes: ByteInput, _ sink: inout Sink, _ state: inout ImportState,
    _ tick: Tick<Sink>
  ) throws(TraceError) -> (lines: Int, bytes: Int) {
    let room = size * min(1 << 13, (bytes.limit ?? .max - size) / size + 1)
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 8)
    defer { buffer.deallocate() }
    var rest = 0
    while !sink.isComplete {
      let count = try bytes.read(into: buffer, count: room)
      rest = count % size
      var offset = 0
      while offset + size <= count && !sink.isComplete {
        do throws(TraceError) {
          try record(of: format, buffer + offset, bytes.file, &sink, &state)
        } catch {
          guard isLenient && error.kind == .malformed else { throw error }
          state.skipped.note(error)
        }
        state.records += 1
        offset += size
      }
      tick(sink, state.records)
      if count < room { break }
    }
    if !sink.isComplete { try endRecords(of: format, rest, bytes.file, &state) }
    return (state.records, state.records * size)
  }

  /// Reads one record.
  func record<Sink: AccessSink & ~Copyable>(
    of format: ImportFormat, _ raw: UnsafeRawPointer, _ file: String, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    switch format {
    case .oraclegeneral: try oracleGeneral(raw, file, &sink, &state)
    case .drmemtrace: try drMemtrace(raw, file, &sink, &state)
    default: preconditionFailure("text has no records")
    }
  }

  /// An error at the record that is being read.
  func badRecord(
    _ format: ImportFormat, _ file: String, _ state: ImportState, _ problem: String,
    kind: TraceError.Kind = .malformed, fix: String
  ) -> TraceError {
    TraceError(
      kind, file: file, byte: state.records * (format.recordBytes ?? 0), problem: "record \(state.records): \(problem)",
      fix: fix)
  }

  /// Checks what is left when the bytes end: `rest` bytes of a record.
  private func endRecords(
    of format: ImportFormat, _ rest: Int, _ file: String, _ state: inout ImportState
  ) throws(TraceError) {
    let size = format.recordBytes ?? 0
    var problems: [TraceError] = []
    if rest > 0 {
      problems.append(
        badRecord(
          format, file, state, "\(rest) bytes of \(size)", kind: .truncated,
          fix: "fetch the file again, or cut it to a multiple of \(size) bytes"))
    } else if format == .drmemtrace && !state.drmemtrace.hasFooter && state.records > 0 {
      problems.append(
        badRecord(
          format, file, state, "the trace ends without its footer", kind: .truncated,
          fix: "let the traced program end; --lenient imports what there is"))
    }
    for problem in problems {
      guard isLenient else { throw problem }
      state.skipped.note(problem)
    }
  }

  /// Throws when more than half of the input was skipped: then it is of another format.
  func checkSkipped(
    _ state: ImportState, of units: Int, _ unitName: String, _ format: ImportFormat, _ file: String
  ) throws(TraceError) {
    guard state.skipped.count * 2 > units else { return }
    throw TraceError(
      .malformed, file: file,
      problem:
        "\(state.skipped.count) of \(units) \(unitName) are not \(format.rawValue), the first at \(state.skipped.first)",
      fix: "give the right --format; --lenient takes inputs of which at least half can be read")
  }
}
