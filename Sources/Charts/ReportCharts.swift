// Which charts a report has, in their order.

import Plot
import Report

/// The charts of one run, or of several side by side.
public struct ReportCharts {
  /// A heading with its charts.
  public struct Section {
    public var title: String
    public var charts: [Chart]
  }

  public let runs: [RunRecord]
  public let sections: [Section]
  let series: [Series]
  /// Of the axis of time of all charts.
  let time: AxisUnit
  let timeMax: Double

  /// - Throws: what is damaged in a run.
  public init(_ runs: [RunRecord]) throws(ReportError) {
    self.runs = runs
    var series: [Series] = []
    for run in runs { series.append(try Series(run)) }
    self.series = series
    let longest = series.map(\.elapsed).max() ?? 0
    time = AxisUnit.time(milliseconds: longest)
    timeMax = longest / time.scale
    let draft = Draft(series: series, time: time, timeMax: timeMax)
    var sections: [Section] = []
    for (title, charts) in [
      ("Runs compared", try draft.comparison()), ("Accesses", try draft.accesses()), ("Memory", try draft.memory()),
      ("Migration", try draft.migration()), ("Compaction and huge pages", try draft.compaction()),
      ("Copies", try draft.copies()), ("Address against time", try draft.heat()),
    ] where !charts.isEmpty {
      sections.append(Section(title: title, charts: charts))
    }
    self.sections = sections
  }

  public var charts: [Chart] { sections.flatMap(\.charts) }

  /// What charts are made from. Each aspect has its file.
  struct Draft {
    let series: [Series]
    let time: AxisUnit
    let timeMax: Double

    var isSingle: Bool { series.count == 1 }
    var timeName: String { "time_\(time.name)" }
    var timeLabel: String { "modelled time (\(time.name))" }

    /// One curve a run in the run's colour; `single` when there is one run alone.
    func color(_ run: Int, single: PlotColor) -> PlotColor { isSingle ? single : PlotColor.series(run) }
    /// What a curve of a run is called: `what` when there is one run alone.
    func label(_ run: Int, _ what: String) -> String { isSingle ? what : series[run].run.name }

    func curves(
      id: String, title: String, caption: String, yName: String, yLabel: String, yMax: Double? = nil,
      logarithmicFrom: Double? = nil, _ curves: [Chart.Curve]
    ) -> Chart {
      var curves = curves
      if !isSingle {
        // Runs that do the same lie upon each other: the later line is thinner, and the one below is seen beside it.
        for (place, index) in curves.indices.filter({ curves[$0].stroke == .line }).reversed().enumerated() {
          curves[index].width = min(1.5 + 1.6 * Double(place), 6)
        }
      }
      return Chart.curves(
        id: id, title: title, caption: caption, xName: timeName, yName: yName, xLabel: timeLabel, yLabel: yLabel,
        xMax: timeMax, yMax: yMax, logarithmicFrom: logarithmicFrom, curves)
    }
  }
}
