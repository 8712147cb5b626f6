// Copies by a CPU, and whole migrations: what of them can be scored, and what cannot.

import Units

enum CPUCopies {
  /// Local copies from memory are bytes over `cost.copy_bandwidth`, which was read off migrations on other hardware.
  static func copies(
    _ folder: String, _ copyBandwidth: Int, _ points: inout [CalibrationPoint], _ unscored: inout [UnscoredRow]
  ) throws(CalibrationError) {
    let table = try CalibrationTable(
      "cpu-copy.csv", columns: ["conditions", "size_bytes", "us", "source"], folder: folder)
    for row in table.rows {
      let size = try row.count("size_bytes", in: 1...1 << 40)
      let published = try row.value("us")
      let reason = try row.choice(
        "conditions",
        [
          ("one core cold local", nil),
          ("one core warm", "a copy within the CPU's cache; copies of pages come from memory"),
          ("one core, kernel list copy of 4 KiB pages", "derived from other numbers, not measured"),
          ("one core local to remote node", "no law of a latency and a rate meets these rows (20 % off)"),
        ] as [(String, String?)])
      let name = "\(row["conditions"]), \(Calibration.size(size))"
      if let reason {
        unscored.append(UnscoredRow(table: table.name, line: row.line, name: name, reason: reason))
      } else {
        points.append(
          CalibrationPoint(
            table: table.name, line: row.line, source: row["source"], name: name, unit: "us", published: published,
            modelled: Double(size) / Double(copyBandwidth) * 1e6, role: .predicted))
      }
    }
  }

  /// Migrations by CPU are what the stage costs were read off, and the others went over another vendor's engine.
  static func migrations(_ folder: String, _ unscored: inout [UnscoredRow]) throws(CalibrationError) {
    let table = try CalibrationTable(
      "migration-bulk.csv", columns: ["engine", "folio_bytes", "gb_per_s", "source"], folder: folder)
    for row in table.rows {
      let size = try row.count("folio_bytes", in: 1...1 << 40)
      _ = try row.value("gb_per_s")
      let isCPU = row["engine"].hasPrefix("cpu ")
      unscored.append(
        UnscoredRow(
          table: table.name, line: row.line, name: "\(row["engine"]), \(Calibration.size(size))",
          reason: isCPU
            ? "cost.copy_bandwidth and the stages' costs were read off the same mails (4 KiB and 2 MiB): it would compare a "
              + "fit with itself"
            : "an AMD PTDMA engine, which is not modelled"))
    }
  }
}
