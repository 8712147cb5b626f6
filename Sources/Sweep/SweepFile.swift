// The file of results: an SQLite database that several threads and processes may write, a row a transaction.

import Foundation
import GRDB
import Report
import Sysctl

/// A result of one cell, ready to be written.
struct CellResult: Sendable {
  enum Status: String, Sendable {
    case ok
    /// The run ended, and the checks of the model's books failed: its numbers are not to be trusted.
    case faulty
    case failed
  }

  var cell: SweepCell
  var key: String
  var status: Status
  var error: String?
  /// Of the run, a line each.
  var warnings: String?
  /// In the order of `Metric.all`; empty where there was no run.
  var metrics: [Int?] = []
  var digest: String?
  var effectiveKnobs: String?
}

/// An open file of results.
public struct SweepFile: Sendable {
  public let path: String
  private let queue: DatabaseQueue

  /// Opens a file to add to it; makes it when there is none.
  public init(writing path: String) throws(SweepError) {
    try self.init(path, isNew: true)
  }

  /// Opens a file that is there.
  public init(reading path: String) throws(SweepError) {
    guard FileManager.default.fileExists(atPath: path) else {
      throw SweepError(
        "\(path): there is no such file", fix: "pageferry sweep WORKLOAD --vary ... --out makes one", kind: .file)
    }
    try self.init(path, isNew: false)
  }

  private init(_ path: String, isNew: Bool) throws(SweepError) {
    self.path = path
    var configuration = Configuration()
    // What another process left half-written is rolled back by whoever opens the file next, which takes the right to write.
    configuration.readonly = !isNew && !FileManager.default.isWritableFile(atPath: path)
    configuration.busyMode = .timeout(60)
    queue = try SweepFile.guarding(path) {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      if isNew {
        try queue.write { try SweepSchema.prepare($0, path: path) }
      } else {
        try queue.read { try SweepFile.check($0, path: path) }
      }
      return queue
    }
  }

  private static func check(_ database: Database, path: String) throws {
    guard try Int.fetchOne(database, sql: "PRAGMA application_id") == SweepSchema.application,
      try Int.fetchOne(database, sql: "PRAGMA user_version") == SweepSchema.version
    else {
      throw SweepError(
        "\(path): is no file of a sweep that this program reads", fix: "name one that it wrote", kind: .file)
    }
  }

  func read<T>(_ body: (Database) throws -> T) throws(SweepError) -> T {
    try SweepFile.guarding(path) { try queue.read(body) }
  }

  func write<T>(_ body: (Database) throws -> T) throws(SweepError) -> T {
    try SweepFile.guarding(path) { try queue.write(body) }
  }

  /// SQLite's errors in our words.
  private static func guarding<T>(_ path: String, _ body: () throws -> T) throws(SweepError) -> T {
    do { return try body() } catch let error as SweepError { throw error } catch let error as DatabaseError {
      let fix =
        switch error.resultCode {
        case .SQLITE_CANTOPEN: "check the folder and its permissions"
        case .SQLITE_NOTADB: "name another file"
        case .SQLITE_BUSY: "another program holds the file; end it"
        case .SQLITE_FULL: "free some space on the disk"
        case .SQLITE_READONLY, .SQLITE_PERM: "check the permissions of the file and its folder"
        case .SQLITE_CORRUPT: "take a copy of the file"
        default: "check the disk"
        }
      throw SweepError("\(path): \(error.message ?? "SQLite error \(error.errorCode)")", fix: fix, kind: .file)
    } catch {
      throw SweepError("\(path): \(error)", kind: .file)
    }
  }
}

// MARK: What a running sweep writes

