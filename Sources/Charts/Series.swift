// Series of a run over modelled time: thinned, as shares, rates and levels.

import Report

/// The samples of a run that are drawn.
struct Series {
  /// Points that a curve has at the most; of more samples every k-th is drawn, and rates are over the k intervals between.
  static let maxPoints = 480

  let run: RunRecord
  /// Rows of vmstat.csv and machine.csv.
  let rows: [Int]
  /// Milliseconds, by row drawn.
  let times: [Double]

  init(_ run: RunRecord) throws(ReportError) {
    self.run = run
    let all = try run.vmstat.column("time_ms")
    let step = (all.count + Series.maxPoints - 1) / Series.maxPoints
    var rows = Array(stride(from: 0, to: all.count, by: max(step, 1)))
    if rows.last != all.count - 1 { rows.append(all.count - 1) }
    self.rows = rows
    times = rows.map { all[$0] }
    for i in 1..<times.count where times[i] < times[i - 1] {
      throw CSVTable.damaged(run.vmstat.path, rows[i] + 2, "time goes back")
    }
  }

  /// Milliseconds of the run.
  var elapsed: Double { Double(run.document.elapsedPs) / 1e9 }

  /// A level at each sample.
  func level(_ column: [Double], unit: AxisUnit, times scale: Double = 1) -> [(x: Double, y: Double?)] {
    zip(rows, times).map { (x: $1 / unit.scale, y: column[$0] * scale) }
  }

  /// Growth of a counter, by interval between samples drawn.
  func growth(_ column: [Double]) -> [Double] {
    (1..<max(rows.count, 1)).map { column[rows[$0]] - column[rows[$0 - 1]] }
  }

  /// A value of each interval, at its beginning, and the end of the last; nil is a gap.
  func between(unit: AxisUnit, _ value: (_ interval: Int, _ milliseconds: Double) -> Double?) -> [(
    x: Double, y: Double?
  )] {
    var points: [(x: Double, y: Double?)] = []
    for i in 0..<max(times.count - 1, 0) where times[i + 1] > times[i] {
      points.append((x: times[i] / unit.scale, y: value(i, times[i + 1] - times[i])))
    }
    guard let last = points.last, let end = times.last else { return [] }
    return points + [(x: end / unit.scale, y: last.y)]
  }

  /// Sum of counters that the run's kernel has.
  func sum(_ names: [String]) throws(ReportError) -> [Double] {
    var total = [Double](repeating: 0, count: run.vmstat.rows)
    for name in names where run.vmstat.has(name) {
      let column = try run.vmstat.column(name)
      for i in total.indices { total[i] += column[i] }
    }
    return total
  }
}

/// Pages that moved, by what moved them.
enum Movement: String, CaseIterable {
  case promotion, demotion, compaction

  /// Pages up to each sample.
  ///
  /// Source of the identity: linux/mm/migrate.c migrate_pages counts every page that moved in pgmigrate_success; promotions and
  /// demotions are counted apart, and what is left was moved for compaction or by system calls.
  func pages(_ series: Series) throws(ReportError) -> [Double] {
    let promoted = try series.sum([series.run.isTPP ? "numa_pages_migrated" : "pgpromote_success"])
    let demoted = try series.sum(["pgdemote_kswapd", "pgdemote_direct"])
    switch self {
    case .promotion: return promoted
    case .demotion: return demoted
    case .compaction:
      let all = try series.sum(["pgmigrate_success"])
      let balanced = try series.sum(["numa_pages_migrated"])
      return all.indices.map { max(all[$0] - demoted[$0] - max(promoted[$0], balanced[$0]), 0) }
    }
  }
}

extension RunRecord {
  var isTPP: Bool { document.kernel.rules.hasPrefix("tpp") }

  /// Pages promoted, demoted and compacted in all.
  func moved(_ movement: Movement) throws(ReportError) -> Double {
    try movement.pages(try Series(self)).last ?? 0
  }

  var hitShare: Double {
    let totals = document.totalsExcludingWarmup
    return totals.accesses > 0 ? Double(totals.fastAccesses) / Double(totals.accesses) * 100 : 0
  }
}
