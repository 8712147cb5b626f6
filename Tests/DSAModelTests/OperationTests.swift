// Single operations, translation counts, drains, interrupts, faults on purpose, portals.
import DSAFormat
import Events
import Testing
import Units

@testable import DSAModel

@Suite struct OperationTests {
  // MARK: What operations do

  @Test(arguments: [1, 7, 8, 64, 4097])
  func fillRepeatsThePattern(size: Int) throws {
    let rig = try Rig()
    let pattern: UInt64 = 0x8877_6655_4433_2211
    let record = rig.run(
      Descriptor(.fill, flags: recorded, source: pattern, destination: 0x10_0003, size: UInt32(size)))
    #expect(record.status == .success && record.bytesCompleted == size)
    for index in 0..<size {
      #expect(rig.memory.bytes.load(fromByteOffset: 0x10_0003 + index, as: UInt8.self) == UInt8(0x11 * (index % 8 + 1)))
    }
    #expect(rig.memory.bytes.load(fromByteOffset: 0x10_0003 + size, as: UInt8.self) == 0)
  }

  @Test func aFillResumesInTheMiddleOfItsPattern() throws {
    var device = DeviceConfiguration()
    device.queues[0].blockOnFault = true
    let rig = try Rig([device])
    rig.memory.setPresent(false, page: 0x101)
    let fill = Descriptor(
      .fill, flags: recorded.union(.blockOnFault), source: 0x8877_6655_4433_2211, destination: 0x10_0003, size: 8000)
    #expect(rig.run(fill).status == .success)
    #expect(rig.memory.firstDifference(0x10_0003, pattern: 0x8877_6655_4433_2211, length: 8000) == 8000)
    #expect(rig.model.now > 13 * .microsecond)
  }

  @Test(
    arguments: [
      (differs: nil, check: false, expected: 0, status: 1, result: 0),
      (differs: nil, check: true, expected: 0, status: 1, result: 0),
      (differs: nil, check: true, expected: 1, status: 2, result: 0),
      (differs: 700, check: false, expected: 0, status: 1, result: 1),
      (differs: 700, check: true, expected: 0, status: 2, result: 1),
      (differs: 700, check: true, expected: 1, status: 1, result: 1),
    ] as [(differs: Int?, check: Bool, expected: UInt8, status: UInt8, result: UInt8)])
  func comparisons(differs: Int?, check: Bool, expected: UInt8, status: UInt8, result: UInt8) throws {
    for opcode in [Opcode.compare, .comparePattern] {
      let rig = try Rig()
      var descriptor = Descriptor(
        opcode, flags: check ? recorded.union(.checkResult) : recorded, source: Rig.data,
        destination: opcode == .compare ? 0x10_0000 : 0, size: 5000)
      descriptor.expectedResult = expected
      if let differs { rig.memory.bytes.storeBytes(of: 1, toByteOffset: Int(Rig.data) + differs, as: UInt8.self) }
      let record = rig.run(descriptor)
      #expect(record.status.rawValue == status && record.result == result)
      #expect(Int(record.bytesCompleted) == differs ?? 5000)
    }
  }

