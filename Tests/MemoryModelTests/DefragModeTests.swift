// vm.defrag_mode, and how Linux since 6.15 falls back to other migratetypes. Source: mm/page_alloc.c (__rmqueue_claim,
// __rmqueue_steal, get_page_from_freelist, wake_all_kswapds), mm/vmscan.c pgdat_balanced, mm/compaction.c __compact_finished.
import Sysctl
import Testing
import Units

@testable import MemoryModel

@Suite struct DefragModeTests {
  private func machine(_ pages: [Int] = [8192], on: Bool = true, rules: KernelRules = .v7_1) -> Memory {
    makeMemory(pages, rules: rules) { $0.isDefragMode = on }
  }

  /// Takes all of a zone's free memory and gives back `free` pages at the start of each pageblock.
  private func fragment(_ memory: Memory, zone: Int = 0, free: Int, type: MigrateType = .movable) {
    while memory.takeBlock(zone: zone, order: 0, type: .movable, noFragment: false, mayWake: false) != nil {}
    var block = memory.zones[zone].start
    while block < memory.zones[zone].end {
      memory.setBlockType(block, type)
      for i in 0..<free { memory.freeBlock(block + PFN(i), order: 0) }
      block += PFN(Page.perHuge)
    }
  }

  @Test(arguments: [false, true])
  func `an allocation of another mobility breaks no pageblock unless reclaim was in vain`(isOn: Bool) {
    let memory = machine(on: isOn)
    fragment(memory, free: 100)
    let types = { memory.freeAreas()[0].pageblocks }
    let before = types()
    #expect((memory.allocateKernelPage(node: 0, cpu: 0) == nil) == isOn)
    if isOn {
      #expect(types() == before && memory.zones[0].free == 1600)
      #expect(memory.allocateKernelPage(node: 0, cpu: 0, mayFragment: true) != nil)
    }
    #expect(memory.zones[0].free < 1600)
    #expect(memory.findFaults().allSatisfy { $0.contains("in no place") })
  }

  @Test func `whole pageblocks are claimed all the same, and pages of the own mobility taken`() throws {
    let memory = machine()
    let page = try #require(memory.allocateKernelPage(node: 0, cpu: 0))
    #expect(memory.blockType(page) == .unmovable)
    #expect(memory.mapBase(slot: 0, isWrite: true, isFile: false, node: 0, cpu: 0))
    #expect(memory.findFaults() == [])
  }

  @Test func `another node's own pages come before a broken pageblock of the own node`() throws {
    let memory = machine([8192, 8192])
    fragment(memory, free: 100)
    let page = try #require(memory.allocateKernelPage(node: 0, cpu: 0))
    #expect(memory.node(of: page) == 1)
  }

  @Test(arguments: [(false, 0), (true, 9)])
  func `kswapd is asked for a pageblock whatever is missing`(isOn: Bool, order: Int) {
    let memory = machine(on: isOn)
    fragment(memory, free: 0)
    #expect(memory.allocate(order: 0, node: 0, cpu: 0, policy: .user) == nil)
    #expect(memory.nodes[0].kswapdOrder == order && memory.nodes[0].kswapdWakePending)
  }

  @Test(arguments: [(false, true), (true, false)])
  func `a node is balanced for an order once whole pageblocks meet the high mark`(isOn: Bool, isBalanced: Bool) {
    let memory = machine(on: isOn)
    // One whole block, and pages enough in pieces.
    fragment(memory, free: 200)
    let block = memory.zones[0].start + PFN(4 * Page.perHuge)
    for i in 200..<Page.perHuge { memory.freeBlock(block + PFN(i), order: 0) }
    let high = memory.zones[0].high
    #expect(memory.zones[0].free > high + Page.perHuge)
    #expect(memory.zones[0].freeInBlocks == Page.perHuge)
    memory.zones[0].high = Page.perHuge
    #expect(memory.isBalanced(node: 0, order: 9, highest: .normal) == isBalanced)
    // kswapd has given the order up: kcompactd is to see to it.
    #expect(memory.isBalanced(node: 0, order: 0, highest: .normal))
  }

  @Test func `kcompactd compacts up to the high mark where others have what they need`() {
    let memory = machine()
    fragment(memory, free: 300)
    let block = memory.zones[0].start + PFN(4 * Page.perHuge)
    for i in 300..<Page.perHuge { memory.freeBlock(block + PFN(i), order: 0) }
    func state(isKcompactd: Bool) -> CompactionSuitability {
      memory.compactionSuitability(zone: 0, order: 9, highest: .normal, isKcompactd: isKcompactd, threshold: 500)
    }
    #expect(state(isKcompactd: false) == .notNeeded)
    #expect(state(isKcompactd: true) == .suitable)
    memory.knobs.isDefragMode = false
    #expect(state(isKcompactd: true) == .notNeeded)
  }

  // Claims and thefts.

  /// Puts a free block of `order` into a pageblock of `type` of its own.
  private func put(_ memory: Memory, order: Int, type: MigrateType, block number: Int) -> PFN {
    let block = memory.zones[0].start + PFN(number * Page.perHuge)
    memory.setBlockType(block, type)
    memory.insertFree(zone: 0, pfn: block, order: order, type: type)
    return block
  }

  private func take(_ memory: Memory, _ type: MigrateType, order: Int = 0) -> PFN? {
    memory.takeBlock(zone: 0, order: order, type: type, noFragment: false, mayWake: true)
  }

  @Test func `a movable page is stolen from the smallest block, without a boost`() {
    let memory = machine(on: false)
    fragment(memory, free: 0)
    _ = put(memory, order: 3, type: .unmovable, block: 1)
    let small = put(memory, order: 1, type: .unmovable, block: 2)
    #expect(take(memory, .movable) == small)
    #expect(memory.zones[0].boost == 0)
    #expect(memory.blockType(small) == .unmovable)
  }

  @Test func `a claim that fails goes on to the next smaller order`() {
    let memory = machine(on: false)
    fragment(memory, free: 0)
    // The largest free block's pageblock is not half free, nor is what is in it known to be alike.
    let large = put(memory, order: 7, type: .reclaimable, block: 1)
    let half = put(memory, order: 6, type: .reclaimable, block: 3)
    for i in 1..<8 { memory.insertFree(zone: 0, pfn: half + PFN(i << 6), order: 6, type: .reclaimable) }
    #expect(take(memory, .unmovable).map(Memory.blockStart) == half)
    #expect(memory.blockType(half) == .unmovable && memory.blockType(large) == .reclaimable)
    #expect(memory.zones[0].boost > 0)
  }

  @Test(arguments: [(KernelRules.v6_12, false), (.tpp2021, false), (.v7_1, true)])
  func `only a kernel that has it takes the knob`(rules: KernelRules, isTaken: Bool) throws {
    var tree = KnobTree([KernelKnobs.self, MemoryKnobs.self])
    try tree.writeAssignment("kernel.rules=\(rules.rawValue)")
    if isTaken {
      try tree.writeAssignment("vm.defrag_mode=1")
      #expect(tree[MemoryKnobs.self].isDefragMode)
    } else {
      #expect(throws: KnobError.self) { try tree.writeAssignment("vm.defrag_mode=1") }
    }
  }
}
