// Relations that measurements have among themselves: E9, E11 and E13 in full, and what the cache and the fabric do.
import DSAFormat
import Events
import Testing
import Units

@testable import DSAModel

extension InvariantTests {
  @Test func e9NoRecordEverHasStatusZero() throws {
    let rig = try Rig([shared()])
    var random = SplitMix64(seed: 9)
    for index in 0..<200 {
      var descriptor = rig.copy(from: Rig.data, to: 0x10_0000, random.below(5000))
      descriptor.opcode = Opcode(rawValue: UInt8(random.below(0x20)))
      if descriptor.opcode == .batch { descriptor.source = Rig.lists }
      if random.below(4) == 0 { descriptor.flags.insert(DescriptorFlags(rawValue: 1 << UInt32(random.below(16)))) }
      descriptor.flags.insert(recorded)
      // The wait ends with a record; a drain waits for nothing else here.
      #expect(rig.run(descriptor, record: index, write: .enqcmds).status != .none, "\(descriptor)")
    }
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func e11AcceptedRefusedAndLostAddUpToSubmissions(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var device = shared(threshold: 1 + random.below(8), size: 8)
    device.queues.append(QueueConfiguration())
    device.queues[1].size = 1 + random.below(16)
    var faults = FaultPlan()
    faults.seed = seed
    faults.queueFull = .rate(millionths: 50_000)
    let rig = try Rig([device], faults: faults)
    var answers: [PortalAnswer] = []
    var bytes = 0
    for _ in 0..<400 {
      let toShared = random.below(2) == 0
      var copy = rig.copy(from: Rig.data, to: 0x10_0000, 1 + random.below(8192))
      if random.below(16) == 0 { copy.transferSize = 0 }
      let answer = rig.model.submit(
        copy, device: 0, queue: toShared ? 0 : 1, portal: random.below(4) == 0 ? .unlimited : .limited,
        write: random.below(8) == 0 ? .posted : toShared ? .enqcmds : .posted,
        at: rig.model.now + random.below(200) * .nanosecond)
      answers.append(answer)
      if answer == .accepted { bytes += Int(copy.transferSize) }
    }
    rig.model.finish()
    let counters = rig.model.counters(of: 0)
    func count(_ answer: PortalAnswer) -> Int { answers.count { $0 == answer } }
    #expect(counters.submissions == 400 && counters.accepted == count(.accepted))
    #expect(counters.retries == count(.retry) && counters.dropped == count(.dropped))
    #expect(counters.discarded == count(.discarded))
    #expect(counters.accepted + counters.retries + counters.dropped + counters.discarded == 400)
    #expect(counters.successes + counters.errors == counters.accepted)
    #expect(counters.bytesRead == bytes && counters.bytesWritten == bytes && counters.bytesCompleted == bytes)
  }

  @Test func e13NoOperationIsFasterThanTheBandwidth() throws {
    for size in [64, 4096, 65536, 1 << 20] {
      let rig = try Rig()
      rig.memory.movesData = false
      rig.run(rig.copy(from: Rig.data, to: 0x20_0000, size))
      #expect(Double(size) / Double(rig.model.now) * 1e3 <= 31.37)
    }
  }

  /// S2: 5.28 against 9.38 M submissions of 64 B a second from one CPU.
  @Test func sharedQueuesTakeAbout56PercentOfADedicatedOnesRate() throws {
    func rate(_ device: DeviceConfiguration, _ issue: Int) throws -> Double {
      let loop = try Loop(device, Harness(issue: issue * .nanosecond))
      let time = loop.closed(depth: 64, operations: 400) { step, _ in
        loop.rig.copy(from: Rig.data + UInt64(step % 64 * 64), to: 0x20_0000 + UInt64(step % 64 * 64), 64)
      }
      return 1e6 / Double(time)
    }
    let ratio = try rate(shared(), 189) / rate(DeviceConfiguration(), 107)
    #expect(abs(ratio - 0.56) < 0.04, "\(ratio)")
  }

  @Test func theCacheMergesPartsOfLinesAndMemoryDoesNot() throws {
    func time(_ skew: UInt64, _ flags: DescriptorFlags) throws -> Picoseconds {
      let rig = try Rig([shared(engines: 1)])
      rig.memory.movesData = false
      for index in 0..<32 {
        rig.model.submit(
          rig.copy(from: Rig.data, to: 0x10_0000 + skew, 4096, record: index, flags: flags), device: 0, queue: 0,
          write: .enqcmds, at: 0)
      }
      return rig.model.finish()
    }
    let aligned = try time(0, recorded)
    #expect(try time(0, recorded.union(.cacheControl)) == aligned)
    // S1: 0.74 us for each of 32; S2: a line more, 2 ns.
    #expect(try time(16, recorded) - aligned > 30 * 600 * .nanosecond)
    let merged = try time(16, recorded.union(.cacheControl)) - aligned
    #expect(merged > 32 * .nanosecond && merged < 32 * 4 * .nanosecond, "\(merged)")
  }

  @Test func answersWaitWhileDataMoves() throws {
    let rig = try Rig([shared()])
    rig.memory.movesData = false
    let portal = ModelPortal(rig.model, device: 0, queue: 0)
    let one = [rig.copy(from: Rig.data, to: 0x10_0000, 1 << 20)]
    #expect(portal.submit(one.span) == 1)
    #expect(portal.now == ModelPortal<FlatMemory>.answeredInterval)
    // The copy's data moves from about 0.7 us on.
    portal.now = 5 * us
    #expect(portal.submit(one.span) == 1)
    #expect(portal.now == 5 * us + ModelPortal<FlatMemory>.answeredInterval + DeviceTiming().answerWait)
    rig.model.finish()
    #expect(rig.model.answerDelay(of: 0) == 0)
  }
}
