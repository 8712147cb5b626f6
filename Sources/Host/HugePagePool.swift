// Pools of huge pages (hugetlb) by size and node, and the settings of transparent huge pages.

/// Huge pages of one size: /sys/kernel/mm/hugepages/hugepages-NkB (Documentation/admin-guide/mm/hugetlbpage.rst).
public struct HugePagePool: Sendable, Equatable {
  /// The pages of one node.
  public struct Node: Sendable, Equatable {
    public var node: Int
    public var total: Int
    public var free: Int
    public var surplus: Int

    public init(node: Int, total: Int, free: Int, surplus: Int) {
      self.node = node
      self.total = total
      self.free = free
      self.surplus = surplus
    }

    /// nr_hugepages as it was written: pages that are in the pool for good.
    public var persistent: Int { max(0, total - surplus) }
  }

  /// Bytes of a page.
  public var pageSize: Int
  /// Pages in the pool (nr_hugepages), surplus ones included.
  public var total: Int
  /// Pages that nobody uses.
  public var free: Int
  /// Free pages that are promised to a mapping.
  public var reserved: Int
  /// Pages above the size of the pool; they go back to the kernel when they are freed.
  public var surplus: Int
  /// Most surplus pages (nr_overcommit_hugepages).
  public var overcommit: Int
  /// By node, ascending; empty where the kernel does not say.
  public var nodes: [Node]

  public init(
    pageSize: Int, total: Int, free: Int, reserved: Int, surplus: Int, overcommit: Int = 0, nodes: [Node] = []
  ) {
    self.pageSize = pageSize
    self.total = total
    self.free = free
    self.reserved = reserved
    self.surplus = surplus
    self.overcommit = overcommit
    self.nodes = nodes
  }

  /// Pages that a new mapping can have.
  public var available: Int { max(0, free - reserved) }

  /// nr_hugepages as it was written.
  public var persistent: Int { max(0, total - surplus) }

  /// Pages that a new mapping bound to a node can have. Promises name no node, so all of them are held against each.
  public func available(on node: Int) -> Int {
    guard let pool = nodes.first(where: { $0.node == node }) else { return nodes.isEmpty ? available : 0 }
    return max(0, min(available, pool.free - reserved))
  }

  /// The folder of a size.
  public static func folder(pageSize: Int) -> String { "/sys/kernel/mm/hugepages/hugepages-\(pageSize >> 10)kB" }

  /// The folder of a size on a node.
  public static func folder(pageSize: Int, node: Int) -> String {
    "/sys/devices/system/node/node\(node)/hugepages/hugepages-\(pageSize >> 10)kB"
  }

  /// Reads the pool of a size; `nodes` are asked for theirs.
  public init(_ root: HostRoot, pageSize: Int, nodes: [Int]) throws(Unreadable) {
    let folder = HugePagePool.folder(pageSize: pageSize)
    self.init(
      pageSize: pageSize, total: try root.integer(folder + "/nr_hugepages"),
      free: try root.integer(folder + "/free_hugepages"), reserved: try root.integer(folder + "/resv_hugepages"),
      surplus: try root.integer(folder + "/surplus_hugepages"),
      overcommit: (try? root.integer(folder + "/nr_overcommit_hugepages")) ?? 0)
    for node in nodes {
      let folder = HugePagePool.folder(pageSize: pageSize, node: node)
      guard let total = try? root.integer(folder + "/nr_hugepages"),
        let free = try? root.integer(folder + "/free_hugepages")
      else { continue }
      let surplus = (try? root.integer(folder + "/surplus_hugepages")) ?? 0
      self.nodes.append(Node(node: node, total: total, free: free, surplus: surplus))
    }
  }

  /// All sizes of the kernel, ascending; what cannot be read is appended to `unread`.
  public static func all(_ root: HostRoot, nodes: [Int], unread: inout [Unreadable]) -> [HugePagePool] {
    let folder = "/sys/kernel/mm/hugepages"
    guard root.exists(folder) else { return [] }
    var pools: [HugePagePool] = []
    do throws(Unreadable) {
      for name in try root.names(in: folder) {
        guard name.hasPrefix("hugepages-"), name.hasSuffix("kB"),
          let size = Int(name.dropFirst(10).dropLast(2)), size > 0, size < 1 << 40
        else { continue }
        do throws(Unreadable) { pools.append(try HugePagePool(root, pageSize: size << 10, nodes: nodes)) } catch {
          unread.append(error)
        }
      }
    } catch { unread.append(error) }
    return pools.sorted { $0.pageSize < $1.pageSize }
  }
}

/// /sys/kernel/mm/transparent_hugepage (Documentation/admin-guide/mm/transhuge.rst).
public struct TransparentHugePages: Sendable, Equatable {
  /// The word in brackets: `always`, `madvise`, `never`; nil where it could not be read.
  public var enabled: String?
  /// `always`, `defer`, `defer+madvise`, `madvise`, `never`.
  public var defrag: String?
  /// The same for one size (`hugepages-2048kB/enabled`), which may be `inherit`; nil on kernels before 6.8.
  public var enabled2MiB: String?

  public init(enabled: String?, defrag: String?, enabled2MiB: String? = nil) {
    self.enabled = enabled
    self.defrag = defrag
    self.enabled2MiB = enabled2MiB
  }

  public init(_ root: HostRoot) {
    let folder = "/sys/kernel/mm/transparent_hugepage"
    func selected(_ name: String) -> String? {
      guard let text = try? root.text("\(folder)/\(name)"), let open = text.firstIndex(of: "["),
        let close = text[open...].firstIndex(of: "]")
      else { return nil }
      return String(text[text.index(after: open)..<close])
    }
    self.init(
      enabled: selected("enabled"), defrag: selected("defrag"), enabled2MiB: selected("hugepages-2048kB/enabled"))
  }

  /// Whether madvise(MADV_HUGEPAGE) may give 2 MiB pages.
  public var takesAdvice: Bool {
    switch enabled2MiB {
    case "always"?, "madvise"?: true
    case "never"?: false
    default: enabled == "always" || enabled == "madvise"
    }
  }
}
