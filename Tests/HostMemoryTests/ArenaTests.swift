// Arenas: where they lie, on what, and what is refused.

import Foundation
import Host
import Testing

@testable import HostMemory

extension RealMemory {
  struct ArenaTests {
    let memory = HostMemory()

    @Test func `a base arena is whole, aligned, writable and where it should be`() throws {
      let arena = try #require(try memory.take([.init(node: 0, bytes: 1_000_000, pages: .base)]).first)
      #expect(arena.count == 1_003_520)
      #expect(UInt(bitPattern: arena.base) % 4096 == 0)
      #expect(arena.backing == .basePages && arena.retreats.isEmpty && arena.hugeBytes == 0)
      #expect(arena.bytes.allSatisfy { $0 == 0 })
      arena.base.storeBytes(of: 7, toByteOffset: arena.count - 8, as: Int.self)
      #expect(arena.placement.asked == 245)
      if arena.placement.problem == nil, arena.bindingProblem == nil {
        #expect(arena.placement.isWhole(on: arena.hostNode))
        #expect(arena.placement(stride: 100).asked == 3)
      }
      #expect(!arena.standIn && arena.description.hasPrefix("node 0: 980KiB in 4 KiB pages, "))
    }

    @Test func `nodes that the machine lacks are stood in for, and said so`() throws {
      let nodes = memory.nodes.count
      let arenas = try memory.take([
        .init(node: nodes - 1, bytes: 4096, pages: .base), .init(node: nodes, bytes: 4096, pages: .base),
      ])
      #expect(arenas.map(\.standIn) == [false, true])
      #expect(arenas[1].hostNode == memory.nodes[0])
      #expect(arenas[1].remarks.contains { $0.contains("node \(nodes) is played by node") })
      #expect(arenas[0].base != arenas[1].base)
    }

    /// Whatever the machine gives: what an arena says of itself has to agree with what smaps counts.
    @Test func `a huge arena says what it lies on and why`() throws {
      let arena = try #require(try memory.take([.init(node: 0, bytes: 5 << 20, pages: .huge)]).first)
      #expect(arena.count == 6 << 20)
      #expect(UInt(bitPattern: arena.base) % UInt(HostPages.hugeSize) == 0)
      let found = try #require(MappedPages(base: arena.base, count: arena.count))
      switch arena.backing {
      case .hugetlbfs: #expect(found.pooled == arena.count && arena.retreats.isEmpty)
      case .transparentHuge: #expect(found.transparent == arena.count && arena.retreats.map(\.from) == [.hugetlbfs])
      case .basePages: #expect(found.transparent < arena.count && arena.retreats.last?.to == .basePages)
      }
      #expect(arena.remarks.count >= arena.retreats.count)
    }

    /// Another thread may map the place at once; not three times.
    @Test func `memory goes back with its arena`() throws {
      func isGone() throws -> Bool {
        let address: UnsafeMutableRawPointer
        do {
          let arena = try #require(try memory.take([.init(node: 0, bytes: 1 << 20, pages: .base)]).first)
          address = arena.base
          #expect(madvise(address, 4096, MADV_NORMAL) == 0)
          withExtendedLifetime(arena) {}
        }
        var isResident: UInt8 = 0
        return mincore(address, 4096, &isResident) != 0 && errno == ENOMEM
      }
      #expect(try (0..<3).contains { _ in try isGone() })
    }

    @Test func `requests without sense are refused`() {
      for request in [
        HostMemory.Request(node: -1, bytes: 1, pages: .base), .init(node: 1024, bytes: 1, pages: .base),
        .init(node: 0, bytes: 0, pages: .huge), .init(node: 0, bytes: .max, pages: .huge),
      ] {
        #expect { try memory.take([request]) } throws: { ($0 as? HostMemoryError)?.kind == .request }
      }
    }

    @Test func `more than there is is refused before anything is taken`() throws {
      let total = try #require(MemoryBudget(.machine).total)
      let error = #expect(throws: HostMemoryError.self) {
        try memory.take([
          .init(node: 0, bytes: 4096, pages: .base), .init(node: 0, bytes: total, pages: .base),
        ])
      }
      #expect(error?.kind == .shortage)
      #expect("\(try #require(error))".contains("of memory are needed and"))
    }

    @Test func `missing huge pages are counted by node of the machine`() throws {
      let pool = try HugePagePool(.machine, pageSize: HostPages.hugeSize, nodes: memory.nodes)
      let free = pool.available(on: memory.nodes[0])
      let wants = memory.missingHugePages(for: [
        .init(node: 0, bytes: (free + 2) << 21, pages: .huge), .init(node: 0, bytes: 1, pages: .huge),
        .init(node: 0, bytes: 1 << 30, pages: .base),
      ])
      #expect(wants == [.init(node: memory.nodes[0], pages: 3)])
      let after = memory.missingHugePages(forEach: [
        [.init(node: 0, bytes: (free + 1) << 21, pages: .huge)], [],
        [.init(node: 0, bytes: free << 21, pages: .huge), .init(node: 0, bytes: 7 << 21, pages: .huge)],
      ])
      #expect(after == [.init(node: memory.nodes[0], pages: 7)])
    }
  }
}
