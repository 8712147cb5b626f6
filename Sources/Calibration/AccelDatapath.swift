// S2, accel-datapath (hardware evaluation on a Xeon Gold 6438M): operations a second by depth, latency of a batch.

import DSAFormat
import DSAModel
import Units

/// The loops of S2: one pinned thread, records packed two to a line, and for each slot a source and a destination of its own
/// from the allocator, 16 bytes behind a line, written to the cache.
///
/// Source: accel-datapath, hw-eval/src/methodology/dsa.rs, `bench_sliding_window` and `bench_batch_latency`.
public enum AccelDatapath {
  /// Chosen: CPU time of a MOVDIR64B and an ENQCMD with what is around them, so that 64 B with 128 in flight take 107 and 189 ns.
  ///
  /// Looks at records are the source's own measurement: 104 ns for the first of a line that the device has written, 11 ns for the
  /// second (hw-eval/src/benchmarks/submission_bottleneck/experiment_2_marker_overlap.md, medians).
  public static func timing(isShared: Bool) -> HarnessTiming {
    HarnessTiming(
      issue: (isShared ? 130 : 49) * .nanosecond, firstLook: 104 * .nanosecond, nextLook: 11 * .nanosecond)
  }

  private static let flags = CopyLoop.flags.union(.cacheControl)
  /// Where a slot's buffer lies: chunks of the allocator (glibc) in a row, each behind its header.
  private static func place(_ slot: Int, size: Int) -> Int { 16 + slot * max(32, (size + 23) & ~15) }

  static func depthSweep(_ folder: String, _ points: inout [CalibrationPoint]) throws(CalibrationError) {
    let table = try CalibrationTable(
      "dsa-depth-sweep.csv", columns: ["mode", "size_bytes", "in_flight", "mops", "source"], folder: folder)
    for row in table.rows {
      let isShared = try row.choice("mode", [("dedicated", false), ("shared", true)])
      let (size, depth) = (try row.size("size_bytes"), try row.count("in_flight", in: 1...128))
      let device = isShared ? CopyLoop.shared(engines: 4) : DeviceConfiguration()
      let half = place(depth, size: size)
      let loop = try Calibration.loop([device], timing(isShared: isShared), row)
      let time = loop.closed(depth: depth, operations: 12 * depth + 400) { _, slot in
        CopyLoop.copy(size, from: place(slot, size: size), to: half + place(slot, size: size) - 16, flags: flags)
      }
      points.append(
        CalibrationPoint(
          table: table.name, line: row.line, source: row["source"],
          name: "\(row["mode"]) \(Calibration.size(size)), \(depth) in flight", unit: "Mops",
          published: try row.value("mops"), modelled: 1e6 / Double(time),
          role: depth == 1 || depth == 128 ? .fitted : .predicted))
    }
  }

  static func batchLatency(_ folder: String, _ points: inout [CalibrationPoint]) throws(CalibrationError) {
    let table = try CalibrationTable(
      "dsa-batch-latency.csv", columns: ["mode", "page_bytes", "batch", "latency_us", "source"], folder: folder)
    for row in table.rows {
      let isShared = try row.choice("mode", [("dedicated", false), ("shared", true)])
      let (size, count) = (try row.size("page_bytes"), try row.count("batch", in: 1...1024))
      var device = isShared ? CopyLoop.shared(engines: 4) : DeviceConfiguration()
      device.queues[0].maxBatch = device.maxBatch
      let loop = try Calibration.loop([device], timing(isShared: isShared), row)
      // All members copy the same page to the same page.
      let member = CopyLoop.copy(size, from: place(0, size: size), to: (4 << 20) + place(0, size: size), flags: flags)
      loop.store([Descriptor](repeating: member, count: count), record: 2)
      let time = loop.latency(operations: 8) { _ in
        Descriptor(.batch, flags: CopyLoop.flags, source: CopyLoop.lists, size: UInt32(count))
      }
      points.append(
        CalibrationPoint(
          table: table.name, line: row.line, source: row["source"], name: "\(row["mode"]), batch of \(count) pages",
          unit: "us", published: try row.value("latency_us"), modelled: Double(time) / 1e6, role: .predicted))
    }
  }
}
