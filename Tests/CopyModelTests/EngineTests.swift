// The driver beside what is known without it: descriptors straight to the queues, and sums of costs.
import PageCopy
import Simulation
import Sysctl
import Testing
import Units

@testable import CopyModel

/// A two-socket DDR5 machine on which one CPU copies 8 GB/s: the condition of the original's numbers.
func ddr5(_ writes: String...) throws -> KnobTree {
  var tree = KnobTree.product
  for write in [
    "hw.cpus=16", "hw.node0.read_latency=106ns", "hw.node0.write_latency=106ns", "hw.node0.read_bandwidth=270GB/s",
    "hw.node0.write_bandwidth=272GB/s", "hw.node0.thread_read_bandwidth=37.8GB/s",
    "hw.node0.thread_write_bandwidth=89.8GB/s", "cost.copy_bandwidth=8GB/s",
  ] + writes { try tree.writeAssignment(write) }
  return tree
}

@Suite struct EngineTests {
  /// A huge page through the engine of runs takes what its slices take at the portals, from near to far and back.
  @Test(arguments: [(0, 1), (1, 0), (0, 0)])
  func `a huge page by the engine of runs and by plain descriptors`(_ from: Int, _ to: Int) throws {
    let bench = try CopyBench(.product, from: from, to: to, room: PageList(huge: 1))
    for channels in 1...8 {
      let engine = try bench.measure(PageList(huge: 1), by: .hugePage(channels: channels))
      let queue = try QueueBench(bench, channels: channels, room: 4 << 20).run(2 << 20)
      #expect(engine.elapsed == queue.elapsed, "\(channels) channels")
      #expect(engine.filling == queue.filling && engine.submitting == queue.submitting)
      #expect(engine.polling == queue.polling)
    }
  }

  @Test(arguments: [2, 3, 16, 127, 128])
  func `a batch by the engine of runs and by plain descriptors`(_ pages: Int) throws {
    let bench = try CopyBench(.product, room: PageList(base: pages))
    let engine = try bench.measure(PageList(base: pages), by: bench.listCopy(channels: 1))
    let queue = try QueueBench(bench, channels: 1, room: (pages + 64) * Page.size).batch(pages)
    #expect(
      engine
        == {
          var copy = queue
          copy.descriptors = 1
          return copy
        }())
  }

  /// Nothing is lost: CPU time is the time of the copy where one CPU copies or polls.
  @Test func `CPU time of one CPU is the time of the copy`() throws {
    let bench = try CopyBench(.product, room: PageList(huge: 3, base: 200))
    let list = PageList(huge: 3, base: 200)
    for way in [
      CopyWay.cpu, .raw(channels: 8), .dsa(channels: 8, cut: .slots, overlaps: false),
      .dsa(channels: 3, cut: .c2, overlaps: true),
    ] {
      let copy = try bench.measure(list, by: way)
      #expect(copy.cpuTime == copy.elapsed, "\(way.name)")
      #expect(copy.polling >= 0 && copy.bytes == list.bytes)
    }
  }

  @Test func `one CPU takes its rate`() throws {
    let bench = try CopyBench(try ddr5(), to: 0, room: PageList(huge: 1))
    // 8 GB/s.
    #expect(try bench.measure(PageList(huge: 1), by: .cpu).elapsed == 262_144_000)
    #expect(try bench.measure(PageList(base: 8), by: .cpu).elapsed == 4_096_000)
  }

  /// Two workers of one list: queueing, a switch and a wake-up, half of the list, the flush and the switch back.
  @Test func `workers take their steps and their share`() throws {
    let bench = try CopyBench(try ddr5(), to: 0, room: PageList(base: 64))
    let copy = try bench.measure(PageList(base: 64), by: .workers(2, .items))
    let steps = Picoseconds.microsecond * 1 + 1_500_000 + 2_000_000 + 1_500_000 + 1_000_000
    #expect(copy.elapsed == steps + 32 * 512_000)
    #expect(copy.switching == 3 * 1_500_000)
  }

  @Test func `the same again`() throws {
    let list = PageList(huge: 1, base: 31)
    let first = try CopyBench(.product, room: list)
    let second = try CopyBench(.product, room: PageList(huge: 24, base: 1024))
    for way in [CopyWay.dsa(channels: 8, cut: .slots, overlaps: false), .workers(4, .bytes), .raw(channels: 2)] {
      let copy = try first.measure(list, by: way)
      #expect(try first.measure(list, by: way) == copy)
      #expect(try second.measure(list, by: way) == copy, "what else there is room for changes nothing")
    }
  }

  @Test func `interrupts free the CPU, and umwait costs its exit`() throws {
    let bench = try CopyBench(.product, room: PageList(huge: 1))
    func copy(_ change: @escaping (inout CopyKnobs) -> Void) throws -> CopyMeasurement {
      try bench.measure(PageList(huge: 1), by: .hugePage(channels: 1), change: change)
    }
    let spin = try copy { $0.dsaSyncMode = 0 }
    #expect(try copy { $0.dsaSyncMode = 3 }.elapsed == spin.elapsed + 200_000)
    let interrupt = try copy { $0.dsaAsyncMode = true }
    // The interrupt's way, its handler, and the switch back.
    #expect(interrupt.elapsed == spin.elapsed + 1_000_000 + 2_000_000 + 1_500_000)
    #expect(interrupt.cpuTime == interrupt.filling + interrupt.submitting + 2_000_000 + 1_500_000)
  }

  /// A row that says DSA is never the CPU's.
  @Test(arguments: ["debug.fault.device_gone=n=30", "debug.fault.page=1%", "debug.fault.queue_full=1%"])
  func `copies in which DSA fails are refused`(_ write: String) throws {
    var tree = KnobTree.product
    try tree.writeAssignment(write)
    #expect(throws: RunError.self) {
      _ = try CopyBench(tree, room: PageList(huge: 1)).measure(PageList(huge: 1), by: .hugePage(channels: 8))
    }
  }

  @Test func `machines that cannot copy so are refused`() throws {
    var tree = KnobTree.product
    try tree.writeAssignment("hw.dsa.config=../../sysctl/dsa/1-device.conf".replacing("../../", with: root))
    let bench = try CopyBench(tree, room: PageList(base: 1))
    #expect(throws: RunError.self) { try bench.measure(PageList(base: 1), by: .raw(channels: 2)) }
    #expect(try OrderExperiment(CopyBench(tree, room: PageList(base: 512))).dsa.count == 1)
    #expect(throws: RunError.self) { try CopyBench(tree, from: 0, to: 2, room: PageList()) }
  }
}

/// The package's folder, with a slash at the end.
let root: String = {
  let file = #filePath
  return String(file[..<(file.range(of: "/Tests/CopyModelTests/")?.lowerBound ?? file.startIndex)]) + "/"
}()
