// Base pages in one batch on one channel.
// Source: DSA-2LM's test modules: latency of batches of 2 to 128 pages, for each page.

import PageCopy
import Simulation
import Units

/// 2 to 1024 base pages: one CPU, the kernel's list copy on one channel, and one batch on a dedicated and on a shared queue.
public struct BatchExperiment: Sendable {
  public static let counts = (1...10).map { 1 << $0 }

  public struct Point: Sendable {
    public var pages: Int
    public var cpu: CopyMeasurement
    /// dsa_copy_page_lists: batches of 128 at most, a round each.
    public var list: CopyMeasurement
    public var dedicated: CopyMeasurement
    public var shared: CopyMeasurement
  }

  public private(set) var points: [Point] = []
  private let nodes: String

  public init(_ bench: CopyBench, counts: [Int] = BatchExperiment.counts) throws(RunError) {
    nodes = bench.route
    for pages in counts {
      func batch(_ mode: QueueMode) throws(RunError) -> CopyMeasurement {
        try QueueBench(bench, channels: 1, mode: mode, batch: pages, room: (pages + 64) * Page.size).batch(pages)
      }
      let list = PageList(base: pages)
      points.append(
        Point(
          pages: pages, cpu: try bench.measure(list, by: .cpu),
          list: try bench.measure(list, by: bench.listCopy(channels: 1)), dedicated: try batch(.dedicated),
          shared: try batch(.shared)))
    }
  }

  public var report: CopyReport {
    var table = CopyTable(
      [
        .init(key: "pages", heading: "pages"), .init(key: "engine", heading: "engine"), .time("page_ps", "us a page"),
      ] + CopyTable.measured + [.init(key: "rounds", heading: "rounds")])
    for point in points {
      for (name, copy) in [
        ("cpu", point.cpu), ("list", point.list), ("dedicated", point.dedicated), ("shared", point.shared),
      ] {
        table.add(
          [.integer(point.pages), .text(name), .integer(ratio(copy.elapsed, point.pages, times: 1))]
            + CopyTable.cells(copy, point.cpu) + [.integer(copy.rounds)])
      }
    }
    var text = "base pages on one channel, \(nodes)\n"
    for (key, title) in [
      ("page_ps", "us a page"), (CopyTable.latency.key, "latency, us"),
      (CopyTable.speedup.key, "times as fast as one CPU"),
    ] {
      text += "\n\(title), by pages and engine\n"
      text += table.pivot(key, down: "pages", across: "engine", corner: "pages") {
        if case .integer(let pages) = $0 { "\(pages)" } else { "" }
      }
    }
    let polls = points.allSatisfy { $0.list.cpuTime == $0.list.elapsed }
    return CopyReport(
      table: table, text: text,
      notes: (polls ? [OrderExperiment.polls] : []) + [
        "list is the kernel's list copy: batches of \(CopyLimits.batchMembers) pages at most, a round each",
        "dedicated and shared are one batch, beyond \(CopyLimits.batchMembers) pages on a queue whose max_batch_size allows it",
      ])
  }
}

extension CopyBench {
  /// The list copy as the knobs have it, on so many channels.
  func listCopy(channels: Int) -> CopyWay {
    .dsa(channels: channels, cut: copyKnobs.dsaListCut, overlaps: copyKnobs.dsaRoundOverlap)
  }

  var copyKnobs: CopyKnobs { tree[CopyKnobs.self] }
}
