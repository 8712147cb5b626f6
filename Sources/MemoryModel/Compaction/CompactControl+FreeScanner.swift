// The free scanner: from the end of a zone downwards, for free pages to move others to. Source: mm/compaction.c
// isolate_freepages, isolate_freepages_block, fast_isolate_freepages, compaction_alloc; mm/page_alloc.c __isolate_free_page.

import Units

extension CompactControl {
  /// A page for one of the sources, or nil once the scanners have met (`compaction_alloc`).
  public func takeTarget() -> PFN? {
    if let pfn = takeFree() { return pfn }
    isolateFreePages()
    return takeFree()
  }

  /// The first of the smallest free blocks, split down to one page.
  private func takeFree() -> PFN? {
    guard freePages > 0, var order = freeBlocks.firstIndex(where: { !$0.isEmpty }) else { return nil }
    let pfn = freeBlocks[order].removeFirst()
    while order > 0 {
      order -= 1
      let half = pfn + PFN(1) << PFN(order)
      memory.hold(half, order: order, zone: zone)
      freeBlocks[order].insert(half, at: 0)
    }
    memory.hold(pfn, order: 0, zone: zone)
    freePages -= 1
    if memory.rules.isolatesForPagesLeft { sourcesLeft -= 1 }
    return pfn
  }

  /// Isolates free pages for all of the sources, block by block, unless the scanners meet before (`isolate_freepages`).
  private func isolateFreePages() {
    fastIsolate()
    if freePages > 0 { return }
    let perBlock = PFN(Page.perHuge)
    let lowest = Memory.blockStart(migratePFN) + perBlock
    var start = freePFN
    var block = Memory.blockStart(start)
    var stride = request.isAsync ? Self.clusterMax : 1
    while block >= lowest {
      let end = min(block + perBlock, memory.zones[zone].end)
      if isTarget(block) && isSuitable(block) {
        let (reached, isolated) = isolate(free: start, to: end, stride: stride)
        start = reached
        if reached == end { noteExhausted(block) }
        if freePages >= sourcesLeft {
          if reached >= end { start = block - perBlock }
          break
        }
        if reached < end { break }
        stride = isolated > 0 ? 1 : min(Self.clusterMax, stride << 1)
      }
      block -= perBlock
      start = block
    }
    freePFN = start
  }

  /// Whether free pages of a block may be taken: not from one that has the block wanted, nor, unless everything else failed,
  /// from one that is not movable (`suitable_migration_target`).
  private func isTarget(_ block: PFN) -> Bool {
    let flags = memory.frames[Int(block)].flags
    let order = Int((flags & FrameFlags.orderMask) >> FrameFlags.orderShift)
    if flags & FrameFlags.kindMask == FrameFlags.kindBuddy && order >= request.order ?? Page.hugeOrder { return false }
    return request.ignoresBlockTypes || memory.blockType(block) == .movable
  }

  /// The whole block was looked through: not again soon (`update_pageblock_skip`).
  private func noteExhausted(_ block: PFN) {
    memory.setSkip(block, true)
    let next = memory.rules.isTPP ? block : block - PFN(Page.perHuge)
    memory.compaction[zone].free = min(memory.compaction[zone].free, next)
  }

  /// Free pages of one block, every `stride`-th page looked at (`isolate_freepages_block`). Returns where it stopped and the
  /// base pages it has got.
  @discardableResult
  private func isolate(free start: PFN, to end: PFN, stride: Int) -> (reached: PFN, isolated: Int) {
    var pfn = start
    var isolated = 0
    while pfn < end {
      freeScanned += 1
      let flags = memory.frames[Int(pfn)].flags
      let order = Int((flags & FrameFlags.orderMask) >> FrameFlags.orderShift)
      var step = 1
      switch flags & FrameFlags.kindMask {
      case FrameFlags.kindFolio where order > 0, FrameFlags.kindTarget where order > 0:
        step = 1 << order
        countSkipped(step - 1)
      case FrameFlags.kindBuddy:
        guard memory.isolateFree(pfn, order: order, zone: zone) else {
          finish(isolated)
          return (pfn, isolated)
        }
        freeBlocks[order].append(pfn)
        step = 1 << order
        countSkipped(step - 1)
        isolated += step
        freePages += step
        if sourcesLeft <= freePages {
          finish(isolated)
          return (min(pfn + PFN(step), end), isolated)
        }
      default: break
      }
      pfn += PFN(step - 1 + stride)
    }
    finish(isolated)
    return (end, isolated)
  }

  private func countSkipped(_ pages: Int) {
    if memory.rules.countsSkippedPages { freeScanned += pages }
  }

  private func finish(_ isolated: Int) { memory.vmstat[.compact_isolated] += isolated }

