// Charts of migrations and copies: rates, list sizes, stages, sizes and latencies of copies, devices.

import Migration
import PageCopy
import Plot
import Report

extension ReportCharts.Draft {
  /// Rates over time, list sizes, time by stage.
  func migration() throws(ReportError) -> [Chart] {
    var charts: [Chart] = []
    let caption =
      "Pages moved between two samples, as in the rates over time that papers show for Graph500. Compaction is what moved and was neither promoted nor demoted."
    if isSingle {
      var curves: [Chart.Curve] = []
      for movement in Movement.allCases {
        curves.append(try rate(movement, of: 0, label: movement.rawValue, movement.color))
      }
      charts.append(
        self.curves(
          id: "rates", title: "Promotion, demotion and compaction", caption: caption, yName: "mib_per_s",
          yLabel: "moved (MiB/s)", curves))
    } else {
      for movement in Movement.allCases {
        var curves: [Chart.Curve] = []
        for (number, one) in series.enumerated() {
          curves.append(try rate(movement, of: number, label: one.run.name, PlotColor.series(number)))
        }
        guard curves.contains(where: { $0.points.contains { $0.y ?? 0 > 0 } }) else { continue }
        charts.append(
          self.curves(
            id: "rate-\(movement.rawValue)", title: "Rate of \(movement.rawValue)", caption: caption,
            yName: "mib_per_s",
            yLabel: "moved (MiB/s)", curves))
      }
    }
    charts += lists()
    charts += stages()
    return charts
  }

  private func rate(_ movement: Movement, of run: Int, label: String, _ color: PlotColor) throws(ReportError)
    -> Chart.Curve
  {
    let one = series[run]
    let growth = one.growth(try movement.pages(one))
    return Chart.Curve(
      label: label, color: color,
      points: one.between(unit: time) { i, span in growth[i] * 4096 / Double(1 << 20) / (span / 1000) },
      isSteps: true)
  }

  /// Sizes of page lists, a chart for each reason and mode.
  private func lists() -> [Chart] {
    var kinds: [(reason: String, mode: String)] = []
    for one in series {
      for calls in one.run.document.migrations.callsByPages
      where !kinds.contains(where: { $0 == (calls.reason, calls.mode) }) { kinds.append((calls.reason, calls.mode)) }
    }
    return kinds.map { kind in
      let histograms: [Chart.Bins] = series.enumerated().compactMap { number, one in
        let found = one.run.document.migrations.callsByPages.first { $0.reason == kind.reason && $0.mode == kind.mode }
        guard let found else { return nil }
        var bins: [Int: Double] = [:]
        for (pages, calls) in zip(found.pages, found.calls) {
          bins[pages == 0 ? -1 : Int.bitWidth - 1 - pages.leadingZeroBitCount, default: 0] += Double(calls)
        }
        return Chart.Bins(
          label: label(number, "migrate_pages"), color: color(number, single: Movement.color(of: kind.reason)),
          bins: bins.sorted { $0.key < $1.key }.map { bin, count in
            (from: bin < 0 ? 0 : Double(1 << bin), below: bin < 0 ? 1 : Double(2 << bin), count: count)
          })
      }
      let mode = kind.mode.replacing("MIGRATE_", with: "").lowercased().replacing("_", with: "-")
      return Chart.histogram(
        id: "list-\(kind.reason.replacing("_", with: "-"))-\(mode)", title: "Page lists: \(kind.reason), \(kind.mode)",
        caption:
          "Calls of migrate_pages by the base pages they moved, by powers of two. Calls that moved none are left of 1; \(series[0].run.document.migrations.largestPagesBinHoldsMore) holds more, too.",
        xName: "pages", xLabel: "base pages moved", isBinary: true, histograms)
    }
  }

  /// Reasons that any run has, in the kernel's order; those that this version does not know behind them.
  private var reasons: [String] {
    let found = Set(series.flatMap { $0.run.document.migrations.byReason.keys })
    let known = MigrateReason.allCases.map(\.name)
    return known.filter(found.contains) + found.subtracting(known).sorted()
  }

