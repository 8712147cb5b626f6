// Knobs of the page allocator and the zones.

import Sysctl
import Units

/// Which kernel is modelled.
public struct KernelKnobs: KnobSet {
  public var rules = KernelRules.v6_12

  public init() {}

  public static let knobs: [Knob<KernelKnobs>] = [
    .choice(
      "kernel.rules", \.rules, when: .beforeRun,
      source: "Linux 5.13-rc6 with the TPP patches, Linux 6.12, Linux 7.1",
      doc: "The kernel whose rules the run follows: its reclaim, NUMA balancing, migration, watermarks and scheduler.",
      notes: "tpp2021 and v6.12 were compared with booted kernels, v7.1 comes from code reading only.")
  ]
}

/// Knobs of the page allocator and of the watermarks.
public struct MemoryKnobs: KnobSet {
  /// vm.min_free_kbytes; nil is computed.
  public var minFreeKbytes: Int?
  public var watermarkScaleFactor = 10
  public var watermarkBoostFactor = 15000
  public var lowmemReserveRatio = [256, 256, 32, 0]
  public var percpuHighFraction = 0
  /// vm.defrag_mode.
  public var isDefragMode = false

  public init() {}

  public static let knobs: [Knob<MemoryKnobs>] = [
    .integerOrAuto(
      "vm.min_free_kbytes", \.minFreeKbytes, in: 128...(1 << 40), unit: .kibibytes,
      source: "mm/page_alloc.c calculate_min_free_kbytes",
      doc: "Memory that the min marks of all zones keep free together; auto is 4 * sqrt(low memory in kB)."),
    .integer(
      "vm.watermark_scale_factor", \.watermarkScaleFactor, in: 1...3000, unit: "1/10000 of the zone",
      source: "mm/page_alloc.c __setup_per_zone_wmarks",
      doc: "Distance between the watermarks of a zone."),
    .integer(
      "vm.watermark_boost_factor", \.watermarkBoostFactor, in: 0...1_000_000, unit: "1/10000 of the high mark",
      source: "mm/page_alloc.c boost_watermark",
      doc: "How far a zone's marks are raised when an allocation claims a pageblock of another migratetype; 0 is off."),
    .integers(
      "vm.lowmem_reserve_ratio", \.lowmemReserveRatio, count: 1...5, in: 0...1_000_000,
      source: "mm/page_alloc.c setup_per_zone_lowmem_reserve",
      doc:
        "One divisor a zone (DMA, DMA32, Normal, Movable): the share of the higher zones a zone holds back; 0 is none."),
    .integer(
      "vm.percpu_pagelist_high_fraction", \.percpuHighFraction, in: 8...1_000_000, also: [0],
      source: "mm/page_alloc.c zone_highsize",
      doc: "Fixes the per-CPU free lists at managed/fraction/CPUs pages; 0 lets them tune themselves."),
    .flag(
      "vm.defrag_mode", \.isDefragMode,
      source: "mm/page_alloc.c gfp_to_alloc_flags, mm/vmscan.c pgdat_balanced, mm/compaction.c __compact_finished",
      doc: """
        Whether an allocation reclaims before it breaks a pageblock of another mobility, and kswapd and kcompactd keep whole free \
        pageblocks up to the high mark.
        """,
      notes: """
        Linux has it since 6.15: only under kernel.rules = v7.1. For a machine that is fragmented already it comes late. An \
        allocation that may not reclaim fails where it would have fragmented; one that may falls back after 16 reclaims without \
        progress.
        """,
      prepare: { set, tree throws(KnobRefusal) in
        guard !set.isDefragMode || tree[KernelKnobs.self].rules.hasDefragMode else {
          throw KnobRefusal("Linux has it since 6.15; write kernel.rules=v7.1 first")
        }
      }),
  ]
}
