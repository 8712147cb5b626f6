// Charts of run directories that have counters of compaction, have them at 0, or are from before there were any.

import Foundation
import Plot
import Report
import Testing

@testable import Charts

struct CompactionTests {
  /// Changes vmstat.csv and run.json of a run directory, digests included.
  static func rewrite(
    _ path: String, vmstat change: (inout [[String]]) -> Void, document edit: (inout [String: Any]) -> Void = { _ in }
  ) throws {
    let old = try String(contentsOfFile: path + "/vmstat.csv", encoding: .utf8)
    var rows = old.split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
    change(&rows)
    let new = rows.map { $0.joined(separator: ",") + "\n" }.joined()
    try new.write(toFile: path + "/vmstat.csv", atomically: true, encoding: .utf8)
    let json = URL(fileURLWithPath: path + "/run.json")
    var document = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: json)) as? [String: Any])
    var files = try #require(document["files"] as? [String: String])
    files["vmstat.csv"] = "\(Digest(of: new))"
    document["files"] = files
    edit(&document)
    try JSONSerialization.data(withJSONObject: document).write(to: json)
  }

  /// Sets a counter to `step` times the sample's number; a new one gets a column.
  static func count(_ name: String, _ step: Int, in rows: inout [[String]]) {
    let place = rows[0].firstIndex(of: name) ?? rows[0].count
    for i in rows.indices {
      let value = i == 0 ? name : "\((i - 1) * step)"
      if place < rows[i].count { rows[i][place] = value } else { rows[i].append(value) }
    }
  }

  static func compact(_ path: String) throws {
    try rewrite(path) { rows in
      for (name, step) in [
        ("compact_migrate_scanned", 900), ("compact_free_scanned", 700), ("compact_isolated", 400),
        ("compact_stall", 3), ("compact_success", 2), ("compact_fail", 1), ("thp_collapse_alloc", 5),
      ] { count(name, step, in: &rows) }
    } document: { document in
      guard var migrations = document["migrations"] as? [String: Any],
        var calls = migrations["calls_by_pages"] as? [Any], var reasons = migrations["by_reason"] as? [String: Any]
      else { return }
      calls.append(["reason": "compaction", "mode": "MIGRATE_SYNC_LIGHT", "pages": [1, 32], "calls": [3, 4]])
      reasons["compaction"] = ["stage_time_ps": ["copy": 2_000_000, "remap": 1_000_000]]
      reasons["of_another_kernel"] = ["stage_time_ps": ["copy": 1_000_000]]
      (migrations["calls_by_pages"], migrations["by_reason"]) = (calls, reasons)
      document["migrations"] = migrations
    }
  }

  @Test func `compaction has its charts, its histogram and its colour`() throws {
    try TinyRun.withFolder { folder in
      let path = try TinyRun.write("a", in: folder)
      try CompactionTests.compact(path)
      let charts = try ReportCharts([try RunRecord(path)])
      func chart(_ id: String) throws -> Chart { try #require(charts.charts.first { $0.id == id }, "\(id)") }
      #expect(charts.sections.map(\.title).contains("Compaction and huge pages"))
      #expect(
        try chart("compaction-pages").keys.map(\.label) == [
          "compact_migrate_scanned", "compact_free_scanned", "compact_isolated",
        ])
      #expect(try chart("compaction-calls").keys.count == 3)
      #expect(try chart("huge-pages").keys.map(\.label) == ["thp_collapse_alloc"])
      #expect(try chart("compaction-pages").csv.hasPrefix("series,time_ms,pages_per_s\ncompact_migrate_scanned,0,"))
      let list = try chart("list-compaction-sync-light")
      #expect(list.keys.map(\.color) == [.compaction])
      #expect(list.csv.hasSuffix("migrate_pages,1,2,3\nmigrate_pages,32,64,4\n"))
      #expect(try chart("rates").keys.map(\.color) == [.tier(0), .tier(1), .compaction])
      #expect(try chart("list-demotion-async").keys.map(\.color) == [.tier(1)])
      let reasons = try chart("stages").csv.split(separator: "\n").dropFirst().map { $0.prefix { $0 != "," } }
      #expect(reasons.first == "compaction" && reasons.last == "of_another_kernel")
      if let gnuplot {
        for id in ["compaction-pages", "huge-pages", "list-compaction-sync-light", "stages"] {
          #expect(try !chart(id).figure(gnuplot, as: .svg).isEmpty)
        }
      }
    }
  }

  @Test func `without counters, or with none but 0, there is no such chart`() throws {
    try TinyRun.withFolder { folder in
      let path = try TinyRun.write("a", in: folder)
      let zero = try ReportCharts([try RunRecord(path)]).charts.map(\.id)
      #expect(!zero.contains { $0.hasPrefix("compaction") })
      try CompactionTests.rewrite(path) { rows in
        let places = rows[0].indices.filter { !rows[0][$0].hasPrefix("compact_") && !rows[0][$0].hasPrefix("thp_") }
        rows = rows.map { row in places.map { row[$0] } }
      }
      #expect(try ReportCharts([try RunRecord(path)]).charts.map(\.id) == zero)
    }
  }

  @Test func `of several runs each counter has a chart, and runs without it no curve`() throws {
    try TinyRun.withFolder { folder in
      let paths = [try TinyRun.write("a", in: folder), try TinyRun.write("b", in: folder)]
      try CompactionTests.compact(paths[0])
      let charts = try ReportCharts(try RunRecord.read(paths)).charts
      let scanned = try #require(charts.first { $0.id == "compaction-pages-compact-migrate-scanned" })
      #expect(scanned.keys.map(\.label) == ["a"])
      let lists = try #require(charts.first { $0.id == "list-compaction-sync-light" })
      #expect(lists.keys.map(\.label) == ["a"])
    }
  }

  @Test func `watermarks that all runs share are one line, others a line a run`() throws {
    try TinyRun.withFolder { folder in
      let same = [try TinyRun.write("a", in: folder), try TinyRun.write("b", in: folder)]
      func keys(_ paths: [String], _ node: Int) throws -> [String] {
        let charts = try ReportCharts(try RunRecord.read(paths)).charts
        return try #require(charts.first { $0.id == "node\(node)-free" }).keys.filter(\.isDashed).map(\.label)
      }
      #expect(
        try keys(same, 0) == ["min (all runs)", "low (all runs)", "high (all runs)", "demote (all runs)"])
      let other = try TinyRun.write("c", in: folder, TinyRun.tiering + "\nvm.watermark_scale_factor = 500")
      let differing = try keys([same[0], other], 0)
      #expect(differing.prefix(2) == ["a low", "c low"])
      #expect(!differing.contains { $0.hasSuffix(" high") })
    }
  }
}
