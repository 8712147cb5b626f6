// The device's invariants E7 to E13: faults, records, refusals, counters, rates.
import DSAFormat
import Events
import Testing
import Units

@testable import DSAModel

extension InvariantTests {
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
