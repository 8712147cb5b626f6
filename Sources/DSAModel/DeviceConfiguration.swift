// How a device is set up: queues, groups, engines. What the accel-config tool would load.

import DSAFormat
import Units

/// One work queue.
public struct QueueConfiguration: Equatable, Sendable {
  public enum Mode: Equatable, Sendable {
    /// For one client that counts its entries. Filled by posted writes; what finds it full is lost.
    case dedicated
    /// For many. The limited portal takes descriptors while fewer than `threshold` entries are occupied.
    case shared(threshold: Int)
  }

  public var mode = Mode.dedicated
  /// Entries; the queues of a device share 128.
  public var size = 128
  public var group = 0
  /// Weight in the group's arbiter; 1...15.
  public var priority = 10
  /// Bytes of one descriptor at most; a power of two up to 2 GiB.
  public var maxTransfer = 2 << 20
  /// Members of one batch at most; a power of two up to 1024.
  public var maxBatch = 128
  /// Whether descriptors may ask to wait for pages.
  public var blockOnFault = false
  /// Whether descriptors may carry Priv.
  public var isPrivileged = true

  public init() {}
}

/// One group: its queues' descriptors go to its engines.
public struct GroupConfiguration: Equatable, Sendable {
  public var engines: Int
  /// Read buffers that are the group's own, and the most it may use; at least 4 an engine.
  public var readBuffersReserved = 0
  public var readBuffersAllowed = 96
  /// Work descriptors and batches in progress are limited to 1 / 2^shift of what an engine could hold; 0...3.
  public var workLimitShift = 0
  public var batchLimitShift = 0

  public init(engines: Int) { self.engines = engines }
}

/// A device. The default is that of DSA-2LM's configuration file: one dedicated queue of 128 entries, four engines, batches of
/// 128, transfers of 2 MiB, 96 read buffers.
public struct DeviceConfiguration: Equatable, Sendable {
  public var queues = [QueueConfiguration()]
  public var groups = [GroupConfiguration(engines: 4)]
  /// What the hardware has. Sapphire Rapids: 4 engines, 4 groups, 8 queues, 128 entries, 96 read buffers.
  public var engines = 4
  public var maxGroups = 4
  public var maxQueues = 8
  public var entries = 128
  public var readBuffers = 96
  public var maxBatch = 1024
  public var maxTransfer = 1 << 31
  public var interruptHandles = 2048
  /// Whether a memmove may overlap (GENCAP); else status 0x16.
  public var allowsOverlap = true
  /// Whether the device may ask for pages (PRS).
  public var pageRequests = true
  public var timing = DeviceTiming()

  public init() {}
}

/// Why a device cannot be enabled.
public struct DeviceConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Command status of the specification, 0x14...0x28; 0x11 where it names none.
  public var status: UInt8
  public var description: String
}

