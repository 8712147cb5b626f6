// Knobs of the run itself.

import Sysctl
import Units

/// When the model's own books are checked.
public enum CheckLevel: String, CaseIterable, Sendable {
  /// Never.
  case off
  /// At the end of the run.
  case end
  /// At the end of the run and at every sample.
  case epoch
}

/// What copies of pages take.
public enum CopyClock: String, CaseIterable, Sendable {
  /// What the model says.
  case modelled
  /// What the copy of the real bytes behind them took.
  case measured
}

/// Knobs of the run (sim.*, clock.*, debug.*).
public struct SimulationKnobs: KnobSet {
  public var epoch = 10 * Picoseconds.microsecond
  public var timeScale = 1
  public var seed = 1
  public var workloadSeed = 0
  public var chunk = 256
  public var sampleInterval = 100 * Picoseconds.millisecond
  public var buddyInterval = 0
  public var traceLimit = 100_000
  public var check = CheckLevel.end
  public var maxTime = 0
  public var drainInterval = 10 * Picoseconds.millisecond
  public var startDelay = 0
  public var untouchedMappings = 3
  public var copyClock = CopyClock.modelled

  public init() {}

  public static let knobs: [Knob<SimulationKnobs>] = [
    .duration(
      "sim.epoch", \.epoch, in: Picoseconds.microsecond...Picoseconds.millisecond, when: .beforeRun,
      evidence: .setting, source: "Pageferry",
      doc: "How finely CPUs interleave, and the interval at which a node's load sets its latency."),
    .integer(
      "sim.time_scale", \.timeScale, in: 1...100_000, when: .beforeRun, evidence: .setting, source: "Pageferry",
      doc: "Divides the kernel's periods and thresholds, so that a short trace sees many NUMA scans."),
    .integer(
      "sim.seed", \.seed, in: 0...Int.max, when: .beforeRun, evidence: .setting, source: "Pageferry",
      doc: "Seed of what the kernel draws: the target of a demotion, where there are several.",
      notes:
        "A workload's draws have seeds of their own (sim.workload_seed). For the spread between runs use sim.start_delay."
    ),
    .integer(
      "sim.workload_seed", \.workloadSeed, in: 0...Int.max, when: .beforeRun, evidence: .setting, source: "Pageferry",
      doc: "Other draws of the workload's random patterns, a number for each; 0 are those of the file.",
      notes: "All seeds of the file change together, and equal ones stay equal. Traces have no draws."),
    .duration(
      "sim.start_delay", \.startDelay, in: 0...(1000 * Picoseconds.second), when: .beforeRun, evidence: .setting,
      source: "Pageferry", doc: "Time by which all tasks start later: the kernel's clocks are then at another point.",
      notes: "A few values of some ten ms show how much of a result hangs on such chance."),
    .integer(
      "sim.untouched_mappings", \.untouchedMappings, in: 0...1000, when: .beforeRun, evidence: .uncalibrated,
      source: "kernel/sched/fair.c task_numa_work, vma_pids_forced; 3 agrees with the scan times of the reference runs",
      doc: "Mappings of each process that its threads do not touch any more: text and data, heap, stack.",
      notes: "From its third pass on Linux 6.12 visits them one a scan before it starts over. Not under tpp2021."),
    .integer(
      "sim.chunk", \.chunk, in: 1...4096, unit: "accesses", when: .beforeRun, evidence: .setting, source: "Pageferry",
      doc: "Accesses that one thread of a task takes from the task's stream at a time."),
    .duration(
      "sim.sample_interval", \.sampleInterval, in: Picoseconds.microsecond...(1000 * Picoseconds.second),
      when: .beforeRun, evidence: .setting, source: "Pageferry",
      doc: "Modelled time between lines of vmstat.csv; doubled whenever the file would pass 4096 lines."),
    .duration(
      "sim.buddy_interval", \.buddyInterval, in: 0...(1000 * Picoseconds.second), when: .beforeRun, evidence: .setting,
      source: "Pageferry",
      doc:
        "Modelled time between snapshots of the free lists (buddyinfo, pagetypeinfo, extfrag_index, unusable_index).",
      notes:
        "0: only at both ends of the run, and where a phase says `buddyinfo:`. Doubled whenever there would be more than 1024."
    ),
    .integer(
      "sim.trace_limit", \.traceLimit, in: 0...10_000_000, unit: "lines", when: .beforeRun, evidence: .setting,
      source: "Pageferry",
      doc: "Lines of trace.txt that are kept; what comes after is counted as lost. Histograms are always complete."),
    .choice(
      "debug.check", \.check, when: .beforeRun, evidence: .setting, source: "Pageferry",
      doc: "When the model's books are checked: every frame in one place, lists and counters against a full walk."),
    .duration(
      "sim.lru_drain_interval", \.drainInterval, in: Picoseconds.microsecond...(1000 * Picoseconds.second),
      when: .beforeRun, evidence: .uncalibrated, source: "stands for lru_add_drain by other work on a CPU",
      doc: "On a machine of several CPUs, how often each CPU's LRU-add batch is drained by what else runs there.",
      notes:
        "Under tpp2021 a page in another CPU's batch cannot be activated: its reader faults until the batch is drained."
    ),
    .choice(
      "clock.copy", \.copyClock, when: .beforeRun, evidence: .setting, source: "Pageferry",
      doc: "Whose time a copy of pages takes: the model's, or that of the real copy behind it (run --backing real).",
      notes: "With measured no two runs are alike: compare, sweep and validate refuse it."),
    .duration(
      "sim.max_time", \.maxTime, in: 0...(1_000_000 * Picoseconds.second), when: .beforeRun, evidence: .setting,
      source: "Pageferry",
      doc: "Modelled time after which the run stops, 0 for none."),
  ]
}
