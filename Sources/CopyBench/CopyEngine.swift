// What copies a list, and whether this machine has it. Further engines (portals of DSA) are further offers.

import CopyKernels
import PageCopy

/// Pages of a list with their addresses. The memory is the caller's.
public struct PlacedList: Sendable {
  public let list: PageList
  /// From where to where each item goes; bytes are those of the item's kind.
  public let places: [CopyPiece]
  /// The same bytes in as few pieces as possible: items that follow each other at both ends are one.
  public let pieces: [CopyPiece]

  public init(_ list: PageList, places: [CopyPiece]) {
    self.list = list
    self.places = places
    var pieces: [CopyPiece] = []
    for place in places {
      if let last = pieces.last, last.to + last.bytes == place.to, last.from + last.bytes == place.from {
        pieces[pieces.count - 1].bytes += place.bytes
      } else {
        pieces.append(place)
      }
    }
    self.pieces = pieces
  }
}

/// Copies lists. One thread at a time uses it.
public protocol CopyEngine: AnyObject {
  /// What is to be said of its numbers now that it is open; what could be said before stands in the offer.
  var remarks: [String] { get }

  /// Makes all that a copy of this list needs, as often as it is copied. Not timed.
  func prepare(_ list: PlacedList) throws -> any PreparedCopy
}

extension CopyEngine {
  public var remarks: [String] { [] }
}

/// A list that an engine is ready to copy.
public protocol PreparedCopy: AnyObject {
  /// Copies the whole list and returns when every byte is visible to the caller. Timed.
  func copy() throws
}

/// An engine by name, and why it is not to be had where it is not.
public struct EngineOffer: Sendable {
  /// As `--engines` takes it: `memcpy`, `mt:2:bytes`.
  public let name: String
  /// What it does, in a few words.
  public let words: String
  /// CPUs that copy; 0 where a device does.
  public let threads: Int
  /// What keeps it from running here, and what would enable it; nil when nothing does.
  public let obstacle: KernelObstacle?
  /// What is to be said of its numbers.
  public let remarks: [String]
  /// Whether its threads are more than its CPUs: they take these from each other, in every copy.
  public let takesTurns: Bool
  private let make: @Sendable () throws -> any CopyEngine

  public init(
    name: String, words: String, threads: Int, obstacle: KernelObstacle? = nil, remarks: [String] = [],
    takesTurns: Bool = false, make: @escaping @Sendable () throws -> any CopyEngine
  ) {
    self.name = name
    self.words = words
    self.threads = threads
    self.obstacle = obstacle
    self.remarks = remarks
    self.takesTurns = takesTurns
    self.make = make
  }

  /// The engine.
  /// - Throws: `CopyBenchError` with the obstacle where there is one; what its start throws.
  public func open() throws -> any CopyEngine {
    if let obstacle { throw CopyBenchError.unavailable(engine: name, obstacle) }
    return try make()
  }
}

/// One thread and one kernel.
final class SerialEngine: CopyEngine {
  private let kernel: CopyKernel

  init(_ kernel: CopyKernel) { self.kernel = kernel }

  func prepare(_ list: PlacedList) -> any PreparedCopy { Prepared(kernel: kernel, shares: CopyShares(list.pieces)) }

  private final class Prepared: PreparedCopy {
    let kernel: CopyKernel
    let shares: CopyShares

    init(kernel: CopyKernel, shares: CopyShares) {
      self.kernel = kernel
      self.shares = shares
    }

    func copy() throws { try kernel.copy(shares.pieces(worker: 0)) }
  }
}

/// Several threads that share the list, each with one kernel.
final class WorkerEngine: CopyEngine {
  private let pool: WorkerPool
  private let kernel: CopyKernel
  private let split: WorkerSplit

  init(_ pool: WorkerPool, _ kernel: CopyKernel, _ split: WorkerSplit) {
    self.pool = pool
    self.kernel = kernel
    self.split = split
  }

  func prepare(_ list: PlacedList) throws -> any PreparedCopy {
    Prepared(
      pool: pool, kernel: kernel,
      shares: try CopyShares(list.list, places: list.places, workers: pool.count, split: split))
  }

  private final class Prepared: PreparedCopy {
    let pool: WorkerPool
    let kernel: CopyKernel
    let shares: CopyShares

    init(pool: WorkerPool, kernel: CopyKernel, shares: CopyShares) {
      self.pool = pool
      self.kernel = kernel
      self.shares = shares
    }

    func copy() throws { try pool.copy(shares, by: kernel) }
  }
}
