// Who moves real bytes: this thread, pinned workers, a device. Which of them is a matter of knobs, as in the model.

import CCopyKernels
import CopyBench
import CopyKernels
import DSAModel
import Host
import PageCopy
import Portals
import Units

#if canImport(Glibc)
  import Glibc
#endif

/// The copy engines of a run on this machine. Threads and devices are made when a list first wants them.
public final class RealEngines {
  /// Least time that a record is waited for: threads that stand for a device may have to wait for a CPU themselves. Uncalibrated.
  private static let leastTimeout = 10 * Picoseconds.second

  private let cpus: [Int]
  private let workers = PoolWorkers()
  private let root: HostRoot
  private var portals: [any HostPortal] = []
  private var portalWords: String?
  private var copier: HostCopy?
  /// The knobs that `copier` has.
  private var knobs: CopyKnobs?
  private var memory: [UnsafeRawBufferPointer] = []
  private(set) var remarks: [String] = []
  private var hasFailed = false

  /// - Parameters:
  ///   - cpus: CPUs of workers; by default those of the calling thread.
  ///   - root: where queues are looked for.
  public init(cpus: [Int] = CPUBinding.allowed, root: HostRoot = .machine) {
    self.cpus = cpus
    self.root = root
  }

  static func nanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  /// Memory that lists will be copied in: devices are told when there are any.
  func register(_ memory: UnsafeRawBufferPointer) { self.memory.append(memory) }

  /// What copied, in words.
  var descriptions: [String] {
    var words = ["pages one by one: copy kernel \(kernel(true)), for demoted pages \(kernel(false))"]
    if let portalWords { words.append("lists to DSA: \(portalWords)") }
    if workers.count > 0 { words.append("lists to several CPUs: \(workers.count) pinned threads") }
    return words
  }

  private func kernel(_ isUsedNext: Bool) -> CopyKernel { isUsedNext ? workers.near : workers.far }

  /// Copies with the calling thread.
  func copySerially(_ pieces: [CopyPiece], isUsedNext: Bool) {
    // Both are kernels that this CPU has.
    try? kernel(isUsedNext).copy(pieces)
  }

  /// A list that stands ready.
  struct Prepared {
    var pages: [CopyPage]
    var pieces: [CopyPiece]
  }

  /// Makes threads and devices that a list may want under these knobs.
  func prepare(_ pieces: [CopyPiece], knobs: CopyKnobs, isUsedNext: Bool) -> Prepared {
    workers.isUsedNext = isUsedNext
    if knobs.cpuMultiCopyPages { reserveWorkers(knobs.limitMTNum) }
    if self.knobs != knobs {
      self.knobs = knobs
      copier = makeCopier(knobs)
    }
    let pages = pieces.compactMap { piece -> CopyPage? in
      guard let from = piece.from, let to = piece.to else { return nil }
      return CopyPage(from: from, to: to, order: piece.bytes == Page.size ? 0 : Page.hugeOrder)
    }
    return Prepared(pages: pages, pieces: pieces)
  }

  /// Copies a list; who did.
  func copy(_ list: Prepared, isSingle: Bool, cpus: Int) -> CopyMethod {
    do {
      guard let result = try copier?.copy(list.pages, isSingle: isSingle, cpus: cpus) else {
        try kernel(workers.isUsedNext).copy(list.pieces)
        return .cpu
      }
      if result.takenOver > 0 || result.timeouts > 0 {
        remark("DSA failed, and CPUs copied in its place (first error: \(result.firstError.words))")
      }
      switch result.engine {
      case .dsa: return .dsa
      case .workers: return workers.count > 0 ? .workers : .cpu
      case .pageByPage, .nothing: return .cpu
      }
    } catch {
      remark("a list could not be planned (\(error)): this thread copied it")
      copySerially(list.pieces, isUsedNext: workers.isUsedNext)
      return .cpu
    }
  }

  private func remark(_ text: String) { if !remarks.contains(text) { remarks.append(text) } }

