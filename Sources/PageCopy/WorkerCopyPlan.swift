// How the multithreaded CPU copy shares out its work.
//
// Source: kernels-with-dsa, copy_page_lists_mt and copy_page_multithread, which are Nimble's (mm/copy_page.c) but for where
// workers run.

import Units

/// By what a list is shared out.
public enum WorkerSplit: String, Sendable, Equatable, CaseIterable {
  /// The original: by items, a huge page like a base page, so that one worker may get all huge pages. With fewer items than
  /// workers each page is cut into a slice for each worker.
  case items
  /// Equal bytes: shares differ by at most one base page, or by a cache line where there are fewer pages than workers.
  case bytes
}

/// The shares of the workers. No byte is lost: what does not divide goes to the last worker, where the original leaves it
/// uncopied.
public struct WorkerCopyPlan: Sendable, Equatable {
  /// Bytes in a cache line, the least that is cut off for a worker.
  private static let line = 64

  public let list: PageList
  /// 1...32.
  public let workers: Int
  public let split: WorkerSplit

  /// Shares out a list.
  /// - Parameters:
  ///   - limit: `vm.limit_mt_num`.
  ///   - cpus: CPUs of the node whose CPUs copy: that of the CPU that migrates, since a slow node may have none.
  public init(_ list: PageList, limit: Int, cpus: Int, split: WorkerSplit = .bytes) throws(WorkerCopyError) {
    self.list = list
    self.split = split
    workers = try Self.workers(limit: limit, cpus: cpus)
  }

  /// Shares out one huge page: an even number of workers, each with a slice.
  public init(hugePageWithLimit limit: Int, cpus: Int) throws(WorkerCopyError) {
    let most = try Self.workers(limit: limit, cpus: cpus, isEven: true)
    list = PageList(huge: 1)
    workers = most
    split = .items
  }

  private static func workers(limit: Int, cpus: Int, isEven: Bool = false) throws(WorkerCopyError) -> Int {
    var count = min(limit, cpus)
    if isEven, count > 1 { count -= count % 2 }
    guard count >= 1 else { throw WorkerCopyError.noWorkers(limit: limit, cpus: cpus) }
    guard count <= CopyLimits.workers else { throw WorkerCopyError.tooManyWorkers(count) }
    return count
  }

  /// Whether each item is cut into a slice for each worker.
  private var cutsItems: Bool { split == .items && list.count < workers }

  /// What a worker copies, in order.
  public func slices(worker: Int) -> [PageSlice] {
    if cutsItems {
      return (0..<list.count).map { item in
        let bytes = list[item].bytes
        let share = bytes / workers
        let isLast = worker == workers - 1
        return PageSlice(item: item, offset: share * worker, bytes: isLast ? bytes - share * worker : share)
      }
    }
    let (from, to) = range(worker)
    return slices(from: from, to: to)
  }

  /// Bytes of a worker.
  public func bytes(worker: Int) -> Int {
    if cutsItems { return slices(worker: worker).reduce(0) { $0 + $1.bytes } }
    let (from, to) = range(worker)
    return to - from
  }

  /// A worker's bytes, counted through the whole list.
  private func range(_ worker: Int) -> (from: Int, to: Int) {
    switch split {
    case .items:
      let (share, rest) = list.count.quotientAndRemainder(dividingBy: workers)
      let first = share * worker + min(worker, rest)
      return (list.bytesBefore(first), list.bytesBefore(first + share + (worker < rest ? 1 : 0)))
    case .bytes:
      let unit = list.weight >= workers ? Page.size : Self.line
      let units = list.bytes / unit
      return (units * worker / workers * unit, units * (worker + 1) / workers * unit)
    }
  }

  private func slices(from: Int, to: Int) -> [PageSlice] {
    var slices: [PageSlice] = []
    var at = from
    var item = firstItem(at: from)
    while at < to {
      let start = list.bytesBefore(item)
      let end = start + list[item].bytes
      slices.append(PageSlice(item: item, offset: at - start, bytes: min(end, to) - at))
      at = min(end, to)
      item += 1
    }
    return slices
  }

  /// The item that has the byte.
  private func firstItem(at byte: Int) -> Int {
    var low = 0
    var high = list.count
    while low < high {
      let middle = (low + high) / 2
      if list.bytesBefore(middle + 1) <= byte { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// Why there are no workers; the caller copies page by page.
public enum WorkerCopyError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The limit or the node's CPUs are 0. The original's list copy divides by zero; that of one huge page answers ENODEV.
  case noWorkers(limit: Int, cpus: Int)
  /// More than 32: ENODEV.
  case tooManyWorkers(Int)

  public var description: String {
    switch self {
    case .noWorkers(let limit, let cpus): "no workers: vm.limit_mt_num is \(limit), CPUs of the node are \(cpus)"
    case .tooManyWorkers(let count): "\(count) workers; at most \(CopyLimits.workers) copy together"
    }
  }
}
