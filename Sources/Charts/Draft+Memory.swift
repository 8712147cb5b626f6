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
    for (number, one) in series.enumerated() where node < one.run.document.machine.nodes.count {
      let tier = one.run.document.machine.nodes[node].tier
      let mib = 4096.0 / Double(1 << 20)
      let free = try one.run.vmstat.column("node\(node)_nr_free_pages")
      // A logarithmic axis has no 0: what is less than a page is drawn as one.
      curves.append(
        Chart.Curve(
          label: label(number, "free"), color: color(number, single: .tier(tier)),
          points: one.level(free, unit: time).map { ($0.x, $0.y.map { max($0, 1) * mib }) }))
      guard isSingle else { continue }
      let tiering = one.run.isTPP ? "demote" : "promo"
      for (mark, color) in zip(["min", "low", "high", tiering], [3, 6, 2, 4]) {
        let column = try one.run.machine.column("node\(node)_\(mark)")
        guard column.contains(where: { $0 > 0 }) else { continue }
        curves.append(
          Chart.Curve(
            label: mark, color: PlotColor.series(color), stroke: .dashed,
            points: one.level(column, unit: time).map { ($0.x, $0.y.flatMap { $0 > 0 ? $0 * mib : nil }) }))
      }
    }
    let marks =
      isSingle
      ? "Watermarks are the sums over its zones, with the boost in force."
      : "Watermarks are in the report of each run by itself."
    return self.curves(
      id: "node\(node)-free", title: "Node \(node): free memory\(isSingle ? " and watermarks" : "")",
      caption: "Free pages of the node at each sample. \(marks) Nothing free is drawn as one page.", yName: "mib",
      yLabel: "MiB (log)",
      logarithmicFrom: (curves.flatMap { $0.points.compactMap(\.y) }.min() ?? 1) / 2, curves)
  }
}

extension Movement {
  var color: PlotColor {
    switch self {
    // Pages go to the tier of this colour.
    case .promotion: .tier(0)
    case .demotion: .tier(1)
    case .compaction: .series(6)
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