  /// Time of migrations by stage: of one run a bar for each reason, of several a chart for each reason with a bar for each run.
  private func stages() -> [Chart] {
    let largest =
      series.flatMap { $0.run.document.migrations.byReason.values }
      .map { $0.stageTimePs.values.reduce(0, +) }.max() ?? 0
    guard largest > 0 else { return [] }
    let unit = AxisUnit.time(milliseconds: Double(largest) / 1e9)
    func bar(_ run: RunRecord, _ reason: String, label: String) -> Chart.Bar? {
      guard let found = run.document.migrations.byReason[reason] else { return nil }
      return Chart.Bar(
        label: label,
        parts: MigrateStage.allCases.enumerated().map { number, stage in
          let name = stage == .putBack ? "put_back" : stage.name
          return (name, PlotColor.series(number), Double(found.stageTimePs[name] ?? 0) / 1e9 / unit.scale)
        })
    }
    func chart(_ id: String, _ title: String, _ what: String, _ bars: [Chart.Bar]) -> Chart {
      Chart.bars(
        id: id, title: title,
        caption:
          "Time of \(what) of the run, by stage: CPU time, but of copies the time from beginning to end, asleep or not.",
        name: "time_\(unit.name)", label: "time (\(unit.name))", bars)
    }
    if let only = series.first, isSingle {
      let bars = reasons.compactMap { bar(only.run, $0, label: $0) }
      return [chart("stages", "Migration time by stage", "all migrations", bars)]
    }
    return reasons.map { reason in
      chart(
        "stages-\(reason.replacing("_", with: "-"))", "Migration time by stage: \(reason)",
        "all migrations for this reason", series.compactMap { bar($0.run, reason, label: $0.run.name) })
    }
  }

  // MARK: Copies

  /// Sizes, latencies, bytes over time; devices. One run has its engines in one chart, several have a chart for each engine.
  func copies() throws(ReportError) -> [Chart] {
    var charts: [Chart] = []
    let groups = isSingle ? [CopyMethod.allCases] : CopyMethod.allCases.map { [$0] }
    for (measure, title, label) in [
      ("pages", "Copy sizes", "base pages a call"), ("ns", "Copy latencies", "time of a call"),
    ] {
      for methods in groups {
        var histograms: [Chart.Bins] = []
        for (number, one) in series.enumerated() {
          for method in methods {
            guard let bins = try bins(one.run.copies, method, measure) else { continue }
            histograms.append(
              Chart.Bins(
                label: self.label(number, method.label), color: color(number, single: method.color), bins: bins))
          }
        }
        guard !histograms.isEmpty else { continue }
        let what = measure == "pages" ? "by the base pages they copied" : "from their beginning to their end"
        charts.append(
          Chart.histogram(
            id: (measure == "pages" ? "copy-sizes" : "copy-latencies") + suffix(methods),
            title: title + titleSuffix(methods),
            caption:
              "Calls of each copy engine, lists and single pages, \(what). A bin is a quarter of a power of two.",
            xName: measure, xLabel: label, isBinary: measure == "pages", histograms))
      }
    }
    for methods in groups {
      let curves = try engines(methods)
      guard !curves.isEmpty else { continue }
      charts.append(
        self.curves(
          id: "engines" + suffix(methods), title: "Copied by \(isSingle ? "each engine" : methods[0].label)",
          caption: "Bytes copied between two samples.", yName: "mib_per_s", yLabel: "copied (MiB/s)", curves))
    }
    return charts + (try devices())
  }

  private func suffix(_ methods: [CopyMethod]) -> String {
    isSingle ? "" : "-" + methods[0].name.replacing("_", with: "-")
  }

  private func titleSuffix(_ methods: [CopyMethod]) -> String { isSingle ? "" : ": \(methods[0].label)" }

