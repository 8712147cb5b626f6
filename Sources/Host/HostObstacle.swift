// What stands in the way of real memory and a real DSA, and what helps, in words.

/// Something that keeps a part of the machine from being used.
public struct HostObstacle: Sendable, Equatable, CustomStringConvertible {
  public enum Kind: String, Sendable, Equatable, CaseIterable {
    // The machine.
    case oneNode = "one-node"
    case noPolicies = "no-policies"
    case nodeNotAllowed = "node-not-allowed"
    case noHugePages = "no-huge-pages"
    case noTransparentHugePages = "no-transparent-huge-pages"
    // The CPU.
    case noMOVDIR64B = "no-movdir64b"
    case noENQCMD = "no-enqcmd"
    case noWAITPKG = "no-waitpkg"
    // DSA as a whole.
    case noDevice = "no-device"
    case noDriver = "no-driver"
    case notBound = "not-bound"
    case noIOMMU = "no-iommu"
    // A device.
    case deviceDisabled = "device-disabled"
    case noPASID = "no-pasid"
    case commandFailed = "command-failed"
    // A queue.
    case queueNotConfigured = "queue-not-configured"
    case queueDisabled = "queue-disabled"
    case queueForKernel = "queue-for-kernel"
    case noEngine = "no-engine"
    case noThreshold = "no-threshold"
    case noNode = "no-node"
    case nodeNotOpenable = "node-not-openable"
    case queueTaken = "queue-taken"
    case noRawIO = "no-raw-io"
  }

  public var kind: Kind
  /// What it concerns: `wq0.1`, `dsa0`, `CPU`, `memory`, `DSA`.
  public var subject: String
  /// What is so.
  public var problem: String
  /// What to do about it, or what happens instead.
  public var fix: String

  public init(_ kind: Kind, _ subject: String, _ problem: String, fix: String) {
    self.kind = kind
    self.subject = subject
    self.problem = problem
    self.fix = fix
  }

  /// One line, without a full stop.
  public var description: String { "\(subject): \(problem); \(fix)" }
}

extension HostInventory {
  /// All of them: memory first, then the CPU, then DSA from the whole to its queues.
  public var obstacles: [HostObstacle] { memoryObstacles + accelerators.obstacles(cpu: cpu) }

  private var memoryObstacles: [HostObstacle] {
    var obstacles: [HostObstacle] = []
    let count = nodes.filter { $0.size > 0 }.count
    if count < 2 {
      obstacles.append(
        HostObstacle(
          .oneNode, "memory", "one node has memory",
          fix: "two arenas stand in for two nodes: copies are real, differences between nodes are not"))
    }
    if let policies {
      if let allowed = policies.allowed {
        for node in nodes where node.size > 0 && !allowed.contains(node.id) {
          obstacles.append(
            HostObstacle(
              .nodeNotAllowed, "memory", "this process may not use node \(node.id)",
              fix: "widen its cpuset (cpuset.mems of the control group)"))
        }
      } else {
        obstacles.append(
          HostObstacle(
            .noPolicies, "memory", "libnuma finds no memory policies (numa_available)",
            fix:
              "arenas are not bound; use a kernel with CONFIG_NUMA, or allow get_mempolicy and mbind in the container"))
      }
    }
    if let pool = pools.first(where: { $0.pageSize == 2 << 20 }), pool.available == 0 {
      obstacles.append(
        HostObstacle(
          .noHugePages, "memory", "no free huge page of 2 MiB (nr_hugepages = \(pool.total))",
          fix: "--reserve adds them while a command runs; as root for good: sysctl vm.nr_hugepages=N"))
    } else if !pools.contains(where: { $0.pageSize == 2 << 20 }) {
      obstacles.append(
        HostObstacle(
          .noHugePages, "memory", "the kernel has no pool of 2 MiB pages (CONFIG_HUGETLBFS)",
          fix: "transparent huge pages are tried instead"))
    }
    if !transparent.takesAdvice {
      obstacles.append(
        HostObstacle(
          .noTransparentHugePages, "memory", "transparent huge pages are off (\(transparent.enabled ?? "not there"))",
          fix: "as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"))
    }
    return obstacles
  }
}

extension HostInventory.Accelerators {
  /// What keeps the process from DSA.
  func obstacles(cpu: HostCPU) -> [HostObstacle] {
    let devices = idxd.devices.filter { $0.kind == .dsa }
    guard !devices.isEmpty else { return cpuObstacles(cpu, queues: []) + [absence] }
    var obstacles = cpuObstacles(cpu, queues: devices.flatMap(\.workQueues))
    if !hasIOMMU {
      obstacles.append(
        HostObstacle(
          .noIOMMU, "DSA", "no IOMMU is in use, so that devices cannot see processes' memory (SVA)",
          fix: "switch VT-d on in the firmware and boot with intel_iommu=on,sm_on"))
    }
    for device in devices { obstacles += self.obstacles(of: device) }
    return obstacles
  }

