// A program that was built for it hands its accesses over while it runs natively.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Records one run of a program that is linked with `InstrumentRuntime`. Its standard input, output and error are those of this
/// process.
///
/// The process recorded is the first that finds the memory: the program, or what a script around it runs. Copies that it forks
/// are not recorded, nor is what they execute.
public struct InstrumentedRecorder: Sendable {
  /// What to keep of the accesses.
  public var options: ImportOptions
  /// The program and its arguments. A name without a slash is looked up in PATH.
  public var command: [String]

  /// Times that a reader with nothing to do looks again before it sleeps.
  private static let patience = 64

  public init(_ command: [String], options: ImportOptions = ImportOptions()) {
    precondition(!command.isEmpty)
    self.command = command
    self.options = options
  }

  /// Runs the program and writes the trace `output`, which appears when the program has ended, however it did.
  ///
  /// The order of a thread's accesses is the program's; threads are merged by pieces of 4096 accesses, in the order in which the
  /// pieces became full. Gaps count loads and stores, the record's own included. Throws when the program cannot be run or made
  /// no access that the runtime saw, or as `TraceImporter.run` does; the program is ended first.
  public func run(
    output: String, commandText: String, guarding: TemporaryGuard? = nil,
    processGuard: @escaping ProcessGuard = { change in _ = change() },
    progress: (ImportProgress) -> Void = { _ in }
  ) throws(TraceError) -> RecordResult {
    try TraceImporter(options: options).checkWindow("")
    let program = RecordedProgram(command)
    let path = try program.path()
    var provenance = TraceProvenance(
      program: program.name, command: commandText, tool: "pageferry trace record --instrument",
      options: "record: \(options.description)", notes: "gaps count loads and stores, no other instructions")
    provenance.shorten(to: TraceFormat.maxProvenanceBytes - TraceFormat.maxFilterNoteBytes)
    let rings = try SharedRings(file: command[0])
    let writer = try TraceWriter(
      path: output, layout: options.layout(), provenance: provenance, level: options.level, reading: nil,
      guarding: guarding)
    var builder = try RecordBuilder(writer: writer, options: options)
    let process = ChildProcess(guarding: processGuard)
    do throws(TraceError) {
      try process.start(
        path, command, descriptors: [(rings.descriptor, rings.descriptor)],
        environment: [(SharedRings.variable, "\(rings.descriptor)")])
      try Self.read(rings, process, &builder, progress)
      let wasStopped = builder.isComplete
      rings.stop()
      if wasStopped {
        process.stop {
          usleep(2_000)
          return !process.hasEnded()
        }
      } else {
        process.waitForEnd()
      }
      guard let end = process.end else { throw Self.lost }
      try rings.check()
      guard builder.accesses > 0 else { throw empty(end, isOwned: rings.isOwned) }
      let accesses = builder.accesses
      return RecordResult(
        header: try builder.finish(), accesses: accesses, end: end, wasStopped: wasStopped, lostAccesses: rings.lost)
    } catch {
      process.destroy()
      throw error
    }
  }

  /// Reads until the program has ended and all is read, or the trace is full.
  private static func read(
    _ rings: SharedRings, _ process: ChildProcess, _ builder: inout RecordBuilder,
    _ progress: (ImportProgress) -> Void
  ) throws(TraceError) {
    var hasEnded = false
    var idle = 0
    var pieces = 0
    while !builder.isComplete {
      if try rings.readPiece(&builder) {
        idle = 0
        pieces += 1
        if pieces % 64 == 0 { progress(Self.progress(builder)) }
      } else if hasEnded {
        try rings.readOpen(&builder)
        break
      } else if idle < patience {
        idle += 1
        sched_yield()
      } else {
        try rings.check()
        rings.sleep()
        hasEnded = process.hasEnded()
        // Threads that make few accesses, or wait for others, are not kept waiting for a full piece.
        if !hasEnded, try !rings.readPiece(&builder) { try rings.readOpen(&builder) }
        progress(Self.progress(builder))
      }
    }
  }

  private static func progress(_ builder: borrowing RecordBuilder) -> ImportProgress {
    ImportProgress(
      bytesConsumed: 0, totalBytes: nil, lines: 0, accesses: builder.accesses, traceBytes: builder.traceBytes)
  }

  private func empty(_ end: ProcessEnd, isOwned: Bool) -> TraceError {
    isOwned
      ? TraceError(
        .empty, file: command[0], problem: "\(end) and made no access in code that is built to be recorded",
        fix: "compile its own files as `pageferry trace record --print-runtime DIR` says, not only the runtime")
      : TraceError(
        .empty, file: command[0], problem: "\(end) and made no access known: it is not built to be recorded",
        fix: "build it as `pageferry trace record --print-runtime DIR` says, or record it without --instrument")
  }

  private static var lost: TraceError {
    TraceError(.system, file: "", problem: "the program's end went to somebody else", fix: "record again")
  }
}