extension DeviceConfiguration {
  /// Checks what the hardware checks when it is enabled.
  ///
  /// Source: Intel DSA Architecture Specification 341204, enable device and enable WQ.
  public func validate() throws(DeviceConfigurationError) {
    func require(_ holds: Bool, _ status: UInt8, _ text: @autoclosure () -> String) throws(DeviceConfigurationError) {
      if !holds { throw DeviceConfigurationError(status: status, description: text()) }
    }
    try require(
      (1...16).contains(engines) && (1...16).contains(maxGroups) && (1...64).contains(maxQueues)
        && (1...4096).contains(entries) && (4...4096).contains(readBuffers) && (1...1 << 31).contains(maxTransfer)
        && (1...1 << 16).contains(maxBatch), 0x11,
      "a device has 1 to 16 engines and groups, 1 to 64 queues, 1 to 4096 entries, 4 to 4096 read buffers, transfers up to "
        + "2 GiB and batches up to 65536")
    let sum = queues.reduce(0) { $0 &+ max($1.size, 0) }
    try require(sum <= entries, 0x14, "the queues have \(sum) entries in all, the device has \(entries)")
    try require(
      !queues.isEmpty && queues.count <= maxQueues && groups.count <= maxGroups, 0x11,
      "a device has 1 to \(maxQueues) queues and up to \(maxGroups) groups")
    for (index, queue) in queues.enumerated() { try validate(queue, index, require) }
    let used = groups.reduce(0) { $0 + $1.engines }
    try require(used <= engines, 0x17, "the groups have \(used) engines in all, the device has \(engines)")
    let reserved = groups.reduce(0) { $0 + $1.readBuffersReserved }
    for (index, group) in groups.enumerated() {
      let hasQueue = queues.contains { $0.group == index }
      try require(
        hasQueue == (group.engines > 0), 0x15, "group \(index) needs both a queue and an engine, or neither")
      try require(
        group.readBuffersReserved >= 0 && reserved <= readBuffers
          && group.readBuffersAllowed >= max(4 * group.engines, group.readBuffersReserved)
          && group.readBuffersAllowed <= group.readBuffersReserved + readBuffers - reserved,
        0x18,
        "group \(index) may use \(group.readBuffersAllowed) read buffers; give it at least 4 an engine and its own, and at "
          + "most its own and the \(readBuffers - reserved) that no group reserves")
      try require(
        (0...3).contains(group.workLimitShift) && (0...3).contains(group.batchLimitShift), 0x11,
        "the progress limits of group \(index) are shifts of 0 to 3")
    }
    try timing.validate()
  }

  private func validate(
    _ queue: QueueConfiguration, _ index: Int,
    _ require: (Bool, UInt8, @autoclosure () -> String) throws(DeviceConfigurationError) -> Void
  ) throws(DeviceConfigurationError) {
    try require(
      groups.indices.contains(queue.group), 0x16, "queue \(index) is in group \(queue.group), which is not there")
    try require(queue.size > 0, 0x22, "queue \(index) has no entries")
    try require((1...15).contains(queue.priority), 0x23, "queue \(index) has priority \(queue.priority); write 1 to 15")
    try require(!queue.blockOnFault || pageRequests, 0x25, "queue \(index) waits for pages, but page requests are off")
    try require(
      queue.maxBatch >= 1 && queue.maxBatch <= maxBatch && queue.maxBatch.nonzeroBitCount == 1, 0x27,
      "queue \(index) takes batches of \(queue.maxBatch); write a power of two up to \(maxBatch)")
    try require(
      queue.maxTransfer >= 1 && queue.maxTransfer <= maxTransfer && queue.maxTransfer.nonzeroBitCount == 1, 0x28,
      "queue \(index) transfers up to \(queue.maxTransfer) bytes; write a power of two up to \(maxTransfer)")
  }
}

extension DeviceTiming {
  /// Rates a device may be given, bytes a second: what the integer time of a 2 GiB transfer can express.
  static let rates = 1_000_000_000...10_000_000_000_000

  func validate() throws(DeviceConfigurationError) {
    let spans = [
      postLatency, decodeLatency, recordLatency, translationLatency, fabricLatency, readLatency, spreadLatency,
      crossingLatency, partialLineTime, faultLatency, pageRequestLatency, interruptLatency, batchFinishLatency,
      answerWait,
    ]
    let rates = [readBandwidth, writeBandwidth, engineBandwidth]
    guard spans.allSatisfy({ $0 >= 0 && $0 <= .second }), rates.allSatisfy(DeviceTiming.rates.contains),
      engineInterval >= 1, deviceInterval >= 0, engineInterval <= .second, deviceInterval <= .second,
      (1...4096).contains(workInProgress), (1...4096).contains(batchesInProgress),
      (0...1 << 20).contains(descriptorOverheadBytes), (1...256).contains(readBufferBytes),
      (1...4096).contains(spreadLines), (0...1 << 20).contains(exposedCrossings)
    else {
      throw DeviceConfigurationError(
        status: 0x11,
        description:
          "the device's timing is out of range: spans are 0 to 1 s, engineInterval at least 1 ps, rates 1 GB/s to 10 TB/s, "
          + "descriptors in progress 1 to 4096")
    }
  }
}
