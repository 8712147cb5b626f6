// Charts of accesses and of nodes: hit share, occupancy, free memory against the watermarks; and the bars of several runs.

import Plot
import Report

extension ReportCharts.Draft {
  /// Bars, a run each; none when there is one run alone.
  func comparison() throws(ReportError) -> [Chart] {
    guard !isSingle else { return [] }
    func bars(
      _ id: String, _ title: String, _ caption: String, _ name: String, _ label: String, xMax: Double? = nil,
      _ value: (RunRecord) throws(ReportError) -> Double
    ) throws(ReportError) -> Chart {
      var all: [Chart.Bar] = []
      for (number, one) in series.enumerated() {
        all.append(
          Chart.Bar(label: one.run.name, parts: [(one.run.name, PlotColor.series(number), try value(one.run))]))
      }
      var chart = Chart.bars(id: id, title: title, caption: caption, name: name, label: label, xMax: xMax, all)
      chart = chart.withoutKeys
      return chart
    }
    let pages = 4096.0 / Double(1 << 20)
    var charts = [
      try bars(
        "run-hits", "Fast-tier hit share", "Accesses that the fast tier served, of all accesses outside of warm-ups.",
        "hit_percent", "hit share (%)", xMax: 100
      ) { run throws(ReportError) in run.hitShare },
      try bars(
        "run-speed", "Accesses a second", "Accesses outside of warm-ups over the modelled time they took.",
        "million_accesses_per_s", "million accesses/s"
      ) { run throws(ReportError) in Double(run.document.totalsExcludingWarmup.accessesPerS) / 1e6 },
    ]
    var moved: [Chart.Bar] = []
    for one in series {
      var parts: [(name: String, color: PlotColor, value: Double)] = []
      for movement in Movement.allCases {
        parts.append((movement.rawValue, movement.color, try one.run.moved(movement) * pages))
      }
      moved.append(Chart.Bar(label: one.run.name, parts: parts))
    }
    charts.append(
      Chart.bars(
        id: "run-moved", title: "Memory moved",
        caption: "Pages that were promoted, demoted, or moved by compaction in the whole run.",
        name: "moved_mib", label: "MiB moved", moved))
    return charts
  }

  /// Hit share over time.
  func accesses() throws(ReportError) -> [Chart] {
    var curves: [Chart.Curve] = []
    for (number, one) in series.enumerated() {
      let fast = one.growth(try one.run.vmstat.column("fast_accesses"))
      let slow = one.growth(try one.run.vmstat.column("slow_accesses"))
      let points = one.between(unit: time) { i, _ in
        fast[i] + slow[i] > 0 ? fast[i] / (fast[i] + slow[i]) * 100 : nil
      }
      guard points.contains(where: { $0.y != nil }) else { continue }
      curves.append(
        Chart.Curve(
          label: label(number, "fast tier"), color: color(number, single: .tier(0)),
          stroke: isSingle ? .area : .line, points: points, isSteps: true))
    }
    guard !curves.isEmpty else { return [] }
    var chart =
      self.curves(
        id: "hits", title: "Fast-tier hit share over time",
        caption:
          "Accesses that the fast tier served, of all accesses between two samples. A gap is a time without accesses.",
        yName: "hit_percent", yLabel: "hit share (%)", yMax: 100, curves)
    chart.isWide = true
    return [chart]
  }

  /// Occupancy of nodes, and their free memory against the watermarks.
  func memory() throws(ReportError) -> [Chart] {
    var charts: [Chart] = []
    let nodes = series.map { $0.run.document.machine.nodes.count }.max() ?? 0
    for node in 0..<nodes {
      var curves: [Chart.Curve] = []
      for (number, one) in series.enumerated() where node < one.run.document.machine.nodes.count {
        let managed = Double(one.run.document.machine.nodes[node].managedPages)
        guard managed > 0 else { continue }
        let free = try one.run.vmstat.column("node\(node)_nr_free_pages")
        let tier = one.run.document.machine.nodes[node].tier
        curves.append(
          Chart.Curve(
            label: label(number, "used (tier \(tier))"), color: color(number, single: .tier(tier)),
            stroke: isSingle ? .area : .line,
            points: one.level(free, unit: time).map { ($0.x, $0.y.map { max(managed - $0, 0) / managed * 100 }) }))
      }
      guard !curves.isEmpty else { continue }
      charts.append(
        self.curves(
          id: "node\(node)-used", title: "Node \(node): occupancy",
          caption: "Memory in use, of what the node's zones manage, at each sample.", yName: "used_percent",
          yLabel: "in use (%)", yMax: 100, curves))
      charts.append(try watermarks(node))
    }
    return charts
  }

