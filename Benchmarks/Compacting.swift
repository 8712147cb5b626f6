// Compaction of a whole aged node: how often its scanners look at a page, and what a pass costs beside one over the frames' table.

import Compaction
import Machine
import MemoryModel
import Migration
import Units

enum Compacting {
  /// Compacts a node of `pages` base pages from end to end, twice: the second pass finds hardly anything to move.
  static func measure(pages: Int, rounds: Int) -> Benchmark.Outcome {
    var (bare, first, second) = (Rounds(), Rounds(), Rounds())
    var outcome = Benchmark.Outcome()
    var note = ""
    for round in 0..<rounds {
      let bench = AgedNode(pages: pages, seed: UInt64(round) + 1)
      bare.add(nanoseconds: bench.walk(), count: pages)
      for rest in [false, true] {
        let before = bench.moved
        let pass = bench.pass()
        if rest {
          second.add(nanoseconds: pass.time, count: pages)
        } else {
          first.add(nanoseconds: pass.time, count: pages)
          let looks = (Double(pass.looks) / Double(pages)).text(0)
          note =
            "\(looks) looks a page; \(bench.moved - before) pages moved; \(bench.blocks) blocks of 2 MiB free, none before"
        }
        if pass.looks > pages {
          outcome.faults.append("\(rest ? "second" : "first") pass: \(pass.looks) looks at \(pages) pages")
        }
        if !pass.isComplete { outcome.faults.append("the scanners did not meet") }
      }
      if bench.blocks == 0 { outcome.faults.append("no block became free") }
    }
    let size = pages >> 18 > 0 ? "\(pages >> 18)GiB" : "\(pages >> 8)MiB"
    outcome.lines = [
      Measurement("compaction/\(size)", unit: "ns/page", first, limit: "frames", bare, bar: 1000, note: note),
      Measurement("compaction-again/\(size)", unit: "ns/page", second, limit: "frames", bare, bar: 20),
    ]
    return outcome
  }
}

/// One aged node, and what compacts it.
private final class AgedNode {
  private let memory: Memory
  private let zones: ZoneCompactor
  private let pages: Int

  /// Half of the node is free, all of it in pieces; a tenth of its blocks have unmovable pages.
  init(pages: Int, seed: UInt64) {
    self.pages = pages
    let layout = NodeLayout(tier: 0, cpus: 0..<1, zones: [ZoneLayout(kind: .normal, pages: pages)])
    memory = Memory(
      nodes: [layout], cpuCount: 1, virtualPages: Memory.agedSlots(pages: pages), rules: .v6_12, knobs: MemoryKnobs())
    let age = NodeAge(free: 500_000, unmovable: 5000, unmovableIn: 100_000, pageCache: 200_000, seed: seed)
    let aged = memory.age(node: 0, age, firstSlot: 0)
    precondition(aged != nil, "the shares fit")
    let link = LinkProperties(
      readLatency: 100 * Picoseconds.nanosecond, writeLatency: 100 * Picoseconds.nanosecond,
      readBandwidth: 100_000_000_000, writeBandwidth: 100_000_000_000, threadReadBandwidth: 10_000_000_000,
      threadWriteBandwidth: 10_000_000_000)
    let links = Links(nodes: [link], epoch: 10 * Picoseconds.microsecond, queuePermille: 250)
    let job = MigrationJob(memory: memory, links: links, trace: MigrationTrace(limit: 0), costs: CostKnobs())
    zones = ZoneCompactor(job: job, memory: memory, costs: CostKnobs(), caller: .kcompactd(node: 0))
  }

  /// Base pages that compaction has moved.
  var moved: Int { memory.vmstat[.pgmigrate_success] }
  /// Free blocks of 2 MiB.
  var blocks: Int { memory.zones[0].freeInBlocks >> Page.hugeOrder }

  /// What vm.compact_memory does to a zone.
  func pass() -> (time: Int, looks: Int, isComplete: Bool) {
    let start = cpuNanoseconds()
    zones.start(.node(isProactive: false), zone: 0, mode: .sync)
    var now = 0
    while true {
      switch zones.step(now: now, cpu: 0) {
      case .useCPU(let span): now += span
      case .done:
        return (
          cpuNanoseconds() - start, zones.migrateScanned + zones.freeScanned, zones.result == .complete
        )
      case .spin, .sleep: preconditionFailure("a copy by the CPU does not wait")
      }
    }
  }

  /// The CPU time of one pass over the frames' table: the least that looking at each page takes.
  func walk() -> Int {
    // Constants of another module are calls; and no branch, as what is free is in random places.
    let (frames, zone, mask) = (memory.frames, memory.zones[0], FrameFlags.kindMask)
    let start = cpuNanoseconds()
    var kinds = 0
    for pfn in Int(zone.start)..<Int(zone.end) { kinds &+= Int(frames[pfn].flags & mask) }
    let time = cpuNanoseconds() - start
    precondition(kinds > 0, "each frame is something")
    return time
  }
}
