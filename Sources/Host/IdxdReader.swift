// idxd's devices from sysfs, under a root.

import Foundation

/// All devices of the idxd driver.
public struct IdxdDevices: Sendable, Equatable {
  /// By kind and number.
  public var devices: [IdxdDevice]
  /// Whether a bus of the driver is there: its module is loaded or built in.
  public var hasDriver: Bool
  /// What could not be read, files apart that this kernel or device does not have.
  public var unread: [Unreadable]

  public init(devices: [IdxdDevice], hasDriver: Bool, unread: [Unreadable] = []) {
    self.devices = devices
    self.hasDriver = hasDriver
    self.unread = unread
  }

  /// The work queues of all devices.
  public var workQueues: [IdxdWorkQueue] { devices.flatMap(\.workQueues) }

  /// Reads them. DSA and IAA are on the bus `dsa`; some kernels had a bus `iax` as well.
  public init(_ root: HostRoot) {
    var reader = IdxdReader(root: root)
    reader.read()
    self.init(devices: reader.devices, hasDriver: reader.hasDriver, unread: reader.unread)
  }
}

private struct IdxdReader {
  let root: HostRoot
  var devices: [IdxdDevice] = []
  var hasDriver = false
  var unread: [Unreadable] = []

  mutating func read() {
    for bus in ["dsa", "iax"] {
      let folder = "/sys/bus/\(bus)/devices"
      guard root.exists("/sys/bus/\(bus)") else { continue }
      hasDriver = true
      var names: [String] = []
      do throws(Unreadable) { names = try root.names(in: folder) } catch { unread.append(error) }
      for name in names {
        for kind in [IdxdDevice.Kind.dsa, .iax] where IdxdReader.number(of: name, after: kind.rawValue) != nil {
          guard !devices.contains(where: { $0.name == name }) else { continue }
          devices.append(device(name, kind, names: names, in: folder))
        }
      }
    }
  }

  /// 3 of `dsa3`.
  static func number(of name: String, after prefix: String) -> Int? {
    name.hasPrefix(prefix) ? Int(name.dropFirst(prefix.count)) : nil
  }

  // MARK: - Objects

  private mutating func device(
    _ name: String, _ kind: IdxdDevice.Kind, names: [String], in folder: String
  ) -> IdxdDevice {
    var device = IdxdDevice(name: name, kind: kind)
    read(
      &device, "\(folder)/\(name)", texts: ["state": \.state],
      numbers: [
        "version": \.version, "numa_node": \.numaNode, "max_work_queues_size": \.maxWorkQueuesSize,
        "max_work_queues": \.maxWorkQueues, "max_groups": \.maxGroups, "max_engines": \.maxEngines,
        "max_batch_size": \.maxBatchSize, "max_transfer_size": \.maxTransferSize,
        // Before Linux 5.17 read buffers were called tokens.
        "max_read_buffers": \.maxReadBuffers, "max_tokens": \.maxReadBuffers, "cmd_status": \.commandStatus,
      ],
      flags: ["pasid_enabled": \.pasidEnabled, "configurable": \.isConfigurable])
    // Numbers run over DSA and IAA together on one bus: dsa0, iax1. Its parts carry its number.
    let number = name.dropFirst(kind.rawValue.count)
    for part in names {
      let path = "\(folder)/\(part)"
      if part.hasPrefix("group\(number).") { device.groups.append(group(part, path)) }
      if part.hasPrefix("engine\(number).") {
        var engine = IdxdEngine(name: part)
        read(&engine, path, numbers: ["group_id": \.group])
        device.engines.append(engine)
      }
      if part.hasPrefix("wq\(number).") { device.workQueues.append(queue(part, of: device, path)) }
    }
    return device
  }

  private mutating func group(_ name: String, _ path: String) -> IdxdGroup {
    var group = IdxdGroup(name: name)
    read(
      &group, path,
      numbers: [
        "read_buffers_allowed": \.readBuffersAllowed, "tokens_allowed": \.readBuffersAllowed,
        "read_buffers_reserved": \.readBuffersReserved, "tokens_reserved": \.readBuffersReserved,
        "traffic_class_a": \.trafficClassA, "traffic_class_b": \.trafficClassB,
      ],
      flags: ["use_read_buffer_limit": \.usesReadBufferLimit, "use_token_limit": \.usesReadBufferLimit])
    return group
  }