  /// Bins of copies.csv; nil when the engine had no calls.
  private func bins(_ table: CSVTable, _ method: CopyMethod, _ measure: String) throws(ReportError)
    -> [(from: Double, below: Double, count: Double)]?
  {
    let (from, below, calls) = (try table.column("from"), try table.column("below"), try table.column("calls"))
    let rows = (0..<table.rows).filter { table.words[0][$0] == method.name && table.words[1][$0] == measure }
    return rows.isEmpty ? nil : rows.map { (from: from[$0], below: below[$0], count: calls[$0]) }
  }

  /// Bytes that engines copied, over time.
  private func engines(_ methods: [CopyMethod]) throws(ReportError) -> [Chart.Curve] {
    var curves: [Chart.Curve] = []
    for (number, one) in series.enumerated() {
      for method in methods {
        let bytes = try one.run.machine.column("\(method.name)_bytes")
        guard bytes.last ?? 0 > 0 else { continue }
        let growth = one.growth(bytes)
        curves.append(
          Chart.Curve(
            label: label(number, method.label), color: color(number, single: method.color),
            points: one.between(unit: time) { i, span in growth[i] / Double(1 << 20) / (span / 1000) }, isSteps: true))
      }
    }
    return curves
  }

  /// Busy devices and descriptors in them: the mean of the devices that had work, and the least and most of any.
  private func devices() throws(ReportError) -> [Chart] {
    var charts: [Chart] = []
    for (suffix, title, caption, yName, yLabel) in [
      (
        "busy", "DSA devices: busy",
        "Share of the time between two samples in which a device had a descriptor in a queue or in progress.",
        "busy_percent", "busy (%)"
      ),
      (
        "occupancy", "DSA queues: occupancy",
        "Descriptors in the queues and in progress in a device, on average between two samples; members of batches are not counted.",
        "descriptors", "descriptors"
      ),
    ] {
      var curves: [Chart.Curve] = []
      for (number, one) in series.enumerated() {
        curves += try device(suffix, number, one)
      }
      guard !curves.isEmpty else { continue }
      charts.append(
        self.curves(
          id: "dsa-\(suffix)", title: title,
          caption:
            "\(caption) The line is the mean of all devices that had work in the run, the band from the least to the most of them.",
          yName: yName, yLabel: yLabel, curves))
    }
    return charts
  }

  private func device(_ suffix: String, _ number: Int, _ one: Series) throws(ReportError) -> [Chart.Curve] {
    var growths: [[Double]] = []
    var device = 0
    while one.run.machine.has("dsa\(device)_\(suffix)_ps") {
      let column = try one.run.machine.column("dsa\(device)_\(suffix)_ps")
      if column.last ?? 0 > 0 { growths.append(one.growth(column)) }
      device += 1
    }
    guard !growths.isEmpty else { return [] }
    // Picoseconds in a millisecond, as a share in percent or as a number of descriptors.
    let scale = suffix == "busy" ? 1e7 : 1e9
    func value(_ pick: @escaping ([Double]) -> Double) -> [(x: Double, y: Double?)] {
      one.between(unit: time) { i, span in pick(growths.map { $0[i] }) / scale / span }
    }
    let mean = value { $0.reduce(0, +) / Double($0.count) }
    let color = color(number, single: .dsa)
    var curves = [
      Chart.Curve(label: label(number, "mean of \(growths.count)"), color: color, points: mean, isSteps: true)
    ]
    if isSingle, growths.count > 1 {
      let least = value { $0.min() ?? 0 }
      curves.insert(
        Chart.Curve(
          label: "least to most", color: color, stroke: .band, points: value { $0.max() ?? 0 },
          lower: least.map { $0.y ?? 0 }, isSteps: true), at: 0)
    }
    return curves
  }
}

extension CopyMethod {
  /// A word for a legend.
  var label: String {
    switch self {
    case .cpu: "CPU"
    case .workers: "several CPUs"
    case .dsa: "DSA"
    }
  }

  var color: PlotColor {
    switch self {
    case .cpu: .cpu
    case .workers: .workers
    case .dsa: .dsa
    }
  }
}
