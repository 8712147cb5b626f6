// Per-CPU free lists and the order of nodes. Source: mm/page_alloc.c zone_batchsize, rmqueue_pcplist,
// free_unref_page_commit, find_next_best_node.
import Testing

@testable import MemoryModel

@Suite struct PerCPUAndZonelistTests {
  @Test(arguments: [
    (KernelRules.v6_12, 1 << 20, 63), (.v6_12, 16384, 3), (.v6_12, 4096, 1), (.v6_12, 131072, 31),
    (.tpp2021, 1 << 20, 63), (.tpp2021, 131072, 31), (.tpp2021, 16384, 3),
  ])
  func batchOfAZone(rules: KernelRules, pages: Int, batch: Int) {
    let memory = makeMemory([pages], rules: rules)
    #expect(memory.zones[0].perCPU[0].batch == batch)
  }

  @Test func oldListsAreSixBatchesLong() {
    let memory = makeMemory([131072], rules: .tpp2021)
    #expect(memory.zones[0].perCPU[0].high == 6 * 31)
  }

  @Test func tunedListsStartAtTheLowMarkAShareEachCPU() {
    let memory = makeMemory([131072], cpus: 4) { $0.watermarkScaleFactor = 100 }
    #expect(memory.zones[0].perCPU[0].highMin == memory.zones[0].low / 4)
    #expect(memory.zones[0].perCPU[0].highMax == 131072 / 8 / 4)
  }

  @Test func aFixedFractionDisablesTuning() {
    let memory = makeMemory([131072], cpus: 2) { $0.percpuHighFraction = 8 }
    #expect(memory.zones[0].perCPU[0].highMin == 131072 / 8 / 2)
    #expect(memory.zones[0].perCPU[0].highMax == 131072 / 8 / 2)
  }

  @Test func anEmptyListIsRefilledByABatchThatIsNotFreeAnyMore() throws {
    let memory = makeMemory([131072], rules: .tpp2021)
    let page = try #require(memory.allocate(order: 0, node: 0, cpu: 0, policy: .user))
    #expect(memory.zones[0].free == 131072 - 31)
    #expect(memory.zones[0].perCPU[0].count == 30)
    memory.release(page, order: 0, cpu: 0)
    #expect(memory.zones[0].free == 131072 - 31)
    #expect(memory.zones[0].perCPU[0].count == 31)
    memory.drainAllPerCPULists()
    #expect(memory.zones[0].free == 131072)
    #expect(memory.findFaults() == [])
  }

