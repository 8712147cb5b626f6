// The counters of /proc/vmstat, by their real names.

/// Event counters. Names are those of /proc/vmstat; counters that only the TPP patches have are marked.
// swift-format-ignore: AlwaysUseLowerCamelCase
public enum VMEvent: Int, CaseIterable, Sendable {
  case numa_hit, numa_miss, numa_foreign, numa_local, numa_other
  case pgalloc_dma, pgalloc_dma32, pgalloc_normal, pgalloc_movable
  case pgfree, pgactivate, pgdeactivate, pgfault, pgmajfault, pgrefill
  case pgsteal_kswapd, pgsteal_direct, pgsteal_anon, pgsteal_file
  case pgscan_kswapd, pgscan_direct, pgscan_anon, pgscan_file
  case pgskip_dma, pgskip_dma32, pgskip_normal, pgskip_movable
  case allocstall_dma, allocstall_dma32, allocstall_normal, allocstall_movable
  case pageoutrun, kswapd_low_wmark_hit_quickly, kswapd_high_wmark_hit_quickly
  case pgdemote_kswapd, pgdemote_direct
  case pgpromote_success, pgpromote_candidate, pgpromote_candidate_nrl
  case numa_pte_updates, numa_huge_pte_updates, numa_hint_faults, numa_hint_faults_local, numa_pages_migrated
  case pgmigrate_success, pgmigrate_fail
  case thp_migration_success, thp_migration_fail, thp_migration_split
  case thp_fault_alloc, thp_fault_fallback
  case thp_collapse_alloc, thp_collapse_alloc_failed
  case thp_scan_exceed_none_pte, thp_scan_exceed_swap_pte, thp_scan_exceed_share_pte
  case thp_split_page, thp_split_page_failed, thp_deferred_split_page, thp_split_pmd
  case compact_migrate_scanned, compact_free_scanned, compact_isolated, compact_stall, compact_fail, compact_success
  case compact_daemon_wake, compact_daemon_migrate_scanned, compact_daemon_free_scanned
  case oom_kill
  // The TPP patches' own counters (74b1ce5db in the original's tree).
  case pgpromote_candidate_demoted, pgpromote_candidate_anon, pgpromote_candidate_file, pgpromote_tried
  case pgpromote_anon, pgpromote_file, pgdemote_anon, pgdemote_file
  case pgmigrate_fail_dst_node_full, pgmigrate_fail_numa_isolate, pgmigrate_fail_nomem, pgmigrate_fail_refcount

  /// The name in /proc/vmstat.
  public var name: String { "\(self)" }

  /// Whether only kernels with the TPP patches print it.
  public var isTPPOnly: Bool { rawValue >= VMEvent.pgpromote_candidate_demoted.rawValue }
}

/// All event counters of a run, in base pages or events as the kernel counts them.
@frozen
public struct VMStat: ~Copyable {
  public let values: UnsafeMutablePointer<Int>

  init() {
    values = .allocate(capacity: VMEvent.allCases.count)
    values.initialize(repeating: 0, count: VMEvent.allCases.count)
  }

  deinit { values.deallocate() }

  /// The counter of `event`.
  public subscript(event: VMEvent) -> Int {
    get { values[event.rawValue] }
    nonmutating set { values[event.rawValue] = newValue }
  }

  /// Sets every counter to 0.
  func reset() { values.update(repeating: 0, count: VMEvent.allCases.count) }

  /// All counters in `VMEvent` order.
  public func snapshot() -> [Int] { Array(UnsafeBufferPointer(start: values, count: VMEvent.allCases.count)) }
}
