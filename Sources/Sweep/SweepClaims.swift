// Which cells are being made, and by whom: so that two processes on one file share the work.

import Foundation
import GRDB

/// A process of this machine, told from an earlier one of the same number.
struct SweepProcess: Equatable, Sendable {
  /// Of the machine since it was started: another machine's differs, and this one's after a restart.
  var boot: String
  var number: Int
  /// When it began, in ticks of the machine's clock (proc(5), starttime of /proc/pid/stat); 0 when it is not there.
  var start: Int

  static let current = SweepProcess(number: Int(getpid()))

  /// The process that has this number now.
  init(number: Int) {
    self.init(boot: SweepProcess.thisBoot, number: number, start: SweepProcess.start(of: number))
  }

  init(boot: String, number: Int, start: Int) {
    self.boot = boot
    self.number = number
    self.start = start
  }

  /// Whether it runs here. Of other machines nobody knows: they count as gone, and what they make is made twice.
  var isAlive: Bool { boot == SweepProcess.thisBoot && start != 0 && SweepProcess.start(of: number) == start }

  private static let thisBoot =
    (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8))?
    .trimmingCharacters(in: .whitespacesAndNewlines) ?? ""

  private static func start(of process: Int) -> Int {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      // The name, in parentheses, may have any letters; behind it starttime is the 20th field.
      let rest = text.lastIndex(of: ")").map({ text[text.index(after: $0)...].split(separator: " ") }), rest.count > 19
    else { return 0 }
    return Int(rest[19]) ?? 0
  }
}

/// What became of asking for a cell.
enum SweepClaim: Equatable {
  /// It is the caller's now.
  case granted
  /// Its row is there.
  case made
  /// A process that runs is making it.
  case taken
}

extension SweepFile {
  /// Asks for a cell, for the call of `SweepPlan.run` that `caller` names. Claims of processes that have ended are void.
  ///
  /// - Parameter retriesFailed: whether a row without a usable result counts as none.
  func claim(_ key: String, in sweep: Int, by caller: String, retriesFailed: Bool) throws(SweepError) -> SweepClaim {
    try write { database in
      let status = try String.fetchOne(
        database, sql: "SELECT status FROM cells WHERE sweep_id = ? AND cell_key = ?", arguments: [sweep, key])
      if let status, !retriesFailed || status == CellResult.Status.ok.rawValue { return .made }
      let row = try Row.fetchOne(
        database,
        sql: "SELECT caller, boot_id, pid, pid_start FROM claims WHERE sweep_id = ? AND cell_key = ?",
        arguments: [sweep, key])
      if let row {
        let owner = SweepProcess(boot: row["boot_id"], number: row["pid"], start: row["pid_start"])
        if row["caller"] != caller, owner.isAlive { return .taken }
      }
      let own = SweepProcess.current
      try database.execute(
        sql: """
          INSERT OR REPLACE INTO claims (sweep_id, cell_key, caller, boot_id, pid, pid_start) VALUES (?, ?, ?, ?, ?, ?)
          """, arguments: [sweep, key, caller, own.boot, own.number, own.start])
      return .granted
    }
  }

  /// Gives back what a call of `SweepPlan.run` claimed and did not make.
  func release(_ caller: String) throws(SweepError) {
    try write { try $0.execute(sql: "DELETE FROM claims WHERE caller = ?", arguments: [caller]) }
  }
}
