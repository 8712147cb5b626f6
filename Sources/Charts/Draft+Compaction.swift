// Charts of compaction and of huge pages: what the scanners did, and what became of it. Only where a run had any.

import Plot
import Report

extension ReportCharts.Draft {
  /// Counters of /proc/vmstat drawn as rates in one chart.
  private struct Counters {
    var id: String
    var title: String
    var caption: String
    /// Of the table and of the axis.
    var yName: String
    var yLabel: String
    var names: [String]
  }

  /// What compaction and transparent huge pages count (linux/mm/compaction.c, mm/huge_memory.c, mm/khugepaged.c).
  private static let counters = [
    Counters(
      id: "compaction-pages", title: "Compaction: pages scanned and isolated",
      caption:
        "Pages that the migration scanner and the free scanner looked at, and pages that either isolated, between two samples.",
      yName: "pages_per_s", yLabel: "pages/s",
      names: ["compact_migrate_scanned", "compact_free_scanned", "compact_isolated"]),
    Counters(
      id: "compaction-calls", title: "Compaction: direct calls",
      caption: "Allocations that compacted memory themselves, and whether it helped, between two samples.",
      yName: "calls_per_s", yLabel: "calls/s", names: ["compact_stall", "compact_success", "compact_fail"]),
    Counters(
      id: "huge-pages", title: "Huge pages made and split",
      caption: "Huge pages that faults allocated, that were collapsed, and that were split, between two samples.",
      yName: "huge_pages_per_s", yLabel: "huge pages/s",
      names: ["thp_fault_alloc", "thp_fault_fallback", "thp_collapse_alloc", "thp_split_page"]),
  ]

  /// A chart for each group of counters that any run has counted. Of several runs each counter has a chart with a curve a run.
  func compaction() throws(ReportError) -> [Chart] {
    var charts: [Chart] = []
    for group in Self.counters {
      if isSingle {
        charts += try chart(group, id: group.id, title: group.title, names: group.names)
      } else {
        for name in group.names {
          charts += try chart(
            group, id: "\(group.id)-\(name.replacing("_", with: "-"))", title: name, names: [name])
        }
      }
    }
    return charts
  }

  private func chart(_ group: Counters, id: String, title: String, names: [String]) throws(ReportError) -> [Chart] {
    var curves: [Chart.Curve] = []
    for (number, one) in series.enumerated() {
      for (place, name) in names.enumerated() where one.run.vmstat.has(name) {
        let column = try one.run.vmstat.column(name)
        guard column.last ?? 0 > 0 else { continue }
        let growth = one.growth(column)
        curves.append(
          Chart.Curve(
            label: label(number, name), color: color(number, single: .series(place)),
            points: one.between(unit: time) { i, span in growth[i] / (span / 1000) }, isSteps: true))
      }
    }
    guard !curves.isEmpty else { return [] }
    return [
      self.curves(id: id, title: title, caption: group.caption, yName: group.yName, yLabel: group.yLabel, curves)
    ]
  }
}
