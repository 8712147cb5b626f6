// An engine of a software device: a thread that takes descriptors, carries them out on real memory and writes their records.

import CPortals
import DSAFormat
import DSAModel
import Synchronization
import Units

#if canImport(Glibc)
  import Glibc
#endif

/// State of one engine; it belongs to its thread.
final class SoftwareEngine {
  let core: SoftwareCore
  let group: SoftwareGroup
  private let number: Int
  let probe = PageProbe()
  let copy: CopyFunction
  private(set) var registered = RegisteredMemory()
  /// Of `registered`, what plain copies used last.
  var near = Near()
  private var registrations = -1
  /// The page on which a record was written last while this descriptor is carried out.
  private var recordPage: UInt64?
  var counts = EngineCounts()
  private let books: EngineBooks

  init(core: SoftwareCore, group: SoftwareGroup, number: Int) {
    self.core = core
    self.group = group
    self.number = number
    copy = core.copy
    books = core.openBooks()
  }

  /// The thread: ends once the device stops and its queues are empty.
  func run() {
    var idle = 0
    let ownPolls = core.isCrowded ? 0 : SoftwareCore.ownPolls
    while true {
      // Read first: what was queued before the device was stopped is found after.
      let isStopping = core.isStopping.load(ordering: .acquiring)
      if let work = group.next(engine: number) {
        idle = 0
        carryOut(work)
        group.ended(engine: number)
        continue
      }
      if isStopping { return }
      idle += 1
      if idle > SoftwareCore.idlePolls {
        core.sleep { group.hasWork || core.isStopping.load(ordering: .acquiring) }
      } else if idle > ownPolls, idle % 64 == 0 {
        sched_yield()
      } else {
        pf_pause()
      }
    }
  }

  private func carryOut(_ work: SoftwareGroup.Work) {
    if core.isGone.load(ordering: .acquiring) {
      counts.lost += 1
      return book()
    }
    let version = core.registrations.load(ordering: .acquiring)
    if version != registrations {
      registrations = version
      registered = core.registeredMemory
      near = Near()
    }
    if plainCopy(work) { return }
    recordPage = nil
    let (descriptor, queue) = (work.descriptor, group.queues[work.place])
    let record =
      switch descriptor.opcode {
      case .batch: pass(descriptor, queue, isMember: false) ?? batch(descriptor, queue)
      case .drain: pass(descriptor, queue, isMember: false) ?? drain(queue, ticket: work.ticket)
      default: execute(descriptor, queue, isMember: false)
      }
    end(descriptor, record, queue, isMember: false)
  }

  func book() { books.write(counts) }

  /// One operation from its checks to what its record says; no batch, no drain.
  func execute(_ descriptor: Descriptor, _ queue: SoftwareQueue, isMember: Bool) -> CompletionRecord {
    if let refusal = pass(descriptor, queue, isMember: isMember) { return refusal }
    if descriptor.opcode == .noOp { return CompletionRecord(status: .success) }
    return move(descriptor)
  }

  /// Counts the operation and checks the descriptor; nil if it may go on.
  private func pass(_ descriptor: Descriptor, _ queue: SoftwareQueue, isMember: Bool) -> CompletionRecord? {
    counts.count(descriptor.opcode)
    if isMember { counts.fromBatch += 1 }
    var invalid: UInt32 = 0
    let status = queue.check.status(of: descriptor, isMember: isMember, invalid: &invalid)
    if status == .none { return nil }
    return CompletionRecord(status: status, invalidFlags: DescriptorFlags(rawValue: invalid))
  }

  private func drain(_ queue: SoftwareQueue, ticket: UInt64) -> CompletionRecord {
    group.waitForOlder(than: ticket, of: queue)
    return CompletionRecord(status: .success)
  }

  // MARK: Records

  /// Books a descriptor and writes its record where one is wanted.
  func end(_ descriptor: Descriptor, _ record: CompletionRecord, _ queue: SoftwareQueue, isMember: Bool) {
    counts.countEnd(record, of: descriptor.opcode)
    let target = isGone ? nil : recordTarget(of: descriptor, record, queue)
    if target != nil { counts.recordWrites += 1 }
    if descriptor.flags.contains(.requestInterrupt), record.status != .interruptHandle { counts.interrupts += 1 }
    // Who sees the record finds the books right.
    if !isMember { book() }
    target?.publish(record)
  }

  var isGone: Bool { core.isGone.load(ordering: .acquiring) }

  /// Where the record goes; nil if none is wanted, or if it cannot be written, which SWERROR tells.
  private func recordTarget(
    of descriptor: Descriptor, _ record: CompletionRecord, _ queue: SoftwareQueue
  ) -> UnsafeMutablePointer<CompletionRecord>? {
    guard descriptor.flags.contains(.requestRecord) || record.status.isAlwaysRecorded else { return nil }
    let address = descriptor.recordAddress
    func lose(_ status: CompletionStatus, _ address: UInt64) -> UnsafeMutablePointer<CompletionRecord>? {
      core.report(status, queue: queue, opcode: descriptor.opcode, address: address)
      return nil
    }
    if !descriptor.flags.contains(.recordAddressValid) { return lose(record.status, 0) }
    if address & 31 != 0 { return lose(.recordAlignment, address) }
    if recordPage != address >> 12 {
      if accessible(address, CompletionRecord.size, isWrite: true) < CompletionRecord.size {
        counts.pageFaults += 1
        guard bringIn(address, isWrite: true) else { return lose(.recordFault, address) }
      }
      recordPage = address >> 12
    }
    return UnsafeMutablePointer(bitPattern: UInt(address))
  }

  // MARK: Memory

  @inline(__always)
  func accessible(_ address: UInt64, _ length: Int, isWrite: Bool, fromEnd: Bool = false) -> Int {
    if registered.contains(address, length) { return length }
    return probe.accessible(address, length: length, isWrite: isWrite, fromEnd: fromEnd)
  }

  /// Asks for a page, if the device may.
  func bringIn(_ address: UInt64, isWrite: Bool) -> Bool {
    guard core.configuration.pageRequests else { return false }
    counts.pageRequests += 1
    return probe.bringIn(address, isWrite: isWrite)
  }
}
