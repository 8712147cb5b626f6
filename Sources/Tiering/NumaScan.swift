// The NUMA-balancing scanner: when a process's pages are made PROT_NONE, and how its period adapts.
// Source: kernel/sched/fair.c task_tick_numa, task_numa_work, task_scan_min, task_scan_max, update_task_scan_period.

import Machine
import MemoryModel
import Units

/// A mapped range that the scanner visits: one VMA.
public struct ScanRegion: Sendable {
  public var slots: Range<Int>
  /// Whether it maps a file (shared), not anonymous memory.
  public var isFile: Bool

  public init(slots: Range<Int>, isFile: Bool = false) {
    self.slots = slots
    self.isFile = isFile
  }
}

/// The scanner's state of one address space (mm_struct).
public struct AddressSpaceScan: Sendable {
  /// Earliest time of the next scan.
  public var nextScan: Picoseconds
  /// Complete passes over the address space (numa_scan_seq).
  public var passes = 0
  /// Region and slot at which the next scan starts.
  var region = 0
  var slot = -1
  /// Scans that go to mappings nobody touches before the pass is over, and whether it has come to them.
  var idleScans = 0
  var isForcing = false
  /// Time of the start of each pass, for the report.
  public var passTimes: [Picoseconds] = []

  /// A new process is scanned after the scan delay at the earliest.
  public init(start: Picoseconds, knobs: BalancingKnobs, clock: KernelClock) {
    nextScan = start + clock.span(milliseconds: knobs.scanDelay)
  }
}

/// The scanner's state of one thread (task_struct).
public struct ThreadScan: Sendable {
  /// Run time at which the tick looks again (node_stamp).
  var stamp: Picoseconds = 0
  /// Scan period in ms.
  public var period: Int
  var periodMax: Int
  /// The pass the period was last adapted for.
  var sequence = 0
  /// Faults recorded since: local, remote, failed migrations, and pages.
  var local = 0
  var remote = 0
  var failed = 0
  var retryAt: Picoseconds = 0
  /// Set by the tick: scan at the return to user mode.
  public var isDue = false

  public init(knobs: BalancingKnobs) {
    period = knobs.scanDelay
    periodMax = knobs.scanPeriodMax
  }
}

/// The scanner.
public final class NumaScanner {
  private let memory: Memory
  private let clock: KernelClock
  public var knobs: BalancingKnobs
  public var costs: CostKnobs
  /// Mappings of a process that it does not touch (sim.untouched_mappings). From the third pass on 6.12 skips a mapping
  /// without recent faults of the thread, and at the end of a pass forces those it skipped, one a scan.
  public var untouchedMappings = 3

  public init(memory: Memory, clock: KernelClock, knobs: BalancingKnobs, costs: CostKnobs) {
    self.memory = memory
    self.clock = clock
    self.knobs = knobs
    self.costs = costs
  }

  /// Pages of one scan (scan_size_mb).
  private var scanPages: Int { knobs.scanSizeMiB << (20 - Page.shift) }

  /// Scan windows of a process (`task_nr_scan_windows`).
  static func windows(rss: Int, scanPages: Int) -> Int {
    max((max(rss, 1) + scanPages - 1) / scanPages, 1)
  }

  /// `task_scan_min`: shortest period in ms for a process of `rss` base pages.
  public static func scanMin(rss: Int, knobs: BalancingKnobs) -> Int {
    let floor = knobs.scanSizeMiB < 2560 ? 1000 / (2560 / knobs.scanSizeMiB) : 1000
    return max(floor, knobs.scanPeriodMin / windows(rss: rss, scanPages: knobs.scanSizeMiB << (20 - Page.shift)))
  }

  /// `task_scan_max`: longest period in ms.
  public static func scanMax(rss: Int, knobs: BalancingKnobs) -> Int {
    max(
      scanMin(rss: rss, knobs: knobs),
      knobs.scanPeriodMax / windows(rss: rss, scanPages: knobs.scanSizeMiB << (20 - Page.shift)))
  }

  /// `task_tick_numa`: called at a tick of a running thread; `runTime` is its CPU time. Sets `isDue`.
  public func tick(
    thread: inout ThreadScan, space: AddressSpaceScan, runTime: Picoseconds, now: Picoseconds, rss: Int
  ) {
    let period = clock.span(milliseconds: thread.period)
    guard knobs.mode & 3 != 0, runTime > thread.stamp + period else { return }
    if thread.stamp == 0 { thread.period = NumaScanner.scanMin(rss: rss, knobs: knobs) }
    // The period of before: the first scan counts with the scan delay.
    thread.stamp += period
    if now >= space.nextScan { thread.isDue = true }
  }

