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
    let path = "\(folder)/\(name)"
    var device = IdxdDevice(name: name, kind: kind)
    device.state = text(path, "state")
    device.version = integer(path, "version")
    device.numaNode = integer(path, "numa_node")
    device.maxWorkQueuesSize = integer(path, "max_work_queues_size")
    device.maxWorkQueues = integer(path, "max_work_queues")
    device.maxGroups = integer(path, "max_groups")
    device.maxEngines = integer(path, "max_engines")
    device.maxBatchSize = integer(path, "max_batch_size")
    device.maxTransferSize = integer(path, "max_transfer_size")
    // Before Linux 5.17 read buffers were called tokens.
    device.maxReadBuffers = integer(path, "max_read_buffers") ?? integer(path, "max_tokens")
    device.pasidEnabled = flag(path, "pasid_enabled")
    device.isConfigurable = flag(path, "configurable")
    device.commandStatus = integer(path, "cmd_status")
    // Numbers run over DSA and IAA together on one bus: dsa0, iax1. Its parts carry its number.
    let number = name.dropFirst(kind.rawValue.count)
    for part in names {
      if part.hasPrefix("group\(number).") { device.groups.append(group(part, in: folder)) }
      if part.hasPrefix("engine\(number).") {
        device.engines.append(IdxdEngine(name: part, group: integer("\(folder)/\(part)", "group_id")))
      }
      if part.hasPrefix("wq\(number).") { device.workQueues.append(queue(part, of: device, in: folder)) }
    }
    return device
  }

  private mutating func group(_ name: String, in folder: String) -> IdxdGroup {
    let path = "\(folder)/\(name)"
    var group = IdxdGroup(name: name)
    group.readBuffersAllowed = integer(path, "read_buffers_allowed") ?? integer(path, "tokens_allowed")
    group.readBuffersReserved = integer(path, "read_buffers_reserved") ?? integer(path, "tokens_reserved")
    group.usesReadBufferLimit = flag(path, "use_read_buffer_limit") ?? flag(path, "use_token_limit")
    group.trafficClassA = integer(path, "traffic_class_a")
    group.trafficClassB = integer(path, "traffic_class_b")
    return group
  }

  private mutating func queue(_ name: String, of device: IdxdDevice, in folder: String) -> IdxdWorkQueue {
    let path = "\(folder)/\(name)"
    var queue = IdxdWorkQueue(name: name, device: device.name)
    if let mode = text(path, "mode") {
      queue.mode = IdxdWorkQueue.Mode(rawValue: mode)
      if queue.mode == nil { unread.append(Unreadable(path: path + "/mode", reason: "'\(mode)' is no mode")) }
    }
    queue.state = text(path, "state")
    queue.type = text(path, "type")
    queue.label = text(path, "name").flatMap { $0.isEmpty ? nil : $0 }
    queue.group = integer(path, "group_id")
    queue.size = integer(path, "size")
    queue.threshold = integer(path, "threshold")
    queue.priority = integer(path, "priority")
    queue.blockOnFault = flag(path, "block_on_fault")
    queue.maxBatchSize = integer(path, "max_batch_size")
    queue.maxTransferSize = integer(path, "max_transfer_size")
    queue.driverName = text(path, "driver_name").flatMap { $0.isEmpty ? nil : $0 }
    queue.boundDriver = (try? FileManager.default.destinationOfSymbolicLink(atPath: root.path(path + "/driver")))
      .flatMap { $0.split(separator: "/").last.map(String.init) }
    queue.clients = integer(path, "clients")
    queue.occupancy = optionalInteger(path, "occupancy")
    queue.atsDisabled = flag(path, "ats_disable")
    queue.prsDisabled = flag(path, "prs_disable")
    queue.node = node(of: name, kind: device.kind)
    return queue
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

  // MARK: - Attributes

  /// Which attributes there are depends on kernel and device: an absent one is no fault.
  private mutating func note(_ fault: Unreadable) { if !fault.isAbsent { unread.append(fault) } }

  private mutating func text(_ folder: String, _ name: String) -> String? {
    do throws(Unreadable) { return try root.text("\(folder)/\(name)") } catch {
      note(error)
      return nil
    }
  }

  private mutating func integer(_ folder: String, _ name: String) -> Int? {
    do throws(Unreadable) { return try root.integer("\(folder)/\(name)") } catch {
      note(error)
      return nil
    }
  }

  /// Devices that cannot say answer with an error.
  private func optionalInteger(_ folder: String, _ name: String) -> Int? { try? root.integer("\(folder)/\(name)") }

  private mutating func flag(_ folder: String, _ name: String) -> Bool? { integer(folder, name).map { $0 != 0 } }
}
