// S3, DSA-2LM (USENIX ATC '25, figures 4 and 5): copies split over devices.

import DSAFormat
import DSAModel
import Units

/// The loops of S3: a kernel module that gives each device its piece of a page.
public enum DSA2LM {
  /// A submission in its kernel module: 4 KiB at one device, 15.8 GB/s. Memory so far away that 96 read buffers give
  /// 29.3 GB/s: 2 MiB at one device.
  public static let timing = HarnessTiming(issue: 238 * .nanosecond, distance: 140 * .nanosecond)

  static func splitThroughput(_ folder: String, _ points: inout [CalibrationPoint]) throws(CalibrationError) {
    let table = try CalibrationTable(
      "dsa-multi-device.csv", columns: ["chunk_bytes", "devices", "gb_per_s", "source", "precision"], folder: folder)
    for row in table.rows {
      let (chunk, devices) = (try row.size("chunk_bytes"), try devices(row, pieces: "chunk_bytes"))
      let loop = try Calibration.loop(configuration(devices), timing, row)
      let piece = chunk / devices
      let time = loop.split(depth: 16, warm: 96, operations: 224) { step, device in
        let place = step % 2 * (2 << 20) + device * piece
        return CopyLoop.copy(piece, from: place, to: (5 << 20) + place)
      }
      // The module's submission; the memory's distance and the platform's bandwidth.
      let isFitted = chunk == 4096 && devices == 1 || chunk == 2 << 20 && devices != 2
      points.append(
        CalibrationPoint(
          table: table.name, line: row.line, source: row["source"],
          name: "\(Calibration.size(chunk)) over \(devices)", unit: "GB/s", published: try row.value("gb_per_s"),
          modelled: Double(chunk) / Double(time) * 1e3, role: isFitted ? .fitted : .predicted, mark: .digitised))
    }
  }

  static func hugePages(_ folder: String, _ points: inout [CalibrationPoint]) throws(CalibrationError) {
    let table = try CalibrationTable(
      "huge-page-split-latency.csv", columns: ["page_bytes", "devices", "latency_us", "source", "precision"],
      folder: folder)
    for row in table.rows {
      let (size, devices) = (try row.size("page_bytes"), try devices(row, pieces: "page_bytes"))
      let loop = try Calibration.loop(configuration(devices), timing, row)
      let piece = size / devices
      let time = loop.once { CopyLoop.copy(piece, from: $0 * piece, to: (4 << 20) + $0 * piece) }
      points.append(
        CalibrationPoint(
          table: table.name, line: row.line, source: row["source"],
          name: "one page of \(Calibration.size(size)) over \(devices)", unit: "us",
          published: try row.value("latency_us"), modelled: Double(time) / 1e6, role: .predicted, mark: .digitised))
    }
  }

  /// How many devices a row has; each gets a piece of whole lines.
  private static func devices(_ row: CalibrationTable.Row, pieces: String) throws(CalibrationError) -> Int {
    let devices = try row.count("devices", in: 1...16)
    guard try row.size(pieces) % (64 * devices) == 0 else {
      throw row.refused(pieces, "want a multiple of 64 bytes for each of \(devices) devices")
    }
    return devices
  }

  private static func configuration(_ devices: Int) -> [DeviceConfiguration] {
    [DeviceConfiguration](repeating: DeviceConfiguration(), count: devices)
  }
}
