// The machine: CPUs, nodes, their memory, and the scheduler's periods.

import Sysctl
import Units

/// One node (hw.nodeN.*).
public struct NodeKnobs: KnobSet {
  public var size = Capacity.share(ppm: 1_000_000)
  public var zones = "Normal"
  public var kernelPages = 0
  public var unmovableFree = 0
  public var idlePages = 0
  public var idleActivePages = 0
  public var tier: Int?
  public var cpus: Int?
  public var readLatency = 250 * Picoseconds.nanosecond
  public var writeLatency = 250 * Picoseconds.nanosecond
  public var readBandwidth = 20_000_000_000
  public var writeBandwidth = 20_000_000_000
  public var threadReadBandwidth = 5_000_000_000
  public var threadWriteBandwidth = 10_000_000_000

  public init() {}

  /// The top-tier node's defaults: a quarter of the footprint, local DDR5.
  static var fast: NodeKnobs {
    var node = NodeKnobs()
    node.size = .share(ppm: 250_000)
    node.readLatency = 110 * Picoseconds.nanosecond
    node.writeLatency = 110 * Picoseconds.nanosecond
    node.readBandwidth = 200_000_000_000
    node.writeBandwidth = 150_000_000_000
    node.threadReadBandwidth = 12_000_000_000
    node.threadWriteBandwidth = 20_000_000_000
    return node
  }

  private static func bandwidth(
    _ name: String, _ path: WritableKeyPath<NodeKnobs, Int> & Sendable, _ doc: String
  ) -> Knob<NodeKnobs> {
    .bandwidth(
      name, path, in: 1_000_000...100_000_000_000_000, when: .beforeRun, evidence: .uncalibrated,
      source: "default: a round value between the published ones; see sysctl/machines/", doc: doc)
  }

  private static func latency(
    _ name: String, _ path: WritableKeyPath<NodeKnobs, Int> & Sendable, _ doc: String
  ) -> Knob<NodeKnobs> {
    .duration(
      name, path, in: 1_000...Picoseconds.millisecond, when: .beforeRun, evidence: .uncalibrated,
      source: "default: a round value between the published ones; see sysctl/machines/", doc: doc)
  }

  public static let knobs: [Knob<NodeKnobs>] = [
    .capacity(
      "size", \.size, when: .beforeRun, evidence: .setting, source: "Pageferry",
      doc: "Memory of the node, or its share of the workload's footprint.",
      notes: "By default node 0 has 25 % of the footprint and every other node 100 %. Shares are rounded up to whole "
        + "2 MiB, 8 MiB at least. The last nodes may have 0: they "
        + "are absent."),
    .text(
      "zones", \.zones, when: .beforeRun, source: "include/linux/mmzone.h",
      doc: "Zones, lowest first, of DMA, DMA32, Normal, Movable: NAME=SIZE for all but one, which takes the rest.",
      notes: "Example: DMA=3840p DMA32."),
    .integer(
      "kernel_pages", \.kernelPages, in: 0...(1 << 40), unit: .basePages, when: .beforeRun, evidence: .setting,
      source: "Pageferry",
      doc: "Pages that the kernel itself holds from the start."),
    .integer(
      "unmovable_free", \.unmovableFree, in: 0...(1 << 40), unit: .basePages, when: .beforeRun, evidence: .setting,
      source: "Pageferry",
      doc: "Pages left free in the kernel's own (unmovable) pageblocks at the start: page tables use them up first.",
      notes: "When they are used up, page tables claim movable pageblocks, and that boosts the watermarks."),
    .integer(
      "idle_pages", \.idlePages, in: 0...(1 << 40), unit: .basePages, when: .beforeRun, evidence: .setting,
      source: "Pageferry",
      doc: "Pages of processes that sleep throughout: on the inactive list from the start, and not accessed.",
      notes: "They are the first that reclaim demotes."),
    .integer(
      "idle_active_pages", \.idleActivePages, in: 0...(1 << 40), unit: .basePages, when: .beforeRun,
      evidence: .setting, source: "Pageferry",
      doc: "The like on the active list: reclaim finds them when it first deactivates."),
    .integerOrAuto(
      "tier", \.tier, in: 0...15, when: .beforeRun, source: "mm/memory-tiers.c",
      doc: "Place in the distance-ordered tiers, 0 fastest; auto is 0 for nodes with CPUs and 1 for all others."),
    .integerOrAuto(
      "cpus", \.cpus, in: 0...1024, unit: "CPUs", when: .beforeRun, evidence: .setting, source: "Pageferry",
      doc: "CPUs of the node; auto gives node 0 all that no other node names, and the others none."),
    latency("read_latency", \.readLatency, "Unloaded latency of a read that misses all caches."),
    latency("write_latency", \.writeLatency, "Unloaded latency of a write that misses all caches."),
    bandwidth("read_bandwidth", \.readBandwidth, "Peak read bandwidth, all CPUs together."),
    bandwidth("write_bandwidth", \.writeBandwidth, "Peak write bandwidth, all CPUs together."),
    bandwidth("thread_read_bandwidth", \.threadReadBandwidth, "Most that one thread reads."),
    bandwidth("thread_write_bandwidth", \.threadWriteBandwidth, "Most that one thread writes."),
  ]
}

