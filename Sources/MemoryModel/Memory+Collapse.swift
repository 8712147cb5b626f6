// Collapsing the base pages of a 2 MiB range into one folio: whether a range may be, and what it does to entries and frames. Who
// does it, and when, is elsewhere. Source: mm/khugepaged.c hpage_collapse_scan_pmd, __collapse_huge_page_isolate,
// __collapse_huge_page_copy, collapse_huge_page (6.12; 5.13 has them without the first two letters).

import Units

/// How many pages of a range may be missing or elsewhere (mm.transparent_hugepage.khugepaged.max_ptes_…).
public struct CollapseLimits: Sendable {
  /// Entries that map nothing.
  public var none: Int
  /// Entries whose page is elsewhere: there is no swap here, and a migration entry counts as one.
  public var swapped: Int

  public init(none: Int, swapped: Int) {
    self.none = none
    self.swapped = swapped
  }
}

/// Why a range is collapsed or not (enum scan_result).
public enum CollapseOutcome: Sendable {
  case succeed
  /// Nothing of the range was ever touched (SCAN_PMD_NULL), or it is mapped as a whole (SCAN_PMD_MAPPED).
  case noTable, isHuge
  /// Beyond a limit (SCAN_EXCEED_NONE_PTE, SCAN_EXCEED_SWAP_PTE).
  case exceedsNone, exceedsSwapped
  /// A page is under migration (SCAN_PTE_NON_PRESENT), on no LRU list (SCAN_PAGE_LRU), or held by somebody (SCAN_PAGE_COUNT).
  case notPresent, notListed, isHeld
  /// No page was referenced since it was last looked at, or fewer than half while some are elsewhere
  /// (SCAN_LACK_REFERENCED_PAGE).
  case notReferenced
}

/// What a look at a range found.
public struct CollapseScan: Sendable {
  public var outcome = CollapseOutcome.succeed
  /// Entries looked at.
  public var entries = 0
  /// Base pages of the range by node.
  public var load: [Int]
}

/// A range whose pages are isolated and out of reach.
public struct CollapsingRange: Sendable {
  /// The range's number: first slot / 512.
  public let block: Int
  let folios: [PFN]
  /// Base pages to be copied, by the node they are on; the rest of the 512 are holes.
  public let load: [Int]
  public var holes: Int { Page.perHuge - load.reduce(0, +) }
}

extension Memory {
  /// Looks at a 2 MiB range of anonymous memory (`hpage_collapse_scan_pmd`), counting the limits that it exceeds.
  public func scanForCollapse(block: Int, limits: CollapseLimits) -> CollapseScan {
    var scan = CollapseScan(load: [Int](repeating: 0, count: nodeCount))
    scan.outcome = look(at: block, limits, &scan, isFinal: false)
    return scan
  }

  /// The checks of one range; `isFinal` are those under the locks of the collapse itself.
  private func look(at block: Int, _ limits: CollapseLimits, _ scan: inout CollapseScan, isFinal: Bool)
    -> CollapseOutcome
  {
    if table.pmd[block] != 0 { return .isHuge }
    if table.tablePage[block] == 0 { return .noTable }
    var none = 0
    var swapped = 0
    var referenced = 0
    let start = block << Page.hugeOrder
    for slot in start..<(start + Page.perHuge) {
      scan.entries += 1
      let entry = table.hot[slot]
      if entry == 0 {
        none += 1
        if none > limits.none {
          if rules.countsCollapseLimits { vmstat[.thp_scan_exceed_none_pte] += 1 }
          return .exceedsNone
        }
      } else if entry & PTE.present == 0 {
        if isFinal { return .notPresent }
        swapped += 1
        if swapped > limits.swapped {
          if rules.countsCollapseLimits { vmstat[.thp_scan_exceed_swap_pte] += 1 }
          return .exceedsSwapped
        }
      } else {
        let folio = head(of: table.frame[slot])
        let flags = frames[Int(folio)].flags
        scan.load[node(of: folio)] += 1
        if flags & FrameFlags.onLRU == 0 { return .notListed }
        if flags & FrameFlags.activating != 0 { return .isHeld }
        if entry & PTE.accessed != 0 || flags & FrameFlags.referenced != 0 { referenced += 1 }
      }
    }
    let isEnough = referenced > 0 && (swapped == 0 || referenced >= Page.perHuge / 2)
    return isEnough ? .succeed : .notReferenced
  }

