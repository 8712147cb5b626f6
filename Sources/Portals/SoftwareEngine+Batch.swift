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
    // Members up to here are known to be there.
    var listed = 0
    while ended < count {
      let address = descriptor.source &+ UInt64(ended * Descriptor.size)
      if ended == listed {
        if let fault = listFault(address, queue, descriptor) {
          return CompletionRecord(
            status: .batchListFault, bytesCompleted: UInt32(ended), faultAddress: fault)
        }
        let onPage = (Page.size - Int(address & UInt64(Page.size - 1))) / Descriptor.size
        let isRegistered = registered.contains(address, (count - ended) * Descriptor.size)
        listed = isRegistered ? count : min(count, ended + onPage)
      }
      guard let list = UnsafePointer<Descriptor>(bitPattern: UInt(address)) else { break }
      let plain = plainCopies(UnsafeBufferPointer(start: list, count: listed - ended), queue)
      ended += plain
      if plain > 0 { continue }
      var member = list.pointee
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

  /// The address of a page of the list that is not there and does not come.
  private func listFault(_ address: UInt64, _ queue: SoftwareQueue, _ descriptor: Descriptor) -> UInt64? {
    if accessible(address, Descriptor.size, isWrite: false) >= Descriptor.size { return nil }
    counts.pageFaults += 1
    return bringIn(address, isWrite: false) ? nil : address
  }
}
