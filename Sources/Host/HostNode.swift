// NUMA nodes, from /sys/devices/system/node.

/// A NUMA node.
public struct HostNode: Sendable, Equatable {
  public var id: Int
  /// CPUs, ascending; none for memory without CPUs (CXL).
  public var cpus: [Int]
  /// Bytes (MemTotal of its meminfo).
  public var size: Int
  /// Bytes that nobody uses (MemFree).
  public var free: Int
  /// Bytes that could be had without swapping: free, and half of the file cache and of reclaimable slab. An estimate below that of
  /// MemAvailable (mm/show_mem.c, si_mem_available), which the kernel gives for the whole machine alone. Halves are uncalibrated.
  public var available: Int
  /// Distance to each node, in the order of nodes; 10 is the node itself (ACPI SLIT).
  public var distances: [Int]

  public init(id: Int, cpus: [Int], size: Int, free: Int, available: Int, distances: [Int]) {
    self.id = id
    self.cpus = cpus
    self.size = size
    self.free = free
    self.available = available
    self.distances = distances
  }
}

/// All nodes that are online.
public struct HostNodes: Sendable, Equatable {
  public var nodes: [HostNode]
  /// What could not be read; the rest is as if it were not there.
  public var unread: [Unreadable]

  public init(nodes: [HostNode], unread: [Unreadable] = []) {
    self.nodes = nodes
    self.unread = unread
  }

  /// Those that have memory, ascending.
  public var withMemory: [HostNode] { nodes.filter { $0.size > 0 } }

  /// Reads them. A kernel without NUMA (CONFIG_NUMA=n) has no such folder and counts as one node.
  public init(_ root: HostRoot) {
    self.init(nodes: [])
    let folder = "/sys/devices/system/node"
    guard root.exists(folder + "/online") else {
      nodes = [HostNodes.single(root, unread: &unread)]
      return
    }
    let online = take { () throws(Unreadable) in try HostNodes.list(root, folder + "/online") } ?? []
    for id in online {
      let path = "\(folder)/node\(id)"
      let sizes = take { () throws(Unreadable) in try ListText.sizes(root.text(path + "/meminfo")) } ?? [:]
      let cpus = take { () throws(Unreadable) in try HostNodes.list(root, path + "/cpulist") } ?? []
      let distances = take { () throws(Unreadable) in try root.text(path + "/distance") } ?? ""
      nodes.append(
        HostNode(
          id: id, cpus: cpus, size: sizes["MemTotal"] ?? 0, free: sizes["MemFree"] ?? 0,
          available: HostNodes.available(sizes), distances: distances.split(separator: " ").compactMap { Int($0) }))
    }
  }

  private mutating func take<T>(_ read: () throws(Unreadable) -> T) -> T? {
    do throws(Unreadable) { return try read() } catch {
      unread.append(error)
      return nil
    }
  }

  private static func single(_ root: HostRoot, unread: inout [Unreadable]) -> HostNode {
    var sizes: [String: Int] = [:]
    do throws(Unreadable) { sizes = ListText.sizes(try root.text("/proc/meminfo")) } catch { unread.append(error) }
    let cpus = (try? list(root, "/sys/devices/system/cpu/online")) ?? []
    return HostNode(
      id: 0, cpus: cpus, size: sizes["MemTotal"] ?? 0, free: sizes["MemFree"] ?? 0, available: available(sizes),
      distances: [10])
  }

  private static func list(_ root: HostRoot, _ path: String) throws(Unreadable) -> [Int] {
    let text = try root.text(path)
    guard let numbers = ListText.numbers(text) else {
      throw Unreadable(path: path, reason: "'\(text.prefix(40))' is no list of numbers")
    }
    return numbers
  }

  private static func available(_ sizes: [String: Int]) -> Int {
    let files = (sizes["Active(file)"] ?? 0) + (sizes["Inactive(file)"] ?? 0)
    return (sizes["MemFree"] ?? 0) + files / 2 + (sizes["SReclaimable"] ?? 0) / 2
  }
}
