// The ways in which a list can be copied, as knobs.

import PageCopy

/// What copies a list, and how.
public enum CopyWay: Hashable, Sendable {
  /// One CPU, page after page.
  case cpu
  /// So many CPUs (cpu_multi_copy_pages).
  case workers(Int, WorkerSplit)
  /// The CPU for base pages and DSA for each huge page, one after the other: what the original calls DSA-raw.
  case raw(channels: Int)
  /// The list copy by DSA.
  case dsa(channels: Int, cut: ListCut, overlaps: Bool)
  /// copy_huge_page by DSA: one huge page, a slice for each channel.
  case hugePage(channels: Int)

  /// As tables name it.
  public var name: String {
    switch self {
    case .cpu: "cpu"
    case .workers(let count, let split): "mt:\(count) \(split.rawValue)"
    case .raw: "dsa-raw"
    case .dsa(_, let cut, let overlaps): "dsa \(cut.rawValue)\(overlaps ? " overlapped" : "")"
    case .hugePage: "dsa"
    }
  }

  /// Channels that it needs; 0 without DSA.
  public var channels: Int {
    switch self {
    case .cpu, .workers: 0
    case .raw(let channels), .dsa(let channels, _, _), .hugePage(let channels): channels
    }
  }

  /// CPUs that copy.
  public var cpus: Int { if case .workers(let count, _) = self { count } else { 1 } }

  /// The knobs that make a run copy so. What they do not decide stays: how a CPU waits, timeouts.
  func knobs(_ base: CopyKnobs) -> CopyKnobs {
    var knobs = base
    knobs.dsaState = channels > 0
    knobs.useDSACopyPages = channels > 0
    knobs.cpuMultiCopyPages = false
    // Lists of any length come in rounds.
    knobs.dsaRules = .c2
    knobs.dsaCopyThreshold = -1
    if channels > 0 { knobs.limitChans = channels }
    switch self {
    case .cpu, .hugePage: break
    case .workers(let count, let split):
      knobs.cpuMultiCopyPages = true
      knobs.limitMTNum = count
      knobs.mtCopySplit = split
    case .raw: knobs.dsaCopyThreshold = Int.max
    case .dsa(_, let cut, let overlaps):
      knobs.dsaListCut = cut
      knobs.dsaRoundOverlap = overlaps
    }
    return knobs
  }
}
