// What a software device's queues, pages and records do beyond what it shares with the model.

import DSAFormat
import DSAModel
import Events
import Testing
import Units

@testable import Portals

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct SoftwarePageTests {
  @Test func `a copy stops at a page that is not mapped and says where`() throws {
    let rig = try SoftwareRig()
    rig.arena.unmap(page: 10)
    let before = rig.arena.address(0)
    let record = rig.run(rig.memmove(from: 8 * Page.size + 100, to: 20 * Page.size, size: 3 * Page.size))
    #expect(record.status == CompletionStatus.pageFault && record.bytesCompleted == UInt32(2 * Page.size - 100))
    #expect(record.faultAddress == before + UInt64(10 * Page.size) && record.result == 0)
    #expect(memcmp(rig.arena.base + 8 * Page.size + 100, rig.arena.base + 20 * Page.size, 2 * Page.size - 100) == 0)
  }

  @Test func `writing needs the right to write`() throws {
    let rig = try SoftwareRig()
    rig.arena.protect(page: 21, PROT_READ)
    let record = rig.run(rig.memmove(from: 0, to: 20 * Page.size, size: 2 * Page.size))
    #expect(record.status.rawValue == 0x83 && record.bytesCompleted == UInt32(Page.size))
    #expect(rig.run(rig.memmove(from: 20 * Page.size, to: 0, size: 2 * Page.size)).status == .success)
    rig.arena.protect(page: 21, PROT_NONE)
    #expect(rig.run(rig.memmove(from: 20 * Page.size, to: 0, size: 2 * Page.size)).status == .pageFault)
  }

  @Test func `blocking on a fault brings a page in, unless there is none`() throws {
    let rig = try SoftwareRig(.software(blockOnFault: true))
    rig.arena.drop(page: 21)
    let flags = SoftwareRig.flags.union(.blockOnFault)
    #expect(!rig.arena.isResident(page: 21))
    #expect(rig.run(rig.memmove(from: 0, to: 20 * Page.size, size: 3 * Page.size, flags: flags)).status == .success)
    #expect(memcmp(rig.arena.base, rig.arena.base + 20 * Page.size, 3 * Page.size) == 0)
    rig.arena.unmap(page: 31)
    let record = rig.run(rig.memmove(from: 30 * Page.size, to: 0, size: 3 * Page.size, flags: flags))
    #expect(record.status == .pageRequestFailed && record.bytesCompleted == UInt32(Page.size))
    #expect(rig.device.counters.pageRequests == 2)
  }

  @Test func `registered memory is not asked about`() throws {
    let rig = try SoftwareRig()
    rig.arena.drop(page: 21)
    let memory = UnsafeRawBufferPointer(start: rig.arena.base, count: rig.arena.size)
    rig.device.register(memory)
    #expect(rig.run(rig.memmove(from: 0, to: 20 * Page.size, size: 3 * Page.size)).status == .success)
    rig.device.unregister(memory)
    rig.arena.drop(page: 21)
    #expect(rig.run(rig.memmove(from: 0, to: 20 * Page.size, size: 3 * Page.size)).status.code == .pageFault)
  }

  @Test func `a batch of registered pages is counted member by member`() throws {
    let rig = try SoftwareRig(pages: 8)
    rig.device.register(UnsafeRawBufferPointer(start: rig.arena.base, count: rig.arena.size))
    let list = rig.arena.base + 6 * Page.size
    for index in 0..<3 {
      var member = rig.memmove(from: index * Page.size, to: (3 + index) * Page.size, size: 4000)
      member.recordAddress = rig.arena.address(7 * Page.size + index * 32)
      // The second takes the long way.
      if index == 1 { member.flags.insert(.destinationReadback) }
      (list + index * 64).storeBytes(of: member, as: Descriptor.self)
    }
    let batch = Descriptor(.batch, flags: SoftwareRig.flags, source: rig.arena.address(6 * Page.size), size: 3)
    let before = rig.device.counters
    #expect(rig.run(batch).status == .success)
    let after = rig.device.counters
    #expect(after.memmoves - before.memmoves == 3 && after.bytesWritten - before.bytesWritten == 12_000)
    #expect(after.recordWrites - before.recordWrites == 4 && after.successes - before.successes == 4)
    for index in 0..<3 {
      #expect(memcmp(rig.arena.base + index * Page.size, rig.arena.base + (3 + index) * Page.size, 4000) == 0)
    }
  }

  @Test(arguments: [1, 8191, 8192, 16_384, 16_385, 24_577, 65_536])
  func `a copy by itself of registered pages is whole and counted once`(size: Int) throws {
    let rig = try SoftwareRig(pages: 64)
    rig.device.register(UnsafeRawBufferPointer(start: rig.arena.base, count: rig.arena.size))
    rig.device.register(UnsafeRawBufferPointer(start: rig.records, count: 32))
    let untouched = rig.arena.snapshot()
    defer { untouched.deallocate() }
    let target = 30 * Page.size
    let before = rig.device.counters
    let record = rig.run(rig.memmove(from: Page.size, to: target, size: size))
    let after = rig.device.counters
    #expect(record == CompletionRecord(status: .success, bytesCompleted: UInt32(size)))
    #expect(after.memmoves - before.memmoves == 1 && after.fromBatch == before.fromBatch)
    #expect(after.bytesCompleted - before.bytesCompleted == size && after.recordWrites - before.recordWrites == 1)
    #expect(memcmp(rig.arena.base + target, untouched + Page.size, size) == 0)
    // And not a byte more.
    #expect(memcmp(rig.arena.base + target + size, untouched + target + size, Page.size) == 0)
  }

  @Test func `the short way has the checks of the long one`() throws {
    let rig = try SoftwareRig(pages: 8)
    rig.device.register(UnsafeRawBufferPointer(start: rig.arena.base, count: rig.arena.size))
    rig.device.register(UnsafeRawBufferPointer(start: rig.records, count: 32))
    func status(_ change: (inout Descriptor) -> Void) -> CompletionStatus {
      var descriptor = rig.memmove(from: 0, to: 4 * Page.size, size: 4096)
      change(&descriptor)
      return rig.run(descriptor).status
    }
    #expect(status { _ in } == .success)
    #expect(status { $0.isPrivileged = true } == .privilege)
    #expect(status { $0.reserved = 1 } == .reservedField)
    #expect(status { $0.transferSize = 0 } == .transferSize)
    #expect(status { $0.transferSize = 3 << 20 } == .transferSize)
  }

  @Test func `engines go where they are told, or nowhere`() throws {
    #expect(throws: SoftwareDeviceError.binding(engine: 0, cpu: 100_000, error: EINVAL)) {
      try SoftwareDevice(cpus: [100_000])
    }
    let thread = try #require(HostThread { usleep(100_000) })
    let first = try #require((0..<1024).first { thread.bind(to: $0) == 0 })
    thread.join()
    // An engine too many for its CPU: who waits gives way.
    let device = try SoftwareDevice(.software(engines: 2), cpus: [first])
    #expect(device.portals[0].sharesCPUs)
    device.stop()
  }

  @Test func `a huge range finds its first absent page`() throws {
    let arena = try Arena(pages: 1200)
    let probe = PageProbe()
    let (start, size) = (arena.address(5), arena.size - 9)
    #expect(probe.accessible(start, length: size, isWrite: true, fromEnd: false) == size)
    for page in [1199, 1100, 1024, 1023, 500, 1] {
      arena.drop(page: page)
      #expect(probe.accessible(start, length: size, isWrite: true, fromEnd: false) == page * Page.size - 5)
    }
    #expect(probe.accessible(start, length: size, isWrite: true, fromEnd: true) == 0)
    #expect(
      probe.accessible(start, length: 1150 * Page.size, isWrite: false, fromEnd: true) == 49 * Page.size + 5)
    arena.unmap(page: 700)
    #expect(
      probe.accessible(arena.address(600 * Page.size), length: 200 * Page.size, isWrite: false, fromEnd: false)
        == 100 * Page.size)
    // Never mapped: the kernel keeps the first pages free.
    #expect(probe.accessible(16, length: 100, isWrite: false, fromEnd: false) == 0)
    arena.protect(page: 650, PROT_NONE)
    #expect(
      probe.accessible(arena.address(600 * Page.size), length: 200 * Page.size, isWrite: false, fromEnd: false)
        == 50 * Page.size)
    #expect(
      probe.accessible(arena.address(600 * Page.size), length: 70 * Page.size, isWrite: false, fromEnd: true)
        == 19 * Page.size)
    #expect(probe.accessible(.max - 10, length: 100, isWrite: false, fromEnd: false) == 0)
    #expect(probe.accessible(UInt64(1) << 60, length: 100, isWrite: false, fromEnd: false) == 0)
    #expect(!probe.bringIn(UInt64(1) << 60, isWrite: false) && probe.bringIn(arena.address(0), isWrite: true))
  }
}

