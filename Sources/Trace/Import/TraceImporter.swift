// Traces of other tools to Pageferry's format, line by line or record by record in bounded memory.

/// How far an import is.
public struct ImportProgress: Sendable, Equatable {
  /// Bytes taken from the input file (compressed, if it is).
  public var bytesConsumed: Int
  /// Size of the input file; nil for pipes.
  public var totalBytes: Int?
  /// Lines read, or records of a binary format.
  public var lines: Int
  /// Accesses found.
  public var accesses: Int
  /// Bytes of the trace written so far.
  public var traceBytes: Int
}

/// What an import did.
public struct ImportResult: Sendable, Equatable {
  /// The format read.
  public var format: ImportFormat
  /// The header of the trace written.
  public var header: TraceHeader
  /// Lines read, or records of a binary format.
  public var lines: Int
  /// Bytes of input read, uncompressed.
  public var textBytes: Int
  /// Accesses found in the input, before filter and window.
  public var accesses: Int
  /// Instruction fetches found in the input.
  public var instructions: Int
  /// Lines or records that were skipped.
  public var skipped: SkippedInput
  /// What else a user of the trace should know.
  public var notes: [String]
}

/// Imports a trace of another tool, plain or compressed, from a file or standard input.
public struct TraceImporter: Sendable {
  /// Nil to recognise it.
  public var format: ImportFormat?
  public var options: ImportOptions
  /// Which columns of a csv file are which field.
  public var columns: CSVColumns
  /// How DAMON's counts become accesses.
  public var damon = DamonOptions()
  /// Whether lines and records that are not in the format are skipped and counted. More than half of them are an error even so.
  public var isLenient = false

  public init(
    format: ImportFormat? = nil, options: ImportOptions = ImportOptions(), columns: CSVColumns = CSVColumns()
  ) {
    self.format = format
    self.options = options
    self.columns = columns
  }

  /// Reads `input` (`-` is standard input) and writes the trace `output`, which appears only when all went well. A regular file
  /// `output` is replaced; anything else that is there is refused, and so is the input itself.
  ///
  /// Empty fields of `provenance` that the import knows are filled in. `recognised` is told what a format that was not
  /// given turned out to be. `progress` is called about once a mebibyte of input. Throws for the first line that is not
  /// in the format, with its line number and byte offset.
  public func run(
    input: String, output: String, provenance: TraceProvenance = TraceProvenance(), guarding: TemporaryGuard? = nil,
    recognised: (FormatRecognition) -> Void = { _ in }, progress: (ImportProgress) -> Void = { _ in }
  ) throws(TraceError) -> ImportResult {
    try checkWindow(input)
    return try convert(
      ByteInput(path: input), output: output, provenance: provenance, guarding: guarding, recognised: recognised,
      progress: progress)
  }

  func checkWindow(_ input: String) throws(TraceError) {
    guard options.skipAccesses >= 0, options.maxRecords >= 0 else {
      throw TraceError(.usage, file: input, problem: "a negative window", fix: "skip and limit are 0 or more")
    }
    guard options.tlb == nil || options.cache != nil else {
      throw TraceError(
        .usage, file: input, problem: "a TLB without a cache: every access reaches memory and the page table",
        fix: "name caches too, as in --cache 32KiB:8,1MiB:16")
    }
    try damon.check()
  }

  /// Reads all of `bytes`, or as much as the record limit takes. `begin` is called when the output file is there, `end` when no
  /// more text is read, before the trace gets its name.
  func convert(
    _ bytes: ByteInput, output: String, provenance: TraceProvenance, guarding: TemporaryGuard?,
    recognised: (FormatRecognition) -> Void = { _ in }, begin: () throws(TraceError) -> Void = {},
    end: () -> Void = {}, progress: (ImportProgress) -> Void
  ) throws(TraceError) -> ImportResult {
    let format = try chosenFormat(bytes, recognised)
    var text = LineReader(bytes)
    var state = try startState(of: format, &text)
    let unit = gapUnit(of: format, state)
    var options = options
    // Samples of one page may lie seconds apart.
    if format.isSampled { options.coalesce = false }
    var provenance = provenance
    if provenance.options.isEmpty {
      provenance.options =
        "import \(format.rawValue): \(options.description)" + (columns.isEmpty ? "" : ", columns \(columns)")
        + (format == .damon ? ", \(damon.description)" : "") + (isLenient ? ", lenient" : "")
    }
    let writer = try TraceWriter(
      path: output,
      layout: options.layout(
        addressKind: format.addressKind, gapUnit: unit,
        hasTimes: format.hasTimes || (format == .csv && unit == .nanoseconds)),
      provenance: provenance, level: options.level, reading: bytes.identity, guarding: guarding)
    var builder = try RecordBuilder(writer: writer, options: options, gapUnit: unit)
    try begin()
    let count = try read(format, bytes, &text, &builder, &state) { builder, lines in
      progress(
        ImportProgress(
          bytesConsumed: bytes.consumed, totalBytes: bytes.total, lines: lines, accesses: builder.accesses,
          traceBytes: builder.traceBytes))
    }
    end()
    guard builder.accesses > 0 else { throw Self.empty(format, bytes, count.lines, count.bytes) }
    let found = builder.accesses
    let header = try builder.finish(notes: state.notes + [state.skipped.note(for: format)])
    return ImportResult(
      format: format, header: header, lines: count.lines, textBytes: count.bytes, accesses: found,
      instructions: state.instructions, skipped: state.skipped, notes: state.notes)
  }

  /// What is known before the first access. Of csv, the line that names the columns is read.
  func startState(of format: ImportFormat, _ text: inout LineReader) throws(TraceError) -> ImportState {
    var state = ImportState()
    if format == .csv, try text.fill() { state.csv = try csvLayout(&text) }
    return state
  }

  /// The error for an input without an access.
  static func empty(_ format: ImportFormat, _ bytes: ByteInput, _ lines: Int, _ count: Int) -> TraceError {
    TraceError(
      .empty, file: bytes.file, problem: "no access in \(lines) \(format.unitName) (\(count) bytes)",
      fix: format.emptyFix)
  }

  func chosenFormat(
    _ bytes: ByteInput, _ recognised: (FormatRecognition) -> Void
  ) throws(TraceError) -> ImportFormat {
    var chosen = format
    if chosen == nil {
      let found = try FormatRecognition(
        head: try bytes.head(FormatRecognition.headBytes), of: bytes.file, columns, damon)
      recognised(found)
      chosen = found.format
    }
    guard let chosen, chosen == .csv || columns.isEmpty else {
      throw TraceError(
        .usage, file: bytes.file, problem: "columns are named for \(chosen?.rawValue ?? "no format")",
        fix: "only csv has columns; leave --columns out or give --format csv")
    }
    guard chosen == .damon || damon == DamonOptions() else {
      throw TraceError(
        .usage, file: bytes.file, problem: "DAMON's options are given for \(chosen.rawValue)",
        fix: "leave --damon-sample-us, --damon-aggr-us and --damon-every-page out or give --format damon")
    }
    return chosen
  }

  private func gapUnit(of format: ImportFormat, _ state: ImportState) -> GapUnit {
    switch format {
    case .lackey, .din, .ramulator, .drmemtrace: .instructions
    case .dramsim: .cycles
    case .csv: state.csv.gapUnit
    case .oraclegeneral, .damon, .perfscript: .nanoseconds
    }
  }
}

/// Bytes of an access where the format says none: what is left of its 64-byte cache line, which memory moves whole.
@inline(__always)
func restOfLine(_ address: UInt64) -> Int { CacheSpecification.lineBytes - Int(address & 63) }
