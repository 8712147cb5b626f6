// report.html: one file with all charts, their tables, knobs and provenance. It loads nothing and runs no script.

import Foundation
import Plot
import Report

/// The page of a report.
public struct ReportPage {
  let charts: ReportCharts
  /// Version of the program that writes the report.
  let version: String

  public init(_ charts: ReportCharts, version: String) {
    self.charts = charts
    self.version = version
  }

  /// Draws all figures and writes the page. `onProgress` hears of each figure.
  public func html(_ gnuplot: Gnuplot, onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }) throws(PlotError)
    -> String
  {
    let total = charts.charts.count
    var done = 0
    var body = head + tiles
    for section in charts.sections {
      body += "<h2>\(text(section.title))</h2>\n<div class=\"grid\">\n"
      for chart in section.charts {
        body += try figure(chart, gnuplot)
        done += 1
        onProgress(done, total)
      }
      body += "</div>\n"
    }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta name="generator" content="pageferry \(text(version))">
      <title>\(text(title)) - Pageferry</title>
      <style>
      \(PageStyle.text)</style>
      </head>
      <body>
      \(body)\(ReportFacts(charts.runs).html)<footer>Written by pageferry \(text(version)). All numbers are of modelled machines; tables behind the charts are \
      in the page.</footer>
      </body>
      </html>

      """
  }

  private var title: String { charts.runs.map(\.name).joined(separator: ", ") }

  private func text(_ raw: String) -> String { InlineSVG.escaped(raw) }

  // MARK: Head

  private var head: String {
    let runs = charts.runs
    var html = "<header>\n<h1>\(text(title))</h1>\n"
    if let first = runs.first, runs.count == 1 {
      let about = first.document.workload.about
      html += "<p>\(text(first.document.workload.name))\(about.isEmpty ? "" : ": \(text(about))")</p>\n"
      html +=
        "<p>Kernel rules <b>\(text(first.document.kernel.rules))</b>, \(text(first.document.kernel.status)).</p>\n"
    } else {
      html += "<p>\(runs.count) runs side by side.</p>\n<ul class=\"keys\">\n"
      for (number, run) in runs.enumerated() {
        html +=
          "<li><i style=\"background:var(--plot-\(PlotColor.series(number).name))\"></i>\(text(run.name)), \(text(run.document.kernel.rules))</li>\n"
      }
      html += "</ul>\n"
    }
    for run in runs {
      let name = runs.count > 1 ? "\(run.name): " : ""
      for fault in run.document.faults { html += "<p class=\"bad\">\(text("\(name)check failed: \(fault)"))</p>\n" }
      if run.document.isCutOff { html += "<p class=\"warn\">\(text("\(name)cut off by sim.max_time"))</p>\n" }
      if !run.document.kernel.notCompared.isEmpty {
        let list = run.document.kernel.notCompared.joined(separator: ", ")
        html += "<p class=\"warn\">\(text("\(name)not compared with a real kernel: \(list)"))</p>\n"
      }
      for warning in run.document.warnings { html += "<p class=\"warn\">\(text("\(name)\(warning)"))</p>\n" }
    }
    return html + "</header>\n"
  }

  /// The main numbers of one run; several have bars.
  private var tiles: String {
    guard charts.runs.count == 1, let run = charts.runs.first else { return "" }
    let totals = run.document.totalsExcludingWarmup
    let seconds = Double(run.document.elapsedPs) / 1e12
    let mib = 4096.0 / Double(1 << 20)
    let promoted = (try? run.moved(.promotion)) ?? 0
    let demoted = (try? run.moved(.demotion)) ?? 0
    let tiles: [(String, String)] = [
      ("fast-tier hit share", String(format: "%.1f %%", run.hitShare)),
      ("modelled time", String(format: seconds >= 1 ? "%.2f s" : "%.4f s", seconds)),
      ("million accesses/s", String(format: "%.2f", Double(totals.accessesPerS) / 1e6)),
      ("footprint", String(format: "%.1f MiB", Double(run.document.footprintPages) * mib)),
      ("promoted", String(format: "%.1f MiB", promoted * mib)), ("demoted", String(format: "%.1f MiB", demoted * mib)),
    ]
    return "<dl class=\"tiles\">\n"
      + tiles.map { "<div><dt>\($0.0)</dt><dd>\($0.1)</dd></div>\n" }.joined() + "</dl>\n"
  }

  // MARK: Figures

  private func figure(_ chart: Chart, _ gnuplot: Gnuplot) throws(PlotError) -> String {
    var html =
      "<figure id=\"\(chart.id)\"\(chart.isWide ? " class=\"wide\"" : "")>\n<figcaption><h3>\(text(chart.title))</h3></figcaption>\n"
    if !chart.keys.isEmpty {
      html += "<ul class=\"keys\">\n"
      for key in chart.keys {
        let style = key.isDashed ? "border-top:2px dashed" : key.isArea ? "height:.7em;background:" : "background:"
        html += "<li><i style=\"\(style) var(--plot-\(key.color.name))\"></i>\(text(key.label))</li>\n"
      }
      html += "</ul>\n"
    }
    for (suffix, svg) in zip(["w", "n"], try chart.svgs(gnuplot)) {
      html += "<div class=\"\(suffix)\">"
      html +=
        InlineSVG.element(svg, id: "\(chart.id)-\(suffix)", title: "\(chart.title). \(chart.caption)") + "</div>\n"
    }
    let data = Data(chart.csv.utf8).base64EncodedString()
    html += "<p>\(text(chart.caption)) "
    html +=
      "<a download=\"\(chart.id).csv\" href=\"data:text/csv;charset=utf-8;base64,\(data)\">\(chart.id).csv</a></p>\n"
    return html + "</figure>\n"
  }
}
