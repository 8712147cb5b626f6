// The model against published measurements: one set of device parameters, a few declared parameters for each harness.
import DSAFormat
import Foundation
import Testing
import Units

@testable import DSAModel

/// Tables of measurements beside the repository; without them these tests skip and say so.
enum Measurements {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../shared/calibration")
    .standardized

  static var isThere: Bool { FileManager.default.fileExists(atPath: folder.appending(path: "README.md").path) }

  /// Rows of a table without its heading.
  static func rows(_ name: String) throws -> [[String]] {
    let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    return text.split(separator: "\n").dropFirst().map { line in
      // A quoted first field may hold a comma.
      if line.first == "\"", let end = line.dropFirst().firstIndex(of: "\"") {
        return [String(line[line.index(after: line.startIndex)..<end])]
          + line[end...].dropFirst(2).split(separator: ",").map(String.init)
      }
      return line.split(separator: ",").map(String.init)
    }
  }
}

/// One comparison: what, measured, modelled, in one unit.
struct Point {
  var name: String
  var measured: Double
  var modelled: Double
  var error: Double { (modelled - measured) / measured * 100 }
}

/// Prints a table's points, worst and median, and gives the median of the errors' sizes.
func summary(_ title: String, _ points: [Point]) -> Double {
  print("calibration: \(title)")
  for point in points {
    print(
      String(format: "  %-34@ measured %9.3f modelled %9.3f error %+6.1f %%", point.name as NSString, point.measured, point.modelled, point.error))
  }
  let sizes = points.map { abs($0.error) }.sorted()
  print(String(format: "  median %.1f %%, worst %.1f %%", sizes[sizes.count / 2], sizes[sizes.count - 1]))
  return sizes[sizes.count / 2]
}

@Suite struct CalibrationTests {
  @Test func sync() throws {
    let rows = try Measurements.rows("dsa-sync-latency.csv")
    var moves: [Point] = []
    var fills: [Point] = []
    for row in rows {
      let size = Int(row[0])!
      for operation in [Opcode.memmove, .fill] {
        let loop = try Loop(shared(engines: 1), Harness(issue: 189 * .nanosecond))
        let time = loop.latency { step in
          // Cold: other pages each time.
          let place = UInt64(step & 1) << 21
          return Descriptor(operation, flags: recorded, source: operation == .fill ? 0 : Rig.data + place, destination: Rig.data + (4 << 20) + place / 2, size: UInt32(size))
        }
        let point = Point(name: "\(operation) \(size) B, us", measured: Double(row[operation == .memmove ? 1 : 2])!, modelled: Double(time) / 1e6)
        if operation == .memmove { moves.append(point) } else { fills.append(point) }
      }
    }
    _ = summary("sync", moves)
    _ = summary("sync", fills)
  }
}
