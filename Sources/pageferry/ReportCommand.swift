// pageferry report.

import ArgumentParser
import Charts
import Foundation
import Plot
import Report

extension PlotFormat: ExpressibleByArgument {}

/// Draws runs.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Draw one run, or up to eight side by side, as one page that opens from disk.",
    discussion: """
      The page has hit share, occupancy and watermarks, rates of promotion, demotion and compaction, sizes of page lists, \
      copies by engine, stages, devices, a map of address against time, knobs and provenance. It loads nothing from a \
      network, and each chart links to the table it was drawn from. Of one run it is RUNDIR/report.html, of several \
      report.html in the current folder. gnuplot draws (apt-get install gnuplot-nox).

      Examples:
        pageferry report runs/demo-1
        pageferry report runs/tpp-1 runs/tpp-dsa-1 -o compare.html
        pageferry report runs/demo-1 --figures pdf
      """)

  @Argument(help: ArgumentHelp("Run directories; their last parts are what the page calls them.", valueName: "rundir"))
  var runs: [String]

  @Option(name: .shortAndLong, help: ArgumentHelp("The page; an older one is replaced.", valueName: "file"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Write each figure, too, with its table, to the folder 'figures' beside the page: svg, pdf or png.",
      valueName: "format"))
  var figures: PlotFormat?

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  func validate() throws {
    if runs.isEmpty { throw ValidationError("name a run directory; pageferry run makes one") }
    if output?.isEmpty == true { throw ValidationError("--output: the name of the page is empty; name a file") }
  }

  func run() throws {
    let folders = runs.map { path in
      var path = path
      while path.count > 1, path.hasSuffix("/") { path.removeLast() }
      return path
    }
    let gnuplot = try Gnuplot()
    let charts = try ReportCharts(try RunRecord.read(folders))
    let output = output ?? (folders.count == 1 ? folders[0] + "/report.html" : "report.html")
    let bar = ProgressBar("report", isQuiet: quiet)
    defer { bar.end() }
    let page = try ReportPage(charts, version: Pageferry.versionText).html(gnuplot) { done, total in
      bar.show(done, of: total, "\(done) charts")
    }
    try WholeFile.write(Data(page.utf8), to: output)
    var lines =
      "\(output): \(charts.charts.count) charts of \(folders.count == 1 ? "one run" : "\(folders.count) runs")\n"
    if let figures {
      let parent = (output as NSString).deletingLastPathComponent
      let folder = parent.isEmpty ? "figures" : parent + "/figures"
      try ReportFiles.writeFigures(charts.charts, as: figures, to: folder, gnuplot) { done, total in
        bar.show(done, of: total, "\(done) figures")
      }
      lines += "\(folder): \(charts.charts.count) figures as \(figures.rawValue), and their tables\n"
    }
    bar.end()
    if !quiet { try Console.out(lines) }
  }
}
