// What page lists are made of: memmoves of registered memory in a batch. They take no more instructions than they must.

import CPlatform
import CPortals
import DSAFormat
import Units

extension SoftwareEngine {
  /// Flags and opcode of a memmove that asks for nothing but its record.
  private static let plainMemmove = Descriptor(.memmove, flags: [.recordAddressValid, .requestRecord]).flagsAndOpcode

  /// Registered memory that operands of one kind were in last.
  private struct Near {
    var source = RegisteredMemory.Range.none
    var destination = RegisteredMemory.Range.none
    var record = RegisteredMemory.Range.none
  }

  /// Carries out the first members of a batch's list as `execute` and `end` would, up to one that needs more than a copy and a record: an
  /// operation, a flag or a wrong field, memory that is not registered, operands that overlap, a fault on purpose.
  ///
  /// - Returns: how many members that were.
  func plainCopies(_ list: UnsafeBufferPointer<Descriptor>, _ queue: SoftwareQueue) -> Int {
    if core.injectsPageFaults { return 0 }
    let most = UInt32(clamping: queue.check.maxTransfer)
    let copy = copy
    var near = Near()
    var done = 0
    var bytes = 0
    while done < list.count, !isGone {
      let member = list[done]
      guard isPlain(member, most: most), isNear(member, &near),
        let source = UnsafeRawPointer(bitPattern: UInt(member.source)),
        let destination = UnsafeMutableRawPointer(bitPattern: UInt(member.destination)),
        let record = UnsafeMutablePointer<CompletionRecord>(bitPattern: UInt(member.recordAddress))
      else { break }
      // Last before the copy, so that the copy goes on while pages of the next one are looked up.
      if done + 1 < list.count { fetch(list, done + 1) }
      copy(destination, source, Int(member.transferSize))
      record.publish(CompletionRecord(status: .success, bytesCompleted: member.transferSize))
      bytes += Int(member.transferSize)
      done += 1
    }
    counts.countPlain(done, bytes: bytes)
    return done
  }

  /// Whether all checks find a memmove right whose record will be written.
  @inline(__always)
  private func isPlain(_ member: Descriptor, most: UInt32) -> Bool {
    member.flagsAndOpcode == Self.plainMemmove && member.transferSize &- 1 < most
      && member.pasidAndPrivilege & 0x7FF0_0000 == 0 && member.recordAddress & 31 == 0
      && UInt64(member.reserved) | member.operation0 | member.operation1 | member.operation2 == 0
      && !DescriptorCheck.overlap(member)
  }

  /// Whether operands and record are in registered memory.
  @inline(__always)
  private func isNear(_ member: Descriptor, _ near: inout Near) -> Bool {
    let length = Int(member.transferSize)
    return isNear(member.source, length, &near.source) && isNear(member.destination, length, &near.destination)
      && isNear(member.recordAddress, CompletionRecord.size, &near.record)
  }

  @inline(__always)
  private func isNear(_ address: UInt64, _ length: Int, _ near: inout RegisteredMemory.Range) -> Bool {
    if near.contains(address, length) { return true }
    guard let range = registered.range(of: address, length) else { return false }
    near = range
    return true
  }

  /// Asks for the first lines of what a memmove will read and write while the one before is copied: a device too has several
  /// members under way. Hardware prefetchers end at a page's end. A line that is not there is no fault.
  @inline(__always)
  private func fetch(_ list: UnsafeBufferPointer<Descriptor>, _ index: Int) {
    let next = list[index]
    // The list comes from another CPU's cache, line by line.
    if let base = list.baseAddress { pf_prefetch_read(base + index + 8) }
    guard next.flagsAndOpcode == Self.plainMemmove else { return }
    // Software cleared the record, so the line is another CPU's: the copy's stores would queue up behind the record's.
    if let record = UnsafeRawPointer(bitPattern: UInt(next.recordAddress)) { pf_fetch_for_writing(record) }
    for line in 0..<4 {
      let offset = UInt(line * 64)
      if let source = UnsafeRawPointer(bitPattern: UInt(next.source) &+ offset) { pf_prefetch_read(source) }
      if let target = UnsafeRawPointer(bitPattern: UInt(next.destination) &+ offset) { pf_fetch_for_writing(target) }
    }
  }
}
