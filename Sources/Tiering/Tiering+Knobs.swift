// Knobs of reclaim and of NUMA balancing.

import MemoryModel
import Sysctl

/// Knobs of reclaim and demotion.
public struct ReclaimKnobs: KnobSet {
  public var swappiness = 60
  public var demotionEnabled = false
  public var demoteScaleFactor = 200
  public var concurToDemote = false

  public init() {}

  public static let knobs: [Knob<ReclaimKnobs>] = [
    .integer(
      "vm.swappiness", \.swappiness, in: 0...200, source: "mm/vmscan.c get_scan_count",
      doc: "Weight of anonymous against file pages in reclaim; it throttles demotion even without swap."),
    .flag(
      "mm.numa.demotion_enabled", \.demotionEnabled, style: .trueFalse, source: "mm/memory-tiers.c",
      doc: "Whether reclaim demotes pages to a slower node instead of dropping them."),
    .integer(
      "vm.demote_scale_factor", \.demoteScaleFactor, in: 1...10000, unit: "1/10000 of the zone",
      source: "TPP patch 1 (74b1ce5db in the original's tree)",
      doc: "TPP's demotion mark: kswapd of a top-tier node keeps this share of its Normal zone free.",
      notes: """
        Used by kernel.rules = tpp2021 only. The mark is computed when this (or another watermark knob) is written after \
        kernel.numa_balancing = 2, and is 0 until then: nearly nothing is demoted. The original takes a change before that and does \
        nothing; here it is refused. Writing the value it has is accepted, and does nothing then.
        """,
      prepare: { set, tree throws(KnobRefusal) in
        guard tree[KernelKnobs.self].rules.isTPP, set.demoteScaleFactor != tree[ReclaimKnobs.self].demoteScaleFactor
        else { return }
        // The original's flag stays set when balancing is turned off again.
        let balancing = "kernel.numa_balancing"
        let wasOn =
          tree[BalancingKnobs.self].mode != 0 || tree.history.contains { $0.name == balancing && $0.value != "0" }
        guard wasOn else {
          throw KnobRefusal(
            "the demotion mark would stay 0, since kernel.numa_balancing never was 2; write kernel.numa_balancing=2 first"
          )
        }
      }),
    .flag(
      "vm.use_concur_to_demote", \.concurToDemote,
      source: "DSA-2LM's 5.13 tree, mm/vmscan.c demote_page_list, mm/migrate.c migrate_pages_concur",
      doc: "Whether demotion takes a whole list through unmap, copy and remap together.",
      notes: """
        Only under kernel.rules = tpp2021. All pages of a list are then unavailable until the whole list is copied. Pages of files, and \
        what finds no target page, go to migrate_pages afterwards.
        """,
      prepare: { set, tree throws(KnobRefusal) in
        guard !set.concurToDemote || tree[KernelKnobs.self].rules.isTPP else {
          throw KnobRefusal("only the original's kernel has it; write kernel.rules=tpp2021 first")
        }
      }),
  ]
}

/// Knobs of NUMA balancing.
public struct BalancingKnobs: KnobSet {
  public var mode = 0
  public var promoteRateLimit = 65536
  public var scanDelay = 1000
  public var scanPeriodMin = 1000
  public var scanPeriodMax = 60000
  public var scanSizeMiB = 256
  public var hotThreshold = 1000

  public init() {}

  public static let knobs: [Knob<BalancingKnobs>] = [
    .integer(
      "kernel.numa_balancing", \.mode, in: 0...3, unit: "bits", source: "kernel/sched/core.c sysctl_numa_balancing",
      doc: "0 off, bit 0 normal balancing between fast nodes, bit 1 memory tiering: promotion of hot slow pages."),
    .integer(
      "kernel.numa_balancing_promote_rate_limit_MBps", \.promoteRateLimit, in: 0...(1 << 40),
      unit: .mebibytesPerSecond, source: "kernel/sched/fair.c numa_promotion_rate_limit",
      doc: "Promotion candidates a second and destination node; the default is no limit in practice."),
    .integer(
      "debug.sched.numa_balancing.scan_delay_ms", \.scanDelay, in: 0...(1 << 30), unit: .milliseconds,
      source: "kernel/sched/fair.c sysctl_numa_balancing_scan_delay", doc: "Run time of a task before its first scan."),
    .integer(
      "debug.sched.numa_balancing.scan_period_min_ms", \.scanPeriodMin, in: 1...(1 << 30), unit: .milliseconds,
      source: "kernel/sched/fair.c task_scan_min", doc: "Shortest time in which a task's memory is scanned once."),
    .integer(
      "debug.sched.numa_balancing.scan_period_max_ms", \.scanPeriodMax, in: 1...(1 << 30), unit: .milliseconds,
      source: "kernel/sched/fair.c task_scan_max",
      doc: "Longest such time; also the interval at which the hot threshold adapts."),
    .integer(
      "debug.sched.numa_balancing.scan_size_mb", \.scanSizeMiB, in: 1...(1 << 20), unit: .mebibytes,
      source: "kernel/sched/fair.c sysctl_numa_balancing_scan_size", doc: "Memory made PROT_NONE by one scan."),
    .integer(
      "debug.sched.numa_balancing.hot_threshold_ms", \.hotThreshold, in: 1...(1 << 30), unit: .milliseconds,
      source: "kernel/sched/fair.c sysctl_numa_balancing_hot_threshold",
      doc: "Time between scan and hint fault below which a slow page is hot."),
  ]
}
