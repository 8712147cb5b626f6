// pageferry host --json.

import Host
import Report

/// A `HostInventory` as JSON. What is not known is left out.
enum HostJSON {
  static func document(_ host: HostInventory) -> JSONValue {
    object([
      ("kernel", text(host.kernel)), ("cpu", cpu(host.cpu)), ("nodes", .list(host.nodes.map(node))),
      ("allowed_nodes", (host.policies?.allowed).map { .list($0.map { .integer($0) }) }),
      ("available_bytes", number(host.budget.available)), ("control_group", host.budget.group.map(group)),
      ("huge_pages", .list(host.pools.map(pool))), ("transparent_huge_pages", transparent(host.transparent)),
      ("hugetlbfs_mounts", strings(host.hugetlbfsMounts)), ("dsa", accelerators(host.accelerators)),
      ("obstacles", .list(host.obstacles.map(obstacle))), ("unread", .list(host.unread.map(unread))),
    ])
  }

  static func obstacle(_ obstacle: HostObstacle) -> JSONValue {
    .object([
      ("kind", .string(obstacle.kind.rawValue)), ("subject", .string(obstacle.subject)),
      ("problem", .string(obstacle.problem)), ("fix", .string(obstacle.fix)),
    ])
  }

  private static func cpu(_ cpu: HostCPU) -> JSONValue {
    object([
      ("model", text(cpu.model)), ("online", .integer(cpu.cpus)),
      (
        "caches",
        .list(
          cpu.caches.map {
            .object([
              ("level", .integer($0.level)), ("type", .string($0.type)), ("size_bytes", .integer($0.size)),
              ("shared_by_cpus", .integer($0.sharedBy)),
            ])
          })
      ), ("features_known", .bool(cpu.areFeaturesKnown)), ("features", strings(cpu.features.map(\.rawValue))),
      ("hidden_by_kernel", strings(cpu.hiddenByKernel.map(\.rawValue))),
    ])
  }

  private static func node(_ node: HostNode) -> JSONValue {
    .object([
      ("id", .integer(node.id)), ("size_bytes", .integer(node.size)), ("free_bytes", .integer(node.free)),
      ("cpus", .list(node.cpus.map { .integer($0) })), ("distances", .list(node.distances.map { .integer($0) })),
    ])
  }

  private static func group(_ group: MemoryBudget.Group) -> JSONValue {
    .object([
      ("path", .string(group.path)), ("limit_bytes", .integer(group.limit)),
      ("available_bytes", .integer(group.available)),
    ])
  }

  private static func pool(_ pool: HugePagePool) -> JSONValue {
    .object([
      ("page_bytes", .integer(pool.pageSize)), ("total", .integer(pool.total)), ("free", .integer(pool.free)),
      ("reserved", .integer(pool.reserved)), ("surplus", .integer(pool.surplus)),
      ("overcommit", .integer(pool.overcommit)),
      (
        "nodes",
        .list(
          pool.nodes.map {
            .object([
              ("node", .integer($0.node)), ("total", .integer($0.total)), ("free", .integer($0.free)),
              ("surplus", .integer($0.surplus)),
            ])
          })
      ),
    ])
  }

  private static func transparent(_ pages: TransparentHugePages) -> JSONValue {
    object([
      ("enabled", text(pages.enabled)), ("defrag", text(pages.defrag)), ("enabled_2mib", text(pages.enabled2MiB)),
    ])
  }

  // MARK: - DSA

  private static func accelerators(_ accelerators: HostInventory.Accelerators) -> JSONValue {
    object([
      ("pci", strings(accelerators.pciDSA)), ("driver", .bool(accelerators.idxd.hasDriver)),
      ("iommu", .bool(accelerators.hasIOMMU)), ("cap_sys_rawio", flag(accelerators.hasRawIO)),
      ("devices", .list(accelerators.idxd.devices.map(device))),
      (
        "libaccel_config",
        accelerators.library.map {
          object([("devices", number($0.devices?.count)), ("problem", text($0.problem))])
        }
      ), ("disagreements", strings(accelerators.disagreements)),
    ])
  }

