// The machine's DSA devices: from a checked accel-config configuration to what the device model takes.

import DSAConfig
import DSAModel
import Sysctl

/// Devices for `DeviceModel`, and which of their queues the kernel's channels are.
public struct DSAMachine: Sendable {
  /// In the order of the file; a device's queues are those that are in a group, by number.
  public let devices: [DeviceConfiguration]
  /// The kernel's channels, first the one that is requested first. `device` indexes `devices`, `queue` the device's `queues`; all
  /// are dedicated. `vm.limit_chans` takes the first so many. Order: `DSAConfiguration.kernelQueues`.
  public let channels: [(device: Int, queue: Int)]

  /// Makes the devices of a configuration that comes up (`ConfigurationCheck.isAccepted`).
  ///
  /// The model has no limit on read buffers that groups share and no traffic classes; these are left out.
  /// - Throws: what the model takes to be impossible; a configuration that comes up is not.
  public init(_ configuration: DSAConfiguration) throws(DeviceConfigurationError) {
    var devices: [DeviceConfiguration] = []
    for device in configuration.devices {
      let model = DeviceConfiguration(device)
      try model.validate()
      devices.append(model)
    }
    self.devices = devices
    channels = configuration.kernelQueues.compactMap { place in
      let queues = configuration.devices[place.device].groupedQueues
      guard let queue = queues.firstIndex(where: { $0.id == place.workQueue }) else { return nil }
      return (place.device, queue)
    }
  }
}

extension DSAMachine {
  /// The devices that `hw.dsa.config` names.
  public init(_ tree: KnobTree) throws(DeviceConfigurationError) {
    try self.init(tree[DSAHardwareKnobs.self].configuration)
  }
}

extension DSAConfiguration.Device {
  /// The queues that are enabled, by number: the model's queues of the device, in its order.
  fileprivate var groupedQueues: [DSAConfiguration.WorkQueue] { workQueues.filter { $0.group != nil } }
}

extension DeviceConfiguration {
  fileprivate init(_ device: DSAConfiguration.Device) {
    self.init()
    engines = device.limits.engines
    maxGroups = device.limits.groups
    maxQueues = device.limits.workQueues
    entries = device.limits.entries
    readBuffers = device.limits.readBuffers
    maxBatch = device.limits.batchSize
    maxTransfer = device.limits.transferSize
    queues = device.groupedQueues.map { QueueConfiguration($0) }
    // Read buffers that no group has reserved. A group that is not in use may be told more than there are.
    let free = device.limits.readBuffers - device.groups.reduce(0) { $0 + $1.readBuffersReserved }
    groups = device.groups.map { group in
      var model = GroupConfiguration(engines: group.engines.count)
      model.readBuffersReserved = group.readBuffersReserved
      model.readBuffersAllowed = min(group.readBuffersAllowed, group.readBuffersReserved + free)
      model.workLimitShift = group.descProgressLimit
      model.batchLimitShift = group.batchProgressLimit
      return model
    }
  }
}

extension QueueConfiguration {
  fileprivate init(_ queue: DSAConfiguration.WorkQueue) {
    self.init()
    mode = queue.mode == .dedicated ? .dedicated : .shared(threshold: queue.threshold)
    size = queue.size
    group = queue.group ?? 0
    priority = queue.priority
    maxTransfer = queue.maxTransferSize
    maxBatch = queue.maxBatchSize
    blockOnFault = queue.blockOnFault
    isPrivileged = queue.driverName == "dmaengine"
  }
}
