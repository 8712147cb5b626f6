// Runs with vm.defrag_mode: page tables reclaim before they break pageblocks, and break them when that does not help.
import MemoryModel
import Testing
import Workload

@testable import Simulation

@Suite struct DefragModeRunTests {
  /// A page table for each of 1,024 pages, on a node of 64 MiB without any whole block.
  private static func workload(pageCache: String) -> String {
    """
    name: tables
    age: {free: 40%, unmovable: 2%, unmovable_in: 100%, page_cache: \(pageCache), seed: 5}
    footprint: 8M
    regions: {A: {size: 2G, thp: never}}
    tasks:
    - phases:
      - {access: A, pattern: strided, stride: 512, accesses: 1024, write_every: 1}
    """
  }

  private static func run(_ mode: Int, pageCache: String = "0%") throws -> RunResult {
    try simulate(
      workload(pageCache: pageCache),
      ["kernel.rules=v7.1", "vm.defrag_mode=\(mode)", "hw.node0.size=64M", "hw.node1.size=0", "sim.max_time=20s"])
  }

  @Test func `without it page tables go to the free pages of movable blocks`() throws {
    let result = try Self.run(0)
    #expect(result.count(.allocstall_normal) == 0 && result.totals.accesses == 1024)
  }

  @Test func `with it they do so after 16 reclaims in vain`() throws {
    let result = try Self.run(1)
    #expect(result.count(.allocstall_normal) >= 16 && result.totals.accesses == 1024)
    #expect(result.count(.oom_kill) == 0 && result.faults.isEmpty)
  }

  @Test func `page cache is dropped before a pageblock is broken`() throws {
    #expect(try Self.run(0, pageCache: "20%").count(.pgsteal_file) == 0)
    #expect(try Self.run(1, pageCache: "20%").count(.pgsteal_file) > 2000)
  }

  @Test func `a kernel without it is refused`() throws {
    var tree = try makeTree(["kernel.rules=v7.1", "vm.defrag_mode=1"])
    tree[KernelKnobs.self].rules = .v6_12
    let spec = try WorkloadFile.parse(text: Self.workload(pageCache: "0%"), path: "w.yaml")
    let message = #expect(throws: RunError.self) { try Simulation(spec, tree: tree) }?.description ?? ""
    #expect(message.contains("vm.defrag_mode is 1 under kernel.rules = v6.12: Linux has it since 6.15"))
  }
}
