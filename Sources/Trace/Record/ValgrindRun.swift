// One program under valgrind, and the pipe that comes from it.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A run of a program under valgrind.
final class ValgrindRun {
  let process: ChildProcess
  /// What the tool writes.
  let bytes: ByteInput
  private let valgrind: Valgrind
  private let command: [String]
  private let pipe: RecordPipe

  init(_ valgrind: Valgrind, _ command: [String], _ processGuard: @escaping ProcessGuard) throws(TraceError) {
    self.valgrind = valgrind
    self.command = command
    pipe = try RecordPipe()
    process = ChildProcess(guarding: processGuard)
    bytes = ByteInput(pipe: pipe.takeReadEnd(), name: "valgrind's output", hasEnded: process.hasEnded)
  }

  /// Starts it. `outputOption` is the tool's for the descriptor that it writes to. Nobody debugs it: a gdbserver would leave its pipes in
  /// /tmp when valgrind is killed.
  func start(_ options: [String], writingTo outputOption: String) throws(TraceError) {
    let end = pipe.writeEnd
    let words = ["valgrind", "--vgdb=no"] + options + ["\(outputOption)=\(end)", "--"] + command
    try process.start(valgrind.path, words, descriptors: [(end, end)])
    pipe.closeWriteEnd()
  }

  /// Waits for the program's end. One that still writes has filled the trace, and is ended; whether it was.
  func end() -> Bool {
    // At the end of what is written the program has ended or is about to: nothing but a descriptor that is left open says so.
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

  static var lost: TraceError {
    TraceError(.system, file: "valgrind", problem: "its end went to somebody else", fix: "record again")
  }
}