  // MARK: What lists want

  private func reserveWorkers(_ wanted: Int) {
    do throws(WorkerPoolError) {
      try workers.reserve(min(wanted, CopyLimits.workers), cpus: cpus)
      if wanted > cpus.count {
        remark("vm.limit_mt_num is \(wanted) and this process has \(cpus.count) CPUs: the workers take turns on them")
      }
    } catch { remark("no copying threads: \(error); this thread copies their shares") }
  }

  private func makeCopier(_ wanted: CopyKnobs) -> HostCopy? {
    for memory in memory { copier?.channels.unregister(memory) }
    var knobs = wanted
    knobs.dsaTimeout = max(knobs.dsaTimeout, Self.leastTimeout)
    if knobs.useDSACopyPages, knobs.dsaState, !openPortals(knobs.limitChans) {
      knobs.useDSACopyPages = false
    }
    do throws(HostCopyError) {
      let channels = try HostChannels(portals, knobs: knobs, workers: workers)
      for memory in memory { channels.register(memory) }
      return HostCopy(channels)
    } catch {
      remark("\(error): one CPU copies lists")
      return nil
    }
  }

  /// Queues of this machine, or a device of threads; false where there are neither.
  private func openPortals(_ channels: Int) -> Bool {
    if hasFailed { return false }
    if portals.count >= channels { return true }
    var queues: [HardwareQueue] = []
    for queue in IdxdDevices(root).workQueues.compactMap({ HardwareQueueDescription($0) })
    where queues.count < CopyLimits.channels {
      do throws(HardwareQueueError) { queues.append(try HardwareQueue.open(queue)) } catch {
        remark("a work queue of this machine cannot be used: \(error)")
      }
    }
    if queues.count >= channels {
      portals = queues
      for retreat in queues.compactMap(\.retreat) { remark(retreat) }
      portalWords = "\(queues.count) work queues of this machine"
      return true
    }
    if !queues.isEmpty {
      remark("this machine has \(queues.count) work queues for processes, and vm.limit_chans is \(channels)")
    }
    do {
      let engines = max(1, min(cpus.count - 1, PortalOffers.mostEngines))
      let device = try SoftwareDevice(.software(channels: CopyLimits.channels, engines: engines))
      portals = device.portals
      portalWords =
        "software DSA, \(CopyLimits.channels) channels, \(engines) engine\(engines == 1 ? "" : "s") (threads of this process)"
      return true
    } catch {
      remark("there is no software DSA either: \(error); CPUs copy in its place")
      hasFailed = true
      return false
    }
  }
}

/// Threads that stay, and the kernel that suits what is copied.
final class PoolWorkers: HostWorkers, @unchecked Sendable {
  // Changed by the copying thread between lists alone; workers are let at a list after.
  private var pool: WorkerPool?
  let near = CopyKernel.best(destinationUsedNext: true)
  let far = CopyKernel.best(destinationUsedNext: false)
  var isUsedNext = true

  /// Threads that there are, the caller among them; 0 before any was wanted.
  var count: Int { pool?.count ?? 0 }

  func reserve(_ count: Int, cpus: [Int]) throws(WorkerPoolError) {
    guard self.count < count else { return }
    pool = nil
    pool = try WorkerPool(count, cpus: cpus)
  }

  var copy: CopyFunction {
    let kernel = isUsedNext ? near : far
    return { to, from, bytes in
      let piece = CopyPiece(to: to, from: from, bytes: bytes)
      // A kernel that this CPU has.
      withUnsafePointer(to: piece) { try? kernel.copy(UnsafeBufferPointer(start: $0, count: 1)) }
    }
  }

  func run(shares: Int, _ body: @escaping @Sendable (Int) -> Void) {
    guard let pool else {
      for share in 0..<shares { body(share) }
      return
    }
    let count = pool.count
    pool.run { worker in
      for share in stride(from: worker, to: shares, by: count) { body(share) }
    }
  }
}
