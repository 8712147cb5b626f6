// The score as a part of docs/fidelity.md.

import DSAModel
import Foundation
import Units

extension Calibration {
  /// What came of it, in a sentence.
  public var verdict: String {
    let summary = self.summary
    return
      "\(summary.exact) points: median error \(Self.percent(summary.exactMedian)), "
      + "\(Self.percent(summary.exactWithin20)) of them within 20 %; \(summary.digitised) digitised: median "
      + "\(Self.percent(summary.digitisedMedian)), \(Self.percent(summary.digitisedWithin10)) within 10 %"
  }

  /// Points that miss: by more than 20 %, or more than 10 % of what was read off a figure.
  public var misses: [CalibrationPoint] { points.filter { abs($0.error) > ($0.mark == .digitised ? 10 : 20) } }

  /// The whole part, from its heading on.
  public var page: String {
    var text = Self.introduction + summaryTable
    text +=
      "\n### Parameters of the device\n\nOne set for all tables: the fields of `DeviceTiming`, whose comments name the "
    text +=
      "source of each; and the platform's 106 GB/s for all devices together.\n\n| parameter | value |\n|---|---|\n"
    for (name, value) in Self.deviceParameters { text += "| \(name) | \(value) |\n" }
    text += Self.harnesses
    for table in Self.tables {
      let rows = points.filter { $0.table == table }
      if !rows.isEmpty { text += section(table, rows) }
    }
    return text + missesText + unscoredText
  }

  private static let introduction = """
    ## Modelled DSA devices beside published measurements

    `--calibration` runs the loop of each published measurement on the model: `DSAModel` and one CPU that submits and polls.
    *Fitted* points are those whose rows chose a parameter; all others are *predicted*. Which mechanisms the model has was decided
    in sight of all tables. What was read off a figure (*digitised*) counts as met within 10 %. Points marked *not monotone* were
    marked before fitting: their times per operation fall and rise again with size; they count like all others.

    | source | what |
    |---|---|
    | S1 | LightDSA (EuroSys '26), raw results of its repository |
    | S2 | accel-datapath, hardware evaluation on a Xeon Gold 6438M |
    | S3 | DSA-2LM (USENIX ATC '25), figures 4 and 5 |


    """

  private var summaryTable: String {
    let all = self.summary
    let row = { (name: String, count: Int, median: Double, within: String) in
      "| \(name) | \(count) | \(Self.percent(median)) | \(within) |\n"
    }
    var text = "| points | number | median error | within 20 % (digitised: 10 %) |\n|---|---|---|---|\n"
    text += row("measured", all.exact, all.exactMedian, Self.percent(all.exactWithin20))
    text += row("measured, predicted", all.predicted, all.predictedMedian, Self.percent(all.predictedWithin20))
    text += row("digitised", all.digitised, all.digitisedMedian, Self.percent(all.digitisedWithin10))
    if let worst = all.worst {
      text += "\nThe worst: \(worst.name) (\(worst.table)), \(Self.signed(worst.error)).\n"
    }
    return text
  }

  private func section(_ table: String, _ rows: [CalibrationPoint]) -> String {
    var text = "\n### \(table)\n\n| point | unit | published | modelled | error | |\n|---|---|---|---|---|---|\n"
    for row in rows {
      let marks = [row.role.rawValue, row.mark?.rawValue].compactMap { $0 }.joined(separator: ", ")
      text += "| \(row.name) | \(row.unit) | \(Self.number(row.published)) | \(Self.number(row.modelled)) | "
      text += "\(Self.signed(row.error)) | \(row.source.prefix { $0 != " " }), \(marks) |\n"
    }
    return text + "\nMedian error \(Self.percent(CalibrationSummary.median(rows))).\n"
  }

  private var missesText: String {
    if misses.isEmpty { return "" }
    var text = "\n### What misses, and why\n\n"
    for point in misses {
      text += "* \(point.name) (\(point.table)), \(Self.signed(point.error)): \(Self.reason(for: point))\n"
    }
    return text
  }

  private var unscoredText: String {
    if unscored.isEmpty { return "" }
    var text = "\n### Not scored\n\n| row | reason |\n|---|---|\n"
    for row in unscored { text += "| \(row.table):\(row.line), \(row.name) | \(row.reason) |\n" }
    return text
  }

  // MARK: - Texts of numbers

  static func percent(_ value: Double) -> String { String(format: "%.1f %%", value) }
  static func signed(_ value: Double) -> String { String(format: "%+.1f %%", value) }

  /// Four digits that count.
  static func number(_ value: Double) -> String {
    String(format: value >= 1000 ? "%.0f" : value >= 100 ? "%.1f" : value >= 10 ? "%.2f" : "%.3f", value)
  }
}
