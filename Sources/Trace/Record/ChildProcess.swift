// Another program: found, started, ended, waited for.
import CPlatform

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// How a program ended.
public enum ProcessEnd: Equatable, Sendable, CustomStringConvertible {
  /// It called exit(3) with this status, 0 to 255.
  case status(Int32)
  /// This signal killed it.
  case signal(Int32)

  /// From the status word of waitpid(2).
  init(word: Int32) {
    self = word & 0x7F == 0 ? .status(word >> 8 & 0xFF) : .signal(word & 0x7F)
  }

  public var description: String {
    switch self {
    case .status(let status): "ended with status \(status)"
    case .signal(let signal): "was killed by signal \(signal) (\(String(cString: strsignal(signal))))"
    }
  }
}

/// Calls `change`, which starts or reaps the program and answers the number of the process that now runs, or nil. A caller that
/// may be interrupted sees to the end of that process from then on.
public typealias ProcessGuard = (_ change: () -> Int32?) -> Void

/// Where the shell would find a program.
enum ProgramSearch: Equatable {
  case found(String)
  case missing
  /// There is a file, which may not be run or is no program.
  case notExecutable(String)

  /// Looks for `name` as execvp(3) does: in PATH, unless there is a slash in it.
  static func find(_ name: String) -> ProgramSearch {
    if name.utf8.contains(0x2F) { return look(name) ?? .missing }
    let path = getenv("PATH").map { String(cString: $0) } ?? "/bin:/usr/bin"
    var refused: ProgramSearch?
    for folder in path.split(separator: ":", omittingEmptySubsequences: false) {
      switch look(folder.isEmpty ? "./" + name : folder + "/" + name) {
      case .found(let program): return .found(program)
      case let other: refused = refused ?? other
      }
    }
    return refused ?? .missing
  }

  private static func look(_ path: String) -> ProgramSearch? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0 ? .found(path) : .notExecutable(path)
  }
}

/// One run of a program. Standard input, output and error are those of this process unless `start` is told otherwise.
final class ChildProcess {
  /// How it ended, once that is known.
  private(set) var end: ProcessEnd?
  private var number: Int32?
  private let guarding: ProcessGuard

  init(guarding: @escaping ProcessGuard) { self.guarding = guarding }

  /// Starts `path`. Of the descriptors that this process closes on exec, the program gets `descriptors`, under the second
  /// numbers, and the variables `environment` beside this process's. Signals that are blocked here to be waited for are not blocked
  /// there.
  func start(
    _ path: String, _ arguments: [String], descriptors: [(own: Int32, its: Int32)],
    environment: [(name: String, value: String)] = []
  ) throws(TraceError) {
    var code: Int32 = 0
    guarding {
      var started: Int32 = 0
      code = Self.spawn(path, arguments, descriptors, environment, &started)
      if code == 0 { number = started }
      return number
    }
    guard code == 0 else {
      errno = code
      throw TraceError.system("cannot start", path)
    }
  }

  private static func spawn(
    _ path: String, _ arguments: [String], _ descriptors: [(own: Int32, its: Int32)],
    _ environment: [(name: String, value: String)], _ number: inout Int32
  ) -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in descriptors { posix_spawn_file_actions_adddup2(&actions, descriptor.own, descriptor.its) }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    pthread_sigmask(SIG_BLOCK, nil, &signals)
    for signal in [SIGINT, SIGTERM, SIGHUP] { sigdelset(&signals, signal) }
    posix_spawnattr_setsigmask(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    let added: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.name)=\($0.value)") }
    defer { for word in added { free(word) } }
    var variables = variables(without: environment.map(\.name)) + added + [nil]
    return posix_spawn(&number, path, &actions, &attributes, &words, &variables)
  }

  /// This process's environment but for the variables `names`; as pointers, for they need not be UTF-8.
  private static func variables(without names: [String]) -> [UnsafeMutablePointer<CChar>?] {
    var kept: [UnsafeMutablePointer<CChar>?] = []
    var next = pf_environment()
    while let place = next, let variable = place.pointee {
      if !names.contains(where: { strncmp(variable, $0 + "=", $0.utf8.count + 1) == 0 }) { kept.append(variable) }
      next = place + 1
    }
    return kept
  }

  /// Whether it has ended, now or before; a program that never started has.
  func hasEnded() -> Bool {
    guard let running = number else { return true }
    guarding {
      var word: Int32 = 0
      let reaped = waitpid(running, &word, WNOHANG)
      if reaped == running { end = ProcessEnd(word: word) }
      if reaped == running || reaped < 0 && errno == ECHILD { number = nil }
      return number
    }
    return number == nil
  }

  /// Waits for its end. It does so in short sleeps, for whoever guards the process may want to end it in between.
  func wait() { while !hasEnded() { usleep(2_000) } }

  /// Sends it a signal.
  func send(_ signal: Int32) {
    if let number { kill(number, signal) }
  }

  /// Ends it for good.
  func destroy() {
    send(SIGKILL)
    wait()
  }
}
