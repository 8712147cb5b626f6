// run.json: the numbers of a run. Units are in key names; nothing in it depends on the host.

import MemoryModel
import Migration
import Simulation
import Units

/// Builds run.json.
public struct RunJSON {
  /// Version of the file's layout; it goes up when a key changes its meaning or goes away.
  public static let format = 1

  let result: RunResult
  let inputs: RunInputs

  public init(_ result: RunResult, inputs: RunInputs) {
    self.result = result
    self.inputs = inputs
  }

  /// The document; `files` are the other files of the directory with their digests.
  public func document(files: [(name: String, digest: Digest)]) -> JSONValue {
    let memory = result.memory
    // Only where it is not: a run with a modelled clock is the same with real memory and without.
    let isMeasured = result.backing?.drivesClock == true
    let mark = isMeasured ? [("is_reproducible", JSONValue.bool(false)), ("clock_copy", .string("measured"))] : []
    return .object(
      [
        ("format", .integer(RunJSON.format)),
        ("pageferry", .string(inputs.version)),
      ] + mark + [
        ("seed", .integer(inputs.simulation.seed)),
        (
          "kernel",
          .object([
            ("rules", .string(memory.rules.rawValue)), ("status", .string(memory.rules.status)),
            ("not_compared", .list(ComparisonScope.beyond(result).map { .string($0) })),
          ])
        ),
        ("workload", workload),
        ("elapsed_ps", .integer(result.elapsed)),
        ("is_cut_off", .bool(result.isCut)),
        ("footprint_pages", .integer(result.footprintPages)),
        ("totals", totals(result.totals, over: result.elapsed)),
        ("totals_excluding_warmup", totalsWithoutWarmup),
        ("tasks", .list(result.tasks.map(task))),
        ("processes", .list(result.processes.map(process))),
        ("stalls", .object(result.stalls.map { ($0.cause, stall($0)) })),
        ("vmstat", vmstat),
        ("migrations", migrations),
        ("copies", CopyText(copy: result.copy).json),
        ("reuse", reuse),
        ("snaps", .list(result.snaps.map(snap))),
        ("machine", machine),
        ("warnings", .list(result.warnings.map { .string($0) })),
        ("faults", .list(result.faults.map { .string($0) })),
        ("files", .object(files.map { ($0.name, .string("\($0.digest)")) })),
      ])
  }

  private var workload: JSONValue {
    .object([
      ("name", .string(result.workload)), ("about", .string(inputs.about)), ("file", .string(inputs.workload.name)),
      ("digest", .string("\(inputs.workload.digest)")),
      (
        "traces",
        .list(inputs.traces.map { .object([("file", .string($0.name)), ("digest", .string("\($0.digest)"))]) })
      ),
    ])
  }

  // MARK: Accesses and time

  private func totals(_ t: TaskTotals, over elapsed: Picoseconds) -> JSONValue {
    .object([
      ("accesses", .integer(t.accesses)), ("reads", .integer(t.reads)), ("writes", .integer(t.writes)),
      ("fast_accesses", .integer(t.fastAccesses)), ("slow_accesses", .integer(t.accesses - t.fastAccesses)),
      ("touches", .integer(t.touches)), ("bytes", .integer(t.bytes)), ("elapsed_ps", .integer(elapsed)),
      ("accesses_per_s", .integer(Decimal.ratio(t.accesses, elapsed, times: Picoseconds.second))),
      (
        "time_ps",
        .object(TimeUse.allCases.map { ("\($0)".snakeCase, .integer(t.time[$0.rawValue])) })
      ),
    ])
  }

  private var totalsWithoutWarmup: JSONValue {
    let (sum, elapsed) = result.totalsWithoutWarmup
    return totals(sum, over: elapsed)
  }

  private func task(_ task: TaskResult) -> JSONValue {
    .object([
      ("name", .string(task.name)), ("threads", .integer(task.threads)), ("end_ps", .integer(task.end)),
      ("cpu_time_ps", .integer(task.cpuTime)), ("numa_scan_period_ms", .integer(task.scanPeriodMs)),
      ("totals", totals(task.totals, over: task.end)),
      ("sections", .list(task.sections.filter { $0.end > $0.start || !$0.name.isEmpty }.map(section))),
      ("phases", .list(task.phases.map(phase))),
      (
        "rounds",
        .list(
          task.rounds.map {
            .object([("phase", .integer($0.phase)), ("start_ps", .integer($0.start)), ("end_ps", .integer($0.end))])
          })
      ),
    ])
  }

  private func section(_ section: SectionResult) -> JSONValue {
    .object([
      ("name", .string(section.name)), ("is_warmup", .bool(section.isWarmup)), ("start_ps", .integer(section.start)),
      ("end_ps", .integer(section.end)), ("totals", totals(section.totals, over: section.end - section.start)),
    ])
  }

  private func phase(_ phase: PhaseResult) -> JSONValue {
    .object([
      ("number", .integer(phase.number)), ("what", .string(phase.label)), ("runs", .integer(phase.runs)),
      ("start_ps", .integer(phase.start)), ("end_ps", .integer(phase.end)),
      ("access_hash", .string(Digest.hexadecimal(phase.accessHash))),
      ("totals", totals(phase.totals, over: phase.elapsed)),
    ])
  }

