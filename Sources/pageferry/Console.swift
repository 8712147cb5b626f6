// Standard output and standard error, exit statuses, and what an interrupt removes.

import Foundation
import Report
import Synchronization

/// What the process tells its caller.
enum ExitStatus: Int32 {
  case ok = 0
  /// The run failed, or a file could not be read or written.
  case failure = 1
  /// Bad arguments, a bad knob, a bad workload file.
  case usage = 2
}

/// An error whose text is ready; an empty one has been printed.
struct Failure: Error {
  var message: String
  var status: ExitStatus
}

func exit(status: ExitStatus) -> Never { Foundation.exit(status.rawValue) }

/// The two streams.
enum Console {
  /// Writes to standard output; a full disk or a closed pipe is an error.
  static func out(_ text: String) throws(Failure) {
    guard write(text, to: STDOUT_FILENO) else {
      throw Failure(message: "standard output: cannot write: \(String(cString: strerror(errno)))", status: .failure)
    }
  }

  /// `pageferry: message` on standard error, on one line.
  static func error(_ message: String) {
    plain("pageferry: \(message.split(separator: "\n").joined(separator: " "))\n")
  }

  /// Text on standard error as it is.
  static func plain(_ text: String) { _ = write(text, to: STDERR_FILENO) }

  static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  private static func write(_ text: String, to descriptor: Int32) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        let count = Foundation.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return false }
        done += count
      }
      return true
    }
  }
}

/// Ends the process on SIGINT, SIGTERM and SIGHUP without leaving a half-written file or directory, or a program it started.
enum Interrupt {
  private struct Remains {
    var path: String?
    var process: Int32?
  }

  private static let remains = Mutex(Remains())

  /// The file or directory to remove, or nil when it has its final name.
  static func removes(_ path: String?) { remains.withLock { $0.path = path } }

  /// Makes what is to be removed; an interrupt comes before or after, not in between.
  static func removes(_ path: String, madeBy make: () -> Bool) { remains.withLock { if make() { $0.path = path } } }

  /// Starts or reaps a program; what `change` answers is the process to end, or nil when none runs.
  static func ends(changedBy change: () -> Int32?) { remains.withLock { $0.process = change() } }

  /// Starts to watch. The signals are taken by a thread of their own, so that it may do whatever a thread may.
  static func watch() {
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let waited = signals
    Thread.detachNewThread {
      var set = waited
      var signal: Int32 = 0
      while sigwait(&set, &signal) != 0 {}
      // The lock is kept: nobody commits from here on.
      remains.withLock { left in
        if let path = left.path, unlink(path) != 0 { RunDirectory.remove(path) }
        if let process = left.process { end(process) }
        if Console.errorIsTerminal { Console.plain("\r\u{1B}[K") }
        Console.error("interrupted" + (left.path == nil ? "" : "; nothing was written"))
        _exit(128 + signal)
      }
    }
  }

  /// Asks a program to end, and makes it after two seconds.
  private static func end(_ process: Int32) {
    kill(process, SIGTERM)
    for _ in 0..<200 {
      if waitpid(process, nil, WNOHANG) != 0 { return }
      usleep(10_000)
    }
    kill(process, SIGKILL)
    waitpid(process, nil, 0)
  }
}
