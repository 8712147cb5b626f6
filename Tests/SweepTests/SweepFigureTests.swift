// Tables, confidence intervals and figures of results made up.

import Foundation
import Plot
import Testing

@testable import Sweep

private func cell(_ size: Int, _ mode: String, seed: Int, _ time: Int?) -> StoredCell {
  StoredCell(
    knobs: [
      "hw.node0.size": .init(text: "\(size)MiB", number: size << 20, unit: "bytes"), "mode": .init(text: mode),
    ],
    variant: "\(size) \(mode)", seed: seed, status: time == nil ? "failed" : "ok",
    error: time == nil ? "it broke" : nil,
    metrics: time.map { ["measured_ps": $0, "demoted_pages": 4] } ?? [:])
}

private func sweep(seeds: Int = 2) -> StoredSweep {
  var cells: [StoredCell] = []
  for (place, size) in [8, 16, 32, 64].enumerated() {
    for (number, mode) in ["always", "never"].enumerated() {
      for seed in 0..<seeds {
        let time = (place + 1) * 1_000_000_000 + number * 500_000_000 + seed * 200_000_000
        cells.append(cell(size, mode, seed: seed, size == 16 && mode == "never" ? nil : time))
      }
    }
  }
  return StoredSweep(
    id: 3, key: "k", pageferry: "v", workload: "w", workloadDigest: "d", knobs: ["hw.node0.size", "mode"], cells: cells)
}

struct SweepFigureTests {
  @Test func `the interval of a mean is Student's`() throws {
    let five = try #require(Estimate([1, 2, 3, 4, 5]))
    #expect(five.mean == 3 && abs((five.halfWidth ?? 0) - 2.776 * 1.581_138_8 / 2.236_068) < 1e-4)
    #expect(Estimate([]) == nil)
    #expect(Estimate([7])?.halfWidth == nil)
    #expect(Estimate([7, 7, 7])?.halfWidth == 0)
    for freedom in 1..<200 { #expect(Estimate.quantile(freedom: freedom) >= Estimate.quantile(freedom: freedom + 1)) }
  }

  @Test func `the table has means, units and what failed`() throws {
    let text = try sweep().table(metrics: ["measured_ps", "demoted_pages"])
    let lines = text.split(separator: "\n").map(String.init)
    #expect(lines[0] == "sweep 3: w, 16 cells of 8 combinations, 2 without a result")
    #expect(lines[2].hasSuffix("mode  seeds  measured time, ms     +-  demoted, pages  +-"))
    #expect(lines[3].split(separator: " ") == ["8MiB", "always", "2", "1.100", "1.271", "4", "0"])
    #expect(lines[6].split(separator: " ") == ["16MiB", "never", "0", "-", "-", "-", "-"])
    #expect(lines.last == "failed: hw.node0.size=16MiB mode=never, seed 0: it broke (and 1 more seeds)")
    let error = #expect(throws: SweepError.self) { try sweep().table(metrics: ["measured_p"]) }
    #expect(error?.description == "there is no column 'measured_p'; did you mean measured_ps?")
  }

  @Test(arguments: [
    ("measured_ps", 2.5e9, "ms", "1.500"), ("copy_bytes", 3e6, "MiB", "1431"),
    ("fast_share_millionths", 1e6, "%", "150000"),
    ("accesses_per_s", 3e6, "million/s", "1500"), ("stall_promotion_p99_ns", 900, "ns", "1500000000"),
  ])
  func `columns have units that suit their values`(column: String, greatest: Double, unit: String, shown: String) {
    let scale = MetricScale(column: column, greatest: greatest)
    #expect(scale.unit == unit)
    #expect(scale.text(1.5e9).prefix(4) == shown.prefix(4))
  }

  @Test func `curves have a band each, a gap where a cell failed, and units on the axes`() throws {
    let script = try SweepPlot(sweep(), column: "measured_ps", kind: .curves).script
    #expect(script.contains("set xlabel 'hw.node0.size, MiB'\nset ylabel 'measured time, ms'\n"))
    #expect(script.contains("set logscale x 2"))
    #expect(script.contains("$s1 << EOD\n8.0 1.6 "))
    // Behind the first row of the second line comes the gap.
    let rows = script.components(separatedBy: "$s1 << EOD\n")[1].components(separatedBy: "\nEOD")[0]
    #expect(rows.components(separatedBy: "\n")[1] == "")
    #expect(script.components(separatedBy: "filledcurves").count == 3)
    var failing = sweep()
    for index in failing.cells.indices where failing.cells[index].knobs["mode"]?.text == "never" {
      failing.cells[index].status = "failed"
    }
    #expect(
      try SweepPlot(failing, column: "measured_ps", kind: .curves).script.contains("title 'mode = never: no result'"))
    let single = try SweepPlot(sweep(seeds: 1), column: "measured_ps", kind: .curves).script
    #expect(!single.contains("filledcurves") && !single.contains("95 %"))
  }

