// What recorders of any kind do about the program: is it there, what is it called, how is it made to end.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a recording did.
public struct RecordResult: Sendable, Equatable {
  /// The header of the trace written.
  public var header: TraceHeader
  /// Accesses found, before filter and window.
  public var accesses: Int
  /// How the program ended.
  public var end: ProcessEnd
  /// Whether it was ended because the trace had all records asked for.
  public var wasStopped: Bool
  /// Accesses of signal handlers that an instrumented program could not hand over.
  public var lostAccesses = 0
  /// Whether its last accesses, at most `AccessStream.maxHeldAccesses`, may be missing: it was killed before valgrind could hand
  /// them over.
  public var isCut = false

  /// Whether the program was not stopped and did not end with status 0.
  public var hasFailed: Bool { !wasStopped && end != .status(0) }
}

/// A program and its arguments. A name without a slash is looked up in PATH.
struct RecordedProgram {
  let command: [String]

  init(_ command: [String]) {
    precondition(!command.isEmpty)
    self.command = command
  }

  /// Its file, without the folder.
  var name: String { command[0].split(separator: "/").last.map(String.init) ?? command[0] }

  /// Where it is; throws when there is none that may be run.
  func path() throws(TraceError) -> String {
    let name = command[0]
    switch ProgramSearch.find(name) {
    case .found(let path): return path
    case .missing:
      throw TraceError(
        .system, file: name, problem: "there is no such program",
        fix: name.utf8.contains(0x2F)
          ? "check its path" : "check its name and PATH, or write ./\(name) for one in this folder")
    case .notExecutable(let path):
      throw TraceError(.system, file: path, problem: "is no program that may be run", fix: "chmod +x, or name another")
    }
  }
}

extension RecordedProgram {
  /// Whether `path`, or the interpreter of the script that it is, is an ELF file for 32 bits (elf(5), EI_CLASS).
  static func isNarrow(_ path: String) -> Bool {
    var path = path
    // Linux follows as many scripts (execve(2)).
    for _ in 0..<5 {
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { return false }
      defer { close(descriptor) }
      var head = [UInt8](repeating: 0, count: 256)
      let count = pread(descriptor, &head, head.count, 0)
      guard count > 4 else { return false }
      if head.starts(with: [0x7F, 0x45, 0x4C, 0x46]) { return head[4] == 1 }
      guard head.starts(with: [0x23, 0x21]) else { return false }
      let line = head.prefix(count).dropFirst(2).prefix { $0 != 0x0A }
      guard let word = line.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 }).first else { return false }
      path = String(decoding: word, as: UTF8.self)
    }
    return false
  }
}

extension ChildProcess {
  /// Seconds that a stopped program has to end after SIGTERM.
  private static var grace: Duration { .seconds(5) }

  /// Ends a program whose trace is full: asks it to, then makes it. `takeMore` is called meanwhile for as long as it says that
  /// more may come.
  func stop(while takeMore: () -> Bool) {
    send(SIGTERM)
    let deadline = ContinuousClock.now + Self.grace
    while ContinuousClock.now < deadline, takeMore() {}
    if !hasEnded() && ContinuousClock.now >= deadline { send(SIGKILL) }
    wait()
  }

  /// Waits for the end of a program that ends by itself.
  func waitForEnd() {
    wait()
    // An interrupt from the terminal comes to the program and to this process: it is for this process to say what that means.
    if case .signal = end { usleep(50_000) }
    _ = hasEnded()
  }
}
