// Which work queues the kernel itself can take, and the configuration of the original's machine.

extension DSAConfiguration {
  /// A work queue of a device.
  public struct QueuePlace: Sendable, Equatable {
    /// Index into `devices`.
    public var device: Int
    /// `WorkQueue.id`.
    public var workQueue: Int
  }

  /// The dedicated queues that the driver dmaengine takes, in the order in which dma_request_channel hands out their channels:
  /// device by device as the file has them, in each by number. A queue that is in no group is not enabled, and not here.
  ///
  /// That devices come in the file's order is an assumption. The kernel has them as they were enabled (drivers/dma/dmaengine.c
  /// dma_async_device_register appends, idxd calls it in device.c idxd_device_drv_probe), and accel-config versions that keep a
  /// list of what to enable (accfg/config.c activate_devices) begin with the file's last. Where all devices are alike it makes no
  /// difference.
  public var kernelQueues: [QueuePlace] {
    devices.indices.flatMap { device in
      devices[device].workQueues.filter { $0.mode == .dedicated && $0.group != nil && $0.driverName == "dmaengine" }
        .map { QueuePlace(device: device, workQueue: $0.id) }
    }
  }

  /// Eight devices dsa0, dsa2, ... dsa14, in each one dedicated kernel queue of all 128 entries, served by all four engines.
  ///
  /// Source: the file that DSA-2LM loads, dsas-4e1w-d.conf.
  public static let eightDevices = DSAConfiguration(devices: (0..<8).map { Device(id: 2 * $0) })
}

extension DSAConfiguration.Device {
  /// One of the eight.
  fileprivate init(id: Int) {
    let limits = DSAConfiguration.Limits.sapphireRapids
    let queue = DSAConfiguration.WorkQueue(
      id: 0, group: 0, mode: .dedicated, size: limits.entries, threshold: 0, priority: 10, blockOnFault: false,
      maxBatchSize: 128, maxTransferSize: 2 << 20, type: .kernel, name: "app0", driverName: "dmaengine")
    let groups = (0..<limits.groups).map { group in
      DSAConfiguration.Group(
        id: group, readBuffersReserved: 0, readBuffersAllowed: limits.readBuffers, usesReadBufferLimit: false,
        trafficClassA: 1, trafficClassB: 1, descProgressLimit: 0, batchProgressLimit: 0,
        workQueues: group == 0 ? [0] : [], engines: group == 0 ? Array(0..<limits.engines) : [])
    }
    self.init(
      id: id, limits: limits, readBufferLimit: 0, groups: groups, workQueues: [queue],
      engines: (0..<limits.engines).map { DSAConfiguration.Engine(id: $0, group: 0) })
  }
}
