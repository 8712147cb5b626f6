import DSAModel
// Small runs whose frames are real memory: bytes move with pages, all are right at the end, and wrong ones are found.
import Foundation
import Host
import HostMemory
import MemoryModel
import Migration
import Report
import Simulation
import Sysctl
import Testing
import Units
import Workload

@testable import Backing

/// A fast node that is too small, demotions and promotions of base and huge pages.
private let machine = [
  "hw.cpus=2", "hw.node0.size=16M", "hw.node1.size=48M", "vm.min_free_kbytes=256", "vm.watermark_boost_factor=0",
  "mm.numa.demotion_enabled=1", "kernel.numa_balancing=2", "sim.time_scale=1000", "sim.max_time=10s",
]
private let linux = ["kernel.rules=v6.12"]
private let tpp = ["kernel.rules=tpp2021", "vm.use_concur_to_demote=1", "vm.demote_scale_factor=1000"]
private let dsa = ["vm.dsa_state=1", "vm.use_dsa_copy_pages=1"]
private let workers = ["vm.cpu_multi_copy_pages=1", "vm.limit_mt_num=2"]

/// Base pages that are written again and again beside huge pages; then khugepaged, then half of a huge page is unmapped.
private let busy = """
  name: busy
  regions: {A: {size: 10M, thp: never}, B: {size: 8M, thp: always}, C: {pages: 700, thp: default}}
  tasks:
    - phases:
        - {access: B, write_every: 1}
        - {access: C, write_every: 1}
        - {access: A, write_every: 3, rounds: 2}
        - {access: B, write_every: 5, think: 200ns}
        - set: {mm.transparent_hugepage.enabled: always}
        - {access: A, write_every: 7, rounds: 3, think: 500ns}
        - {access: C, rounds: 8, think: 2us}
        - unmap: B
        - {access: A, write_every: 2}
  """

private func run(
  _ settings: [String], text: String = busy, isReal: Bool = true
) throws -> (result: RunResult, tree: KnobTree) {
  var tree = KnobTree.product
  for setting in machine + ["mm.transparent_hugepage.enabled=madvise"] + settings { try tree.writeAssignment(setting) }
  let spec = try WorkloadFile.parse(text: text, path: "test.yaml")
  let isMeasured = tree[SimulationKnobs.self].copyClock == .measured
  let corruptions = tree[FaultKnobs.self].corruptions
  let simulation = try Simulation(
    spec, tree: tree,
    backing: !isReal
      ? nil
      : { memory throws(RunError) in
        do throws(HostMemoryError) {
          return try RealFrames(for: memory, drivesClock: isMeasured, corruptions: corruptions)
        } catch { throw RunError("\(error)", fix: "", kind: .host) }
      })
  return (try simulation.run(), tree)
}

extension BackingReport {
  fileprivate func pages(_ subject: MeasuredCopy.Subject, by engine: String) -> Int {
    totals.filter { $0.copy.subject == subject && $0.copy.engine == engine }.reduce(0) { $0 + $1.copy.bytes >> 12 }
  }
}

@Suite struct BackingTests {
  @Test(arguments: [
    (linux, "cpu", MeasuredCopy.Subject.pages), (tpp + workers, "cpu_multithreaded", .list),
    (linux + workers, "cpu_multithreaded", .list),
    (linux + dsa, "dsa", .list), (tpp + dsa, "dsa", .list),
  ])
  func `all bytes are right, whichever engine moves them`(
    settings: [String], engine: String, subject: MeasuredCopy.Subject
  ) throws {
    let (result, _) = try run(settings)
    #expect(result.faults == [])
    let backing = try #require(result.backing)
    #expect(backing.wrong == 0 && backing.compared >= 4000 && backing.written > 4000)
    #expect(backing.pages(subject, by: engine) > 500, "\(backing.totals)")
    #expect(result.memory.vmstat[.pgdemote_kswapd] + result.memory.vmstat[.pgdemote_direct] > 0)
    #expect(result.memory.vmstat[.thp_migration_success] > 0)
    // 5.13 has time for neither in a run so short.
    if result.memory.rules == .v6_12 {
      #expect(result.memory.vmstat[.pgpromote_success] > 0)
      #expect(result.memory.vmstat[.thp_collapse_alloc] > 0 && backing.pages(.collapse, by: "cpu") > 0)
    }
    #expect(backing.copies.allSatisfy { $0.measured > 0 && $0.modelled ?? 0 > 0 && $0.bytes > 0 })
    // Every page that the counters know as moved was moved.
    let moved = backing.totals.filter { $0.copy.subject != .collapse }.reduce(0) { $0 + $1.copy.bytes >> 12 }
    #expect(moved >= result.memory.vmstat[.pgmigrate_success])
  }

