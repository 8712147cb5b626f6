// What the copy engines' steps cost in CPU time, beside the copying itself.

import Sysctl
import Units

/// CPU time of the steps around a copy by DSA or by workers, in picoseconds.
public struct CopyCostKnobs: KnobSet, Equatable {
  public var dsaDescriptor = 36 * Picoseconds.nanosecond
  public var dsaSubmit = 238 * Picoseconds.nanosecond
  public var dsaUmwaitExit = 200 * Picoseconds.nanosecond
  public var dsaPausePoll = 20 * Picoseconds.nanosecond
  public var dsaReschedPoll = 30 * Picoseconds.nanosecond
  public var dsaInterrupt = 2 * Picoseconds.microsecond
  public var mtQueue = 500 * Picoseconds.nanosecond
  public var mtWake = 2 * Picoseconds.microsecond
  public var mtFlush = 1 * Picoseconds.microsecond

  public init() {}

  private static func step(
    _ name: String, _ path: WritableKeyPath<CopyCostKnobs, Int> & Sendable, _ source: String, _ doc: String,
    evidence: KnobEvidence = .uncalibrated, notes: String? = nil
  ) -> Knob<CopyCostKnobs> {
    .duration(
      name, path, in: 0...Picoseconds.second, when: .beforeRun, evidence: evidence, source: source, doc: doc,
      notes: notes)
  }

  public static let knobs: [Knob<CopyCostKnobs>] = [
    step(
      "cost.dsa_descriptor", \.dsaDescriptor, "LightDSA (EuroSys '26, raw results), harness; docs/dsa-model.md",
      "Filling one descriptor, each member of a batch too.", evidence: .calibrated),
    step(
      "cost.dsa_submit", \.dsaSubmit, "DSA-2LM (USENIX ATC '25, figures 4 and 5), harness; docs/dsa-model.md",
      "Submitting one descriptor: a MOVDIR64B with its barrier.", evidence: .calibrated,
      notes: "accel-datapath (Xeon Gold 6438M) gives 107 ns."),
    step(
      "cost.dsa_umwait_exit", \.dsaUmwaitExit, "recall: leaving C0.1, no primary measurement",
      "From the completion record to the CPU that slept on it (vm.dsa_sync_mode = 3)."),
    step(
      "cost.dsa_pause_poll", \.dsaPausePoll, "recall: half of a pause of about 140 cycles",
      "Mean delay until a poll with pause sees the record (vm.dsa_sync_mode = 2)."),
    step(
      "cost.dsa_resched_poll", \.dsaReschedPoll, "recall",
      "Mean delay until a poll with cond_resched sees the record (vm.dsa_sync_mode = 1)."),
    step(
      "cost.dsa_interrupt", \.dsaInterrupt, "recall: a threaded handler, 1 to 5 us",
      "CPU time of the threaded handler at a completion (vm.dsa_async_mode = 1)."),
    step("cost.mt_queue", \.mtQueue, "recall", "Queueing one worker's share, its allocation included."),
    step("cost.mt_wake", \.mtWake, "recall: 1 to 5 us", "From queueing a share to the worker's first copied byte."),
    step("cost.mt_flush", \.mtFlush, "recall", "The waiting thread's wake-up after the last worker."),
  ]
}
