// What migrations leave behind: the tracepoint's records, complete histograms of list sizes, and the time of each stage.

import Units

/// Why pages move (enum migrate_reason), with the strings the tracepoint prints.
public enum MigrateReason: Int, CaseIterable, Sendable {
  case compaction, memoryFailure, memoryHotplug, syscall, mempolicy, numaMisplaced, contigRange, longtermPin, demotion

  /// As `mm_migrate_pages` prints it.
  public var name: String {
    switch self {
    case .compaction: "compaction"
    case .memoryFailure: "memory_failure"
    case .memoryHotplug: "memory_hotplug"
    case .syscall: "syscall_or_cpuset"
    case .mempolicy: "mempolicy_mbind"
    case .numaMisplaced: "numa_misplaced"
    case .contigRange: "contig_range"
    case .longtermPin: "longterm_pin"
    case .demotion: "demotion"
    }
  }
}

/// How much a migration may block (enum migrate_mode).
public enum MigrateMode: Int, CaseIterable, Sendable {
  case async, syncLight, sync

  /// As `mm_migrate_pages` prints it.
  public var name: String {
    switch self {
    case .async: "MIGRATE_ASYNC"
    case .syncLight: "MIGRATE_SYNC_LIGHT"
    case .sync: "MIGRATE_SYNC"
    }
  }
}

/// The stages of one migration; each has its own cost.
public enum MigrateStage: Int, CaseIterable, Sendable {
  case isolate, allocate, unmap, flush, copy, remap, putBack

  public var name: String { "\(self)" }
}

/// Who called migrate_pages.
public enum MigrateCaller: Hashable, Sendable {
  case kswapd(node: Int)
  case kcompactd(node: Int)
  case khugepaged
  /// Whoever wrote vm.compact_memory.
  case sysctl
  /// A thread of the workload's tasks: their number, from 0, and the thread's within the task.
  case task(Int, thread: Int)
}

/// One call of migrate_pages, as its tracepoint reports it.
public struct MigrateRecord: Sendable {
  public var time: Picoseconds
  public var cpu: Int
  public var caller: MigrateCaller
  /// Base pages moved.
  public var succeeded: Int
  /// Base pages tried and not moved; those of a folio that was split are tried once more by themselves.
  public var failed: Int
  public var hugeSucceeded: Int
  public var hugeFailed: Int
  public var hugeSplit: Int
  public var mode: MigrateMode
  public var reason: MigrateReason
  public var function = MigrateFunction.migratePages
}

/// What was called for a list.
public enum MigrateFunction: Int, CaseIterable, Sendable {
  case migratePages
  /// The original's migrate_pages_concur.
  case migratePagesConcur

  /// As the original's `mm_migrate_pages` prints it.
  public var name: String { self == .migratePages ? "migrate_pages" : "migrate_pages_concur" }
}

/// Collects what migrations did. Records are kept up to a bound and counted beyond it; histograms and totals are complete.
public final class MigrationTrace {
  /// Base pages a call can move and still have its own histogram bin.
  public static let largestBin = 1024

  private let limit: Int
  /// The first `limit` records.
  public private(set) var records: [MigrateRecord] = []
  /// Records beyond the bound.
  public private(set) var lost = 0
  /// Whether records are kept at all.
  public var isEnabled = true
  /// Calls by pages moved, `[reason][mode][min(pages, largestBin)]`.
  public private(set) var histogram: [[[Int]]]
  /// Calls by reason and function, `[reason][function]`.
  public private(set) var calls: [[Int]]
  /// Time spent in each stage, `[reason][stage]`, picoseconds of CPU.
  public private(set) var stageTime: [[Picoseconds]]
  /// Base pages moved by 4 KiB and by 2 MiB folios, by reason.
  public private(set) var basePages: [Int]
  public private(set) var hugePages: [Int]
  /// TLB flushes, by reason.
  public private(set) var flushes: [Int]

  public init(limit: Int) {
    self.limit = limit
    let bins = [Int](repeating: 0, count: MigrationTrace.largestBin + 1)
    histogram = MigrateReason.allCases.map { _ in MigrateMode.allCases.map { _ in bins } }
    calls = MigrateReason.allCases.map { _ in [Int](repeating: 0, count: MigrateFunction.allCases.count) }
    stageTime = MigrateReason.allCases.map { _ in [Picoseconds](repeating: 0, count: MigrateStage.allCases.count) }
    basePages = [Int](repeating: 0, count: MigrateReason.allCases.count)
    hugePages = basePages
    flushes = basePages
    records.reserveCapacity(min(limit, 4096))
  }

  func add(_ record: MigrateRecord) {
    histogram[record.reason.rawValue][record.mode.rawValue][min(record.succeeded, MigrationTrace.largestBin)] += 1
    calls[record.reason.rawValue][record.function.rawValue] += 1
    guard isEnabled else { return }
    if records.count < limit { records.append(record) } else { lost += 1 }
  }

  /// Adds time that finding and isolating the pages of a migration took.
  public func addIsolation(_ time: Picoseconds, _ reason: MigrateReason) { add(time, .isolate, reason) }

  @inline(__always)
  func add(_ time: Picoseconds, _ stage: MigrateStage, _ reason: MigrateReason) {
    stageTime[reason.rawValue][stage.rawValue] += time
  }

  func addFlush(_ reason: MigrateReason) { flushes[reason.rawValue] += 1 }

  func addMoved(_ reason: MigrateReason, pages: Int) {
    if pages > 1 { hugePages[reason.rawValue] += pages } else { basePages[reason.rawValue] += pages }
  }

  /// Copy time of all reasons together.
  public var copyTime: Picoseconds { stageTime.reduce(0) { $0 + $1[MigrateStage.copy.rawValue] } }
}
