// The guard: a process of its own session that grows the pool, waits for its parent's pipe to close, and shrinks the pool again.

import Foundation
import Host

/// What `pageferry host-guard` does. Its arguments are made by `HugePageReservation`; nobody types them.
public enum ReservationGuard {
  /// The hidden subcommand.
  public static let commandName = "host-guard"

  /// What the guard is told.
  struct Task: Equatable {
    var root = ""
    var folder = ""
    var pageSize = 0
    var owner: Int32 = 0
    var wants: [HugePageReservation.Want] = []

    var arguments: [String] {
      ["--root", root.isEmpty ? "/" : root, "--folder", folder, "--page-bytes", "\(pageSize)", "--owner", "\(owner)"]
        + wants.map { "\($0.node)=\($0.pages)" }
    }

    init(root: String, folder: String, pageSize: Int, owner: Int32, wants: [HugePageReservation.Want]) {
      self.root = root
      self.folder = folder
      self.pageSize = pageSize
      self.owner = owner
      self.wants = wants
    }

    init?(_ arguments: [String]) {
      guard arguments.count > 8, arguments[0] == "--root", arguments[2] == "--folder", arguments[4] == "--page-bytes",
        let size = Int(arguments[5]), size > 0, arguments[6] == "--owner", let id = Int32(arguments[7])
      else { return nil }
      root = HostRoot(arguments[1]).prefix
      folder = arguments[3]
      pageSize = size
      owner = id
      for want in arguments[8...] {
        let numbers = want.split(separator: "=").map { Int($0) }
        guard numbers.count == 2, let node = numbers[0], let pages = numbers[1], node >= 0, pages > 0 else {
          return nil
        }
        wants.append(HugePageReservation.Want(node: node, pages: pages))
      }
    }
  }

  /// Runs until standard input ends; the exit status. Answers one line on standard output: `held`, or what went wrong.
  public static func run(_ arguments: [String]) -> Int32 {
    guard let task = Task(arguments) else {
      FileHandle.standardError.write(Data("pageferry: \(commandName) is started by pageferry alone\n".utf8))
      return 2
    }
    setsid()
    // It ends with its parent, by the pipe, and with nothing else: a signal to both would otherwise leave the pages.
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP] { Foundation.signal(signal, SIG_IGN) }
    chdir("/")
    let root = HostRoot(task.root)
    let folder = ReservationFolder(path: task.folder)
    switch folder.locked({ grow(task, root, folder) }) {
    case .failure(let fault):
      answer(fault.text)
      return 1
    case .success(let record):
      answer("held")
      waitForTheEnd()
      return folder.locked { HugePageReservation.takeOut(record, root, folder) } == nil ? 0 : 1
    }
  }

  private struct Fault: Error { var text: String }

  /// Writes down what is to be done, does it, and writes down what came of it. What came too short is undone.
  private static func grow(_ task: Task, _ root: HostRoot, _ folder: ReservationFolder) -> Result<
    ReservationRecord, Fault
  > {
    let owner = ReservationRecord.Process(
      id: task.owner, start: ReservationRecord.Process.startTime(of: task.owner) ?? 0)
    var record = ReservationRecord(
      boot: ReservationRecord.thisBoot, pageSize: task.pageSize, owner: owner, keeper: .current(), changes: [])
    do throws(Unreadable) {
      for want in task.wants {
        let former = try PoolSize(root, pageSize: task.pageSize, node: want.node).persistent()
        record.changes.append(.init(node: want.node, former: former, wanted: want.pages))
      }
    } catch { return .failure(Fault(text: "\(error)")) }
    if let fault = record.write(to: folder.path) { return .failure(Fault(text: fault)) }
    var problem: String?
    for (index, change) in record.changes.enumerated() {
      let pool = PoolSize(root, pageSize: task.pageSize, node: change.node)
      problem = problem ?? pool.set(change.former + change.wanted)
      let added = ((try? pool.persistent()) ?? change.former) - change.former
      record.changes[index].added = min(change.wanted, max(0, added))
      if problem == nil, added < change.wanted {
        problem =
          "node \(change.node) gave \(max(0, added)) of \(change.wanted) pages: its free memory is in pieces, or too small"
      }
    }
    problem = problem ?? record.write(to: folder.path)
    guard let problem else { return .success(record) }
    _ = HugePageReservation.takeOut(record, root, folder)
    return .failure(Fault(text: problem))
  }

  private static func answer(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(STDOUT_FILENO, bytes, bytes.count)
  }

  private static func waitForTheEnd() {
    var byte: UInt8 = 0
    while true {
      let count = read(STDIN_FILENO, &byte, 1)
      if count == 0 || (count < 0 && errno != EINTR) { return }
    }
  }
}
