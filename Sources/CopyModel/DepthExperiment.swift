// Single copies in flight on one queue.
// Source: DSA-2LM's test modules: n singles on one queue; accel-datapath's sweep by depth (docs/dsa-model.md).

import PageCopy
import Simulation
import Units

/// Copies of 64 bytes to 2 MiB, 1 to 128 in flight, on a dedicated and on a shared queue.
public struct DepthExperiment: Sendable {
  public static let sizes = [64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 2 << 20]
  public static let depths = (0...7).map { 1 << $0 }

  public struct Point: Sendable {
    public var mode: QueueMode
    public var bytes: Int
    public var depth: Int
    /// Of `copies` copies.
    public var copy: CopyMeasurement
    public var copies: Int
    /// Copies a second.
    public var rate: Int { ratio(copies, copy.elapsed, times: Picoseconds.second) }
  }

  public private(set) var points: [Point] = []
  private let nodes: String
  private let entries: Int

  public init(
    _ bench: CopyBench, sizes: [Int] = DepthExperiment.sizes, depths: [Int] = DepthExperiment.depths
  ) throws(RunError) {
    nodes = bench.route
    try bench.checkChannels(1)
    let first = try QueueBench(bench, channels: 1, room: Page.size)
    entries = min(first.entries, QueueBench.slots)
    for mode in QueueMode.allCases {
      for bytes in sizes where bytes <= first.maxTransfer {
        // A dedicated queue loses what it has no entry for.
        for depth in depths where depth <= entries {
          let queue = try QueueBench(bench, channels: 1, mode: mode, room: max(4 * bytes, 512 << 10))
          let (copy, copies) = try queue.stream(bytes: bytes, depth: depth)
          points.append(Point(mode: mode, bytes: bytes, depth: depth, copy: copy, copies: copies))
        }
      }
    }
  }

  public var report: CopyReport {
    var table = CopyTable([
      .init(key: "queue", heading: "queue"), .init(key: "size_bytes", heading: "bytes"),
      .init(key: "depth", heading: "depth"),
      .init(key: "copies_per_second", heading: "Mcopies/s", divisor: 1_000_000, places: 3), CopyTable.bandwidth,
      .time("copy_interval_ps", "us a copy"), .time("fill_ps", "fill us"), .time("submit_ps", "submit us"),
      .time("poll_ps", "poll us"),
    ])
    for point in points {
      table.add(
        [.text(point.mode.rawValue)]
          + [
            point.bytes, point.depth, point.rate, point.copy.bandwidth,
            ratio(point.copy.elapsed, point.copies, times: 1),
            ratio(point.copy.filling, point.copies, times: 1), ratio(point.copy.submitting, point.copies, times: 1),
            ratio(point.copy.polling, point.copies, times: 1),
          ].map { .integer($0) })
    }
    var text = "single copies in flight on one queue, one CPU, \(nodes)\n"
    for mode in QueueMode.allCases {
      var part = CopyTable(table.columns)
      for row in table.rows where row[0] == .text(mode.rawValue) { part.add(row) }
      for (key, title) in [("copies_per_second", "million copies a second"), (CopyTable.bandwidth.key, "GB/s")] {
        text += "\n\(mode.rawValue) queue: \(title), by size and depth\n"
        text += part.pivot(key, down: "size_bytes", across: "depth", corner: "size") {
          if case .integer(let bytes) = $0 { ByteSize.text(bytes) } else { "" }
        }
      }
    }
    return CopyReport(
      table: table, text: text,
      notes: [
        "the queue has \(entries) entries; a write to a shared queue waits for its answer, and that is all that differs",
        "fill, submit and poll are CPU time for each copy",
      ])
  }
}
