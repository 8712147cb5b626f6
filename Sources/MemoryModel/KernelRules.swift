// Which kernel is modelled. One name selects every difference between kernels; rooms ask for the property they need.

/// The kernel whose rules a run follows (`kernel.rules`).
// swift-format-ignore: AlwaysUseLowerCamelCase
public enum KernelRules: String, CaseIterable, Sendable {
  /// Linux 5.13-rc6 with the five TPP patches of November 2021: the original's own kernel.
  case tpp2021
  /// Linux 6.12 (rules unchanged since 6.6 where tiering is concerned).
  case v6_12 = "v6.12"
  /// Linux 7.1.
  case v7_1 = "v7.1"

  /// What a run prints about how far these rules can be trusted.
  public var status: String {
    switch self {
    case .tpp2021: "compared with a real kernel (Linux 5.13-rc6 + TPP, booted; see docs/fidelity.md)"
    case .v6_12: "compared with a real kernel (Linux 6.12.117, booted; see docs/fidelity.md)"
    case .v7_1: "from code reading only; no run of this kernel was compared"
    }
  }

  /// Pages a per-CPU LRU batch holds before it is drained. Source: PAGEVEC_SIZE 15 in 5.13 (include/linux/pagevec.h),
  /// 31 in 6.12 and later.
  public var lruBatchSize: Int { self == .tpp2021 ? 15 : 31 }
  /// Whether a page list is unmapped, flushed, copied and remapped together (6.3 and later) or page by page.
  public var migratesInBatches: Bool { self != .tpp2021 }
  /// Whether the TPP patches apply: demotion mark, wake on allocation, 31 hint faults a promotion, demoted
  /// base pages left inaccessible.
  public var isTPP: Bool { self == .tpp2021 }
  /// Whether rotated pages count as reclaim cost (`lru_note_cost` with nr_rotated). 5.13 counts page-out only.
  public var rotationIsCost: Bool { self != .tpp2021 }
  /// Whether the per-CPU page lists tune their size (6.7 and later, mm/page_alloc.c nr_pcp_high).
  public var perCPUListsTune: Bool { self != .tpp2021 }
  /// Whether the allocator's first pass skips nodes whose kswapd is awake (6.19 and later).
  public var skipsNodesWithActiveKswapd: Bool { self == .v7_1 }
  /// Whether there is vm.defrag_mode, and with it a count of free memory in whole pageblocks (6.15 and later).
  public var hasDefragMode: Bool { self == .v7_1 }
  /// Whether the allocator first claims pageblocks of other types, from the largest free block down to those too small for it,
  /// and only then steals the smallest block (`__rmqueue_claim`, `__rmqueue_steal`; 6.15 and later). Before that the first block
  /// found decided between the two.
  public var claimsBeforeStealing: Bool { self == .v7_1 }
  /// Whether direct reclaim asks for all of compaction's room above the high mark before it leaves a zone to it
  /// (`compaction_ready`, 6.15 and later). Before that the room for costly orders was counted from the low mark.
  public var compactsAboveHighMark: Bool { self == .v7_1 }
  /// Whether an allocation of a huge page for one node that gives up early (__GFP_THISNODE | __GFP_NORETRY) ends after its first
  /// compaction (7.1). Before that it went on to reclaim unless compaction was skipped or deferred: booted, 5.13 does so.
  public var localHugeTryOnlyCompacts: Bool { self == .v7_1 }
  /// Whether what is left of a block that was taken from another type stays with that type, as do the free blocks of a pageblock that is
  /// not claimed (6.10 and later, which keep the lists of a pageblock its own; mm/page_alloc.c steal_suitable_fallback).
  public var stolenRestStays: Bool { self != .tpp2021 }
  /// Whether proactive compaction's marks may reach 0 (7.1); before, no mark was below 5, and the upper one 10 above
  /// (mm/compaction.c fragmentation_score_wmark).
  public var proactiveMarksReachZero: Bool { self == .v7_1 }
  /// Whether promotion with ample room counts `pgpromote_candidate_nrl` (2025 and later); before that it counts nothing, so
  /// that pgpromote_success can exceed pgpromote_candidate.
  public var countsUnlimitedCandidates: Bool { self == .v7_1 }
  /// Milliseconds between flushes of the memory cgroup statistics, on whose list sizes `inactive_is_low` decides; 0 where
  /// they are exact. From 5.15 on a cgroup kernel flushes them every 2 s (mm/memcontrol.c FLUSH_TIME), so that reclaim in
  /// between goes by old sizes.
  public var listStatsFlushMs: Int { self == .tpp2021 ? 0 : 2000 }
  /// Whether every 2 MiB page waits on the deferred split queue from its fault on, to be split if underused (6.12 and later).
  public var queuesWholeHugePages: Bool { self != .tpp2021 }
  /// Whether khugepaged lets nodes that tie for most of a range's pages take turns (until 6.0); later the lowest takes it.
  public var collapseTargetsTakeTurns: Bool { self == .tpp2021 }
  /// Whether khugepaged counts the limits it met (thp_scan_exceed_…; 5.17 and later).
  public var countsCollapseLimits: Bool { self != .tpp2021 }
  /// Whether kswapd's failure count is reset only when the node ends balanced (7.1) or on any progress.
  public var failuresResetNeedsBalance: Bool { self == .v7_1 }
  /// Whether a woken thread preempts the running one at once (CFS wake-up preemption) or at the next scheduler tick
  /// after the running one has had its slice (EEVDF from 6.6 on).
  public var wakeupPreempts: Bool { self == .tpp2021 }
  /// Whether compaction's fast search marks the block that it names as one to skip, so that the scan that follows skips it
  /// (`fast_find_migrateblock` until 6.5).
  public var marksFoundBlocks: Bool { self == .tpp2021 }
  /// Whether compaction isolates free pages for the pages of a list that still want one (`compaction_alloc`, 6.9 and later), or each
  /// time for as many as the list had.
  public var isolatesForPagesLeft: Bool { self != .tpp2021 }
  /// Whether compact_migrate_scanned and compact_free_scanned count every page of a huge or free block that is passed over (6.3 and
  /// later), or one.
  public var countsSkippedPages: Bool { self != .tpp2021 }
  /// Whether a page that was migrated is as young as before (6.1 and later: make_migration_entry_young) or old until its next access
  /// (pte_mkold in remove_migration_pte).
  public var migrationKeepsYoung: Bool { self != .tpp2021 }
}
