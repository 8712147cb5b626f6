// A software device and a modelled one, given the same descriptors over the same bytes: the same records, the same memory.

import DSAFormat
import DSAModel
import Events
import Testing
import Units

@testable import Portals

#if canImport(Glibc)
  import Glibc
#endif

/// Both devices, with operands in pages 0..<operandPages and a batch list and its records behind.
private final class Twins {
  static let pages = 64
  static let operandPages = 48
  static let list = 49 * Page.size
  static let memberRecords = 50 * Page.size
  static let record = 51 * Page.size
  let rig: SoftwareRig
  let memory: FlatMemory
  let model: DeviceModel<FlatMemory>

  init(_ change: (inout DeviceConfiguration) -> Void = { _ in }) throws {
    var configuration = DeviceConfiguration.software(blockOnFault: true)
    change(&configuration)
    rig = try SoftwareRig(configuration, pages: Twins.pages)
    memory = FlatMemory(size: Twins.pages * Page.size)
    model = try DeviceModel(
      devices: [configuration], memory: memory, paths: [DevicePath(readLatency: 100 * .nanosecond)],
      links: [DeviceLink(readBandwidth: 100_000_000_000, writeBandwidth: 100_000_000_000)])
    memcpy(memory.bytes, rig.arena.base, rig.arena.size)
  }

  func drop(page: Int) {
    rig.arena.drop(page: page)
    memset(memory.bytes + page * Page.size, 0, Page.size)
    memory.setPresent(false, page: page)
  }

  /// A descriptor of the model's with addresses of the arena.
  private func moved(_ descriptor: Descriptor) -> Descriptor {
    var moved = descriptor
    let base = rig.arena.address(0)
    moved.recordAddress &+= base
    if descriptor.opcode != .fill { moved.source &+= base }
    if descriptor.opcode != .comparePattern, descriptor.opcode != .batch { moved.destination &+= base }
    return moved
  }

  private func same(_ real: CompletionRecord, _ modelled: CompletionRecord) -> Bool {
    var real = real
    if real.faultAddress != 0 { real.faultAddress &-= rig.arena.address(0) }
    // The model tells the byte, as does the device; pages are what counts.
    return real == modelled
  }

  /// Vouches for all pages: what is plain takes the short way then.
  func register() { rig.device.register(UnsafeRawBufferPointer(start: rig.arena.base, count: rig.arena.size)) }

  private func records(at offset: Int) -> UnsafeMutablePointer<CompletionRecord> {
    (rig.arena.base + offset).assumingMemoryBound(to: CompletionRecord.self)
  }

  /// Gives both the descriptor, and the list of a batch.
  func run(_ descriptor: Descriptor, list: [Descriptor] = []) throws {
    memset(rig.arena.base + Twins.list, 0, 3 * Page.size)
    memset(memory.bytes + Twins.list, 0, 3 * Page.size)
    for (index, member) in list.enumerated() {
      memory.store(member, at: UInt64(Twins.list + index * 64))
      (rig.arena.base + Twins.list + index * 64).storeBytes(of: moved(member), as: Descriptor.self)
    }
    var descriptor = descriptor
    descriptor.recordAddress = UInt64(Twins.record)
    model.submit(descriptor, device: 0, queue: 0, at: model.now)
    model.finish()
    #expect(rig.submit(moved(descriptor)) == 1)
    rig.portal.settle()
    let real = records(at: Twins.record).pointee
    let modelled = memory.record(at: UInt64(Twins.record))
    #expect(same(real, modelled), "\(descriptor)\n\(real)\n\(modelled)")
    for index in list.indices {
      let real = records(at: Twins.memberRecords + index * 32).pointee
      let modelled = memory.record(at: UInt64(Twins.memberRecords + index * 32))
      #expect(same(real, modelled), "member \(index), \(list[index])\n\(real)\n\(modelled)")
    }
    try compare()
  }

