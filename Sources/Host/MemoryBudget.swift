// How much memory a process may still take: the machine's, its control groups', each node's.

import Units

/// Memory that is to be had.
public struct MemoryBudget: Sendable, Equatable {
  /// Bytes of the machine (MemTotal); nil where it could not be read.
  public var total: Int?
  /// Bytes to be had without swapping (MemAvailable).
  public var available: Int?
  /// The tightest control group above the process: what it may still take, and the file that says its limit.
  public var group: Group?

  public struct Group: Sendable, Equatable {
    /// The file of the limit.
    public var path: String
    /// Bytes.
    public var limit: Int
    /// Bytes up to the limit, file cache that nobody touched lately counted as free.
    public var available: Int

    public init(path: String, limit: Int, available: Int) {
      self.path = path
      self.limit = limit
      self.available = available
    }
  }

  public init(total: Int?, available: Int?, group: Group? = nil) {
    self.total = total
    self.available = available
    self.group = group
  }

  /// Reads them now; the process is the reader.
  public init(_ root: HostRoot) {
    let sizes = ((try? root.text("/proc/meminfo")).map { ListText.sizes($0) }) ?? [:]
    self.init(total: sizes["MemTotal"], available: sizes["MemAvailable"], group: MemoryBudget.tightest(root))
  }

  /// What is left alone for everyone else: a sixteenth of the machine's memory, uncalibrated.
  public var margin: Int { (total ?? 0) / 16 }

  // MARK: - Control groups (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst)

  private static func tightest(_ root: HostRoot) -> Group? {
    guard let text = try? root.text("/proc/self/cgroup") else { return nil }
    var tightest: Group?
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isV2 = fields[1].isEmpty
      guard isV2 || fields[1].split(separator: ",").contains("memory") else { continue }
      for mount in isV2 ? ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] : ["/sys/fs/cgroup/memory"] {
        for folder in ancestors(of: String(fields[2])) {
          guard let group = group(root, mount + folder, isV2: isV2) else { continue }
          if group.available < tightest?.available ?? .max { tightest = group }
        }
      }
    }
    return tightest
  }

  /// `/a/b` gives `/a/b`, `/a` and the empty path, the root of what is mounted.
  private static func ancestors(of path: String) -> [String] {
    var parts = path.split(separator: "/")
    var paths: [String] = []
    while !parts.isEmpty {
      paths.append("/" + parts.joined(separator: "/"))
      parts.removeLast()
    }
    return paths + [""]
  }

  private static func group(_ root: HostRoot, _ folder: String, isV2: Bool) -> Group? {
    let path = folder + (isV2 ? "/memory.max" : "/memory.limit_in_bytes")
    // "max" is no number, and version 1 writes 2^63 less a page for none.
    guard let limit = try? root.integer(path),
      let usage = try? root.integer(folder + (isV2 ? "/memory.current" : "/memory.usage_in_bytes"))
    else { return nil }
    let name = isV2 ? "inactive_file" : "total_inactive_file"
    var idle = 0
    for line in ((try? root.text(folder + "/memory.stat")) ?? "").split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2 && words[0] == name { idle = max(0, Int(words[1]) ?? 0) }
    }
    return Group(path: path, limit: limit, available: max(0, limit - max(0, usage - idle)))
  }
}