  @Test func aFullOldListGivesABatchBack() throws {
    let memory = makeMemory([131072], rules: .tpp2021)
    let pages = try (0..<400).map { _ in try #require(memory.allocate(order: 0, node: 0, cpu: 0, policy: .user)) }
    memory.drainAllPerCPULists()
    var longest = 0
    for page in pages {
      memory.release(page, order: 0, cpu: 0)
      longest = max(longest, memory.zones[0].perCPU[0].count)
    }
    #expect(longest == 6 * 31 - 1)
  }

  @Test func refillsDoubleUnderTuning() throws {
    let memory = makeMemory([131072])
    var refills: [Int] = []
    for _ in 0..<1000 {
      let before = memory.zones[0].free
      _ = try #require(memory.allocate(order: 0, node: 0, cpu: 0, policy: .user))
      if memory.zones[0].free != before { refills.append(before - memory.zones[0].free) }
    }
    #expect(refills.first == 31)
    #expect(zip(refills, refills.dropFirst()).allSatisfy { $0 <= $1 })
    #expect(refills.max()! > 31)
  }

  @Test func listsBelongToOneCPU() throws {
    let memory = makeMemory([131072], cpus: 2, rules: .tpp2021)
    _ = try #require(memory.allocate(order: 0, node: 0, cpu: 1, policy: .user))
    #expect(memory.zones[0].perCPU[0].count == 0)
    #expect(memory.zones[0].perCPU[1].count == 30)
  }

  @Test func hugePagesBypassTheLists() throws {
    let memory = makeMemory([131072])
    let page = try #require(memory.allocate(order: 9, node: 0, cpu: 0, policy: .user))
    #expect(memory.zones[0].free == 131072 - 512)
    memory.release(page, order: 9, cpu: 0)
    #expect(memory.zones[0].free == 131072)
  }

  // MARK: Zonelists

  private func node(_ tier: Int, _ cpus: Range<Int>, _ zones: [ZoneKind] = [.normal]) -> NodeLayout {
    NodeLayout(tier: tier, cpus: cpus, zones: zones.map { ZoneLayout(kind: $0, pages: 4096) })
  }

  /// Nodes of a zonelist, in order.
  private func nodes(_ memory: Memory, from node: Int) -> [Int] { memory.zonelists[node].map { memory.zones[$0].node } }

  @Test func zonesOfANodeGoFromHighToLow() {
    let memory = makeMemory(layouts: [node(0, 0..<1, [.dma, .dma32, .normal]), node(1, 1..<1, [.normal, .movable])])
    #expect(memory.zonelists[0].map { memory.zones[$0].kind } == [.normal, .dma32, .dma, .movable, .normal])
    #expect(nodes(memory, from: 1) == [1, 1, 0, 0, 0])
  }

  @Test func nodesGoByDistanceAndOneWithoutCPUsFirst() {
    let memory = makeMemory(
      layouts: [node(0, 0..<1), node(0, 1..<2), node(1, 2..<2), node(2, 2..<2)], cpus: 2)
    #expect(memory.distances[0] == [10, 20, 20, 30])
    #expect(nodes(memory, from: 0) == [0, 2, 1, 3])
    #expect(nodes(memory, from: 1) == [1, 2, 0, 3])
    // Equal distance without CPUs: the higher number is preferred ("prefer the next node").
    #expect(nodes(memory, from: 2) == [2, 3, 0, 1])
  }

  @Test func allocationSpillsAtTheLowMark() throws {
    let memory = makeMemory([4096, 4096])
    while memory.node(of: try #require(memory.allocate(order: 0, node: 0, cpu: 0, policy: .user))) == 0 {}
    let zone = memory.zones[0]
    #expect(zone.free <= zone.low && zone.free > zone.low - 64)
    // Upstream leaves kswapd alone for that.
    #expect(!memory.anyWakePending)
    #expect(memory.vmstat[.numa_miss] == 1)
    #expect(memory.vmstat[.numa_hit] > 3000)
  }

  @Test func exhaustionWakesEveryKswapdAndGoesToTheMinMark() {
    let memory = makeMemory([4096, 4096])
    var count = 0
    while memory.allocate(order: 0, node: 0, cpu: 0, policy: .user) != nil { count += 1 }
    #expect(memory.nodes[0].kswapdWakePending && memory.nodes[1].kswapdWakePending)
    for zone in 0..<2 { #expect(memory.zones[zone].free <= memory.zones[zone].min) }
    #expect(count >= 8192 - memory.zones[0].min - memory.zones[1].min)
  }

  @Test func oneNodeOnlyStaysThere() {
    let memory = makeMemory([4096, 4096])
    var policy = AllocationPolicy.user
    policy.thisNodeOnly = true
    while let page = memory.allocate(order: 0, node: 0, cpu: 0, policy: policy) { #expect(memory.node(of: page) == 0) }
    #expect(memory.zones[1].free == 4096)
    #expect(!memory.nodes[1].kswapdWakePending)
  }

  @Test func newKernelsPassNodesWhoseKswapdRuns() throws {
    let memory = makeMemory([4096, 4096], rules: .v7_1)
    memory.nodes[0].kswapdWaiting = false
    #expect(memory.node(of: try #require(memory.allocate(order: 0, node: 0, cpu: 0, policy: .user))) == 1)
    // With both awake the second pass takes them anyway.
    memory.nodes[1].kswapdWaiting = false
    #expect(memory.node(of: try #require(memory.allocate(order: 0, node: 0, cpu: 0, policy: .user))) == 0)
    let old = makeMemory([4096, 4096])
    old.nodes[0].kswapdWaiting = false
    #expect(old.node(of: try #require(old.allocate(order: 0, node: 0, cpu: 0, policy: .user))) == 0)
  }
}
