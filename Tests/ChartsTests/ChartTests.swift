// The tables behind charts: against the run's own numbers, and against a small table that is written out here.

import Foundation
import Plot
import Report
import Testing

@testable import Charts

struct ChartTests {
  /// A chart's table: rows of values after the heading.
  func rows(_ chart: Chart) -> [[String]] {
    chart.csv.split(separator: "\n").dropFirst().map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
  }

  @Test func `tables of one run add up to its totals`() throws {
    try TinyRun.withFolder { folder in
      let run = try RunRecord(try TinyRun.write("a", in: folder))
      let charts = try ReportCharts([run])
      #expect(
        charts.charts.map(\.id) == [
          "hits", "node0-used", "node0-free", "node1-used", "node1-free", "rates",
          "list-numa-misplaced-async", "list-demotion-async", "stages",
          "copy-sizes", "copy-latencies", "engines", "heat",
        ])
      func chart(_ id: String) throws -> Chart { try #require(charts.charts.first { $0.id == id }) }
      let totals = run.document.totals

      // Rates times their intervals are the pages moved.
      let demotion = rows(try chart("rates")).filter { $0[0] == "demotion" }
      let times = demotion.compactMap { Double($0[1]) } + [Double(run.document.elapsedPs) / 1e9]
      var moved = 0.0
      for (i, row) in demotion.enumerated() { moved += try #require(Double(row[2])) * (times[i + 1] - times[i]) / 1000 }
      let demoted = Double(
        (run.document.vmstat["pgdemote_kswapd"] ?? 0) + (run.document.vmstat["pgdemote_direct"] ?? 0))
      #expect(demoted > 100 && abs(moved * 256 - demoted) < demoted * 1e-3)

      // Calls of lists, and pages of copies: all by the CPU, one by one.
      for calls in run.document.migrations.callsByPages {
        let id = "list-\(calls.reason.replacing("_", with: "-"))-async"
        #expect(
          rows(try chart(id)).compactMap { Double($0[3]) }.reduce(0, +) == Double(calls.calls.reduce(0, +)), "\(id)")
      }
      let promoted = Double(run.document.vmstat["numa_pages_migrated"] ?? 0)
      let sizes = rows(try chart("copy-sizes"))
      #expect(promoted > 0 && sizes == [["CPU", "1", "2", Number.text(demoted + promoted)]])
      #expect(rows(try chart("copy-latencies")).compactMap { Double($0[3]) }.reduce(0, +) == demoted + promoted)

      // Stages in milliseconds.
      let stages = rows(try chart("stages"))
      let time = run.document.migrations.byReason.values.flatMap(\.stageTimePs.values).reduce(0, +)
      #expect(stages.count == 2 * 7)
      #expect(abs(stages.compactMap { Double($0[2]) }.reduce(0, +) * 1e9 - Double(time)) < Double(time) * 1e-3)

      // The map: each page is on one tier at the end; one access in 61 is counted.
      let heat = rows(try chart("heat"))
      let last = heat.filter { $0[1] == heat.last?[1] }
      #expect(last.count == 32 && last.allSatisfy { $0[0] == "A" && Int($0[5])! + Int($0[6])! == 64 })
      #expect(try chart("heat").commands.contains("set y2tics ('A' 4) scale 0"))
      let counted = heat.compactMap { Int($0[7]) }.reduce(0, +)
      #expect(abs(counted - totals.accesses) < 61 && counted % 61 == 0)
    }
  }

  @Test func `shares are within 0 and 100, and time runs to the end`() throws {
    try TinyRun.withFolder { folder in
      let run = try RunRecord(try TinyRun.write("a", in: folder))
      let end = Double(run.document.elapsedPs) / 1e9
      for chart in try ReportCharts([run]).charts where ["hits", "node0-used", "node1-used"].contains(chart.id) {
        let values = rows(chart).compactMap { Double($0[2]) }
        #expect(values.count > 3 && values.allSatisfy { $0 >= 0 && $0 <= 100 }, "\(chart.id)")
        #expect(rows(chart).compactMap { Double($0[1]) }.allSatisfy { $0 >= 0 && $0 <= end * 1.001 })
      }
      // The first pages are all allocated on the fast tier.
      let hits = try #require(try ReportCharts([run]).charts.first)
      #expect(rows(hits).first?[1] == "0" && (rows(hits).first.flatMap { Double($0[2]) } ?? 0) > 90)
    }
  }