  private func cpuObstacles(_ cpu: HostCPU, queues: [IdxdWorkQueue]) -> [HostObstacle] {
    var obstacles: [HostObstacle] = []
    guard cpu.areFeaturesKnown else { return [] }
    if !cpu.canUse(.movdir64b) {
      let isNeeded = queues.contains { $0.mode == .dedicated }
      obstacles.append(
        HostObstacle(
          .noMOVDIR64B, "CPU", "no MOVDIR64B (Sapphire Rapids, Zen 5 and their successors have it)",
          fix: isNeeded
            ? "dedicated queues take descriptors by write() alone, without batches"
            : "the software portal takes plain stores"))
    }
    if !cpu.canUse(.enqcmd) {
      let isHidden = cpu.hiddenByKernel.contains(.enqcmd)
      obstacles.append(
        HostObstacle(
          .noENQCMD, "CPU",
          isHidden ? "the CPU has ENQCMD, but the kernel does not let processes use it" : "no ENQCMD",
          fix: isHidden
            ? "boot Linux 5.18 or later with intel_iommu=on,sm_on"
            : "shared queues take descriptors by write() alone, without batches"))
    }
    if !cpu.canUse(.waitpkg) {
      obstacles.append(
        HostObstacle(
          .noWAITPKG, "CPU", "no WAITPKG (UMWAIT, TPAUSE)", fix: "completions are waited for by spinning with PAUSE"))
    }
    return obstacles
  }

  /// Why there is no DSA at all.
  private var absence: HostObstacle {
    if pciDSA.isEmpty {
      return HostObstacle(
        .noDevice, "DSA", "no such device on the PCI bus",
        fix:
          "Xeons from Sapphire Rapids on have it, where the firmware shows it, and virtual machines where it is passed on; here the software "
          + "portal does its work")
    }
    let found = "\(pciDSA.count) on the PCI bus (\(pciDSA.prefix(4).joined(separator: ", ")))"
    if !idxd.hasDriver {
      return HostObstacle(
        .noDriver, "DSA", "\(found), but the driver idxd is not loaded",
        fix: "as root: modprobe idxd (CONFIG_INTEL_IDXD, and CONFIG_INTEL_IDXD_SVM for processes)")
    }
    return HostObstacle(
      .notBound, "DSA", "\(found), but the driver idxd took none of them", fix: "see why: dmesg | grep idxd")
  }

  // MARK: - One device

  private func obstacles(of device: IdxdDevice) -> [HostObstacle] {
    var obstacles: [HostObstacle] = []
    if device.state != "enabled" {
      obstacles.append(
        HostObstacle(
          .deviceDisabled, device.name, "is \(device.state ?? "in an unknown state")",
          fix: "as root: configure it (pageferry dsa check helps), then accel-config enable-device \(device.name)"))
    }
    if device.pasidEnabled == false {
      obstacles.append(
        HostObstacle(
          .noPASID, device.name, "cannot use processes' addresses (pasid_enabled is 0: no SVA)",
          fix: "switch VT-d on in the firmware and boot with intel_iommu=on,sm_on; some older kernels also need no5lvl")
      )
    }
    if let status = device.commandStatus, status != 0 {
      obstacles.append(
        HostObstacle(
          .commandFailed, device.name, "its last command failed: \(IdxdCommandStatus.words(status))",
          fix: "mend the configuration and enable it again; pageferry dsa check finds such errors beforehand"))
    }
    for queue in device.workQueues { if let obstacle = obstacle(of: queue, device) { obstacles.append(obstacle) } }
    return obstacles
  }

