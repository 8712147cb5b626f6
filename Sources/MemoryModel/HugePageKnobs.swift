// Knobs of transparent huge pages.

import Sysctl

/// mm.transparent_hugepage.enabled.
public enum HugePagePolicy: String, CaseIterable, Sendable { case always, madvise, never }

/// mm.transparent_hugepage.defrag.
public enum HugePageDefrag: String, CaseIterable, Sendable {
  case always
  case `defer`
  case deferMadvise = "defer+madvise"
  case madvise, never
}

/// Knobs of transparent huge pages.
public struct HugePageKnobs: KnobSet {
  public var enabled = HugePagePolicy.madvise
  public var defrag = HugePageDefrag.madvise
  // mm.transparent_hugepage.khugepaged.*
  public var pagesToScan = 4096
  public var scanSleepMillisecs = 10_000
  public var allocSleepMillisecs = 60_000
  public var maxPtesNone = 511
  public var maxPtesSwap = 64
  public var maxPtesShared = 256
  public var khugepagedDefrag = true

  public init() {}

  public static let knobs: [Knob<HugePageKnobs>] = [
    .choice(
      "mm.transparent_hugepage.enabled", \.enabled, source: "mm/huge_memory.c, mm/khugepaged.c",
      doc: """
        Whether a first touch of anonymous memory takes a free 2 MiB block where there is one: always, only where the \
        region asks (madvise), or never. Anything but never raises vm.min_free_kbytes as khugepaged does.
        """, notes: "khugepaged collapses base pages of the same regions, and sleeps under never."),
    .choice(
      "mm.transparent_hugepage.defrag", \.defrag, source: "mm/huge_memory.c vma_thp_gfp_mask",
      doc: """
        What a fault does when there is no free 2 MiB block: compact and reclaim (always; madvise and defer+madvise only where the \
        region asks for huge pages), wake kswapd and kcompactd (defer, and defer+madvise elsewhere), or take 4 KiB pages (never).
        """),
    khugepaged(
      "pages_to_scan", \.pagesToScan, in: 1...(1 << 32), unit: .basePages, "khugepaged_pages_to_scan",
      "Pages that khugepaged looks at when it wakes; a range of 2 MiB counts 512, whatever is in it."),
    khugepaged(
      "scan_sleep_millisecs", \.scanSleepMillisecs, in: 0...(1 << 32), unit: .milliseconds,
      "khugepaged_scan_sleep_millisecs", "How long khugepaged sleeps between two scans.",
      notes:
        "sim.time_scale divides it. Its first scan is one such time after the first region that may have 2 MiB pages."),
    khugepaged(
      "alloc_sleep_millisecs", \.allocSleepMillisecs, in: 0...(1 << 32), unit: .milliseconds,
      "khugepaged_alloc_sleep_millisecs", "How long khugepaged sleeps when it finds no 2 MiB block.",
      notes: "Once in a scan; a second failure ends the scan. sim.time_scale divides it."),
    khugepaged(
      "max_ptes_none", \.maxPtesNone, in: 0...511, unit: .basePages, "khugepaged_max_ptes_none",
      "Pages of a 2 MiB range that may be unmapped when khugepaged collapses it; they become resident.",
      notes: "Values below 511 also make Linux 6.12 split 2 MiB pages that are mostly zero; that is not modelled."),
    khugepaged(
      "max_ptes_swap", \.maxPtesSwap, in: 0...511, unit: .basePages, "khugepaged_max_ptes_swap",
      "Pages of a 2 MiB range that may be swapped out when khugepaged collapses it.",
      notes: "There is no swap; pages under migration count as swapped out, as in the kernel."),
    khugepaged(
      "max_ptes_shared", \.maxPtesShared, in: 0...511, unit: .basePages, "khugepaged_max_ptes_shared",
      "Pages of a 2 MiB range that several processes may map when khugepaged collapses it.",
      notes: "Has no effect: no pages are shared between processes."),
    .flag(
      "mm.transparent_hugepage.khugepaged.defrag", \.khugepagedDefrag,
      source: "mm/khugepaged.c alloc_hugepage_khugepaged_gfpmask",
      doc: "Whether khugepaged may compact and reclaim memory for a 2 MiB block; without, it takes one that is free."),
  ]

  private static func khugepaged(
    _ name: String, _ path: WritableKeyPath<HugePageKnobs, Int> & Sendable, in range: ClosedRange<Int>, unit: KnobUnit,
    _ variable: String, _ doc: String, notes: String? = nil
  ) -> Knob<HugePageKnobs> {
    .integer(
      "mm.transparent_hugepage.khugepaged.\(name)", path, in: range, unit: unit, source: "mm/khugepaged.c \(variable)",
      doc: doc, notes: notes)
  }
}
