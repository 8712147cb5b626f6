// Random descriptors on random devices: nothing is lost or torn, the books agree, and a seed says it all.
import DSAFormat
import Events
import Foundation
import Testing
import Units

@testable import DSAModel

/// Flat memory that notes when each record is written.
final class LoggedMemory: DeviceMemory {
  let flat: FlatMemory
  weak var model: DeviceModel<LoggedMemory>?
  var log: [(time: Picoseconds, address: UInt64, record: CompletionRecord)] = []

  init(size: Int) { flat = FlatMemory(size: size) }

  func accessible(_ address: UInt64, length: Int, isWrite: Bool, fromEnd: Bool) -> Int {
    flat.accessible(address, length: length, isWrite: isWrite, fromEnd: fromEnd)
  }
  func bringIn(_ address: UInt64, isWrite: Bool) -> Picoseconds? { flat.bringIn(address, isWrite: isWrite) }
  func descriptor(at address: UInt64) -> Descriptor { flat.descriptor(at: address) }
  func copy(from source: UInt64, to destination: UInt64, length: Int) {
    flat.copy(from: source, to: destination, length: length)
  }
  func fill(_ pattern: UInt64, at address: UInt64, length: Int) { flat.fill(pattern, at: address, length: length) }
  func firstDifference(_ a: UInt64, _ b: UInt64, length: Int) -> Int { flat.firstDifference(a, b, length: length) }
  func firstDifference(_ address: UInt64, pattern: UInt64, length: Int) -> Int {
    flat.firstDifference(address, pattern: pattern, length: length)
  }
  func write(_ record: CompletionRecord, at address: UInt64) {
    log.append((model?.now ?? 0, address, record))
    flat.write(record, at: address)
  }
}

@Suite struct RandomTests {
  /// What a run left behind.
  struct Outcome: Equatable {
    var times: [Picoseconds]
    var addresses: [UInt64]
    var statuses: [UInt8]
    var counters: [DeviceCounters]
  }

  private static let pageArea = 0x8_0000

  private func devices(_ random: inout SplitMix64) -> [DeviceConfiguration] {
    (0..<1 + random.below(3)).map { _ in
      var device = DeviceConfiguration()
      device.queues = [QueueConfiguration(), QueueConfiguration()]
      device.queues[0].size = 4 + random.below(60)
      device.queues[1].size = 4 + random.below(60)
      device.queues[1].mode = .shared(threshold: 1 + random.below(64))
      device.queues[0].blockOnFault = random.below(2) == 0
      device.queues[1].priority = 1 + random.below(15)
      device.groups[0].engines = 1 + random.below(4)
      device.groups[0].workLimitShift = random.below(4)
      device.pageRequests = device.queues[0].blockOnFault || random.below(2) == 0
      return device
    }
  }

  /// Copies between pages of their own; some are wrong, some meet absent pages, some go in batches.
  private func descriptor(_ index: Int, _ random: inout SplitMix64, isMember: Bool) -> Descriptor {
    let size = 1 + random.below(8192)
    let place = UInt64(Self.pageArea + index * 5 * 4096)
    var descriptor = Descriptor(
      .memmove, flags: recorded, record: UInt64(index * 32), source: place + UInt64(random.below(64)),
      destination: place + 10240 + UInt64(random.below(64)), size: UInt32(size))
    switch random.below(14) {
    case 0: descriptor.opcode = .noOp
    case 1: descriptor.transferSize = 0
    case 2: descriptor.opcode = .createDelta
    case 3: descriptor.flags.insert(.blockOnFault)
    case 4 where isMember: descriptor.flags.insert(.fence)
    case 5: descriptor.reserved = 1
    default: break
    }
    return descriptor
  }

