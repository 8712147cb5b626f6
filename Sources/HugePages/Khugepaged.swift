// khugepaged: one kernel thread that walks all address spaces in turn and collapses ranges of base pages into 2 MiB pages. A state
// machine without a clock of its own. Source: mm/khugepaged.c khugepaged, khugepaged_do_scan, khugepaged_scan_mm_slot,
// collapse_huge_page.
//
// The kernel runs it at nice 19; here it has the weight of any other thread.

import Machine
import MemoryModel
import Migration
import Tiering
import Units

/// A mapped region as khugepaged sees it.
public struct CollapseRegion: Sendable {
  public var slots: Range<Int>
  /// Whether its advice and `mm.transparent_hugepage.enabled` let it have 2 MiB pages.
  public var isEligible: Bool

  public init(slots: Range<Int>, isEligible: Bool) {
    self.slots = slots
    self.isEligible = isEligible
  }

  /// The 2 MiB ranges that lie in it as a whole.
  public var blocks: Range<Int> {
    let first = (slots.lowerBound + Page.perHuge - 1) >> Page.hugeOrder
    return first..<max(first, slots.upperBound >> Page.hugeOrder)
  }
}

/// The address spaces that khugepaged walks.
public protocol CollapseSpaces: AnyObject {
  var count: Int { get }
  /// Mapped regions of a space, by their slots ascending.
  func regions(of space: Int) -> [CollapseRegion]
  /// A range of a space was collapsed, and so many pages of it were mapped to nothing before.
  func collapsed(space: Int, filled: Int)
}

/// The thread's work.
public final class Khugepaged: KernelTask {
  private enum Phase { case asleep, scan, allocate, isolate, copy, map }

  private let memory: Memory
  private let links: Links
  private let clock: KernelClock
  private let costs: CostKnobs
  private let spaces: any CollapseSpaces
  private let source: any HugePageSource
  public var knobs: HugePageKnobs
  /// CPUs that a TLB flush has to reach.
  public var runningCPUs = 1

  private var phase = Phase.asleep
  private var target: CollapseTarget
  private var remapped = false

  /// Where the walk is: a space, nil behind the last, and the next block in it. They survive sleeps.
  private var space: Int?
  private var nextBlock = 0
  /// Of the wake under way: what was scanned, how often the walk began anew, whether a failed allocation may still be slept over.
  private var progress = 0
  private var beginnings = 0
  private var maySleepOnFailure = true
  private var isInSpace = false

  private var block = 0
  private var new: PFN = 0
  private var range: CollapsingRange?

  /// Ranges collapsed (`pages_collapsed`), and walks through all address spaces (`full_scans`).
  public private(set) var pagesCollapsed = 0
  public private(set) var fullScans = 0

  public init(
    memory: Memory, links: Links, clock: KernelClock, knobs: HugePageKnobs, costs: CostKnobs,
    spaces: any CollapseSpaces, source: any HugePageSource
  ) {
    self.memory = memory
    self.links = links
    self.clock = clock
    self.knobs = knobs
    self.costs = costs
    self.spaces = spaces
    self.source = source
    target = CollapseTarget(rules: memory.rules)
  }

  private var limits: CollapseLimits { CollapseLimits(none: knobs.maxPtesNone, swapped: knobs.maxPtesSwap) }

  /// Whether any space has a range that may become a 2 MiB page (`khugepaged_has_work`).
  public var hasWork: Bool {
    knobs.enabled != .never && (0..<spaces.count).contains { hasRanges($0) }
  }

  private func hasRanges(_ space: Int) -> Bool {
    spaces.regions(of: space).contains { $0.isEligible && !$0.blocks.isEmpty }
  }

  public func takeRemapped() -> Bool {
    defer { remapped = false }
    return remapped || source.takeRemapped()
  }

  public func step(now: Picoseconds, cpu: Int) -> ThreadStep {
    switch phase {
    case .asleep: return beginScan(now: now)
    case .scan: return scanNext(now: now)
    case .allocate: return allocate(now: now, cpu: cpu)
    case .isolate: return isolate(cpu: cpu)
    case .copy: return copy(cpu: cpu)
    case .map: return map(cpu: cpu)
    }
  }

  // MARK: khugepaged_do_scan

  private func beginScan(now: Picoseconds) -> ThreadStep {
    guard hasWork else { return .sleep }
    // lru_add_drain_all
    memory.drainAllLRUBatches()
    progress = 0
    beginnings = 0
    maySleepOnFailure = true
    isInSpace = false
    phase = .scan
    return .useCPU(0)
  }

  /// `khugepaged_wait_work`. Without a sleep it goes on at once; so that time passes it takes a microsecond then.
  private func endScan(now: Picoseconds) -> ThreadStep {
    phase = .asleep
    guard hasWork else { return .sleep }
    if knobs.scanSleepMillisecs == 0 { return .useCPU(Picoseconds.microsecond) }
    return .sleepUntil(now + clock.span(milliseconds: knobs.scanSleepMillisecs))
  }

  /// Looks at the next range.
  private func scanNext(now: Picoseconds) -> ThreadStep {
    while true {
      if !isInSpace {
        guard progress < knobs.pagesToScan, enterSpace() else { return endScan(now: now) }
      }
      guard let found = findRange() else {
        leaveSpace()
        continue
      }
      nextBlock = found + 1
      progress += Page.perHuge
      let scan = memory.scanForCollapse(block: found, limits: limits)
      if scan.outcome == .succeed {
        let (node, allowed) = target.choose(load: scan.load)
        block = found
        source.start(node: node, allowed: allowed, mayReclaim: knobs.khugepagedDefrag)
        phase = .allocate
        // mmap_lock is dropped before an allocation, and the walk of the space begins again behind it.
        isInSpace = false
      } else if progress >= knobs.pagesToScan {
        isInSpace = false
      }
      return .useCPU(costs.scanBlock + scan.entries * costs.collapseEntry)
    }
  }

