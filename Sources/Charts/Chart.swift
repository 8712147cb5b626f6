// A chart: its data as a table, and the gnuplot commands that draw it.

import Foundation
import Plot

/// One chart of a report.
public struct Chart {
  /// An entry of the legend.
  struct Key: Equatable {
    var label: String
    var color: PlotColor
    var isDashed = false
    /// Paler, as areas are.
    var isArea = false
  }

  /// Lower-case letters, digits and hyphens; the name of its files.
  public let id: String
  public let title: String
  /// What is shown and how it is counted, in a sentence or two.
  let caption: String
  /// What was drawn, with a heading. Units are in the names of columns.
  public let csv: String
  let keys: [Key]
  /// Commands but for the size and the key.
  let commands: String
  /// Height for the width of a page's column, 1 for the usual one.
  var stretch = 1.0
  /// Whether it takes both columns of a page.
  var isWide = false

  /// The figure by itself, with title and key, in a paper's column: 5 by 2.9 inches.
  public func figure(_ gnuplot: Gnuplot, as format: PlotFormat) throws(PlotError) -> Data {
    let rows = (keys.count + 2) / 3
    return try gnuplot.render(
      "set title \(Gnuplot.quoted(title))\nset key maxcols 3\n" + commands, as: format,
      size: PlotSize(width: 480, height: Int(260 * stretch) + 20 * rows))
  }

  /// The figure for a page, which has title and legend in its text: for two columns and for a narrow screen, so that its text
  /// has the same size in both.
  func svgs(_ gnuplot: Gnuplot) throws(PlotError) -> [Data] {
    let wide = PlotSize(width: isWide ? 1200 : 600, height: Int(isWide ? 330 * max(stretch, 1) : 300 * stretch))
    return try gnuplot.svg(
      "unset key\n" + commands, sizes: [wide, PlotSize(width: 350, height: Int(270 * stretch))])
  }
}

/// Texts of numbers in scripts and tables.
enum Number {
  /// With six significant digits or more, as short as possible, never with an exponent where a table is to be read by people.
  static func text(_ value: Double) -> String {
    guard value.isFinite else { return "?" }
    if value == value.rounded(), abs(value) < 1e15 { return String(Int(value)) }
    let digits = min(max(5 - Int(log10(abs(value)).rounded(.down)), 1), 15)
    var text = String(format: "%.\(digits)f", value)
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
  }
}

/// A unit for an axis, chosen by the largest value on it.
struct AxisUnit: Equatable {
  var name: String
  /// Units of the data in one of the axis.
  var scale: Double

  /// For milliseconds of modelled time.
  static func time(milliseconds: Double) -> AxisUnit {
    milliseconds >= 1000
      ? AxisUnit(name: "s", scale: 1000)
      : milliseconds >= 1 ? AxisUnit(name: "ms", scale: 1) : AxisUnit(name: "us", scale: 0.001)
  }

  /// For bytes.
  static func bytes(_ largest: Double) -> AxisUnit {
    for (name, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20)] where largest >= Double(1 << shift) {
      return AxisUnit(name: name, scale: Double(1 << shift))
    }
    return AxisUnit(name: "KiB", scale: 1024)
  }
}
