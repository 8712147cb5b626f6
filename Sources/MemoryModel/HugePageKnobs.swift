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

  public init() {}

  public static let knobs: [Knob<HugePageKnobs>] = [
    .choice(
      "mm.transparent_hugepage.enabled", \.enabled, source: "mm/huge_memory.c, mm/khugepaged.c",
      doc: """
        Whether a first touch of anonymous memory takes a free 2 MiB block where there is one: always, only where the \
        region asks (madvise), or never. Anything but never raises vm.min_free_kbytes as khugepaged does.
        """),
    .choice(
      "mm.transparent_hugepage.defrag", \.defrag, source: "mm/huge_memory.c vma_thp_gfp_mask",
      doc: """
        What a fault does when there is no free 2 MiB block: compact and reclaim (always; madvise and defer+madvise only where the \
        region asks for huge pages), wake kswapd and kcompactd (defer, and defer+madvise elsewhere), or take 4 KiB pages (never).
        """),
  ]
}
