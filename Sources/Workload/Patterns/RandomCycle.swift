// The order of a pointer chase.

/// One random cycle through all pages, stored in the order of the visit: 4 bytes a page.
///
/// Sattolo's algorithm draws a random cyclic permutation; followed from page 0 it visits page 0 and then the others in random
/// order, all orders alike. That order is drawn here directly (Fisher and Yates), because following the permutation itself
/// would make the generator wait for memory at every step.
final class RandomCycle {
  let pages: Int
  let order: UnsafeMutablePointer<UInt32>

  init(pages: Int, seed: UInt64) {
    precondition(pages >= 1 && pages <= 1 << 31)
    self.pages = pages
    order = .allocate(capacity: pages)
    for page in 0..<pages { (order + page).initialize(to: UInt32(page)) }
    var draws = DrawStream(seed: seed)
    var last = pages - 1
    while last > 1 {
      let other = 1 + Int(draws.below(UInt64(last)))
      let page = order[last]
      order[last] = order[other]
      order[other] = page
      last -= 1
    }
  }

  deinit { order.deallocate() }
}
