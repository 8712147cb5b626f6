// What a configuration comes to once it is loaded: devices, groups, work queues, engines.

/// The devices of a file as they are after `accel-config load-config -e`: rounded, with the driver's defaults for what is not
/// written.
public struct DSAConfiguration: Sendable, Equatable {
  /// In the order of the file.
  public var devices: [Device]

  /// A DSA device.
  public struct Device: Sendable, Equatable {
    /// N of `dsaN`.
    public var id: Int
    public var limits: Limits
    /// Read buffers that the groups with `useReadBufferLimit` share; 0 is no limit.
    public var readBufferLimit: Int
    /// All of the device, `limits.groups` of them; unused ones are empty.
    public var groups: [Group]
    /// Those that the file names, by id.
    public var workQueues: [WorkQueue]
    /// Those that are in a group, by id.
    public var engines: [Engine]

    public var name: String { "dsa\(id)" }
    /// Entries of all work queues together.
    public var usedEntries: Int { workQueues.reduce(0) { $0 + $1.size } }
  }

  /// What a device has. Files that `accel-config list` or `save-config` wrote say it themselves, by the same keys.
  public struct Limits: Sendable, Equatable {
    public var groups: Int
    public var workQueues: Int
    public var engines: Int
    /// Work queue entries, shared out among all work queues.
    public var entries: Int
    public var readBuffers: Int
    /// Most descriptors in a batch; a power of two.
    public var batchSize: Int
    /// Most bytes in a descriptor; a power of two.
    public var transferSize: Int
    /// VERSION register: 0x100 or 0x200, 0x300.
    public var version: Int
    /// Whether user processes' address spaces can be used (SVA), as `pasid_enabled` says.
    public var hasPASID: Bool
    /// GENCAP bit 0.
    public var hasBlockOnFault: Bool
    /// OPCAP as eight words of 32 bits, the highest first; empty when not known.
    public var operations: [UInt32]

    /// Sapphire and Emerald Rapids. Source: sysfs of such devices; GENCAP 0x40915f0107 says 2^10 and 2^31.
    public static let sapphireRapids = Limits(
      groups: 4, workQueues: 8, engines: 4, entries: 128, readBuffers: 96, batchSize: 1024, transferSize: 1 << 31,
      version: 0x100, hasPASID: true, hasBlockOnFault: true, operations: [])
  }

  /// A set of work queues and the engines that serve them.
  public struct Group: Sendable, Equatable {
    public var id: Int
    /// Read buffers that no other group gets.
    public var readBuffersReserved: Int
    /// Most read buffers of the group. All of the device where the file says nothing (device.c idxd_group_flags_setup).
    public var readBuffersAllowed: Int
    public var usesReadBufferLimit: Bool
    /// 0...7.
    public var trafficClassA: Int
    public var trafficClassB: Int
    /// 0 all, 1 half, 2 a quarter, 3 an eighth of the descriptors that an engine can have in progress.
    public var descProgressLimit: Int
    public var batchProgressLimit: Int
    /// Ids of its work queues and engines, ascending.
    public var workQueues: [Int]
    public var engines: [Int]
  }

  public enum Mode: String, Sendable, Equatable {
    /// Entries are counted by the one client; MOVDIR64B.
    case dedicated
    /// The device counts; ENQCMD is answered with Retry when `threshold` entries are taken.
    case shared
  }

  public enum ClientType: String, Sendable, Equatable {
    case none, kernel, user
  }

  /// A work queue.
  public struct WorkQueue: Sendable, Equatable {
    public var id: Int
    /// Nil for a queue that is in no group; it cannot be enabled.
    public var group: Int?
    public var mode: Mode
    /// Entries.
    public var size: Int
    /// Entries that the limited portal may fill; 0 for dedicated queues.
    public var threshold: Int
    /// 1...15: descriptors dispatched in a turn of the group's arbiter.
    public var priority: Int
    public var blockOnFault: Bool
    /// Most descriptors in a batch.
    public var maxBatchSize: Int
    /// Most bytes in a descriptor.
    public var maxTransferSize: Int
    public var type: ClientType
    public var name: String
    /// The driver it is bound to: `user`, `dmaengine`.
    public var driverName: String
  }

  /// A processing engine.
  public struct Engine: Sendable, Equatable {
    public var id: Int
    public var group: Int
  }
}

/// A version of Linux, of whose idxd driver the rules are.
public struct KernelVersion: Sendable, Equatable, Comparable, CustomStringConvertible {
  public var major: Int
  public var minor: Int

  public init(_ major: Int, _ minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// `6.4`, `v6.12` or `6.12.3-generic`; nil for anything else.
  public init?(_ text: String) {
    let parts = (text.hasPrefix("v") ? text.dropFirst() : Substring(text)).split(separator: ".", maxSplits: 2)
    guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1].prefix { $0.isNumber }),
      (2...99).contains(major), (0...999).contains(minor)
    else { return nil }
    self.init(major, minor)
  }

  /// The driver that the modelled kernels carry (dsa-2lm back-ports that of 6.4.16); the oldest whose rules are known.
  public static let oldest = KernelVersion(6, 4)
  /// From here on the kernel's own queues can be shared: before, idxd_enable_system_pasid (init.c) answers EOPNOTSUPP. Source:
  /// Linux 6.6, "Enable idxd device DMA with pasid through iommu dma ops".
  static let hasKernelPASID = KernelVersion(6, 6)
  /// From here on a work queue's driver has to be named. Source: Documentation/ABI/stable/sysfs-driver-dma-idxd, driver_name.
  static let needsDriverName = KernelVersion(6, 7)

  public static func < (a: KernelVersion, b: KernelVersion) -> Bool { (a.major, a.minor) < (b.major, b.minor) }
  public var description: String { "\(major).\(minor)" }
}
