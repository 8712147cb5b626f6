// Knobs of transparent huge pages.

import Sysctl

/// mm.transparent_hugepage.enabled.
public enum HugePagePolicy: String, CaseIterable, Sendable { case always, madvise, never }

/// Knobs of transparent huge pages.
public struct HugePageKnobs: KnobSet {
  public var enabled = HugePagePolicy.madvise

  public init() {}

  public static let knobs: [Knob<HugePageKnobs>] = [
    .choice(
      "mm.transparent_hugepage.enabled", \.enabled, source: "mm/huge_memory.c, mm/khugepaged.c",
      doc: """
        Whether a first touch of anonymous memory takes a free 2 MiB block where there is one: always, only where the \
        region asks (madvise), or never. Anything but never raises vm.min_free_kbytes as khugepaged does.
        """)
  ]
}
