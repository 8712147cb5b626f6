// Where a task's time goes, and how long single accesses stalled.

import Histogram
import Units

/// What a user thread spends modelled time on.
public enum TimeUse: Int, CaseIterable, Sendable {
  /// Memory accesses to the top tier and to slower tiers.
  case fastAccess, slowAccess
  /// Think time, cached accesses and instructions between accesses; `compute` phases.
  case think
  /// First-touch faults; reading dropped file pages back.
  case firstTouch, majorFault
  /// Hint faults that moved nothing, the trap of those that did.
  case hintFault
  /// Migrating a page in its own hint fault.
  case promotion
  /// Waiting for a page that another thread is migrating.
  case migrationWait
  /// Freeing memory for its own allocation.
  case directReclaim
  /// Compacting, and reclaiming, for a huge page of its own.
  case compaction
  /// NUMA scanning of its address space.
  case scan
  /// Runnable, but another thread had the CPU (kswapd among them).
  case cpuWait
  /// Being put on a CPU (cost.context_switch).
  case contextSwitch
  /// Waiting until the other threads of the task have done their share, too.
  case teamWait
  /// Sleeping as the workload says.
  case sleep

  /// A few words for people.
  public var label: String {
    switch self {
    case .fastAccess: "fast accesses"
    case .slowAccess: "slow accesses"
    case .think: "think time, cached accesses"
    case .firstTouch: "first-touch faults"
    case .majorFault: "file read faults"
    case .hintFault: "hint faults"
    case .promotion: "promoting in a fault"
    case .migrationWait: "waiting on migration"
    case .directReclaim: "direct reclaim"
    case .compaction: "compacting for huge pages"
    case .scan: "NUMA scanning"
    case .cpuWait: "waiting for a CPU"
    case .contextSwitch: "context switches"
    case .teamWait: "waiting for other threads"
    case .sleep: "sleeping"
    }
  }
}

/// Why an access took longer than memory does.
public enum StallCause: Int, CaseIterable, Sendable {
  case firstTouch, majorFault, hintFault, promotion, migrationWait, directReclaim, compaction

  public var name: String {
    switch self {
    case .firstTouch: "first_touch"
    case .majorFault: "major_fault"
    case .hintFault: "hint_fault"
    case .promotion: "promotion"
    case .migrationWait: "migration_wait"
    case .directReclaim: "direct_reclaim"
    case .compaction: "compaction"
    }
  }
}

/// Stall lengths by cause, in nanoseconds, to two significant digits.
struct StallHistograms {
  private var histograms: [Histogram<UInt64>]

  init() {
    histograms = StallCause.allCases.map { _ in
      Histogram<UInt64>(highestTrackableValue: 3_600_000_000_000, numberOfSignificantValueDigits: .two)
    }
  }

  mutating func record(_ cause: StallCause, _ span: Picoseconds) {
    _ = histograms[cause.rawValue].record(UInt64(max(span / Picoseconds.nanosecond, 1)))
  }

  func summary(_ cause: StallCause) -> StallSummary? {
    let h = histograms[cause.rawValue]
    guard h.totalCount > 0 else { return nil }
    return StallSummary(
      cause: cause.name, count: Int(h.totalCount), p50Nanoseconds: Int(h.valueAtPercentile(50)),
      p99Nanoseconds: Int(h.valueAtPercentile(99)), p999Nanoseconds: Int(h.valueAtPercentile(99.9)),
      maxNanoseconds: Int(h.maxRecorded))
  }
}

/// Stalls of one cause.
public struct StallSummary: Sendable, Codable, Equatable {
  public var cause: String
  public var count: Int
  public var p50Nanoseconds: Int
  public var p99Nanoseconds: Int
  public var p999Nanoseconds: Int
  public var maxNanoseconds: Int
}
