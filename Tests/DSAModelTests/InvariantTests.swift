// The device's invariants, E1 to E13: each test is named after the one it holds.
import DSAFormat
import Events
import Testing
import Units

@testable import DSAModel

@Suite struct InvariantTests {
  private let us = Picoseconds.microsecond

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

  /// Batches that end before one large copy that was submitted before them. S1 (LightDSA), four engines, batches of
  /// 1-KiB copies: 3, 10, 21, 49, 106, 209, 406, 786 for 64 KiB to 8 MiB.
  private func overtaking(_ size: Int, engines: Int) throws -> Int {
    var device = shared(engines: engines)
    device.queues[0].maxTransfer = 8 << 20
    let rig = try Rig([device], size: 32 << 20)
    rig.memory.movesData = false
    let batch = rig.batch(
      (0..<4).map {
        rig.copy(from: Rig.data + UInt64($0 << 10), to: 0x10_0000 + UInt64($0 << 10), 1024, record: 1000 + $0)
      })
    let portal = ModelPortal(rig.model, device: 0, queue: 0)
    let large = [rig.copy(from: 8 << 20, to: 16 << 20, size, record: 0)]
    _ = portal.submit(large.span)
    var passed = 0
    while rig.read(0).status == .none {
      var descriptor = batch
      descriptor.recordAddress = rig.record(1)
      rig.clear(1)
      let one = [descriptor]
      portal.now = max(portal.now, rig.model.now)
      if portal.submit(one.span) == 0 { continue }
      while rig.read(1).status == .none && rig.read(0).status == .none {
        rig.model.advance(to: rig.model.nextEventTime)
      }
      if rig.read(0).status == .none { passed += 1 }
    }
    return passed
  }

  @Test func e6SeveralEnginesOvertakeInProportionToTheFirstOne() throws {
    let passed = try [64, 256, 1024, 4096].map { try overtaking($0 << 10, engines: 4) }
    #expect(passed[0] >= 1)
    for index in 1..<4 {
      // Four times the size: four times the batches, within a half.
      #expect((passed[index - 1] * 2...passed[index - 1] * 7).contains(passed[index]), "\(passed)")
    }
    #expect(try overtaking(1 << 20, engines: 1) == 0)
  }

  // MARK: E7: page faults without waiting

  @Test(arguments: [false, true], [false, true])
  func e7AFaultStopsAndTheRestCanBeResumed(isWrite: Bool, isBackward: Bool) throws {
    let rig = try Rig()
    let size = 40_000
    let source = Rig.data + 1000
    // Backward: the destination begins inside the source.
    let destination = isBackward ? source + 12_288 : 0x10_0000 + 1000
    for index in 0..<size {
      rig.memory.bytes.storeBytes(
        of: UInt8(truncatingIfNeeded: index * 13 >> 3), toByteOffset: Int(source) + index, as: UInt8.self)
    }
    let expected = (0..<size).map { UInt8(truncatingIfNeeded: $0 * 13 >> 3) }
    // A page that only one of the two has: behind the source, or before the destination.
    let page = isWrite ? Int(destination >> 12) + (isBackward ? 9 : 5) : Int(source >> 12) + (isBackward ? 1 : 5)
    rig.memory.setPresent(false, page: page)
    var rest: Descriptor? = rig.copy(from: source, to: destination, size)
    var rounds = 0
    while let descriptor = rest {
      let record = rig.run(descriptor)
      #expect(record.bytesCompleted <= descriptor.transferSize)
      rest = descriptor.rest(after: record)
      rounds += 1
      if rounds == 1 {
        #expect(record.status == CompletionStatus(rawValue: isWrite ? 0x83 : 0x03), "\(record)")
        #expect(record.result == (isBackward ? 1 : 0))
        #expect(Int(record.faultAddress >> 12) == page)
        let edge = isBackward ? UInt64((page + 1) << 12) : UInt64(page << 12)
        let from = isWrite ? destination : source
        #expect(UInt64(record.bytesCompleted) == (isBackward ? from + UInt64(size) - edge : edge - from))
        rig.memory.setPresent(true, page: page)
      }
      if rounds > 5 { break }
    }
    #expect(rounds == 2)
    let got = (0..<size).map { rig.memory.bytes.load(fromByteOffset: Int(destination) + $0, as: UInt8.self) }
    #expect(got == expected)
  }

