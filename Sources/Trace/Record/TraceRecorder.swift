// A program's accesses straight into a trace: a tool in valgrind writes them into a pipe, which is read as they come.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Records one run of a program. Its standard input, output and error are those of this process.
///
/// Only the process that is started is recorded: what it forks goes unrecorded, and runs at full speed once it executes another
/// program.
public struct TraceRecorder: Sendable {
  /// What to keep of the accesses.
  public var options: ImportOptions
  /// The program and its arguments. A name without a slash is looked up in PATH.
  public var command: [String]
  /// Which of valgrind's tools hands the accesses over.
  public var tool: RecorderTool
  /// Where our tool is kept; nil is the user's cache folder.
  var toolFolder: String?

  public init(_ command: [String], options: ImportOptions = ImportOptions(), tool: RecorderTool = .auto) {
    precondition(!command.isEmpty)
    self.command = command
    self.options = options
    self.tool = tool
  }

  /// Runs the program and writes the trace `output`, which appears when the program has ended, however it did.
  ///
  /// `commandText` is the command line for the provenance, cut off where it is too long. `notice` is told, at most once and
  /// before the program is started, why it is lackey that records when the tool was not chosen. Throws when valgrind or the
  /// program cannot be run, when the tool is `own` and cannot be built, when the program made no access, or as
  /// `TraceImporter.run` does; the program is ended first.
  public func run(
    output: String, commandText: String, guarding: TemporaryGuard? = nil,
    processGuard: @escaping ProcessGuard = { change in _ = change() }, notice: (String) -> Void = { _ in },
    progress: (ImportProgress) -> Void = { _ in }
  ) throws(TraceError) -> RecordResult {
    try TraceImporter(options: options).checkWindow("")
    let valgrind = try Valgrind.find(processGuard)
    let program = RecordedProgram(command)
    let path = try program.path()
    let own = try ownTool(
      ToolBuild(valgrind: valgrind, folder: toolFolder, guarding: guarding, processGuard: processGuard), path, notice)
    var provenance = TraceProvenance(
      program: program.name, command: commandText,
      tool: "valgrind \(valgrind.version) "
        + (own == nil ? "--tool=lackey --trace-mem=yes" : "with \(ToolBuild.title)"),
      options: "record: \(options.description)")
    provenance.shorten(to: TraceFormat.maxProvenanceBytes - TraceFormat.maxFilterNoteBytes)
    let run = try ValgrindRun(valgrind, command, processGuard)
    do throws(TraceError) {
      guard let own else { return try recordLackey(run, output, provenance, guarding, progress) }
      return try record(run, own, output, provenance, guarding, progress)
    } catch {
      run.process.destroy()
      guard error.kind == .empty, let end = run.process.end, end != .status(0) else { throw error }
      throw TraceError(
        .empty, file: command[0], problem: "\(end) before it accessed any memory that is kept",
        fix: "see what valgrind said above; it runs programs of this machine's kind that are not setuid")
    }
  }

  /// The option that names our tool, or nil for lackey.
  private func ownTool(
    _ build: ToolBuild, _ program: String, _ notice: (String) -> Void
  ) throws(TraceError) -> String? {
    if tool == .lackey { return nil }
    do throws(TraceError) {
      guard !RecordedProgram.isNarrow(program) else {
        throw TraceError(
          .system, file: program, problem: "is a 32-bit program",
          fix: "build it for 64 bits, or record with --tool lackey")
      }
      return try build.option()
    } catch {
      if tool == .own { throw error }
      notice("recording with valgrind's lackey, several times slower: \(error)")
      return nil
    }
  }

  // MARK: The tools

  private func record(
    _ run: ValgrindRun, _ tool: String, _ output: String, _ provenance: TraceProvenance, _ guarding: TemporaryGuard?,
    _ progress: (ImportProgress) -> Void
  ) throws(TraceError) -> RecordResult {
    let writer = try TraceWriter(
      path: output, layout: options.layout(), provenance: provenance, level: options.level, reading: nil,
      guarding: guarding)
    var builder = try RecordBuilder(writer: writer, options: options)
    // Valgrind's own words would be among the program's; with lackey they are in the pipe.
    try run.start(
      [tool, "--log-fd=-1", "--fetches=\(options.instructions ? "yes" : "no")"], writingTo: "--out-fd")
    var stream = AccessStream()
    try stream.read(run.bytes, &builder) { builder in
      progress(
        ImportProgress(
          bytesConsumed: run.bytes.consumed, totalBytes: nil, lines: 0, accesses: builder.accesses,
          traceBytes: builder.traceBytes))
    }
    let wasStopped = run.end()
    guard let end = run.process.end else { throw ValgrindRun.lost }
    let isCut = !wasStopped && !stream.isWhole
    if case .status = end, isCut && stream.rest > 0 {
      throw TraceError(
        .truncated, file: run.bytes.file, byte: stream.bytes, problem: "\(stream.rest) bytes of a record",
        fix: "record again, or with --tool lackey")
    }
    let accesses = builder.accesses
    guard accesses > 0 else {
      throw TraceError(
        .empty, file: command[0], problem: "made no access", fix: "record again, or with --tool lackey")
    }
    let note = "valgrind was killed: up to \(AccessStream.maxHeldAccesses) accesses before that are missing"
    return RecordResult(
      header: try builder.finish(notes: isCut ? [note] : []), accesses: accesses, end: end, wasStopped: wasStopped,
      isCut: isCut)
  }

  private func recordLackey(
    _ run: ValgrindRun, _ output: String, _ provenance: TraceProvenance, _ guarding: TemporaryGuard?,
    _ progress: (ImportProgress) -> Void
  ) throws(TraceError) -> RecordResult {
    var wasStopped = false
    let result = try TraceImporter(format: .lackey, options: options).convert(
      run.bytes, output: output, provenance: provenance, guarding: guarding,
      begin: { () throws(TraceError) in
        // A forked copy of the program writes into the same pipe, in the middle of lines, unless it is told not to.
        try run.start(["--tool=lackey", "--trace-mem=yes", "--child-silent-after-fork=yes"], writingTo: "--log-fd")
      },
      end: { wasStopped = run.end() }, progress: progress)
    guard let end = run.process.end else { throw ValgrindRun.lost }
    return RecordResult(header: result.header, accesses: result.accesses, end: end, wasStopped: wasStopped)
  }
}
