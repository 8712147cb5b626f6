// Mapping, unmapping, splitting, moving, and the tags that prove that content moved with its page.
import Events
import Testing
import Units

@testable import MemoryModel

@Suite struct MappingTests {
  @Test func firstTouchMapsAPageAndUnmappingFreesAll() {
    let memory = makeMemory([8192])
    memory.mapPages(0..<10, isWrite: true)
    #expect(memory.entry(slot: 3) == PTE.present | PTE.accessed | PTE.dirty)
    #expect(memory.entry(slot: 10) == 0)
    // Ten pages and their page table.
    memory.drainAllPerCPULists()
    #expect(memory.zones[0].free == 8192 - 11)
    #expect(memory.unmap(slots: 0..<10, cpu: 0) == 10)
    memory.drainAllPerCPULists()
    #expect(memory.zones[0].free == 8192)
    #expect(memory.vmstat[.pgfree] == 11)
    #expect(memory.findFaults() == [])
  }

  @Test func aHugePageIsOneEntry() {
    let memory = makeMemory([8192])
    #expect(memory.mapHuge(slot: 700, isWrite: false, node: 0, cpu: 0))
    #expect(memory.isHuge(slot: 512) && memory.isHuge(slot: 1023) && !memory.isHuge(slot: 511))
    #expect(memory.folio(slot: 900) == memory.table.frame[512])
    #expect(memory.folio(slot: 900) % 512 == 0)
    #expect(memory.vmstat[.thp_fault_alloc] == 1)
    #expect(memory.residency(slots: 512..<1024) == [512])
    #expect(memory.unmap(slots: 512..<1024, cpu: 0) == 512)
    #expect(memory.findFaults() == [])
  }

  @Test func aHugePageComesFromItsNodeOrNotAtAll() {
    // 500 pages have no 2 MiB block; node 1 has, but is not asked.
    let memory = makeMemory([500, 8192])
    #expect(!memory.mapHuge(slot: 0, isWrite: false, node: 0, cpu: 0))
    #expect(memory.vmstat[.thp_fault_alloc] == 0)
    #expect(memory.zones[1].free == 8192)
    #expect(!memory.anyWakePending)
  }

  @Test func splittingKeepsEveryPageAndItsContent() {
    let memory = makeMemory([8192])
    #expect(memory.mapHuge(slot: 0, isWrite: true, node: 0, cpu: 0))
    let head = memory.folio(slot: 0)
    #expect(memory.isolate(head))
    memory.splitHuge(head)
    #expect(!memory.isHuge(slot: 0))
    for slot in 0..<512 {
      #expect(memory.folio(slot: slot) == head + PFN(slot))
      #expect(memory.entry(slot: slot) & PTE.dirty != 0)
      memory.putBack(memory.folio(slot: slot))
    }
    #expect(memory.lruPages(node: 0, .inactiveAnon) == 512)
    #expect(memory.nodes[0].isolated == 0)
    #expect(memory.vmstat[.thp_split_page] == 1)
    #expect(memory.findFaults() == [])
  }

  @Test func unmappedPagesAreNotPunched() {
    let memory = makeMemory([8192])
    #expect(!memory.unmapPage(slot: 600, cpu: 0))
    memory.mapPages(600..<601)
    #expect(memory.unmapPage(slot: 600, cpu: 0))
    #expect(memory.entry(slot: 600) == 0)
    #expect(memory.findFaults() == [])
  }

  // MARK: Moving

  /// A dirty page on node 0, isolated, and room for it on node 1.
  private func prepareMove(order: Int) -> (memory: Memory, old: PFN, new: PFN) {
    let memory = makeMemory([8192, 8192])
    if order > 0 {
      #expect(memory.mapHuge(slot: 0, isWrite: true, node: 0, cpu: 0))
    } else {
      memory.mapPages(0..<1, isWrite: true)
    }
    memory.drainAllLRUBatches()
    let old = memory.folio(slot: 0)
    #expect(memory.isolate(old))
    let new = memory.allocate(order: order, node: 1, cpu: 0, policy: .promotion)!
    return (memory, old, new)
  }

  @Test(arguments: [0, 9])
  func aDirtyPageTakesItsContentAlong(order: Int) {
    let (memory, old, new) = prepareMove(order: order)
    memory.unmapForMigration(old, to: new)
    #expect(memory.entry(slot: 0) & PTE.hint == PTE.special)
    #expect(memory.findFaults() == [])
    memory.copyContent(from: old, to: new)
    memory.finishMigration(from: old, to: new, inaccessible: false, setDemoted: false, cpu: 0)
    #expect(memory.folio(slot: 0) == new)
    #expect(memory.entry(slot: 0) & PTE.hint == PTE.present)
    #expect(memory.entry(slot: 0) & PTE.nodeMask == 1)
    // What the page table knew of the page's dirtiness is now the page's.
    #expect(memory.frames[Int(new)].flags & FrameFlags.dirty != 0)
    #expect(memory.nodes[0].isolated == 0)
    #expect(memory.findFaults() == [])
  }

