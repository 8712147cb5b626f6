// From which list on DSA beats n CPU threads.

import PageCopy
import Simulation
import Units

/// What grows in a series of lists.
public enum ListSeries: String, CaseIterable, Sendable {
  /// n base pages.
  case base
  /// One huge page and n base pages, from 0 on.
  case mixed
  /// n huge pages.
  case huge

  /// As tables name it.
  public var name: String {
    switch self {
    case .base: "n base"
    case .mixed: "1 huge + n base"
    case .huge: "n huge"
    }
  }

  /// The lists in order, base pages up to `limit`.
  func lists(limit: Int) -> [PageList] {
    switch self {
    case .base: (1...limit).map { PageList(base: $0) }
    case .mixed: (0...limit).map { PageList(huge: 1, base: $0) }
    case .huge: (1...CrossoverExperiment.mostHuge).map { PageList(huge: $0) }
    }
  }
}

/// Every list of each series, by DSA over each number of channels and by each number of CPUs.
public struct CrossoverExperiment: Sendable {
  /// Longest list of huge pages: two rounds on any number of channels.
  public static let mostHuge = 32
  public static let threads = [1, 2, 4, 8, 16]
  public static let channelCounts = [1, 2, 4, 8]

  /// Who DSA is compared with.
  public struct Rival: Hashable, Sendable {
    public var threads: Int
    public var split: WorkerSplit
    /// One CPU copies by itself, more by copy_page_lists_mt.
    var way: CopyWay { threads == 1 ? .cpu : .workers(threads, split) }
  }

  public struct Row: Sendable {
    public var series: ListSeries
    public var channels: Int
    public var rival: Rival
    public var breakEven: BreakEven
  }

  public let limit: Int
  public private(set) var rows: [Row] = []
  private let nodes: String
  private let cpus: Int
  private let threads: [Int]
  private let threshold: Int
  private let channelCounts: [Int]

  /// - Parameters:
  ///   - limit: most base pages of a list.
  ///   - onProgress: lists done, and in all.
  public init(
    _ bench: CopyBench, limit: Int, threads: [Int] = CrossoverExperiment.threads,
    series: [ListSeries] = ListSeries.allCases,
    onProgress: (Int, Int) -> Void = { _, _ in }
  ) throws(RunError) {
    self.limit = limit
    self.threads = threads
    nodes = bench.route
    cpus = bench.cpus
    threshold = bench.copyKnobs.dsaCopyThreshold
    try bench.checkChannels(1)
    channelCounts = Self.channelCounts.filter { $0 <= bench.channels }
    let rivals = threads.flatMap { count in
      count == 1 ? [Rival(threads: 1, split: .items)] : WorkerSplit.allCases.map { Rival(threads: count, split: $0) }
    }
    let total = series.reduce(0) { $0 + $1.lists(limit: limit).count }
    var done = 0
    for series in series {
      let lists = series.lists(limit: limit)
      var wins = [[[Bool]]](
        repeating: [[Bool]](repeating: [], count: rivals.count), count: channelCounts.count)
      for list in lists {
        var times: [Picoseconds] = []
        for rival in rivals { times.append(try bench.measure(list, by: rival.way).elapsed) }
        for (index, channels) in channelCounts.enumerated() {
          let time = try bench.measure(list, by: bench.listCopy(channels: channels)).elapsed
          for rival in rivals.indices { wins[index][rival].append(time < times[rival]) }
        }
        done += 1
        onProgress(done, total)
      }
      for (index, channels) in channelCounts.enumerated() {
        for (place, rival) in rivals.enumerated() {
          rows.append(
            Row(series: series, channels: channels, rival: rival, breakEven: BreakEven(wins: wins[index][place])))
        }
      }
    }
  }

  /// Where DSA begins to win.
  public func breakEven(_ series: ListSeries, channels: Int, threads: Int, split: WorkerSplit) -> BreakEven? {
    rows.first {
      $0.series == series && $0.channels == channels && $0.rival.threads == threads
        && (threads == 1 || $0.rival.split == split)
    }?.breakEven
  }

