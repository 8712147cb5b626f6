// Traces of other tools to Pageferry's format, line by line or record by record in bounded memory.

/// Formats that can be imported. docs/cli.md says what becomes of their fields.
public enum ImportFormat: String, Sendable, CaseIterable {
  /// `valgrind --tool=lackey --trace-mem=yes`.
  case lackey
  /// Dinero: `0|1|2 ADDRESS`, or `l|s ADDRESS GAP`; addresses in hexadecimal.
  case din
  /// CPU traces of Ramulator 1: `INSTRUCTIONS READ [WRITEBACK]`.
  case ramulator
  /// DRAMsim3, and the k6 and mase traces of DRAMSim2: `0xADDRESS READ|WRITE CYCLE`.
  case dramsim
  /// Comma-separated columns under a line that names them.
  case csv
  /// libCacheSim's binary records of 24 bytes: time, object, size, next access.
  case oraclegeneral

  /// What is counted in `ImportProgress.lines`.
  public var unitName: String { self == .oraclegeneral ? "records" : "lines" }
  /// What the addresses are.
  var addressKind: AddressKind {
    switch self {
    case .lackey, .din, .ramulator, .csv: .virtual
    case .dramsim: .physical
    case .oraclegeneral: .pageNumber
    }
  }
}

extension ImportFormat {
  /// Whether the reader states when each access was, in nanoseconds.
  var hasTimes: Bool { false }
}

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
}

/// What a reader knows from the lines before.
struct ImportState {
  /// Instruction fetches found.
  var instructions = 0
  /// Lines that are none of an access: empty ones, and the tool's own.
  var passed = 0
  /// Time of the last access, in formats that state one.
  var time: UInt64?
  /// Where the columns are; set before the first line of csv.
  var csv = CSVLayout()

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

/// Imports a trace of another tool, plain or gzip, from a file or standard input.
public struct TraceImporter: Sendable {
  /// Nil to recognise it.
  public var format: ImportFormat?
  public var options: ImportOptions
  /// Which columns of a csv file are which field.
  public var columns: CSVColumns

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
    var state = ImportState()
    if format == .csv, try text.fill() { state.csv = try csvLayout(&text) }
    let unit = gapUnit(of: format, state)
    var provenance = provenance
    if provenance.options.isEmpty {
      provenance.options =
        "import \(format.rawValue): \(options.description)" + (columns.isEmpty ? "" : ", columns \(columns)")
    }
    let writer = try TraceWriter(
      path: output, layout: options.layout(addressKind: format.addressKind, gapUnit: unit, hasTimes: format.hasTimes),
      provenance: provenance, level: options.level, reading: bytes.identity, guarding: guarding)
    var builder = try RecordBuilder(writer: writer, options: options, gapUnit: unit)
    var count = (lines: 0, bytes: 0)
    try begin()
    if format == .oraclegeneral {
      count = try oracleGeneral(bytes, &builder, progress)
    } else {
      while !builder.isComplete, try text.fill() {
        try lines(of: format, &text, &builder, &state)
        progress(
          ImportProgress(
            bytesConsumed: bytes.consumed, totalBytes: bytes.total, lines: text.lines, accesses: builder.accesses,
            traceBytes: builder.traceBytes))
      }
      count = (text.lines, text.offset - (text.endsWithoutLineFeed ? 1 : 0))
    }
    end()
    guard builder.accesses > 0 else {
      throw TraceError(
        .empty, file: bytes.file, problem: "no access in \(count.lines) \(format.unitName) (\(count.bytes) bytes)",
        fix: emptyFix(format))
    }
    let found = builder.accesses
    let header = try builder.finish()
    return ImportResult(
      format: format, header: header, lines: count.lines, textBytes: count.bytes, accesses: found,
      instructions: state.instructions)
  }

  private func chosenFormat(
    _ bytes: ByteInput, _ recognised: (FormatRecognition) -> Void
  ) throws(TraceError) -> ImportFormat {
    var chosen = format
    if chosen == nil {
      let found = try FormatRecognition(head: try bytes.head(FormatRecognition.headBytes), of: bytes.file, columns)
      recognised(found)
      chosen = found.format
    }
    guard let chosen, chosen == .csv || columns.isEmpty else {
      throw TraceError(
        .usage, file: bytes.file, problem: "columns are named for \(chosen?.rawValue ?? "no format")",
        fix: "only csv has columns; leave --columns out or give --format csv")
    }
    return chosen
  }

  private func gapUnit(of format: ImportFormat, _ state: ImportState) -> GapUnit {
    switch format {
    case .lackey, .din, .ramulator: .instructions
    case .dramsim: .cycles
    case .csv: state.csv.gapUnit
    case .oraclegeneral: .nanoseconds
    }
  }

  /// Parses the lines now in `text`, each to one or two accesses.
  func lines<Sink: AccessSink & ~Copyable>(
    of format: ImportFormat, _ text: inout LineReader, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    switch format {
    case .lackey: try lackey(&text, &sink, &state)
    case .din: try din(&text, &sink, &state)
    case .ramulator: try ramulator(&text, &sink, &state)
    case .dramsim: try dramsim(&text, &sink, &state)
    case .csv: try csv(&text, &sink, &state)
    case .oraclegeneral: preconditionFailure("a binary format has no lines")
    }
  }

  private func emptyFix(_ format: ImportFormat) -> String {
    switch format {
    case .lackey: "run valgrind with --tool=lackey --trace-mem=yes and send its log here: --log-fd=9 9>&1"
    case .din: "check that the file has `0|1|2 ADDRESS` or `l|s ADDRESS GAP` lines"
    case .ramulator: "check that the file has `INSTRUCTIONS READ [WRITEBACK]` lines"
    case .dramsim: "check that the file has `0xADDRESS READ|WRITE CYCLE` lines"
    case .csv: "check that the file has lines under the one that names the columns"
    case .oraclegeneral: "check that the file has records, and objects of more than 0 bytes"
    }
  }
}

/// Bytes of an access where the format says none: what is left of its 64-byte cache line, which memory moves whole.
@inline(__always)
func restOfLine(_ address: UInt64) -> Int { CacheSpecification.lineBytes - Int(address & 63) }