  @Test(arguments: [0, 9])
  func contentThatWasNotCopiedIsFound(order: Int) {
    let (memory, old, new) = prepareMove(order: order)
    memory.unmapForMigration(old, to: new)
    memory.finishMigration(from: old, to: new, inaccessible: false, setDemoted: false, cpu: 0)
    #expect(memory.findFaults() == ["slot 0: its content was lost or torn"])
  }

  @Test func contentCopiedBeforeTheUnmapIsStale() {
    let (memory, old, new) = prepareMove(order: 0)
    memory.copyContent(from: old, to: new)
    memory.unmapForMigration(old, to: new)
    memory.finishMigration(from: old, to: new, inaccessible: false, setDemoted: false, cpu: 0)
    #expect(memory.findFaults() == ["slot 0: its content was lost or torn"])
  }

  @Test func aTornHugePageIsFound() {
    let (memory, old, new) = prepareMove(order: 9)
    memory.unmapForMigration(old, to: new)
    memory.copyContent(from: old, to: new)
    memory.cold[Int(new) + 300].tag = memory.cold[Int(new) + 299].tag
    memory.finishMigration(from: old, to: new, inaccessible: false, setDemoted: false, cpu: 0)
    #expect(memory.findFaults() == ["slot 300: its content was lost or torn"])
  }

  @Test func demotionUnderTPPLeavesThePageInaccessible() {
    let (memory, old, new) = prepareMove(order: 0)
    memory.unmapForMigration(old, to: new)
    memory.copyContent(from: old, to: new)
    memory.finishMigration(from: old, to: new, inaccessible: true, setDemoted: true, cpu: 0)
    #expect(memory.entry(slot: 0) & PTE.hint == PTE.hint)
    #expect(memory.wasDemoted(new))
  }

  @Test(arguments: [0, 9])
  func aPageUnmappedWhileItMovesIsFreedWithItsTarget(order: Int) {
    let (memory, old, new) = prepareMove(order: order)
    memory.unmapForMigration(old, to: new)
    #expect(memory.unmap(slots: 0..<512, cpu: 0) == 1 << order)
    #expect(memory.findFaults() == [])
    memory.copyContent(from: old, to: new)
    memory.finishMigration(from: old, to: new, inaccessible: false, setDemoted: false, cpu: 0)
    memory.drainAllPerCPULists()
    #expect(memory.zones[0].free == 8192 && memory.zones[1].free == 8192)
    #expect(memory.entry(slot: 0) == 0)
    #expect(memory.findFaults() == [])
  }

  @Test func aPageUnmappedWhileIsolatedIsFreedByItsHolder() {
    let (memory, old, new) = prepareMove(order: 0)
    memory.release(new, order: 0, cpu: 0)
    #expect(!memory.releaseOrphan(old, cpu: 0))
    #expect(memory.unmapPage(slot: 0, cpu: 0))
    // Its slot may be in use again meanwhile.
    memory.mapPages(0..<1)
    #expect(memory.folio(slot: 0) != old)
    #expect(memory.findFaults() == [])
    #expect(memory.releaseOrphan(old, cpu: 0))
    #expect(memory.nodes[0].isolated == 0)
    #expect(memory.findFaults() == [])
  }

  @Test func aDroppedFilePageSaysWhetherItWasDirty() {
    let memory = makeMemory([8192])
    var dropped: [Int] = []
    memory.onPageDropped = { dropped.append($0) }
    memory.mapPages(0..<1, isWrite: true, isFile: true)
    memory.mapPages(1..<2, isWrite: false, isFile: true)
    memory.drainAllLRUBatches()
    for slot in 0..<2 {
      let page = memory.folio(slot: slot)
      #expect(memory.isolate(page))
      #expect(memory.dropFilePage(page, cpu: 0) == (slot == 0))
    }
    #expect(dropped == [0, 1])
    #expect(memory.findFaults() == [])
    // Reading them back finds the content as it was written.
    memory.mapPages(0..<2, isFile: true)
    #expect(memory.findFaults() == [])
  }

  // MARK: Checks that find what is wrong

