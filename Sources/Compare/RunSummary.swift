// What a comparison keeps of a run: numbers, without the model's memory.

import Migration
import Report
import Simulation
import Units

/// The figures of one run. Times are modelled, in picoseconds (`...Ps`).
public struct RunSummary: Codable, Equatable, Sendable {
  /// From 0 to the end of the last task.
  public var elapsedPs: Int
  /// The time that counts: `elapsedPs`, or that of all sections that are no warm-up.
  public var measuredPs: Int
  public var hasWarmup: Bool
  /// Whether the run stopped at `sim.max_time`.
  public var isCutOff: Bool
  public var footprintPages: Int
  /// Accesses of all tasks, and those that the fast memory answered.
  public var accesses: Int
  public var fastAccesses: Int
  /// Accesses of the tasks that end by themselves, within the measured time.
  public var measuredAccesses: Int
  public var tasks: [TaskFigures]
  /// Migrations of each reason that occurred.
  public var migrations: [MigrationFigures]
  /// All migrations from isolation to putting back: the stages' times, and for the copies the time from beginning to end.
  public var migrationPs: Int
  public var copy: CopyFigures
  /// Stalls of single accesses, in nanoseconds to two significant digits.
  public var stalls: [StallFigures]
  /// CPU time of all kswapds together.
  public var kswapdPs: Int
  /// Time that CPUs were not idle, all together.
  public var cpuBusyPs: Int
  public var warnings: [String]
  /// What the checks of the model's books found.
  public var faults: [String]
}

/// A task of a run.
public struct TaskFigures: Codable, Equatable, Sendable {
  public var name: String
  /// Whether it goes on until all others are done.
  public var isEndless: Bool
  public var accesses: Int
  public var endPs: Int
  public var phases: [PhaseFigures]
  /// What lies between the `mark` phases that are no warm-up.
  public var sections: [SectionFigures] = []
}

/// A section of a task: from one `mark` to the next.
public struct SectionFigures: Codable, Equatable, Sendable {
  public var name: String
  public var elapsedPs: Int
  public var accesses: Int
  /// What the accesses moved.
  public var bytes: Int
}

/// A phase of a task, all its repetitions together.
public struct PhaseFigures: Codable, Equatable, Sendable {
  public var number: Int
  public var label: String
  public var runs: Int
  public var elapsedPs: Int
  public var accesses: Int
  /// Hash of the pages accessed, 16 hexadecimal digits.
  public var accessHash: String
}

/// Pages that moved for one reason, and the CPU time that the migrating threads spent in each stage: in the copy stage polling counts, and
/// sleeping until other CPUs or an interrupt are done does not.
public struct MigrationFigures: Codable, Equatable, Sendable {
  public var reason: String
  /// Pages of 4 KiB and of 2 MiB.
  public var basePages: Int
  public var hugePages: Int
  public var calls: Int
  public var tlbFlushes: Int
  public var isolatePs: Int
  public var allocatePs: Int
  public var unmapPs: Int
  public var flushPs: Int
  public var copyPs: Int
  public var remapPs: Int
  public var putBackPs: Int

  /// By `MigrateStage`, in its order.
  public var stagesPs: [Int] { [isolatePs, allocatePs, unmapPs, flushPs, copyPs, remapPs, putBackPs] }
  public var totalPs: Int { stagesPs.reduce(0, +) }
}

/// Stalls of one cause.
public struct StallFigures: Codable, Equatable, Sendable {
  public var cause: String
  public var count: Int
  public var p50Ns: Int
  public var p99Ns: Int
  public var p999Ns: Int
  public var maxNs: Int
}

