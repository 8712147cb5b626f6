// Contiguous runs of order 0 to 9 over 1 to 8 channels, beside one CPU.
// Source: DSA-2LM's test modules: latency by channels and order, and of copy_page.

import PageCopy
import Simulation
import Units

/// A run of 4 KiB to 2 MiB, cut into equal slices for the channels.
public struct OrderExperiment: Sendable {
  public static let orders = 0...Page.hugeOrder

  /// By order.
  public private(set) var cpu: [CopyMeasurement] = []
  /// By channels less one and order.
  public private(set) var dsa: [[CopyMeasurement]] = []
  private let nodes: String

  public init(_ bench: CopyBench) throws(RunError) {
    nodes = bench.route
    for order in Self.orders {
      cpu.append(try bench.measure(PageList(base: 1 << order), by: .cpu))
    }
    try bench.checkChannels(1)
    for channels in 1...min(bench.channels, CopyLimits.channels) {
      var row: [CopyMeasurement] = []
      for order in Self.orders {
        let queue = try QueueBench(bench, channels: channels, room: 2 * Page.size << order)
        row.append(try queue.run(Page.size << order))
      }
      dsa.append(row)
    }
  }

  /// Order from which DSA wins.
  public func breakEven(channels: Int) -> BreakEven {
    BreakEven(wins: Self.orders.map { dsa[channels - 1][$0].elapsed < cpu[$0].elapsed })
  }

  public var report: CopyReport {
    var table = CopyTable(
      [
        .init(key: "order", heading: "order"), .init(key: "size_bytes", heading: "bytes"),
        .init(key: "channels", heading: "channels"), .init(key: "engine", heading: "engine"),
      ] + CopyTable.measured)
    for order in Self.orders {
      let bytes = Page.size << order
      table.add(
        [.integer(order), .integer(bytes), .integer(0), .text("cpu")] + CopyTable.cells(cpu[order], cpu[order]))
      for (index, row) in dsa.enumerated() {
        table.add(
          [.integer(order), .integer(bytes), .integer(index + 1), .text("dsa")]
            + CopyTable.cells(row[order], cpu[order]))
      }
    }
    let wins =
      ["-"] + dsa.indices.map { breakEven(channels: $0 + 1).text { "\($0)" } }
    var text = "one contiguous run, \(nodes); channels 0 is one CPU\n"
    for (key, title) in [
      (CopyTable.latency.key, "latency, us"), (CopyTable.bandwidth.key, "GB/s"),
      (CopyTable.speedup.key, "times as fast as one CPU"),
    ] {
      text += "\n\(title), by order and channels\n"
      text += table.pivot(
        key, down: "order", across: "channels", corner: "order", label: Self.label,
        last: key == CopyTable.latency.key ? ("DSA wins from order", wins) : nil)
    }
    return CopyReport(table: table, text: text, notes: [Self.polls])
  }

  /// What stands for a table of CPU time.
  static let polls =
    "the CPU polls throughout, so that its time is the latency; --csv and --json have filling, submitting, polling"

  private static func label(_ cell: CopyTable.Cell) -> String {
    guard case .integer(let order) = cell else { return "" }
    return "\(order) \(ByteSize.text(Page.size << order))"
  }
}

extension CopyBench {
  /// `from node 0 to node 1`.
  var route: String { from == to ? "within node \(from)" : "from node \(from) to node \(to)" }
}
