// Devices of the idxd driver as values: what sysfs or libaccel-config says of them. Nil is what could not be read or is not there.

/// A DSA or IAA device: `dsaN` or `iaxN` (Documentation/ABI/stable/sysfs-driver-dma-idxd).
public struct IdxdDevice: Sendable, Equatable {
  public enum Kind: String, Sendable, Equatable {
    /// Data Streaming Accelerator.
    case dsa
    /// In-Memory Analytics Accelerator: the kernel's name is iax.
    case iax
  }

  /// `dsa0`.
  public var name: String
  public var kind: Kind
  /// `enabled`, `disabled`.
  public var state: String?
  /// VERSION register: 0x100 on Sapphire and Emerald Rapids, 0x200, 0x300.
  public var version: Int?
  /// The node that it is attached to; -1 for none.
  public var numaNode: Int?
  /// Work queue entries, shared out among all work queues.
  public var maxWorkQueuesSize: Int?
  public var maxWorkQueues: Int?
  public var maxGroups: Int?
  public var maxEngines: Int?
  /// Descriptors in a batch; nil for devices without batches too.
  public var maxBatchSize: Int?
  /// Bytes in a descriptor.
  public var maxTransferSize: Int?
  public var maxReadBuffers: Int?
  /// Whether user processes' address spaces can be used (SVA).
  public var pasidEnabled: Bool?
  public var isConfigurable: Bool?
  /// Result of the last administrative command: 0, a device's code, or the driver's 0x80xx0000.
  public var commandStatus: Int?
  public var groups: [IdxdGroup]
  public var engines: [IdxdEngine]
  public var workQueues: [IdxdWorkQueue]

  public init(
    name: String, kind: Kind, state: String? = nil, version: Int? = nil, numaNode: Int? = nil,
    maxWorkQueuesSize: Int? = nil, maxWorkQueues: Int? = nil, maxGroups: Int? = nil, maxEngines: Int? = nil,
    maxBatchSize: Int? = nil, maxTransferSize: Int? = nil, maxReadBuffers: Int? = nil, pasidEnabled: Bool? = nil,
    isConfigurable: Bool? = nil, commandStatus: Int? = nil, groups: [IdxdGroup] = [], engines: [IdxdEngine] = [],
    workQueues: [IdxdWorkQueue] = []
  ) {
    self.name = name
    self.kind = kind
    self.state = state
    self.version = version
    self.numaNode = numaNode
    self.maxWorkQueuesSize = maxWorkQueuesSize
    self.maxWorkQueues = maxWorkQueues
    self.maxGroups = maxGroups
    self.maxEngines = maxEngines
    self.maxBatchSize = maxBatchSize
    self.maxTransferSize = maxTransferSize
    self.maxReadBuffers = maxReadBuffers
    self.pasidEnabled = pasidEnabled
    self.isConfigurable = isConfigurable
    self.commandStatus = commandStatus
    self.groups = groups
    self.engines = engines
    self.workQueues = workQueues
  }
}

/// A group: `groupN.M`.
public struct IdxdGroup: Sendable, Equatable {
  public var name: String
  public var readBuffersAllowed: Int?
  public var readBuffersReserved: Int?
  public var usesReadBufferLimit: Bool?
  public var trafficClassA: Int?
  public var trafficClassB: Int?

  public init(
    name: String, readBuffersAllowed: Int? = nil, readBuffersReserved: Int? = nil, usesReadBufferLimit: Bool? = nil,
    trafficClassA: Int? = nil, trafficClassB: Int? = nil
  ) {
    self.name = name
    self.readBuffersAllowed = readBuffersAllowed
    self.readBuffersReserved = readBuffersReserved
    self.usesReadBufferLimit = usesReadBufferLimit
    self.trafficClassA = trafficClassA
    self.trafficClassB = trafficClassB
  }

  /// M of `groupN.M`.
  public var id: Int? { Int(name.split(separator: ".").last ?? "") }
}

/// A processing engine: `engineN.M`.
public struct IdxdEngine: Sendable, Equatable {
  public var name: String
  /// Its group; -1 for none.
  public var group: Int?

