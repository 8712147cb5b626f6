// The same devices as libaccel-config sees them, and where it disagrees with sysfs as read here.

#if canImport(CAccelConfig)
  import CAccelConfig
#endif

/// What libaccel-config says. It cannot be pointed at another root, and clears `cmd_status` of every device while it looks.
public struct IdxdLibrary: Sendable, Equatable {
  /// The devices; nil when the library could not be asked.
  public var devices: [IdxdDevice]?
  /// Why it could not; nil when it could.
  public var problem: String?

  public init(devices: [IdxdDevice]?, problem: String? = nil) {
    self.devices = devices
    self.problem = problem
  }

  /// Asks the library about this machine.
  public static func ask() -> IdxdLibrary {
    #if canImport(CAccelConfig)
      var context: OpaquePointer?
      let status = accfg_new(&context)
      guard status == 0, let context else {
        return IdxdLibrary(devices: nil, problem: "libaccel-config does not start (accfg_new: \(status))")
      }
      defer { _ = accfg_unref(context) }
      var devices: [IdxdDevice] = []
      var next = accfg_device_get_first(context)
      while let device = next {
        if let value = description(of: device) { devices.append(value) }
        next = accfg_device_get_next(device)
      }
      return IdxdLibrary(devices: devices)
    #else
      return IdxdLibrary(devices: nil, problem: "libaccel-config is for x86-64 alone")
    #endif
  }

  #if canImport(CAccelConfig)
    private static func description(of device: OpaquePointer) -> IdxdDevice? {
      guard let name = text(accfg_device_get_devname(device)) else { return nil }
      var value = IdxdDevice(name: name, kind: accfg_device_get_type(device) == ACCFG_DEVICE_IAX ? .iax : .dsa)
      value.state = accfg_device_get_state(device) == ACCFG_DEVICE_ENABLED ? "enabled" : "disabled"
      value.numaNode = Int(accfg_device_get_numa_node(device))
      value.maxWorkQueuesSize = Int(accfg_device_get_max_work_queues_size(device))
      value.maxBatchSize = Int(accfg_device_get_max_batch_size(device))
      value.maxTransferSize = Int(accfg_device_get_max_transfer_size(device))
      value.pasidEnabled = accfg_device_get_pasid_enabled(device)
      var next = accfg_wq_get_first(device)
      while let queue = next {
        if let queue = description(ofQueue: queue, device: name) { value.workQueues.append(queue) }
        next = accfg_wq_get_next(queue)
      }
      return value
    }

    private static func description(ofQueue queue: OpaquePointer, device: String) -> IdxdWorkQueue? {
      guard let name = text(accfg_wq_get_devname(queue)) else { return nil }
      var value = IdxdWorkQueue(name: name, device: device)
      value.state =
        switch accfg_wq_get_state(queue) {
        case ACCFG_WQ_ENABLED: "enabled"
        case ACCFG_WQ_DISABLED: "disabled"
        case ACCFG_WQ_LOCKED: "locked"
        default: nil
        }
      value.type =
        switch accfg_wq_get_type(queue) {
        case ACCFG_WQT_USER: "user"
        case ACCFG_WQT_KERNEL: "kernel"
        default: "none"
        }
      value.mode =
        switch accfg_wq_get_mode(queue) {
        case ACCFG_WQ_SHARED: .shared
        case ACCFG_WQ_DEDICATED: .dedicated
        default: nil
        }
      value.group = Int(accfg_wq_get_group_id(queue))
      value.size = Int(accfg_wq_get_size(queue))
      value.threshold = Int(accfg_wq_get_threshold(queue))
      value.priority = Int(accfg_wq_get_priority(queue))
      value.blockOnFault = accfg_wq_get_block_on_fault(queue) > 0
      value.maxBatchSize = Int(accfg_wq_get_max_batch_size(queue))
      value.maxTransferSize = Int(accfg_wq_get_max_transfer_size(queue))
      return value
    }

    private static func text(_ pointer: UnsafePointer<CChar>?) -> String? { pointer.map { String(cString: $0) } }
  #endif

  // MARK: - Disagreements

  /// A line for each value that both know and that differs, and for each device or queue that only one of them sees.
  public func disagreements(with own: [IdxdDevice]) -> [String] {
    guard let devices else { return [] }
    var lines = IdxdLibrary.onlyOne(devices.map(\.name), own.map(\.name))
    for mine in own {
      guard let theirs = devices.first(where: { $0.name == mine.name }) else { continue }
      var compare = Comparison(object: mine.name)
      compare.add("state", mine.state, theirs.state)
      compare.add("numa_node", mine.numaNode, theirs.numaNode)
      compare.add("max_work_queues_size", mine.maxWorkQueuesSize, theirs.maxWorkQueuesSize)
      compare.add("max_batch_size", mine.maxBatchSize, theirs.maxBatchSize)
      compare.add("max_transfer_size", mine.maxTransferSize, theirs.maxTransferSize)
      compare.add("pasid_enabled", mine.pasidEnabled, theirs.pasidEnabled)
      lines += compare.lines + IdxdLibrary.onlyOne(theirs.workQueues.map(\.name), mine.workQueues.map(\.name))
      for queue in mine.workQueues {
        guard let other = theirs.workQueues.first(where: { $0.name == queue.name }) else { continue }
        lines += IdxdLibrary.disagreements(queue, other)
      }
    }
    return lines
  }

  private static func disagreements(_ mine: IdxdWorkQueue, _ theirs: IdxdWorkQueue) -> [String] {
    var compare = Comparison(object: mine.name)
    compare.add("state", mine.state, theirs.state)
    compare.add("type", mine.type, theirs.type)
    compare.add("mode", mine.mode?.rawValue, theirs.mode?.rawValue)
    compare.add("group_id", mine.group, theirs.group)
    compare.add("size", mine.size, theirs.size)
    if mine.mode == .shared { compare.add("threshold", mine.threshold, theirs.threshold) }
    compare.add("priority", mine.priority, theirs.priority)
    compare.add("block_on_fault", mine.blockOnFault, theirs.blockOnFault)
    compare.add("max_batch_size", mine.maxBatchSize, theirs.maxBatchSize)
    compare.add("max_transfer_size", mine.maxTransferSize, theirs.maxTransferSize)
    return compare.lines
  }

  private static func onlyOne(_ theirs: [String], _ mine: [String]) -> [String] {
    mine.filter { !theirs.contains($0) }.map { "\($0): in sysfs, but libaccel-config does not see it" }
      + theirs.filter { !mine.contains($0) }.map { "\($0): seen by libaccel-config, but not in sysfs" }
  }

  private struct Comparison {
    let object: String
    var lines: [String] = []

    mutating func add<T: Equatable>(_ key: String, _ mine: T?, _ theirs: T?) {
      guard let mine, let theirs, mine != theirs else { return }
      lines.append("\(object): \(key) is \(mine) in sysfs, and \(theirs) for libaccel-config")
    }
  }
}