  @Test func `a figure takes two knobs at most, and says which to hold`() throws {
    let error = #expect(throws: SweepError.self) {
      try SweepPlot(sweep(), column: "measured_ps", kind: .curves, knobs: ["mode"])
    }
    #expect(error?.description.hasPrefix("hw.node0.size: varied too") == true)
    let held = try SweepPlot(
      sweep(), column: "measured_ps", kind: .curves, knobs: ["mode"], held: ["hw.node0.size=8MiB"])
    #expect(held.script.contains("set xtics ('always' 0.0, 'never' 1.0)"))
    #expect(held.title == "w: measured time, hw.node0.size = 8MiB")
    for (knobs, held) in [(["mod"], []), ([], ["mode=x"]), ([], ["mode"])] as [([String], [String])] {
      #expect(throws: SweepError.self) {
        try SweepPlot(sweep(), column: "measured_ps", kind: .curves, knobs: knobs, held: held)
      }
    }
    #expect(throws: SweepError.self) {
      try SweepPlot(sweep(), column: "measured_ps", kind: .heat, knobs: ["hw.node0.size"], held: ["mode=never"])
    }
    #expect(throws: SweepError.self) { try SweepPlot(sweep(), column: "stall_promotion_p99_ns", kind: .curves) }
  }

  @Test(arguments: SweepPlot.Kind.allCases)
  func `gnuplot draws both kinds without a complaint`(kind: SweepPlot.Kind) throws {
    guard let gnuplot = try? Gnuplot() else { return print("SKIPPED: gnuplot is not installed") }
    // All the same, and a line without any result.
    for column in ["demoted_pages", "measured_ps"] {
      var odd = sweep(seeds: 1)
      for index in odd.cells.indices where odd.cells[index].knobs["mode"]?.text == "never" {
        odd.cells[index].status = "failed"
      }
      _ = try SweepPlot(odd, column: column, kind: kind).render(gnuplot, as: .svg)
    }
    let figure = try SweepPlot(sweep(), column: "measured_ps", kind: kind).render(gnuplot, as: .svg)
    let text = String(decoding: figure, as: UTF8.self)
    #expect(text.contains("measured time, ms") && text.contains("hw.node0.size"))
  }

  @Test func `CSV quotes what has to be, and leaves empty what is not there`() throws {
    var one = sweep(seeds: 1)
    one.cells = [cell(8, "a,b", seed: 0, nil)]
    one.cells[0].warnings = ["careful"]
    #expect(try one.table(metrics: ["measured_ps"]).contains("\nwarning (1 cells): careful\n"))
    let lines = StoredSweep.csv([one]).split(separator: "\n")
    #expect(
      lines[0].hasPrefix(
        "sweep_id,sweep_key,pageferry,workload,workload_digest,hw.node0.size,mode,seed,status,error,warnings,start_delay_ps,"
      ))
    #expect(lines[1].hasPrefix("3,k,v,w,d,8MiB,\"a,b\",0,failed,it broke,careful,,"))
    #expect(lines[0].split(separator: ",", omittingEmptySubsequences: false).count == Metric.all.count + 12)
  }

  @Test func `every column is in the documents with its meaning`() throws {
    var root = #filePath as NSString
    for _ in 0..<3 { root = root.deletingLastPathComponent as NSString }
    let page = try String(contentsOfFile: root.appendingPathComponent("docs/sweep.md"), encoding: .utf8)
    for metric in Metric.all {
      #expect(page.contains("\n| `\(metric.name)` | \(metric.meaning) |\n"), "\(metric.name)")
    }
    #expect(Set(Metric.all.map(\.name)).count == Metric.all.count)
  }
}
