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
  /// Where the pages of each trace are.
  private(set) var maps: [TraceUse: TraceMap]

  /// Opens and reads every trace once: a damaged one is found before the run. Tasks of one process that replay the same
  /// file share its slots; any other trace has its own, after those of the process's regions.
  ///
  /// The tasks of `spec` are those of `withRecordedThreads`. Traces whose maps are `known` are opened, but not read.
  init(_ spec: WorkloadSpec, costs: CostKnobs, isHashing: Bool, known: [TraceUse: TraceMap] = [:]) throws(RunError) {
    maps = known
    for (process, value) in spec.processes.enumerated() {
      let start = totalSlots
      var end = start + value.slots
      var shared: [TraceUse: Int] = [:]
      for (index, task) in spec.tasks.enumerated() where task.process == process {
        guard case .trace(let trace) = task.work else { continue }
        let path = trace.resolvedPath
        let use = TraceUse(trace)
        do throws(TraceError) {
          let map: TraceMap
          if let known = maps[use] { map = known } else { map = try TraceMap(path: path, process: use.process) }
          maps[use] = map
          end = (end + Page.perHuge - 1) & ~(Page.perHuge - 1)
          let base = shared[use] ?? end
          try TraceInputs.checkRoom(base + map.slotCount)
          let source = try TraceSource(
            path: path, map: map, baseSlot: base,
            costs: TraceCosts(instruction: costs.instruction, cachedAccess: costs.cachedAccess),
            thread: trace.thread, countsFootprint: shared[use] == nil, hashing: isHashing)
          // A second task over the same slots adds no region of its own.
          sources[index] = (source, base..<(shared[use] == nil ? base + map.slotCount : base))
          if shared[use] == nil { end = base + map.slotCount }
          shared[use] = base
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

/// A trace file, and the process of it if it is one.
struct TraceUse: Hashable, Sendable {
  let path: String
  let process: UInt16?

  init(_ trace: TraceSpec) {
    path = trace.resolvedPath
    if case .one(_, let process) = trace.threads { self.process = process } else { process = nil }
  }
}

extension TraceSpec {
  /// The only thread of the trace that is replayed.
  fileprivate var thread: UInt16? {
    if case .one(let thread, _) = threads { return thread }
    return nil
  }
}

extension TraceSource: FootprintKnown {}
