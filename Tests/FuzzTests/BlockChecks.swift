// What must hold of the memory of a small machine beyond its own checks, which leave the insides of blocks alone: a terabyte's would
// have to be touched for it.
import MemoryModel
import Units

/// Faults in words: frames that are in two places or in none, free blocks that are not what their list says, blocks that are not one
/// piece.
func blockFaults(of memory: Memory) -> [String] {
  var faults: [String] = []
  func require(_ holds: Bool, _ text: @autoclosure () -> String) {
    if !holds && faults.count < 10 { faults.append(text()) }
  }
  for index in 0..<memory.zoneCount {
    let zone = memory.zones[index]
    var counted = [Int](repeating: 0, count: (Memory.maxOrder + 1) * MigrateType.allCases.count)
    var pages = 0
    var pfn = zone.start
    while pfn < zone.end {
      let flags = memory.frames[Int(pfn)].flags
      let kind = flags & FrameFlags.kindMask
      let isBlock =
        kind == FrameFlags.kindBuddy || kind == FrameFlags.kindFolio || kind == FrameFlags.kindTarget
      let order = isBlock ? memory.order(of: pfn) : 0
      let size = PFN(1) << PFN(order)
      require(kind != FrameFlags.kindNone && kind != FrameFlags.kindTail, "pfn \(pfn) is in no place")
      require(pfn & (size - 1) == 0 && pfn + size <= zone.end, "pfn \(pfn): a block of order \(order) lies askew")
      for part in pfn + 1..<max(pfn + size, pfn + 1) {
        let inner = memory.frames[Int(part)].flags & FrameFlags.kindMask
        let isPart =
          kind == FrameFlags.kindFolio
          ? inner == FrameFlags.kindTail : inner == FrameFlags.kindNone || inner == FrameFlags.kindTail
        require(isPart, "pfn \(part), of kind \(inner), is inside the block of order \(order) at \(pfn)")
      }
      if kind == FrameFlags.kindBuddy {
        let type = Int((flags & FrameFlags.typeMask) >> FrameFlags.typeShift)
        counted[order * MigrateType.allCases.count + type] += 1
        let buddy = pfn ^ size
        if order < Memory.maxOrder, buddy >= zone.start, buddy + size <= zone.end {
          let other = memory.frames[Int(buddy)].flags
          let isFree = other & FrameFlags.kindMask == FrameFlags.kindBuddy && memory.order(of: buddy) == order
          require(!isFree, "the free blocks of order \(order) at \(pfn) and \(buddy) are one")
        }
      }
      pages += Int(size)
      pfn += size
    }
    require(pages == zone.managed, "zone \(index): \(pages) frames, \(zone.managed) managed")
    let inBlocks = memory.freeAreas()[index]
    for list in counted.indices {
      let (order, type) = list.quotientAndRemainder(dividingBy: MigrateType.allCases.count)
      let listed = inBlocks.blocks[type][order]
      require(
        counted[list] == listed,
        "zone \(index), order \(order), type \(type): \(counted[list]) free blocks, the list counts \(listed)")
    }
    require(
      zone.freeInBlocks == (Page.hugeOrder...Memory.maxOrder).reduce(0) { $0 + inBlocks.count(order: $1) << $1 },
      "zone \(index): \(zone.freeInBlocks) free pages in whole pageblocks")
  }
  return faults
}
