// The map of address against time: bounded, and true to the page table.

import MemoryModel
import Simulation
import Testing

@testable import PageCopy

struct HeatSamplerTests {
  @Test func `a map stays within 128 blocks and 256 columns, and no access is lost in merging`() throws {
    let result = try simulate(
      """
      name: long
      regions:
        A: {size: 48M}
      tasks:
        - name: main
          phases:
            - access: A
              write_every: 1
            - access: A
              rounds: 3
              think: 1us
      """, ["hw.node0.size=16M", "hw.node1.size=64M", "sim.sample_interval=40us"])
    let heat = result.heat
    #expect(heat.blocks <= 128 && heat.blocks > 64 && heat.pages >= 12_288)
    #expect(heat.columns.count <= 257 && heat.columns.count > 120)
    let times = heat.columns.map(\.time)
    #expect(times == times.sorted() && Set(times).count == times.count)
    #expect(times.first == 0 && times.last == result.elapsed)
    let counted = heat.columns.flatMap(\.accesses).reduce(0, +)
    #expect(abs(counted * heat.accessesPerSample - result.totals.accesses) < heat.accessesPerSample)

    // The last column against the page table, page by page.
    let last = try #require(heat.columns.last)
    for block in 0..<heat.blocks {
      var mapped = [Int](repeating: 0, count: heat.tiers)
      for page in 0..<heat.pages(block: block) {
        let entry = result.memory.entry(slot: block * heat.blockPages + page)
        if entry & PTE.present != 0 { mapped[result.memory.nodes[Int(entry & PTE.nodeMask)].tier] += 1 }
      }
      #expect(heat.lookedAt(block: block) == heat.pages(block: block))
      #expect(last.mapped[block * heat.tiers..<(block + 1) * heat.tiers].map(Int.init) == mapped, "block \(block)")
    }
  }

  @Test func `the samples' marks and copies end where the run ends`() throws {
    let result = try simulate(
      """
      name: small
      regions:
        A: {size: 8M}
      tasks:
        - name: main
          phases:
            - access: A
              write_every: 1
      """, ["hw.node0.size=16M", "hw.node1.size=64M"])
    let machine = try #require(result.samples.last?.machine)
    #expect(machine.marks.count == 2 && machine.devices.isEmpty)
    for (node, marks) in machine.marks.enumerated() {
      let zones = result.memory.nodes[node].zones.map { result.memory.zones[$0] }
      #expect(marks.low == zones.reduce(0) { $0 + $1.mark(.low) } && marks.min < marks.low && marks.low < marks.high)
    }
    #expect(machine.copied == result.copy.timer.engines.map(\.bytes))
  }

  @Test func `bins of copies cover all values without a gap, each at most a quarter of its edge wide`() {
    for value in Array(0...5000) + [1 << 20, (1 << 20) - 1, (1 << 40) + 7, Int.max / 2] {
      let bin = CopyHistogram.bin(of: value)
      #expect(CopyHistogram.edge(of: bin) <= value && value < CopyHistogram.edge(of: bin + 1))
    }
    for bin in 4..<200 {
      let (edge, next) = (CopyHistogram.edge(of: bin), CopyHistogram.edge(of: bin + 1))
      #expect(next > edge && (next - edge) * 4 <= edge)
    }
    var histogram = CopyHistogram()
    histogram.add(pages: 512, 21_000_000)
    #expect(
      histogram.pages[CopyHistogram.bin(of: 512)] == 1 && histogram.nanoseconds[CopyHistogram.bin(of: 21_000)] == 1)
  }
}