  /// The first thing that keeps processes from a queue; what comes behind it cannot be told yet.
  private func obstacle(of queue: IdxdWorkQueue, _ device: IdxdDevice) -> HostObstacle? {
    let full = "\(device.name)/\(queue.name)"
    func obstacle(_ kind: HostObstacle.Kind, _ problem: String, fix: String) -> HostObstacle {
      HostObstacle(kind, queue.name, problem, fix: fix)
    }
    if queue.type == "none" || queue.size == 0 {
      return obstacle(
        .queueNotConfigured, "is not configured",
        fix:
          "as root: accel-config config-wq \(full) --group-id=0 --mode=dedicated --wq-size=16 --priority=10 --type=user "
          + "--driver-name=user --name=pageferry, or load a file: accel-config load-config -c FILE -e")
    }
    if queue.type == "kernel" {
      return obstacle(
        .queueForKernel, "belongs to the kernel (type kernel)",
        fix: "as root: accel-config disable-wq \(full), then config-wq with --type=user --driver-name=user")
    }
    if let group = queue.group, group < 0 || !device.engines.contains(where: { $0.group == group }) {
      return obstacle(
        .noEngine, group < 0 ? "is in no group" : "group \(group) has no engine",
        fix: Self.engineAdvice(device, queue, group: group))
    }
    if queue.mode == .shared, queue.threshold == 0 {
      return obstacle(
        .noThreshold, "is shared with threshold 0: its portal takes nothing",
        fix: "as root: accel-config config-wq \(full) --threshold=\(max(1, (queue.size ?? 2) - 1))")
    }
    if queue.state != "enabled" {
      return obstacle(
        .queueDisabled, "is \(queue.state ?? "in an unknown state")", fix: "as root: accel-config enable-wq \(full)")
    }
    guard let node = queue.node else {
      let driver = queue.boundDriver ?? queue.driverName
      return obstacle(
        .noNode, "is enabled and has no node under /dev/\(device.kind.rawValue)",
        fix: driver == nil || driver == "user"
          ? "see whether udev runs and /dev is the host's (containers: pass the node on)"
          : "it is bound to the driver '\(driver ?? "")': set --driver-name=user and enable it again")
    }
    return self.obstacle(of: queue, at: node)
  }

  /// An engine for a queue's group, from no other group: that one's queues would lose it.
  private static func engineAdvice(_ device: IdxdDevice, _ queue: IdxdWorkQueue, group: Int) -> String {
    let start = "as root, while \(device.name) is disabled: accel-config"
    let served = device.engines.compactMap(\.group).filter { $0 >= 0 }.min()
    if group < 0, let served {
      return "\(start) config-wq \(device.name)/\(queue.name) --group-id=\(served), which has an engine"
    }
    if let free = device.engines.first(where: { ($0.group ?? -1) < 0 }) {
      return "\(start) config-engine \(device.name)/\(free.name) --group-id=\(max(0, group))"
    }
    guard let served else { return "\(device.name) shows no engine at all; see why: dmesg | grep idxd" }
    return "\(start) config-wq \(device.name)/\(queue.name) --group-id=\(served), since other groups have all engines"
  }

  private func obstacle(of queue: IdxdWorkQueue, at node: IdxdNode) -> HostObstacle? {
    if !node.isOpenable {
      return HostObstacle(
        .nodeNotOpenable, queue.name,
        "\(node.path) may not be opened: it belongs to \(node.ownerName):\(node.groupName) with mode "
          + String(node.permissions, radix: 8),
        fix: "as root: chgrp to a group of yours and chmod g+rw \(node.path), or a udev rule for SUBSYSTEM==\"dsa\"")
    }
    if queue.mode == .dedicated, let clients = queue.clients, clients > 0 {
      return HostObstacle(
        .queueTaken, queue.name, "is dedicated and somebody has it open (clients \(clients)): opening it gives EBUSY",
        fix: "end that program, or configure another queue")
    }
    if hasRawIO == false {
      return HostObstacle(
        .noRawIO, queue.name,
        "mapping its portal needs CAP_SYS_RAWIO on kernels since 6.9, and on older ones that took the fix of 2024 (INTEL-SA-01084)",
        fix: "as root, or: setcap cap_sys_rawio+ep on pageferry; without it descriptors go by write(), without batches")
    }
    return nil
  }
}

/// Results of administrative commands.
enum IdxdCommandStatus {
  /// Codes of the driver (include/uapi/linux/idxd.h, enum idxd_scmd_stat) in bits 16 and up, from 0x80020000 on.
  private static let driver: [Int: String] = [
    0x02: "the DMA engine could not be registered", 0x03: "a queue is in no group",
    0x04: "a queue has no name", 0x05: "no SVA, but a queue needs it", 0x06: "a shared queue has no threshold",
    0x07: "a portal could not be mapped", 0x08: "no resources for a queue", 0x0b: "no character device could be made",
    0x0c: "shared queues are not supported here", 0x0d: "nothing is configured", 0x0e: "a queue has size 0",
    0x0f: "a queue may not be privileged", 0x10: "an interrupt could not be had",
    0x11: "a queue of type user needs an IOMMU with SVA", 0x12: "the event log could not be set up",
    0x20: "a queue has no driver_name",
  ]

  static func words(_ status: Int) -> String {
    let code = "0x" + String(status, radix: 16)
    guard status >= 0x8000_0000 else { return "\(code), the device's" }
    return driver[(status >> 16) & 0x7FFF].map { "\($0) (\(code))" } ?? "\(code), the driver's"
  }
}