  @Test func overlappingCopiesInBothDirections() throws {
    for distance in [-5000, -64, 0, 64, 5000] {
      let rig = try Rig()
      let source = Rig.data + 8192
      for index in 0..<12_000 {
        rig.memory.bytes.storeBytes(
          of: UInt8(truncatingIfNeeded: index * 31 >> 2), toByteOffset: Int(source) + index, as: UInt8.self)
      }
      let destination = UInt64(Int(source) + distance)
      #expect(rig.run(rig.copy(from: source, to: destination, 12_000)).status == .success)
      for index in stride(from: 0, to: 12_000, by: 37) {
        #expect(
          rig.memory.bytes.load(fromByteOffset: Int(destination) + index, as: UInt8.self)
            == UInt8(truncatingIfNeeded: index * 31 >> 2))
      }
    }
  }

  // MARK: Translation; the request counts are those of S1's (LightDSA) scripts

  private func requests(_ body: (Rig) throws -> Void) throws -> (requests: Int, hits: Int) {
    var device = DeviceConfiguration()
    device.groups[0].engines = 1
    let rig = try Rig([device])
    try body(rig)
    let counters = rig.model.counters(of: 0)
    return (counters.translationRequests, counters.translationHits)
  }

  @Test(arguments: [1, 2, 5])
  func aMemmoveOverPPagesTranslatesOnePlusTwicePTimes(pages: Int) throws {
    let found = try requests { $0.run($0.copy(from: Rig.data, to: 0x10_0000, pages * 4096)) }
    #expect(found == (1 + 2 * pages, 0))
    // Again on the same buffers: one page each is remembered, of several only the record's.
    let again = try requests {
      $0.run($0.copy(from: Rig.data, to: 0x10_0000, pages * 4096))
      $0.run($0.copy(from: Rig.data, to: 0x10_0000, pages * 4096))
    }
    #expect(again == (2 + 4 * pages, pages == 1 ? 3 : 1))
  }

  @Test func aNoOpTranslatesItsRecordAlone() throws {
    #expect(try requests { $0.run(Descriptor(.noOp, flags: recorded)) } == (1, 0))
    // Records in two pages in turn are never remembered, in one always.
    #expect(
      try requests { rig in
        for index in [0, 200, 0, 200] { rig.run(Descriptor(.noOp, flags: recorded), record: index) }
      } == (4, 0))
    #expect(
      try requests { rig in for index in [0, 1, 2, 3] { rig.run(Descriptor(.noOp, flags: recorded), record: index) } }
        == (4, 3))
  }

  @Test(arguments: [(moves: 2, noOps: 0), (moves: 20, noOps: 7), (moves: 64, noOps: 36)])
  func aBatchTranslatesItsListItsRecordAndItsMembers(moves: Int, noOps: Int) throws {
    let found = try requests { rig in
      let members =
        (0..<moves).map {
          rig.copy(from: Rig.data + UInt64($0 << 12), to: 0x10_0000 + UInt64($0 << 12), 4096, record: $0 + 1)
        }
        + (0..<noOps).map { Descriptor(.noOp, flags: recorded, record: rig.record(moves + 1 + $0)) }
      rig.run(rig.batch(members))
    }
    let span = ((moves + noOps) * 64 + 4095) / 4096
    #expect(found.requests == 2 + noOps + 3 * moves + span - 1)
  }

  // MARK: Drains and interrupts

  @Test func aDrainWaitsForAllThatIsOlderInItsQueue() throws {
    let rig = try Rig()
    for index in 1...6 {
      rig.model.submit(
        rig.copy(from: Rig.data, to: 0x20_0000 + UInt64(index << 17), 65536 * (index % 3 + 1) / 2, record: index),
        device: 0, queue: 0, at: 0)
    }
    rig.model.submit(Descriptor(.drain, flags: recorded, record: rig.record(0)), device: 0, queue: 0, at: 0)
    rig.model.submit(rig.copy(from: Rig.data, to: 0x40_0000, 2 << 20, record: 7), device: 0, queue: 0, at: 0)
    rig.wait(0)
    for index in 1...6 { #expect(rig.read(index).status == .success) }
    #expect(rig.read(0).status == .success && rig.read(7).status == .none)
    rig.model.finish()
    #expect(rig.model.inFlight == 0)
  }

  @Test func aDrainOfASharedQueueWaitsForItsProcessAlone() throws {
    let rig = try Rig([shared()])
    let long = rig.copy(from: Rig.data, to: 0x20_0000, 1 << 20, record: 1)
    rig.model.submit(long, device: 0, queue: 0, write: .enqcmd(pasid: 1), at: 0)
    rig.model.submit(
      rig.copy(from: Rig.data, to: 0x40_0000, 4096, record: 2), device: 0, queue: 0, write: .enqcmd(pasid: 2), at: 0)
    rig.model.submit(
      Descriptor(.drain, flags: recorded, record: rig.record(0)), device: 0, queue: 0, write: .enqcmd(pasid: 2), at: 0)
    rig.wait(0)
    #expect(rig.read(2).status == .success && rig.read(1).status == .none)
  }

  @Test func anInterruptFollowsTheRecord() throws {
    let rig = try Rig()
    var descriptor = rig.copy(from: Rig.data, to: 0x10_0000, 4096, flags: recorded.union(.requestInterrupt))
    descriptor.interruptHandle = 9
    rig.run(descriptor)
    #expect(rig.memory.interrupts.isEmpty)
    let visible = rig.model.now
    rig.model.finish()
    #expect(rig.memory.interrupts.count == 1 && rig.model.counters(of: 0).interrupts == 1)
    #expect(rig.memory.interrupts.first?.handle == 9)
    #expect(rig.memory.interrupts.first?.time == visible + DeviceTiming().interruptLatency)
  }

  @Test func aRecordsPageIsAskedForOrTheRecordIsLost() throws {
    for asks in [true, false] {
      var device = DeviceConfiguration()
      device.pageRequests = asks
      let rig = try Rig([device])
      rig.memory.setPresent(false, page: 1)
      rig.model.submit(
        rig.copy(from: Rig.data, to: 0x10_0000, 64, record: 130), device: 0, queue: 0, at: 0)
      rig.model.finish()
      #expect((rig.read(130).status == .success) == asks)
      #expect(rig.model.softwareError(of: 0).code == (asks ? 0 : 0x1A))
      #expect(rig.model.counters(of: 0).successes == 1 && rig.model.inFlight == 0)
    }
  }

  // MARK: Faults on purpose

  @Test func injectedPageFaultsCanBeResumed() throws {
    var faults = FaultPlan()
    faults.pageFault = .rate(millionths: 400_000)
    faults.seed = 3
    let rig = try Rig(faults: faults)
    for index in 0..<100_000 {
      rig.memory.bytes.storeBytes(
        of: UInt8(truncatingIfNeeded: index * 7 >> 1), toByteOffset: Int(Rig.data) + index, as: UInt8.self)
    }
    var rest: Descriptor? = rig.copy(from: Rig.data + 5, to: 0x20_0009, 99_000)
    var faulted = 0
    while let descriptor = rest {
      let record = rig.run(descriptor)
      rest = descriptor.rest(after: record)
      if record.status.code == .pageFault { faulted += 1 }
    }
    #expect(faulted > 0 && rig.model.counters(of: 0).partials == faulted)
    #expect(rig.memory.firstDifference(Rig.data + 5, 0x20_0009, length: 99_000) == 99_000)
  }

  @Test func theNthSubmissionFindsItsQueueFull() throws {
    var faults = FaultPlan()
    faults.queueFull = .nth(3)
    for isShared in [false, true] {
      let rig = try Rig([isShared ? shared() : DeviceConfiguration()], faults: faults)
      let answers = (0..<5).map { _ in
        rig.model.submit(Descriptor(.noOp), device: 0, queue: 0, write: isShared ? .enqcmds : .posted, at: 0)
      }
      #expect(answers.map { $0 == .accepted } == [true, true, false, true, true])
      #expect(answers[2] == (isShared ? .retry : .dropped))
      #expect(rig.model.softwareError(of: 0).code == (isShared ? 0 : 0x53))
    }
  }

  @Test func aDeviceThatVanishesLosesWhatItHeldAndNothingElse() throws {
    var faults = FaultPlan()
    faults.deviceGone = .nth(9)
    let rig = try Rig([DeviceConfiguration(), DeviceConfiguration()], faults: faults)
    for index in 0..<9 {
      rig.model.submit(
        rig.copy(from: Rig.data, to: 0x20_0000, 1 << 20, record: index), device: index & 1, queue: 0,
        at: index * .microsecond)
    }
    #expect(rig.model.isGone(0) && !rig.model.isGone(1))
    rig.model.finish()
    for index in 0..<9 { #expect((rig.read(index).status == .success) == (index & 1 == 1)) }
    let gone = rig.model.counters(of: 0)
    #expect(gone.lost == 4 && gone.discarded == 1 && gone.completions == 0)
    #expect(gone.accepted == gone.completions + gone.lost)
    #expect(rig.model.inFlight == 0)
  }

  // MARK: Limits of engines

  @Test(arguments: [0, 1, 2, 3])
  func atTheWorkLimitDispatchStallsAndTheQueueFills(shift: Int) throws {
    var device = DeviceConfiguration()
    device.queues[0].size = 8
    device.groups[0].engines = 1
    device.groups[0].workLimitShift = shift
    let rig = try Rig([device])
    // The first is long; what the engine holds behind it leaves the queue, eight more stay in it, the rest is dropped.
    let limit = device.timing.workInProgress >> shift
    for index in 0..<40 {
      rig.model.submit(
        rig.copy(from: Rig.data, to: 0x20_0000, index == 0 ? 1 << 20 : 64, record: index), device: 0, queue: 0,
        at: index * 100 * .nanosecond)
    }
    #expect(rig.model.counters(of: 0).dropped == 40 - limit - 8)
    #expect(rig.model.occupancy(device: 0, queue: 0) == 8)
    rig.model.finish()
    #expect(rig.model.counters(of: 0).successes == limit + 8)
  }

  @Test func anEngineOverlapsTheLatenciesOfItsDescriptors() throws {
    var device = DeviceConfiguration()
    device.groups[0].engines = 1
    let rig = try Rig([device])
    rig.run(rig.copy(from: Rig.data, to: 0x10_0000, 64))
    rig.run(rig.copy(from: Rig.data, to: 0x10_0000, 64))
    let start = rig.model.now
    rig.run(rig.copy(from: Rig.data, to: 0x10_0000, 64))
    let alone = rig.model.now - start
    for index in 0..<100 {
      rig.model.submit(
        rig.copy(from: Rig.data, to: 0x10_0000, 64, record: index), device: 0, queue: 0, at: start + alone)
    }
    let all = rig.model.finish() - start - alone
    // Alone 0.6 us each; together one every 45 ns.
    #expect(all < alone + 100 * 46 * .nanosecond && all >= 99 * 45 * .nanosecond, "\(alone) alone, \(all) for 100")
  }

  @Test func aNoOpTakesItsWayToTheEngineAndItsRecord() throws {
    let rig = try Rig()
    rig.run(Descriptor(.noOp, flags: recorded))
    #expect(rig.model.now == 390 * .nanosecond)
    rig.run(Descriptor(.noOp, flags: recorded))
    #expect(rig.model.now == 610 * .nanosecond)
  }

  @Test func memoryFartherAwayTakesLongerAndTranslationsThatMissToo() throws {
    func time(_ path: DevicePath, again: Bool = false) throws -> Picoseconds {
      let rig = try Rig(paths: [path])
      if again { rig.run(rig.copy(from: Rig.data, to: 0x10_0000, 64)) }
      let start = rig.model.now
      rig.run(rig.copy(from: Rig.data, to: 0x10_0000, 64))
      return rig.model.now - start
    }
    let near = try time(Rig.dram)
    let far = try time(DevicePath(readLatency: 300 * .nanosecond, writeLatency: 180 * .nanosecond))
    #expect(far - near == 288 * .nanosecond)
    #expect(near - (try time(Rig.dram, again: true)) == DeviceTiming().translationLatency)
  }

  // MARK: Portals

  @Test func aPortalSpacesItsWrites() throws {
    let rig = try Rig()
    let portal = ModelPortal(rig.model, device: 0, queue: 0)
    #expect(portal.limits == PortalLimits(entries: 128, batch: 128, transfer: 2 << 20, isDedicated: true))
    portal.now = 5 * .microsecond
    let list = (0..<10).map { rig.copy(from: Rig.data, to: 0x10_0000, 64, record: $0) }
    #expect(portal.submit(list.span) == 10)
    #expect(portal.now == 5 * .microsecond + 10 * ModelPortal<FlatMemory>.postedInterval)
    // Posting does not advance the model: another CPU may submit meanwhile.
    #expect(rig.model.now == 0)
    // The first pays for translations that the others find done; the four engines each have a first.
    let fifth = try #require(rig.wait(5))
    let last = try #require(rig.wait(9))
    #expect(last - fifth == 4 * ModelPortal<FlatMemory>.postedInterval)
  }

  @Test func aQueueThatIsNotThereTakesNothing() throws {
    let rig = try Rig()
    #expect(rig.model.submit(Descriptor(.noOp), device: 0, queue: 1, at: 0) == .discarded)
    #expect(rig.model.submit(Descriptor(.noOp), device: 0, queue: -1, write: .enqcmds, at: 0) == .retry)
    let counters = rig.model.counters(of: 0)
    #expect(counters.discarded == 1 && counters.retries == 1 && counters.submissions == 2)
  }

  @Test func aComparisonBetweenTwoMemoriesReadsOnBothLinks() throws {
    // Each link gives 10 GB/s: operands on one link share it, on two they do not.
    let paths = [
      DevicePath(readLatency: 50 * .nanosecond, link: 0), DevicePath(readLatency: 50 * .nanosecond, link: 1),
    ]
    let links = [DeviceLink](
      repeating: DeviceLink(readBandwidth: 10_000_000_000, writeBandwidth: 10_000_000_000), count: 2)
    func time(_ second: UInt64) throws -> Picoseconds {
      let rig = try Rig(size: 16 << 20, paths: paths, links: links, regions: [(start: 8 << 20, path: 1)])
      rig.run(Descriptor(.compare, flags: recorded, source: Rig.data, destination: second, size: 1 << 20))
      return rig.model.now
    }
    #expect(abs(try time(0x20_0000) - 210 * .microsecond) < 2 * .microsecond)
    #expect(abs(try time(8 << 20) - 106 * .microsecond) < 2 * .microsecond)
  }

  @Test func aPortalOfASharedQueueStopsAtRetry() throws {
    let rig = try Rig([shared(threshold: 2, size: 8, engines: 1)])
    let portal = ModelPortal(rig.model, device: 0, queue: 0, pasid: 3, interval: 1)
    let list = [Descriptor](repeating: Descriptor(.noOp), count: 5)
    #expect(portal.submit(list.span) == 2)
    #expect(rig.model.counters(of: 0).retriesLimited == 1)
  }

  // MARK: Rates

  @Test func aCompareReadsTwoStreamsAtHalfTheRate() throws {
    func time(_ opcode: Opcode) throws -> Picoseconds {
      let rig = try Rig()
      rig.run(
        Descriptor(
          opcode, flags: recorded, source: opcode == .compare ? Rig.data : 0, destination: 0x20_0000, size: 1 << 20))
      return rig.model.now
    }
    let ratio = Double(try time(.compare)) / Double(try time(.fill))
    #expect(abs(ratio - 2) < 0.05, "\(ratio)")
  }

  @Test func readingAndWritingDoNotShareADevicesBandwidth() throws {
    let rig = try Rig()
    for index in 0..<2 {
      rig.model.submit(
        Descriptor(
          index == 0 ? .fill : .comparePattern, flags: recorded, record: rig.record(index),
          source: index == 0 ? 0 : Rig.data, destination: index == 0 ? 0x20_0000 : 0, size: 1 << 20), device: 0,
        queue: 0, at: 0)
    }
    #expect(rig.model.finish() < 36 * .microsecond)
  }

  @Test func twoCopiesOnOneDeviceTakeTwiceAsLongAndOneThatEndsGivesUpItsShare() throws {
    let rig = try Rig()
    rig.memory.movesData = false
    rig.model.submit(rig.copy(from: Rig.data, to: 0x20_0000, 1 << 20, record: 0), device: 0, queue: 0, at: 0)
    rig.model.submit(rig.copy(from: Rig.data, to: 0x40_0000, 2 << 20, record: 1), device: 0, queue: 0, at: 0)
    let first = try #require(rig.wait(0))
    let second = try #require(rig.wait(1))
    // 1 MiB at 31.37 GB/s is 33.4 us: the first ends after twice that, the second after three times.
    #expect(abs(first - 68_400 * .nanosecond) < 500 * .nanosecond, "\(first)")
    #expect(abs(second - 101_900 * .nanosecond) < 500 * .nanosecond, "\(second)")
  }

  @Test func aSlowLinkBindsItsCopiesAndLeavesTheOthersTheRest() throws {
    // Region 1 reads at 10 GB/s; DRAM copies of the same device get the rest of the device's bandwidth.
    let slow = DevicePath(readLatency: 112 * .nanosecond, link: 1)
    let rig = try Rig(
      size: 16 << 20, paths: [Rig.dram, slow],
      links: [Rig.wide, DeviceLink(readBandwidth: 10_000_000_000, writeBandwidth: 5_000_000_000)],
      regions: [(start: 8 << 20, path: 1)])
    rig.memory.movesData = false
    rig.model.submit(rig.copy(from: 8 << 20, to: 0x20_0000, 1 << 20, record: 0), device: 0, queue: 0, at: 0)
    rig.model.submit(rig.copy(from: Rig.data, to: 0x40_0000, 2 << 20, record: 1), device: 0, queue: 0, at: 0)
    let end = [try #require(rig.wait(1)), try #require(rig.wait(0))]
    #expect(abs(end[0] - 99_700 * .nanosecond) < 2 * .microsecond, "2 MiB at 21.37 GB/s: \(end)")
    #expect(abs(end[1] - 106_600 * .nanosecond) < 2 * .microsecond, "1 MiB at 10 GB/s: \(end)")
    // Writing to it runs at its write bandwidth.
    let start = rig.model.now
    rig.run(rig.copy(from: Rig.data, to: 8 << 20, 1 << 20))
    #expect(abs(rig.model.now - start - 211_500 * .nanosecond) < 2 * .microsecond)
  }
}
