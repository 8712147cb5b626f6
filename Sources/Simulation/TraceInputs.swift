// The virtual slots of every process, and the trace sources of the tasks that replay one.

import Units
import Workload

/// Where each process's pages are in the page table.
struct TraceInputs {
  /// Slots of each process.
  private(set) var slots: [Range<Int>] = []
  private(set) var totalSlots = 0
  /// The trace of each task that has one, and the slots it accesses.
  private(set) var sources: [Int: (source: any AccessSource, slots: Range<Int>)] = [:]

  init(_ spec: WorkloadSpec) throws(RunError) {
    for (process, value) in spec.processes.enumerated() {
      let start = totalSlots
      var end = start + value.slots
      for (index, task) in spec.tasks.enumerated() where task.process == process {
        guard case .trace(let trace) = task.work else { continue }
        _ = trace
        _ = index
        throw RunError("traces are not joined yet", fix: "")
      }
      end = (end + Page.perHuge - 1) & ~(Page.perHuge - 1)
      slots.append(start..<end)
      totalSlots = end
    }
    totalSlots = max(totalSlots, Page.perHuge)
    guard totalSlots < 1 << 31 else {
      throw RunError(
        "the workload has \(totalSlots) virtual pages; the page table holds 2^31 (8 TiB)", fix: "make it smaller")
    }
  }
}
