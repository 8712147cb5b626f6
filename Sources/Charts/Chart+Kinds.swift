// The kinds of charts: curves over an axis, histograms, stacked bars.

import Foundation
import Plot

extension Chart {
  /// How a curve is drawn.
  enum Stroke { case line, dashed, area, band }

  /// A curve; a point without a value is a gap.
  struct Curve {
    var label: String
    var color: PlotColor
    var stroke = Stroke.line
    var points: [(x: Double, y: Double?)]
    /// Lower edges of a band, by point.
    var lower: [Double] = []
    /// Of the line, in pixels.
    var width = 1.8
    /// A value holds from its point to the next one's; the last point is an end alone.
    var isSteps = false
  }

  /// - Parameters:
  ///   - xName, yName: columns of the table, with their units: `time_s`.
  ///   - xLabel, yLabel: of the axes, with their units.
  ///   - x: from 0 to this.
  ///   - yMax: nil for as far as the data go.
  static func curves(
    id: String, title: String, caption: String, xName: String, yName: String, xLabel: String, yLabel: String,
    xMax: Double, yMax: Double? = nil, logarithmicFrom: Double? = nil, _ curves: [Curve]
  ) -> Chart {
    var csv = "series,\(xName),\(yName)\n"
    var script = "set xlabel \(Gnuplot.quoted(xLabel))\nset ylabel \(Gnuplot.quoted(yLabel))\n"
    script += "set xrange [0:\(Number.text(max(xMax, 1e-6)))]\n"
    var plots: [String] = []
    var largest = 0.0
    for (number, curve) in curves.enumerated() {
      let name = field(curve.label)
      var rows: [String] = []
      for (i, point) in curve.points.enumerated() {
        guard let y = point.y else {
          rows.append("")
          continue
        }
        if curve.isSteps, i == curve.points.count - 1 { break }
        largest = max(largest, y)
        let x = Number.text(point.x)
        defer {
          if curve.isSteps, let last = rows.last {
            rows.append(last.replacing(#/^[^ ]*/#, with: Number.text(curve.points[i + 1].x)))
          }
        }
        if curve.stroke == .band {
          rows.append("\(x) \(Number.text(curve.lower[i])) \(Number.text(y))")
          csv += "\(name) (least),\(x),\(Number.text(curve.lower[i]))\n\(name) (most),\(x),\(Number.text(y))\n"
        } else {
          rows.append("\(x) \(Number.text(y))")
          csv += "\(name),\(x),\(Number.text(y))\n"
        }
      }
      guard rows.contains(where: { !$0.isEmpty }) else { continue }
      script += Gnuplot.data("c\(number)", rows)
      plots += draw(curve, number, floor: logarithmicFrom ?? 0)
    }
    if let floor = logarithmicFrom {
      let top = max(largest * 1.3, floor * 10)
      let tics = logarithmicTics(floor, top).map(Number.text).joined(separator: ", ")
      script += "set logscale y\nset ytics (\(tics))\nset yrange [\(Number.text(floor)):\(Number.text(top))]\n"
    } else {
      script += "set yrange [0:\(Number.text(yMax ?? (largest > 0 ? largest * 1.05 : 1)))]\n"
    }
    let keys = curves.map {
      Key(label: $0.label, color: $0.color, isDashed: $0.stroke == .dashed, isArea: $0.stroke == .band)
    }
    return Chart(
      id: id, title: title, caption: caption, csv: csv, keys: keys,
      commands: script + "plot " + plots.joined(separator: ", \\\n  ") + "\n")
  }

  private static func draw(_ curve: Curve, _ number: Int, floor: Double) -> [String] {
    let color = "lc rgb '\(curve.color.hexadecimal)'"
    let title = "title \(Gnuplot.quoted(curve.label))"
    switch curve.stroke {
    case .line: return ["$c\(number) using 1:2 with lines lw \(Number.text(curve.width)) \(color) \(title)"]
    case .dashed: return ["$c\(number) using 1:2 with lines lw 1.3 dt (6,4) \(color) \(title)"]
    case .band: return ["$c\(number) using 1:2:3 with filledcurves \(color) fs transparent solid 0.25 \(title)"]
    case .area:
      return [
        "$c\(number) using 1:2 with filledcurves y1=\(Number.text(floor)) \(color) fs transparent solid 0.2 notitle",
        "$c\(number) using 1:2 with lines lw 1.8 \(color) \(title)",
      ]
    }
  }

  /// One histogram among those of a chart: calls by bins.
  struct Bins {
    var label: String
    var color: PlotColor
    /// From, up to but not with, and how many. A bin from 0 is drawn below 1.
    var bins: [(from: Double, below: Double, count: Double)]
  }

  /// Histograms over a logarithmic axis, one over the other; counts are logarithmic too, as single calls matter beside a million.
  static func histogram(
    id: String, title: String, caption: String, xName: String, xLabel: String, isBinary: Bool, _ series: [Bins]
  ) -> Chart {
    var csv = "series,\(xName)_from,\(xName)_below,calls\n"
    var script = "set xlabel \(Gnuplot.quoted(xLabel))\nset ylabel 'calls'\n"
    script += "set logscale x \(isBinary ? 2 : 10)\nset logscale y 10\nset format y '%.0s%c'\n"
    var plots: [String] = []
    var (least, most, largest) = (Double.infinity, 0.0, 1.0)
    for (number, one) in series.enumerated() {
      var fill: [String] = []
      var outline: [String] = []
      var end: Double?
      for bin in one.bins {
        csv += "\(field(one.label)),\(Number.text(bin.from)),\(Number.text(bin.below)),\(Number.text(bin.count))\n"
        let from = bin.from > 0 ? bin.from : 0.5
        (least, most, largest) = (min(least, from), max(most, bin.below), max(largest, bin.count))
        let (a, b, y) = (Number.text(from), Number.text(bin.below), Number.text(bin.count))
        fill.append("\(a) \(y) \(a) \(b) 0.5 \(y)")
        if let last = end, last < from {
          outline += ["\(Number.text(last)) 0.5", ""]
          end = nil
        }
        if end == nil { outline.append("\(a) 0.5") }
        outline += ["\(a) \(y)", "\(b) \(y)"]
        end = bin.below
      }
      guard let end else { continue }
      outline.append("\(Number.text(end)) 0.5")
      script += Gnuplot.data("f\(number)", fill) + Gnuplot.data("o\(number)", outline)
      let color = "lc rgb '\(one.color.hexadecimal)'"
      // Of many upon each other the outlines are seen, the later ones thinner.
      let (density, width) = series.count > 2 ? (0.06, 1.5 + 1.2 * Double(series.count - 1 - number)) : (0.25, 1.5)
      plots.append(
        "$f\(number) using 1:2:3:4:5:6 with boxxyerror \(color) fs transparent solid \(density) noborder notitle")
      plots.append(
        "$o\(number) using 1:2 with lines lw \(Number.text(width)) \(color) title \(Gnuplot.quoted(one.label))")
    }
    // A few bins wide at the least: one bin alone would be a wall, and two tics or more fall into it.
    most = max(most, least * (isBinary ? 16 : 8))
    if !isBinary { script += latencyTics(least, most) }
    script += "set xrange [\(Number.text(least)):\(Number.text(most))]\n"
    script += "set yrange [0.5:\(Number.text(largest * 2))]\n"
    return Chart(
      id: id, title: title, caption: caption, csv: csv,
      keys: series.map { Key(label: $0.label, color: $0.color, isArea: true) },
      commands: script + "plot " + plots.joined(separator: ", \\\n  ") + "\n")
  }

  /// Tics of a logarithmic axis: 1, 2 and 5 where there is room, else powers of ten.
  private static func logarithmicTics(_ least: Double, _ most: Double) -> [Double] {
    guard least > 0, most.isFinite else { return [] }
    let steps = most / least < 200 ? [1.0, 2, 5] : [1.0]
    let decades = Int(log10(least).rounded(.down))...Int(log10(most).rounded(.up))
    return decades.flatMap { decade in steps.map { $0 * pow(10, Double(decade)) } }
      .filter { $0 >= least * 0.999 && $0 <= most * 1.001 }
  }

  /// Tics of an axis of nanoseconds, each with its unit.
  private static func latencyTics(_ least: Double, _ most: Double) -> String {
    let tics = logarithmicTics(least, most).map { value in
      let (unit, name) =
        value >= 1e9 ? (1e9, "s") : value >= 1e6 ? (1e6, "ms") : value >= 1e3 ? (1e3, "us") : (1, "ns")
      return "'\(Number.text(value / unit)) \(name)' \(Number.text(value))"
    }
    return tics.isEmpty ? "" : "set xtics (\(tics.joined(separator: ", ")))\n"
  }

  /// A bar made of parts.
  struct Bar {
    var label: String
    var parts: [(name: String, color: PlotColor, value: Double)]
  }

  /// Bars from left to right, the first one on top.
  static func bars(
    id: String, title: String, caption: String, name: String, label: String, xMax: Double? = nil, _ bars: [Bar]
  ) -> Chart {
    var csv = "bar,part,\(name)\n"
    var keys: [Key] = []
    var rows: [String: [String]] = [:]
    var largest = 0.0
    for (number, bar) in bars.enumerated() {
      let y = Double(bars.count - 1 - number)
      var x = 0.0
      for part in bar.parts {
        csv += "\(field(bar.label)),\(field(part.name)),\(Number.text(part.value))\n"
        let key = Key(label: part.name, color: part.color, isArea: true)
        if !keys.contains(key) { keys.append(key) }
        guard part.value > 0 else { continue }
        let (a, b) = (Number.text(x), Number.text(x + part.value))
        rows[part.name, default: []].append(
          "\(a) \(Number.text(y)) \(a) \(b) \(Number.text(y - 0.34)) \(Number.text(y + 0.34))")
        x += part.value
      }
      largest = max(largest, x)
    }
    let tics = bars.enumerated().map { "\(Gnuplot.quoted(short($1.label))) \(bars.count - 1 - $0)" }
    var script =
      "set xlabel \(Gnuplot.quoted(label))\nset ytics (\(tics.joined(separator: ", ")))\nunset grid\nset grid xtics\n"
    script +=
      "set xrange [0:\(Number.text(xMax ?? (largest > 0 ? largest * 1.05 : 1)))]\nset yrange [-0.6:\(bars.count).0-0.4]\n"
    var plots: [String] = []
    for (number, key) in keys.enumerated() {
      guard let boxes = rows[key.label] else { continue }
      script += Gnuplot.data("b\(number)", boxes)
      plots.append(
        "$b\(number) using 1:2:3:4:5:6 with boxxyerror lc rgb '\(key.color.hexadecimal)' fs solid 0.9 noborder title \(Gnuplot.quoted(key.label))"
      )
    }
    if plots.isEmpty { plots = ["NaN notitle"] }
    var chart = Chart(
      id: id, title: title, caption: caption, csv: csv, keys: keys.count > 1 ? keys : [],
      commands: script + "plot " + plots.joined(separator: ", \\\n  ") + "\n")
    chart.stretch = min(max(Double(bars.count) * 0.14 + 0.3, 0.5), 1.6)
    return chart
  }

  /// A label on an axis: the ends of a long one.
  static func short(_ label: String, most: Int = 22) -> String {
    label.count <= most ? label : "\(label.prefix((most - 1) / 2))…\(label.suffix(most / 2))"
  }

  /// A text as a value of a table (RFC 4180).
  static func field(_ text: String) -> String {
    text.contains { ",\"\n\r".contains($0) } ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
  }
}
