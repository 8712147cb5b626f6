// Who copies on CPUs.

#if canImport(Glibc)
  import Glibc
#endif

/// CPUs that copy: one at a time, or several together.
public protocol HostWorkers: Sendable {
  /// Copies bytes between places that do not overlap.
  var copy: CopyFunction { get }

  /// Calls the body once for each share, 0..<shares, perhaps at the same time, and returns when all have ended.
  func run(shares: Int, _ body: @escaping @Sendable (Int) -> Void)
}

/// A thread for each share, made for the occasion; the caller has the first. Pools that stay are faster.
public struct ThreadWorkers: HostWorkers {
  public let copy: CopyFunction

  public init(copy: @escaping CopyFunction = { memcpy($0, $1, $2) }) { self.copy = copy }

  public func run(shares: Int, _ body: @escaping @Sendable (Int) -> Void) {
    var threads: [HostThread] = []
    for share in 1..<max(shares, 1) {
      // Without a thread the caller does the share.
      if let thread = HostThread({ body(share) }) { threads.append(thread) } else { body(share) }
    }
    if shares > 0 { body(0) }
    for thread in threads { thread.join() }
  }
}