  @Test(arguments: ["free", "lru", "owner", "node", "isolated", "dangling"])
  func brokenBooksAreFound(what: String) {
    let memory = makeMemory([8192, 8192])
    memory.mapPages(0..<40)
    memory.drainAllLRUBatches()
    #expect(memory.findFaults() == [])
    switch what {
    case "free": memory.zones[0].free += 1
    case "lru": memory.nodes[0].lruPages[0] += 1
    case "owner": memory.frames[Int(memory.folio(slot: 4))].owner = 5
    case "node": memory.table.hot[4] |= 1
    case "isolated": memory.nodes[0].isolated = 3
    default: memory.table.hot[100] = PTE.present
    }
    #expect(memory.findFaults() != [])
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64], KernelRules.allCases)
  func booksAgreeThroughRandomUse(seed: UInt64, rules: KernelRules) {
    var random = SplitMix64(seed: seed)
    let zones: [[ZoneLayout]] = [
      [ZoneLayout(kind: .dma32, pages: 1500), ZoneLayout(kind: .normal, pages: 3000)],
      [ZoneLayout(kind: .normal, pages: 700), ZoneLayout(kind: .movable, pages: 3333)],
    ]
    let memory = makeMemory(
      layouts: zones.enumerated().map { id, zones in
        NodeLayout(
          tier: id, cpus: id == 0 ? 0..<2 : 2..<2, zones: zones, kernelPages: random.below(300),
          unmovableFree: random.below(300))
      }, cpus: 2, virtualPages: 8192, rules: rules)
    var mapped = 0
    var isolated: [PFN] = []
    for step in 0..<4000 {
      let slot = random.below(8192)
      let cpu = random.below(2)
      let block = slot & ~511
      switch random.below(106) {
      case 0..<70:
        if memory.entry(slot: slot) == 0 {
          let isFile = block % 1024 == 0
          if memory.mapBase(slot: slot, isWrite: slot % 3 == 0, isFile: isFile, node: slot & 1, cpu: cpu) {
            mapped += 1
          }
        }
      case 70..<74:
        if memory.table.tablePage[block >> 9] == 0, memory.mapHuge(slot: block, isWrite: true, node: 0, cpu: cpu) {
          mapped += 512
        }
      case 74..<84: if memory.unmapPage(slot: slot, cpu: cpu) { mapped -= 1 }
      case 84: mapped -= memory.unmap(slots: block..<(block + 512), cpu: cpu)
      case 85..<92:
        let page = memory.folio(slot: slot)
        if memory.entry(slot: slot) != 0, memory.isolate(page) { isolated.append(page) }
      case 92..<96:
        if !isolated.isEmpty {
          let page = isolated.remove(at: random.below(isolated.count))
          if !memory.releaseOrphan(page, cpu: cpu) { memory.putBack(page) }
        }
      case 96: memory.drainAllPerCPULists()
      case 100..<103:
        let limits = CollapseLimits(none: random.below(512), swapped: 64)
        let isFile = block % 1024 == 0
        if !isFile, let new = memory.allocate(order: 9, node: slot & 1, cpu: cpu, policy: .promotion) {
          memory.holdHugeBlock(new)
          guard let range = memory.beginCollapse(block: block >> 9, limits: limits).range else {
            memory.release(new, order: 9, cpu: cpu)
            break
          }
          // Now and then the range is unmapped, or given up, in between.
          if random.below(4) == 0, memory.unmapPage(slot: slot, cpu: cpu) { mapped -= 1 }
          memory.copyContent(of: range, to: new)
          if random.below(4) > 0, memory.isCollapsing(range) {
            memory.finishCollapse(range, to: new, cpu: cpu)
            mapped += range.holes
          } else {
            memory.abandonCollapse(range, cpu: cpu)
            memory.release(new, order: 9, cpu: cpu)
          }
        }
      case 103: _ = memory.shrinkDeferredSplits(node: 0, priority: random.below(3), cpu: cpu)
      case 104: mapped -= memory.unmapPart(slots: slot..<min(slot + random.below(600), 8192), cpu: cpu)
      case 105:
        // A folio that nobody maps any more is not split.
        if let i = isolated.firstIndex(where: {
          memory.order(of: $0) > 0 && memory.frames[Int($0)].flags & FrameFlags.orphaned == 0
        }) {
          let page = isolated.remove(at: i)
          memory.splitHuge(page)
          isolated += (0..<512).map { page + PFN($0) }
        }
      case 97: memory.drainLRUBatches(cpu: cpu)
      case 98:
        _ = memory.shrinkActiveList(node: 0, list: .inactiveAnon, wanted: 32, highest: .movable, cpu: cpu)
      default:
        _ = memory.protectForScan(slots: block..<(block + 512), skippedNodes: 1, tiering: true, stamp: 1)
      }
      if step % 400 == 0 { #expect(memory.findFaults() == [], "step \(step)") }
    }
    #expect(memory.findFaults() == [])
    #expect(memory.residency(slots: 0..<8192).reduce(0, +) == mapped)
    // Everything given back leaves both nodes as they were.
    memory.unmap(slots: 0..<8192, cpu: 0)
    for page in isolated { #expect(memory.releaseOrphan(page, cpu: 0)) }
    memory.drainAllPerCPULists()
    #expect(memory.findFaults() == [])
    let kernel = (0..<memory.frameEnd).count { memory.frames[$0].flags & FrameFlags.kindMask == FrameFlags.kindKernel }
    let free = (0..<4).reduce(0) { $0 + memory.zones[$1].free }
    #expect(free + kernel == 1500 + 3000 + 700 + 3333)
  }
}
