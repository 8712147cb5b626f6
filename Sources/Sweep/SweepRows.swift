// What is in a file of results, read as a whole, in an order that does not depend on how the rows came there.

import Foundation
import GRDB

/// One sweep of a file.
public struct StoredSweep: Sendable {
  /// Its number in the file.
  public var id: Int
  public var key: String
  public var pageferry: String
  public var workload: String
  public var workloadDigest: String
  /// The knobs that any of its cells varies, in the order of first use.
  public var knobs: [String]
  /// By the values of the knobs in their order, then by seed.
  public var cells: [StoredCell]
}

/// One cell of a file.
public struct StoredCell: Sendable {
  /// A value of a knob: as printed, and as a number where it is one.
  public struct Value: Equatable, Hashable, Sendable {
    public var text: String
    public var number: Int?
    public var unit: String?
  }

  public var knobs: [String: Value]
  /// What tells it from all others of the sweep but its seeds: the same values written in another order are another run.
  public var variant: String
  public var seed: Int
  public var status: String
  public var error: String?
  /// What the run warned of.
  public var warnings: [String] = []
  /// By the names of columns; only those that have a value.
  public var metrics: [String: Int]
  public var digest: String?

  /// Whether its numbers may be used.
  public var isUsable: Bool { status == CellResult.Status.ok.rawValue }
}

extension SweepFile {
  /// All sweeps, in the order in which they were begun.
  public func sweeps() throws(SweepError) -> [StoredSweep] {
    try read { database in
      let rows = try Row.fetchAll(
        database, sql: "SELECT sweep_id, sweep_key, pageferry, workload, workload_digest FROM sweeps ORDER BY sweep_id")
      return try rows.map { row in
        let id: Int = row["sweep_id"]
        let (knobs, cells) = try SweepFile.cells(database, sweep: id)
        return StoredSweep(
          id: id, key: row["sweep_key"], pageferry: row["pageferry"], workload: row["workload"],
          workloadDigest: row["workload_digest"], knobs: knobs, cells: cells)
      }
    }
  }

  /// One of them: by number, or the one begun last.
  public func sweep(number: Int? = nil) throws(SweepError) -> StoredSweep {
    let all = try sweeps()
    guard let number else {
      guard let last = all.last else {
        throw SweepError("\(path): there is no sweep in it", fix: "run one first", kind: .file)
      }
      return last
    }
    guard let sweep = all.first(where: { $0.id == number }) else {
      throw SweepError(
        "--sweep \(number): \(path) has no such sweep",
        fix: "it has \(all.map { String($0.id) }.joined(separator: ", "))")
    }
    return sweep
  }

  private static func cells(_ database: Database, sweep: Int) throws -> (knobs: [String], cells: [StoredCell]) {
    var settings: [Int: [String: StoredCell.Value]] = [:]
    var places: [String: Int] = [:]
    let knobRows = try Row.fetchAll(
      database,
      sql: """
        SELECT cell_id, position, name, value, number, unit FROM cell_knobs JOIN cells USING (cell_id)
        WHERE sweep_id = ? ORDER BY position, name
        """, arguments: [sweep])
    for row in knobRows {
      let name: String = row["name"]
      places[name] = min(places[name] ?? .max, row["position"])
      settings[row["cell_id"], default: [:]][name] = StoredCell.Value(
        text: row["value"], number: row["number"], unit: row["unit"])
    }
    let columns = Metric.all.map(\.name)
    let rows = try Row.fetchAll(
      database,
      sql:
        "SELECT cell_id, cell_key, seed, status, error, warnings, run_json_digest, \(columns.joined(separator: ", ")) FROM cells WHERE sweep_id = ?",
      arguments: [sweep])
    let cells = rows.map { row in
      var metrics: [String: Int] = [:]
      for name in columns { if let value: Int = row[name] { metrics[name] = value } }
      let (key, seed): (String, Int) = (row["cell_key"], row["seed"])
      return StoredCell(
        knobs: settings[row["cell_id"]] ?? [:], variant: key.replacingOccurrences(of: "seed=\(seed)", with: "seed="),
        seed: seed, status: row["status"], error: row["error"],
        warnings: (row["warnings"] as String?).map { $0.components(separatedBy: "\n") } ?? [],
        metrics: metrics, digest: row["run_json_digest"])
    }
    // Position, then name: the same whichever cell ended first.
    let knobs = places.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map(\.key)
    return (knobs, cells.sorted { $0.isBefore($1, knobs: knobs) })
  }
}

extension StoredCell.Value {
  /// Numbers by size, before texts by their letters.
  func isBefore(_ other: Self) -> Bool {
    switch (number, other.number) {
    case (let a?, let b?): a != b ? a < b : (unit ?? "", text) < (other.unit ?? "", other.text)
    case (_?, nil): true
    case (nil, _?): false
    case (nil, nil): text < other.text
    }
  }
}

extension StoredCell {
  fileprivate func isBefore(_ other: StoredCell, knobs names: [String]) -> Bool {
    for name in names where knobs[name] != other.knobs[name] {
      guard let a = knobs[name] else { return true }
      guard let b = other.knobs[name] else { return false }
      return a.isBefore(b)
    }
    return (variant, seed) < (other.variant, other.seed)
  }
}