  public init(name: String, group: Int? = nil) {
    self.name = name
    self.group = group
  }
}

/// A work queue: `wqN.M`.
public struct IdxdWorkQueue: Sendable, Equatable {
  /// `wq0.1`.
  public var name: String
  /// `dsa0`.
  public var device: String
  /// `dedicated` or `shared`.
  public var mode: Mode?
  /// `enabled`, `disabled`, `locked`.
  public var state: String?
  /// `user`, `kernel`, `none`, `mdev`.
  public var type: String?
  /// What the configuration calls it (attribute `name`).
  public var label: String?
  /// Its group; -1 for none.
  public var group: Int?
  /// Entries.
  public var size: Int?
  /// Entries that the limited portal may fill; of shared queues.
  public var threshold: Int?
  /// 0...15.
  public var priority: Int?
  public var blockOnFault: Bool?
  /// Descriptors in a batch.
  public var maxBatchSize: Int?
  /// Bytes in a descriptor.
  public var maxTransferSize: Int?
  /// The driver it is meant for (attribute `driver_name`, from Linux 6.7 on).
  public var driverName: String?
  /// The driver it is bound to: `user` for queues that processes may open.
  public var boundDriver: String?
  /// Processes that have it open.
  public var clients: Int?
  /// Entries in use, where the device can say.
  public var occupancy: Int?
  public var atsDisabled: Bool?
  public var prsDisabled: Bool?
  /// Its node under /dev/dsa or /dev/iax; nil when there is none.
  public var node: IdxdNode?

  public enum Mode: String, Sendable, Equatable {
    /// One client, which counts entries itself; MOVDIR64B.
    case dedicated
    /// The device counts; ENQCMD.
    case shared
  }

  public init(
    name: String, device: String, mode: Mode? = nil, state: String? = nil, type: String? = nil, label: String? = nil,
    group: Int? = nil, size: Int? = nil, threshold: Int? = nil, priority: Int? = nil, blockOnFault: Bool? = nil,
    maxBatchSize: Int? = nil, maxTransferSize: Int? = nil, driverName: String? = nil, boundDriver: String? = nil,
    clients: Int? = nil, occupancy: Int? = nil, atsDisabled: Bool? = nil, prsDisabled: Bool? = nil,
    node: IdxdNode? = nil
  ) {
    self.name = name
    self.device = device
    self.mode = mode
    self.state = state
    self.type = type
    self.label = label
    self.group = group
    self.size = size
    self.threshold = threshold
    self.priority = priority
    self.blockOnFault = blockOnFault
    self.maxBatchSize = maxBatchSize
    self.maxTransferSize = maxTransferSize
    self.driverName = driverName
    self.boundDriver = boundDriver
    self.clients = clients
    self.occupancy = occupancy
    self.atsDisabled = atsDisabled
    self.prsDisabled = prsDisabled
    self.node = node
  }

  /// Whether a process could open it, permissions aside.
  public var isForUsers: Bool { state == "enabled" && type == "user" }
}

/// A character device of a work queue.
public struct IdxdNode: Sendable, Equatable {
  /// As the machine names it: `/dev/dsa/wq0.1`.
  public var path: String
  /// Where it is opened: the same, under the root that it was found under.
  public var openPath: String
  /// User and group id.
  public var owner: Int
  public var group: Int
  /// Their names where they have one, else the numbers.
  public var ownerName: String
  public var groupName: String
  /// The lower nine bits of its mode: 0o660.
  public var permissions: Int
  /// Whether it is a character device; a plain file stands in for one in a folder that plays a machine.
  public var isCharacterDevice: Bool
  /// Whether this process may open it for reading and writing, by its permissions.
  public var isOpenable: Bool

  public init(
    path: String, openPath: String, owner: Int, group: Int, ownerName: String, groupName: String, permissions: Int,
    isCharacterDevice: Bool, isOpenable: Bool
  ) {
    self.path = path
    self.openPath = openPath
    self.owner = owner
    self.group = group
    self.ownerName = ownerName
    self.groupName = groupName
    self.permissions = permissions
    self.isCharacterDevice = isCharacterDevice
    self.isOpenable = isOpenable
  }
}
