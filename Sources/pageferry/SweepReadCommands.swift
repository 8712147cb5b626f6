// pageferry sweep show, plot and export: what is in a file of results.

import ArgumentParser
import Foundation
import Plot
import Report
import Sweep

extension SweepPlot.Kind: ExpressibleByArgument {}

/// `pageferry sweep show`.
struct SweepShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Print the results as a table: means over the seeds, with their confidence.",
    discussion: """
      A row for each combination of values, a table for each sweep in the file. +- is half the 95 % confidence interval of the mean \
      (Student's t); with one seed there is none.

      Examples:
        pageferry sweep show quick.sqlite
        pageferry sweep show quick.sqlite --metrics elapsed_ps,stall_promotion_p99_ns --cells
      """)

  @Argument(help: ArgumentHelp("The file of results.", valueName: "file.sqlite"))
  var file: String?

  @Option(help: ArgumentHelp("Columns with commas; --list-metrics names them.", valueName: "list"))
  var metrics = StoredSweep.standardMetrics.joined(separator: ",")

  @Option(help: ArgumentHelp("The number of a sweep in the file. (default: all)", valueName: "n"))
  var sweep: Int?

  @Flag(help: "A row for each cell instead of means.")
  var cells = false

  @Flag(help: "Print all columns as JSON: what is stored, a cell an object.")
  var json = false

  @Flag(help: "List the columns with their meanings, and read no file.")
  var listMetrics = false

  func validate() throws {
    if listMetrics == (file != nil) {
      throw ValidationError(listMetrics ? "--list-metrics reads no file" : "name a file of results")
    }
  }

  func run() throws {
    guard let file else {
      let width = Metric.all.map(\.name.count).max() ?? 0
      return try Console.out(Metric.all.map { "\($0.name.left(width))  \($0.meaning)\n" }.joined())
    }
    let stored = try SweepFile(reading: file)
    let sweeps = try sweep.map { (number) throws(SweepError) in [try stored.sweep(number: number)] } ?? stored.sweeps()
    if json { return try Console.out(StoredSweep.json(sweeps)) }
    let names = metrics.split(separator: ",").map(String.init)
    var texts: [String] = []
    for sweep in sweeps { texts.append(try sweep.table(metrics: names, isByCell: cells)) }
    try Console.out(texts.joined(separator: "\n"))
  }
}

/// `pageferry sweep export`.
struct SweepExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Print all rows as CSV: a line for each cell, a column for each knob and number.",
    discussion: """
      Lines are in the order of the values, whichever cell ended first: equal sweeps give equal bytes.

      Example:
        pageferry sweep export quick.sqlite --csv > quick.csv
      """)

  @Argument(help: ArgumentHelp("The file of results.", valueName: "file.sqlite"))
  var file: String

  @Option(help: ArgumentHelp("The number of a sweep in the file. (default: all)", valueName: "n"))
  var sweep: Int?

  @Flag(help: "CSV, which is what there is without the flag, too.")
  var csv = false

  @Flag(help: "JSON instead.")
  var json = false

  func validate() throws {
    if csv && json { throw ValidationError("give only one of --csv and --json") }
  }

  func run() throws {
    let stored = try SweepFile(reading: file)
    let sweeps = try sweep.map { (number) throws(SweepError) in [try stored.sweep(number: number)] } ?? stored.sweeps()
    try Console.out(json ? StoredSweep.json(sweeps) : StoredSweep.csv(sweeps))
  }
}

/// `pageferry sweep plot`.
struct SweepPlotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plot",
    abstract: "Draw a column of the results: curves with confidence bands, or a heat map. Needs gnuplot.",
    discussion: """
      Curves go over one knob, a line for each value of a second; the band is the 95 % confidence interval of the mean over seeds \
      (run with --seeds 5). Other knobs that were varied are held with --where. A cell without a result is a gap.

      Examples:
        pageferry sweep plot quick.sqlite -o quick.svg
        pageferry sweep plot quick.sqlite --kind heat --metric fast_share_millionths -o share.pdf
        pageferry sweep plot quick.sqlite --x hw.node0.size --where sim.time_scale=10 -o one.png
      """)

  @Argument(help: ArgumentHelp("The file of results.", valueName: "file.sqlite"))
  var file: String

  @Option(help: ArgumentHelp("The column; sweep show --list-metrics names them.", valueName: "column"))
  var metric = "measured_ps"

  @Option(help: ArgumentHelp("curves or heat.", valueName: "kind"))
  var kind = SweepPlot.Kind.curves

  @Option(help: ArgumentHelp("The knob of the horizontal axis. (default: the first that varies)", valueName: "knob"))
  var x: String?

  @Option(
    help: ArgumentHelp(
      "The knob of the lines, or of the heat map's vertical axis. (default: the next)", valueName: "knob"))
  var by: String?

  @Option(
    name: .customLong("where"),
    help: ArgumentHelp("Only cells of this value; may be repeated.", valueName: "knob=value"))
  var held: [String] = []

  @Option(help: ArgumentHelp("The number of a sweep in the file. (default: the last)", valueName: "n"))
  var sweep: Int?

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The figure; its name ends in .svg, .pdf or .png.", valueName: "file"))
  var out: String

  func validate() throws {
    if format == nil { throw ValidationError("--out \(out): want a name that ends in .svg, .pdf or .png") }
    if by != nil && x == nil { throw ValidationError("--by wants --x, too") }
  }

  private var format: PlotFormat? { PlotFormat(rawValue: (out as NSString).pathExtension.lowercased()) }

  func run() throws {
    guard let format else { return }
    let stored = try SweepFile(reading: file).sweep(number: sweep)
    let plot = try SweepPlot(stored, column: metric, kind: kind, knobs: [x, by].compactMap(\.self), held: held)
    do {
      try WholeFile.write(try plot.render(try Gnuplot(), as: format), to: out)
    } catch { throw Failure(message: "\(error)", status: .failure) }
  }
}
