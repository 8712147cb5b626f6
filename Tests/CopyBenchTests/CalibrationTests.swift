import CCopyKernels
import CopyKernels
import Host
import Testing
import Units

@testable import CopyBench

@Suite(.serialized) struct CalibrationTests {
  @Test func aChainVisitsEveryLineOnce() {
    let lines = 999
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: lines * 64, alignment: 64)
    defer { memory.deallocate() }
    pf_make_chain(memory.baseAddress, memory.count, 5)
    var at = UnsafeRawPointer(memory.baseAddress)
    var seen = Set<UnsafeRawPointer?>()
    for _ in 0..<lines {
      at = pf_chase(at, 1)
      seen.insert(at)
    }
    #expect(seen.count == lines)
    #expect(at == UnsafeRawPointer(memory.baseAddress) && pf_chase(at, lines) == at)
  }

  @Test func everyNodeIsMeasuredAndBecomesAPreset() throws {
    let plan = MachineCalibration.Plan(rounds: 3, arena: 4 << 20, steps: 10_000)
    let calibration = try MachineCalibration.measure(plan)
    let node = try #require(calibration.nodes.first)
    for line in [node.latency] + node.reads.values + node.writes.values {
      #expect(line.values.count == 3 && line.values.allSatisfy { $0 > 0 }, "\(line.what)")
    }
    #expect(node.reads.keys.sorted() == MachineCalibration.threadCounts(plan.cpus.count))
    #expect(calibration.copies.contains { $0.what == "node 0: cold 2 MiB folios copied by memcpy" })
    let text = calibration.preset(CalibrationProvenance(version: "1", command: "pageferry bench calibrate -o x"))
    #expect(text.contains("# Command: pageferry bench calibrate -o x\n"))
    #expect(text.contains("# \(node.latency.description)\n"))
    #expect(text.contains("# Memory: node 0: 4MiB in "))
    let knobs = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { $0.split(separator: " ").first }
    #expect(knobs.contains("hw.node0.read_latency") && knobs.contains("cost.copy_bandwidth"))
    #expect(knobs.contains { $0.hasPrefix("hw.node1.") } == (calibration.nodes.count > 1))
    #expect(text.contains("keep their defaults") == (calibration.nodes.count == 1))
  }

  @Test func whatCannotBeTrueOfTheMachineIsSaid() {
    let caches = [
      HostCPU.Cache(level: 1, type: "Data", size: 32 << 10, sharedBy: 1),
      .init(level: 1, type: "Instruction", size: 1 << 30, sharedBy: 1),
      .init(level: 3, type: "Unified", size: 32 << 20, sharedBy: 4),
    ]
    func doubts(_ arena: Int, cpus: Int) -> [String] {
      MachineCalibration.doubts(.init(arena: arena, cpus: Array(0..<cpus)), caches)
    }
    #expect(doubts(72 << 20, cpus: 4) == [])
    #expect(doubts(64 << 20, cpus: 4).first?.hasPrefix("half an arena is 32MiB and the caches are 32") == true)
    #expect(doubts(1 << 30, cpus: 32) == [] && doubts(2 << 30, cpus: 33).first?.hasPrefix("32 of 33 CPUs") == true)
  }

  @Test func linesSayMedianCountAndSpread() {
    var line = CalibrationLine(what: "node 0: read latency", quantity: .latency)
    #expect(line.description == "node 0: read latency: not measured")
    line.values = [101_260, 99_000, 250_000]
    #expect(line.description == "node 0: read latency: 101.3ns, median of 3, 99.0ns to 250.0ns")
    let rates = CalibrationLine(
      what: "x", quantity: .bandwidth, values: [9_876_543_210, 123_456_000_000, 23_456_000_000])
    #expect(rates.description == "x: 23.50GB/s, median of 3, 9.88GB/s to 123.00GB/s")
  }

  @Test(arguments: [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (96, [1, 2, 4, 8, 16, 32])])
  func threadsGoUpByPowersOfTwo(_ cpus: Int, _ counts: [Int]) {
    #expect(MachineCalibration.threadCounts(cpus) == counts)
  }
}