  /// Free memory of a node over the marks that kswapd and allocations go by. The axis is logarithmic: marks are some thousandths.
  private func watermarks(_ node: Int) throws(ReportError) -> Chart {
    var curves: [Chart.Curve] = []
    let members = series.enumerated().filter { node < $0.element.run.document.machine.nodes.count }
    for (number, one) in members {
      let tier = one.run.document.machine.nodes[node].tier
      let free = try one.run.vmstat.column("node\(node)_nr_free_pages")
      // A logarithmic axis has no 0: what is less than a page is drawn as one.
      curves.append(
        Chart.Curve(
          label: label(number, "free"), color: color(number, single: .tier(tier)),
          points: one.level(free, unit: time).map { ($0.x, $0.y.map { max($0, 1) * Self.mib }) }))
    }
    for mark in Watermark.allCases { curves += try lines(mark, node, members.map { ($0.offset, $0.element) }) }
    let several =
      isSingle
      ? ""
      : " A mark that is the same in all runs is one line; of others low and the mark of tiering have the colour of their run."
    return self.curves(
      id: "node\(node)-free", title: "Node \(node): free memory and watermarks",
      caption:
        "Free pages of the node at each sample. Watermarks are the sums over its zones, with the boost in force.\(several) Nothing free is drawn as one page.",
      yName: "mib", yLabel: "free memory (MiB, log)",
      logarithmicFrom: (curves.flatMap { $0.points.compactMap(\.y) }.min() ?? 1) / 2, curves)
  }

  /// A mark of a node: one line where all runs have the same at each sample, else a line a run.
  private func lines(_ mark: Watermark, _ node: Int, _ members: [(number: Int, one: Series)]) throws(ReportError)
    -> [Chart.Curve]
  {
    var columns: [(number: Int, one: Series, pages: [Double])] = []
    for (number, one) in members {
      let pages = try one.run.machine.column("node\(node)_\(mark.column(isTPP: one.run.isTPP))")
      if pages.contains(where: { $0 > 0 }) { columns.append((number, one, pages)) }
    }
    func points(_ one: Series, _ pages: [Double]) -> [(x: Double, y: Double?)] {
      one.level(pages, unit: time).map { ($0.x, $0.y.flatMap { $0 > 0 ? $0 * Self.mib : nil }) }
    }
    guard let first = columns.first else { return [] }
    let name = { (run: Series) in mark.column(isTPP: run.run.isTPP) }
    if isSingle {
      return [
        Chart.Curve(label: name(first.one), color: mark.color, stroke: .dashed, points: points(first.one, first.pages))
      ]
    }
    let isShared =
      columns.count == members.count
      && columns.allSatisfy { name($0.one) == name(first.one) && $0.pages == first.pages }
    if isShared {
      return [
        Chart.Curve(
          label: "\(name(first.one)) (all runs)", color: mark.color, stroke: .dashed,
          points: points(first.one, first.pages))
      ]
    }
    guard mark.isDrawnByRun else { return [] }
    return columns.map { number, one, pages in
      Chart.Curve(
        label: "\(one.run.name) \(name(one))", color: color(number, single: mark.color), stroke: .dashed,
        points: points(one, pages))
    }
  }

  /// MiB of a base page.
  private static let mib = 4096.0 / Double(1 << 20)
}

/// Watermarks of a node that are drawn (linux/include/linux/mmzone.h, enum zone_watermarks).
private enum Watermark: CaseIterable {
  case min, low, high
  /// WMARK_PROMO, or TPP's mark that demotion goes by.
  case tiering

  func column(isTPP: Bool) -> String {
    switch self {
    case .min: "min"
    case .low: "low"
    case .high: "high"
    case .tiering: isTPP ? "demote" : "promo"
    }
  }

  /// Whether it is drawn for each run where runs differ: the marks that wake kswapd, by default or for demotion.
  var isDrawnByRun: Bool { self == .low || self == .tiering }

  var color: PlotColor {
    switch self {
    case .min: .series(3)
    case .low: .series(6)
    case .high: .series(2)
    case .tiering: .series(4)
    }
  }
}

extension Movement {
  var color: PlotColor {
    switch self {
    // Pages go to the tier of this colour.
    case .promotion: .tier(0)
    case .demotion: .tier(1)
    case .compaction: .compaction
    }
  }

  /// The colour of a reason as migrate_pages names it; one for all reasons that move pages for something else.
  static func color(of reason: String) -> PlotColor {
    switch reason {
    case "numa_misplaced": promotion.color
    case "demotion": demotion.color
    case "compaction": compaction.color
    default: .series(0)
    }
  }
}

extension Chart {
  /// Without a legend: the labels of the axis say it.
  var withoutKeys: Chart {
    var chart = Chart(
      id: id, title: title, caption: caption, csv: csv, keys: [], commands: "unset key\n" + commands)
    chart.stretch = stretch
    return chart
  }
}
