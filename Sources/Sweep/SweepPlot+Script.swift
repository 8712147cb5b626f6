// Figures as scripts for gnuplot.

import Foundation
import Plot

extension SweepPlot {
  public static let size = PlotSize(width: 760, height: 460)

  /// Draws the figure.
  public func render(_ gnuplot: Gnuplot, as format: PlotFormat) throws(PlotError) -> Data {
    try gnuplot.render(script, as: format, size: SweepPlot.size)
  }

  /// Commands and data.
  var script: String {
    let greatest = combinations.compactMap { $0.estimate(column)?.mean }.max() ?? 0
    let scale = MetricScale(column: column, greatest: greatest)
    let label = MetricScale.title(column) + (scale.unit.isEmpty ? "" : ", \(scale.unit)")
    let band = kind == .curves && hasBands ? " (bands: 95 % confidence of the mean over seeds)" : ""
    return "set title \(Gnuplot.quoted(title + band))\n" + (kind == .heat ? heat(scale, label) : curves(scale, label))
  }

  // MARK: Curves

  private func curves(_ scale: MetricScale, _ label: String) -> String {
    let axis = PlotAxis(knobs[0], values(0))
    let series = knobs.count > 1 ? values(1) : []
    var data = ""
    var plots: [String] = []
    var shown: [Double] = []
    for number in 0..<max(series.count, 1) {
      let own = series.isEmpty ? combinations : combinations.filter { $0.values[1] == series[number] }
      var rows: [String] = []
      for (place, value) in axis.values.enumerated() {
        guard let one = own.first(where: { $0.values[0] == value })?.estimate(column) else {
          // A cell without a result: the line has a gap.
          rows.append("")
          continue
        }
        let numbers = [one.mean, one.mean - (one.halfWidth ?? 0), one.mean + (one.halfWidth ?? 0)].map {
          $0 / scale.factor
        }
        shown += numbers
        rows.append(([axis.position(place)] + numbers).map { String($0) }.joined(separator: " "))
      }
      guard rows.contains(where: { !$0.isEmpty }) else {
        let name = series.isEmpty ? "no result" : "\(knobs[1]) = \(series[number].text): no result"
        plots.append("keyentry with points pt 1 lc rgb '\(PlotColor.grid.hexadecimal)' title \(Gnuplot.quoted(name))")
        continue
      }
      data += Gnuplot.data("s\(number)", rows)
      let color = PlotColor.series(number).hexadecimal
      let name = series.isEmpty ? "notitle" : "title \(Gnuplot.quoted("\(knobs[1]) = \(series[number].text)"))"
      if hasBands {
        plots.append("$s\(number) using 1:3:4 with filledcurves fs transparent solid 0.2 lc rgb '\(color)' notitle")
      }
      plots.append(
        "$s\(number) using 1:2 with linespoints lw 2 pt \(SweepPlot.marks[number % 8]) ps 0.6 lc rgb '\(color)' \(name)"
      )
    }
    var range = "set yrange [*:*]\nset offsets graph 0.02, graph 0.02, graph 0.05, graph 0.05\n"
    // All values the same: gnuplot would find the range empty, and say so.
    if let low = shown.min(), let high = shown.max(), low == high { range = "set yrange [\(low - 1):\(high + 1)]\n" }
    return axis.script("x") + "set xlabel \(Gnuplot.quoted(axis.label))\nset ylabel \(Gnuplot.quoted(label))\n"
      + range + data
      + "plot \(plots.joined(separator: ", \\\n  "))"
  }

  /// Filled and empty marks, so that lines are told apart without colours.
  private static let marks = [7, 5, 9, 13, 6, 4, 8, 12]

  /// Whether any mean has an interval.
  private var hasBands: Bool { combinations.contains { $0.estimate(column)?.halfWidth != nil } }

  // MARK: Heat maps