  @Test func `several runs have bars, overlaid curves and a map each`() throws {
    try TinyRun.withFolder { folder in
      let runs = try RunRecord.read([try TinyRun.write("a", in: folder), try TinyRun.write("b, c", in: folder, "")])
      let charts = try ReportCharts(runs)
      #expect(charts.sections.first?.title == "Runs compared")
      let ids = charts.charts.map(\.id)
      #expect(ids.prefix(3) == ["run-hits", "run-speed", "run-moved"] && ids.suffix(2) == ["heat-1", "heat-2"])
      let bars = try #require(charts.charts.first)
      #expect(bars.csv.hasPrefix("bar,part,hit_percent\na,a,"))
      #expect(bars.csv.contains("\n\"b, c\",\"b, c\","))
      let hits = try #require(charts.charts.first { $0.id == "hits" })
      #expect(hits.keys.map(\.label) == ["a", "b, c"] && hits.keys[0].color != hits.keys[1].color)
      #expect(ids.contains("copy-sizes-cpu") && ids.contains("engines-cpu") && !ids.contains("copy-sizes"))
      // Runs have colours that stand for no tier and no engine.
      #expect(!hits.keys.map(\.color).contains { [PlotColor.tier(0), .tier(1), .cpu, .dsa].contains($0) })
    }
  }

  @Test func `the kinds of charts write these tables`() {
    let curves = Chart.curves(
      id: "c", title: "", caption: "", xName: "time_ms", yName: "percent", xLabel: "", yLabel: "", xMax: 3,
      [
        Chart.Curve(label: "a,b", color: .tier(0), points: [(0, 1), (1, nil), (2, 0.123_456_7)]),
        Chart.Curve(label: "s", color: .tier(1), points: [(0, 5), (1, 6), (2, 6)], isSteps: true),
      ])
    #expect(curves.csv == "series,time_ms,percent\n\"a,b\",0,1\n\"a,b\",2,0.123457\ns,0,5\ns,1,6\n")
    #expect(curves.commands.contains("$c1 << EOD\n0 5\n1 5\n1 6\n2 6\nEOD"))
    let bins = Chart.histogram(
      id: "h", title: "", caption: "", xName: "pages", xLabel: "", isBinary: true,
      [Chart.Bins(label: "x", color: .cpu, bins: [(0, 1, 2), (1, 2, 3)])])
    #expect(bins.csv == "series,pages_from,pages_below,calls\nx,0,1,2\nx,1,2,3\n")
    for from in stride(from: 1.0, to: 1100, by: 7) {
      let narrow = Chart.histogram(
        id: "n", title: "", caption: "", xName: "ns", xLabel: "", isBinary: false,
        [Chart.Bins(label: "x", color: .cpu, bins: [(from, from + 1, 2)])])
      #expect(narrow.commands.contains("set xtics ('"), "\(from)")
    }
    let bar = Chart.bars(
      id: "b", title: "", caption: "", name: "ms", label: "",
      [Chart.Bar(label: "r", parts: [("p", .cpu, 1.5), ("q", .dsa, 0)])])
    #expect(bar.csv == "bar,part,ms\nr,p,1.5\nr,q,0\n" && bar.keys.map(\.label) == ["p", "q"])
  }

  @Test(arguments: [
    (0.0, "0"), (12, "12"), (1e12, "1000000000000"), (0.000_012_345_678, "0.0000123457"), (1234.567_89, "1234.57"),
    (99.999_999, "100"), (Double.nan, "?"),
  ])
  func `numbers have six digits or more and no exponent`(value: Double, text: String) {
    #expect(Number.text(value) == text)
  }
}
