// The machine as a page for people, in the manner of numactl -H, lscpu and accel-config list.

import Units

/// Text of a `HostInventory`.
public struct HostPage {
  private let host: HostInventory
  private var lines: [String] = []

  /// The page, with a line feed at the end.
  public static func text(_ host: HostInventory) -> String {
    var page = HostPage(host)
    page.write()
    return page.lines.joined(separator: "\n") + "\n"
  }

  private init(_ host: HostInventory) { self.host = host }

  private mutating func write() {
    if let kernel = host.kernel { lines.append("kernel: Linux \(kernel)") }
    processor()
    nodes()
    hugePages()
    accelerators()
    section(
      "what stands in the way", host.obstacles.map { "\($0.subject): \($0.problem)\n  -> \($0.fix)" }, none: "nothing")
    if !host.unread.isEmpty { section("could not be read", host.unread.map(\.description), none: "") }
  }

  private mutating func section(_ title: String, _ entries: [String], none: String) {
    lines.append("")
    lines.append("\(title):" + (entries.isEmpty ? " \(none)" : ""))
    for entry in entries { for line in entry.split(separator: "\n") { lines.append("  \(line)") } }
  }

  // MARK: - CPU and memory

  private mutating func processor() {
    let cpu = host.cpu
    lines.append("cpu: \(cpu.model ?? "model not given"), \(cpu.cpus) online")
    if !cpu.caches.isEmpty {
      let caches = cpu.caches.map { cache in
        let kind = cache.type == "Data" ? "d" : cache.type == "Instruction" ? "i" : ""
        return "L\(cache.level)\(kind) \(ByteSize.text(cache.size))"
          + (cache.sharedBy > 1 ? " for \(cache.sharedBy) CPUs" : "")
      }
      lines.append("caches: " + caches.joined(separator: ", "))
    }
    guard cpu.areFeaturesKnown else {
      lines.append("instructions: unknown")
      return
    }
    let has = cpu.features.map { $0.rawValue + (cpu.hiddenByKernel.contains($0) ? " (not in /proc/cpuinfo)" : "") }
    let lacks = CPUFeature.allCases.filter { !cpu.features.contains($0) }.map(\.rawValue)
    lines.append("instructions: " + (has.isEmpty ? "none of interest" : has.joined(separator: " ")))
    if !lacks.isEmpty { lines.append("not there: " + lacks.joined(separator: " ")) }
  }

  private mutating func nodes() {
    lines.append("")
    let ids = host.nodes.map(\.id)
    lines.append("nodes: \(ids.count)" + (ids.isEmpty ? "" : " (\(ListText.text(ids)))"))
    for node in host.nodes {
      let cpus = node.cpus.isEmpty ? "no CPUs" : "cpus \(ListText.text(node.cpus))"
      lines.append("node \(node.id): \(HostPage.mebibytes(node.size)), \(HostPage.mebibytes(node.free)) free, \(cpus)")
    }
    if host.nodes.count > 1 {
      lines.append("node distances:")
      lines.append("node" + ids.map { HostPage.right("\($0)", 5) }.joined())
      for node in host.nodes {
        lines.append(HostPage.right("\(node.id):", 4) + node.distances.map { HostPage.right("\($0)", 5) }.joined())
      }
    }
    if let policies = host.policies {
      lines.append(
        "libnuma: "
          + (policies.allowed.map { "memory of nodes \(ListText.text($0)) may be used" } ?? "no policies here"))
    }
    if let available = host.budget.available {
      lines.append("available: \(HostPage.mebibytes(available)) (MemAvailable)")
    }
    if let group = host.budget.group {
      lines.append(
        "control group: \(HostPage.mebibytes(group.available)) of \(HostPage.mebibytes(group.limit)) left (\(group.path))"
      )
    }
  }

  private mutating func hugePages() {
    lines.append("")
    lines.append("huge pages:" + (host.pools.isEmpty ? " this kernel has no pools" : ""))
    for pool in host.pools {
      var text =
        "  \(ByteSize.text(pool.pageSize)): \(pool.total) in the pool, \(pool.free) free, \(pool.reserved) reserved, "
      text += "\(pool.surplus) surplus" + (pool.overcommit > 0 ? " (up to \(pool.overcommit))" : "")
      lines.append(text)
      guard pool.nodes.count > 1, pool.total > 0 else { continue }
      for node in pool.nodes { lines.append("    node \(node.node): \(node.total) in the pool, \(node.free) free") }
    }
    let thp = host.transparent
    lines.append(
      "  transparent: \(thp.enabled ?? "not there"), defrag \(thp.defrag ?? "not there")"
        + (thp.enabled2MiB.map { ", 2MiB \($0)" } ?? ""))
    lines.append(
      "  hugetlbfs: " + (host.hugetlbfsMounts.isEmpty ? "not mounted" : host.hugetlbfsMounts.joined(separator: ", ")))
  }