  private func run(seed: UInt64) throws -> Outcome {
    var random = SplitMix64(seed: seed)
    let configurations = devices(&random)
    let count = 150
    let memory = LoggedMemory(size: Self.pageArea + (count + 1) * 5 * 4096)
    var faults = FaultPlan()
    faults.seed = seed
    faults.pageFault = .rate(millionths: random.below(2) * 100_000)
    faults.queueFull = .rate(millionths: random.below(2) * 50_000)
    if random.below(4) == 0 { faults.deviceGone = .nth(20 + random.below(40)) }
    let model = try DeviceModel(
      devices: configurations, memory: memory, paths: [Rig.dram], links: [Rig.wide], faults: faults)
    memory.model = model
    let bytes = memory.flat.bytes
    for page in Self.pageArea / 4096..<memory.flat.size / 4096 where random.below(12) == 0 {
      memory.flat.setPresent(false, page: page)
    }
    for index in 0..<count {
      let base = Self.pageArea + index * 5 * 4096
      for offset in stride(from: 0, to: 8192 + 64, by: 8) {
        bytes.storeBytes(of: random.next() | 1, toByteOffset: base + offset, as: UInt64.self)
      }
    }
    let source = UnsafeMutableRawPointer.allocate(byteCount: memory.flat.size, alignment: 8)
    defer { source.deallocate() }
    source.copyMemory(from: bytes, byteCount: memory.flat.size)
    var all: [Int: Descriptor] = [:]
    var accepted: Set<Int> = []
    var members: [Int: [Int]] = [:]
    var index = 0
    var list = 0x1_0000
    var now = 0
    while index < count - 9 {
      now += random.below(400) * .nanosecond
      let device = random.below(configurations.count)
      let isShared = random.below(2) == 0
      let head = index
      var portal = descriptor(index, &random, isMember: false)
      index += 1
      if random.below(4) == 0 {
        let size = 2 + random.below(6)
        portal = Descriptor(
          .batch, flags: recorded, record: UInt64(head * 32), source: UInt64(list), size: UInt32(size))
        for _ in 0..<size {
          let member = descriptor(index, &random, isMember: true)
          memory.flat.store(member, at: UInt64(list))
          all[index] = member
          members[head, default: []].append(index)
          list += 64
          index += 1
        }
      }
      all[head] = portal
      let answer = model.submit(
        portal, device: device, queue: isShared ? 1 : 0, write: isShared ? .enqcmd(pasid: 1) : .posted, at: now)
      if answer == .accepted { accepted.insert(head) }
    }
    model.finish()
    let counters = configurations.indices.map { model.counters(of: $0) }
    check(model, counters: counters, accepted: accepted.count, log: memory.log)
    checkContents(all, memory: memory, source: source, seed: seed)
    let lost = counters.reduce(0) { $0 + $1.lost }
    if lost == 0 {
      // Every accepted descriptor of a portal has its record; those that were not accepted have none, members neither.
      for (head, descriptor) in all where members[head] != nil || members.values.allSatisfy({ !$0.contains(head) }) {
        let isWritten = memory.flat.record(at: descriptor.recordAddress).status != .none
        #expect(isWritten == accepted.contains(head), "seed \(seed): descriptor \(head)")
      }
    }
    return Outcome(
      times: memory.log.map(\.time), addresses: memory.log.map(\.address),
      statuses: memory.log.map(\.record.status.rawValue),
      counters: counters)
  }

  private func check(
    _ model: DeviceModel<LoggedMemory>, counters: [DeviceCounters], accepted: Int,
    log: [(time: Picoseconds, address: UInt64, record: CompletionRecord)]
  ) {
    #expect(model.inFlight == 0)
    #expect(counters.reduce(0) { $0 + $1.accepted } == accepted)
    for counter in counters {
      #expect(counter.accepted + counter.retries + counter.dropped + counter.discarded == counter.submissions)
      #expect(counter.completions + counter.lost == counter.accepted + counter.fromBatch)
      #expect(counter.bytesRead == counter.bytesWritten && counter.bytesWritten >= counter.bytesCompleted)
    }
    // Exactly one record each, never status 0.
    #expect(Set(log.map(\.address)).count == log.count)
    #expect(log.allSatisfy { $0.record.status != .none })
    #expect(log.map(\.time) == log.map(\.time).sorted())
  }

  /// A record that says n bytes means exactly n bytes; without one the destination is whole or untouched.
  private func checkContents(_ all: [Int: Descriptor], memory: LoggedMemory, source: UnsafeRawPointer, seed: UInt64) {
    for (index, descriptor) in all where descriptor.opcode == .memmove {
      let record = memory.flat.record(at: descriptor.recordAddress)
      let done = Int(record.bytesCompleted)
      #expect(done <= Int(descriptor.transferSize))
      if record.status == .success { #expect(done == Int(descriptor.transferSize)) }
      if record.status == .none { continue }
      let (from, to) = (Int(descriptor.source), Int(descriptor.destination))
      let now = UnsafeRawPointer(memory.flat.bytes)
      let isCopied = memcmp(now + to, source + from, done) == 0
      let isClean = memcmp(now + to + done, source + to + done, Int(descriptor.transferSize) - done) == 0
      #expect(isCopied && isClean, "seed \(seed): descriptor \(index), \(record)")
    }
  }

  @Test(arguments: 0..<24 as Range<UInt64>)
  func nothingIsLostOrTornAndASeedSaysItAll(seed: UInt64) throws {
    let first = try run(seed: seed)
    #expect(!first.times.isEmpty)
    if seed < 6 { #expect(try run(seed: seed) == first) }
  }
}