extension SweepFile {
  /// The number of a sweep in the file; its row is made when it is new.
  func sweep(_ plan: SweepPlan) throws(SweepError) -> Int {
    let inputs = plan.inputs
    return try write { database in
      try database.execute(
        sql: """
          INSERT INTO sweeps (sweep_key, pageferry, build, workload, workload_file, workload_digest, traces, base_knobs)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sweep_key) DO NOTHING
          """,
        arguments: [
          "\(plan.key)", inputs.version, plan.build, plan.workload.spec.name, inputs.workload.name,
          "\(inputs.workload.digest)", SweepFile.traces(inputs), inputs.tree.sysctlText(),
        ])
      return try Int.fetchOne(
        database, sql: "SELECT sweep_id FROM sweeps WHERE sweep_key = ?", arguments: ["\(plan.key)"]) ?? 0
    }
  }

  /// The cells of a sweep that are there, by key, with their errors.
  func cells(of sweep: Int) throws(SweepError) -> [String: (status: String, error: String?)] {
    try read { database in
      var cells: [String: (status: String, error: String?)] = [:]
      let rows = try Row.fetchAll(
        database, sql: "SELECT cell_key, status, error FROM cells WHERE sweep_id = ?", arguments: [sweep])
      for row in rows { cells[row[0]] = (row[1], row[2]) }
      return cells
    }
  }

  /// Cells of sweeps that differ from this one in the build of the program alone, or in the contents of `hw.dsa.config`.
  public func cellsOfOtherBuilds(_ plan: SweepPlan) throws(SweepError) -> Int {
    try read { database in
      try Int.fetchOne(
        database,
        sql: """
          SELECT count(*) FROM cells JOIN sweeps USING (sweep_id)
          WHERE sweep_key <> ? AND pageferry = ? AND workload_file = ? AND workload_digest = ? AND traces = ? AND base_knobs = ?
          """,
        arguments: [
          "\(plan.key)", plan.inputs.version, plan.inputs.workload.name, "\(plan.inputs.workload.digest)",
          SweepFile.traces(plan.inputs), plan.inputs.tree.sysctlText(),
        ]) ?? 0
    }
  }

  /// A line for each trace.
  private static func traces(_ inputs: RunInputs) -> String {
    inputs.traces.map { "\($0.name) \($0.digest)" }.joined(separator: "\n")
  }

  /// Writes a row, and ends the claim to it; one of the same key stays, unless it is to be replaced. Equal keys have equal results.
  func insert(_ result: CellResult, sweep: Int, tree: KnobTree, replacing: Bool) throws(SweepError) {
    let metrics = result.metrics.isEmpty ? Array(repeating: nil, count: Metric.all.count) : result.metrics
    let names =
      ["sweep_id", "cell_key", "knobs", "seed", "status", "error", "warnings"] + Metric.all.map(\.name)
      + ["run_json_digest", "effective_knobs"]
    var values: [(any DatabaseValueConvertible)?] = [
      sweep, result.key, result.cell.text, result.cell.seed, result.status.rawValue, result.error, result.warnings,
    ]
    values += metrics.map { $0 }
    values += [result.digest, result.effectiveKnobs]
    let arguments = StatementArguments(values)
    try write { database in
      try database.execute(
        sql: "DELETE FROM claims WHERE sweep_id = ? AND cell_key = ?", arguments: [sweep, result.key])
      try database.execute(
        sql: """
          INSERT OR \(replacing ? "REPLACE" : "IGNORE") INTO cells (\(names.joined(separator: ", ")))
          VALUES (\(names.map { _ in "?" }.joined(separator: ", ")))
          """, arguments: arguments)
      guard database.changesCount > 0 else { return }
      let cell = database.lastInsertedRowID
      for (position, knob) in result.cell.knobs.enumerated() {
        var number: Int?
        var unit: String?
        if let entry = try? tree.entry(knob.name), let kind = ValueUnit(entry.card.kind),
          let value = try? kind.number(knob.value)
        {
          number = value.value
          unit = kind.name(value, entry.card)
        }
        try database.execute(
          sql: "INSERT INTO cell_knobs (cell_id, position, name, value, number, unit) VALUES (?, ?, ?, ?, ?, ?)",
          arguments: [cell, position, knob.name, knob.value, number, unit])
      }
    }
  }
}
