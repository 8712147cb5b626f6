// Who may have 2 MiB pages, and khugepaged's thread.

import HugePages
import MemoryModel
import Migration
import Units
import Workload

/// The run's address spaces as khugepaged walks them.
private final class RunSpaces: CollapseSpaces {
  private unowned(unsafe) let simulation: Simulation

  init(_ simulation: Simulation) { self.simulation = simulation }

  var count: Int { simulation.spaces.count }

  func regions(of space: Int) -> [CollapseRegion] {
    simulation.spaces[space].regions.map {
      CollapseRegion(slots: $0.slots, isEligible: simulation.hugePages.enabled != .never && simulation.mayBeHuge($0))
    }
  }

  func collapsed(space: Int, filled: Int) { simulation.spaces[space].rss += filled }
}

extension Simulation {
  /// Whether a region's kind, its advice and the system-wide setting allow 2 MiB pages (`thp_vma_allowable_order`).
  func mayBeHuge(_ region: MappedRegion) -> Bool {
    guard !region.isFile else { return false }
    switch region.advice {
    case .never: return false
    case .always: return true
    case .madvise: return hugePages.enabled != .never
    case .systemDefault: return hugePages.enabled == .always
    }
  }

  /// Whether a first touch of this slot tries for a huge page.
  func wantsHuge(_ region: MappedRegion, slot: Int) -> Bool {
    guard mayBeHuge(region) else { return false }
    let start = slot & ~(Page.perHuge - 1)
    guard region.slots.lowerBound <= start, start + Page.perHuge <= region.slots.upperBound else { return false }
    // A block that has a page table has, or had, base pages.
    return memory.table.tablePage[start >> Page.hugeOrder] == 0
  }

  /// Starts khugepaged once there is something it may collapse, and gives it new knobs. With `wakes` its sleep ends
  /// (`scan_sleep_millisecs_store`, `start_stop_khugepaged`).
  func updateKhugepaged(wakes: Bool = false) {
    guard areThreadsMade else { return }
    if let (task, _, thread) = khugepaged {
      task.knobs = hugePages
      if case .waiting = thread.state, task.hasWork { return scheduleKhugepaged(thread) }
      if wakes, task.hasWork, case .sleeping = thread.state {
        if (thread.body as? KernelThread)?.sleepsForCopy == true { return }
        scheduler.wake(thread, now: now, waker: cpuInUse)
      }
      return
    }
    let source = CompactingSource(allocation: makeHugeAllocation(caller: .khugepaged, seed: 0x6B_6875_6765))
    let task = Khugepaged(
      memory: memory, links: links, clock: clock, knobs: hugePages, costs: costs, spaces: RunSpaces(self),
      source: source)
    guard task.hasWork else { return }
    task.runningCPUs = runningCPUs
    let thread = addKernelThread("khugepaged", task)
    khugepaged = (task, source, thread)
    scheduleKhugepaged(thread)
  }

  /// The first scan is a whole sleep away: where in its period khugepaged is when a workload begins is chance.
  private func scheduleKhugepaged(_ thread: ModelThread) {
    thread.state = .sleeping(until: now + clock.span(milliseconds: max(hugePages.scanSleepMillisecs, 1)))
  }
}
