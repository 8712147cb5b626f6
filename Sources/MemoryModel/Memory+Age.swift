// A node as long use leaves it: little of what is free in whole blocks, pages that cannot move among those that can, page cache.
// Nothing of a kernel is modelled here, only the state in which a run begins.

import Events
import Units

/// What a node is to look like, in millionths of what is free of it before.
public struct NodeAge: Equatable, Sendable {
  /// What stays free.
  public var free: Int
  /// Of that: in whole 2 MiB blocks.
  public var inBlocks: Int
  /// Pages of the kernel's own.
  public var unmovable: Int
  /// The share of the blocks that are not whole which have any.
  public var unmovableIn: Int
  /// Clean page cache; what is left are anonymous pages nobody accesses.
  public var pageCache: Int
  public var seed: UInt64

  public init(
    free: Int, inBlocks: Int = 0, unmovable: Int = 0, unmovableIn: Int = 250_000, pageCache: Int = 0, seed: UInt64
  ) {
    self.free = free
    self.inBlocks = inBlocks
    self.unmovable = unmovable
    self.unmovableIn = unmovableIn
    self.pageCache = pageCache
    self.seed = seed
  }
}

/// What became of a node, in base pages.
public struct AgedNode: Equatable, Sendable {
  /// Whole 2 MiB blocks that stayed free.
  public var wholeBlocks = 0
  /// Free pages beside those of whole blocks, without what was in pieces before.
  public var inPieces = 0
  public var unmovable = 0
  public var pageCache = 0
  public var idle = 0
  /// Page tables of the page cache and the idle pages: in pageblocks of their own, as a kernel keeps them.
  public var tablePages = 0
  /// Virtual pages used, from the first one on.
  public var slots = 0
}

extension Memory {
  /// Virtual pages that the ageing of a node of so many pages takes at most.
  public static func agedSlots(pages: Int) -> Int { pages + 2 * Page.perHuge }

  /// Ages a node. Its pages are mapped from `firstSlot` on, a multiple of 512, by no process of the run: on the inactive lists, not
  /// accessed, in random order. Nil when the shares cannot be had on a node so small, and the memory is then of no use.
  ///
  /// Shares hold within a pageblock or so. Counters go up; see `resetCounters`.
  public func age(node: Int, _ age: NodeAge, firstSlot: Int) -> AgedNode? {
    drainAllPerCPULists()
    drainAllLRUBatches()
    let total = nodes[node].zones.reduce(0) { $0 + zones[$1].free }
    var blocks = takeFreeBlocks(node: node)
    guard var plan = AgePlan(age, free: total, blocks: blocks.count) else { return nil }
    var random = SplitMix64(seed: age.seed)

    // The lowest blocks are the page tables'.
    var tables = hold(tables: plan.aged.tablePages, in: blocks.prefix(plan.tableBlocks))[...]
    blocks.removeFirst(plan.tableBlocks)
    blocks.shuffle(using: &random)
    for block in blocks.suffix(plan.aged.wholeBlocks) { freeBlock(block, order: Page.hugeOrder) }
    blocks.removeLast(plan.aged.wholeBlocks)

    var pieces = strew(over: blocks, &plan, &random)
    pieces.free.shuffle(using: &random)
    for pfn in pieces.free { freeBlock(pfn, order: 0) }
    var slot = firstSlot
    for (pages, isFile) in [(pieces.cache, true), (pieces.idle, false)] {
      map(pages.shuffled(using: &random), isFile: isFile, slot: slot, tables: &tables)
      slot += (pages.count + Page.perHuge - 1) & ~(Page.perHuge - 1)
    }
    plan.aged.slots = slot - firstSlot
    return plan.aged
  }

  /// Takes all free blocks of 2 MiB and more off the lists: 2 MiB blocks in ascending order.
  private func takeFreeBlocks(node: Int) -> [PFN] {
    var blocks: [PFN] = []
    for zone in nodes[node].zones {
      for order in Page.hugeOrder...Memory.maxOrder {
        for type in MigrateType.allCases {
          let list = zones[zone].freeLists + (order * 3 + type.rawValue)
          while list.pointee.head != 0 {
            let pfn = list.pointee.head
            _ = removeFree(zone: zone, pfn: pfn)
            for i in 0..<(1 << order) { frames[Int(pfn) + i].flags = UInt32(zone) << FrameFlags.zoneShift }
            for part in 0..<(1 << (order - Page.hugeOrder)) { blocks.append(pfn + PFN(part << Page.hugeOrder)) }
          }
        }
      }
    }
    return blocks.sorted()
  }

  /// Makes blocks the kernel's own: the first pages are held, and returned, the others are free.
  private func hold(tables count: Int, in blocks: ArraySlice<PFN>) -> [PFN] {
    var held: [PFN] = []
    for block in blocks {
      setBlockType(block, .unmovable)
      for pfn in block..<block + PFN(Page.perHuge) {
        if held.count < count {
          holdForKernel(pfn)
          held.append(pfn)
        } else {
          freeBlock(pfn, order: 0)
        }
      }
    }
    return held
  }

  private func holdForKernel(_ pfn: PFN) {
    frames[Int(pfn)].flags = frames[Int(pfn)].flags & FrameFlags.zoneMask | FrameFlags.kindKernel
  }

