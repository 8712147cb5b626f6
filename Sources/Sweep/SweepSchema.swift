// The tables of a file of results; docs/sweep.md explains them.

import GRDB

enum SweepSchema {
  /// `PRAGMA application_id`: "PFsw".
  static let application = 0x5046_7377
  /// `PRAGMA user_version`; it goes up when a column changes its meaning or goes away.
  static let version = 1

  static let statements = [
    """
    CREATE TABLE sweeps (
      sweep_id INTEGER PRIMARY KEY,
      sweep_key TEXT NOT NULL UNIQUE,
      pageferry TEXT NOT NULL,
      build TEXT,
      workload TEXT NOT NULL,
      workload_file TEXT NOT NULL,
      workload_digest TEXT NOT NULL,
      traces TEXT NOT NULL,
      base_knobs TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE cells (
      cell_id INTEGER PRIMARY KEY,
      sweep_id INTEGER NOT NULL REFERENCES sweeps ON DELETE CASCADE,
      cell_key TEXT NOT NULL,
      knobs TEXT NOT NULL,
      seed INTEGER NOT NULL,
      status TEXT NOT NULL CHECK (status IN ('ok', 'faulty', 'failed')),
      error TEXT,
      warnings TEXT,
    \(Metric.all.map { "  \($0.name) INTEGER,\n" }.joined())\
      run_json_digest TEXT,
      effective_knobs TEXT,
      UNIQUE (sweep_id, cell_key)
    )
    """,
    """
    CREATE TABLE cell_knobs (
      cell_id INTEGER NOT NULL REFERENCES cells ON DELETE CASCADE,
      position INTEGER NOT NULL,
      name TEXT NOT NULL,
      value TEXT NOT NULL,
      number INTEGER,
      unit TEXT,
      PRIMARY KEY (cell_id, name)
    ) WITHOUT ROWID
    """,
  ]

  /// Who is making which cell, while it is made.
  private static let claims = """
    CREATE TABLE IF NOT EXISTS claims (
      sweep_id INTEGER NOT NULL REFERENCES sweeps ON DELETE CASCADE,
      cell_key TEXT NOT NULL,
      caller TEXT NOT NULL,
      boot_id TEXT NOT NULL,
      pid INTEGER NOT NULL,
      pid_start INTEGER NOT NULL,
      PRIMARY KEY (sweep_id, cell_key)
    ) WITHOUT ROWID
    """

  /// Adds what files of this layout did not have from the beginning.
  private static func complete(_ database: Database) throws {
    try database.execute(sql: claims)
    if try !database.columns(in: "sweeps").contains(where: { $0.name == "build" }) {
      try database.execute(sql: "ALTER TABLE sweeps ADD COLUMN build TEXT")
    }
  }

  /// Makes the tables of a file that is empty; refuses one of somebody else.
  static func prepare(_ database: Database, path: String) throws {
    let application = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    if application == Self.application {
      guard version == Self.version else {
        throw SweepError(
          "\(path): its layout has version \(version), and this program writes \(Self.version)",
          fix: "name another file",
          kind: .file)
      }
      return try complete(database)
    }
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
    guard application == 0, tables == 0 else {
      throw SweepError("\(path): is a database, but none of a sweep", fix: "name another file", kind: .file)
    }
    for statement in statements { try database.execute(sql: statement) }
    try complete(database)
    try database.execute(sql: "PRAGMA application_id = \(Self.application)")
    try database.execute(sql: "PRAGMA user_version = \(Self.version)")
  }
}
