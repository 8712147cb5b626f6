// Where pages are and where accesses go, as a map of address against time, in bounded memory.

import MemoryModel
import Units

/// A map of address against time.
public struct HeatMap: Sendable {
  /// The pages that a column looked at and the accesses since the column before it.
  public struct Column: Sendable {
    /// The moment at which pages were looked at, and the end of the accesses' interval.
    public var time: Picoseconds
    /// Mapped pages of those looked at, `[block * tiers + tier]`.
    public var mapped: [UInt16]
    /// Accesses among the sampled ones, by block.
    public var accesses: [Int]
  }

  /// Pages of one block; a power of two, 64 or more. The last block may have fewer.
  public var blockPages: Int
  /// Virtual pages in all: the dense slots of the page table, regions one behind another.
  public var pages: Int
  public var tiers: Int
  /// What the addresses are, ascending; they do not overlap, and there may be pages between them that are nobody's.
  public var regions: [Region] = []
  /// One access in so many is counted.
  public var accessesPerSample: Int
  public var columns: [Column] = []

  /// Addresses that belong together.
  public struct Region: Equatable, Sendable {
    /// The region's name in the workload file; of a trace its file and the first address. With its process where there are several.
    public var name: String
    public var firstPage: Int
    public var pages: Int
    /// The first address that was recorded; nil for what is no trace.
    public var address: UInt64?
  }

  public var blocks: Int { (pages + blockPages - 1) / blockPages }
  /// Pages of a block.
  public func pages(block: Int) -> Int { min(blockPages, pages - block * blockPages) }
  /// Pages of a block that a column looks at.
  public func lookedAt(block: Int) -> Int { min(pages(block: block), HeatSampler.probes) }
}

/// Fills a `HeatMap`: at most 128 blocks and 256 columns. When there are more columns, every two become one and the interval doubles.
///
/// A column costs at most 512 cache lines of the page table, an access one in 61 of an increment.
struct HeatSampler {
  static let maxBlocks = 128
  static let maxColumns = 256
  /// Pages of a block that are looked at: in runs of 64, the cache lines of the table, which move on from column to column.
  static let probes = 256
  static let run = 64
  /// A prime: patterns that repeat in powers of two are not met at the same place each time.
  static let stride = 61

  private(set) var map: HeatMap
  private(set) var next: Picoseconds = 0
  private var interval: Picoseconds
  private let shift: Int
  private let tierOfNode: [Int]
  /// Accesses since the last column, by block.
  private var accesses: [Int]
  /// Accesses still to pass over before the next one that counts.
  private var toPass = 0
  private var taken = 0

  init(interval: Picoseconds, pages: Int, regions: [HeatMap.Region], memory: Memory) {
    var shift = 6
    while (pages - 1) >> shift >= HeatSampler.maxBlocks { shift += 1 }
    self.shift = shift
    self.interval = interval
    tierOfNode = (0..<memory.nodeCount).map { memory.nodes[$0].tier }
    map = HeatMap(
      blockPages: 1 << shift, pages: pages, tiers: (tierOfNode.max() ?? 0) + 1, accessesPerSample: HeatSampler.stride)
    map.regions = regions
    accesses = [Int](repeating: 0, count: map.blocks)
  }

  /// Counts one access in 61 of a batch.
  mutating func observe(_ batch: AccessBatch) {
    let slots = batch.slots
    let count = batch.count
    var i = toPass
    let shift = shift + 1
    accesses.withUnsafeMutableBufferPointer { accesses in
      while i < count {
        let block = Int(slots[i]) >> shift
        if block < accesses.count { accesses[block] += 1 }
        i += HeatSampler.stride
      }
    }
    toPass = i - count
  }

  /// Adds a column.
  mutating func take(now: Picoseconds, memory: Memory) {
    if let last = map.columns.last, last.time == now {
      // The end of the run falls on a column: what was accessed since belongs to it.
      for block in accesses.indices { accesses[block] += last.accesses[block] }
      map.columns.removeLast()
    }
    var mapped = [UInt16](repeating: 0, count: map.blocks * map.tiers)
    for block in 0..<map.blocks { look(at: block, memory, &mapped) }
    map.columns.append(HeatMap.Column(time: now, mapped: mapped, accesses: accesses))
    taken += 1
    for block in accesses.indices { accesses[block] = 0 }
    if map.columns.count > HeatSampler.maxColumns { halve() }
    next = (now / interval + 1) * interval
  }

  /// Makes one column of two: the later one's pages, the accesses of both. The first column, of the moment 0, stays.
  private mutating func halve() {
    var kept = [map.columns[0]]
    var i = 1
    while i < map.columns.count {
      var column = map.columns[min(i + 1, map.columns.count - 1)]
      if i + 1 < map.columns.count {
        column.accesses = zip(map.columns[i].accesses, column.accesses).map { $0 + $1 }
      }
      kept.append(column)
      i += 2
    }
    map.columns = kept
    interval *= 2
  }

  /// Counts a block's mapped pages by tier. A page under migration is on no tier.
  private func look(at block: Int, _ memory: Memory, _ mapped: inout [UInt16]) {
    let first = block << shift
    let pages = map.pages(block: block)
    let runs = (min(pages, HeatSampler.probes) + HeatSampler.run - 1) / HeatSampler.run
    let part = pages / runs
    // Where in its part a run begins: at multiples of 64, another one each time.
    let places = max(part / HeatSampler.run, 1)
    let place = pages > HeatSampler.probes ? taken * 7 % places : 0
    let table = memory.table
    // By node: entries have four bits for it.
    withUnsafeTemporaryAllocation(of: Int.self, capacity: 16) { counts in
      counts.initialize(repeating: 0)
      for run in 0..<runs {
        let from =
          first + (pages > HeatSampler.probes ? run * part / HeatSampler.run * HeatSampler.run : run * HeatSampler.run)
          + place * HeatSampler.run
        let to = min(from + HeatSampler.run, first + pages)
        let huge = table.pmd[from >> Page.hugeOrder]
        if huge != 0 {
          counts[Int(huge & PTE.nodeMask)] += huge & PTE.present != 0 ? to - from : 0
          continue
        }
        for slot in from..<to {
          let entry = table.hot[slot]
          counts[Int(entry & PTE.nodeMask)] += Int(entry >> 7)
        }
      }
      for (node, tier) in tierOfNode.enumerated() { mapped[block * map.tiers + tier] += UInt16(counts[node]) }
    }
  }
}
