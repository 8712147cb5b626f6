// A portal's page that another mapping writes: what makes a file look like a queue's node, for tests of the hardware path.

import CPlatform
import CPortals
import DSAFormat
import DSAModel
import Synchronization
import Units

/// Watches a page of 64 slots and gives what is stored there to a software device's queue, in order.
///
/// The writer stores at one slot after the other, round the page, as `HardwareQueue` does; at most 64 may be in flight. The first 8
/// bytes of a slot are stored last and are never all zero, so a descriptor is never seen in part; the server makes them zero once it has
/// taken the rest.
final class PortalPageServer: Sendable {
  private let device: SoftwareDevice
  private let stop = Stop()
  private let thread: HostThread

  /// - Parameters:
  ///   - file: of 4 KiB or more, mapped by the writer too.
  ///   - device: stays running as long as this does.
  init(file: Int32, device: SoftwareDevice, queue number: Int) throws {
    _ = try device.portal(queue: number)
    let page = try SharedPages(bytes: Page.size, file: file)
    self.device = device
    let (core, queue, stop) = (device.core, device.core.queues[number], stop)
    let thread = HostThread { PortalPageServer.serve(page, core, queue, stop) }
    guard let thread else { throw SoftwareDeviceError.noThread(engine: 0) }
    self.thread = thread
  }

  private final class Stop: Sendable {
    let isWanted = Atomic<Bool>(false)
  }

  deinit {
    stop.isWanted.store(true, ordering: .releasing)
    thread.join()
  }

  private static func serve(_ page: SharedPages, _ core: SoftwareCore, _ queue: SoftwareQueue, _ stop: Stop) {
    var slot = 0
    var wait = BoundedSpin()
    var descriptor = Descriptor(.noOp)
    while !stop.isWanted.load(ordering: .acquiring) {
      let place = page.base + slot * Descriptor.size
      let isThere = withUnsafeMutableBytes(of: &descriptor) { bytes in
        bytes.baseAddress.map { pf_take64_bytes(place, $0) != 0 } ?? false
      }
      guard isThere else {
        wait.once()
        continue
      }
      wait = BoundedSpin()
      pf_release64(place, 0)
      slot = (slot + 1) % (Page.size / Descriptor.size)
      _ = core.submit(descriptor, to: queue)
      core.ring()
    }
  }
}
