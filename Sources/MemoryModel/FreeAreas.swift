// The free lists of all zones at one moment, as /proc/buddyinfo, /proc/pagetypeinfo and debugfs' extfrag show them.

import Units

/// Free lists and pageblocks of one zone at one moment (struct free_area, mm/vmstat.c).
public struct ZoneFreeAreas: Equatable, Sendable {
  public var node: Int
  public var kind: ZoneKind
  /// Free blocks by `MigrateType`, then by order. Pages on per-CPU lists are not among them.
  public var blocks: [[Int]]
  /// Pageblocks of 2 MiB by `MigrateType`.
  public var pageblocks: [Int]

  public init(node: Int, kind: ZoneKind, blocks: [[Int]], pageblocks: [Int]) {
    self.node = node
    self.kind = kind
    self.blocks = blocks
    self.pageblocks = pageblocks
  }

  /// Free blocks of `order`, all types together.
  public func count(order: Int) -> Int { blocks.reduce(0) { $0 + $1[order] } }

  /// The free memory as an allocation of `order` sees it (`fill_contig_page_info`).
  public func freeBlocks(order: Int) -> FreeBlocks {
    var found = FreeBlocks(pages: 0, blocks: 0, suitable: 0)
    for o in 0...Memory.maxOrder {
      let count = count(order: o)
      found.pages += count << o
      found.blocks += count
      if o >= order { found.suitable += count << (o - order) }
    }
    return found
  }
}

extension FreeBlocks {
  /// Share of the free memory that an allocation of `order` cannot use, in thousandths; 1000 when nothing is free
  /// (`unusable_free_index`, mm/vmstat.c).
  public func unusableIndex(order: Int) -> Int {
    pages == 0 ? 1000 : (pages - suitable << order) * 1000 / pages
  }
}

extension Memory {
  /// Free lists and pageblocks of all zones, in their order.
  public func freeAreas() -> [ZoneFreeAreas] {
    (0..<zoneCount).map { index in
      let zone = zones[index]
      var pageblocks = [Int](repeating: 0, count: MigrateType.allCases.count)
      for block in Int(zone.start) >> Page.hugeOrder..<(Int(zone.end) + Page.perHuge - 1) >> Page.hugeOrder {
        pageblocks[Int(blockTypes[block])] += 1
      }
      return ZoneFreeAreas(
        node: zone.node, kind: zone.kind,
        blocks: MigrateType.allCases.map { type in
          (0...Memory.maxOrder).map { zone.freeLists[$0 * 3 + type.rawValue].count }
        }, pageblocks: pageblocks)
    }
  }
}
