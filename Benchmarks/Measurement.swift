// What a benchmark yields, and how rounds become a number.

/// Times of one thing, round by round.
struct Rounds {
  private(set) var values: [Double] = []

  /// Adds a round of `count` things that took `nanoseconds` together.
  mutating func add(nanoseconds: Int, count: Int) { values.append(Double(nanoseconds) / Double(max(count, 1))) }

  var minimum: Double { values.min() ?? .nan }
  var mean: Double { values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count) }
  var median: Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
  }
}

/// One line of the report.
struct Measurement: Encodable {
  var name: String
  /// What a number counts: `ns/access`, `ns/page`.
  var unit: String
  var rounds: Int
  var minimum: Double
  var median: Double
  /// The limit loop that ran in turns with it: its name and the same two numbers.
  var limit: String
  var limitMinimum: Double
  var limitMedian: Double
  /// Means of both, for what comes in bursts: a scan every so often belongs to the price of every access.
  var mean: Double
  var limitMean: Double
  /// The same number of both sides, one over the other.
  var ratio: Double
  var basis: Basis
  /// The ratio at which `--quick` and `--check` fail; generous, because it is for gross regressions only.
  var bar: Double?
  /// What else is worth reading, in words.
  var note: String

  /// Which number of the rounds a ratio compares.
  enum Basis: String, Encodable {
    /// What nobody disturbed.
    case minimum
    /// For CPUs that have two speeds, of which a round that is faster than all others says nothing.
    case median
    /// For what comes in bursts.
    case mean

    func of(_ rounds: Rounds) -> Double {
      switch self {
      case .minimum: rounds.minimum
      case .median: rounds.median
      case .mean: rounds.mean
      }
    }
  }

  init(
    _ name: String, unit: String, _ rounds: Rounds, limit: String, _ limitRounds: Rounds, bar: Double? = nil,
    basis: Basis = .minimum, note: String = ""
  ) {
    self.name = name
    self.unit = unit
    self.rounds = rounds.values.count
    minimum = rounds.minimum
    median = rounds.median
    self.limit = limit
    limitMinimum = limitRounds.minimum
    limitMedian = limitRounds.median
    mean = rounds.mean
    limitMean = limitRounds.mean
    self.basis = basis
    ratio = basis.of(rounds) / basis.of(limitRounds)
    self.bar = bar
    self.note = note
  }

  var isPastBar: Bool { bar.map { !(ratio <= $0) } ?? false }

  /// A line for people.
  var line: String {
    let head = "\(name.padded(30)) \(minimum.text(8)) \(median.text(8)) \(mean.text(8)) \(unit.padded(10)) "
    let times = "\(ratio.text(7))x\(basis == .minimum ? "" : " of \(basis.rawValue)s")"
    let tail = "\(limit.padded(12)) \(limitMinimum.text(7)) \(limitMean.text(7)) \(times)"
    let bar = bar.map { "  bar \($0.text(0))" } ?? ""
    return head + tail + bar + (isPastBar ? "  PAST THE BAR" : "") + (note.isEmpty ? "" : "\n    \(note)")
  }

  static let header =
    "benchmark".padded(30) + "  minimum   median     mean " + "".padded(10) + " limit loop   minimum    mean   ratio"
}

extension String {
  func padded(_ width: Int) -> String { count >= width ? self : self + String(repeating: " ", count: width - count) }
}

extension Double {
  /// Two decimals (one from 100 on), right-aligned.
  func text(_ width: Int) -> String {
    guard isFinite else { return "-" }
    let scale = abs(self) >= 100 ? 10.0 : 100.0
    let whole = Int((self * scale).rounded())
    let digits = scale == 100 ? 2 : 1
    var fraction = String(abs(whole) % Int(scale))
    while fraction.count < digits { fraction = "0" + fraction }
    let text = "\(self < 0 ? "-" : "")\(abs(whole) / Int(scale)).\(fraction)"
    return String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