/// The machine (hw.*).
public struct HardwareKnobs: KnobSet {
  public var cpus = 4
  public var nodes: [NodeKnobs] = [.fast, NodeKnobs()]
  public var schedulerSlice: Picoseconds?
  public var timerHz = 250
  public var stampBits = 21
  public var statsPhase = 0
  public var queuePermille = 250

  public init() {}

  public static let knobs: [Knob<HardwareKnobs>] = [
    .integer(
      "hw.cpus", \.cpus, in: 1...1024, unit: "CPUs", when: .beforeRun, evidence: .setting, source: "Pageferry",
      doc: "CPUs of the machine."),
    .integer(
      "hw.timer_hz", \.timerHz, in: 100...1000, unit: "1/s", when: .beforeRun,
      source: "CONFIG_HZ: 250 in Debian's kernels, 1000 in the original's",
      doc: "Scheduler ticks a second; also the granularity of the kernel's millisecond stamps."),
    .integerOrAuto(
      "hw.sched_slice", \.sliceMicroseconds, in: 100...1_000_000, unit: "us", when: .beforeRun,
      source: "kernel/sched/fair.c sysctl_sched_base_slice (0.75 ms, EEVDF), sysctl_sched_latency / 2 (3 ms, CFS)",
      doc: "Time a thread runs before another runnable one may take its CPU at a tick; auto goes by kernel.rules.",
      notes: "750 us under v6.12 and v7.1, 3000 us under tpp2021; times 1 + log2(CPUs, at most 8)."),
    .duration(
      "hw.stats_flush_phase", \.statsPhase, in: 0...(10 * Picoseconds.second), when: .beforeRun,
      evidence: .uncalibrated, source: "mm/memcontrol.c flush_memcg_stats_dwork, begun when the machine boots",
      doc: "When the memory-cgroup statistics are flushed first; from then on about every 2 s.",
      notes: "Reclaim compares the lists by these statistics, so that what it deactivates depends on the phase."),
    .integer(
      "hw.numa_stamp_bits", \.stampBits, in: 12...32, unit: "bits", when: .beforeRun,
      source: "include/linux/page-flags-layout.h: 8 + log2(CONFIG_NR_CPUS), at least 12",
      doc: "Bits of the millisecond stamp of a scanned page; fewer make old pages look hot."),
    .integer(
      "hw.loaded_latency_queue", \.queuePermille, in: 0...10_000, unit: "1/1000", when: .beforeRun,
      evidence: .uncalibrated, source: "mean wait of an M/D/1 queue",
      doc: "How much of the queueing of a loaded link an access feels: latency * (1 + q * load / (2 (1 - load)))."),
    .family("hw.node", index: 0..<16, \.nodes),
  ]

  private var sliceMicroseconds: Int? {
    get { schedulerSlice.map { $0 / Picoseconds.microsecond } }
    set { schedulerSlice = newValue.map { $0 * Picoseconds.microsecond } }
  }
}