  /// Decides for each page of the blocks what it is. Unmovable ones are held at once.
  private func strew(
    over blocks: [PFN], _ plan: inout AgePlan, _ random: inout SplitMix64
  ) -> (free: [PFN], cache: [PFN], idle: [PFN]) {
    var pieces: (free: [PFN], cache: [PFN], idle: [PFN]) = ([], [], [])
    var places = Array(0..<Page.perHuge)
    for (number, block) in blocks.enumerated() {
      // Blocks are in random order already: the first ones get the unmovable pages, in random places of theirs.
      let unmovable = plan.unmovable(ofBlock: number)
      let fixed = max(unmovable, 1)
      for i in 0..<fixed { places.swapAt(i, i + random.below(Page.perHuge - i)) }
      for i in 0..<unmovable { holdForKernel(block + PFN(places[i])) }
      if unmovable == 0 {
        // One page at least is in the way.
        plan.reserved -= 1
        let pfn = block + PFN(places[0])
        if plan.drawInTheWay(&random) == .cache { pieces.cache.append(pfn) } else { pieces.idle.append(pfn) }
      }
      for i in fixed..<Page.perHuge {
        let pfn = block + PFN(places[i])
        switch plan.draw(&random) {
        case .free: pieces.free.append(pfn)
        case .cache: pieces.cache.append(pfn)
        case .idle: pieces.idle.append(pfn)
        }
      }
    }
    return pieces
  }

  /// Maps frames as pages that nobody has accessed for long.
  private func map(_ pages: [PFN], isFile: Bool, slot first: Int, tables: inout ArraySlice<PFN>) {
    for (index, pfn) in pages.enumerated() {
      let slot = first + index
      if index & (Page.perHuge - 1) == 0, let page = tables.popFirst() {
        table.tablePage[slot >> Page.hugeOrder] = page
      }
      install(pfn, order: 0, slot: slot, isWrite: false, isFile: isFile, cpu: 0)
      table.hot[slot] &= ~PTE.accessed
    }
    drainLRUAdd(cpu: 0)
  }
}

/// How many pages of each kind, and what of them is still to be given a place.
private struct AgePlan {
  enum Kind { case free, cache, idle }

  var aged = AgedNode()
  /// Pageblocks of the page tables.
  var tableBlocks = 0
  /// Blocks with unmovable pages.
  private var mixedBlocks = 0
  private var freeLeft = 0
  private var cacheLeft = 0
  private var idleLeft = 0
  /// Blocks to come that have no unmovable page, and so one of the pages left to keep them from being whole.
  var reserved = 0

  /// - Parameters:
  ///   - free: free pages of the node.
  ///   - blocks: its free 2 MiB blocks; the other free pages stay where they are.
  init?(_ age: NodeAge, free: Int, blocks: Int) {
    func share(_ pages: Int, _ millionths: Int) -> Int { pages * millionths / 1_000_000 }
    let stays = share(free, age.free)
    aged.wholeBlocks = min((share(stays, age.inBlocks) + Page.perHuge / 2) / Page.perHuge, blocks)
    let scattered = free - blocks * Page.perHuge
    var inPieces = max(stays - aged.wholeBlocks * Page.perHuge - scattered, 0)
    var others = blocks - aged.wholeBlocks
    aged.unmovable = share(free, age.unmovable)
    var movable = others * Page.perHuge - inPieces - aged.unmovable
    guard movable >= 0 else { return nil }
    if movable > 0 {
      // A table for each 512, and one more where cache and idle pages end within a block.
      aged.tablePages = movable / Page.perHuge + 2
      tableBlocks = (aged.tablePages + Page.perHuge - 1) / Page.perHuge
      others -= tableBlocks
      inPieces = max(inPieces - (tableBlocks * Page.perHuge - aged.tablePages), 0)
      movable = others * Page.perHuge - inPieces - aged.unmovable
    }
    mixedBlocks = min(share(others, age.unmovableIn), aged.unmovable)
    if aged.unmovable > 0 { mixedBlocks = max(mixedBlocks, aged.unmovable / Page.perHuge + 1) }
    guard others >= 0, mixedBlocks <= others, movable >= others - mixedBlocks else { return nil }
    reserved = others - mixedBlocks
    aged.inPieces = inPieces
    aged.pageCache = min(share(free, age.pageCache), movable)
    aged.idle = movable - aged.pageCache
    (freeLeft, cacheLeft, idleLeft) = (inPieces, aged.pageCache, aged.idle)
  }

  /// Unmovable pages of a block: as many in each of the first ones.
  func unmovable(ofBlock number: Int) -> Int {
    guard number < mixedBlocks else { return 0 }
    return aged.unmovable / mixedBlocks + (number < aged.unmovable % mixedBlocks ? 1 : 0)
  }

  /// What the next page is.
  mutating func draw(_ random: inout SplitMix64) -> Kind {
    if random.below(freeLeft + cacheLeft + idleLeft - reserved) < freeLeft {
      freeLeft -= 1
      return .free
    }
    return drawInTheWay(&random)
  }

  /// What the next page is when it is not free.
  mutating func drawInTheWay(_ random: inout SplitMix64) -> Kind {
    if random.below(cacheLeft + idleLeft) < cacheLeft {
      cacheLeft -= 1
      return .cache
    }
    idleLeft -= 1
    return .idle
  }
}
