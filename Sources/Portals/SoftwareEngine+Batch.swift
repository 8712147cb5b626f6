// Batches: the list is read member by member, each member ends with its record, and the batch's record comes last.

import CPlatform
import CPortals
import DSAFormat
import Units

extension SoftwareEngine {
  /// Carries out a checked batch. Members are done in order, so a fence has nothing to wait for; behind one, a failure abandons the
  /// rest.
  func batch(_ descriptor: Descriptor, _ queue: SoftwareQueue) -> CompletionRecord {
    let count = Int(descriptor.descriptorCount)
    var ended = 0
    var hasFailed = false
    var listPage: UInt64?
    while ended < count {
      let address = descriptor.source &+ UInt64(ended * Descriptor.size)
      if listPage != address >> 12 {
        if let fault = listFault(address, queue, descriptor) {
          return CompletionRecord(
            status: .batchListFault, bytesCompleted: UInt32(ended), faultAddress: fault)
        }
        listPage = address >> 12
      }
      guard let pointer = UnsafeRawPointer(bitPattern: UInt(address)) else { break }
      var member = pointer.load(as: Descriptor.self)
      // The list comes from another CPU's cache, line by line.
      pf_prefetch_read(pointer + 8 * Descriptor.size)
      // The next member's, unless it is on another page of the list.
      if ended + 1 < count, (address &+ UInt64(Descriptor.size)) >> 12 == listPage {
        Self.fetch(pointer.load(fromByteOffset: Descriptor.size, as: Descriptor.self))
      }
      if hasFailed, member.flags.contains(.fence) {
        counts.abandoned += count - ended
        break
      }
      member.pasidAndPrivilege &= 0x7FF0_0000
      member.pasid = descriptor.pasid
      member.isPrivileged = descriptor.isPrivileged
      let record = execute(member, queue, isMember: true)
      if record.status != .success { hasFailed = true }
      end(member, record, queue, isMember: true)
      ended += 1
    }
    return CompletionRecord(status: hasFailed ? .batchFailed : .success, bytesCompleted: UInt32(ended))
  }

  /// Asks for the first lines of what a memmove will read and write while the one before is copied: a device too has several
  /// members under way. Hardware prefetchers end at a page's end. A line that is not there is no fault.
  private static func fetch(_ next: Descriptor) {
    guard next.opcode == .memmove else { return }
    // Software cleared the record, so the line is another CPU's: the copy's stores would queue up behind the record's.
    if let record = UnsafeRawPointer(bitPattern: UInt(next.recordAddress)) { pf_fetch_for_writing(record) }
    for line in 0..<4 {
      let offset = UInt(line * 64)
      if let source = UnsafeRawPointer(bitPattern: UInt(next.source) &+ offset) { pf_prefetch_read(source) }
      if let target = UnsafeRawPointer(bitPattern: UInt(next.destination) &+ offset) { pf_fetch_for_writing(target) }
    }
  }

  /// The address of a page of the list that is not there and does not come.
  private func listFault(_ address: UInt64, _ queue: SoftwareQueue, _ descriptor: Descriptor) -> UInt64? {
    if accessible(address, Descriptor.size, isWrite: false) >= Descriptor.size { return nil }
    counts.pageFaults += 1
    return bringIn(address, isWrite: false) ? nil : address
  }
}
