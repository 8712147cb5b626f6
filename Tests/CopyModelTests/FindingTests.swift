// What the original's author found, on a machine as near to his as is known: local copies, synchronous, one CPU at 8 GB/s.
// Source: kernels-with-dsa (madsys-dev/DSA-2LM), README. docs/copy-model.md sets both side by side.
import PageCopy
import Simulation
import Testing
import Units

@testable import CopyModel

@Suite struct FindingTests {
  @Test func `contiguous runs break even at order 3, and splitting a base page hurts`() throws {
    let orders = try OrderExperiment(CopyBench(ddr5(), to: 0, room: PageList(base: 512)))
    // Two channels win at 16 KiB already, one order early.
    let expected = [3, 2, 3, 3, 3, 3, 3, 3]
    for channels in 1...8 {
      #expect(orders.breakEven(channels: channels) == .from(expected[channels - 1], earlier: 0), "\(channels) channels")
    }
    for channels in 2...8 { #expect(orders.dsa[channels - 1][0].elapsed > orders.dsa[0][0].elapsed) }
    #expect(orders.dsa[7][0].elapsed > 2 * orders.dsa[0][0].elapsed)
  }

  /// 204 to 264 us for the CPU and 17 to 68 us for DSA: 3 to 14 times.
  @Test func `a huge page over 8 channels is 3 to 14 times as fast`() throws {
    let bench = try CopyBench(ddr5(), to: 0, room: PageList(huge: 1))
    let cpu = try bench.measure(PageList(huge: 1), by: .cpu)
    let dsa = try bench.measure(PageList(huge: 1), by: .hugePage(channels: 8))
    #expect((204_000_000...264_000_000).contains(cpu.elapsed))
    #expect((3000...14000).contains(dsa.speedup(over: cpu)), "\(dsa.speedup(over: cpu))")
    #expect((17_000_000...68_000_000).contains(dsa.elapsed))
  }

  @Test func `batches on one channel are 1.5 to 4 times as fast`() throws {
    let batches = try BatchExperiment(
      CopyBench(ddr5(), to: 0, room: PageList(base: 128)), counts: [8, 16, 32, 64, 128])
    for point in batches.points {
      #expect((1500...4000).contains(point.list.speedup(over: point.cpu)), "\(point.pages) pages")
    }
  }

  @Test func `mixed lists gain most`() throws {
    let bench = try CopyBench(ddr5(), to: 0, room: PageList(huge: 24, base: 1024))
    let lists = try ListExperiment(
      bench, lists: [("A", .workloadA), ("B", .workloadB)], threads: [4])
    func gain(_ list: String, over way: CopyWay) throws -> Int {
      let dsa = try #require(lists.copy(list, .dsa(channels: 8, cut: .slots, overlaps: false)))
      return dsa.speedup(over: try #require(lists.copy(list, way)))
    }
    // Over DSA-raw the many base pages of A make it; over the CPU the huge pages of B gain a little more.
    #expect(try gain("A", over: .raw(channels: 8)) > 3 * gain("B", over: .raw(channels: 8)))
    #expect(try gain("A", over: .raw(channels: 8)) > 7000)
    #expect(try gain("A", over: .cpu) > 10_000)
    #expect(try gain("B", over: .cpu) > 10_000)
    #expect(try gain("A", over: .workers(4, .items)) > 5000)
  }
}