  /// `task_numa_work`: one scan of an address space. Returns the CPU time it took.
  ///
  /// - Parameter ownNode: the node of the CPU when the process has one thread: its private pages there are in place already
  ///   (change_pte_range, target_node).
  public func scan(
    thread: inout ThreadScan, space: inout AddressSpaceScan, regions: [ScanRegion], ownNode: Int? = nil,
    now: Picoseconds
  ) -> Picoseconds {
    thread.isDue = false
    guard now >= space.nextScan, !regions.isEmpty else { return 0 }
    space.nextScan = now + clock.span(milliseconds: thread.period)
    thread.stamp += clock.span(milliseconds: 2 * clock.jiffy)
    if space.idleScans > 0 {
      // A mapping that this thread does not touch is forced: the scan finds nothing and ends with it.
      space.idleScans -= 1
      return costs.scanBlock
    }
    var pages = scanPages
    var virtual = scanPages * 8
    var time = 0
    let stamp = UInt32(truncatingIfNeeded: clock.milliseconds(now))
    let tiering = knobs.mode & 2 != 0
    let shared: UInt16 = knobs.mode & 1 == 0 ? memory.topTierMask : 0
    let own: UInt16 = ownNode.map { 1 << UInt16($0) } ?? 0
    // The first region that ends behind the saved address; past the last one a new pass begins at once (vma_next).
    if let next = regions.firstIndex(where: { $0.slots.upperBound > space.slot }), space.slot >= 0 {
      space.region = next
    } else {
      if space.slot >= 0 {
        if forcesIdleMappings(&space) { return costs.scanBlock }
        startPass(&space, now: now)
      }
      space.region = 0
      space.slot = regions[0].slots.lowerBound
    }
    var finished = false
    while true {
      let region = regions[space.region].slots
      let isFile = regions[space.region].isFile
      let start = max(space.slot, region.lowerBound)
      // Rounded up to 2 MiB and cut at the region's end; all of it is charged when anything in it changed.
      let end = min((start + pages + Page.perHuge - 1) & ~(Page.perHuge - 1), region.upperBound)
      if start < end {
        let hugeBefore = memory.vmstat[.numa_huge_pte_updates]
        let updates = memory.protectForScan(
          slots: start..<end, skippedNodes: isFile ? shared : shared | own, isFile: isFile, tiering: tiering,
          stamp: stamp)
        let hugeUpdates = memory.vmstat[.numa_huge_pte_updates] - hugeBefore
        time += walkTime(start..<end, baseUpdates: updates - hugeUpdates * Page.perHuge)
        if updates > 0 { pages -= end - start }
        virtual -= end - start
      }
      space.slot = end
      if pages <= 0 || virtual <= 0 { break }
      if end >= region.upperBound {
        space.region += 1
        if space.region >= regions.count {
          finished = true
          break
        }
        space.slot = regions[space.region].slots.lowerBound
      }
    }
    if finished && !forcesIdleMappings(&space) { startPass(&space, now: now) }
    // A thread scans for at most 1/32 of its time.
    thread.stamp += 32 * time
    return time
  }

  /// A page table costs a walk and what changes in it, a 2 MiB entry (`change_huge_pmd`) as much as one base page's that changes.
  private func walkTime(_ slots: Range<Int>, baseUpdates: Int) -> Picoseconds {
    var (tables, huge) = (0, 0)
    var block = slots.lowerBound >> Page.hugeOrder
    while block << Page.hugeOrder < slots.upperBound {
      if memory.table.pmd[block] != 0 {
        huge += 1
      } else if memory.table.tablePage[block] != 0 {
        tables += 1
      }
      block += 1
    }
    return tables * costs.scanBlock + (huge + baseUpdates) * costs.scanEntry
  }

  /// Whether a pass that has come to its end goes on with mappings that it skipped, one a scan: the sequence number, and with it the
  /// period, changes behind them.
  private func forcesIdleMappings(_ space: inout AddressSpaceScan) -> Bool {
    guard !memory.rules.isTPP, space.passes >= 2, untouchedMappings > 0, !space.isForcing else { return false }
    space.isForcing = true
    space.idleScans = untouchedMappings
    return true
  }

  private func startPass(_ space: inout AddressSpaceScan, now: Picoseconds) {
    space.passes += 1
    space.isForcing = false
    space.passTimes.append(now)
    space.region = 0
    space.slot = -1
  }

  /// `task_numa_fault` and `task_numa_placement`: what a hint fault means for the period. Faults on slow pages do not count
  /// in tiering mode (5.13 has no such rule); a promoted page counts where it now is.
  public func recordFault(
    thread: inout ThreadScan, space: inout AddressSpaceScan, node: Int, isLocal: Bool, pages: Int, migrated: Bool,
    migrateFailed: Bool, now: Picoseconds, rss: Int
  ) {
    if knobs.mode & 2 != 0 && !memory.rules.isTPP && !memory.isTopTier(node) { return }
    if now >= thread.retryAt {
      if thread.sequence != space.passes {
        thread.sequence = space.passes
        thread.periodMax = NumaScanner.scanMax(rss: rss, knobs: knobs)
        adapt(&thread, &space, now: now, rss: rss)
      }
      thread.retryAt = now + min(clock.span(milliseconds: 1000), clock.span(milliseconds: thread.period) / 16)
    }
    if migrateFailed { thread.failed += pages }
    // A promoted page came from elsewhere: it counts as remote, and as private to the thread.
    if isLocal && !migrated { thread.local += pages } else { thread.remote += pages }
  }

  /// `update_task_scan_period`. There is one thread group, so that no fault is shared.
  private func adapt(_ thread: inout ThreadScan, _ space: inout AddressSpaceScan, now: Picoseconds, rss: Int) {
    defer {
      thread.local = 0
      thread.remote = 0
      thread.failed = 0
    }
    if thread.local == 0 || thread.failed > 0 {
      thread.period = min(thread.periodMax, thread.period << 1)
      space.nextScan = now + clock.span(milliseconds: thread.period)
      return
    }
    let slot = max((thread.period + 9) / 10, 1)
    // All faults are private: ps_ratio is 10, at or above the threshold of 7: scan slower.
    let difference = max(10 - 7, 1) * slot
    thread.period = min(
      max(thread.period + difference, NumaScanner.scanMin(rss: rss, knobs: knobs)), thread.periodMax)
  }
}
