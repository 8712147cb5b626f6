// The table that people read: a row for each combination of values, means over its seeds.

import Compare
import Report

/// Cells of one combination of values.
struct Combination {
  var values: [StoredCell.Value?]
  var cells: [StoredCell]

  func estimate(_ column: String) -> Estimate? { Estimate(cells.filter(\.isUsable).compactMap { $0.metrics[column] }) }
  var failed: [StoredCell] { cells.filter { !$0.isUsable } }
}

extension StoredSweep {
  /// What the table has when nothing is said.
  public static let standardMetrics = [
    "measured_ps", "measured_accesses_per_s", "fast_share_millionths", "demoted_pages", "promoted_pages",
    "migration_ps",
    "stage_copy_ps",
  ]

  var combinations: [Combination] {
    var all: [Combination] = []
    var places: [String: Int] = [:]
    for cell in cells {
      let values = knobs.map { cell.knobs[$0] }
      if let place = places[cell.variant] {
        all[place].cells.append(cell)
      } else {
        places[cell.variant] = all.count
        all.append(Combination(values: values, cells: [cell]))
      }
    }
    return all
  }

  /// A heading, the table, and what failed.
  ///
  /// - Parameters:
  ///   - metrics: names of columns.
  ///   - isByCell: a row for each cell instead of means.
  public func table(metrics: [String], isByCell: Bool = false) throws(SweepError) -> String {
    for name in metrics { _ = try StoredSweep.metric(name) }
    let rows =
      isByCell
      ? combinations.flatMap { one in one.cells.map { Combination(values: one.values, cells: [$0]) } } : combinations
    let failed = cells.count { !$0.isUsable }
    var text = "sweep \(id): \(workload), \(cells.count) cells of \(combinations.count) combinations"
    text += failed > 0 ? ", \(failed) without a result\n" : "\n"
    text += "pageferry \(pageferry), workload \(workloadDigest), key \(key)\n\n"
    let columns = metrics.map { name in
      let estimates = rows.map { $0.estimate(name) }
      return (name, estimates, MetricScale(column: name, greatest: estimates.compactMap { $0?.mean }.max() ?? 0))
    }
    var headings = Array(knobs.dropFirst()) + [isByCell ? "seed" : "seeds"]
    for (name, _, scale) in columns {
      headings.append(MetricScale.title(name) + (scale.unit.isEmpty ? "" : ", \(scale.unit)"))
      if !isByCell { headings.append("+-") }
    }
    var table = TextTable(columns: headings, corner: knobs.first ?? "")
    for (index, row) in rows.enumerated() {
      var line = row.values.dropFirst().map { $0?.text ?? "-" }
      line.append(isByCell ? String(row.cells[0].seed) : String(row.cells.count(where: \.isUsable)))
      for (_, estimates, scale) in columns {
        let estimate = estimates[index]
        line.append(estimate.map { scale.text($0.mean) } ?? "-")
        if !isByCell { line.append(estimate?.halfWidth.map { scale.text($0) } ?? "-") }
      }
      table.add(row.values.first.flatMap { $0?.text } ?? "", line)
    }
    text += table.text
    if !isByCell { text += "\nmeans over the seeds; +- is half the 95 % confidence interval of the mean\n" }
    for warning in Set(cells.flatMap(\.warnings)).sorted() {
      text += "warning (\(cells.count { $0.warnings.contains(warning) }) cells): \(warning)\n"
    }
    for row in combinations {
      guard let first = row.failed.first else { continue }
      let named = zip(knobs, row.values).compactMap { name, value in value.map { "\(name)=\($0.text)" } }
      let others = row.failed.count > 1 ? " (and \(row.failed.count - 1) more seeds)" : ""
      text += "\(first.status): \(named.joined(separator: " ")), seed \(first.seed): \(first.error ?? "")\(others)\n"
    }
    return text
  }

  /// The column of this name.
  static func metric(_ name: String) throws(SweepError) -> Metric {
    if let metric = Metric.named(name) { return metric }
    let near = StoredSweep.near(name, Metric.all.map(\.name))
    throw SweepError("there is no column '\(name)'", fix: near ?? "pageferry sweep show --list-metrics names them")
  }
}