  private func heat(_ scale: MetricScale, _ label: String) -> String {
    let axes = [values(0), values(1)]
    let means = combinations.compactMap { $0.estimate(column)?.mean }
    let (least, greatest) = (means.min() ?? 0, means.max() ?? 0)
    var rows: [[String]] = [[], [], []]
    for row in combinations {
      guard let mean = row.estimate(column)?.mean, let x = axes[0].firstIndex(where: { $0 == row.values[0] }),
        let y = axes[1].firstIndex(where: { $0 == row.values[1] })
      else { continue }
      let share = greatest > least ? (mean - least) / (greatest - least) : 0
      rows[0].append("\(x) \(y) \(mean / scale.factor)")
      rows[share > HeatScale.lightAbove ? 1 : 2].append("\(x) \(y) \(Gnuplot.word(scale.text(mean)))")
    }
    func tics(_ axis: String, _ place: Int) -> String {
      let marks = axes[place].enumerated().map { "\(Gnuplot.quoted($1.text)) \($0)" }.joined(separator: ", ")
      return "set \(axis)tics (\(marks))\nset \(axis)range [-0.5:\(axes[place].count).0-0.5]\n"
        + "set \(axis)label \(Gnuplot.quoted(PlotAxis.label(knobs[place], axes[place])))\n"
    }
    var text = HeatScale.script + "unset grid\nset border 0\nset style fill solid 1.0 noborder\nunset key\n"
    text += tics("x", 0) + tics("y", 1) + "set cblabel \(Gnuplot.quoted(label)) offset 1.5\n"
    let margin = greatest > least ? 0 : 1.0
    text += "set cbrange [\(least / scale.factor - margin):\(greatest / scale.factor + margin)]\n"
    text += Gnuplot.data("h", rows[0]) + Gnuplot.data("dark", rows[1]) + Gnuplot.data("light", rows[2])
    var plots = ["$h using 1:2:(0.49):(0.49):3 with boxxyerror palette"]
    if axes[0].count * axes[1].count <= SweepPlot.mostLabels {
      if !rows[1].isEmpty { plots.append("$dark using 1:2:3 with labels textcolor rgb '#000000'") }
      if !rows[2].isEmpty { plots.append("$light using 1:2:3 with labels textcolor rgb '#FFFFFF'") }
    }
    return text + "plot \(plots.joined(separator: ", "))"
  }

  /// Beyond so many fields their numbers would not be read.
  private static let mostLabels = 120
}

/// A horizontal axis: numbers to scale, or names side by side.
struct PlotAxis {
  var values: [StoredCell.Value]
  var label: String
  private var scale: MetricScale?
  private var isLogarithmic = false

  init(_ knob: String, _ values: [StoredCell.Value]) {
    self.values = values
    label = PlotAxis.label(knob, values)
    let numbers = values.compactMap(\.number)
    guard numbers.count == values.count, Set(values.map(\.unit)).count == 1, let last = numbers.last else { return }
    let own = MetricScale(column: "", unit: values[0].unit ?? "", greatest: Double(last))
    scale = own
    label = knob + (own.unit.isEmpty ? "" : ", \(own.unit)")
    isLogarithmic = numbers[0] > 0 && numbers.count > 2 && last / numbers[0] >= 8
  }

  /// Where the value at `place` stands.
  func position(_ place: Int) -> Double {
    guard let scale, let number = values[place].number else { return Double(place) }
    return Double(number) / scale.factor
  }

  func script(_ axis: String) -> String {
    let marks = values.indices.map { place in
      let text = scale.map { MetricScale.number(Double(values[place].number ?? 0) / $0.factor) } ?? values[place].text
      return "\(Gnuplot.quoted(text)) \(position(place))"
    }
    let alone = values.count == 1 ? "set \(axis)range [\(position(0) - 1):\(position(0) + 1)]\n" : ""
    return alone + (isLogarithmic ? "set logscale \(axis) 2\n" : "")
      + "set \(axis)tics (\(marks.joined(separator: ", ")))\n"
  }

  /// The knob, with its unit where all values have one that their texts do not say.
  static func label(_ knob: String, _ values: [StoredCell.Value]) -> String {
    let units = Set(values.map(\.unit))
    guard units.count == 1, let unit = units.first ?? nil, !unit.isEmpty, values.allSatisfy({ Int($0.text) != nil })
    else {
      return knob
    }
    return "\(knob), \(unit)"
  }
}