  @Test func `a modelled clock does not see real memory`() throws {
    func json(_ run: (result: RunResult, tree: KnobTree)) -> String {
      let inputs = RunInputs(
        version: "1", tree: run.tree, about: "", workload: RunInputs.File(name: "w", digest: Digest(of: "w")),
        traces: [])
      return RunFiles(run.result, inputs: inputs).json
    }
    #expect(try json(run(linux + dsa)) == json(run(linux + dsa, isReal: false)))
  }

  @Test(arguments: [linux, linux + dsa, linux + workers])
  func `a corrupted copy is found`(settings: [String]) throws {
    let (result, _) = try run(settings + ["debug.fault.corrupt=n=3"])
    let backing = try #require(result.backing)
    #expect(backing.wrong == 1)
    let fault = try #require(result.faults.first)
    #expect(fault.hasPrefix("real memory: virtual page ") && fault.hasSuffix("is wrong"))
  }

  @Test(arguments: [linux, tpp + dsa, linux + workers])
  func `measured times drive the clock, and the run says so`(settings: [String]) throws {
    let (result, tree) = try run(settings + ["clock.copy=measured"])
    #expect(result.faults == [])
    let backing = try #require(result.backing)
    #expect(backing.drivesClock && backing.wrong == 0 && backing.copies.allSatisfy { $0.modelled == nil })
    // The stage of copies is what was measured, but for copies of a migration that the end of the run cut off.
    let measured = backing.copies.filter { $0.subject != .collapse }.reduce(0) { $0 + $1.measured }
    let stage = result.trace.copyTime
    #expect(stage >= measured && measured > 0)
    let inputs = RunInputs(
      version: "1", tree: tree, about: "", workload: RunInputs.File(name: "w", digest: Digest(of: "w")), traces: [])
    #expect(Summary(result, inputs: inputs).text.contains("not reproducible"))
    #expect(RunFiles(result, inputs: inputs).json.contains("\"is_reproducible\": false"))
    #expect(result.warnings.contains { $0.hasPrefix("not reproducible") })
  }

  @Test(arguments: ["clock.copy=measured", "debug.fault.corrupt=n=1"])
  func `what needs real memory is refused without`(setting: String) {
    let error = #expect(throws: RunError.self) { try run([setting], isReal: false) }
    #expect(error?.kind == .knob && error?.fix.contains("--backing real") == true)
  }

  @Test func `memory that is not there is refused before it is taken`() throws {
    // Little more than there is: the model's own books of a larger machine take long.
    let available = try #require(MemoryBudget(.machine).available)
    let error = #expect(throws: RunError.self) { try run(["hw.node1.size=\(available >> 20 + 64)M"]) }
    #expect(error?.kind == .host && error?.what.contains("are needed") == true)
  }

  /// Any wrong byte of a page counts, also the last one, and a page of another slot or generation is wrong all over.
  @Test func `pages are told apart`() throws {
    let memory = Memory(
      nodes: [NodeLayout(tier: 0, cpus: 0..<1, zones: [ZoneLayout(kind: .normal, pages: 2048)])], cpuCount: 1,
      virtualPages: 1024, rules: .v6_12, knobs: MemoryKnobs())
    let frames = try RealFrames(for: memory)
    frames.write(1024, slot: 7, generation: 1)
    frames.write(1025, slot: 7, generation: 2)
    frames.write(3071, slot: 8, generation: 1)
    frames.check(1024, slot: 7, generation: 1)
    frames.check(3071, slot: 8, generation: 1)
    #expect(frames.report.wrong == 0)
    frames.check(1024, slot: 7, generation: 2)
    frames.check(1025, slot: 8, generation: 1)
    #expect(frames.report.wrong == 2 && frames.report.faults.allSatisfy { $0.contains(": byte 0 of 4096") })
    frames.bytes(of: 3071)[4095] ^= 1
    frames.check(3071, slot: 8, generation: 1)
    #expect(frames.report.wrong == 3 && frames.report.faults[2].contains("in frame 3071: byte 4095 of 4096"))
  }
}
