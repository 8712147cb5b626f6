// Numbers of a column in a unit that people read.

import Foundation

/// A unit for the values of one column: the column's own times a power that suits its greatest value.
struct MetricScale: Equatable {
  /// `ms`, `MiB`, `%`; empty for counts.
  var unit: String
  /// How many of the column's own units it is.
  var factor: Double

  /// - Parameter greatest: the greatest value that is shown, in the column's own unit.
  init(column: String, unit own: String? = nil, greatest: Double) {
    let steps: [(Double, String)]
    switch own ?? MetricScale.unit(of: column) {
    case "ps": steps = [(1e12, "s"), (1e9, "ms"), (1e6, "us"), (1e3, "ns"), (1, "ps")]
    case "ns": steps = [(1e9, "s"), (1e6, "ms"), (1e3, "us"), (1, "ns")]
    case "bytes": steps = [(1_073_741_824, "GiB"), (1_048_576, "MiB"), (1024, "KiB"), (1, "bytes")]
    case "bytes per second", "bytes/s": steps = [(1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s"), (1, "B/s")]
    case "millionths": steps = [(1e4, "%")]
    case "millionths of the footprint": steps = [(1e4, "% of the footprint")]
    case "per second": steps = [(1e6, "million/s"), (1e3, "thousand/s"), (1, "/s")]
    case "pages": steps = [(1, "pages")]
    case let other: steps = [(1, other)]
    }
    let step = steps.first { abs(greatest) >= $0.0 } ?? steps.last
    unit = step?.1 ?? ""
    factor = step?.0 ?? 1
  }

  /// The unit that a column's name ends in.
  private static func unit(of column: String) -> String {
    let endings = [
      ("_bytes_per_s", "bytes per second"), ("_per_s", "per second"), ("_ps", "ps"), ("_ns", "ns"), ("_bytes", "bytes"),
      ("_millionths", "millionths"), ("_pages", "pages"),
    ]
    return endings.first { column.hasSuffix($0.0) }?.1 ?? ""
  }

  /// What a column measures, without its unit: `stage copy time`, `stall promotion p99`.
  static func title(_ column: String) -> String {
    let endings = [
      ("_bytes_per_s", " rate"), ("_per_s", ""), ("_ps", " time"), ("_ns", ""), ("_millionths", ""), ("_pages", ""),
      ("_bytes", ""),
    ]
    let (ending, words) = endings.first { column.hasSuffix($0.0) } ?? ("", "")
    return String(column.dropLast(ending.count)).replacingOccurrences(of: "_", with: " ") + words
  }

  /// A value in this unit with four significant digits or all of a whole number.
  func text(_ value: Double) -> String { MetricScale.number(value / factor) }

  static func number(_ value: Double) -> String {
    if value == value.rounded(), abs(value) < 1e15 { return String(Int(value)) }
    let places = max(0, 3 - Int(floor(log10(abs(value)))))
    return String(format: "%.\(min(places, 9))f", value)
  }
}
