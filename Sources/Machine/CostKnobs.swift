// What the kernel's steps cost in CPU time. Defaults are a 2-socket server of about 2023; machine presets override them.

import Sysctl
import Units

/// CPU time of kernel steps, in picoseconds, and the copy rate of one CPU in bytes a second.
public struct CostKnobs: KnobSet {
  public var cachedAccess = 4 * Picoseconds.nanosecond
  public var instruction = 100
  public var firstTouch = 600 * Picoseconds.nanosecond
  public var firstTouchHuge = 90 * Picoseconds.microsecond
  public var unaccountedTouch = 0
  public var unaccountedTouchHuge = 0
  public var majorFault = 80 * Picoseconds.microsecond
  public var writebackPage = 10 * Picoseconds.microsecond
  public var hintFault = 1 * Picoseconds.microsecond
  public var scanEntry = 15 * Picoseconds.nanosecond
  public var scanBlock = 50 * Picoseconds.nanosecond
  public var reclaimPage = 80 * Picoseconds.nanosecond
  public var reclaimRound = 2 * Picoseconds.microsecond
  public var compactScan = 8 * Picoseconds.nanosecond
  public var isolate = 40 * Picoseconds.nanosecond
  public var allocate = 80 * Picoseconds.nanosecond
  public var unmap = 250 * Picoseconds.nanosecond
  public var flush = 500 * Picoseconds.nanosecond
  public var flushPerCPU = 200 * Picoseconds.nanosecond
  public var remap = 200 * Picoseconds.nanosecond
  public var putBack = 160 * Picoseconds.nanosecond
  public var copyBandwidth = 11_000_000_000
  public var splitHuge = 20 * Picoseconds.microsecond
  public var collapse = 10 * Picoseconds.microsecond
  public var collapseEntry = 5 * Picoseconds.nanosecond
  public var snapPage = 0
  public var contextSwitch = 1500 * Picoseconds.nanosecond

  public init() {}

  private static func step(
    _ name: String, _ path: WritableKeyPath<CostKnobs, Int> & Sendable, _ source: String, _ doc: String,
    evidence: KnobEvidence = .uncalibrated
  ) -> Knob<CostKnobs> {
    .duration(name, path, in: 0...Picoseconds.second, when: .beforeRun, evidence: evidence, source: source, doc: doc)
  }

  public static let knobs: [Knob<CostKnobs>] = [
    step("cost.cached_access", \.cachedAccess, "recall: an L2 hit", "An access that a CPU cache answers."),
    step("cost.instruction", \.instruction, "recall: 3 GHz, 3 a cycle", "One instruction of a trace's gap."),
    step(
      "cost.first_touch", \.firstTouch, "recall: 0.5 to 1 us",
      "First touch of a base page: trap, page, zeroing, mapping."),
    step(
      "cost.first_touch_huge", \.firstTouchHuge, "recall: zeroing 2 MiB at about 25 GB/s",
      "First touch of a 2 MiB page."),
    step(
      "cost.unaccounted_touch", \.unaccountedTouch, "0 on real machines; the reference machine's is in oracle-tcg.conf",
      "Part of a first touch that the task's CPU clock does not show."),
    step(
      "cost.unaccounted_touch_huge", \.unaccountedTouchHuge,
      "0 on real machines; the reference machine's is in oracle-tcg.conf", "The same of a 2 MiB page."),
    step("cost.major_fault", \.majorFault, "recall: an NVMe read", "Reading a dropped page of a file back."),
    step(
      "cost.writeback_page", \.writebackPage, "recall: an NVMe write",
      "Writing a dirty page of a file before it is dropped."),
    step(
      "cost.hint_fault", \.hintFault, "recall: 0.5 to 2 us, no primary measurement",
      "A NUMA hint fault that migrates nothing."),
    step("cost.scan_pte", \.scanEntry, "recall", "Making one page-table entry PROT_NONE."),
    step("cost.scan_block", \.scanBlock, "recall", "Walking one 2 MiB block in a NUMA scan."),
    step("cost.reclaim_page", \.reclaimPage, "recall", "Isolating one page in reclaim and checking its references."),
    step("cost.reclaim_round", \.reclaimRound, "recall", "One priority round of kswapd."),
    step(
      "cost.compact_scan", \.compactScan, "recall: a page's flags from a cold cache line of eight struct pages' worth",
      "One page that a scanner of compaction looks at."),
    step(
      "cost.migrate_isolate", \.isolate,
      "a third of 10 to 15 % of a 4 KiB migration of 1.2 us (DMA-offload mails 2026, Zen 3; the split is recall)",
      "Stage isolate of a promotion: taking the page off its list; a demotion's is cost.reclaim_page."),
    step("cost.migrate_allocate", \.allocate, "the other two thirds of it", "Stage allocate: finding a destination."),
    step(
      "cost.migrate_unmap", \.unmap, "20 to 25 % of a 4 KiB migration",
      "Stage unmap: reverse map walk, migration entry."),
    step(
      "cost.migrate_flush", \.flush,
      "2.6 us an unbatched against 0.9 us a batched page, from +291.7 % (H. Ying, 6.3 cover letter)",
      "Stage flush: one TLB flush on this CPU."),
    step(
      "cost.migrate_flush_cpu", \.flushPerCPU, "recall: about 0.2 us a receiver",
      "Stage flush: each further CPU that runs the process."),
    step("cost.migrate_remap", \.remap, "15 to 20 % of a 4 KiB migration", "Stage remap: restoring the mapping."),
    step("cost.migrate_putback", \.putBack, "the rest of it", "Stage putback: LRU, flags, freeing the source."),
    step(
      "cost.thp_split", \.splitHuge, "recall: 512 entries replaced and made anew, 512 pages initialized, tens of us",
      "Splitting one 2 MiB page into 512 base pages."),
    step(
      "cost.thp_collapse", \.collapse, "recall",
      "Collapsing a 2 MiB range, without scan, flush and copy: locks, isolating, freeing and mapping 512 pages."),
    step(
      "cost.thp_scan_pte", \.collapseEntry, "recall",
      "Looking at one page-table entry and its page in khugepaged's scan."),
    .bandwidth(
      "cost.copy_bandwidth", \.copyBandwidth, in: 1_000_000...10_000_000_000_000, when: .beforeRun,
      evidence: .calibrated, source: "2 MiB folios by move_pages, 11.0 GB/s (DMA-offload mails 2026, Zen 3)",
      doc: "Bytes a second that one CPU copies when no memory limits it."),
    step(
      "cost.snap_page", \.snapPage, "0: a snap is the report's own; the reference machines' are in their presets",
      "CPU time a page that a `snap` phase takes (move_pages' status query)."),
    step("cost.context_switch", \.contextSwitch, "recall: 1 to 2 us", "Switching a CPU to another thread."),
  ]
}
