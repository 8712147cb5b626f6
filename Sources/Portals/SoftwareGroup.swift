// A group of a software device: its queues, the arbiter between them, and what each engine is at.

import CPlatform
import CPortals
import DSAFormat

final class SoftwareGroup: @unchecked Sendable {
  let queues: [SoftwareQueue]
  let engines: Int
  private let lock = HostLock()
  private let fronts: UnsafeMutableBufferPointer<SoftwareQueue.Front>
  private var credits: [Int]
  private var cursor = 0
  /// What each engine carries out: 0 nothing, else the queue and the ticket. Two cache lines an engine.
  private let running: UnsafeMutableRawPointer
  private static let stride = 128

  init(queues: [SoftwareQueue], engines: Int) {
    self.queues = queues
    self.engines = engines
    credits = queues.map(\.priority)
    fronts = .allocate(capacity: queues.count)
    _ = fronts.initialize(from: queues.map(\.front))
    running = .allocate(byteCount: max(engines, 1) * Self.stride, alignment: Self.stride)
    running.initializeMemory(as: UInt8.self, repeating: 0, count: max(engines, 1) * Self.stride)
  }

  deinit {
    running.deallocate()
    fronts.deallocate()
  }

  struct Work {
    /// Of its queue in the group.
    var place: Int
    var maxTransfer: UInt32
    var ticket: UInt64
    var descriptor: Descriptor
  }

  var hasWork: Bool {
    for front in fronts where front.hasWork { return true }
    return false
  }

  /// The descriptor that an engine carries out next. Weighted round robin, as `DeviceModel` has it.
  ///
  /// Source: Intel DSA Architecture Specification 341204, group arbiter.
  func next(engine: Int) -> Work? {
    guard hasWork else { return nil }
    // Alone it needs no lock, behind which the stores of the last copy would drain.
    return engines == 1 ? arbitrate(engine) : lock.locked { arbitrate(engine) }
  }

  private func arbitrate(_ engine: Int) -> Work? {
    for round in 0..<2 {
      var isStarved = false
      for step in 0..<queues.count {
        let place = (cursor + step) % queues.count
        guard let ticket = fronts[place].oldestTicket else { continue }
        if credits[place] == 0 {
          isStarved = true
          continue
        }
        let front = fronts[place]
        credits[place] -= 1
        cursor = (place + 1) % queues.count
        fronts[cursor].fetch()
        // First, so that it is always in the queue or here: `isQuiet`.
        pf_release64(running + engine * Self.stride, Self.word(front.index, ticket))
        return Work(
          place: place, maxTransfer: front.maxTransfer, ticket: ticket, descriptor: front.take(ticket))
      }
      if round == 1 || !isStarved { return nil }
      for place in queues.indices { credits[place] = queues[place].priority }
    }
    return nil
  }

  /// The descriptor that comes next as things are, if one engine is all there is.
  func oldest() -> Descriptor? { engines == 1 ? fronts[cursor].oldest : nil }

  /// An engine has ended what it took, its record included.
  func ended(engine: Int) { pf_release64(running + engine * Self.stride, 0) }

  private static func word(_ queue: Int, _ ticket: UInt64) -> UInt64 {
    UInt64(queue + 1) << 48 | ticket & 0xFFFF_FFFF_FFFF
  }

  /// Waits until all that was taken from a queue before a ticket has ended. Tickets leave a queue in order, so nothing older can
  /// still be in it.
  func waitForOlder(than ticket: UInt64, of queue: SoftwareQueue) {
    let low = Self.word(queue.index, 0)
    let high = Self.word(queue.index, ticket)
    for engine in 0..<engines {
      var wait = BoundedSpin()
      while true {
        let word = pf_acquire64(running + engine * Self.stride)
        if word < low || word >= high { break }
        wait.once()
      }
    }
  }

  /// Whether a queue has nothing waiting and nothing under way.
  func isQuiet(_ queue: SoftwareQueue) -> Bool {
    guard queue.isEmpty else { return false }
    for engine in 0..<engines
    where pf_acquire64(running + engine * Self.stride) >> 48 == UInt64(queue.index + 1) { return false }
    return true
  }
}
