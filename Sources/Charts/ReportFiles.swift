// Writing the figures of a report.

import Foundation
import Plot
import Report

/// Files of a report; each appears when it is whole.
public enum ReportFiles {
  /// Makes a folder where there is none.
  static func makeFolder(_ path: String) throws(ReportError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw ReportError(path: path, problem: "the folder cannot be made", fix: "check the path and its permissions")
    }
  }

  /// Writes each chart as `<folder>/<chart>.<format>` and its table as `<folder>/<chart>.csv`. Figures and then the page may fail:
  /// what was written until then stays.
  public static func writeFigures(
    _ charts: [Chart], as format: PlotFormat, to folder: String, _ gnuplot: Gnuplot,
    onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws {
    try makeFolder(folder)
    for (number, chart) in charts.enumerated() {
      try WholeFile.write(try chart.figure(gnuplot, as: format), to: "\(folder)/\(chart.id).\(format.rawValue)")
      try WholeFile.write(Data(chart.csv.utf8), to: "\(folder)/\(chart.id).csv")
      onProgress(number + 1, charts.count)
    }
  }
}
