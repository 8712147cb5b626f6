// All published points beside the model's, and the rows that are not scored.

import DSAModel

/// The modelled device scored against tables of published measurements.
///
/// One set of device parameters (`DeviceTiming()`) holds for all; each source's loop has its own file. The same tables give the
/// same points.
public struct Calibration: Sendable {
  public private(set) var points: [CalibrationPoint] = []
  public private(set) var unscored: [UnscoredRow] = []
  public var summary: CalibrationSummary { CalibrationSummary(points) }

  /// Tables in the order in which they are scored.
  public static let tables = [
    "dsa-sync-latency.csv", "dsa-async-throughput.csv", "dsa-faults.csv", "dsa-depth-sweep.csv",
    "dsa-batch-latency.csv", "dsa-multi-device.csv", "huge-page-split-latency.csv", "cpu-copy.csv",
    "migration-bulk.csv",
  ]

  /// Reads the tables and runs each point's loop on the model.
  ///
  /// - Parameters:
  ///   - folder: holds all of `tables`.
  ///   - copyBandwidth: bytes a second that one CPU copies from memory (knob cost.copy_bandwidth).
  ///   - onTable: called before each table with its name.
  public init(
    folder: String, copyBandwidth: Int, onTable: (String) -> Void = { _ in }
  ) throws(CalibrationError) {
    for table in Self.tables {
      onTable(table)
      switch table {
      case "dsa-sync-latency.csv": try LightDSA.syncLatency(folder, &points)
      case "dsa-async-throughput.csv": try LightDSA.throughput(folder, &points)
      case "dsa-faults.csv": try LightDSA.faults(folder, &points, &unscored)
      case "dsa-depth-sweep.csv": try AccelDatapath.depthSweep(folder, &points)
      case "dsa-batch-latency.csv": try AccelDatapath.batchLatency(folder, &points)
      case "dsa-multi-device.csv": try DSA2LM.splitThroughput(folder, &points)
      case "huge-page-split-latency.csv": try DSA2LM.hugePages(folder, &points)
      case "cpu-copy.csv": try CPUCopies.copies(folder, copyBandwidth, &points, &unscored)
      default: try CPUCopies.migrations(folder, &unscored)
      }
    }
  }

  /// A size of a copy: 64 B, 4 KiB.
  static func size(_ bytes: Int) -> String {
    if bytes >= 1 << 20 && bytes % (1 << 20) == 0 { return "\(bytes >> 20) MiB" }
    return bytes >= 1024 && bytes % 1024 == 0 ? "\(bytes >> 10) KiB" : "\(bytes) B"
  }

  /// A loop for a row; a row that asks for what no device can be is refused.
  static func loop(
    _ devices: [DeviceConfiguration], _ timing: HarnessTiming, _ row: CalibrationTable.Row, pages: Int = 0
  ) throws(CalibrationError) -> CopyLoop {
    do throws(DeviceConfigurationError) {
      return try CopyLoop(devices, timing, pages: pages)
    } catch {
      throw CalibrationError(file: row.file, line: row.line, problem: error.description, fix: "correct the row")
    }
  }
}
