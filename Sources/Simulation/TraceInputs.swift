// The virtual slots of every process, and the trace sources of the tasks that replay one.

import Machine
import Trace
import Units
import Workload

/// Where each process's pages are in the page table.
struct TraceInputs {
  /// Slots of each process.
  private(set) var slots: [Range<Int>] = []
  private(set) var totalSlots = 0
  /// The trace of each task that has one, and the slots it accesses.
  private(set) var sources: [Int: (source: any AccessSource, slots: Range<Int>)] = [:]

  /// Opens and reads every trace once: a damaged one is found before the run. Tasks of one process that replay the same
  /// file share its slots; any other trace has its own, after those of the process's regions.
  init(_ spec: WorkloadSpec, costs: CostKnobs, isHashing: Bool) throws(RunError) {
    var maps: [String: TraceMap] = [:]
    for (process, value) in spec.processes.enumerated() {
      let start = totalSlots
      var end = start + value.slots
      var shared: [String: Int] = [:]
      for (index, task) in spec.tasks.enumerated() where task.process == process {
        guard case .trace(let trace) = task.work else { continue }
        let path = trace.resolvedPath
        do throws(TraceError) {
          let map: TraceMap
          if let known = maps[path] { map = known } else { map = try TraceMap(path: path) }
          maps[path] = map
          end = (end + Page.perHuge - 1) & ~(Page.perHuge - 1)
          let base = shared[path] ?? end
          try TraceInputs.checkRoom(base + map.slotCount)
          let source = try TraceSource(
            path: path, map: map, baseSlot: base,
            costs: TraceCosts(instruction: costs.instruction, cachedAccess: costs.cachedAccess),
            countsFootprint: shared[path] == nil, hashing: isHashing)
          // A second task over the same slots adds no region of its own.
          sources[index] = (source, base..<(shared[path] == nil ? base + map.slotCount : base))
          if shared[path] == nil { end = base + map.slotCount }
          shared[path] = base
        } catch {
          throw RunError(
            "\(spec.path):\(trace.line): trace of task '\(task.name)': \(error)", fix: "",
            kind: error.kind == .limit ? .run : .trace)
        }
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

  private static func checkRoom(_ slots: Int) throws(TraceError) {
    guard slots < 1 << 31 else {
      throw TraceError(
        .limit, file: "", problem: "the workload's 2 MiB blocks take \(slots) pages; the page table holds 2^31 (8 TiB)",
        fix: "trace a smaller part of the program")
    }
  }
}

extension TraceSource: FootprintKnown {}