@Suite struct SoftwareRecordTests {
  @Test func `records that cannot be written are told by SWERROR`() throws {
    let rig = try SoftwareRig()
    var descriptor = rig.memmove(from: 0, to: Page.size, size: 64)
    descriptor.recordAddress = rig.recordAddress(0) + 8
    #expect(rig.submit(descriptor) == 1)
    rig.portal.settle()
    #expect(rig.device.error.code == CompletionStatus.recordAlignment.rawValue && !rig.device.error.overflow)
    descriptor.transferSize = 0
    descriptor.flags = []
    #expect(rig.submit(descriptor) == 1)
    rig.portal.settle()
    #expect(rig.device.error.code == CompletionStatus.recordAlignment.rawValue && rig.device.error.overflow)
  }

  @Test func `without a request only failures are recorded`() throws {
    let rig = try SoftwareRig()
    var descriptor = rig.memmove(from: 0, to: Page.size, size: 64, flags: .recordAddressValid)
    descriptor.recordAddress = rig.recordAddress(3)
    #expect(rig.submit(descriptor) == 1)
    rig.portal.settle()
    #expect(rig.records[3].status == .none)
    descriptor.transferSize = 0
    #expect(rig.submit(descriptor) == 1)
    rig.portal.settle()
    #expect(rig.records[3].status == .transferSize)
  }

