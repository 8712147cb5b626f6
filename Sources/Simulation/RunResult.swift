// What a run leaves in memory; Report writes it down.

import MemoryModel
import Migration
import Units

/// One line of the time series.
public struct RunSample: Sendable {
  public var time: Picoseconds
  /// `VMEvent` counters, in order.
  public var events: [Int]
  /// Free pages, LRU pages by `LRUList` and process pages, by node.
  public var free: [Int]
  public var lru: [[Int]]
  /// Accesses done so far to the top tier and to all others.
  public var fastAccesses: Int
  public var slowAccesses: Int
  /// Watermarks and copy engines.
  public var machine = MachineSample()
}

/// Totals of one task between two points.
public struct TaskTotals: Sendable {
  public var accesses = 0
  public var reads = 0
  public var writes = 0
  public var fastAccesses = 0
  public var bytes = 0
  /// Accesses that a modelled cache answered after a page walk; not among `accesses`.
  public var touches = 0
  /// By `TimeUse`.
  public var time = [Picoseconds](repeating: 0, count: TimeUse.allCases.count)

  public init() {}

  public static func - (a: TaskTotals, b: TaskTotals) -> TaskTotals {
    var d = TaskTotals()
    d.accesses = a.accesses - b.accesses
    d.reads = a.reads - b.reads
    d.writes = a.writes - b.writes
    d.fastAccesses = a.fastAccesses - b.fastAccesses
    d.bytes = a.bytes - b.bytes
    d.touches = a.touches - b.touches
    d.time = zip(a.time, b.time).map { $0 - $1 }
    return d
  }
}

/// One access phase, sleep or other step of a task, all its repetitions together.
public struct PhaseResult: Sendable {
  public var number: Int
  public var label: String
  public var start: Picoseconds
  public var end: Picoseconds
  /// Times it was run.
  public var runs = 0
  public var elapsed: Picoseconds = 0
  public var totals = TaskTotals()
  /// FNV hash of the pages accessed (access phases).
  public var accessHash: UInt64 = 0
  public var accesses = 0
}

/// One round of an access phase.
public struct RoundResult: Sendable {
  public var phase: Int
  public var start: Picoseconds
  public var end: Picoseconds
}

/// A section between two marks.
public struct SectionResult: Sendable {
  public var name: String
  public var isWarmup: Bool
  public var start: Picoseconds
  public var end: Picoseconds
  public var totals = TaskTotals()
}

/// One task of the run.
public struct TaskResult: Sendable {
  public var name: String
  public var threads: Int
  public var totals = TaskTotals()
  public var cpuTime: Picoseconds = 0
  public var end: Picoseconds = 0
  public var phases: [PhaseResult] = []
  public var sections: [SectionResult] = []
  /// The first 10,000 rounds.
  public var rounds: [RoundResult] = []
  public var scanPeriodMs = 0
}

/// Pages of a region on each node at one moment.
public struct SnapResult: Sendable {
  public var time: Picoseconds
  public var region: String
  public var firstPage: Int
  public var pages: Int
  public var onNode: [Int]
  /// Pages on node 0 in each block of 64.
  public var per64: [UInt8]
}

/// Reuse intervals of sampled pages: modelled time between two accesses.
public struct ReuseSummary: Sendable {
  /// Counts by log2 of the interval in kernel milliseconds times 16; the first bin is below 1/16 ms.
  public var bins: [Int]
  public var sampledAccesses: Int
  /// Share below the hot threshold, 1/1000.
  public var belowThresholdPermille: Int
}

/// One address space.
public struct ProcessResult: Sendable {
  public var name: String
  public var pages: Int
  public var scanPasses: Int
}

/// A kernel thread.
public struct KernelThreadResult: Sendable, Equatable {
  public var name: String
  public var cpuTime: Picoseconds
}

/// A finished run.
public struct RunResult {
  public var workload: String
  public var elapsed: Picoseconds
  public var tasks: [TaskResult]
  public var processes: [ProcessResult]
  public var samples: [RunSample]
  /// Where pages were and where accesses went.
  public var heat: HeatMap
  public var snaps: [SnapResult]
  /// The free lists at the start, at the end, and where the run was asked for them.
  public var freeAreas: [FreeAreaSample]
  public var stalls: [StallSummary]
  public var reuse: ReuseSummary
  public var trace: MigrationTrace
  public var memory: Memory
  /// CPU time of each kswapd, by node.
  public var kswapdTime: [Picoseconds]
  /// The other kernel threads that used any, in the order of their start; workers of copies count as copies.
  public var kernelThreads: [KernelThreadResult]
  public var cpuBusy: [Picoseconds]
  public var contextSwitches: Int
  public var copy: CopySummary
  public var warnings: [String]
  /// Faults the checks found; empty when the books agree.
  public var faults: [String]
  /// Whether the run stopped at `sim.max_time`.
  public var isCut = false
  public var footprintPages: Int
  /// What became of the real memory behind the frames; nil where content is tags alone.
  public var backing: BackingReport?
  /// What happened when, if it was asked for (`Simulation.timeline`).
  public var timeline: TimelineResult?

  /// Totals of all tasks.
  public var totals: TaskTotals {
    tasks.reduce(TaskTotals()) { $0 + $1.totals }
  }
}
