// What a row of results says of a run: integers with their unit in the name.

import Compare
import MemoryModel
import Migration
import PageCopy
import Report
import Simulation
import Units

/// A column of results.
public struct Metric: Sendable {
  /// The column's name; it ends in the unit (`_ps`, `_ns`, `_bytes`, `_pages`, `_millionths`, `_per_s`) or counts what it says.
  public let name: String
  /// What it is, for the documents.
  public let meaning: String
  let value: @Sendable (CellRun) -> Int?

  init(_ name: String, _ meaning: String, _ value: @escaping @Sendable (CellRun) -> Int?) {
    self.name = name
    self.meaning = meaning
    self.value = value
  }

  /// All columns, in their order.
  public static let all: [Metric] = time + accesses + pages + stages + copies + stalls

  public static func named(_ name: String) -> Metric? { all.first { $0.name == name } }
}

/// A run that ended, as metrics see it.
struct CellRun: Sendable {
  var summary: RunSummary
  var startDelay: Picoseconds
  var pageFaults: Int
  var hintFaults: Int

  /// From the moment the tasks may start.
  var elapsed: Picoseconds { max(summary.elapsedPs - startDelay, 0) }
  var measured: Picoseconds { summary.hasWarmup ? summary.measuredPs : elapsed }

  /// Pages of 4 KiB that moved for a reason.
  func pages(_ reason: MigrateReason) -> Int {
    let figures = summary.migrations.first { $0.reason == reason.name }
    return figures.map { $0.basePages + $0.hugePages * Page.perHuge } ?? 0
  }

  func stall(_ cause: StallCause) -> StallFigures? { summary.stalls.first { $0.cause == cause.name } }
  func engine(_ method: CopyMethod) -> EngineFigures? { summary.copy.engines.first { $0.engine == method.name } }

  static func rate(_ count: Int, _ time: Picoseconds) -> Int? {
    time > 0 ? Decimal.ratio(count, time, times: Picoseconds.second) : nil
  }
}

extension Metric {
  private static let time = [
    Metric("start_delay_ps", "sim.start_delay of the run; in no other time") { $0.startDelay },
    Metric("elapsed_ps", "modelled time from the end of the start delay to the end of the last task") { $0.elapsed },
    Metric("measured_ps", "the same without sections that are a warm-up") { $0.measured },
    Metric("is_cut_off", "1 where the run stopped at sim.max_time") { $0.summary.isCutOff ? 1 : 0 },
    Metric("kswapd_ps", "CPU time of all kswapds together") { $0.summary.kswapdPs },
    Metric("cpu_busy_ps", "time that CPUs were not idle, all together") { $0.summary.cpuBusyPs },
  ]

  private static let accesses = [
    Metric("footprint_pages", "pages of 4 KiB that the workload can touch") { $0.summary.footprintPages },
    Metric("accesses", "accesses of all tasks") { $0.summary.accesses },
    Metric("accesses_per_s", "accesses over elapsed_ps") { CellRun.rate($0.summary.accesses, $0.elapsed) },
    Metric("measured_accesses", "accesses without warm-up, of the tasks that end by themselves") {
      $0.summary.measuredAccesses
    },
    Metric("measured_accesses_per_s", "measured_accesses over measured_ps") {
      CellRun.rate($0.summary.measuredAccesses, $0.measured)
    },
    Metric("fast_accesses", "accesses that fast memory answered") { $0.summary.fastAccesses },
    Metric("fast_share_millionths", "fast_accesses of accesses") {
      $0.summary.accesses > 0 ? Decimal.ratio($0.summary.fastAccesses, $0.summary.accesses, times: 1_000_000) : nil
    },
    Metric("page_faults", "pgfault of /proc/vmstat") { $0.pageFaults },
    Metric("hint_faults", "numa_hint_faults of /proc/vmstat") { $0.hintFaults },
  ]

  private static let pages = [
    Metric("demoted_pages", "pages of 4 KiB that were demoted, those of huge pages too") { $0.pages(.demotion) },
    Metric("promoted_pages", "pages of 4 KiB that were promoted, those of huge pages too") { $0.pages(.numaMisplaced) },
    Metric("compacted_pages", "pages of 4 KiB that compaction moved") { $0.pages(.compaction) },
    Metric("migration_ps", "all stages of all migrations; copies from beginning to end") { $0.summary.migrationPs },
  ]

  private static let stages = MigrateStage.allCases.map { stage in
    let meaning =
      stage == .copy
      ? "copies of all migrations from beginning to end, asleep or not" : "CPU time of this stage of all migrations"
    return Metric("stage_\(stage.name.snakeCase)_ps", meaning) { $0.summary.stagesPs[stage.rawValue] }
  }

  private static let copies =
    [
      Metric("copy_bytes", "bytes copied by migrations") { $0.summary.copy.bytes },
      Metric("copy_cpu_ps", "CPU time of moving bytes, preparing, submitting and polling") { $0.summary.copy.cpuPs },
      Metric("copy_bytes_per_s", "copy_bytes over stage_copy_ps; none without copies") {
        $0.summary.copy.bytesPerSecond
      },
    ]
    + CopyMethod.allCases.map { method in
      Metric("engine_\(method.name)_bytes", "bytes that this engine copied") { $0.engine(method)?.bytes ?? 0 }
    } + [
      Metric("dsa_busy_ps", "time with a descriptor in a queue or in progress, of all DSA devices together") {
        $0.summary.copy.devices.reduce(0) { $0 + $1.busyPs }
      },
      Metric("dsa_busy_millionths", "of elapsed_ps, mean of the devices that had work; none without such") {
        let busy = $0.summary.copy.devices.map(\.busyPs).filter { $0 > 0 }
        let whole = $0.elapsed.multipliedReportingOverflow(by: busy.count)
        return busy.isEmpty || whole.overflow
          ? nil : Decimal.ratio(busy.reduce(0, +), whole.partialValue, times: 1_000_000)
      },
      Metric("dsa_descriptors", "descriptors that entered a queue") {
        $0.summary.copy.devices.reduce(0) { $0 + $1.descriptors }
      },
      Metric("dsa_failures", "DSA copies of which the CPU took over a part") { $0.summary.copy.dsaFailures },
    ]

  private static let stalls = StallCause.allCases.flatMap { cause in
    [
      Metric("stall_\(cause.name)_count", "accesses that stalled for this cause") { $0.stall(cause)?.count ?? 0 },
      Metric("stall_\(cause.name)_p50_ns", "median stall, to two significant digits; none without stalls") {
        $0.stall(cause)?.p50Ns
      },
      Metric("stall_\(cause.name)_p99_ns", "99th percentile of the same") { $0.stall(cause)?.p99Ns },
    ]
  }
}