  private mutating func queue(_ name: String, of device: IdxdDevice, _ path: String) -> IdxdWorkQueue {
    var queue = IdxdWorkQueue(name: name, device: device.name)
    read(
      &queue, path,
      texts: ["state": \.state, "type": \.type, "name": \.label, "driver_name": \.driverName],
      numbers: [
        "group_id": \.group, "size": \.size, "threshold": \.threshold, "priority": \.priority,
        "max_batch_size": \.maxBatchSize, "max_transfer_size": \.maxTransferSize, "clients": \.clients,
      ],
      flags: ["block_on_fault": \.blockOnFault, "ats_disable": \.atsDisabled, "prs_disable": \.prsDisabled])
    if let mode = found({ root throws(Unreadable) in try root.text(path + "/mode") }) {
      queue.mode = IdxdWorkQueue.Mode(rawValue: mode)
      if queue.mode == nil { unread.append(Unreadable(path: path + "/mode", reason: "'\(mode)' is no mode")) }
    }
    queue.boundDriver = (try? FileManager.default.destinationOfSymbolicLink(atPath: root.path(path + "/driver")))
      .flatMap { $0.split(separator: "/").last.map(String.init) }
    // Devices that cannot say answer with an error.
    queue.occupancy = try? root.integer(path + "/occupancy")
    queue.node = node(of: name, kind: device.kind)
    return queue
  }

  // MARK: - Attributes

  /// -1: no node, no group.
  private static let numbers = -1...1 << 56

  /// Reads the attributes of an object that are there into its fields; of several files for one field the first that says something counts.
  private mutating func read<Object>(
    _ object: inout Object, _ folder: String, texts: KeyValuePairs<String, WritableKeyPath<Object, String?>> = [:],
    numbers: KeyValuePairs<String, WritableKeyPath<Object, Int?>> = [:],
    flags: KeyValuePairs<String, WritableKeyPath<Object, Bool?>> = [:]
  ) {
    for (name, field) in texts where object[keyPath: field] == nil {
      let text = found { root throws(Unreadable) in try root.text("\(folder)/\(name)") }
      object[keyPath: field] = text?.isEmpty == true ? nil : text
    }
    for (name, field) in numbers where object[keyPath: field] == nil {
      object[keyPath: field] = found { root throws(Unreadable) in
        try root.integer("\(folder)/\(name)", in: Self.numbers)
      }
    }
    for (name, field) in flags where object[keyPath: field] == nil {
      object[keyPath: field] = found { root throws(Unreadable) in try root.integer("\(folder)/\(name)") != 0 }
    }
  }

  /// What a reading gives. Which attributes there are depends on kernel and device: an absent one is no fault.
  private mutating func found<T>(_ reading: (HostRoot) throws(Unreadable) -> T) -> T? {
    do throws(Unreadable) { return try reading(root) } catch {
      if !error.isAbsent { unread.append(error) }
      return nil
    }
  }

  // MARK: - Nodes

  /// The node of a queue: its name, or its name with something behind a hyphen, as udev rules of some distributions have it.
  private func node(of name: String, kind: IdxdDevice.Kind) -> IdxdNode? {
    let folder = "/dev/\(kind.rawValue)"
    guard let names = try? root.names(in: folder),
      let found = names.first(where: { $0 == name }) ?? names.first(where: { $0.hasPrefix(name + "-") })
    else { return nil }
    let path = "\(folder)/\(found)"
    var status = stat()
    guard stat(root.path(path), &status) == 0 else { return nil }
    return IdxdNode(
      path: path, openPath: root.path(path), owner: Int(status.st_uid), group: Int(status.st_gid),
      ownerName: getpwuid(status.st_uid).flatMap { String(cString: $0.pointee.pw_name) } ?? "\(status.st_uid)",
      groupName: getgrgid(status.st_gid).flatMap { String(cString: $0.pointee.gr_name) } ?? "\(status.st_gid)",
      permissions: Int(status.st_mode & 0o777), isCharacterDevice: status.st_mode & S_IFMT == S_IFCHR,
      isOpenable: access(root.path(path), R_OK | W_OK) == 0)
  }
}
