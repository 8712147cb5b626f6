// Text traces of other tools to Pageferry's format, line by line in bounded memory.

/// Formats that can be imported.
public enum ImportFormat: String, Sendable, CaseIterable {
  /// `valgrind --tool=lackey --trace-mem=yes`.
  case lackey
  /// Dinero: `0|1|2 ADDRESS`, or `l|s ADDRESS GAP`; addresses in hexadecimal.
  case din
}

/// How far an import is.
public struct ImportProgress: Sendable, Equatable {
  /// Bytes taken from the input file (compressed, if it is).
  public var bytesConsumed: Int
  /// Size of the input file; nil for pipes.
  public var totalBytes: Int?
  /// Lines read.
  public var lines: Int
  /// Accesses found.
  public var accesses: Int
  /// Bytes of the trace written so far.
  public var traceBytes: Int
}

/// What an import did.
public struct ImportResult: Sendable, Equatable {
  /// The header of the trace written.
  public var header: TraceHeader
  /// Lines read.
  public var lines: Int
  /// Bytes of text read, uncompressed.
  public var textBytes: Int
  /// Accesses found in the text, before filter and window.
  public var accesses: Int
  /// Instruction fetches found in the text.
  public var instructions: Int
}

/// Imports a text trace, plain or gzip, from a file or standard input.
public struct TraceImporter: Sendable {
  public var format: ImportFormat
  public var options: ImportOptions

  public init(format: ImportFormat, options: ImportOptions = ImportOptions()) {
    self.format = format
    self.options = options
  }

  /// Reads `input` (`-` is standard input) and writes the trace `output`, which appears only when all went well. A regular file
  /// `output` is replaced; anything else that is there is refused, and so is the input itself.
  ///
  /// Empty fields of `provenance` that the import knows are filled in. `progress` is called about once a mebibyte of
  /// text. Throws for the first line that is not in the format, with its line number and byte offset.
  public func run(
    input: String, output: String, provenance: TraceProvenance = TraceProvenance(), guarding: TemporaryGuard? = nil,
    progress: (ImportProgress) -> Void = { _ in }
  ) throws(TraceError) -> ImportResult {
    try checkWindow(input)
    return try convert(
      ByteInput(path: input), output: output, provenance: provenance, guarding: guarding, progress: progress)
  }

  func checkWindow(_ input: String) throws(TraceError) {
    guard options.skipAccesses >= 0, options.maxRecords >= 0 else {
      throw TraceError(.usage, file: input, problem: "a negative window", fix: "skip and limit are 0 or more")
    }
  }

  /// Reads all of `bytes`, or as much as the record limit takes. `begin` is called when the output file is there, `end` when no
  /// more text is read, before the trace gets its name.
  func convert(
    _ bytes: ByteInput, output: String, provenance: TraceProvenance, guarding: TemporaryGuard?,
    begin: () throws(TraceError) -> Void = {}, end: () -> Void = {}, progress: (ImportProgress) -> Void
  ) throws(TraceError) -> ImportResult {
    var text = LineReader(bytes)
    var provenance = provenance
    if provenance.options.isEmpty { provenance.options = "import \(format.rawValue): \(options.description)" }
    let writer = try TraceWriter(
      path: output, layout: options.layout, provenance: provenance, reading: bytes.identity, guarding: guarding)
    var builder = try RecordBuilder(writer: writer, options: options)
    var instructions = 0
    try begin()
    while !builder.isComplete, try text.fill() {
      switch format {
      case .lackey: try lackey(&text, &builder, &instructions)
      case .din: try din(&text, &builder, &instructions)
      }
      progress(
        ImportProgress(
          bytesConsumed: bytes.consumed, totalBytes: bytes.total, lines: text.lines, accesses: builder.accesses,
          traceBytes: builder.traceBytes))
    }
    end()
    guard builder.accesses > 0 else {
      throw TraceError(
        .empty, file: bytes.file, problem: "no access in \(text.lines) lines (\(text.offset) bytes)", fix: emptyFix)
    }
    let found = builder.accesses
    let header = try builder.finish()
    return ImportResult(
      header: header, lines: text.lines, textBytes: text.offset - (text.endsWithoutLineFeed ? 1 : 0), accesses: found,
      instructions: instructions)
  }

  private var emptyFix: String {
    switch format {
    case .lackey: "run valgrind with --tool=lackey --trace-mem=yes and send its log here: --log-fd=9 9>&1"
    case .din: "check that the file has `0|1|2 ADDRESS` or `l|s ADDRESS GAP` lines"
    }
  }
}
