// The portal of a real work queue, through its character device.
//
// Source: Linux drivers/dma/idxd/cdev.c (open, mmap, write), include/uapi/linux/idxd.h; Intel SDM, MOVDIR64B and ENQCMD.

import CPortals
import DSAFormat
import Synchronization
import Units

#if canImport(Glibc)
  import Glibc
#endif

/// A queue as discovery found it.
public struct HardwareQueueDescription: Equatable, Sendable {
  /// The node: `/dev/dsa/wq0.0`.
  public var path: String
  public var isDedicated: Bool
  /// Entries; of a shared queue those that its threshold leaves.
  public var entries: Int
  /// `max_transfer_size` and `max_batch_size` of sysfs.
  public var maxTransfer: Int
  public var maxBatch: Int

  public init(path: String, isDedicated: Bool, entries: Int, maxTransfer: Int = 2 << 20, maxBatch: Int = 32) {
    self.path = path
    self.isDedicated = isDedicated
    self.entries = entries
    self.maxTransfer = maxTransfer
    self.maxBatch = maxBatch
  }
}

/// Why a queue cannot be used.
public enum HardwareQueueError: Error, Equatable, CustomStringConvertible {
  case open(path: String, error: Int32)
  case map(path: String, error: Int32)
  /// A description that no queue has.
  case limits(path: String)

  public var description: String {
    switch self {
    case .open(let path, let error): "\(path): \(Self.text(error)); \(Self.adviceOnOpen(error))"
    case .map(let path, let error): "\(path): its portal cannot be mapped: \(Self.text(error))"
    case .limits(let path):
      "\(path): a queue has 1 entry, transfers of 4096 bytes and batches of 1 at least; read them from sysfs"
    }
  }

  static func text(_ error: Int32) -> String { String(cString: strerror(error)) }

  private static func adviceOnOpen(_ error: Int32) -> String {
    switch error {
    case ENOENT: "enable the queue (accel-config enable-wq) with type user and driver_name user"
    case EACCES: "its node belongs to another user; chown it, or run as root"
    case EBUSY: "a dedicated queue has one client; close the other, or use a shared queue"
    case EOPNOTSUPP, ENODEV, EINVAL:
      "the kernel could not bind the process to the device; boot with intel_iommu=on,sm_on and VT-d enabled"
    default: "look at dmesg for idxd"
    }
  }
}

/// A queue of a real device. Any thread may submit.
public final class HardwareQueue: HostPortal {
  /// How descriptors reach the device.
  public enum Path: Equatable, Sendable {
    /// Stores to the mapped portal.
    case mapped
    /// write(2) to the node, one system call a span, without batches; and why.
    case written(reason: String)
  }

  public let description: HardwareQueueDescription
  public let path: Path
  public let limits: PortalLimits
  private let calls: NodeCalls
  private let instructions: PortalInstructions
  private let file: Int32
  private let portal: UInt
  /// Where in the page the next descriptor is stored: a device ignores address bits 11:6.
  private let turn = Atomic<UInt64>(0)
  private let retried = Atomic<Int>(0)
  private let writeErrors = Atomic<Int32>(0)
  private let isClosed = Atomic<Bool>(false)
  /// Submissions under way, which `settle` waits for.
  private let submitting = Atomic<Int>(0)

  /// Opens a queue.
  ///
  /// Kernels since 6.9 (and older ones of distributions) refuse mmap without CAP_SYS_RAWIO on the first generations of the
  /// device; and a processor may lack the instruction that a mapped portal needs. Then descriptors go by write(2), where the kernel takes
  /// no batches; `path` tells.
  ///
  /// - Parameters:
  ///   - calls: the system's, unless a test has others.
  ///   - instructions: the processor's.
  public static func open(
    _ description: HardwareQueueDescription, calls: NodeCalls = .system, instructions: PortalInstructions = .processor
  ) throws(HardwareQueueError) -> HardwareQueue {
    guard description.entries > 0, description.maxTransfer >= Page.size, description.maxBatch > 0 else {
      throw .limits(path: description.path)
    }
    let file = calls.open(description.path)
    guard file >= 0 else { throw .open(path: description.path, error: -file) }
    var error: Int32 = 0
    if let portal = calls.map(file, &error) {
      let hasInstruction = description.isDedicated ? instructions.canStore : instructions.canEnqueue
      if hasInstruction {
        return HardwareQueue(description, .mapped, calls, instructions, file, UInt(bitPattern: portal))
      }
      calls.unmap(portal)
      let reason =
        "this processor has no \(description.isDedicated ? "MOVDIR64B" : "ENQCMD"), which a mapped portal needs; "
        + "descriptors are written one by one and batches are not possible"
      return HardwareQueue(description, .written(reason: reason), calls, instructions, file, 0)
    }
    guard error == EPERM else {
      calls.close(file)
      throw .map(path: description.path, error: error)
    }
    let reason =
      "mmap needs CAP_SYS_RAWIO with this device and kernel; run as root, or give the program the capability "
      + "(setcap cap_sys_rawio+ep); without it descriptors are written one by one and batches are not possible"
    return HardwareQueue(description, .written(reason: reason), calls, instructions, file, 0)
  }

