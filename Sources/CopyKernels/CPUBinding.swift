// On which CPUs a thread may run.

import CPlatform

#if canImport(Glibc)
  import Glibc
#endif

/// CPUs of the calling thread, by the kernel's numbers. sched_setaffinity(2).
public enum CPUBinding {
  /// CPUs that the calling thread may run on, ascending.
  public static var allowed: [Int] {
    var room = 256
    while true {
      var cpus = [Int32](repeating: 0, count: room)
      let count = Int(pf_allowed_cpus(&cpus, Int32(room)))
      if count <= room { return cpus.prefix(count).map(Int.init) }
      room = count
    }
  }

  /// Binds the calling thread.
  public static func bind(to cpu: Int) throws(WorkerPoolError) { try allow([cpu]) }

  /// Allows the calling thread these CPUs.
  public static func allow(_ cpus: [Int]) throws(WorkerPoolError) {
    let numbers = cpus.compactMap { Int32(exactly: $0) }
    let code = numbers.count == cpus.count ? pf_allow_cpus(numbers, Int32(numbers.count)) : EINVAL
    if code != 0 { throw .binding(cpus: cpus, errno: code) }
  }

  /// Runs `body` bound to a CPU, and lets the thread go where it might before.
  public static func bound<Result>(to cpu: Int, _ body: () throws -> Result) throws -> Result {
    try bound(to: [cpu], body)
  }

  /// The same for several CPUs. Threads that `body` starts inherit them.
  public static func bound<Result>(to cpus: [Int], _ body: () throws -> Result) throws -> Result {
    let before = allowed
    try allow(cpus)
    defer { try? allow(before) }
    return try body()
  }
}

/// Why threads did not start, or a list was not shared out.
public enum WorkerPoolError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Not 1 to 32.
  case threads(Int)
  /// The kernel would not start another thread; all that had started are gone again.
  case start(thread: Int, errno: Int32)
  /// None of the CPUs is there, or the process may not run on them.
  case binding(cpus: [Int], errno: Int32)
  /// An item's bytes are not those of its place in the list.
  case item(Int, bytes: Int, expected: Int)
  /// As many places as items are needed.
  case places(Int, items: Int)

  public var description: String {
    switch self {
    case .threads(let count): "\(count) copying threads; write 1 to 32"
    case .start(let thread, let code):
      "cannot start copying thread \(thread): \(text(code)); see ulimit -u and pids.max"
    case .binding(let cpus, let code):
      "cannot run on CPU \(cpus.map(String.init).joined(separator: ",")): \(text(code)); see taskset -p and cpuset.cpus"
    case .item(let item, let bytes, let expected): "item \(item) has \(bytes) bytes in place of \(expected)"
    case .places(let places, let items): "\(places) places for \(items) items"
    }
  }

  private func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