  @Test func e7NothingBehindTheFaultIsTouched() throws {
    let rig = try Rig()
    rig.memory.fill(0xFF, at: Rig.data, length: 16384)
    rig.memory.setPresent(false, page: Int(Rig.data >> 12) + 2)
    let record = rig.run(rig.copy(from: Rig.data, to: 0x10_0000, 16384))
    #expect(record.status == .pageFault && record.bytesCompleted == 8192)
    #expect(rig.memory.firstDifference(0x10_0000 + 8192, pattern: 0, length: 8192) == 8192)
  }

  // MARK: E8: page faults with waiting

  @Test func e8BlockOnFaultHoldsItsEngineAndNoOther() throws {
    var device = DeviceConfiguration()
    device.queues[0].blockOnFault = true
    device.groups[0].engines = 2
    let rig = try Rig([device])
    rig.memory.setPresent(false, page: 0x100)
    var blocked = rig.copy(from: Rig.data, to: 0x10_0000, 4096, record: 0)
    blocked.flags.insert(.blockOnFault)
    rig.model.submit(blocked, device: 0, queue: 0, at: 0)
    // The first goes to the other engine, the next behind the blocked one.
    for index in 1...2 {
      rig.model.submit(rig.copy(from: Rig.data, to: 0x20_0000, 65536, record: index), device: 0, queue: 0, at: 0)
    }
    for index in 3...4 {
      rig.model.submit(rig.copy(from: Rig.data, to: 0x20_0000, 4096, record: index), device: 0, queue: 0, at: 0)
    }
    rig.model.advance(to: 10 * us)
    #expect(rig.read(0).status == .none)
    let others = (1...4).filter { rig.read($0).status == .success }
    #expect(others.contains(1) && others.count < 4, "\(others)")
    rig.model.finish()
    for index in 0...4 { #expect(rig.read(index).status == .success) }
    #expect(rig.model.counters(of: 0).pageRequests == 1)
    rig.memory.setPresent(false, page: 0x100)
    rig.memory.pageTime = nil
    blocked.recordAddress = rig.record(5)
    let record = rig.run(blocked, record: 5)
    #expect(record.status == CompletionStatus(rawValue: 0x84) && record.bytesCompleted == 0)
  }

  @Test func e8BlockOnFaultNeedsTheQueuesConsent() throws {
    let rig = try Rig()
    let record = rig.run(rig.copy(from: Rig.data, to: 0x10_0000, 64, flags: recorded.union(.blockOnFault)))
    #expect(record.status == .invalidFlags && record.invalidFlags == .blockOnFault)
  }

  // MARK: E9: records

  @Test func e9NoRecordWithoutARequestUnlessSomethingIsWrong() throws {
    let rig = try Rig()
    rig.memory.write(CompletionRecord(), at: rig.record(0))
    let quiet = Descriptor(
      .memmove, flags: .recordAddressValid, record: rig.record(0), source: Rig.data, destination: 0x10_0000, size: 64)
    rig.model.submit(quiet, device: 0, queue: 0, at: 0)
    rig.model.finish()
    #expect(rig.read(0).status == .none && rig.model.counters(of: 0).successes == 1)
    var wrong = quiet
    wrong.transferSize = 0
    rig.model.submit(wrong, device: 0, queue: 0, at: rig.model.now)
    rig.model.finish()
    #expect(rig.read(0).status == .transferSize)
  }

  @Test func e9ErrorsWithoutARecordAddressGoToSWERROR() throws {
    let rig = try Rig()
    rig.model.submit(
      Descriptor(.memmove, source: Rig.data, destination: 0x10_0000, size: 0), device: 0, queue: 0, at: 0)
    rig.model.finish()
    #expect(rig.model.softwareError(of: 0).code == 0x13)
    #expect(rig.model.counters(of: 0).recordWrites == 0)
  }

  // MARK: E10: what is refused

  @Test(arguments: [
    (name: "size 0", status: 0x13), (name: "oversize", status: 0x13), (name: "fence", status: 0x11),
    (name: "bit 6", status: 0x11), (name: "bit 15", status: 0x11), (name: "bit 16", status: 0x11),
    (name: "check", status: 0x11), (name: "no address", status: 0x11), (name: "opcode", status: 0x10),
    (name: "delta", status: 0x10), (name: "reserved", status: 0x12), (name: "pasid bits", status: 0x12),
    (name: "specific", status: 0x12), (name: "list", status: 0x18), (name: "second", status: 0x12),
    (name: "handle", status: 0x19), (name: "overlap", status: 0x16), (name: "expected", status: 0x15),
    (name: "priv", status: 0x1D),
  ])
  func e10RefusedDescriptors(name: String, status: UInt8) throws {
    var device = DeviceConfiguration()
    if name == "overlap" { device.allowsOverlap = false }
    if name == "priv" { device.queues[0].isPrivileged = false }
    let rig = try Rig([device])
    var descriptor = rig.copy(from: Rig.data, to: 0x10_0000, 4096)
    switch name {
    case "size 0": descriptor.transferSize = 0
    case "oversize": descriptor.transferSize = 2 << 20 + 1
    case "fence": descriptor.flags.insert(.fence)
    case "bit 6": descriptor.flags.insert(DescriptorFlags(rawValue: 1 << 6))
    case "bit 15": descriptor.flags.insert(DescriptorFlags(rawValue: 1 << 15))
    case "bit 16": descriptor.flags.insert(.batchError)
    case "check": descriptor.flags.insert(.checkResult)
    case "no address":
      descriptor.flags = [.requestRecord]
      rig.run(descriptor)
      #expect(rig.model.softwareError(of: 0).code == status)
      return
    case "opcode": descriptor.opcode = Opcode(rawValue: 0x7F)
    case "delta": descriptor.opcode = .createDelta
    case "reserved": descriptor.reserved = 1
    case "pasid bits": descriptor.pasidAndPrivilege = 1 << 20
    case "specific": descriptor.operation2 = 1
    case "list": descriptor = Descriptor(.batch, flags: recorded, source: Rig.lists + 32, size: 2)
    case "second": descriptor = Descriptor(.batch, flags: recorded, source: Rig.lists, destination: 64, size: 2)
    case "handle":
      descriptor.flags.insert(.requestInterrupt)
      descriptor.interruptHandle = 2048
    case "overlap": descriptor.destination = descriptor.source + 4095
    case "expected":
      descriptor.opcode = .compare
      descriptor.flags.insert(.checkResult)
      descriptor.expectedResult = 2
    default: descriptor.isPrivileged = true
    }
    let record = rig.run(descriptor)
    #expect(record.status.rawValue == status)
    #expect(record.bytesCompleted == 0 && rig.model.counters(of: 0).errors == 1)
    #expect(rig.memory.firstDifference(0x10_0000, pattern: 0, length: 4096) == 4096)
  }

  @Test func e10AMisalignedRecordIsReportedInSWERROR() throws {
    let rig = try Rig()
    rig.model.submit(
      rig.copy(from: Rig.data, to: 0x10_0000, 64).with { $0.recordAddress = 48 }, device: 0, queue: 0, at: 0)
    rig.model.finish()
    #expect(rig.model.softwareError(of: 0).code == 0x1B)
    #expect(rig.memory.firstDifference(0, pattern: 0, length: 4096) == 4096)
  }

  // MARK: E11: counters

  @Test func e11CountersMatchWhatWasDone() throws {
    let rig = try Rig()
    rig.run(rig.copy(from: Rig.data, to: 0x10_0000, 10_000))
    rig.run(Descriptor(.fill, flags: recorded, source: 0x1122, destination: 0x10_0000, size: 5000))
    rig.run(Descriptor(.compare, flags: recorded, source: Rig.data, destination: 0x10_0000 + 8192, size: 100))
    rig.run(Descriptor(.comparePattern, flags: recorded, source: Rig.data, size: 64))
    rig.run(Descriptor(.noOp, flags: recorded))
    let counters = rig.model.counters(of: 0)
    #expect(counters.bytesRead == 10_000 + 200 + 64 && counters.bytesWritten == 15_000)
    #expect(counters.submissions == 5 && counters.accepted == 5 && counters.successes == 5)
    #expect(counters.readingSource1 == 3 && counters.readingSource2 == 1 && counters.writingDestination == 2)
    #expect(
      [counters.memmoves, counters.fills, counters.compares, counters.comparePatterns, counters.noOps] == [
        1, 1, 1, 1, 1,
      ])
  }

