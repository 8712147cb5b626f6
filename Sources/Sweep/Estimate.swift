// A mean over seeds, and how far it can be trusted.

import Foundation

/// The mean of some runs with its confidence interval.
public struct Estimate: Equatable, Sendable {
  public var mean: Double
  /// Half the width of the 95 % confidence interval of the mean; nil with fewer than two values.
  public var halfWidth: Double?
  public var count: Int

  /// Nil without values. The interval is Student's: the values are taken as independent and about normal.
  public init?(_ values: [Int]) {
    guard !values.isEmpty else { return nil }
    let numbers = values.map(Double.init)
    let mean = numbers.reduce(0, +) / Double(numbers.count)
    self.mean = mean
    count = numbers.count
    guard numbers.count > 1 else { return }
    let squares = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let deviation = (squares / Double(numbers.count - 1)).squareRoot()
    halfWidth = Estimate.quantile(freedom: numbers.count - 1) * deviation / Double(numbers.count).squareRoot()
  }

  /// The 97.5 % quantile of Student's t. Source: table of percentage points, NIST/SEMATECH e-Handbook of Statistical Methods,
  /// 1.3.6.7.2; between its rows the next smaller number of degrees, which makes the interval wider.
  static func quantile(freedom: Int) -> Double {
    let first = [
      12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
      2.110,
      2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ]
    switch freedom {
    case ...0: return .infinity
    case 1...30: return first[freedom - 1]
    case ..<40: return 2.042
    case ..<60: return 2.021
    case ..<100: return 2.000
    default: return 1.984
    }
  }
}
