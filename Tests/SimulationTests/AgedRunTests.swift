// Runs on aged machines: compaction works around what cannot move, page cache makes room, counters begin at 0.
import MemoryModel
import Testing
import Workload

@testable import Simulation

@Suite struct AgedRunTests {
  private static func workload(_ age: String, _ phases: String = "- {access: A, write_every: 1}") -> String {
    """
    name: aged
    age: \(age)
    regions: {A: {size: 12M, thp: always}}
    tasks:
    - phases:
      - buddyinfo: before
      \(phases)
    """
  }

  private static let machine = ["hw.node0.size=64M", "hw.node1.size=64M"]

  @Test func `a huge fault compacts around unmovable pages, and snapshots show it`() throws {
    let result = try simulate(
      Self.workload("{free: 50%, in_blocks: 0%, unmovable: 1%, seed: 3}"),
      Self.machine + ["mm.transparent_hugepage.enabled=always", "mm.transparent_hugepage.defrag=always"])
    #expect(result.freeAreas.map(\.name) == ["start", "before", "end"])
    let start = result.freeAreas[0].zones[0]
    #expect(start.count(order: 9) + start.count(order: 10) == 0)
    #expect(start.freeBlocks(order: 9).fragmentationIndex(order: 9) > 500)
    #expect(result.count(.compact_success) > 0 && result.count(.thp_fault_alloc) == 6)
    #expect(result.count(.pgmigrate_success) > 0)
    // The counters are the run's alone.
    #expect(result.samples[0].events.allSatisfy { $0 == 0 })
  }

  @Test func `where every block has an unmovable page nothing becomes whole`() throws {
    let result = try simulate(
      Self.workload("{free: 50%, unmovable: 2%, unmovable_in: 100%}"),
      Self.machine + [
        "mm.transparent_hugepage.enabled=always", "mm.transparent_hugepage.defrag=always", "hw.node1.size=0",
      ])
    #expect(result.count(.thp_fault_alloc) == 0 && result.count(.thp_fault_fallback) > 0)
  }

  /// The first try of a huge fault is for its own node: in 7.1 it may compact there, and not reclaim; before, it reclaimed too.
  @Test(arguments: [(KernelRules.tpp2021, true), (.v6_12, true), (.v7_1, false)])
  func `a huge fault reclaims on its own node, or goes elsewhere`(rules: KernelRules, reclaims: Bool) throws {
    let result = try simulate(
      Self.workload("{free: 50%, unmovable: 2%, unmovable_in: 100%}"),
      Self.machine + [
        "kernel.rules=\(rules.rawValue)", "mm.transparent_hugepage.enabled=always",
        "mm.transparent_hugepage.defrag=always",
      ])
    #expect(result.count(.thp_fault_alloc) > 0 && result.count(.compact_stall) > 0)
    #expect((result.count(.allocstall_normal) > 0) == reclaims)
  }

  @Test func `page cache in the way is dropped for a workload that needs its room`() throws {
    let text = Self.workload("{free: 10%, page_cache: 60%}").replacing("size: 12M", with: "size: 30M")
    let result = try simulate(text, ["hw.node0.size=64M", "hw.node1.size=0"])
    #expect(result.count(.pgsteal_file) > 3000 && result.footprintPages == 30 * 256)
  }

  @Test func `a node that is not there, and one too small, are refused with the line`() throws {
    func message(_ age: String, _ settings: [String]) throws -> String {
      let spec = try WorkloadFile.parse(text: Self.workload(age), path: "w.yaml")
      return #expect(throws: RunError.self) { try Simulation(spec, tree: makeTree(settings)) }?.description ?? ""
    }
    #expect(
      try message("{node: 2, free: 50%}", Self.machine)
        == "w.yaml:2: node 2 is to be aged, but the machine has nodes 0 to 1; change 'node:' of 'age:', or give hw.node2.size"
    )
    #expect(
      try message("{free: 1%, unmovable: 99%, unmovable_in: 100%}", ["hw.node0.size=8M", "hw.node1.size=64M"])
        .hasPrefix("w.yaml:2: node 0 has too few free 2 MiB blocks for the shares of 'age:'; "))
  }
}
