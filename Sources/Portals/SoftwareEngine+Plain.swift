// What page lists are made of: memmoves of registered memory, in a batch or alone. They take no more instructions than they must.

import CPlatform
import CPortals
import DSAFormat
import Units

extension SoftwareEngine {
  /// Flags and opcode of a memmove that asks for nothing but its record.
  private static let plainMemmove = Descriptor(.memmove, flags: [.recordAddressValid, .requestRecord]).flagsAndOpcode

  /// Registered memory that operands of one kind were in last.
  struct Near {
    var source = RegisteredMemory.Range.none
    var destination = RegisteredMemory.Range.none
    var record = RegisteredMemory.Range.none
  }

  /// The end of a long copy, for which the next descriptor is looked up first. Uncalibrated: long enough for memory to answer, short
  /// enough for its lines to stay.
  private static let tail = 8192

  /// Carries out a memmove by itself, as `execute` and `end` would, if it needs no more than a copy and a record.
  func plainCopy(_ work: SoftwareGroup.Work) -> Bool {
    let descriptor = work.descriptor
    // A member has the privilege of its batch, which was checked.
    if core.injectsPageFaults || descriptor.isPrivileged { return false }
    guard isPlain(descriptor, most: work.maxTransfer), isNear(descriptor, &near),
      let source = UnsafeRawPointer(bitPattern: UInt(descriptor.source)),
      let destination = UnsafeMutableRawPointer(bitPattern: UInt(descriptor.destination)),
      let record = UnsafeMutablePointer<CompletionRecord>(bitPattern: UInt(descriptor.recordAddress))
    else { return false }
    let length = Int(descriptor.transferSize)
    let head = length > 2 * Self.tail ? length - Self.tail : 0
    if head > 0 { copy(destination, source, head) }
    if let next = group.oldest() { fetch(next) }
    pf_fetch_for_writing(record)
    copy(destination + head, source + head, length - head)
    counts.countPlain(1, bytes: length, fromBatch: 0)
    let isLost = isGone
    if isLost { counts.recordWrites -= 1 }
    // Who sees the record finds the books right.
    book()
    if isLost { return true }
    record.publish(CompletionRecord(status: .success, bytesCompleted: descriptor.transferSize))
    return true
  }

  /// Carries out the first members of a batch's list as `execute` and `end` would, up to one that needs more than a copy and a record: an
  /// operation, a flag or a wrong field, memory that is not registered, operands that overlap, a fault on purpose.
  ///
  /// - Returns: how many members that were.
  func plainCopies(_ list: UnsafeBufferPointer<Descriptor>, _ queue: SoftwareQueue) -> Int {
    if core.injectsPageFaults { return 0 }
    let most = UInt32(clamping: queue.check.maxTransfer)
    let copy = copy
    var near = near
    defer { self.near = near }
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
    counts.countPlain(done, bytes: bytes, fromBatch: done)
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
    // The list comes from another CPU's cache, line by line.
    if let base = list.baseAddress { pf_prefetch_read(base + index + 8) }
    fetch(list[index])
  }

  @inline(__always)
  private func fetch(_ next: Descriptor) {
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
