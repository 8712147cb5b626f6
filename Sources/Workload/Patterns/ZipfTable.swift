// Draws Zipf ranks in about 2 MiB, whatever the number of pages.

import CPlatform

/// The inverse of the cumulative Zipf weights.
///
/// Weights are whole numbers, so beyond rank 2^16 neighbours share theirs: floor(2^32 / (i + 1)) takes fewer than 2^17
/// values in all. The cumulative sum is then a chain of straight pieces, and the first rank whose sum exceeds t is found in
/// its piece by one division: the very rank that a bisection of the full table finds. A guide table indexed by the top bits
/// of the draw names the piece to begin with.
///
/// For exponents other than 1, ranks beyond 2^16 share a weight in blocks of 1/4096 of their octave (that of the block's middle),
/// which moves no weight by more than s / 4096 of itself.
final class ZipfTable {
  /// Ranks `first...` up to the next piece's, each with weight `weightLessOne + 1`.
  struct Piece {
    /// Sum of the weights of all ranks before `first`.
    var sum: UInt64
    var first: UInt32
    /// One less, so that 2^32, the weight of rank 0, fits.
    var weightLessOne: UInt32
  }

  let pages: Int
  /// Sum of all weights.
  let total: UInt64
  /// Pieces, without the closing one.
  let pieceCount: Int
  let pieces: UnsafeMutablePointer<Piece>
  let guide: UnsafeMutablePointer<UInt32>
  /// A draw's bucket is `draw >> guideShift`.
  let guideShift: UInt64

  /// - Parameters:
  ///   - pages: 1 to 2^31.
  ///   - exponentThousandths: 1 to 8,000; 1,000 is exact, see above for the others.
  init(pages: Int, exponentThousandths: Int) {
    precondition(pages >= 1 && pages <= 1 << 31)
    self.pages = pages
    var list: [Piece] = []
    var sum: UInt64 = 0
    Self.forEachRun(pages: pages, exponentThousandths: exponentThousandths) { first, count, weight in
      // `rank(target:from:)` counts on it.
      precondition(weight * UInt64(count) < 1 << 52)
      list.append(Piece(sum: sum, first: UInt32(first), weightLessOne: UInt32(weight - 1)))
      sum += weight * UInt64(count)
    }
    total = sum
    pieceCount = list.count
    pieces = .allocate(capacity: list.count + 1)
    pieces.initialize(from: list, count: list.count)
    // The closing piece ends every search: no draw reaches the total.
    (pieces + list.count).initialize(to: Piece(sum: sum, first: UInt32(truncatingIfNeeded: pages), weightLessOne: 0))

    var bits = 4
    while bits < 18 && 1 << bits < 2 * list.count { bits += 1 }
    guideShift = UInt64(64 - bits)
    guide = .allocate(capacity: 1 << bits)
    var piece = 0
    for bucket in 0..<(1 << bits) {
      let least = (UInt64(bucket) << guideShift).multipliedFullWidth(by: sum).high
      while pieces[piece + 1].sum <= least { piece += 1 }
      (guide + bucket).initialize(to: UInt32(piece))
    }
  }

  deinit {
    pieces.deallocate()
    guide.deallocate()
  }

  /// The rank of a draw.
  @inline(__always)
  func rank(draw: UInt64) -> UInt32 {
    rank(target: draw.multipliedFullWidth(by: total).high, from: pieces + Int(guide[Int(draw >> guideShift)]))
  }

  /// The rank whose weights hold `target`, searched from `start` up.
  @inline(__always)
  private func rank(target: UInt64, from start: UnsafeMutablePointer<Piece>) -> UInt32 {
    // Two steps without a branch: hardly a draw needs more, and each mispredicted one would cost more than both.
    var piece = start + (start[1].sum <= target ? 1 : 0)
    piece += piece[1].sum <= target ? 1 : 0
    while piece[1].sum <= target { piece += 1 }
    // Exact: both are whole numbers below 2^52 (a piece's weights together are, see `init`), for which a correctly rounded
    // quotient never reaches the next whole number. It is twice as fast as an integer division.
    let within = Double(Int(truncatingIfNeeded: target &- piece[0].sum))
    let quotient = within / (Double(piece[0].weightLessOne) + 1)
    return piece[0].first &+ UInt32(truncatingIfNeeded: Int(quotient))
  }

  /// Draws in flight at once.
  static let window = 64

  /// Replaces `count` values by the ranks of the stream's next draws.
  ///
  /// The guide and the pieces together outgrow the second-level cache: a window of draws goes through each step together,
  /// so that its lines arrive while other draws are at work.
  func fill(_ ranks: UnsafeMutablePointer<UInt32>, count: Int, draws: inout DrawStream) {
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: ZipfTable.window) { targets in
      var stream = draws
      var done = 0
      while done < count {
        let run = min(ZipfTable.window, count - done)
        let part = ranks + done
        let targets = targets.baseAddress!
        for i in 0..<run {
          let draw = stream.next()
          targets[i] = draw.multipliedFullWidth(by: total).high
          part[i] = UInt32(truncatingIfNeeded: draw >> guideShift)
          pf_prefetch_read(guide + Int(part[i]))
        }
        for i in 0..<run {
          part[i] = guide[Int(part[i])]
          pf_prefetch_read(pieces + Int(part[i]))
        }
        for i in 0..<run { part[i] = rank(target: targets[i], from: pieces + Int(part[i])) }
        done += run
      }
      draws = stream
    }
  }

  /// Calls `body` with first rank, number of ranks and weight of each run of ranks of equal, non-zero weight.
  private static func forEachRun(pages: Int, exponentThousandths: Int, _ body: (Int, Int, UInt64) -> Void) {
    let power = exponentThousandths == 1_000 ? nil : PowerWeights(exponentThousandths: exponentThousandths)
    var rank = 1
    while rank <= pages {
      let weight: UInt64
      var last = rank
      if let power {
        if rank >= 1 << 16 {
          let octave = Int.bitWidth - 1 - rank.leadingZeroBitCount
          last = rank | ((1 << (octave - 12)) - 1)
        }
        weight = power.weight(rank + (last - rank) / 2)
        if weight == 0 { return }
      } else {
        weight = (1 << 32) / UInt64(rank)
        if weight == 0 { return }
        last = Int((1 << 32) / weight)
      }
      last = min(last, pages)
      body(rank - 1, last - rank + 1, weight)
      rank = last + 1
    }
  }
}
