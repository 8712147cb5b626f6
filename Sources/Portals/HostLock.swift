// A mutex and a thread of the machine.

import CPlatform

#if canImport(Glibc)
  import Glibc
#endif

/// pthread_mutex_t: unlike Swift's own `Mutex`, a sanitizer of threads sees it.
final class HostLock: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  init() {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  @inline(__always)
  func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }
}

/// A thread that is joined once.
final class HostThread: @unchecked Sendable {
  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  private var thread = pthread_t()

  /// Starts a thread; nil when the system has none to give.
  init?(_ run: @escaping @Sendable () -> Void) {
    let body = Unmanaged.passRetained(Body(run))
    let error = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, body.toOpaque())
    if error != 0 {
      body.release()
      return nil
    }
  }

  /// Binds it to a CPU: 0, or an errno.
  func bind(to cpu: Int) -> Int32 { pf_bind_thread(thread, Int32(clamping: cpu)) }

  /// Waits for its end.
  func join() { pthread_join(thread, nil) }
}
