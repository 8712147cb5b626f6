// Which keys mean something where.

/// Keys of the file. Source: the tables device_table, group_table, wq_table and engine_table of intel/idxd-config accfg/config.c
/// for what is written, util/json.c for what `list` and `save-config` show besides.
enum ConfigurationKeys {
  static let lists = ["groups", "grouped_workqueues", "grouped_engines", "ungrouped_workqueues", "ungrouped_engines"]

  static func of(_ target: ConfigurationLoader.Target) -> (written: [String], shown: [String]) {
    switch target {
    case .device: (["token_limit", "read_buffer_limit", "event_log_size"], shownOfDevices)
    case .group:
      (
        [
          "tokens_reserved", "read_buffers_reserved", "use_token_limit", "use_read_buffer_limit", "tokens_allowed",
          "read_buffers_allowed", "traffic_class_a", "traffic_class_b", "desc_progress_limit", "batch_progress_limit",
        ], []
      )
    case .workQueue:
      (
        [
          "size", "priority", "group_id", "block_on_fault", "type", "name", "driver_name", "op_config", "mode",
          "max_batch_size", "max_transfer_size", "threshold", "ats_disable", "prs_disable",
        ], ["cdev_minor", "state", "clients", "occupancy", "enqcmds_retries"]
      )
    case .engine: (["group_id"], [])
    case .skipped: ([], [])
    }
  }

  private static let shownOfDevices = [
    "max_groups", "max_work_queues", "max_engines", "work_queue_size", "numa_node", "errors", "op_cap", "iaa_cap",
    "gen_cap",
    "version", "state", "max_read_buffers", "max_tokens", "ims_size", "max_batch_size", "max_transfer_size",
    "configurable",
    "pasid_enabled", "cdev_major", "clients",
  ]

  /// What an unknown word may have meant.
  static func hint(_ word: String, _ known: [String]) -> String {
    let ranked = known.map { ($0, edits(Array(word.utf8.prefix(64)), Array($0.utf8))) }.min { $0.1 < $1.1 }
    if let (name, distance) = ranked, distance <= max(1, min(4, word.utf8.count / 3)) {
      return "did you mean `\(name)`?"
    }
    return "remove it"
  }

  /// Insertions, deletions and replacements from one to the other.
  private static func edits(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var next = [i + 1]
      for (j, y) in b.enumerated() { next.append(min(next[j] + 1, row[j + 1] + 1, row[j] + (x == y ? 0 : 1))) }
      row = next
    }
    return row[b.count]
  }
}
