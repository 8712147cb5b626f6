// All rows for other programs: CSV and JSON, a line or an object for each cell.

import Compare
import Report
import Sysctl

extension StoredSweep {
  /// `did you mean ...?`, where something is near.
  static func near(_ name: String, _ candidates: [String]) -> String? {
    let near = NearMiss.find(name, among: candidates)
    return near.isEmpty ? nil : "did you mean \(near.joined(separator: " or "))?"
  }

  /// CSV (RFC 4180) of all sweeps: what was run, a column for each knob that any of them varies, seed, status, error, numbers, digest.
  /// What a row does not have is empty. Nothing in it depends on how many threads or calls made the rows.
  public static func csv(_ sweeps: [StoredSweep]) -> String {
    var knobs: [String] = []
    for name in sweeps.flatMap(\.knobs) where !knobs.contains(name) { knobs.append(name) }
    let heads = ["sweep_id", "sweep_key", "pageferry", "workload", "workload_digest"]
    let names = heads + knobs + ["seed", "status", "error", "warnings"] + Metric.all.map(\.name) + ["run_json_digest"]
    var text = names.map(Comparison.field).joined(separator: ",") + "\n"
    for sweep in sweeps {
      let head = [String(sweep.id), sweep.key, sweep.pageferry, sweep.workload, sweep.workloadDigest]
      for cell in sweep.cells {
        var line = head + knobs.map { cell.knobs[$0]?.text ?? "" }
        line += [String(cell.seed), cell.status, cell.error ?? "", cell.warnings.joined(separator: " | ")]
        line += Metric.all.map { cell.metrics[$0.name].map(String.init) ?? "" }
        line.append(cell.digest ?? "")
        text += line.map(Comparison.field).joined(separator: ",") + "\n"
      }
    }
    return text
  }

  /// The same as JSON: sweeps with their cells; knobs by name, as printed.
  public static func json(_ sweeps: [StoredSweep]) -> String {
    JSONValue.list(
      sweeps.map { sweep in
        .object([
          ("sweep_id", .integer(sweep.id)), ("sweep_key", .string(sweep.key)), ("pageferry", .string(sweep.pageferry)),
          ("workload", .string(sweep.workload)), ("workload_digest", .string(sweep.workloadDigest)),
          ("cells", .list(sweep.cells.map { cell(sweep.knobs, $0) })),
        ])
      }
    ).text
  }

  private static func cell(_ names: [String], _ cell: StoredCell) -> JSONValue {
    var pairs: [(String, JSONValue)] = [
      (
        "knobs",
        .object(names.compactMap { name in cell.knobs[name].map { (name, JSONValue.string($0.text)) } })
      ),
      ("seed", .integer(cell.seed)), ("status", .string(cell.status)),
    ]
    if let error = cell.error { pairs.append(("error", .string(error))) }
    if !cell.warnings.isEmpty { pairs.append(("warnings", .list(cell.warnings.map { .string($0) }))) }
    for metric in Metric.all {
      if let value = cell.metrics[metric.name] { pairs.append((metric.name, .integer(value))) }
    }
    if let digest = cell.digest { pairs.append(("run_json_digest", .string(digest))) }
    return .object(pairs)
  }
}