  private init(
    _ description: HardwareQueueDescription, _ path: Path, _ calls: NodeCalls, _ instructions: PortalInstructions,
    _ file: Int32, _ portal: UInt
  ) {
    self.description = description
    self.path = path
    self.calls = calls
    self.instructions = instructions
    self.file = file
    self.portal = portal
    limits = PortalLimits(
      entries: description.entries, batch: path == .mapped ? description.maxBatch : 1,
      transfer: description.maxTransfer, isDedicated: description.isDedicated)
  }

  deinit { close() }

  public var name: String {
    "\(description.path), \(description.isDedicated ? "dedicated" : "shared"), \(description.entries) entries, "
      + (path == .mapped ? "mapped" : "written")
  }

  /// Why descriptors go by write(2), where they do.
  public var retreat: String? {
    guard case .written(let reason) = path else { return nil }
    return "\(description.path): write(2) in place of its portal: \(reason)"
  }

  public var retries: Int { retried.load(ordering: .relaxed) }

  /// errno of the last write(2) that failed; 0 for none.
  public var lastWriteError: Int32 { writeErrors.load(ordering: .relaxed) }

  // MARK: Submitting

  /// Mapped and dedicated: all are taken. Else as many as the queue or the kernel takes; the rest is to be tried again.
  public func submit(_ descriptors: Span<Descriptor>) -> Int {
    submitting.add(1, ordering: .sequentiallyConsistent)
    defer { submitting.subtract(1, ordering: .sequentiallyConsistent) }
    // A closed queue drops, or answers Retry, as one that is disabled.
    if isClosed.load(ordering: .sequentiallyConsistent) {
      return limits.isDedicated && path == .mapped ? descriptors.count : 0
    }
    if path != .mapped { return write(descriptors) }
    for index in descriptors.indices {
      let step = Int(truncatingIfNeeded: turn.add(1, ordering: .relaxed).oldValue & 63)
      guard let target = UnsafeMutableRawPointer(bitPattern: portal + UInt(step * Descriptor.size)) else {
        return index
      }
      if limits.isDedicated {
        instructions.store(target, descriptors[index])
      } else if !instructions.enqueue(target, descriptors[index]) {
        retried.add(1, ordering: .relaxed)
        return index
      }
    }
    return descriptors.count
  }

  private func write(_ descriptors: Span<Descriptor>) -> Int {
    let written = descriptors.withUnsafeBytes { bytes in
      bytes.baseAddress.map { calls.write(file, $0, bytes.count) } ?? 0
    }
    if written < 0 {
      writeErrors.store(Int32(-written), ordering: .relaxed)
      retried.add(1, ordering: .relaxed)
      return 0
    }
    return written / Descriptor.size
  }

  // MARK: The end

  /// Closes the queue: the kernel returns from close(2) when the device has ended all that came from this process. Afterwards the
  /// queue takes nothing.
  ///
  /// Source: Linux drivers/dma/idxd/cdev.c, idxd_cdev_release, which drains the queue or its PASID.
  public func settle() { close() }

  private func close() {
    guard !isClosed.exchange(true, ordering: .sequentiallyConsistent) else { return }
    var wait = BoundedSpin()
    while submitting.load(ordering: .sequentiallyConsistent) > 0 { wait.once() }
    if let page = UnsafeMutableRawPointer(bitPattern: portal) { calls.unmap(page) }
    calls.close(file)
  }
}
