// The map of address against time: which tier a block is on, and how often it is accessed.

import Foundation
import Plot
import Report

extension ReportCharts.Draft {
  /// A map for each run.
  func heat() throws(ReportError) -> [Chart] {
    var charts: [Chart] = []
    for (number, one) in series.enumerated() { charts += try heat(number, one.run) }
    return charts
  }

  private func heat(_ number: Int, _ run: RunRecord) throws(ReportError) -> [Chart] {
    let table = run.heat
    let times = try table.column("time_ms")
    let first = try table.column("first_page")
    let pages = try table.column("pages")
    let lookedAt = try table.column("looked_at")
    let counts = try table.column("accesses")
    var tiers: [[Double]] = []
    while table.has("tier\(tiers.count)") { tiers.append(try table.column("tier\(tiers.count)")) }
    // The first column is of the moment 0, when nothing has been accessed.
    let blocks = times.firstIndex { $0 > 0 } ?? times.count
    guard blocks > 0, blocks < table.rows, !tiers.isEmpty else { return [] }
    guard table.rows % blocks == 0 else {
      throw CSVTable.damaged(table.path, table.rows + 1, "the last moment has not all blocks")
    }
    let columns = table.rows / blocks
    // Moments are not equally far apart: nothing is looked at while nobody runs.
    let rates = counts.indices.map { row in
      row < blocks ? 0 : counts[row] / max(times[row] - times[row - blocks], 1e-9)
    }
    let end = Double(run.document.elapsedPs) / 1e9
    let width = end / Double(columns - 1)
    let map = Cells(first: first, pages: pages, lookedAt: lookedAt, rates: rates, tiers: tiers)
    let unit = AxisUnit.bytes((first[blocks - 1] + pages[blocks - 1]) * 4096)
    let blockBytes = pages[0] * 4096
    let hottest = map.hottest
    var rows: [String] = []
    rows.reserveCapacity(table.rows)
    var column = 1
    for pixel in 0..<(columns - 1) {
      let middle = (Double(pixel) + 0.5) * width
      while column < columns - 1, times[column * blocks] < middle { column += 1 }
      let x = Number.text(middle / time.scale)
      for block in 0..<blocks {
        let y = Number.text((Double(block) + 0.5) * blockBytes / unit.scale)
        rows.append("\(x) \(y) \(map.color(column * blocks + block, hottest: hottest))")
      }
    }
    let top = Double(blocks) * blockBytes / unit.scale
    let keys =
      tiers.indices.map { tier in
        Chart.Key(
          label: tier == 0 ? "fast tier" : tiers.count == 2 ? "slow tier" : "tier \(tier)", color: .tier(tier),
          isArea: true)
      }
    var script = Gnuplot.data("h", rows)
    script += "set xlabel \(Gnuplot.quoted(timeLabel))\nset ylabel 'address (\(unit.name))'\nunset grid\n"
    script += "set xrange [0:\(Number.text(end / time.scale))]\nset yrange [0:\(Number.text(top))]\n"
    script += try regionAxis(run.regions, bytesPerUnit: unit.scale, top: top)
    script += "plot $h using 1:2:3:4:5:6 with rgbalpha notitle"
    for tier in tiers.indices {
      script +=
        ", \\\n  NaN with points pt 5 lc rgb '\(PlotColor.tier(tier).hexadecimal)' title \(Gnuplot.quoted(keys[tier].label))"
    }
    var chart = Chart(
      id: isSingle ? "heat" : "heat-\(number + 1)",
      title: isSingle ? "Where pages are, and where accesses go" : run.name,
      caption:
        "Address is the place in the page table, region after region; regions are named on the right, parts of a trace by their first address. A block of \(size(blockBytes)) has the colour of the tier its mapped pages are on, mixed where they are on several; blank where nothing is mapped. The stronger, the more accesses a page and second (logarithmic). Of a block up to 256 pages are looked at, and one access in 61 is counted.",
      csv: String(decoding: table.bytes, as: UTF8.self), keys: keys, commands: script + "\n")
    chart.stretch = 1.25
    chart.isWide = isSingle
    return [chart]
  }

  /// Names of regions on the right axis, and lines between them. What is too low for a line of text has no name; regions.csv has all.
  private func regionAxis(_ table: CSVTable, bytesPerUnit: Double, top: Double) throws(ReportError) -> String {
    let first = try table.column("first_page")
    let pages = try table.column("pages")
    var tics: [String] = []
    var lines = ""
    for row in 0..<table.rows {
      let (from, height) = (first[row] * 4096 / bytesPerUnit, pages[row] * 4096 / bytesPerUnit)
      for edge in [from, from + height] where edge > 0 && edge < top {
        let y = Number.text(edge)
        lines +=
          "set arrow from graph 0, first \(y) to graph 1, first \(y) nohead front lc rgb '\(PlotColor.grid.hexadecimal)'\n"
      }
      guard height >= top * 0.04 else { continue }
      let address = table.words[1][row]
      let name = Chart.short(address.isEmpty ? table.words[0][row] : address, most: 15)
      tics.append("\(Gnuplot.quoted(name)) \(Number.text(from + height / 2))")
    }
    guard !tics.isEmpty else { return lines }
    return lines + "set y2range [0:\(Number.text(top))]\nset y2tics (\(tics.joined(separator: ", "))) scale 0\n"
  }

  private func size(_ bytes: Double) -> String {
    let unit = AxisUnit.bytes(bytes)
    return "\(Number.text(bytes / unit.scale)) \(unit.name)"
  }

  /// The cells of a map, by row of heat.csv.
  private struct Cells {
    let first: [Double]
    let pages: [Double]
    let lookedAt: [Double]
    /// Accesses a millisecond.
    let rates: [Double]
    let tiers: [[Double]]

    /// Accesses a page and millisecond of the hottest cell, outliers left out: the 99th percentile of cells with any.
    var hottest: Double {
      let some = rates.indices.filter { rates[$0] > 0 }.map { rates[$0] / max(pages[$0], 1) }.sorted()
      return some.isEmpty ? 1 : max(some[min(some.count * 99 / 100, some.count - 1)], 1e-9)
    }

    /// `red green blue alpha`, 0 to 255.
    func color(_ row: Int, hottest: Double) -> String {
      let mapped = tiers.reduce(0) { $0 + $1[row] }
      guard mapped > 0 else { return "0 0 0 0" }
      var parts = [0.0, 0.0, 0.0]
      for (tier, column) in tiers.enumerated() where column[row] > 0 {
        let value = PlotColor.tier(tier).light
        for (i, shift) in [16, 8, 0].enumerated() {
          parts[i] += Double(value >> UInt32(shift) & 255) * column[row] / mapped
        }
      }
      // A cold cell is a third as strong as the hottest; one with few mapped pages is paler in proportion, but seen.
      let heat = min(log2(1 + 31 * min(rates[row] / max(pages[row], 1) / hottest, 1)) / 5, 1)
      let share = 0.4 + 0.6 * min(mapped / max(lookedAt[row], 1), 1)
      let alpha = (0.3 + 0.7 * heat) * share
      return parts.map { String(Int($0.rounded())) }.joined(separator: " ") + " \(Int((alpha * 255).rounded()))"
    }
  }
}
