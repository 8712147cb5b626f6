// From configurations to the model's tables.

import DSAFormat
import Units

/// Tables of a new model, device after device; queues and engines of a group stand together.
struct ModelLayout {
  var devices: [DeviceState] = []
  var queues: [QueueState] = []
  /// Places of the queues in the order of the configurations.
  var queueOrder: [Int32] = []
  var groups: [GroupState] = []
  var engines: [EngineState] = []
  /// Platform, then reading and writing of each device, read buffers of each group, reading and writing of each link, copies
  /// of huge pages.
  var capacities: [Int]
  var firstLink = 0

  static func table<Element>(_ array: [Element]) -> UnsafeMutablePointer<Element> {
    let table = UnsafeMutablePointer<Element>.allocate(capacity: max(array.count, 1))
    table.initialize(from: array, count: array.count)
    return table
  }

  static func validate(
    _ configurations: [DeviceConfiguration], paths: [DevicePath], links: [DeviceLink], platformBandwidth: Int
  ) throws(DeviceConfigurationError) {
    for configuration in configurations { try configuration.validate() }
    let rates = DeviceTiming.rates
    guard (1...16).contains(configurations.count), (1...16).contains(paths.count), (1...16).contains(links.count),
      paths.allSatisfy({
        links.indices.contains($0.link) && (0...Picoseconds.millisecond).contains($0.readLatency)
          && (0...Picoseconds.millisecond).contains($0.writeLatency)
      }),
      links.allSatisfy({ rates.contains($0.readBandwidth) && rates.contains($0.writeBandwidth) }),
      rates.contains(platformBandwidth)
    else {
      throw DeviceConfigurationError(
        status: 0x11,
        description:
          "a model has 1 to 16 devices, paths and links; latencies are 0 to 1 ms, rates 1 GB/s to 10 TB/s, and each "
          + "path names a link that is there")
    }
  }

  init(_ configurations: [DeviceConfiguration], links: [DeviceLink], platformBandwidth: Int) {
    capacities = [platformBandwidth]
    for configuration in configurations {
      capacities += [configuration.timing.readBandwidth, configuration.timing.writeBandwidth]
    }
    for (device, configuration) in configurations.enumerated() {
      let first = (queues.count, groups.count, engines.count)
      for index in configuration.groups.indices { addGroup(index, of: configuration, device: device) }
      for number in configuration.queues.indices {
        let place = queues[first.0...].firstIndex { Int($0.index) == number }
        queueOrder.append(Int32(place ?? first.0))
      }
      devices.append(
        DeviceState(
          firstQueue: Int32(first.0), queueCount: Int32(queues.count - first.0), firstEngine: Int32(first.2),
          engineCount: Int32(engines.count - first.2), firstGroup: Int32(first.1),
          groupCount: Int32(groups.count - first.1), pageRequests: configuration.pageRequests,
          timing: configuration.timing))
    }
    firstLink = capacities.count
    for link in links { capacities += [link.readBandwidth, link.writeBandwidth] }
    // The slowest device's rate.
    capacities.append(configurations.map { min($0.timing.readBandwidth, $0.timing.writeBandwidth) }.min() ?? 1)
  }

  private mutating func addGroup(_ index: Int, of configuration: DeviceConfiguration, device: Int) {
    let group = configuration.groups[index]
    let timing = configuration.timing
    // Bytes in flight, in byte picoseconds a second, since the weight is the time in picoseconds that a byte is held.
    let buffers = group.readBuffersAllowed * timing.readBufferBytes * Picoseconds.second
    let firstQueue = queues.count
    for (number, queue) in configuration.queues.enumerated() where queue.group == index {
      queues.append(Self.state(of: queue, number, device: device, group: groups.count, configuration))
    }
    groups.append(
      GroupState(
        firstQueue: Int32(firstQueue), queueCount: Int32(queues.count - firstQueue), firstEngine: Int32(engines.count),
        engineCount: Int32(group.engines), buffers: Int32(capacities.count)))
    capacities.append(max(buffers, 1))
    for _ in 0..<group.engines {
      engines.append(
        EngineState(
          device: Int32(device), group: Int32(groups.count - 1),
          workLimit: max(timing.workInProgress >> group.workLimitShift, 1),
          batchLimit: max(timing.batchesInProgress >> group.batchLimitShift, 1)))
    }
  }

  private static func state(
    of queue: QueueConfiguration, _ number: Int, device: Int, group: Int, _ configuration: DeviceConfiguration
  ) -> QueueState {
    var threshold = queue.size
    var isDedicated = true
    if case .shared(let limit) = queue.mode {
      threshold = max(0, min(limit, queue.size))
      isDedicated = false
    }
    let check = DescriptorCheck(
      maxTransfer: min(queue.maxTransfer, configuration.maxTransfer),
      maxBatch: min(queue.maxBatch, configuration.maxBatch),
      interruptHandles: configuration.interruptHandles, blockOnFault: queue.blockOnFault,
      isPrivileged: queue.isPrivileged,
      allowsOverlap: configuration.allowsOverlap)
    return QueueState(
      device: Int32(device), group: Int32(group), index: Int32(number), isDedicated: isDedicated, size: queue.size,
      threshold: threshold, priority: queue.priority, credit: queue.priority, check: check)
  }
}
