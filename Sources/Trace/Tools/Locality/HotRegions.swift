// Where a trace is hot: neighbouring 2 MiB blocks of like heat as regions.

/// Addresses of one process that are about equally hot.
public struct HotRegion: Equatable, Sendable, Codable {
  public var process: UInt16
  /// First byte of its first page with an access.
  public var lowestAddress: UInt64
  /// Last byte of its last page with an access.
  public var highestAddress: UInt64
  /// 4 KiB pages with an access.
  public var pages: Int
  public var accesses: UInt64
  /// Its heat.
  public var accessesPerPage: Double
  /// Of all accesses of the trace, 0 to 1.
  public var share: Double
  /// Writes in its accesses, 0 to 1.
  public var writeShare: Double
}

/// Accesses to one page, repeats included.
struct PageUse {
  var accesses: UInt64 = 0
  var writes: UInt64 = 0
}

/// Merges blocks to regions.
enum HotRegions {
  private struct Region {
    var first: PageNumbers.BlockKey
    var last: PageNumbers.BlockKey
    /// Numbers of pages in the first and the last block.
    var lowestPage: Int
    var highestPage: Int
    var pages: UInt64
    var accesses: UInt64
    var writes: UInt64

    /// Whether it has at least `times` the accesses per page that `other` has.
    func isAsHot(as other: Region, times: UInt64 = 1) -> Bool {
      let own = accesses.multipliedFullWidth(by: other.pages)
      let others = (times * other.accesses).multipliedFullWidth(by: pages)
      return (own.high, own.low) >= (others.high, others.low)
    }

    /// Whether neither has twice the accesses per page of the other, or more.
    func isLike(_ other: Region) -> Bool { !isAsHot(as: other, times: 2) && !other.isAsHot(as: self, times: 2) }
  }

  /// The `limit` hottest regions, hottest first; of equally hot ones the one with more accesses, then the lower one.
  ///
  /// Blocks with an access are taken in order of process and address. One that begins where the region before it ends joins it if
  /// their accesses per page with an access differ by less than a factor of two.
  static func hottest(_ limit: Int, _ numbers: PageNumbers, _ uses: [PageUse]) -> [HotRegion] {
    var blocks: [Region] = []
    blocks.reserveCapacity(numbers.hugeBlocks)
    numbers.forEachBlock { key, pages in
      var block = Region(first: key, last: key, lowestPage: 511, highestPage: 0, pages: 0, accesses: 0, writes: 0)
      for (i, number) in pages.enumerated() where number != .max {
        block.lowestPage = min(block.lowestPage, i)
        block.highestPage = i
        block.pages += 1
        block.accesses += uses[Int(number)].accesses
        block.writes += uses[Int(number)].writes
      }
      blocks.append(block)
    }
    blocks.sort { $0.first < $1.first }
    var regions: [Region] = []
    for block in blocks {
      if let region = regions.last, block.first.follows(region.last), region.isLike(block) {
        regions[regions.count - 1].last = block.last
        regions[regions.count - 1].highestPage = block.highestPage
        regions[regions.count - 1].pages += block.pages
        regions[regions.count - 1].accesses += block.accesses
        regions[regions.count - 1].writes += block.writes
      } else {
        regions.append(block)
      }
    }
    let total = regions.reduce(0) { $0 + $1.accesses }
    regions.sort { a, b in
      if !b.isAsHot(as: a) { return true }
      if !a.isAsHot(as: b) { return false }
      return a.accesses != b.accesses ? a.accesses > b.accesses : a.first < b.first
    }
    return regions.prefix(limit).map { region in
      HotRegion(
        process: region.first.process, lowestAddress: region.first.address + UInt64(region.lowestPage) << 12,
        highestAddress: region.last.address + UInt64(region.highestPage) << 12 + 4095, pages: Int(region.pages),
        accesses: region.accesses, accessesPerPage: Double(region.accesses) / Double(region.pages),
        share: Double(region.accesses) / Double(total),
        writeShare: Double(region.writes) / Double(region.accesses))
    }
  }
}
