// A bar that was missed is measured again: on a shared machine a neighbour's burst can spoil a whole benchmark, a regression spoils all.

extension Benchmark {
  /// How often a benchmark runs before a bar counts as missed. uncalibrated
  static let attempts = 3

  /// Runs until a line of each name kept its bar, at most `count` times. Each outcome is shown, the spoiled ones too.
  ///
  /// - Returns: what is wrong: faults, which need no second look, and the lines that were past their bars every time, with the best of
  ///   their ratios.
  func attempts(_ count: Int, show: (Outcome) -> Void) throws -> (faults: [String], runs: Int) {
    var missed: [Measurement] = []
    for attempt in 1...max(count, 1) {
      var outcome = try run()
      if attempt > 1 { outcome.remarks.append("\(name): attempt \(attempt) of \(count), a bar was missed") }
      show(outcome)
      guard outcome.faults.isEmpty else { return (outcome.faults.map { "\(name): \($0)" }, attempt) }
      missed = Self.stillMissed(attempt == 1 ? nil : missed, outcome.lines)
      if missed.isEmpty { return ([], attempt) }
    }
    return (missed.map { "\($0.name): \($0.ratio.text(0)) times \($0.limit), bar \($0.bar ?? 0)" }, max(count, 1))
  }

  /// Of the lines missed so far (`nil`: nothing was measured) those that `lines` misses again; the better ratio stands.
  private static func stillMissed(_ missed: [Measurement]?, _ lines: [Measurement]) -> [Measurement] {
    let again = lines.filter(\.isPastBar)
    guard let missed else { return again }
    return missed.compactMap { old in
      again.first { $0.name == old.name }.map { $0.ratio < old.ratio ? $0 : old }
    }
  }
}
