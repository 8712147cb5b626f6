// What all copies of a process share: portals as channels, the knobs in force, entries in flight, /proc/timer.

import DSAFormat
import DSAModel
import PageCopy
import Units

/// The channels of a process. Any thread may have a `HostCopy` over them.
public final class HostChannels: @unchecked Sendable {
  /// In the order of channels.
  public let portals: [any HostPortal]
  public let workers: any HostWorkers
  private let lock = HostLock()
  private let context: CopyContext

  /// - Parameters:
  ///   - portals: as many as `vm.limit_chans`, or more, of which the first are used; none if no copy goes to DSA.
  ///   - knobs: in force. A process gets no completion interrupts: `vm.dsa_async_mode` is off here.
  ///   - workers: copies of `vm.cpu_multi_copy_pages`, and all that DSA does not do.
  public init(
    _ portals: [any HostPortal], knobs: CopyKnobs, workers: any HostWorkers = ThreadWorkers()
  ) throws(HostCopyError) {
    try HostChannels.check(portals, knobs)
    self.portals = portals
    self.workers = workers
    var knobs = knobs
    knobs.dsaAsyncMode = false
    context = CopyContext(knobs: knobs)
    context.setQueues(entries: portals.map(\.limits.entries))
  }

  private static func check(_ portals: [any HostPortal], _ knobs: CopyKnobs) throws(HostCopyError) {
    guard knobs.useDSACopyPages else { return }
    guard knobs.limitChans <= portals.count else { throw .channels(wanted: knobs.limitChans, portals: portals.count) }
    let slice = Self.largestSlice(channels: knobs.limitChans)
    for portal in portals.prefix(knobs.limitChans) {
      guard portal.limits.transfer >= slice else {
        throw .transfer(portal: portal.name, limit: portal.limits.transfer, slice: slice)
      }
      guard portal.limits.entries > 0 else { throw .noEntries(portal: portal.name) }
    }
  }

  /// Bytes of the largest part of a huge page.
  private static func largestSlice(channels: Int) -> Int {
    guard let plan = try? CopyPlan(PageList(huge: 1), channels: channels) else { return PageKind.huge.bytes }
    var most = Page.size
    for channel in 0..<channels {
      if case .slice(let slice) = plan.descriptor(round: 0, channel: channel, slot: 0) { most = max(most, slice.bytes) }
    }
    return most
  }

  /// What stands in /proc/timer, and the counts beside it, of all copies so far.
  public var timer: CopyTimer {
    get { locked { $0.timer } }
    set { locked { $0.timer = newValue } }
  }

  /// Knobs in force: a device that fails turns `vm.use_dsa_copy_pages` off.
  public var knobs: CopyKnobs { locked { $0.knobs } }

  /// Whether any descriptor is in flight.
  public var isBusy: Bool { locked { $0.isBusy } }

  @inline(__always)
  func locked<Result>(_ body: (CopyContext) throws -> Result) rethrows -> Result {
    try lock.locked { try body(context) }
  }

  /// A job of these channels; its steps are taken under the lock.
  func job() -> CopyJob { CopyJob(context: context, isPrivileged: false) }

  /// Tells each device that memory is there until it is taken back.
  public func register(_ memory: UnsafeRawBufferPointer) { for portal in portals { portal.register(memory) } }
  public func unregister(_ memory: UnsafeRawBufferPointer) { for portal in portals { portal.unregister(memory) } }
}

extension CopyKnobs {
  /// Knobs with which every list goes to so many channels.
  public static func host(channels: Int) -> CopyKnobs {
    var knobs = CopyKnobs(useDSACopyPages: true, dsaState: true)
    knobs.limitChans = channels
    knobs.dsaCopyThreshold = 0
    knobs.dsaSyncMode = 3
    return knobs
  }
}

/// Why a list cannot be copied.
public enum HostCopyError: Error, Equatable, CustomStringConvertible {
  /// More channels than portals.
  case channels(wanted: Int, portals: Int)
  /// A queue that takes less than a channel's part of a huge page.
  case transfer(portal: String, limit: Int, slice: Int)
  /// A shared queue whose threshold is 0.
  case noEntries(portal: String)
  /// A page that is neither 4 KiB nor 2 MiB nor in between.
  case order(item: Int, order: Int)

  public var description: String {
    switch self {
    case .channels(let wanted, let portals):
      "vm.limit_chans is \(wanted) and there are \(portals) queues; write vm.limit_chans=\(portals), or configure more queues"
    case .transfer(let portal, let limit, let slice):
      "a queue (\(portal)) transfers \(limit) bytes at most and a channel's part of a huge page is \(slice); "
        + "configure a larger max_transfer_size, or use more channels"
    case .noEntries(let portal): "a queue (\(portal)) takes no descriptors; configure a threshold above 0"
    case .order(let item, let order): "item \(item) has order \(order); pages have order 0 (4 KiB) to 9 (2 MiB)"
    }
  }
}
