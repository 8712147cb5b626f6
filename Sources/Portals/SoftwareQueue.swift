// A work queue of a software device: slots in a mapped page that submitters write 64 bytes at a time, and engines empty.

import CPlatform
import CPortals
import DSAFormat
import DSAModel
import Synchronization
import Units

/// The ring behind a portal.
///
/// A submitter claims a ticket, if there is room, and stores its descriptor into the ticket's slot. The slot's sequence word, in pages of
/// its own, says what the slot holds: `ticket` free for it, `ticket + 1` a whole descriptor. Engines look at the word first: a descriptor
/// is never read in part. The words are those of D. Vyukov's bounded queue; room is counted apart from them, since a shared queue
/// refuses at its threshold, long before the slots are full.
final class SoftwareQueue: @unchecked Sendable {
  let index: Int
  let group: Int
  let isDedicated: Bool
  /// Entries; and those that the portal fills.
  let size: Int
  let room: Int
  let priority: Int
  let check: DescriptorCheck

  private let slots: SharedPages
  private let sequences: SharedPages
  private let mask: UInt64
  private let tail = Atomic<UInt64>(0)
  /// The oldest ticket that is still here: engines write it, on a line of its own.
  private let head: UnsafeMutableRawPointer
  /// What engines poll.
  let front: Front

  let accepted = Atomic<Int>(0)
  let retries = Atomic<Int>(0)
  let dropped = Atomic<Int>(0)
  let discarded = Atomic<Int>(0)

  init(_ queue: QueueConfiguration, index: Int, of device: DeviceConfiguration) throws(SoftwareDeviceError) {
    self.index = index
    group = queue.group
    size = queue.size
    if case .shared(let threshold) = queue.mode {
      isDedicated = false
      room = max(0, min(threshold, queue.size))
    } else {
      isDedicated = true
      room = queue.size
    }
    priority = queue.priority
    check = DescriptorCheck(
      maxTransfer: min(queue.maxTransfer, device.maxTransfer), maxBatch: min(queue.maxBatch, device.maxBatch),
      interruptHandles: device.interruptHandles, blockOnFault: queue.blockOnFault, isPrivileged: queue.isPrivileged,
      allowsOverlap: device.allowsOverlap)
    // Whole pages of slots.
    var count = Page.size / Descriptor.size
    while count < size { count *= 2 }
    mask = UInt64(count - 1)
    slots = try SharedPages(bytes: count * Descriptor.size)
    sequences = try SharedPages(bytes: count * 8)
    head = .allocate(byteCount: Self.alone, alignment: Self.alone)
    head.initializeMemory(as: UInt8.self, repeating: 0, count: Self.alone)
    front = Front(
      head: head, sequences: sequences.base, slots: slots.base, mask: mask, index: index,
      maxTransfer: UInt32(clamping: check.maxTransfer))
    for slot in 0..<UInt64(count) { pf_release64(sequence(slot), slot) }
  }

  deinit { head.deallocate() }

  /// Bytes that no other word shares: two lines, since they are fetched in pairs.
  private static let alone = 128

  /// The end at which engines take descriptors, as words in memory: to count references while polling would send the count's line
  /// from CPU to CPU.
  struct Front {
    fileprivate let head: UnsafeMutableRawPointer
    fileprivate let sequences: UnsafeMutableRawPointer
    fileprivate let slots: UnsafeRawPointer
    fileprivate let mask: UInt64
    /// Of the queue.
    let index: Int
    let maxTransfer: UInt32

    /// Whether a whole descriptor waits.
    @inline(__always)
    var hasWork: Bool { oldestTicket != nil }

    /// The ticket of the oldest descriptor, if it is whole.
    @inline(__always)
    var oldestTicket: UInt64? {
      let ticket = pf_acquire64(head)
      return pf_acquire64(sequences + Int(truncatingIfNeeded: ticket & mask) * 8) == ticket + 1 ? ticket : nil
    }

    /// The oldest descriptor, left where it is. Only for who alone takes descriptors.
    @inline(__always)
    var oldest: Descriptor? { oldestTicket.map(descriptor) }

    @inline(__always)
    private func descriptor(_ ticket: UInt64) -> Descriptor {
      slots.load(fromByteOffset: Int(truncatingIfNeeded: ticket & mask) * Descriptor.size, as: Descriptor.self)
    }

    /// Takes the oldest descriptor, whose ticket this is. One thread at a time: it is the group's only engine, or holds its lock.
    @inline(__always)
    func take(_ ticket: UInt64) -> Descriptor {
      let descriptor = descriptor(ticket)
      // The slot is free before there is room for its next ticket: who has a ticket never waits.
      pf_release64(sequences + Int(truncatingIfNeeded: ticket & mask) * 8, ticket + mask + 1)
      pf_release64(head, ticket + 1)
      return descriptor
    }

    /// Asks for the lines of the oldest slot: MOVDIR64B writes past the caches.
    @inline(__always)
    func fetch() {
      let place = Int(truncatingIfNeeded: pf_acquire64(head) & mask)
      pf_prefetch_read(sequences + place * 8)
      pf_prefetch_read(slots + place * Descriptor.size)
    }
  }

  @inline(__always)
  private func sequence(_ ticket: UInt64) -> UnsafeMutableRawPointer {
    sequences.base + Int(truncatingIfNeeded: ticket & mask) * 8
  }

  @inline(__always)
  private func slot(_ ticket: UInt64) -> UnsafeMutableRawPointer {
    slots.base + Int(truncatingIfNeeded: ticket & mask) * Descriptor.size
  }

  // MARK: Submitters

  /// Stores a descriptor unless the queue is full. Any thread.
  func put(_ descriptor: Descriptor) -> Bool {
    guard let ticket = claim() else { return false }
    withUnsafeBytes(of: descriptor) { bytes in
      if let bytes = bytes.baseAddress { pf_store64_bytes(slot(ticket), bytes, 1) }
    }
    pf_release64(sequence(ticket), ticket + 1)
    return true
  }

  /// A ticket, nil when as many descriptors are in the queue as it takes.
  private func claim() -> UInt64? {
    while true {
      let ticket = tail.load(ordering: .acquiring)
      // Read second: if the ticket is still the next one below, no more were in the queue than this says.
      let taken = pf_acquire64(head)
      if ticket < taken { continue }
      if ticket - taken >= UInt64(room) { return nil }
      if tail.compareExchange(expected: ticket, desired: ticket + 1, ordering: .acquiringAndReleasing).exchanged {
        return ticket
      }
    }
  }

  // MARK: Engines

  /// Whether nothing waits, nor is about to.
  var isEmpty: Bool { pf_acquire64(head) == tail.load(ordering: .acquiring) }
}
