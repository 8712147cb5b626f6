// Dense numbers for the pages of a trace, over all its processes.

/// Gives each 4 KiB page of each process a number from 0. 2 KiB per 2 MiB block used.
struct PageNumbers {
  /// Most pages: 4 TiB of touched memory.
  static let maxPages = 1 << 30

  private var directory = PageDirectory()
  /// 512 a block; `.max` is a page without a number.
  private var numbers: [UInt32] = []
  /// Pages that have a number.
  private(set) var count = 0
  /// 2 MiB blocks with a page that has one.
  var hugeBlocks: Int { directory.blocks.count }

  /// A 2 MiB block of one process. Ascending keys are ascending processes, and ascending addresses in each.
  struct BlockKey: Comparable {
    fileprivate var bits: UInt64

    var process: UInt16 { UInt16(truncatingIfNeeded: bits >> 43) }
    /// Of its first byte.
    var address: UInt64 { bits << 21 }

    static func < (a: Self, b: Self) -> Bool { a.bits < b.bits }

    /// Whether `self` begins where `other` ends.
    func follows(_ other: Self) -> Bool { bits == other.bits &+ 1 && process == other.process }
  }

  /// Puts the number of each record's page into `pages`; false when there is no room.
  @discardableResult
  mutating func look(up block: TraceBlock, into pages: inout BlockPages) -> Bool {
    for i in 0..<block.pageCount {
      guard let page = number(process: block.pageProcess[i], page: block.page[i]) else { return false }
      pages.ofBlock[i] = page
    }
    for i in 0..<block.count { pages.ofRecord[i] = pages.ofBlock[Int(block.pageIndex[i])] }
    return true
  }

  @inline(__always)
  private mutating func number(process: UInt16, page: UInt64) -> UInt32? {
    guard let slot = directory.slot(of: PageDirectory.block(of: page << 12, in: process)) else { return nil }
    if slot * 512 == numbers.count { numbers.append(contentsOf: repeatElement(.max, count: 512)) }
    let i = slot * 512 + Int(page & 511)
    if numbers[i] == .max {
      guard count < Self.maxPages else { return nil }
      numbers[i] = UInt32(count)
      count += 1
    }
    return numbers[i]
  }

  /// Calls `body` with each block and the numbers of its 512 pages, `.max` where a page has none, in no useful order.
  func forEachBlock(_ body: (BlockKey, ArraySlice<UInt32>) -> Void) {
    for (slot, block) in directory.blocks.enumerated() {
      body(BlockKey(bits: block), numbers[slot * 512..<slot * 512 + 512])
    }
  }
}

/// The numbers of a block's pages.
struct BlockPages {
  /// By record.
  fileprivate(set) var ofRecord = [UInt32](repeating: 0, count: TraceBlock.capacity)
  /// By page of the block.
  fileprivate var ofBlock = [UInt32](repeating: 0, count: TraceBlock.capacity)
}