  @Test func `a list on a page that is not there stops the batch`() throws {
    let rig = try SoftwareRig()
    rig.arena.unmap(page: 40)
    let record = rig.run(
      Descriptor(.batch, flags: SoftwareRig.flags, source: rig.arena.address(40 * Page.size), size: 4))
    #expect(record.status == .batchListFault && record.bytesCompleted == 0)
  }

  @Test func `a drain ends after all that was before it`() throws {
    let rig = try SoftwareRig(.software(engines: 3))
    for index in 1...20 {
      var descriptor = rig.memmove(from: 0, to: 32 * Page.size, size: 30 * Page.size)
      descriptor.source = rig.arena.address(0)
      descriptor.recordAddress = rig.recordAddress(index)
      #expect(rig.submit(descriptor) == 1)
    }
    #expect(rig.run(Descriptor(.drain, flags: SoftwareRig.flags)).status == .success)
    for index in 1...20 { #expect(rig.records[index].status == .success) }
    #expect(rig.device.counters.drains == 1 && rig.device.counters.memmoves == 20)
  }
}

@Suite struct SoftwareQueueTests {
  private func core(_ queue: QueueConfiguration, faults: FaultPlan = FaultPlan()) throws -> SoftwareCore {
    var configuration = DeviceConfiguration.software()
    configuration.queues = [queue]
    return try SoftwareCore(configuration, faults: faults, copy: { memcpy($0, $1, $2) })
  }

  @Test(arguments: [(size: 16, threshold: 9, room: 9), (16, 100, 16), (3, 2, 2), (128, 0, 0)])
  func `a shared queue says Retry from its threshold on`(_ vector: (size: Int, threshold: Int, room: Int)) throws {
    var queue = QueueConfiguration()
    queue.size = vector.size
    queue.mode = .shared(threshold: vector.threshold)
    let core = try core(queue)
    for _ in 0..<vector.room {
      #expect(core.submit(Descriptor(.noOp, flags: .requestRecord), to: core.queues[0]) == .accepted)
    }
    #expect(core.submit(Descriptor(.noOp), to: core.queues[0]) == .retry)
    #expect(core.counters.retries == 1 && core.counters.sharedAcceptedLimited == vector.room)
    guard vector.room > 0 else { return }
    #expect(core.queues[0].front.oldestTicket == 0)
    _ = core.queues[0].front.take(0)
    #expect(core.submit(Descriptor(.noOp), to: core.queues[0]) == .accepted)
    #expect(core.submit(Descriptor(.noOp), to: core.queues[0]) == .retry)
  }

  /// Engines end when their queues are empty, not as soon as they are told to.
  @Test func `what is queued when a device stops is carried out`() throws {
    for _ in 0..<200 {
      let rig = try SoftwareRig(pages: 2)
      for index in 0..<16 {
        var descriptor = Descriptor(.noOp, flags: SoftwareRig.flags)
        descriptor.recordAddress = rig.recordAddress(index)
        #expect(rig.submit(descriptor) == 1)
      }
      rig.device.stop()
      // One that was left behind would be waited for without end.
      try #require((0..<16).allSatisfy { rig.records[$0].status == .success })
      rig.portal.settle()
    }
  }