  /// Absent pages read as zeroes: looking at them brings them in, so pages are looked at only where the model has them.
  private func compare() throws {
    for page in 0..<Twins.operandPages {
      let isThere = rig.arena.isResident(page: page)
      #expect(isThere == memory.isPresent(page: page), "page \(page)")
      if isThere {
        let offset = page * Page.size
        #expect(memcmp(rig.arena.base + offset, memory.bytes + offset, Page.size) == 0, "page \(page)")
      }
    }
  }
}

@Suite struct TwinTests {
  private static let opcodes: [Opcode] = [.memmove, .memmove, .memmove, .fill, .compare, .comparePattern, .noOp]

  /// Mostly right, with an error of any kind now and then.
  private func random(_ random: inout SplitMix64, isMember: Bool) -> Descriptor {
    let bytes = Twins.operandPages * Page.size
    let opcode = Self.opcodes[random.below(Self.opcodes.count)]
    let size = 1 + random.below(random.below(4) == 0 ? 5 * Page.size : 300)
    var source = random.below(bytes - size)
    var destination = random.below(bytes - size)
    // Overlaps, forward and backward.
    if random.below(4) == 0 { destination = min(bytes - size, max(0, source + random.below(400) - 200)) }
    var flags = SoftwareRig.flags
    if random.below(2) == 0 { flags.insert(.blockOnFault) }
    if opcode == .compare || opcode == .comparePattern {
      if random.below(2) == 0 { flags.insert(.checkResult) }
      if random.below(3) == 0 { source = destination }
    }
    var descriptor = Descriptor(
      opcode, flags: flags, source: UInt64(source), destination: UInt64(destination), size: UInt32(size))
    if opcode == .noOp { descriptor = Descriptor(.noOp, flags: flags) }
    if opcode == .fill { descriptor.pattern = random.next() }
    if opcode == .comparePattern { descriptor.comparedPattern = random.next() }
    switch random.below(24) {
    case 0: descriptor.opcode = Opcode(rawValue: UInt8(7 + random.below(40)))
    case 1: descriptor.flags.insert(.batchError)
    case 2: descriptor.reserved = 1
    case 3: descriptor.operation1 = 1
    case 4: descriptor.transferSize = 0
    case 5: descriptor.isPrivileged = true
    case 6: descriptor.flags.insert(.requestInterrupt)
    case 7: descriptor.transferSize = 4 << 20
    case 8: descriptor.flags.insert(.fence)
    case 9 where isMember: descriptor.opcode = random.below(2) == 0 ? .batch : .drain
    default: break
    }
    return descriptor
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `random descriptors end as the model's do`(seed: UInt64) throws {
    let twins = try Twins()
    var generator = SplitMix64(seed: seed)
    for _ in 0..<150 {
      if generator.below(5) == 0 { twins.drop(page: generator.below(Twins.operandPages)) }
      var descriptor = random(&generator, isMember: false)
      // An operation at which the real one would look at other memory than the model has.
      if descriptor.opcode == .batch || descriptor.opcode == .drain { descriptor.opcode = .noOp }
      try twins.run(descriptor)
    }
  }

  @Test(arguments: [4, 5, 6] as [UInt64], [false, true])
  func `random batches end as the model's do`(seed: UInt64, isRegistered: Bool) throws {
    // One engine in the model does members in order too, but a fence alone makes that sure.
    let twins = try Twins()
    if isRegistered { twins.register() }
    var generator = SplitMix64(seed: seed)
    for _ in 0..<40 {
      if !isRegistered, generator.below(3) == 0 { twins.drop(page: generator.below(Twins.operandPages)) }
      let count = 1 + generator.below(9)
      let members = (0..<count).map { index in
        var member = random(&generator, isMember: true)
        if isRegistered, generator.below(2) == 0 { member.flags = SoftwareRig.flags }
        member.recordAddress = UInt64(Twins.memberRecords + index * 32)
        return member
      }
      var batch = Descriptor(.batch, flags: SoftwareRig.flags, source: UInt64(Twins.list), size: UInt32(count))
      if generator.below(20) == 0 { batch.source += 32 }
      try twins.run(batch, list: members)
    }
  }
}
