// What a figure of a sweep shows: one column over one knob or two, the others held.

import Compare
import Plot

/// A figure of one sweep.
public struct SweepPlot: Sendable {
  public enum Kind: String, CaseIterable, Sendable {
    /// Lines over the first knob, one for each value of the second, with the 95 % confidence band of the mean.
    case curves
    /// A colour for each pair of values.
    case heat
  }

  /// The column that is drawn.
  let column: String
  let kind: Kind
  /// The knobs that are drawn; the first is the horizontal axis.
  let knobs: [String]
  let title: String
  let combinations: [Combination]

  /// - Parameters:
  ///   - knobs: one or two that the cells vary; without any those with more than one value.
  ///   - held: values of other knobs, `KNOB=VALUE` as printed.
  public init(
    _ sweep: StoredSweep, column: String, kind: Kind, knobs: [String] = [], held: [String] = []
  ) throws(SweepError) {
    self.column = try StoredSweep.metric(column).name
    self.kind = kind
    var rows = sweep.combinations
    var labels: [String] = []
    for text in held {
      let (name, value) = try SweepPlot.assignment(text, sweep)
      let place = sweep.knobs.firstIndex(of: name) ?? 0
      rows = rows.filter { $0.values[place]?.text == value }
      guard !rows.isEmpty else {
        throw SweepError("--where \(text): no cell has it", fix: "sweep show lists the values")
      }
      labels.append("\(name) = \(value)")
    }
    let varied = sweep.knobs.filter { SweepPlot.values($0, of: sweep, rows).count > 1 }
    for name in knobs where !sweep.knobs.contains(name) { throw SweepPlot.unknown(name, sweep) }
    let chosen = knobs.isEmpty ? varied : knobs
    let most = 2
    let rest = varied.filter { !chosen.prefix(most).contains($0) }
    guard rest.isEmpty else {
      throw SweepError(
        "\(rest.joined(separator: ", ")): varied too, and a figure has two knobs at most",
        fix: "choose with --x and --by, and hold the others with --where \(rest[0])=VALUE")
    }
    guard !chosen.isEmpty else {
      throw SweepError("no knob has two values in these cells", fix: "hold fewer knobs, or name one with --x")
    }
    guard kind == .curves || chosen.count == 2 else {
      throw SweepError("a heat map takes two knobs", fix: "add another with --by, or draw curves")
    }
    guard rows.contains(where: { $0.estimate(column) != nil }) else {
      throw SweepError("no cell has a value for \(column)", fix: "draw another column", kind: .file)
    }
    self.knobs = chosen
    title = (["\(sweep.workload): \(MetricScale.title(column))"] + labels).joined(separator: ", ")
    let places = chosen.compactMap { sweep.knobs.firstIndex(of: $0) }
    combinations = rows.map { row in Combination(values: places.map { row.values[$0] }, cells: row.cells) }
  }

  /// Values of the knob at `place` among `knobs`, ascending.
  func values(_ place: Int) -> [StoredCell.Value] {
    Array(Set(combinations.compactMap { $0.values[place] })).sorted { $0.isBefore($1) }
  }

  private static func values(_ name: String, of sweep: StoredSweep, _ rows: [Combination]) -> Set<StoredCell.Value?> {
    guard let place = sweep.knobs.firstIndex(of: name) else { return [] }
    return Set(rows.map { $0.values[place] })
  }

  private static func assignment(_ text: String, _ sweep: StoredSweep) throws(SweepError) -> (String, String) {
    guard let equal = text.firstIndex(of: "=") else {
      throw SweepError("--where \(text): there is no '='", fix: "write KNOB=VALUE")
    }
    let (name, value) = (String(text[..<equal]), String(text[text.index(after: equal)...]))
    guard let place = sweep.knobs.firstIndex(of: name) else { throw unknown(name, sweep) }
    let values = Set(sweep.combinations.compactMap { $0.values[place]?.text })
    guard values.contains(value) else {
      throw SweepError(
        "--where \(text): no cell has this value", fix: "its values are \(values.sorted().joined(separator: ", "))")
    }
    return (name, value)
  }

  private static func unknown(_ name: String, _ sweep: StoredSweep) -> SweepError {
    SweepError(
      "the sweep does not vary '\(name)'",
      fix: StoredSweep.near(name, sweep.knobs) ?? "it varies \(sweep.knobs.joined(separator: ", "))")
  }
}
