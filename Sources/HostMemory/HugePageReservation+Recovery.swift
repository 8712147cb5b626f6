// Taking pages out of the pool again: by the guard, and after it.

import Foundation
import Host
import Units

extension HugePageReservation {
  /// Looks for pages that a killed run left in the pool, when its guard was killed too, and takes them out.
  ///
  /// - Returns: a line for each such run: what was left, and that it is gone or how to undo it.
  public static func recover(_ root: HostRoot = .machine) -> [String] {
    recover(root, folder: ReservationFolder(root, creates: false).path)
  }

  static func recover(_ root: HostRoot, folder path: String) -> [String] {
    let folder = ReservationFolder(path: path)
    guard !folder.records.isEmpty else { return [] }
    return folder.locked { folder.records.compactMap { recover(record: $0, root, folder) } }
  }

  private static func recover(record name: String, _ root: HostRoot, _ folder: ReservationFolder) -> String? {
    let path = "\(folder.path)/\(name)"
    let text: String
    do throws(Unreadable) { text = try HostRoot.machine.text(path) } catch {
      return error.isAbsent ? nil : "\(error)"
    }
    guard let record = ReservationRecord(text) else {
      return "\(path) does not say which huge pages are left; look at nr_hugepages, then remove the file"
    }
    if record.boot != ReservationRecord.thisBoot {
      unlink(path)
      return nil
    }
    let isOwn = record.owner == .current()
    guard !record.keeper.isAlive, isOwn || !record.owner.isAlive else { return nil }
    let pages = record.changes.reduce(0) { $0 + left($1, record, root) }
    let who = "process \(record.owner.id) left \(pages) huge pages of \(ByteSize.text(record.pageSize)) in the pool"
    if let fault = takeOut(record, root, folder) { return "\(who); \(fault)" }
    return pages == 0 ? nil : "\(who); they are taken out again"
  }

  /// Pages of a change that are still there.
  private static func left(_ change: ReservationRecord.Change, _ record: ReservationRecord, _ root: HostRoot) -> Int {
    let pool = PoolSize(root, pageSize: record.pageSize, node: change.node)
    guard let persistent = try? pool.persistent() else { return 0 }
    // When nobody wrote down how many came, what is above the former size is taken for them.
    return change.added.map { min($0, persistent) } ?? min(change.wanted, max(0, persistent - change.former))
  }

  /// Makes each pool smaller by what was added, whatever others did to it meanwhile, and removes the record.
  /// - Returns: how to undo what could not be undone.
  static func takeOut(_ record: ReservationRecord, _ root: HostRoot, _ folder: ReservationFolder) -> String? {
    var faults: [String] = []
    for change in record.changes {
      let pool = PoolSize(root, pageSize: record.pageSize, node: change.node)
      let pages = left(change, record, root)
      guard pages > 0, let persistent = try? pool.persistent() else { continue }
      if let fault = pool.set(persistent - pages) {
        faults.append("\(fault); as root: echo \(persistent - pages) > \(pool.file)")
      }
    }
    if faults.isEmpty { unlink("\(folder.path)/\(record.fileName)") }
    return faults.isEmpty ? nil : faults.joined(separator: "; ")
  }
}
