// The tables at the end of a report: knobs that differ from their defaults, and where the numbers come from.

import Foundation
import Plot

/// Knobs and provenance of runs.
struct ReportFacts {
  let runs: [RunRecord]

  init(_ runs: [RunRecord]) { self.runs = runs }

  var html: String { "<h2>Knobs that differ from their defaults</h2>\n" + knobs + "<h2>Provenance</h2>\n" + provenance }

  private func text(_ raw: String) -> String { InlineSVG.escaped(raw) }

  private func row(_ first: String, _ values: [String], cell: String = "td") -> String {
    "<tr><th scope=\"row\">\(first)</th>" + values.map { "<\(cell)>\($0)</\(cell)>" }.joined() + "</tr>\n"
  }

  private var headings: [String] { runs.count > 1 ? runs.map { text($0.name) } : ["this run"] }

  // MARK: Knobs

  private var knobs: String {
    var names: [String] = []
    var standards: [String: String?] = [:]
    for change in runs.flatMap(\.changes) where standards[change.name] == nil {
      names.append(change.name)
      standards[change.name] = .some(change.standard)
    }
    guard !names.isEmpty else { return "<p>None.</p>\n" }
    var html = "<div class=\"table\"><table>\n" + row("knob", headings + ["default"], cell: "th")
    for name in names {
      let standard = (standards[name] ?? nil).map { value($0) } ?? "not in this version"
      html += row(
        "<code>\(text(name))</code>",
        runs.map { run in run.changes.first { $0.name == name }.map { "<b>\(value($0.value))</b>" } ?? standard }
          + [standard])
    }
    return html + "</table></div>\n"
  }

  private func value(_ raw: String) -> String { raw.isEmpty ? "(empty)" : "<code>\(text(raw))</code>" }

  // MARK: Provenance

  private var provenance: String {
    let facts: [(String, (RunDocument) -> String)] = [
      ("pageferry", { $0.pageferry }), ("kernel rules", { "\($0.kernel.rules), \($0.kernel.status)" }),
      ("workload", { "\($0.workload.file), \($0.workload.digest)" }),
      ("traces", { $0.workload.traces.map { "\($0.file), \($0.digest)" }.joined(separator: "; ") }),
      ("seed", { "\($0.seed)" }), ("elapsed", { "\($0.elapsedPs) ps" }),
      ("footprint", { "\($0.footprintPages) pages of 4 KiB" }), ("accesses", { "\($0.totals.accesses)" }),
      ("lines lost of trace.txt", { "\($0.migrations.traceEventsLost)" }),
      ("config.sysctl", { $0.files["config.sysctl"] ?? "" }), ("vmstat.csv", { $0.files["vmstat.csv"] ?? "" }),
      ("machine.csv", { $0.files["machine.csv"] ?? "" }), ("heat.csv", { $0.files["heat.csv"] ?? "" }),
      ("regions.csv", { $0.files["regions.csv"] ?? "" }), ("copies.csv", { $0.files["copies.csv"] ?? "" }),
    ]
    var html = "<div class=\"table\"><table>\n" + row("", headings, cell: "th")
    for (name, fact) in facts {
      let values = runs.map { text(fact($0.document)) }
      if values.contains(where: { !$0.isEmpty }) { html += row(name, values) }
    }
    return html + "</table></div>\n"
  }
}
