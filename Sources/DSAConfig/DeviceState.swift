// A device while its configuration is written: the driver's variables and what the messages need besides.

/// Source of the values it begins with: Linux drivers/dma/idxd/device.c idxd_wq_disable_cleanup, idxd_wq_device_reset_cleanup,
/// idxd_groups_clear_state and idxd_engines_clear_state, which a disabled device has been through.
struct DeviceState: Equatable {
  var result: DSAConfiguration.Device
  let place: ConfigurationLoader.Place
  var isConfigurable = true
  /// Set once the refusal of all writes has been told.
  var hasToldFixed = false
  /// Parts whose `dev` was read.
  var named: Set<String> = []
  var groupPlaces: [Int: ConfigurationLoader.Place] = [:]
  var workQueues: [Int: WorkQueueState] = [:]
  /// Group by engine.
  var engines: [Int: Int] = [:]
  /// Groups whose read buffers were refused, which says all there is to say of them.
  var refusedReadBuffers: Set<Int> = []

  init(id: Int, place: ConfigurationLoader.Place) {
    self.place = place
    result = DSAConfiguration.Device(
      id: id, limits: .sapphireRapids, readBufferLimit: 0, groups: [], workQueues: [], engines: [])
    makeGroups()
  }

  /// Empty groups, as many as the device has.
  mutating func makeGroups() {
    result.groups = (0..<result.limits.groups).map {
      DSAConfiguration.Group(
        id: $0, readBuffersReserved: 0, readBuffersAllowed: 0, usesReadBufferLimit: false, trafficClassA: 1,
        trafficClassB: 1, descProgressLimit: 0, batchProgressLimit: 0, workQueues: [], engines: [])
    }
  }

  /// Read buffers that no group has reserved (sysfs.c idxd_set_free_rdbufs).
  var freeReadBuffers: Int { result.limits.readBuffers - result.groups.reduce(0) { $0 + $1.readBuffersReserved } }

  /// Entries that work queues have (sysfs.c total_claimed_wq_size).
  var claimedEntries: Int { workQueues.values.reduce(0) { $0 + $1.queue.size } }

  func engineIDs(of group: Int) -> [Int] { engines.filter { $0.value == group }.keys.sorted() }
  func workQueueIDs(of group: Int) -> [Int] {
    workQueues.values.filter { $0.queue.group == group }.map(\.queue.id).sorted()
  }
}

/// A work queue while it is written.
struct WorkQueueState: Equatable {
  var queue: DSAConfiguration.WorkQueue
  let place: ConfigurationLoader.Place
  var isPRSDisabled = false
  /// Keys whose write was refused: what follows from the value that is missing then is not told again.
  var refused: Set<String> = []
  /// Where keys stand.
  var places: [String: ConfigurationLoader.Place] = [:]

  init(id: Int, place: ConfigurationLoader.Place) {
    self.place = place
    queue = DSAConfiguration.WorkQueue(
      id: id, group: nil, mode: .shared, size: 0, threshold: 0, priority: 0, blockOnFault: false,
      maxBatchSize: IDXDDefaults.maxBatchSize, maxTransferSize: IDXDDefaults.maxTransferSize, type: .none, name: "",
      driverName: "")
  }
}

/// Constants of the driver. Source: Linux drivers/dma/idxd/idxd.h and registers.h.
enum IDXDDefaults {
  /// WQ_DEFAULT_QUEUE_DEPTH.
  static let queueDepth = 16
  /// WQ_DEFAULT_MAX_XFER.
  static let maxTransferSize = 2 << 20
  /// WQ_DEFAULT_MAX_BATCH.
  static let maxBatchSize = 32
  /// IDXD_MAX_PRIORITY.
  static let maxPriority = 15
  /// WQ_NAME_SIZE.
  static let nameBytes = 1024
  /// DRIVER_NAME_SIZE.
  static let driverNameBytes = 128
  /// DEVICE_VERSION_2; accel-config has the same number as ACCFG_DEVICE_VERSION_2.
  static let version2 = 0x200
  /// IDXD_EVL_SIZE_MIN and IDXD_EVL_SIZE_MAX.
  static let eventLogSizes = 0x40...0xFFFF
  /// Bits of an operation bitmap as words (IDXD_MAX_OPCAP_BITS / 32).
  static let operationWords = 8
}
