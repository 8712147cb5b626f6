// Names the seed when a run traps or hangs: a process that dies cannot report a test failure.
#if canImport(Glibc)
  import Glibc
#endif

/// The seed that is being run, for the signal handlers. One test runs at a time.
nonisolated(unsafe) private var runningSeed: UInt64 = 0

/// Prints the running seed on stderr when the process is about to die.
enum LastWords {
  /// Seconds one run may take before it counts as hung.
  #if DEBUG
    static let patience: UInt32 = 600
  #else
    static let patience: UInt32 = 60
  #endif

  static func install() {
    for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGALRM] {
      signal(number) { number in
        LastWords.say()
        signal(number, SIG_DFL)
        // A hang becomes an abort, so that the run ends.
        raise(number == SIGALRM ? SIGKILL : number)
      }
    }
  }

  static func begin(_ seed: UInt64) {
    runningSeed = seed
    alarm(patience)
  }

  static func end() { alarm(0) }

  /// Only what a signal handler may do: no allocation.
  private static func say() {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { buffer in
      var length = 0
      for byte in "\nfuzz: died on seed ".utf8 {
        buffer[length] = byte
        length += 1
      }
      var divisor: UInt64 = 1
      while runningSeed / divisor >= 10 { divisor *= 10 }
      while divisor > 0 {
        buffer[length] = UInt8(ascii: "0") + UInt8(runningSeed / divisor % 10)
        length += 1
        divisor /= 10
      }
      buffer[length] = UInt8(ascii: "\n")
      _ = write(2, buffer.baseAddress!, length + 1)
    }
  }
}
