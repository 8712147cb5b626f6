// The LRU stack of all pages of a trace, as a sequence of slots of which each page holds one.
import CPlatform

/// Pages in order of their latest use. The place of a page in it is its LRU stack distance (Mattson et al., IBM Systems
/// Journal 9(2), 1970).
///
/// A use takes the next free slot and frees the page's former one; the pages between are the held slots in between, as in
/// Bennett and Kruskal (IBM J. Res. Dev. 19(4), 1975). Held slots are bits; a Fenwick tree has the sums over chunks of 512 of
/// them, so that it stays in a CPU cache. When the slots are used up, the held ones move together, and their number doubles if
/// more than half are held. A use takes O(log pages), and a page at most 4 slots of 13 bytes, and 4 bytes.
struct RecencyStack {
  private static let chunkBits = 9
  private static let chunkWords = 1 << (chunkBits - 6)

  /// Pages in the stack.
  private(set) var pages = 0
  /// The first slot that was not taken yet.
  private(set) var next = 0
  private var capacity: Int
  /// A bit a slot: whether a page holds it.
  private var held: [UInt64]
  /// By slot: the page that took it.
  private var taker: [UInt32] = []
  /// By slot: the number of the record that took it; ascending.
  private var stamps: [UInt64] = []
  /// By page: the slot it holds, below 2^31; `.max` without one.
  private var slots: [UInt32] = []
  /// Fenwick tree over the chunks below `next`, the one of `next` left out; index 0 is not used.
  private var sums: [Int32]

  /// `capacity` is the number of slots to begin with, a multiple of 512.
  init(capacity: Int = 1 << 16) {
    precondition(capacity > 0 && capacity % (1 << Self.chunkBits) == 0)
    self.capacity = capacity
    held = [UInt64](repeating: 0, count: capacity / 64)
    sums = [Int32](repeating: 0, count: capacity >> Self.chunkBits + 1)
    taker.reserveCapacity(capacity)
    stamps.reserveCapacity(capacity)
  }

  /// Whether `makeRoom` must be called before the next use.
  var isFull: Bool { next == capacity }

  /// Whether a page holds `slot`.
  @inline(__always)
  func isHeld(_ slot: Int) -> Bool { held[slot >> 6] >> UInt64(slot & 63) & 1 != 0 }

  /// The number of the record that took `slot`, which lies below `next`.
  @inline(__always)
  func stamp(_ slot: Int) -> UInt64 { stamps[slot] }

  /// Asks for the cache line with the slot of `page`.
  @inline(__always)
  func prefetch(_ page: Int) {
    slots.withUnsafeBufferPointer { slots in
      if page < slots.count, let base = slots.baseAddress { pf_prefetch_read(base + page) }
    }
  }

  /// The slot of `page`; -1 when it is not in the stack.
  @inline(__always)
  func slot(of page: Int) -> Int { Int(Int32(bitPattern: slots[page])) }

  /// Held slots below `slot`.
  @inline(__always)
  func rank(_ slot: Int) -> Int {
    var chunk = slot >> Self.chunkBits
    var word = chunk * Self.chunkWords
    var sum = 0
    while chunk > 0 {
      sum &+= Int(sums[chunk])
      chunk &= chunk &- 1
    }
    while word < slot >> 6 {
      sum &+= held[word].nonzeroBitCount
      word &+= 1
    }
    if slot & 63 != 0 { sum &+= (held[word] & (1 << UInt64(slot & 63) &- 1)).nonzeroBitCount }
    return sum
  }

  /// Makes pages below `count` known; they are not in the stack.
  mutating func grow(to count: Int) {
    slots.append(contentsOf: repeatElement(.max, count: max(0, count - slots.count)))
  }

  /// A use of `page`: how many pages were used since its latest use, or -1 when it is the first.
  @inline(__always)
  mutating func use(_ page: Int, stamp: UInt64) -> Int {
    let slot = slot(of: page)
    if slot < 0 {
      pages &+= 1
      take(page, stamp)
      return -1
    }
    if slot == next &- 1 {
      stamps[slot] = stamp
      return 0
    }
    let distance = pages &- rank(slot) &- 1
    held[slot >> 6] &= ~(1 << UInt64(slot & 63))
    let chunk = slot >> Self.chunkBits
    if chunk < next >> Self.chunkBits { add(-1, chunk) }
    take(page, stamp)
    return distance
  }

  @inline(__always)
  private mutating func take(_ page: Int, _ stamp: UInt64) {
    let slot = next
    taker.append(UInt32(truncatingIfNeeded: page))
    stamps.append(stamp)
    held[slot >> 6] |= 1 << UInt64(slot & 63)
    slots[page] = UInt32(truncatingIfNeeded: slot)
    next &+= 1
    if next & (1 << Self.chunkBits &- 1) == 0 {
      let chunk = slot >> Self.chunkBits
      var sum = 0
      for word in chunk &* Self.chunkWords..<(chunk &+ 1) &* Self.chunkWords { sum &+= held[word].nonzeroBitCount }
      add(Int32(sum), chunk)
    }
  }

  @inline(__always)
  private mutating func add(_ n: Int32, _ chunk: Int) {
    var i = chunk &+ 1
    while i < sums.count {
      sums[i] &+= n
      i &+= i & -i
    }
  }

  /// Moves the held slots together: the one at `slot` to `rank(slot)`. Then there is room for as many uses as pages, or more.
  mutating func makeRoom() {
    var count = 0
    for slot in 0..<next where isHeld(slot) {
      let page = taker[slot]
      taker[count] = page
      stamps[count] = stamps[slot]
      slots[Int(page)] = UInt32(truncatingIfNeeded: count)
      count += 1
    }
    taker.removeLast(next - count)
    stamps.removeLast(next - count)
    next = count
    if count > capacity / 2 {
      capacity *= 2
      taker.reserveCapacity(capacity)
      stamps.reserveCapacity(capacity)
    }
    held = [UInt64](repeating: 0, count: capacity / 64)
    for word in 0..<count / 64 { held[word] = .max }
    if count % 64 != 0 { held[count / 64] = 1 << UInt64(count % 64) - 1 }
    sums = [Int32](repeating: 0, count: capacity >> Self.chunkBits + 1)
    for chunk in 0..<count >> Self.chunkBits { add(1 << Self.chunkBits, chunk) }
  }
}
