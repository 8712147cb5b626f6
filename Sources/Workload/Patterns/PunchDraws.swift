// Which pages a punch frees.

extension PunchSpec {
  /// Calls `body` with each freed page of a region of `pages` pages, ascending. Page p goes when draw p of SplitMix64(seed)
  /// is below the share. The reference program frees random pages too, but not these.
  public func forEachFreedPage(of pages: Int, _ body: (Int) -> Void) {
    var draws = DrawStream(seed: seed)
    let threshold = UInt64(share)
    for page in 0..<pages where draws.below(1_000_000) < threshold { body(page) }
  }
}
