// One published measurement beside what the model makes of it.

/// A published point and the model's answer to it, in the unit of its table.
public struct CalibrationPoint: Equatable, Sendable, Encodable {
  /// Whether the parameters were chosen by this point. `LightDSA`, `AccelDatapath` and `DSA2LM` say which.
  public enum Role: String, Sendable, Encodable {
    case fitted, predicted
  }

  /// What has to be known to judge a point.
  public enum Mark: String, Sendable, Encodable {
    /// Read off a figure: counts as met within 10 %.
    case digitised
    /// Time per operation falls and rises again over these sizes; no model whose time grows with size meets all three.
    case notMonotone = "not monotone"
  }

  /// The table's file, and the line of the row in it, from 1.
  public var table: String
  public var line: Int
  /// Key of the source: S1 LightDSA, S2 accel-datapath, S3 DSA-2LM.
  public var source: String
  /// What was measured: "memmove 64 B".
  public var name: String
  public var unit: String
  public var published: Double
  public var modelled: Double
  public var role: Role
  public var mark: Mark?

  /// How much more (or less) the model gives, in percent of what was published.
  public var error: Double { (modelled - published) / published * 100 }
}

/// A published row that is not scored, and why.
public struct UnscoredRow: Equatable, Sendable, Encodable {
  public var table: String
  public var line: Int
  public var name: String
  public var reason: String
}

/// What became of all points.
public struct CalibrationSummary: Equatable, Sendable, Encodable {
  /// Points that were not read off figures: how many, the median size of their errors in percent, and the shares of them
  /// within 10 and 20 %, in percent.
  public var exact = 0
  public var exactMedian = 0.0
  public var exactWithin10 = 0.0
  public var exactWithin20 = 0.0
  /// The same of those the parameters were not chosen by.
  public var predicted = 0
  public var predictedMedian = 0.0
  public var predictedWithin20 = 0.0
  /// Points read off figures.
  public var digitised = 0
  public var digitisedMedian = 0.0
  public var digitisedWithin10 = 0.0
  /// Whether the model is as close as it has to be: median of what was measured at most 7 %, 90 % of it within 20 %, median of
  /// what was read off figures at most 10 %.
  public var isWithinBars: Bool { exactMedian <= 7 && exactWithin20 >= 90 && digitisedMedian <= 10 }

  /// The point with the largest error.
  public var worst: CalibrationPoint?

  /// Points that no monotone model meets count like all others.
  public init(_ points: [CalibrationPoint]) {
    let exact = points.filter { $0.mark != .digitised }
    let predicted = exact.filter { $0.role == .predicted }
    let digitised = points.filter { $0.mark == .digitised }
    self.exact = exact.count
    exactMedian = Self.median(exact)
    exactWithin10 = Self.share(exact, within: 10)
    exactWithin20 = Self.share(exact, within: 20)
    self.predicted = predicted.count
    predictedMedian = Self.median(predicted)
    predictedWithin20 = Self.share(predicted, within: 20)
    self.digitised = digitised.count
    digitisedMedian = Self.median(digitised)
    digitisedWithin10 = Self.share(digitised, within: 10)
    worst = points.max { abs($0.error) < abs($1.error) }
  }

  /// Median size of the errors, percent; of an even number the mean of the two in the middle. 0 of none.
  public static func median(_ points: [CalibrationPoint]) -> Double {
    let sizes = points.map { abs($0.error) }.sorted()
    if sizes.isEmpty { return 0 }
    return (sizes[(sizes.count - 1) / 2] + sizes[sizes.count / 2]) / 2
  }

  private static func share(_ points: [CalibrationPoint], within bound: Double) -> Double {
    if points.isEmpty { return 0 }
    return Double(points.count { abs($0.error) <= bound }) / Double(points.count) * 100
  }
}