  /// Takes a range's pages out of reach: checks them again, isolates them, and puts an entry over the block that every access waits
  /// for. When that fails nothing has changed. The kernel holds the process's mmap_lock meanwhile, so that its other faults wait too;
  /// that is left out.
  public func beginCollapse(block: Int, limits: CollapseLimits) -> (scan: CollapseScan, range: CollapsingRange?) {
    var scan = CollapseScan(load: [Int](repeating: 0, count: nodeCount))
    scan.outcome = look(at: block, limits, &scan, isFinal: true)
    guard scan.outcome == .succeed else { return (scan, nil) }
    var folios: [PFN] = []
    let start = block << Page.hugeOrder
    for slot in start..<(start + Page.perHuge) where table.hot[slot] != 0 {
      let page = table.frame[slot]
      if table.hot[slot] & PTE.dirty != 0 {
        settleContent(page, slot: slot, order: 0)
        table.hot[slot] &= ~PTE.dirty
      }
      // Of a 2 MiB folio that is mapped page by page several slots have pages.
      if isolate(head(of: page)) { folios.append(head(of: page)) }
    }
    table.pmd[block] = PTE.collapsing
    return (scan, CollapsingRange(block: block, folios: folios, load: scan.load))
  }

  /// Whether nothing of the range was unmapped since `beginCollapse`.
  public func isCollapsing(_ range: CollapsingRange) -> Bool { table.pmd[range.block] == PTE.collapsing }

  /// Copies the content tags of a range's pages to a 2 MiB block, and the bytes behind them; holes have what a first touch gives.
  /// - Returns: what the copy of the bytes took; nil without any.
  @discardableResult
  public func copyContent(of range: CollapsingRange, to new: PFN) -> Picoseconds? {
    let start = range.block << Page.hugeOrder
    defer { copyTags(from: start, to: new) }
    guard let backing else { return nil }
    var moves: [FrameMove] = []
    for i in 0..<Page.perHuge {
      let slot = start + i
      if table.hot[slot] != 0 {
        moves.append(FrameMove(from: table.frame[slot], to: new + PFN(i), order: 0))
      } else {
        backing.write(new + PFN(i), slot: slot, generation: table.generation[slot])
      }
    }
    return backing.copyPages(moves)
  }

  private func copyTags(from start: Int, to new: PFN) {
    for i in 0..<Page.perHuge {
      let slot = start + i
      cold[Int(new) + i].tag =
        table.hot[slot] != 0
        ? cold[Int(table.frame[slot])].tag : Memory.tag(slot: slot, generation: table.generation[slot])
    }
  }

  /// Frees the range's old pages and maps the new folio over it: accessible, young and dirty, on its way to the inactive list. The page
  /// table page stays.
  public func finishCollapse(_ range: CollapsingRange, to new: PFN, cpu: Int) {
    precondition(isCollapsing(range))
    let start = range.block << Page.hugeOrder
    for slot in start..<(start + Page.perHuge) {
      table.hot[slot] = 0
      table.frame[slot] = 0
    }
    for folio in range.folios {
      nodes[node(of: folio)].isolated -= pages(of: folio)
      retire(folio, order: order(of: folio), cpu: cpu)
    }
    makeFolio(new, order: Page.hugeOrder, slot: start, carrying: 0)
    table.frame[start] = new
    table.pmd[range.block] = PTE.present | PTE.accessed | PTE.dirty | UInt8(truncatingIfNeeded: node(of: new))
    addToLRU(new, cpu: cpu)
    if rules.queuesWholeHugePages { deferSplit(new, isPartlyMapped: false) }
  }

  /// Gives a collapse up: the range's pages are in reach and on their lists again, those that were unmapped meanwhile are freed.
  public func abandonCollapse(_ range: CollapsingRange, cpu: Int) {
    if isCollapsing(range) { table.pmd[range.block] = 0 }
    for folio in range.folios where !releaseOrphan(folio, cpu: cpu) { putBack(folio) }
  }

  /// Marks a 2 MiB block that was allocated and that nothing maps yet.
  public func holdHugeBlock(_ pfn: PFN) {
    frames[Int(pfn)].flags =
      frames[Int(pfn)].flags & FrameFlags.zoneMask | FrameFlags.kindTarget | UInt32(Page.hugeOrder)
      << FrameFlags.orderShift
  }

  /// Whether a slot has a page, be it under migration or in a range that is being collapsed.
  public func isMapped(slot: Int) -> Bool {
    let huge = table.pmd[slot >> Page.hugeOrder]
    return huge != 0 && huge != PTE.collapsing || table.hot[slot] != 0
  }
}