  /// A free block high in the zone, named by the free lists, and what is free around it (`fast_isolate_freepages`).
  private func fastIsolate() {
    guard let wanted = request.order, wanted > 0 else { return }
    let isStart = freePFN >= memory.compaction[zone].firstFree
    let distance = freePFN - min(migratePFN, freePFN)
    var search = FreeSearch(
      limit: isStart ? Page.perHuge >> 1 : leastLimit(searchLimit >> 1),
      preferred: Memory.blockStart(freePFN - distance >> 2), least: Memory.blockStart(freePFN - distance >> 1))
    searchOrder = min(wanted - 1, searchOrder)
    var found: PFN?
    var order: Int? = searchOrder
    while let current = order {
      if let block = candidate(order: current, &search) {
        if memory.isolateFree(block, order: current, zone: zone) {
          keep(block, order: current)
          found = block
        } else {
          // Below the mark: no use in searching on.
          _ = nextSearchOrder(after: searchOrder + 1)
        }
        break
      }
      order = nextSearchOrder(after: current)
    }
    // Where nothing was found, around the place that the scanner goes to.
    let around = found ?? searchFailed(isStart: isStart, highest: search.highest, least: search.least)
    if search.highest > 0 && search.highest >= memory.compaction[zone].free {
      memory.compaction[zone].free = search.highest - PFN(Page.perHuge)
    }
    if let around { isolateAround(around) }
  }

  /// What a search of the free lists goes by.
  private struct FreeSearch {
    /// Blocks of a list that are looked at.
    var limit: Int
    /// Where a block is wanted, and where it will do.
    let preferred: PFN
    let least: PFN
    /// The pageblock of the highest block seen.
    var highest: PFN = 0
  }

  /// The first block of a list, from its tail, in the preferred quarter, or the highest one that will do.
  private func candidate(order: Int, _ search: inout FreeSearch) -> PFN? {
    let list = memory.zones[zone].freeLists + (order * 3 + MigrateType.movable.rawValue)
    var best: PFN?
    var scanned = 0
    var pfn = list.pointee.tail
    while pfn != 0 {
      scanned += 1
      if pfn >= search.highest { search.highest = max(Memory.blockStart(pfn), memory.zones[zone].start) }
      if pfn >= search.preferred {
        fastSearchFailures = 0
        searchOrder = order
        best = pfn
        break
      }
      if pfn >= search.least && pfn > best ?? 0 {
        best = pfn
        search.limit >>= 1
      }
      if scanned >= search.limit { break }
      pfn = memory.frames[Int(pfn)].prev
    }
    freeScanned += scanned
    if let last = best ?? (pfn != 0 ? pfn : nil) { memory.rotate(list, head: last) }
    if scanned >= search.limit { search.limit = leastLimit(search.limit >> 1) }
    return best
  }

  /// Up to 5.13 the kernel took the smaller of the two here, so that it looked at one block of a list.
  private func leastLimit(_ limit: Int) -> Int { memory.rules.isTPP ? min(1, limit) : max(1, limit) }

  /// Adds an isolated block to those held.
  private func keep(_ block: PFN, order: Int) {
    countSkipped((1 << order) - 1)
    freePages += 1 << order
    freeBlocks[order].append(block)
    memory.vmstat[.compact_isolated] += 1 << order
  }

  /// Counts a failure; returns the place to which it sends the scanner, if it does.
  private func searchFailed(isStart: Bool, highest: PFN, least: PFN) -> PFN? {
    fastSearchFailures += 1
    guard isStart else { return nil }
    // 5.13 goes to the highest block it has seen, wherever that is.
    if highest > 0 && (memory.rules.isTPP || highest >= least) {
      freePFN = highest
    } else if request.isDirect {
      freePFN = least
    } else {
      return nil
    }
    return freePFN
  }

  /// The next order to search, wrapping around below 0; nil once all have been (`next_search_order`).
  private func nextSearchOrder(after order: Int) -> Int? {
    let top = (request.order ?? 1) - 1
    let next = order == 0 ? top : order - 1
    guard next == searchOrder else { return next }
    searchOrder = searchOrder == 0 ? top : searchOrder - 1
    return nil
  }

  /// `fast_isolate_around`: the rest of the block. Not for async direct compaction, which scans as little as it can.
  private func isolateAround(_ pfn: PFN) {
    guard freePages < sourcesLeft, !(request.isDirect && request.isAsync) else { return }
    let start = max(Memory.blockStart(pfn), memory.zones[zone].start)
    let end = min(Memory.blockStart(pfn) + PFN(Page.perHuge), memory.zones[zone].end)
    let (reached, _) = isolate(free: start, to: end, stride: 1)
    // 5.13 goes by whether it was enough.
    if memory.rules.isTPP ? freePages < sourcesLeft : reached == end { memory.setSkip(pfn, true) }
  }
}

extension Memory {
  /// Takes a free block off its list if the zone keeps its min mark without it (`__isolate_free_page`). Half a pageblock or more
  /// becomes movable.
  func isolateFree(_ pfn: PFN, order: Int, zone: Int) -> Bool {
    guard zones[zone].free > zones[zone].min + (1 << order) else { return false }
    _ = removeFree(zone: zone, pfn: pfn)
    hold(pfn, order: order, zone: zone)
    if order >= Page.hugeOrder - 1 {
      var block = Memory.blockStart(pfn)
      while block < pfn + PFN(1) << PFN(order) {
        setBlockType(block, .movable)
        block += PFN(Page.perHuge)
      }
    }
    return true
  }

  /// Marks a block as taken by compaction: nobody's, and not free.
  func hold(_ pfn: PFN, order: Int, zone: Int) {
    frames[Int(pfn)].flags =
      FrameFlags.kindTarget | UInt32(order) << FrameFlags.orderShift | UInt32(zone) << FrameFlags.zoneShift
  }
}
