// The engines that CPUs are, by name.

import CopyKernels
import PageCopy
import Synchronization

/// Engines that can be asked for.
public struct EngineCatalog: Sendable {
  public let offers: [EngineOffer]
  private let cpus: [Int]

  /// - Parameters:
  ///   - cpus: CPUs that may copy; the first is the caller's.
  ///   - threads: numbers of threads, each offered by items and by bytes.
  ///   - others: engines that are no CPUs.
  public init(cpus: [Int], threads: [Int], others: [EngineOffer] = []) {
    self.cpus = cpus
    let serial = CopyKernel.all.map(Self.offer)
    let shared = threads.flatMap { count in
      [WorkerSplit.items, .bytes].map { Self.offer(count, $0, .best(destinationUsedNext: false), cpus: cpus) }
    }
    offers = serial + shared + others
  }

  /// The engine of a name: one that is offered, `mt:N:items|bytes[:kernel]`, or `dsa:software:CHANNELSxENGINES`.
  public func offer(_ name: String) throws(CopyBenchError) -> EngineOffer {
    if let offer = offers.first(where: { $0.name == name }) { return offer }
    if let offer = PortalOffers.software(named: name, cpus: cpus) { return offer }
    let words = name.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    if words.first == "mt" {
      let kernel = words.count < 4 ? .best(destinationUsedNext: false) : CopyKernel(name: words[3])
      let split = words.count < 3 ? .bytes : WorkerSplit(rawValue: words[2])
      if (2...4).contains(words.count), let count = Int(words[1]), let kernel, let split {
        guard (1...CopyLimits.workers).contains(count) else { throw .threads(count) }
        return Self.offer(count, split, kernel, cpus: cpus, name: name)
      }
    }
    throw .unknownEngine(name, offered: offers.map(\.name))
  }

  private static func offer(_ kernel: CopyKernel) -> EngineOffer {
    let use = kernel.fillsCaches ? "through the caches" : "past the caches"
    return EngineOffer(
      name: kernel.name, words: "one thread, \(use)", threads: 1, obstacle: kernel.obstacle()
    ) { SerialEngine(kernel) }
  }

  private static func offer(
    _ count: Int, _ split: WorkerSplit, _ kernel: CopyKernel, cpus: [Int], name: String? = nil
  ) -> EngineOffer {
    let plain = "mt:\(count):\(split.rawValue)"
    let name = name ?? plain
    let remark = "\(name): \(count) threads take turns on \(cpus.count) CPU\(cpus.count == 1 ? "" : "s")"
    return EngineOffer(
      name: name, words: "\(count) threads, shares by \(split.rawValue), \(kernel)", threads: count,
      obstacle: kernel.obstacle(), remarks: count > cpus.count ? [remark] : [],
      takesTurns: count > cpus.count
    ) { WorkerEngine(try WorkerPool(count, cpus: cpus), kernel, split) }
  }
}
