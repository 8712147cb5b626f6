// The file that says which huge pages were added, so that a later run can take them out when the guard could not.

import Foundation
import Host

/// One reservation as its guard writes it down, beside those of other processes.
struct ReservationRecord: Equatable {
  /// A process, told apart from a later one with the same number.
  struct Process: Equatable {
    var id: Int32
    /// Clock ticks from boot to its start (/proc/PID/stat, field 22).
    var start: Int

    static func current() -> Process { Process(id: getpid(), start: startTime(of: getpid()) ?? 0) }

    var isAlive: Bool { Process.startTime(of: id) == start }

    static func startTime(of id: Int32) -> Int? {
      guard let text = try? HostRoot.machine.text("/proc/\(id)/stat"),
        // The second field is a name in parentheses and may hold anything.
        let end = text.lastIndex(of: ")")
      else { return nil }
      let fields = text[text.index(after: end)...].split(separator: " ")
      // A zombie holds no pipe any more.
      guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
      return Int(fields[19])
    }
  }

  /// What was done to the pool of a node.
  struct Change: Equatable {
    var node: Int
    /// Persistent pages before.
    var former: Int
    var wanted: Int
    /// Pages that came; nil as long as it is not known.
    var added: Int?
  }

  /// Random number of the boot: pools are empty after another one.
  var boot: String
  var pageSize: Int
  var owner: Process
  var keeper: Process
  var changes: [Change]

  static var thisBoot: String { (try? HostRoot.machine.text("/proc/sys/kernel/random/boot_id")) ?? "unknown" }

  // MARK: - Text

  var text: String {
    var lines = [
      "# Huge pages that pageferry added to the pool, and has not yet taken out again.", "boot \(boot)",
      "page_bytes \(pageSize)", "owner \(owner.id) \(owner.start)", "guard \(keeper.id) \(keeper.start)",
    ]
    for change in changes {
      lines.append("node \(change.node) \(change.former) \(change.wanted) \(change.added.map { "\($0)" } ?? "-")")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  init(boot: String, pageSize: Int, owner: Process, keeper: Process, changes: [Change]) {
    self.boot = boot
    self.pageSize = pageSize
    self.owner = owner
    self.keeper = keeper
    self.changes = changes
  }

  /// Reads a record; nil where it is none.
  init?(_ text: String) {
    var boot: String?
    var pageSize: Int?
    var owner: Process?
    var keeper: Process?
    changes = []
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ")
      let numbers = words.dropFirst().map { Int($0) }
      switch (words.first, words.count) {
      case ("boot", 2): boot = String(words[1])
      case ("page_bytes", 2): pageSize = numbers[0]
      case ("owner", 3): owner = ReservationRecord.process(numbers)
      case ("guard", 3): keeper = ReservationRecord.process(numbers)
      case ("node", 5):
        guard let node = numbers[0], let former = numbers[1], let wanted = numbers[2],
          numbers[3] != nil || words[4] == "-", node >= 0, former >= 0, wanted >= 0
        else { return nil }
        changes.append(Change(node: node, former: former, wanted: wanted, added: numbers[3].map { max(0, $0) }))
      default: return nil
      }
    }
    guard let boot, let pageSize, pageSize > 0, let owner, let keeper else { return nil }
    self.boot = boot
    self.pageSize = pageSize
    self.owner = owner
    self.keeper = keeper
  }

  private static func process(_ numbers: [Int?]) -> Process? {
    guard let id = numbers[0], let start = numbers[1], let id = Int32(exactly: id) else { return nil }
    return Process(id: id, start: start)
  }

  // MARK: - Files

  /// Ends of names.
  static let suffix = ".hugepages"

  var fileName: String { "\(keeper.id)-\(keeper.start)\(ReservationRecord.suffix)" }

  /// Writes the record beside its name and renames it; the system's words where it cannot.
  func write(to folder: String) -> String? {
    let path = "\(folder)/\(fileName)"
    let temporary = path + ".tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return "\(temporary): \(String(cString: strerror(errno)))" }
    let bytes = Array(text.utf8)
    var code: Int32 = 0
    if Foundation.write(descriptor, bytes, bytes.count) != bytes.count || fsync(descriptor) != 0 { code = errno }
    close(descriptor)
    if code == 0, rename(temporary, path) != 0 { code = errno }
    guard code != 0 else { return nil }
    unlink(temporary)
    return "\(path): \(String(cString: strerror(code)))"
  }
}

/// The folder of the records.
struct ReservationFolder {
  let path: String

  /// `run/pageferry` under the root. Those who may not make that have a folder of their own: the session's or the cache's.
  ///
  /// - Parameter creates: whether to make it; who looks for records only does not.
  init(_ root: HostRoot, creates: Bool = true) {
    let shared = root.path("/run/pageferry")
    if creates {
      mkdir(root.path("/run"), 0o755)
      mkdir(shared, 0o700)
    }
    if access(shared, W_OK | X_OK) == 0 || !root.isMachine {
      path = shared
      return
    }
    let environment = ProcessInfo.processInfo.environment
    let base = environment["XDG_RUNTIME_DIR"] ?? environment["XDG_CACHE_HOME"] ?? NSHomeDirectory() + "/.cache"
    if creates {
      mkdir(base, 0o700)
      mkdir(base + "/pageferry", 0o700)
    }
    path = base + "/pageferry"
  }

  init(path: String) { self.path = path }

  /// Names of the records.
  var records: [String] {
    ((try? HostRoot.machine.names(in: path)) ?? []).filter { $0.hasSuffix(ReservationRecord.suffix) }
  }

  /// Does something while nobody else who asks for the same lock does.
  func locked<T>(_ body: () -> T) -> T {
    let descriptor = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    if descriptor >= 0 { flock(descriptor, LOCK_EX) }
    defer { if descriptor >= 0 { close(descriptor) } }
    return body()
  }
}
