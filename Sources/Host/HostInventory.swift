// All that was found of a machine, in one value.

/// What a machine has, as far as it can be read. Reading never fails as a whole: `unread` says what is missing.
public struct HostInventory: Sendable, Equatable {
  /// Release of the kernel: `6.12.1-amd64`; nil where it could not be read.
  public var kernel: String?
  public var nodes: [HostNode]
  /// What libnuma says of them; nil under another root than this machine's.
  public var policies: NodePolicies?
  public var budget: MemoryBudget
  /// By page size, ascending.
  public var pools: [HugePagePool]
  public var transparent: TransparentHugePages
  /// Where hugetlbfs is mounted.
  public var hugetlbfsMounts: [String]
  public var cpu: HostCPU
  public var accelerators: Accelerators
  /// What could not be read.
  public var unread: [Unreadable]

  /// DSA and IAA, and what using them takes.
  public struct Accelerators: Sendable, Equatable {
    /// DSA functions on the PCI bus, by their addresses; there with or without a driver.
    public var pciDSA: [String]
    /// Whether the kernel drives an IOMMU (/sys/class/iommu).
    public var hasIOMMU: Bool
    /// Whether the process has CAP_SYS_RAWIO; nil where it could not be read.
    public var hasRawIO: Bool?
    /// The driver's bus and what is on it.
    public var idxd: IdxdDevices
    /// What libaccel-config says; nil under another root than this machine's.
    public var library: IdxdLibrary?

    public init(
      pciDSA: [String], hasIOMMU: Bool, hasRawIO: Bool?, idxd: IdxdDevices, library: IdxdLibrary? = nil
    ) {
      self.pciDSA = pciDSA
      self.hasIOMMU = hasIOMMU
      self.hasRawIO = hasRawIO
      self.idxd = idxd
      self.library = library
    }

    /// Where the library and sysfs, as read here, differ.
    public var disagreements: [String] { library?.disagreements(with: idxd.devices) ?? [] }
  }

  /// Reads a machine, or a folder that looks like one. Only this machine's libraries are asked.
  public init(_ root: HostRoot = .machine) {
    var unread: [Unreadable] = []
    kernel = try? root.text("/proc/sys/kernel/osrelease")
    let nodes = HostNodes(root)
    self.nodes = nodes.nodes
    unread += nodes.unread
    policies = root.isMachine ? NodePolicies.ask() : nil
    budget = MemoryBudget(root)
    pools = HugePagePool.all(root, nodes: nodes.nodes.map(\.id), unread: &unread)
    transparent = TransparentHugePages(root)
    hugetlbfsMounts = HostInventory.mounts(root)
    cpu = HostCPU(root, unread: &unread)
    accelerators = Accelerators(root)
    self.unread = unread + accelerators.idxd.unread
  }

  /// Mount points of type hugetlbfs (proc_pid_mounts(5)).
  private static func mounts(_ root: HostRoot) -> [String] {
    ((try? root.text("/proc/mounts")) ?? "").split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      return words.count > 2 && words[2] == "hugetlbfs" ? String(words[1]) : nil
    }
  }
}

extension HostInventory.Accelerators {
  /// PCI device ids of DSA (drivers/dma/idxd/registers.h, include/linux/pci_ids.h): Sapphire Rapids and its successors.
  private static let dsaIDs: Set<Int> = [0x0b25, 0x11fb, 0x1212]
  /// Bit of CAP_SYS_RAWIO (include/uapi/linux/capability.h).
  private static let rawIO: UInt64 = 1 << 17

  init(_ root: HostRoot) {
    let folder = "/sys/bus/pci/devices"
    pciDSA = ((try? root.names(in: folder)) ?? []).filter { name in
      (try? root.integer("\(folder)/\(name)/vendor")) == 0x8086
        && ((try? root.integer("\(folder)/\(name)/device")).map { Self.dsaIDs.contains($0) } ?? false)
    }
    hasIOMMU = !((try? root.names(in: "/sys/class/iommu")) ?? []).isEmpty
    let status = (try? root.text("/proc/self/status"))?.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
    hasRawIO = status?.split(whereSeparator: \.isWhitespace).last.flatMap { UInt64($0, radix: 16) }
      .map { $0 & Self.rawIO != 0 }
    idxd = IdxdDevices(root)
    library = root.isMachine ? IdxdLibrary.ask() : nil
  }
}
