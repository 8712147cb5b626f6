// Spreads ranks over a window: rank * factor mod pages, without a division.

/// Multiplication of ranks by a fixed factor modulo a fixed number of pages.
///
/// With m = floor((2^64 - 1) / n) and x below 2^64, floor(x m / 2^64) is floor(x / n) or one less (Barrett): x / n exceeds
/// x m / 2^64 by at most x / 2^64. One subtraction corrects it.
struct Scatter {
  private let pages: UInt64
  private let reciprocal: UInt64
  private let factor: UInt64

  /// - Parameter factor: any number; only its remainder by `pages` matters.
  init(factor: UInt64, pages: Int) {
    precondition(pages >= 1 && pages <= 1 << 31)
    self.pages = UInt64(pages)
    self.factor = factor % UInt64(pages)
    reciprocal = UInt64.max / UInt64(pages)
  }

  /// `rank * factor mod pages`, for a rank below `pages`.
  @inline(__always)
  func page(_ rank: UInt32) -> UInt32 {
    let x = UInt64(rank) &* factor
    let r = x &- x.multipliedFullWidth(by: reciprocal).high &* pages
    return UInt32(truncatingIfNeeded: r >= pages ? r &- pages : r)
  }
}
