// The device's invariants, E1 to E6: configurations, queues, arbiter, batches, order. Each test is named after the one it holds.
import DSAFormat
import Events
import Testing
import Units

@testable import DSAModel

@Suite struct InvariantTests {
  let us = Picoseconds.microsecond

  // MARK: E1: sums of queue sizes, groups with engines

  @Test(arguments: [
    (name: "sum", status: 0x14), (name: "no engines", status: 0x15), (name: "no queue", status: 0x15),
    (name: "no group", status: 0x16), (name: "engines", status: 0x17), (name: "few buffers", status: 0x18),
    (name: "many buffers", status: 0x18), (name: "empty", status: 0x22), (name: "priority", status: 0x23),
    (name: "block", status: 0x25), (name: "batch", status: 0x27), (name: "transfer", status: 0x28),
  ])
  func e1ConfigurationsThatCannotBeEnabled(name: String, status: Int) {
    var device = DeviceConfiguration()
    switch name {
    case "sum":
      device.queues = [QueueConfiguration(), QueueConfiguration()]
      device.queues[1].size = 1
    case "no engines": device.groups[0].engines = 0
    case "no queue": device.groups = [GroupConfiguration(engines: 3), GroupConfiguration(engines: 1)]
    case "no group": device.queues[0].group = 1
    case "engines": device.groups[0].engines = 5
    case "few buffers": device.groups[0].readBuffersAllowed = 15
    case "many buffers": device.groups[0].readBuffersAllowed = 97
    case "empty": device.queues[0].size = 0
    case "priority": device.queues[0].priority = 16
    case "block":
      device.queues[0].blockOnFault = true
      device.pageRequests = false
    case "batch": device.queues[0].maxBatch = 2048
    default: device.queues[0].maxTransfer = 3 << 20
    }
    do throws(DeviceConfigurationError) {
      try device.validate()
      Issue.record("\(name) was accepted")
    } catch { #expect(Int(error.status) == status, "\(error)") }
  }

  @Test func e1TheDefaultAndFourGroupsOfOneEngineCanBeEnabled() throws {
    try DeviceConfiguration().validate()
    var device = DeviceConfiguration()
    device.queues = (0..<4).map { group in
      var queue = QueueConfiguration()
      queue.size = 32
      queue.group = group
      return queue
    }
    device.groups = [GroupConfiguration](repeating: GroupConfiguration(engines: 1), count: 4)
    for index in 0..<4 {
      device.groups[index].readBuffersReserved = 3
      device.groups[index].readBuffersAllowed = 65
    }
    device.readBuffers = 74
    // The specification's own example: of 74 buffers, 3 reserved in each of 4 groups leave 65.
    try device.validate()
    device.groups[0].readBuffersAllowed = 66
    #expect(throws: DeviceConfigurationError.self) { try device.validate() }
  }

  // MARK: E2: shared queues

  @Test(arguments: [(threshold: 3, size: 8), (threshold: 8, size: 8), (threshold: 0, size: 4), (threshold: 9, size: 4)])
  func e2SharedQueuesTakeUpToThresholdAndUpToSize(threshold: Int, size: Int) throws {
    let rig = try Rig([shared(threshold: threshold, size: size)])
    let noOp = Descriptor(.noOp)
    let limit = min(threshold, size)
    func submit(_ portal: PortalKind) -> PortalAnswer {
      rig.model.submit(noOp, device: 0, queue: 0, portal: portal, write: .enqcmd(pasid: 7), at: 0)
    }
    for _ in 0..<limit { #expect(submit(.limited) == .accepted) }
    #expect(submit(.limited) == .retry)
    #expect(submit(.limited) == .retry)
    for _ in limit..<size { #expect(submit(.unlimited) == .accepted) }
    #expect(submit(.unlimited) == .retry)
    #expect(rig.model.occupancy(device: 0, queue: 0) == size)
    let counters = rig.model.counters(of: 0)
    #expect(counters.sharedAcceptedLimited == limit && counters.sharedAcceptedUnlimited == size - limit)
    #expect(counters.retriesLimited == 2 && counters.retriesUnlimited == 1)
    #expect(rig.model.submit(noOp, device: 0, queue: 0, at: 0) == .discarded)
    rig.model.finish()
    #expect(rig.model.counters(of: 0).successes == size && rig.model.counters(of: 0).discarded == 1)
  }

  @Test func e2TheThresholdMayChangeWhileTheQueueIsEnabled() throws {
    let rig = try Rig([shared(threshold: 2, size: 8)])
    func submit() -> PortalAnswer { rig.model.submit(Descriptor(.noOp), device: 0, queue: 0, write: .enqcmds, at: 0) }
    #expect([submit(), submit(), submit()] == [.accepted, .accepted, .retry])
    rig.model.setThreshold(3, device: 0, queue: 0)
    #expect([submit(), submit()] == [.accepted, .retry])
  }

  // MARK: E3: full dedicated queues

  @Test func e3AFullDedicatedQueueDropsSilentlyAndSaysSoInSWERROR() throws {
    var device = DeviceConfiguration()
    device.queues[0].size = 2
    let rig = try Rig([device])
    let answers = (0..<4).map { index in
      rig.model.submit(
        Descriptor(.noOp, flags: recorded, record: rig.record(index)), device: 0, queue: 0, at: 0)
    }
    #expect(answers == [.accepted, .accepted, .dropped, .dropped])
    let error = rig.model.softwareError(of: 0)
    #expect(error.code == 0x53 && error.overflow && error.address == rig.record(2))
    rig.model.finish()
    #expect(rig.read(1).status == .success && rig.read(2).status == .none && rig.read(3).status == .none)
    #expect(rig.model.counters(of: 0).dropped == 2 && rig.model.counters(of: 0).retries == 0)
    rig.model.clearSoftwareError(of: 0)
    #expect(rig.model.softwareError(of: 0) == SoftwareError())
    // A write that waits for an answer gets Retry from a dedicated queue.
    #expect(rig.model.submit(Descriptor(.noOp), device: 0, queue: 0, write: .enqcmds, at: rig.model.now) == .retry)
  }

  // MARK: E4: the arbiter

  private func twoQueues(_ first: Int, _ second: Int) -> DeviceConfiguration {
    var device = DeviceConfiguration()
    device.queues = [QueueConfiguration(), QueueConfiguration()]
    device.queues[0].size = 64
    device.queues[1].size = 64
    device.queues[0].priority = first
    device.queues[1].priority = second
    device.groups[0].engines = 1
    device.timing.workInProgress = 1
    return device
  }

  @Test func e4PrioritiesSixAndTwoDispatchThreeToOne() throws {
    let rig = try Rig([twoQueues(6, 2)])
    for index in 0..<64 {
      for queue in 0..<2 {
        rig.model.submit(
          Descriptor(.noOp, flags: recorded, record: rig.record(queue * 64 + index)), device: 0, queue: queue, at: 0)
      }
    }
    var served: [Int] = []
    for _ in 0..<32 {
      let before = (0..<2).map { rig.model.occupancy(device: 0, queue: $0) }
      while (0..<2).map({ rig.model.occupancy(device: 0, queue: $0) }) == before {
        rig.model.advance(to: rig.model.nextEventTime)
      }
      served.append(rig.model.occupancy(device: 0, queue: 0) < before[0] ? 0 : 1)
    }
    // In turn while both have credit, then the first alone, then all over.
    #expect(Array(served[0..<8]) == [0, 1, 0, 1, 0, 0, 0, 0])
    #expect(served.filter { $0 == 1 }.count == 8, "\(served)")
    // Nobody starves: in eight dispatches the second queue has two.
    for start in stride(from: 0, to: 32, by: 8) { #expect(served[start..<start + 8].filter { $0 == 1 }.count == 2) }
  }

  @Test func e4ALoneQueueGetsTheFullRateWhateverItsPriority() throws {
    func time(_ priority: Int) throws -> Picoseconds {
      let rig = try Rig([twoQueues(priority, 15)])
      for _ in 0..<50 { rig.model.submit(Descriptor(.noOp), device: 0, queue: 0, at: 0) }
      return rig.model.finish()
    }
    #expect(try time(1) == time(15))
  }

  // MARK: E5: batches

  @Test func e5TheBatchsRecordComesLast() throws {
    let rig = try Rig()
    var members = (0..<16).map {
      rig.copy(from: Rig.data + UInt64($0 << 12), to: 0x10_0000 + UInt64($0 << 12), 4096, record: $0 + 1)
    }
    members[3] = Descriptor(.noOp, flags: recorded, record: rig.record(4))
    let record = rig.run(rig.batch(members))
    #expect(record.status == .success && record.bytesCompleted == 16)
    for index in 1...16 { #expect(rig.read(index).status == .success) }
    #expect(rig.model.counters(of: 0).accepted == 1 && rig.model.counters(of: 0).fromBatch == 16)
  }

  @Test func e5AFenceWaitsForAllBeforeIt() throws {
    let rig = try Rig()
    let a = Rig.data
    // The second copy reads what the first writes; without a fence they would overlap in the engine.
    for index in 0..<8192 {
      rig.memory.bytes.storeBytes(
        of: UInt8(truncatingIfNeeded: index * 7), toByteOffset: Int(a) + index, as: UInt8.self)
    }
    let members = [
      rig.copy(from: a, to: 0x10_0000, 8192, record: 1),
      rig.copy(from: 0x10_0000, to: 0x20_0000, 8192, record: 2, flags: recorded.union(.fence)),
    ]
    var first: Picoseconds?
    var descriptor = rig.batch(members)
    descriptor.recordAddress = rig.record(0)
    rig.model.submit(descriptor, device: 0, queue: 0, at: 0)
    first = rig.wait(1)
    #expect(rig.read(2).status == .none)
    let start = try #require(first)
    let end = try #require(rig.wait(2))
    #expect(end - start > 700 * .nanosecond, "the fenced member starts from the beginning")
    #expect(rig.memory.firstDifference(a, 0x20_0000, length: 8192) == 8192)
  }

  @Test func e5AFailureBeforeAFenceAbandonsTheRest() throws {
    let rig = try Rig()
    let members = [
      rig.copy(from: Rig.data, to: 0x10_0000, 64, record: 1),
      rig.copy(from: Rig.data, to: 0x10_0000, 0, record: 2),
      rig.copy(from: Rig.data, to: 0x10_0000, 64, record: 3, flags: recorded.union(.fence)),
      rig.copy(from: Rig.data, to: 0x10_0000, 64, record: 4),
    ]
    let record = rig.run(rig.batch(members))
    #expect(record.status == .batchFailed && record.bytesCompleted == 2)
    #expect(rig.read(1).status == .success && rig.read(2).status == .transferSize)
    #expect(rig.read(3).status == .none && rig.read(4).status == .none)
    #expect(rig.model.counters(of: 0).abandoned == 2)
    // Without the fence the others run.
    let plain = members.map { member in
      var member = member
      member.flags.remove(.fence)
      return member
    }
    let second = rig.run(rig.batch(plain))
    #expect(second.status == .batchFailed && second.bytesCompleted == 4)
  }

  @Test func e5ABatchOfOneAndANestedBatchAreRefused() throws {
    let rig = try Rig()
    let member = rig.copy(from: Rig.data, to: 0x10_0000, 64, record: 1)
    #expect(rig.run(rig.batch([member])).status == .descriptorCount)
    #expect(rig.run(rig.batch([Descriptor](repeating: member, count: 129))).status == .descriptorCount)
    let nested = Descriptor(.batch, flags: recorded, record: rig.record(2), source: Rig.lists, size: 2)
    let drain = Descriptor(.drain, flags: recorded, record: rig.record(3))
    let record = rig.run(rig.batch([member, nested, drain]))
    #expect(record.status == .batchFailed && record.bytesCompleted == 3)
    #expect(
      rig.read(1).status == .success && rig.read(2).status == .invalidOpcode && rig.read(3).status == .invalidOpcode)
  }

  @Test func e5AListFaultStopsTheBatchUnlessThePageComes() throws {
    for asks in [false, true] {
      var device = DeviceConfiguration()
      device.pageRequests = asks
      let rig = try Rig([device])
      // 96 members: the list goes on in a page that is not there.
      let members = (0..<96).map { rig.copy(from: Rig.data, to: 0x10_0000 + UInt64($0 * 64), 64, record: $0 + 1) }
      let batch = rig.batch(members)
      rig.memory.setPresent(false, page: Int(Rig.lists >> 12) + 1)
      let record = rig.run(batch)
      #expect(record.status == (asks ? .success : .batchListFault))
      #expect(record.bytesCompleted == (asks ? 96 : 64))
      #expect(record.faultAddress == (asks ? 0 : Rig.lists + 4096))
      #expect(rig.read(64).status == .success && (rig.read(65).status == .success) == asks)
      #expect(asks == (rig.model.now > 13 * us))
    }
  }

  // MARK: E6: order

  @Test func e6OneEngineWritesInOrder() throws {
    var device = DeviceConfiguration()
    device.groups[0].engines = 1
    let rig = try Rig([device])
    var random = SplitMix64(seed: 6)
    // All write the first line of one page: the last one's pattern stays, and records come in order.
    let sizes = (0..<60).map { _ in 64 << random.below(12) }
    for (index, size) in sizes.enumerated() {
      rig.model.submit(
        Descriptor(
          .fill, flags: recorded, record: rig.record(index), source: UInt64(index + 1), destination: 0x10_0000,
          size: UInt32(size)), device: 0, queue: 0, at: 0)
    }
    var written: UInt64 = 0
    while rig.model.nextEventTime != .max {
      rig.model.advance(to: rig.model.nextEventTime)
      let now = rig.memory.bytes.load(fromByteOffset: 0x10_0000, as: UInt64.self)
      #expect(now == written || now == written + 1)
      written = now
    }
    #expect(written == 60)
  }

  /// Batches of four 1-KiB copies, four in flight, that end before one large copy that was submitted before them.
  private func overtaking(_ size: Int, engines: Int) throws -> Int {
    var device = shared(engines: engines)
    device.queues[0].maxTransfer = 8 << 20
    let rig = try Rig([device], size: 32 << 20)
    rig.memory.movesData = false
    let members = (0..<4).map {
      rig.copy(from: Rig.data + UInt64($0 << 10), to: 0x10_0000 + UInt64($0 << 10), 1024, record: 1000 + $0)
    }
    let batch = rig.batch(members)
    // S1's CPU sets up and checks each member in 36 ns (the calibration's figure), and an ENQCMD takes 189 ns.
    let portal = ModelPortal(rig.model, device: 0, queue: 0, interval: (189 + 4 * 36) * .nanosecond)
    func submit(_ descriptor: Descriptor, record: Int) {
      var descriptor = descriptor
      descriptor.recordAddress = rig.record(record)
      rig.clear(record)
      let one = [descriptor]
      portal.now = max(portal.now, rig.model.now)
      #expect(portal.submit(one.span) == 1)
    }
    submit(rig.copy(from: 8 << 20, to: 16 << 20, size), record: 0)
    for slot in 1...4 { submit(batch, record: slot) }
    var passed = 0
    var slot = 1
    while true {
      while rig.read(slot).status == .none && rig.read(0).status == .none {
        rig.model.advance(to: rig.model.nextEventTime)
      }
      if rig.read(0).status != .none { return passed }
      passed += 1
      submit(batch, record: slot)
      slot = slot % 4 + 1
    }
  }

  /// S1 (LightDSA): batches of 1-KiB copies that overtook a copy of 64 KiB to 8 MiB on four engines. How many copies a batch has
  /// and what the loop does between them is not published: the shape must hold, and the level within a factor of two from
  /// 128 KiB on (the model has 1.6 times as many).
  @Test func e6SeveralEnginesOvertakeInProportionToTheFirstOne() throws {
    let measured = [3, 10, 21, 49, 106, 209, 406, 786]
    let passed = try (0..<8).map { try overtaking(65536 << $0, engines: 4) }
    for (index, count) in passed.enumerated() {
      #expect(index < 1 || (measured[index] / 2...measured[index] * 2).contains(count), "\(passed)")
      if index > 0 { #expect((passed[index - 1] * 3 / 2...passed[index - 1] * 5 / 2 + 2).contains(count), "\(passed)") }
    }
    print("overtaking batches: \(passed), measured \(measured)")
    #expect(try overtaking(1 << 20, engines: 1) == 0)
  }
}