  @Test func `a dedicated queue drops what finds it full`() throws {
    var queue = QueueConfiguration()
    queue.size = 100
    let core = try core(queue)
    for index in 0..<100 {
      #expect(core.submit(Descriptor(.noOp, source: UInt64(index)), to: core.queues[0]) == .accepted)
    }
    #expect(core.submit(Descriptor(.memmove, record: 64), to: core.queues[0]) == .dropped)
    #expect(core.softwareError.code == 0x53 && core.softwareError.address == 64)
    #expect(core.counters.dropped == 1)
    for index in 0..<100 {
      #expect(core.queues[0].front.oldestTicket == UInt64(index))
      #expect(core.queues[0].front.take(UInt64(index)).source == UInt64(index))
    }
    #expect(core.queues[0].front.oldestTicket == nil && core.queues[0].isEmpty)
  }

  @Test func `the arbiter goes by priorities`() throws {
    var configuration = DeviceConfiguration.software(channels: 2, entries: 128)
    configuration.queues[0].priority = 6
    configuration.queues[1].priority = 2
    let core = try SoftwareCore(configuration, faults: FaultPlan(), copy: { memcpy($0, $1, $2) })
    for queue in core.queues {
      for _ in 0..<128 { #expect(core.submit(Descriptor(.noOp), to: queue) == .accepted) }
    }
    var taken = [0, 0]
    for _ in 0..<80 { taken[core.groups[0].next(engine: 0)?.place ?? 0] += 1 }
    #expect(taken == [60, 20])
  }

  @Test func `a device that is gone takes nothing and writes nothing`() throws {
    var faults = FaultPlan()
    faults.deviceGone = .nth(3)
    let rig = try SoftwareRig(faults: faults)
    #expect(rig.run(rig.memmove(from: 0, to: Page.size, size: 64)).status == .success)
    #expect(rig.run(Descriptor(.noOp, flags: SoftwareRig.flags)).status == .success)
    var descriptor = rig.memmove(from: 0, to: Page.size, size: 64)
    descriptor.recordAddress = rig.recordAddress(1)
    #expect(rig.submit(descriptor) == 1 && rig.device.isGone)
    rig.portal.settle()
    #expect(rig.records[1].status == .none && rig.device.counters.discarded == 1)
  }

  @Test(arguments: [1, 3])
  func `many submitters share a queue and nothing is lost`(engines: Int) throws {
    var configuration = DeviceConfiguration.software(engines: engines, entries: 8)
    configuration.queues[0].mode = .shared(threshold: 5)
    let (threads, each) = (4, 120)
    let rig = try SoftwareRig(configuration, pages: 2 * threads)
    for _ in 0..<3 { try submit(rig, threads: threads, each: each) }
    #expect(rig.device.counters.successes == 3 * threads * each)
    #expect(rig.device.counters.accepted == 3 * threads * each)
    #expect(rig.device.counters.bytesWritten == 3 * threads * each * 32)
  }

  private func submit(_ rig: SoftwareRig, threads: Int, each: Int) throws {
    let half = threads * Page.size
    memset(rig.arena.base + half, 0, half)
    let (portal, base, records) = (rig.portal, UInt(bitPattern: rig.arena.base), rig.recordAddress(0))
    ThreadWorkers().run(shares: threads) { thread in
      let record = UnsafeMutablePointer<CompletionRecord>(bitPattern: UInt(records) + UInt(thread * 64))
      for index in 0..<each {
        record?.pointee = CompletionRecord()
        let offset = UInt64(base) + UInt64(thread * Page.size + index * 32)
        let one = [
          Descriptor(
            .memmove, flags: SoftwareRig.flags, record: records + UInt64(thread * 64), source: offset,
            destination: offset + UInt64(half), size: 32)
        ]
        var wait = BoundedSpin()
        while portal.submit(one.span) == 0 { wait.once() }
        while record?.writtenStatus == CompletionStatus.none { wait.once() }
      }
    }
    for thread in 0..<threads {
      let start = rig.arena.base + thread * Page.size
      #expect(memcmp(start, start + half, each * 32) == 0)
    }
  }
}
