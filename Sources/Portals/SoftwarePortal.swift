// The portal of a software device's queue.

import DSAFormat
import DSAModel
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// What a CPU writes descriptors to. Keeps its device running.
public final class SoftwarePortal: HostPortal {
  public let device: SoftwareDevice
  private let queue: SoftwareQueue
  public let limits: PortalLimits

  init(device: SoftwareDevice, queue: SoftwareQueue) {
    self.device = device
    self.queue = queue
    limits = PortalLimits(
      entries: queue.room, batch: queue.check.maxBatch, transfer: queue.check.maxTransfer,
      isDedicated: queue.isDedicated)
  }

  public var name: String {
    "software, \(queue.isDedicated ? "dedicated" : "shared"), \(queue.room) of \(queue.size) entries"
  }

  /// A dedicated queue takes all, and drops what finds it full; a shared one stops behind the first that it does not take.
  public func submit(_ descriptors: Span<Descriptor>) -> Int {
    var taken = 0
    while taken < descriptors.count {
      let answer = device.core.submit(descriptors[taken], to: queue)
      if answer == .retry { break }
      taken += 1
    }
    if taken > 0 { device.core.ring() }
    return taken
  }

  public func settle() {
    var wait = BoundedSpin()
    let group = device.core.groups[queue.group]
    while !group.isQuiet(queue) { wait.once() }
  }

  public func register(_ memory: UnsafeRawBufferPointer) { device.register(memory) }
  public func unregister(_ memory: UnsafeRawBufferPointer) { device.unregister(memory) }

  public var sharesCPUs: Bool { device.core.isCrowded }

  /// Of the queue, whoever submitted.
  public var retries: Int { queue.retries.load(ordering: .relaxed) }
}