  // MARK: Report

  /// Base pages that a list of a series weighs.
  private func weight(_ series: ListSeries, _ place: Int) -> Int { series.lists(limit: limit)[place].weight }

  public var report: CopyReport {
    var table = CopyTable([
      .init(key: "lists", heading: "lists"), .init(key: "channels", heading: "channels"),
      .init(key: "threads", heading: "threads"), .init(key: "split", heading: "split"),
      .init(key: "dsa_wins", heading: "DSA wins"), .init(key: "from_weight_pages", heading: "from weight"),
      .init(key: "to_weight_pages", heading: "to weight"), .init(key: "exceptions", heading: "exceptions"),
    ])
    for row in rows {
      let key: [CopyTable.Cell] = [
        .text(row.series.name), .integer(row.channels), .integer(row.rival.threads),
        .text(row.rival.threads == 1 ? "-" : row.rival.split.rawValue),
      ]
      let last = row.series.lists(limit: limit).count - 1
      func cells(_ word: String, _ from: Int, _ to: Int, _ exceptions: Int) -> [CopyTable.Cell] {
        [
          .text(word), .integer(weight(row.series, from)), .integer(weight(row.series, to)), .integer(exceptions),
        ]
      }
      switch row.breakEven {
      case .always: table.add(key + cells("always", 0, last, 0))
      case .never: table.add(key + [.text("never"), .none, .none, .integer(0)])
      case .from(let place, let earlier): table.add(key + cells("from", place, last, earlier))
      case .between(let first, let end, let losses): table.add(key + cells("between", first, end, losses))
      }
    }
    return CopyReport(table: table, text: text, notes: CopyBench.notes(threads: threads, cpus: cpus))
  }

  /// A table for each series, and an answer in words.
  private var text: String {
    var text = "list weight in base pages (a huge page is 512) from which DSA is faster than CPU threads, \(nodes)\n"
    for series in ListSeries.allCases where rows.contains(where: { $0.series == series }) {
      let most = series.lists(limit: limit).last?.weight ?? 0
      text += "\n\(series.name), up to a weight of \(most)\n"
      var lines = [["threads"] + channelCounts.map { "\($0) channel\($0 == 1 ? "" : "s")" }]
      for row in rows where row.series == series && row.channels == channelCounts.first {
        let name = row.rival.threads == 1 ? "1" : "\(row.rival.threads) by \(row.rival.split.rawValue)"
        lines.append(
          [name]
            + channelCounts.map { channels in
              breakEven(series, channels: channels, threads: row.rival.threads, split: row.rival.split)?.text {
                "\(weight(series, $0))"
              } ?? "-"
            })
      }
      text += CopyTable.aligned(lines)
    }
    return text + "\n" + answer + "\n"
  }

  /// What the tables say of base pages, over as many channels as there are in the tables.
  public var answer: String {
    guard let channels = channelCounts.last else { return "" }
    let parts = threads.map { count -> String in
      let rival = "\(count) CPU\(count == 1 ? "" : "s")"
      switch breakEven(.base, channels: channels, threads: count, split: .bytes) {
      case .always: return "faster than \(rival) at every length up to \(limit)"
      case .from(let place, let earlier):
        return "faster than \(rival) from \(place + 1) pages on"
          + (earlier > 0 ? " (and at \(earlier) shorter length\(earlier == 1 ? "" : "s"))" : "")
      case .never, nil: return "never faster than \(rival) up to \(limit) pages"
      case .between(let first, let last, let losses):
        return "faster than \(rival) at \(first + 1) to \(last + 1) pages only"
          + (losses > 0 ? " (but for \(losses) of these lengths)" : "")
      }
    }
    return "A list of base pages over \(channels) channel\(channels == 1 ? "" : "s"): DSA is "
      + parts.joined(separator: "; ") + ". vm.dsa_copy_threshold is \(threshold)."
  }
}
