// Knobs of compaction.

import MemoryModel
import Sysctl

/// Knobs of compaction.
public struct CompactionKnobs: KnobSet {
  public var extfragThreshold = 500
  public var proactiveness = 20
  /// vm.use_concur_to_compact.
  public var isConcurrent = false

  public init() {}

  public static let knobs: [Knob<CompactionKnobs>] = [
    .integer(
      "vm.extfrag_threshold", \.extfragThreshold, in: 0...1000, unit: "thousandths",
      source: "mm/compaction.c compaction_suitable, mm/vmstat.c fragmentation_index",
      doc: "A zone whose fragmentation index is at most this is short of memory rather than fragmented: not compacted."),
    .integer(
      "vm.compaction_proactiveness", \.proactiveness, in: 0...100,
      source: "mm/compaction.c fragmentation_score_wmark",
      doc: "How early kcompactd compacts a node that nobody waits for; 0 is never, 100 at the least fragmentation.",
      notes: "Looked at every 500 ms of kernel time, and for 32 s no more after a compaction without progress."),
    .trigger(
      "vm.compact_memory",
      source: "mm/compaction.c sysctl_compaction_handler",
      doc: "Writing 1 compacts all zones of all nodes, MIGRATE_SYNC, from end to end.",
      notes: """
        For phases and events of a workload. The kernel's writer waits for the end; here a thread called sysctl does the work, and the \
        task goes on.
        """,
      prepare: { _, tree throws(KnobRefusal) in
        guard tree.isRunning else {
          throw KnobRefusal(
            "before a run there is nothing to compact; write it in a phase (set:) or an event of the workload")
        }
      },
      effect: { _, _ in }),
    .flag(
      "vm.use_concur_to_compact", \.isConcurrent,
      source: "DSA-2LM's 5.13 tree, mm/compaction.c compact_zone, mm/migrate.c migrate_pages_concur",
      doc: "Whether compaction takes a whole list through unmap, copy and remap together.",
      notes: "Only under kernel.rules = tpp2021. With an engine on, its lists are then copied as lists.",
      prepare: { set, tree throws(KnobRefusal) in
        guard !set.isConcurrent || tree[KernelKnobs.self].rules.isTPP else {
          throw KnobRefusal("only the original's kernel has it; write kernel.rules=tpp2021 first")
        }
      }),
  ]
}
