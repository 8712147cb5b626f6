// A list of pages with addresses, cut into what each worker copies.

import PageCopy
import Units

/// Pieces in one stretch of memory, and which of them are whose. Values of one list may be copied any number of times.
public final class CopyShares: @unchecked Sendable {
  // Written by the initializers alone.
  private let pieces: UnsafeMutableBufferPointer<CopyPiece>
  private let ranges: [Range<Int>]

  /// The whole list for one worker.
  public convenience init(_ pieces: [CopyPiece]) { self.init(pieces: pieces, ranges: [0..<pieces.count]) }

  /// A list shared out as the multithreaded copy does (`WorkerCopyPlan`).
  /// - Parameters:
  ///   - list: what the places are: base pages and folios, in order.
  ///   - places: from where to where each item goes.
  ///   - workers: 1...32; shares may be empty.
  public convenience init(
    _ list: PageList, places: [CopyPiece], workers: Int, split: WorkerSplit
  ) throws(WorkerPoolError) {
    guard places.count == list.count else { throw .places(places.count, items: list.count) }
    for (item, place) in places.enumerated() where place.bytes != list[item].bytes {
      throw .item(item, bytes: place.bytes, expected: list[item].bytes)
    }
    let plan: WorkerCopyPlan
    do { plan = try WorkerCopyPlan(list, limit: workers, cpus: workers, split: split) } catch {
      throw .threads(workers)
    }
    var pieces: [CopyPiece] = []
    var ranges: [Range<Int>] = []
    for worker in 0..<plan.workers {
      let first = pieces.count
      for slice in plan.slices(worker: worker) where slice.bytes > 0 {
        let place = places[slice.item]
        pieces.append(CopyPiece(to: place.to + slice.offset, from: place.from + slice.offset, bytes: slice.bytes))
      }
      ranges.append(first..<pieces.count)
    }
    self.init(pieces: pieces, ranges: ranges)
  }

  private init(pieces: [CopyPiece], ranges: [Range<Int>]) {
    self.pieces = .allocate(capacity: pieces.count)
    _ = self.pieces.initialize(from: pieces)
    self.ranges = ranges
  }

  deinit { pieces.deallocate() }

  public var workers: Int { ranges.count }

  /// What a worker copies, in order. Valid as long as the shares are.
  public func pieces(worker: Int) -> UnsafeBufferPointer<CopyPiece> {
    UnsafeBufferPointer(rebasing: pieces[ranges[worker]])
  }

  public func bytes(worker: Int) -> Int { pieces(worker: worker).reduce(0) { $0 + $1.bytes } }
}
