// A queue of a modelled device as a `Portal`: what copy code sees.

import DSAFormat
import Units

/// A portal of one work queue. A CPU's store to it takes time, so the driver sets `now` before it submits and goes on from
/// `now` afterwards.
public final class ModelPortal<Memory: DeviceMemory>: Portal {
  public let model: DeviceModel<Memory>
  public let device: Int
  public let queue: Int
  public let portal: PortalKind
  /// How descriptors are written; the queue's mode decides.
  public let write: PortalWrite
  public let limits: PortalLimits
  /// What one write costs the CPU, back to back; at a shared queue on an idle device.
  public let interval: Picoseconds
  /// The CPU's clock.
  public var now: Picoseconds = 0

  /// Writes to a dedicated queue, back to back on one core. S2 (accel-datapath): 9.38 M a second.
  public static var postedInterval: Picoseconds { 107 * .nanosecond }
  /// Writes to a shared queue. S2: 5.28 M a second.
  public static var answeredInterval: Picoseconds { 189 * .nanosecond }

  /// - Parameters:
  ///   - pasid: the process, for shared queues.
  ///   - interval: cost of a write; `postedInterval` or `answeredInterval` unless given.
  public init(
    _ model: DeviceModel<Memory>, device: Int, queue: Int, portal: PortalKind = .limited, pasid: UInt32 = 0,
    interval: Picoseconds? = nil
  ) {
    self.model = model
    self.device = device
    self.queue = queue
    self.portal = portal
    let configuration = model.configurations[device].queues[queue]
    let isDedicated = configuration.mode == .dedicated
    write = isDedicated ? .posted : .enqcmd(pasid: pasid)
    self.interval = interval ?? (isDedicated ? Self.postedInterval : Self.answeredInterval)
    limits = PortalLimits(
      entries: configuration.size, batch: min(configuration.maxBatch, model.configurations[device].maxBatch),
      transfer: configuration.maxTransfer, isDedicated: isDedicated)
  }

  /// Dedicated: posts all without advancing the model. Shared: advances the model write by write, since each waits for its
  /// answer, and stops behind the first Retry.
  public func submit(_ descriptors: Span<Descriptor>) -> Int {
    if limits.isDedicated {
      now = model.post(descriptors, device: device, queue: queue, at: max(now, model.now), interval: interval)
      return descriptors.count
    }
    var taken = 0
    while taken < descriptors.count {
      let answer = model.submit(
        descriptors[taken], device: device, queue: queue, portal: portal, write: write, at: max(now, model.now))
      now = max(now, model.now) + interval + model.answerDelay(of: device)
      if answer != .accepted { break }
      taken += 1
    }
    return taken
  }
}
