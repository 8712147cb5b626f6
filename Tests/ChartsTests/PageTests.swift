// The page and the figures: what is in them, and what a browser makes of them.

import Foundation
import Plot
import Report
import Testing

@testable import Charts

@Suite(.enabled(if: gnuplot != nil, "gnuplot is not installed"))
struct PageTests {
  @Test func `a page has each chart with its table, knobs and provenance, and asks nothing of a network`() throws {
    try TinyRun.withFolder { folder in
      let charts = try ReportCharts([try RunRecord(try TinyRun.write("a<b", in: folder))])
      var drawn: [Int] = []
      let page = try ReportPage(charts, version: "9.9").html(try #require(gnuplot)) { done, _ in drawn.append(done) }
      #expect(drawn == Array(1...charts.charts.count))
      for chart in charts.charts {
        #expect(page.contains("<figure id=\"\(chart.id)\""))
        let table = Data(chart.csv.utf8).base64EncodedString()
        #expect(page.contains("download=\"\(chart.id).csv\" href=\"data:text/csv;charset=utf-8;base64,\(table)\""))
      }
      #expect(page.contains("<h1>a&lt;b</h1>") && !page.contains("a<b"))
      #expect(page.contains("<code>vm.demote_scale_factor</code>") && page.contains("tiny.yaml, fnv1a64:"))
      #expect(!page.contains("<script"))
      let links = page.matches(of: #/(?:src|href)=["']([^"']{0,12})/#).map { String($0.output.1) }
      #expect(links.allSatisfy { $0.hasPrefix("#") || $0.hasPrefix("data:") })
      let ids = page.matches(of: #/\sid=['"]([^'"]*)['"]/#).map { String($0.output.1) }
      #expect(Set(ids).count == ids.count)
    }
  }

  @Test(arguments: PlotFormat.allCases)
  func `figures are written singly with their tables`(format: PlotFormat) throws {
    try TinyRun.withFolder { folder in
      let charts = Array(try ReportCharts([try RunRecord(try TinyRun.write("a", in: folder))]).charts.suffix(2))
      try ReportFiles.writeFigures(charts, as: format, to: folder + "/figures", try #require(gnuplot))
      let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/figures").sorted()
      #expect(names == charts.flatMap { ["\($0.id).csv", "\($0.id).\(format.rawValue)"] }.sorted())
    }
  }
}
