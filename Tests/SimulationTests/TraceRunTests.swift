// Whole runs of recorded traces: their threads, their processes, and accesses that only the page table sees.
import Foundation
import Testing
import Trace
import Units
import Workload

@testable import Simulation

@Suite struct TraceRunTests {
  /// Writes `records` and runs `task`, whose trace is FILE.
  private func run(_ records: [TraceRecord], _ layout: TraceLayout, task: String) throws -> RunResult {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pageferry-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("a.pft").path
    var writer = try TraceWriter(path: path, layout: layout)
    for record in records { try writer.append(record) }
    _ = try writer.finish()
    return try simulate(
      "name: t\ntasks: [\(task.replacing("FILE", with: path))]",
      ["hw.cpus=2", "hw.node0.size=64M", "hw.node1.size=64M"])
  }

  /// Three threads of two processes at the same 200 pages.
  private var threads: [TraceRecord] {
    (0..<3000).map { (i: Int) -> TraceRecord in
      let thread = UInt16(i % 3)
      return TraceRecord(
        address: UInt64(i / 3 % 200) << 12, thread: thread, process: thread / 2, isWrite: i % 5 == 0, gap: 10,
        repeats: UInt32(i % 2))
    }
  }

  @Test func recordedThreadsAreTasksAndProcessesAddressSpaces() throws {
    let layout = TraceLayout(granuleShift: 6, isCacheFiltered: true)
    let result = try run(threads, layout, task: "{name: a, trace: FILE, threads: recorded}")
    #expect(result.tasks.map(\.name) == ["a.t0", "a.t1", "a.t2"])
    #expect(result.tasks.map(\.totals.accesses) == [1500, 1500, 1500])
    #expect(result.processes.map(\.name) == ["a", "a.p1"])
    #expect(result.footprintPages == 400)
    #expect(result.count(.pgfault) == 400)
  }

  @Test func sharedThreadsReplayAllOfThemAsTheyCome() throws {
    let layout = TraceLayout(granuleShift: 6, isCacheFiltered: true)
    let result = try run(threads, layout, task: "{name: a, trace: FILE, threads: 2}")
    #expect(result.tasks.map(\.totals.accesses) == [4500])
    // Two processes' pages in one address space.
    #expect(result.footprintPages == 400 && result.processes.map(\.name) == ["a"])
  }

  @Test func touchesSetAccessedBitsAndReachNoMemory() throws {
    let records = (0..<10_000).map { (i: Int) -> TraceRecord in
      TraceRecord(address: UInt64(i % 100) << 12, isWrite: i % 3 == 0, gap: 1, isTouch: i % 4 != 0)
    }
    let layout = TraceLayout(granuleShift: 6, isCacheFiltered: true, hasTouches: true)
    let result = try run(records, layout, task: "{name: a, trace: FILE}")
    #expect(result.totals.accesses == 2500 && result.totals.touches == 7500)
    #expect(result.totals.bytes == 2500 * 64)
    let plain = try run(
      records.map {
        var record = $0
        record.isTouch = false
        return record
      }, layout, task: "{name: a, trace: FILE}")
    #expect(plain.totals.accesses == 10_000 && plain.totals.touches == 0)
    // A page walk that a cache answers costs cost.cached_access, here 4 ns, and is the thread's own time.
    #expect(result.totals.time[TimeUse.think.rawValue] - plain.totals.time[TimeUse.think.rawValue] == 7500 * 4000)
    #expect(result.count(.pgfault) == 100)
  }

  /// More records than a block has, replayed twice, by all threads together and each by itself.
  @Test(arguments: ["2", "recorded"])
  func sharedRecordsMakeTheSameRun(_ threads: String) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pageferry-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("a.pft").path
    var writer = try TraceWriter(path: path, layout: TraceLayout(granuleShift: 6, isCacheFiltered: true))
    for _ in 0..<25 { for record in self.threads { try writer.append(record) } }
    _ = try writer.finish()
    let spec = try WorkloadFile.parse(
      text: "name: t\ntasks: [{name: a, trace: \(path), threads: \(threads), repeat: 2}]", path: "t.yaml")
    let tree = try makeTree(["hw.cpus=2", "hw.node0.size=64M", "hw.node1.size=64M"])
    let alone = try Simulation(spec, tree: tree).run()
    let prepared = try PreparedWorkload(spec)
    for _ in 0..<2 {
      let shared = try prepared.simulation(tree).run()
      #expect(shared.elapsed == alone.elapsed && shared.totals.accesses == 2 * 25 * 4500)
      #expect(shared.tasks.map { $0.phases.map(\.accessHash) } == alone.tasks.map { $0.phases.map(\.accessHash) })
    }
  }

  @Test func aTraceThatCannotBeOpenedIsNamed() throws {
    let error = #expect(throws: RunError.self) {
      try simulate("name: t\ntasks: [{trace: /none.pft, threads: recorded}]")
    }
    #expect(error?.kind == .trace && error?.description.hasPrefix("test.yaml:2:") == true)
  }
}
