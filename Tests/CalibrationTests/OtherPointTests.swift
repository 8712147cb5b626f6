// Published points that stand in no table of the calibration. Those of compare and of one engine were looked at only when all
// parameters were chosen.
import DSAFormat
import DSAModel
import Testing
import Units

@testable import Calibration

@Suite struct OtherPointTests {
  private func isClose(_ modelled: Double, _ published: Double, percent: Double) -> Bool {
    abs(modelled - published) <= published * percent / 100
  }

  /// S1 (LightDSA, raw results): compare and compare-pattern, one at a time; us.
  @Test(arguments: [
    (Opcode.compare, 64, 0.72), (.compare, 4096, 1.15), (.compare, 32768, 3.09), (.compare, 1 << 20, 67.1),
    (.comparePattern, 64, 0.67), (.comparePattern, 4096, 1.00), (.comparePattern, 32768, 2.06),
    (.comparePattern, 1 << 20, 34.1),
  ])
  func comparisonsOneAtATime(operation: Opcode, size: Int, published: Double) throws {
    // Comparisons read what is there.
    let loop = try CopyLoop([CopyLoop.shared(engines: 1)], LightDSA.timing, pages: 2048)
    let time = loop.latency(operations: 8) { step in
      let from = CopyLoop.copy(size, from: (step & 1) << 20, to: (4 << 20) + (step & 1) << 20)
      return Descriptor(
        operation, flags: CopyLoop.flags, source: from.source,
        destination: operation == .compare ? from.destination : 0, size: UInt32(size))
    }
    #expect(isClose(Double(time) / 1e6, published, percent: 9), "\(time)")
  }

  /// S1: single copies through a shared queue, 128 in flight, one engine; us.
  @Test(arguments: [(64, 0.19), (2048, 0.19), (4096, 0.21), (8192, 0.27), (16384, 0.53), (32768, 1.05)])
  func singleCopiesOfOneThread(size: Int, published: Double) throws {
    var timing = LightDSA.timing
    timing.work = 0
    let loop = try CopyLoop([CopyLoop.shared(engines: 1)], timing)
    let time = loop.closed(depth: 128, operations: 1000) { step, _ in
      CopyLoop.copy(size, from: step % 512 * size, to: (32 << 20) + step % 512 * size)
    }
    #expect(isClose(Double(time) / 1e6, published, percent: 7), "\(time)")
  }

  /// S1: batches of 32 on one engine, us a copy, published to 10 ns.
  @Test(arguments: [(64, 0.05), (1024, 0.06), (2048, 0.08), (4096, 0.14), (8192, 0.27), (32768, 1.05)])
  func batchesOnOneEngine(size: Int, published: Double) throws {
    var timing = LightDSA.timing
    timing.work *= 32
    let loop = try CopyLoop([CopyLoop.shared(engines: 1)], timing)
    for slot in 0..<8 {
      let list = (0..<32).map { member in
        CopyLoop.copy(size, from: (slot * 32 + member) * size, to: (32 << 20) + (slot * 32 + member) * size)
      }
      loop.store(list, list: slot * 2048, record: 1024 + slot * 32)
    }
    let time = loop.closed(depth: 8, operations: 48) { _, slot in
      Descriptor(.batch, flags: CopyLoop.flags, source: CopyLoop.lists + UInt64(slot * 2048), size: 32)
    }
    #expect(abs(Double(time) / 32e6 - published) <= 0.0101, "\(time / 32)")
  }

  /// S2 (accel-datapath, hw-eval/results_dedicated.json): 8 bytes in pipelined batches; 10 ns of CPU time a member is assumed.
  @Test(arguments: [(4, 1, 4.10), (32, 1, 14.12), (128, 4, 53.9)])
  func smallestCopiesInBatches(members: Int, depth: Int, published: Double) throws {
    var timing = AccelDatapath.timing(isShared: false)
    timing.work = members * 10 * .nanosecond
    let loop = try CopyLoop([DeviceConfiguration()], timing)
    let member = CopyLoop.copy(8, from: 16, to: (4 << 20) + 16, flags: CopyLoop.flags.union(.cacheControl))
    for slot in 0..<depth {
      loop.store(
        [Descriptor](repeating: member, count: members), list: slot * members * 64, record: 64 + slot * members)
    }
    let time = loop.closed(depth: depth, operations: 40 * depth) { _, slot in
      Descriptor(
        .batch, flags: CopyLoop.flags, source: CopyLoop.lists + UInt64(slot * members * 64), size: UInt32(members))
    }
    #expect(isClose(Double(members) / Double(time) * 1e6, published, percent: 12), "\(time)")
  }
}
