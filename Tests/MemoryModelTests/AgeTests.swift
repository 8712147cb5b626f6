// Aged nodes: shares are met, the same seed gives the same machine, the books agree.
import Events
import Testing
import Units

@testable import MemoryModel

@Suite struct AgeTests {
  private static func aged(_ age: NodeAge, pages: Int = 20_480) -> (memory: Memory, before: Int, aged: AgedNode?) {
    let memory = makeMemory([pages, 2048], virtualPages: 512 + Memory.agedSlots(pages: pages))
    let before = memory.zones[0].free
    return (memory, before, memory.age(node: 0, age, firstSlot: 512))
  }

  private static func held(_ memory: Memory, _ block: Int) -> Int {
    (block..<min(block + Page.perHuge, Int(memory.zones[0].end))).count {
      memory.frames[$0].flags & FrameFlags.kindMask == FrameFlags.kindKernel
    }
  }

  private static func blocks(_ memory: Memory) -> StrideTo<Int> {
    stride(from: Int(memory.zones[0].start), to: Int(memory.zones[0].end), by: Page.perHuge)
  }

  @Test(
    arguments: [
      (400_000, 100_000, 20_000, 250_000, 300_000), (100_000, 0, 0, 0, 0),
      (600_000, 900_000, 50_000, 1_000_000, 350_000), (300_000, 500_000, 0, 250_000, 700_000),
      (1_000_000, 1_000_000, 0, 0, 0), (0, 0, 900_000, 1_000_000, 0),
    ])
  func `shares are met within a pageblock or two`(
    free: Int, inBlocks: Int, unmovable: Int, unmovableIn: Int, pageCache: Int
  ) throws {
    let age = NodeAge(
      free: free, inBlocks: inBlocks, unmovable: unmovable, unmovableIn: unmovableIn, pageCache: pageCache, seed: 7)
    let (memory, before, found) = Self.aged(age)
    let result = try #require(found)
    func share(_ pages: Int, _ millionths: Int) -> Int { pages * millionths / 1_000_000 }
    func isNear(_ a: Int, _ b: Int) -> Bool { abs(a - b) <= 2 * Page.perHuge }
    #expect(isNear(memory.zones[0].free, share(before, free)))
    let whole = (memory.zones[0].freeBlocks(order: 9) + 2 * memory.zones[0].freeBlocks(order: 10)) * Page.perHuge
    #expect(isNear(whole, share(share(before, free), inBlocks)))
    #expect(isNear(memory.lruPages(node: 0, .inactiveFile), share(before, pageCache)))
    #expect(isNear(memory.lruPages(node: 0, .inactiveAnon), share(before, 1_000_000 - free - unmovable - pageCache)))
    let kernel = Self.blocks(memory).reduce(0) { $0 + Self.held(memory, $1) }
    #expect(kernel == share(before, unmovable) + result.tablePages)
    #expect(result.slots <= Memory.agedSlots(pages: 20_480))
    #expect(memory.findFaults().isEmpty)
  }

  @Test func `the same seed gives the same machine, another one another`() {
    let frames = [7, 7, 8].map { (seed: UInt64) -> [UInt32] in
      let age = NodeAge(free: 400_000, inBlocks: 100_000, unmovable: 20_000, pageCache: 300_000, seed: seed)
      let memory = Self.aged(age, pages: 4096).memory
      return (0..<memory.frameEnd).flatMap {
        [memory.frames[$0].flags, memory.frames[$0].next, memory.frames[$0].owner]
      }
    }
    #expect(frames[0] == frames[1])
    #expect(frames[0] != frames[2])
  }

  @Test func `unmovable pages are in so many blocks as is said, and no block is whole`() throws {
    let age = NodeAge(free: 500_000, inBlocks: 0, unmovable: 20_000, unmovableIn: 250_000, pageCache: 0, seed: 3)
    let (memory, _, _) = Self.aged(age)
    let mixed = Self.blocks(memory).count { Self.held(memory, $0) > 0 && memory.blockType(PFN($0)) == .movable }
    // 40 blocks, one of them with page tables.
    #expect(mixed == 39 * 250_000 / 1_000_000)
    #expect(memory.zones[0].freeBlocks(order: 9) + memory.zones[0].freeBlocks(order: 10) == 0)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `any shares that add up give sound books, or are refused`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let free = random.below(1_000_001)
    let unmovable = random.below(1_000_001 - free)
    let age = NodeAge(
      free: free, inBlocks: random.below(1_000_001), unmovable: unmovable, unmovableIn: random.below(1_000_001),
      pageCache: random.below(1_000_001 - free - unmovable), seed: seed)
    let (memory, _, result) = Self.aged(age, pages: 512 + random.below(4096))
    #expect(result == nil || memory.findFaults().isEmpty)
  }
}