  // MARK: E12: read buffers

  @Test func e12ReadBuffersBoundTheRateByTheLatency() throws {
    // Twice the round trip, half the rate: 96 lines over 182 ns are more than the device can, over 370 ns 16.6 GB/s.
    func rate(latency: Int, buffers: Int = 96) throws -> Double {
      var device = DeviceConfiguration()
      device.groups[0].readBuffersAllowed = buffers
      let rig = try Rig([device], paths: [DevicePath(readLatency: latency * .nanosecond)])
      rig.memory.movesData = false
      for index in 0..<16 {
        rig.model.submit(rig.copy(from: Rig.data, to: 0x20_0000, 1 << 20, record: index), device: 0, queue: 0, at: 0)
      }
      return Double(16 << 20) / Double(rig.model.finish()) * 1e3
    }
    #expect(abs(try rate(latency: 112) - 31.3) < 0.4)
    #expect(abs(try rate(latency: 300) - 16.6) < 0.2)
    #expect(abs(try rate(latency: 670) - 8.3) < 0.1)
    #expect(abs(try rate(latency: 300, buffers: 48) - 8.3) < 0.1)
  }

  // MARK: E13: throughput

  @Test(arguments: [64, 4096])
  func e13ThroughputGrowsWithDepthUpToTheCap(size: Int) throws {
    var last = 0.0
    for depth in [1, 2, 4, 8, 16, 32, 64] {
      let loop = try Loop(DeviceConfiguration(), Harness(issue: 20 * .nanosecond))
      let time = loop.closed(depth: depth, operations: 4 * depth + 40) { step, _ in
        loop.rig.copy(from: Rig.data + UInt64(step % 64 * size), to: 0x20_0000 + UInt64(step % 64 * size), size)
      }
      let rate = Double(size) / Double(time) * 1e3
      #expect(rate >= last * 0.98, "depth \(depth): \(rate) after \(last) GB/s")
      #expect(rate <= 31.4)
      last = max(rate, last)
    }
  }

  @Test func e13DevicesShareThePlatform() throws {
    for count in [1, 2, 4, 8] {
      let rig = try Rig([DeviceConfiguration](repeating: DeviceConfiguration(), count: count))
      rig.memory.movesData = false
      for device in 0..<count {
        for index in 0..<8 {
          rig.model.submit(
            rig.copy(from: Rig.data, to: 0x20_0000, 1 << 20, record: device * 8 + index), device: device, queue: 0,
            at: 0)
        }
      }
      let end = rig.model.finish()
      let rate = Double(count * 8 << 20) / Double(end) * 1e3
      let cap = min(Double(count) * 31.37, 106)
      #expect(rate <= cap && rate > cap * 0.97, "\(count) devices: \(rate) GB/s")
    }
  }
}

extension Descriptor {
  func with(_ change: (inout Descriptor) -> Void) -> Descriptor {
    var copy = self
    change(&copy)
    return copy
  }
}
