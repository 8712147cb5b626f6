// A program's accesses straight into a trace: valgrind's lackey writes into a pipe that the importer reads.
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

  /// Bytes asked for in the pipe; Linux lets every process have as much (`/proc/sys/fs/pipe-max-size`).
  private static let pipeBytes: Int32 = 1 << 20
  /// F_SETPIPE_SZ of Linux's fcntl.h.
  private static let setPipeSize: Int32 = 1031

  public init(_ command: [String], options: ImportOptions = ImportOptions()) {
    precondition(!command.isEmpty)
    self.command = command
    self.options = options
  }

  /// Runs the program and writes the trace `output`, which appears when the program has ended, however it did.
  ///
  /// `commandText` is the command line for the provenance, cut off where it is too long. Throws when valgrind or the program
  /// cannot be run, when the program made no access, or as `TraceImporter.run` does; the program is ended first.
  public func run(
    output: String, commandText: String, guarding: TemporaryGuard? = nil,
    processGuard: @escaping ProcessGuard = { change in _ = change() },
    progress: (ImportProgress) -> Void = { _ in }
  ) throws(TraceError) -> RecordResult {
    let importer = TraceImporter(format: .lackey, options: options)
    try importer.checkWindow("")
    let valgrind = try Self.valgrind()
    let version = try Self.version(of: valgrind, processGuard)
    let program = RecordedProgram(command)
    _ = try program.path()
    var provenance = TraceProvenance(
      program: program.name, command: commandText, tool: "\(version) --tool=lackey --trace-mem=yes",
      options: "record: \(options.description)")
    provenance.shorten(to: TraceFormat.maxProvenanceBytes - TraceFormat.maxFilterNoteBytes)

    let pipe = try Self.pipe()
    var writeEnd = pipe.write
    defer { if writeEnd >= 0 { close(writeEnd) } }
    let process = ChildProcess(guarding: processGuard)
    let bytes = ByteInput(pipe: pipe.read, name: "valgrind's output", hasEnded: process.hasEnded)
    var wasStopped = false
    do throws(TraceError) {
      let result = try importer.convert(
        bytes, output: output, provenance: provenance, guarding: guarding,
        begin: { () throws(TraceError) in
          // A forked copy of the program writes into the same pipe, in the middle of lines, unless it is told not to.
          let options = ["--tool=lackey", "--trace-mem=yes", "--child-silent-after-fork=yes", "--log-fd=\(writeEnd)"]
          try process.start(valgrind, ["valgrind"] + options + ["--"] + command, descriptors: [(writeEnd, writeEnd)])
          close(writeEnd)
          writeEnd = -1
        },
        end: { wasStopped = Self.end(process, bytes) }, progress: progress)
      guard let end = process.end else { throw Self.lost }
      return RecordResult(header: result.header, accesses: result.accesses, end: end, wasStopped: wasStopped)
    } catch {
      process.destroy()
      guard error.kind == .empty, let end = process.end, end != .status(0) else { throw error }
      throw TraceError(
        .empty, file: command[0], problem: "\(end) before it accessed any memory that is kept",
        fix: "see what valgrind said above; it runs programs of this machine's kind that are not setuid")
    }
  }

  /// Waits for the program's end. One that still writes has filled the trace, and is ended; whether it was.
  private static func end(_ process: ChildProcess, _ bytes: ByteInput) -> Bool {
    // At the end of the text the program has ended or is about to: nothing but a descriptor that is left open says so.
    if bytes.isAtEnd {
      process.waitForEnd()
      return false
    }
    let scrap = UnsafeMutableRawPointer.allocate(byteCount: 1 << 16, alignment: 8)
    defer { scrap.deallocate() }
    // It cannot take the signal while it waits for room in the pipe.
    process.stop { (try? bytes.readSome(into: scrap, count: 1 << 16)) ?? 0 > 0 }
    return true
  }

  private static var lost: TraceError {
    TraceError(.system, file: "valgrind", problem: "its end went to somebody else", fix: "record again")
  }

  // MARK: What must be there

  private static func valgrind() throws(TraceError) -> String {
    switch ProgramSearch.find("valgrind") {
    case .found(let path): return path
    case .missing:
      throw TraceError(
        .system, file: "valgrind", problem: "is not installed",
        fix: "apt-get install valgrind, or put its folder in PATH")
    case .notExecutable(let path):
      throw TraceError(
        .system, file: path, problem: "is not executable", fix: "apt-get install --reinstall valgrind")
    }
  }

  /// `valgrind 3.19.0`.
  private static func version(of valgrind: String, _ processGuard: @escaping ProcessGuard) throws(TraceError) -> String
  {
    let pipe = try Self.pipe()
    let process = ChildProcess(guarding: processGuard)
    let bytes = ByteInput(pipe: pipe.read, name: valgrind, hasEnded: process.hasEnded)
    defer { process.destroy() }
    do {
      defer { close(pipe.write) }
      try process.start(valgrind, ["valgrind", "--version"], descriptors: [(pipe.write, STDOUT_FILENO)])
    }
    var text: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256, alignment: 1)
    defer { buffer.deallocate() }
    while text.count < 1024, let start = buffer.baseAddress {
      let n = try bytes.readSome(into: start, count: buffer.count)
      if n == 0 { break }
      text += buffer.prefix(n)
    }
    let line = String(decoding: text.prefix { $0 >= 0x20 && $0 < 0x7F }, as: UTF8.self)
    guard line.hasPrefix("valgrind-") else {
      throw TraceError(
        .system, file: valgrind, problem: "does not state its version", fix: "apt-get install --reinstall valgrind")
    }
    return "valgrind " + line.dropFirst("valgrind-".count)
  }

  /// Both ends close on exec.
  private static func pipe() throws(TraceError) -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    guard openPipe(&ends) == 0 else {
      throw TraceError.system("pipe", "valgrind", fix: "close other programs' files")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    // A smaller pipe works too.
    _ = fcntl(ends[1], setPipeSize, pipeBytes)
    return (ends[0], ends[1])
  }
}

/// pipe(2), under a name that no method hides.
private func openPipe(_ ends: inout [Int32]) -> Int32 { pipe(&ends) }