  private func process(_ process: ProcessResult) -> JSONValue {
    .object([
      ("name", .string(process.name)), ("resident_pages", .integer(process.pages)),
      ("numa_scan_passes", .integer(process.scanPasses)),
    ])
  }

  private func stall(_ s: StallSummary) -> JSONValue {
    .object([
      ("count", .integer(s.count)), ("p50_ns", .integer(s.p50Nanoseconds)), ("p99_ns", .integer(s.p99Nanoseconds)),
      ("p99_9_ns", .integer(s.p999Nanoseconds)), ("max_ns", .integer(s.maxNanoseconds)),
    ])
  }

  // MARK: Pages

  private var vmstat: JSONValue {
    .object(
      VMStatText.events(result.memory.rules).map { ($0.name, .integer(result.memory.vmstat[$0])) })
  }

  private var migrations: JSONValue {
    let trace = result.trace
    var histograms: [JSONValue] = []
    for reason in MigrateReason.allCases {
      for mode in MigrateMode.allCases {
        let histogram = trace.histogram[reason.rawValue][mode.rawValue]
        guard histogram.contains(where: { $0 > 0 }) else { continue }
        let calls = histogram.enumerated().filter { $0.element > 0 }
        histograms.append(
          .object([
            ("reason", .string(reason.name)), ("mode", .string(mode.name)),
            ("pages", .integers(calls.map(\.offset))), ("calls", .integers(calls.map(\.element))),
          ]))
      }
    }
    let reasons = MigrateReason.allCases.filter { trace.stageTime[$0.rawValue].contains { $0 > 0 } }
    let byReason: [(String, JSONValue)] = reasons.map { reason in
      let at = reason.rawValue
      return (
        reason.name,
        .object([
          ("base_pages", .integer(trace.basePages[at])), ("huge_page_pages", .integer(trace.hugePages[at])),
          ("tlb_flushes", .integer(trace.flushes[at])),
          (
            "calls_by_function",
            .object(MigrateFunction.allCases.map { ($0.name, .integer(trace.calls[at][$0.rawValue])) })
          ),
          (
            "stage_time_ps",
            .object(
              MigrateStage.allCases.map { ($0.name.snakeCase, .integer(trace.stageTime[at][$0.rawValue])) })
          ),
        ])
      )
    }
    return .object([
      ("largest_pages_bin_holds_more", .integer(MigrationTrace.largestBin)),
      ("calls_by_pages", .list(histograms)), ("by_reason", .object(byReason)),
      ("copy_time_ps", .integer(trace.copyTime)), ("trace_events_kept", .integer(trace.records.count)),
      ("trace_events_lost", .integer(trace.lost)),
    ])
  }

  private var reuse: JSONValue {
    .object([
      ("bins_log2_of_kernel_ms_times_16", .integers(result.reuse.bins)),
      ("sampled_accesses", .integer(result.reuse.sampledAccesses)),
      ("below_hot_threshold_permille", .integer(result.reuse.belowThresholdPermille)),
    ])
  }

  private func snap(_ snap: SnapResult) -> JSONValue {
    .object([
      ("time_ps", .integer(snap.time)), ("region", .string(snap.region)), ("pages", .integer(snap.pages)),
      ("pages_on_node", .integers(snap.onNode)), ("on_node0_of_each_64", .integers(snap.per64.map(Int.init))),
    ])
  }

  private var machine: JSONValue {
    let memory = result.memory
    let nodes: [JSONValue] = (0..<memory.nodeCount).map { node in
      let zones = memory.nodes[node].zones
      return .object([
        ("tier", .integer(memory.nodes[node].tier)), ("cpus", .integer(memory.nodes[node].cpus.count)),
        ("managed_pages", .integer(zones.reduce(0) { $0 + memory.zones[$1].managed })),
        ("kswapd_cpu_time_ps", .integer(node < result.kswapdTime.count ? result.kswapdTime[node] : 0)),
      ])
    }
    var fields: [(String, JSONValue)] = [
      ("nodes", .list(nodes)), ("cpu_busy_ps", .integers(result.cpuBusy)),
      ("context_switches", .integer(result.contextSwitches)),
    ]
    if !result.kernelThreads.isEmpty {
      let threads: [JSONValue] = result.kernelThreads.map {
        .object([("name", .string($0.name)), ("cpu_time_ps", .integer($0.cpuTime))])
      }
      fields.append(("kernel_threads", .list(threads)))
    }
    return .object(fields)
  }
}

extension RunResult {
  /// Totals of all sections that are no warm-up, and the time from the first of them to the end of the last.
  public var totalsWithoutWarmup: (totals: TaskTotals, elapsed: Picoseconds) {
    let sections = tasks.flatMap(\.sections).filter { !$0.isWarmup }
    let sum = sections.reduce(TaskTotals()) { $0 + $1.totals }
    let spans = sections.filter { $0.end > $0.start }
    guard let start = spans.map(\.start).min(), let end = spans.map(\.end).max() else { return (sum, 0) }
    return (sum, end - start)
  }

  /// Whether some section is a warm-up.
  public var hasWarmup: Bool { tasks.contains { $0.sections.contains(where: \.isWarmup) } }
}
