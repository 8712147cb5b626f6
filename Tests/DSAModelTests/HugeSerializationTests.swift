// What each hypothesis about huge pages predicts for what DSA-2LM's authors saw: 17 or 68 us for 2 MiB over eight devices.
import DSAFormat
import Testing
import Units

@testable import DSAModel

@Suite struct HugeSerializationTests {
  /// Which 2 MiB frames successive copies read and write.
  enum Pattern: String, CaseIterable {
    /// A module's test: all pages allocated beforehand, each copied once.
    case preallocated
    /// The test that allocates and frees a page an iteration: the frame freed last is the one allocated next.
    case allocatedAndFreed
    /// The same two pages over and over.
    case samePage
    /// TPP: a page goes down, and the next comes up into the frame that it left.
    case exchange
    /// MEMTIS: lists of pages go down, lists come up; a frame is used again after the whole list.
    case lists

    func frames(_ step: Int) -> (from: Int, to: Int) {
      switch self {
      case .preallocated: (step, 32 + step)
      case .allocatedAndFreed: (step, 63)
      case .samePage: (0, 1)
      case .exchange: step % 2 == 0 ? (0, 32 + step) : (33 + step, 0)
      case .lists: step < 12 ? (step, 32 + step) : (32 + 12 + step % 12, step % 12)
      }
    }
  }

  /// Mean microseconds of a 2 MiB page over eight devices, behind the first two.
  private func time(_ pattern: Pattern, _ hypothesis: HugeSerialization, size: Int = 2 << 20) throws -> Double {
    let memory = FlatMemory(size: 1 << 20)
    memory.movesData = false
    let model = try DeviceModel(
      devices: [DeviceConfiguration](repeating: DeviceConfiguration(), count: 8), memory: memory, paths: [Rig.dram],
      links: [Rig.wide], platformBandwidth: 123_000_000_000, hugeSerialization: hypothesis)
    var sum = 0
    let steps = 24
    for step in 0..<steps {
      let (from, to) = pattern.frames(step)
      let start = model.now
      for device in 0..<8 {
        let piece = UInt64(device * size / 8)
        model.submit(
          Descriptor(
            .memmove, flags: recorded, record: UInt64(device * 32), source: UInt64(64 + from) << 21 + piece,
            destination: UInt64(64 + to) << 21 + piece, size: UInt32(size / 8)), device: device, queue: 0, at: start)
      }
      let end = model.finish()
      if step >= 2 { sum += end - start }
    }
    return Double(sum) / Double(steps - 2) / 1e6
  }

  @Test(arguments: Pattern.allCases)
  func eachHypothesisPredictsItsTimes(pattern: Pattern) throws {
    // 2 MiB at 123 GB/s and at 31.37 GB/s, and under 2 us of latency.
    #expect((17...20).contains(try time(pattern, .off)))
    #expect((66...70).contains(try time(pattern, .always)))
    let reused = try time(pattern, .recent)
    let isFast = pattern == .preallocated || pattern == .lists
    #expect(isFast ? (17...20).contains(reused) : (66...70).contains(reused), "\(pattern): \(reused) us")
  }

  @Test func listsOfBasePagesAreLeftAlone() throws {
    #expect(try time(.samePage, .always, size: 8 * 4096) == time(.samePage, .off, size: 8 * 4096))
    #expect(try time(.samePage, .recent, size: 8 * 4096) == time(.samePage, .off, size: 8 * 4096))
  }

  @Test func oneDeviceIsAsFastAsEver() throws {
    func one(_ hypothesis: HugeSerialization) throws -> Picoseconds {
      let memory = FlatMemory(size: 8 << 20)
      memory.movesData = false
      let model = try DeviceModel(
        devices: [DeviceConfiguration()], memory: memory, paths: [Rig.dram], links: [Rig.wide],
        hugeSerialization: hypothesis)
      model.submit(
        Descriptor(.memmove, flags: recorded, source: 2 << 20, destination: 4 << 20, size: 2 << 20), device: 0,
        queue: 0,
        at: 0)
      return model.finish()
    }
    #expect(try one(.always) == one(.off))
  }
}