  /// The head of `khugepaged_scan_mm_slot`: false when the walk has begun twice in this wake, or nothing is left to walk.
  private func enterSpace() -> Bool {
    if space == nil {
      beginnings += 1
      guard beginnings < 2, let first = (0..<spaces.count).first(where: { hasRanges($0) }) else { return false }
      space = first
      nextBlock = 0
    }
    progress += 1
    isInSpace = true
    return true
  }

  /// The next range of the space; regions that are passed by count as one page each.
  private func findRange() -> Int? {
    guard let space, space < spaces.count else { return nil }
    for region in spaces.regions(of: space) {
      let blocks = region.blocks
      // A block that two small regions share belongs to neither.
      guard region.slots.upperBound > nextBlock << Page.hugeOrder else { continue }
      guard region.isEligible, !blocks.isEmpty else {
        progress += 1
        nextBlock = max(nextBlock, region.slots.upperBound >> Page.hugeOrder)
        continue
      }
      if max(nextBlock, blocks.lowerBound) < blocks.upperBound { return max(nextBlock, blocks.lowerBound) }
    }
    return nil
  }

  private func leaveSpace() {
    isInSpace = false
    let next = ((space ?? 0) + 1..<max(spaces.count, (space ?? 0) + 1)).first { hasRanges($0) }
    if next == nil { fullScans += 1 }
    space = next
    nextBlock = 0
  }

  // MARK: collapse_huge_page

  private func allocate(now: Picoseconds, cpu: Int) -> ThreadStep {
    switch source.step(now: now, cpu: cpu) {
    case .useCPU(let time): return .useCPU(time)
    case .spin: return .spin
    case .sleep: return .sleepForCopy
    case .done: break
    }
    guard let block = source.block else { return allocationFailed(now: now) }
    memory.vmstat[.thp_collapse_alloc] += 1
    memory.holdHugeBlock(block)
    new = block
    phase = .isolate
    return .useCPU(costs.allocate)
  }

  /// Sleeps over the first failure of a wake; the second ends it.
  private func allocationFailed(now: Picoseconds) -> ThreadStep {
    memory.vmstat[.thp_collapse_alloc_failed] += 1
    phase = .scan
    guard progress < knobs.pagesToScan, maySleepOnFailure else { return endScan(now: now) }
    maySleepOnFailure = false
    return .sleepUntil(now + clock.span(milliseconds: knobs.allocSleepMillisecs))
  }

  /// Takes the pages out of reach; from here on accesses to the range wait. The region may have been unmapped since the scan.
  private func isolate(cpu: Int) -> ThreadStep {
    let isMapped = (0..<spaces.count).contains { space in
      spaces.regions(of: space).contains { $0.isEligible && $0.blocks.contains(block) }
    }
    guard isMapped else { return giveUp(cpu: cpu, time: 0) }
    let (scan, range) = memory.beginCollapse(block: block, limits: limits)
    let time = scan.entries * costs.collapseEntry
    guard let range else { return giveUp(cpu: cpu, time: time) }
    self.range = range
    phase = .copy
    return .useCPU(time + costs.flush + costs.flushPerCPU * (runningCPUs - 1))
  }

  /// Copies what is there and clears the rest (`__collapse_huge_page_copy`).
  private func copy(cpu: Int) -> ThreadStep {
    guard let range, memory.isCollapsing(range) else { return giveUp(cpu: cpu, time: 0) }
    let measured = memory.copyContent(of: range, to: new)
    let node = memory.node(of: new)
    var time: Picoseconds = 0
    for (source, pages) in range.load.enumerated() where pages > 0 {
      time += links.copy(
        bytes: pages << Page.shift, from: source, to: node, cpuBandwidth: costs.copyBandwidth)
    }
    if let backing = memory.backing, let measured {
      backing.note(
        MeasuredCopy(
          .collapse, engine: "cpu", basePages: Page.perHuge - range.holes,
          modelled: backing.drivesClock ? nil : time, measured: measured))
      if backing.drivesClock { time = measured }
    }
    phase = .map
    return .useCPU(costs.collapse + costs.firstTouchHuge * range.holes / Page.perHuge + time)
  }

  private func map(cpu: Int) -> ThreadStep {
    guard let range, memory.isCollapsing(range) else { return giveUp(cpu: cpu, time: 0) }
    memory.finishCollapse(range, to: new, cpu: cpu)
    self.range = nil
    remapped = true
    pagesCollapsed += 1
    if let owner = (0..<spaces.count).first(where: { space in
      spaces.regions(of: space).contains { $0.blocks.contains(block) }
    }) {
      spaces.collapsed(space: owner, filled: range.holes)
    }
    phase = .scan
    return .useCPU(0)
  }

  /// The range has changed, or cannot be isolated: the new page is freed again.
  private func giveUp(cpu: Int, time: Picoseconds) -> ThreadStep {
    if let range {
      memory.abandonCollapse(range, cpu: cpu)
      self.range = nil
      remapped = true
    }
    memory.release(new, order: Page.hugeOrder, cpu: cpu)
    phase = .scan
    return .useCPU(time)
  }
}