extension RunSummary {
  /// - Parameters:
  ///   - spec: the workload that was run, a task for each of the result's.
  ///   - baseline: under `allSlow` every access is one to slow memory, whatever node has it.
  ///   - wantsDSA: vm.use_dsa_copy_pages as the run began.
  public init(_ result: RunResult, of spec: PreparedWorkload, baseline: Baseline? = nil, wantsDSA: Bool = false) {
    let (_, measured) = result.totalsWithoutWarmup
    let trace = result.trace
    elapsedPs = result.elapsed
    hasWarmup = result.hasWarmup
    measuredPs = result.hasWarmup ? measured : result.elapsed
    isCutOff = result.isCut
    footprintPages = result.footprintPages
    accesses = result.totals.accesses
    fastAccesses = baseline == .allSlow ? 0 : result.totals.fastAccesses
    let endless = spec.spec.tasks.map(\.isEndless)
    measuredAccesses = result.tasks.enumerated().filter { !endless[$0.offset] }.flatMap(\.element.sections)
      .filter { !$0.isWarmup }.reduce(0) { $0 + $1.totals.accesses }
    tasks = zip(result.tasks, endless).map { TaskFigures($0, isEndless: $1) }
    migrations = MigrateReason.allCases.filter { trace.stageTime[$0.rawValue].contains { $0 > 0 } }
      .map { MigrationFigures($0, trace) }
    copy = CopyFigures(result, wantsDSA: wantsDSA)
    migrationPs = 0
    stalls = result.stalls.map(StallFigures.init)
    kswapdPs = result.kswapdTime.reduce(0, +)
    cpuBusyPs = result.cpuBusy.reduce(0, +)
    warnings = result.warnings
    faults = result.faults
    migrationPs = stagesPs.reduce(0, +)
  }

  /// Time of migrations by `MigrateStage`, all reasons together; that of copies from beginning to end.
  public var stagesPs: [Int] {
    var sum = migrations.reduce([Int](repeating: 0, count: MigrateStage.allCases.count)) { sum, m in
      zip(sum, m.stagesPs).map { $0 + $1 }
    }
    sum[MigrateStage.copy.rawValue] = copy.elapsedPs
    return sum
  }

  /// 4 KiB pages moved, those of huge pages too.
  public var movedPages: Int { migrations.reduce(0) { $0 + $1.basePages + $1.hugePages * Page.perHuge } }
}

extension TaskFigures {
  init(_ task: TaskResult, isEndless: Bool) {
    name = task.name
    self.isEndless = isEndless
    accesses = task.totals.accesses
    endPs = task.end
    phases = task.phases.map {
      PhaseFigures(
        number: $0.number, label: $0.label, runs: $0.runs, elapsedPs: $0.elapsed, accesses: $0.accesses,
        accessHash: Digest.hexadecimal($0.accessHash))
    }
    sections = task.sections.filter { !$0.isWarmup && !$0.name.isEmpty && $0.end > $0.start }.map {
      SectionFigures(
        name: $0.name, elapsedPs: $0.end - $0.start, accesses: $0.totals.accesses, bytes: $0.totals.bytes)
    }
  }
}

extension MigrationFigures {
  init(_ reason: MigrateReason, _ trace: MigrationTrace) {
    let times = trace.stageTime[reason.rawValue]
    func time(_ stage: MigrateStage) -> Int { times[stage.rawValue] }
    self.init(
      reason: reason.name, basePages: trace.basePages[reason.rawValue],
      hugePages: trace.hugePages[reason.rawValue] / Page.perHuge, calls: trace.calls[reason.rawValue].reduce(0, +),
      tlbFlushes: trace.flushes[reason.rawValue], isolatePs: time(.isolate), allocatePs: time(.allocate),
      unmapPs: time(.unmap), flushPs: time(.flush), copyPs: time(.copy), remapPs: time(.remap),
      putBackPs: time(.putBack))
  }
}

extension StallFigures {
  init(_ stall: StallSummary) {
    self.init(
      cause: stall.cause, count: stall.count, p50Ns: stall.p50Nanoseconds, p99Ns: stall.p99Nanoseconds,
      p999Ns: stall.p999Nanoseconds, maxNs: stall.maxNanoseconds)
  }
}
