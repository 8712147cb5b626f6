// The time series as a table of numbers, with the names /proc/vmstat has.

import MemoryModel
import Simulation
import Units

extension VMEvent {
  /// Whether the kernel modelled has this counter.
  func exists(in rules: KernelRules) -> Bool {
    if isTPPOnly { return rules.isTPP }
    switch self {
    case .pgpromote_success: return !rules.isTPP
    case .thp_scan_exceed_none_pte, .thp_scan_exceed_swap_pte, .thp_scan_exceed_share_pte:
      return rules.countsCollapseLimits
    case .pgpromote_candidate_nrl: return rules.countsUnlimitedCandidates
    default: return true
    }
  }
}

/// vmstat.csv.
public enum VMStatText {
  /// Counters of the kernel that a run modelled, in order.
  public static func events(_ rules: KernelRules) -> [VMEvent] { VMEvent.allCases.filter { $0.exists(in: rules) } }

  /// The first line.
  public static func header(nodes: Int, rules: KernelRules) -> String {
    let lists = ["nr_inactive_anon", "nr_active_anon", "nr_inactive_file", "nr_active_file"]
    var columns = ["time_ms"]
    for node in 0..<nodes {
      columns.append("node\(node)_nr_free_pages")
      columns += lists.map { "node\(node)_\($0)" }
    }
    columns += ["fast_accesses", "slow_accesses"]
    return (columns + events(rules).map(\.name)).joined(separator: ",") + "\n"
  }

  /// The whole file. Counters are those since the start; time has three decimals.
  public static func text(_ result: RunResult) -> String {
    let memory = result.memory
    let events = events(memory.rules)
    var text = header(nodes: memory.nodeCount, rules: memory.rules)
    for sample in result.samples {
      text += Decimal.fixed(sample.time / Picoseconds.microsecond, places: 3)
      for node in 0..<memory.nodeCount {
        text += ",\(sample.free[node])"
        for pages in sample.lru[node] { text += ",\(pages)" }
      }
      text += ",\(sample.fastAccesses),\(sample.slowAccesses)"
      for event in events { text += ",\(sample.events[event.rawValue])" }
      text += "\n"
    }
    return text
  }
}