  // MARK: - DSA

  private mutating func accelerators() {
    let accelerators = host.accelerators
    lines.append("")
    let devices = accelerators.idxd.devices
    lines.append(
      "idxd: driver \(accelerators.idxd.hasDriver ? "there" : "not loaded"), "
        + "\(accelerators.pciDSA.count) DSA on the PCI bus, IOMMU \(accelerators.hasIOMMU ? "in use" : "not in use"), "
        + "CAP_SYS_RAWIO \(accelerators.hasRawIO.map { $0 ? "yes" : "no" } ?? "not known")")
    for device in devices { describe(device) }
    if let library = accelerators.library {
      lines.append("libaccel-config: " + (library.problem ?? "\(library.devices?.count ?? 0) devices"))
      if !accelerators.disagreements.isEmpty {
        section("libaccel-config disagrees", accelerators.disagreements, none: "")
      }
    } else {
      lines.append("libaccel-config: not asked (it sees this machine alone)")
    }
  }

  private mutating func describe(_ device: IdxdDevice) {
    var facts = [device.state ?? "state not known"]
    if let version = device.version { facts.append("version 0x" + String(version, radix: 16)) }
    if let node = device.numaNode { facts.append(node < 0 ? "on no node" : "node \(node)") }
    if let pasid = device.pasidEnabled { facts.append(pasid ? "SVA" : "no SVA") }
    lines.append("\(device.name): " + facts.joined(separator: ", "))
    let limits = [
      device.maxWorkQueuesSize.map { "\($0) queue entries" }, device.maxEngines.map { "\($0) engines" },
      device.maxGroups.map { "\($0) groups" }, device.maxBatchSize.map { "batches of \($0)" },
      device.maxTransferSize.map { "transfers of \(ByteSize.text($0))" },
      device.maxReadBuffers.map { "\($0) read buffers" },
    ].compactMap { $0 }
    if !limits.isEmpty { lines.append("  at most " + limits.joined(separator: ", ")) }
    for group in device.groups {
      let engines = device.engines.filter { $0.group == group.id }.map(\.name)
      let queues = device.workQueues.filter { $0.group == group.id }.map(\.name)
      guard !engines.isEmpty || !queues.isEmpty else { continue }
      lines.append("  \(group.name): " + (engines + queues).joined(separator: " "))
    }
    for queue in device.workQueues { describe(queue) }
  }

  private mutating func describe(_ queue: IdxdWorkQueue) {
    var facts = [queue.state ?? "state not known", queue.mode?.rawValue ?? "mode not known"]
    if let type = queue.type { facts.append("type \(type)") }
    if let label = queue.label { facts.append("name \(label)") }
    if let driver = queue.boundDriver ?? queue.driverName { facts.append("driver \(driver)") }
    lines.append("  \(queue.name): " + facts.joined(separator: ", "))
    guard queue.size ?? 0 > 0 else { return }
    let values = [
      queue.size.map { "size \($0)" },
      queue.mode == .shared ? queue.threshold.map { "threshold \($0)" } : nil,
      queue.priority.map { "priority \($0)" }, queue.blockOnFault.map { "block_on_fault \($0 ? 1 : 0)" },
      queue.maxBatchSize.map { "batches of \($0)" },
      queue.maxTransferSize.map { "transfers of \(ByteSize.text($0))" }, queue.clients.map { "clients \($0)" },
      queue.occupancy.map { "occupancy \($0)" },
    ].compactMap { $0 }
    lines.append("    " + values.joined(separator: ", "))
    if let node = queue.node {
      lines.append(
        "    \(node.path): \(node.ownerName):\(node.groupName) \(String(node.permissions, radix: 8)), "
          + (node.isOpenable ? "may be opened" : "may not be opened"))
    }
  }

  // MARK: - Parts of lines

  private static func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
