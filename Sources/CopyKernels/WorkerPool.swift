// Threads that stay, each on its CPU, and take work at once.
//
// The caller is worker 0, as in OpenMP: a pool of n has n - 1 threads of its own.

import CCopyKernels
import CPlatform
import PageCopy

#if canImport(Glibc)
  import Glibc
#endif

/// A fixed number of workers that all run the same body, each with its number.
public final class WorkerPool: Sendable {
  /// How often a worker looks for work, or the caller for the last worker, before it sleeps: some 50 us (uncalibrated).
  private static let spins: UInt32 = 2000

  /// Workers, the caller among them.
  public let count: Int
  /// CPUs of the workers in their order. The caller's is first; it is not bound unless it binds itself (`CPUBinding`).
  public let cpus: [Int]
  private let shared: SharedWork
  private let threads: [pthread_t]

  /// Starts the threads and waits until each is on its CPU.
  /// - Parameters:
  ///   - count: 1...32. More than there are CPUs is allowed: then they take turns (`isOversubscribed`) and nobody spins.
  ///   - cpus: CPUs that the workers are bound to in turns; by default those of the calling thread.
  public init(_ count: Int, cpus: [Int] = CPUBinding.allowed) throws(WorkerPoolError) {
    guard (1...CopyLimits.workers).contains(count) else { throw .threads(count) }
    guard !cpus.isEmpty else { throw .binding(cpus: [], errno: EINVAL) }
    self.count = count
    self.cpus = (0..<count).map { cpus[$0 % cpus.count] }
    let shared = SharedWork(workers: count, spins: Set(self.cpus).count < count ? 0 : Self.spins)
    self.shared = shared
    var threads: [pthread_t] = []
    var failure: WorkerPoolError?
    for worker in 1..<max(count, 1) where failure == nil {
      do { threads.append(try Self.start(Worker(number: worker, cpu: self.cpus[worker], shared: shared))) } catch {
        failure = error
      }
    }
    shared.expect(threads.count)
    if let failure = failure ?? shared.firstRefusal(self.cpus) {
      shared.stop()
      for thread in threads { pthread_join(thread, nil) }
      throw failure
    }
    self.threads = threads
  }

  deinit {
    shared.stop()
    for thread in threads { pthread_join(thread, nil) }
  }

  /// Whether workers share CPUs, so that more of them are no faster.
  public var isOversubscribed: Bool { Set(cpus).count < count }

  /// Runs the body once for each worker, 0 in the calling thread, and returns when all have ended. One call at a time: others
  /// wait. A body must not call it again.
  public func run(_ body: @escaping @Sendable (_ worker: Int) -> Void) {
    shared.begin(body)
    body(0)
    shared.end()
  }

  /// Copies a list that was shared out for as many workers.
  public func copy(_ shares: CopyShares, by kernel: CopyKernel) throws(CopyKernelError) {
    if let obstacle = kernel.obstacle() { throw .unavailable(kernel: kernel.name, obstacle) }
    let most = min(count, shares.workers)
    run { worker in
      var share = worker
      while share < shares.workers {
        // Cannot fail: the kernel is available.
        try? kernel.copy(shares.pieces(worker: share))
        share += most
      }
    }
  }

  private static func start(_ worker: Worker) throws(WorkerPoolError) -> pthread_t {
    let handle = Unmanaged.passRetained(worker)
    var thread = pthread_t()
    let code = pthread_create(&thread, nil, { enterWorker($0) }, handle.toOpaque())
    if code != 0 {
      handle.release()
      throw .start(thread: worker.number, errno: code)
    }
    return thread
  }
}

/// What a thread is given when it starts.
private final class Worker: Sendable {
  let number: Int
  let cpu: Int
  let shared: SharedWork

  init(number: Int, cpu: Int, shared: SharedWork) {
    self.number = number
    self.cpu = cpu
    self.shared = shared
  }
}

/// The body of a thread: it must belong to no actor.
private func enterWorker(_ handle: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let handle else { return nil }
  let worker = Unmanaged<Worker>.fromOpaque(handle).takeRetainedValue()
  worker.shared.work(worker.number, cpu: worker.cpu)
  return nil
}

/// All that the threads share. What is not a gate or a count is written by the caller alone, before the gate goes up, and read by
/// workers after. Callers hold the lock: one of pthreads, which ThreadSanitizer knows, as it does not know that of `Mutex`.
private final class SharedWork: @unchecked Sendable {
  private let gates: UnsafeMutablePointer<pf_gate>
  private let left: UnsafeMutablePointer<UInt32>
  private let refusals: UnsafeMutablePointer<Int32>
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let workers: Int
  private let spins: UInt32
  private var body: (@Sendable (Int) -> Void)?
  private var isOver = false

  /// New work, and its end.
  private var work: UnsafeMutablePointer<pf_gate> { gates }
  private var done: UnsafeMutablePointer<pf_gate> { gates + 1 }

  init(workers: Int, spins: UInt32) {
    self.workers = workers
    self.spins = spins
    gates = .allocate(capacity: 2)
    gates.initialize(repeating: pf_gate(), count: 2)
    left = .allocate(capacity: 1)
    // One more, which `expect` takes: the count must not reach 0 while threads are being started.
    left.initialize(to: UInt32(workers))
    lock = .allocate(capacity: 1)
    lock.initialize(to: pthread_mutex_t())
    pthread_mutex_init(lock, nil)
    refusals = .allocate(capacity: workers)
    refusals.initialize(repeating: 0, count: workers)
  }

  deinit {
    gates.deallocate()
    left.deallocate()
    pthread_mutex_destroy(lock)
    lock.deallocate()
    refusals.deallocate()
  }

  /// Waits until as many threads have bound themselves.
  func expect(_ threads: Int) {
    var rest = UInt32.max
    for _ in 0..<(workers - threads) { rest = pf_count_down(left) }
    if rest != 0 { _ = pf_gate_wait(done, 0, spins) } else { pf_gate_advance(done) }
  }

  func firstRefusal(_ cpus: [Int]) -> WorkerPoolError? {
    for worker in 1..<max(workers, 1) where refusals[worker] != 0 {
      return .binding(cpus: [cpus[worker]], errno: refusals[worker])
    }
    return nil
  }

  func begin(_ body: @escaping @Sendable (Int) -> Void) {
    pthread_mutex_lock(lock)
    guard workers > 1 else { return }
    self.body = body
    pf_count_set(left, UInt32(workers - 1))
    pf_gate_advance(work)
  }

  func end() {
    defer { pthread_mutex_unlock(lock) }
    guard workers > 1 else { return }
    ended = pf_gate_wait(done, ended, spins)
    body = nil
  }

  /// The turn of `done` that the caller saw last; the start was turn 1.
  private var ended: UInt32 = 1

  func stop() {
    isOver = true
    pf_gate_advance(work)
  }

  /// A thread's life.
  func work(_ number: Int, cpu: Int) {
    refusals[number] = pf_bind_thread(pthread_self(), Int32(clamping: cpu))
    finish()
    var seen: UInt32 = 0
    while true {
      seen = pf_gate_wait(work, seen, spins)
      if isOver { return }
      body?(number)
      finish()
    }
  }

  private func finish() {
    if pf_count_down(left) == 0 { pf_gate_advance(done) }
  }
}