  private static func device(_ device: IdxdDevice) -> JSONValue {
    object([
      ("dev", .string(device.name)), ("kind", .string(device.kind.rawValue)), ("state", text(device.state)),
      ("version", number(device.version)), ("numa_node", number(device.numaNode)),
      ("max_work_queues_size", number(device.maxWorkQueuesSize)), ("max_work_queues", number(device.maxWorkQueues)),
      ("max_groups", number(device.maxGroups)), ("max_engines", number(device.maxEngines)),
      ("max_batch_size", number(device.maxBatchSize)), ("max_transfer_size_bytes", number(device.maxTransferSize)),
      ("max_read_buffers", number(device.maxReadBuffers)), ("pasid_enabled", flag(device.pasidEnabled)),
      ("configurable", flag(device.isConfigurable)), ("cmd_status", number(device.commandStatus)),
      ("groups", .list(device.groups.map(group))),
      (
        "engines",
        .list(device.engines.map { object([("dev", .string($0.name)), ("group_id", number($0.group))]) })
      ), ("queues", .list(device.workQueues.map(queue))),
    ])
  }

  private static func group(_ group: IdxdGroup) -> JSONValue {
    object([
      ("dev", .string(group.name)), ("read_buffers_allowed", number(group.readBuffersAllowed)),
      ("read_buffers_reserved", number(group.readBuffersReserved)),
      ("use_read_buffer_limit", flag(group.usesReadBufferLimit)), ("traffic_class_a", number(group.trafficClassA)),
      ("traffic_class_b", number(group.trafficClassB)),
    ])
  }

  private static func queue(_ queue: IdxdWorkQueue) -> JSONValue {
    object([
      ("dev", .string(queue.name)), ("state", text(queue.state)), ("mode", text(queue.mode?.rawValue)),
      ("type", text(queue.type)), ("name", text(queue.label)), ("group_id", number(queue.group)),
      ("size", number(queue.size)), ("threshold", number(queue.threshold)), ("priority", number(queue.priority)),
      ("block_on_fault", flag(queue.blockOnFault)), ("max_batch_size", number(queue.maxBatchSize)),
      ("max_transfer_size_bytes", number(queue.maxTransferSize)), ("driver_name", text(queue.driverName)),
      ("driver", text(queue.boundDriver)), ("clients", number(queue.clients)), ("occupancy", number(queue.occupancy)),
      ("ats_disable", flag(queue.atsDisabled)), ("prs_disable", flag(queue.prsDisabled)),
      ("node", queue.node.map(node)),
    ])
  }

  private static func node(_ node: IdxdNode) -> JSONValue {
    .object([
      ("path", .string(node.path)), ("owner", .string(node.ownerName)), ("group", .string(node.groupName)),
      ("mode", .string(String(node.permissions, radix: 8))), ("character_device", .bool(node.isCharacterDevice)),
      ("openable", .bool(node.isOpenable)),
    ])
  }

  private static func unread(_ fault: Unreadable) -> JSONValue {
    .object([("path", .string(fault.path)), ("reason", .string(fault.reason))])
  }

  // MARK: - Values that may be missing

  private static func object(_ pairs: [(String, JSONValue?)]) -> JSONValue {
    .object(pairs.compactMap { key, value in value.map { (key, $0) } })
  }

  private static func text(_ value: String?) -> JSONValue? { value.map { .string($0) } }
  private static func number(_ value: Int?) -> JSONValue? { value.map { .integer($0) } }
  private static func flag(_ value: Bool?) -> JSONValue? { value.map { .bool($0) } }
  private static func strings(_ values: [String]) -> JSONValue { .list(values.map { .string($0) }) }
}
