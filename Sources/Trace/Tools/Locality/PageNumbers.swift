// Dense numbers for the pages of a trace, over all its processes.

/// Gives each 4 KiB page of each process a number from 0, in order of first use. 2 KiB per 2 MiB block used.
struct PageNumbers {
  /// Most pages: 8 TiB of touched memory.
  static let maxPages = 1 << 31

  private var directory = PageDirectory()
  /// 512 a block; `.max` is a page without a number.
  private var numbers: [UInt32] = []
  /// Pages that have a number.
  private(set) var count = 0
  /// 2 MiB blocks with a page that has one.
  var hugeBlocks: Int { directory.blocks.count }

  /// A 2 MiB block of one process. Ascending keys are ascending processes, and ascending addresses in each.
  struct BlockKey: Comparable {
    private let bits: UInt64

    @inline(__always)
    init(process: UInt16, address: UInt64) { bits = UInt64(process) << 43 | address >> 21 }

    fileprivate init(bits: UInt64) { self.bits = bits }

    var process: UInt16 { UInt16(truncatingIfNeeded: bits >> 43) }
    /// Of its first byte.
    var address: UInt64 { bits << 21 }
    fileprivate var word: UInt64 { bits }

    static func < (a: Self, b: Self) -> Bool { a.bits < b.bits }

    /// Whether `self` begins where `other` ends.
    func follows(_ other: Self) -> Bool { bits == other.bits &+ 1 && process == other.process }
  }

  /// The number of the page of `address`: `count` before the call when the page is new. nil when there is no room.
  @inline(__always)
  mutating func number(process: UInt16, address: UInt64) -> Int? {
    guard let slot = directory.slot(of: BlockKey(process: process, address: address).word) else { return nil }
    if slot * 512 == numbers.count { numbers.append(contentsOf: repeatElement(.max, count: 512)) }
    let i = slot * 512 + Int(address >> 12 & 511)
    let known = numbers[i]
    if known != .max { return Int(known) }
    guard count < Self.maxPages else { return nil }
    numbers[i] = UInt32(count)
    count += 1
    return count - 1
  }

  /// Puts the number of each record's page into `pages`; false when there is no room.
  @discardableResult
  mutating func look(up block: TraceBlock, into pages: inout [UInt32]) -> Bool {
    for i in 0..<block.count {
      let record = block[i]
      guard let page = number(process: record.process, address: record.address) else { return false }
      pages[i] = UInt32(truncatingIfNeeded: page)
    }
    return true
  }

  /// Calls `body` with each block and the numbers of its 512 pages, `.max` where a page has none, in order of first use.
  func forEachBlock(_ body: (BlockKey, ArraySlice<UInt32>) -> Void) {
    for (slot, block) in directory.blocks.enumerated() {
      body(BlockKey(bits: block), numbers[slot * 512..<slot * 512 + 512])
    }
  }
}
