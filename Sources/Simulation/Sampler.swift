// Time series and reuse intervals, in bounded memory.

import MemoryModel
import Migration
import Units

/// Takes lines of the time series; when there are too many, every second one goes and the interval doubles.
struct Sampler {
  static let limit = 4096
  private(set) var interval: Picoseconds
  private(set) var next: Picoseconds = 0
  private(set) var samples: [RunSample] = []
  var reuse = ReuseSampler()
  var heat: HeatSampler

  init(interval: Picoseconds, pages: Int, regions: [HeatMap.Region], memory: Memory) {
    self.interval = interval
    heat = HeatSampler(interval: interval, pages: pages, regions: regions, memory: memory)
  }

  mutating func take(now: Picoseconds, memory: Memory, copies: CopyMachine, fast: Int, slow: Int, isLast: Bool) {
    if now >= heat.next || isLast { heat.take(now: now, memory: memory) }
    if let last = samples.last, last.time == now { samples.removeLast() }
    samples.append(
      RunSample(
        time: now, events: memory.vmstat.snapshot(),
        free: (0..<memory.nodeCount).map { node in
          memory.nodes[node].zones.reduce(0) { $0 + memory.zones[$1].free }
        },
        lru: (0..<memory.nodeCount).map { node in LRUList.allCases.map { memory.lruPages(node: node, $0) } },
        fastAccesses: fast, slowAccesses: slow, machine: MachineSample(memory: memory, copies: copies)))
    if samples.count > Sampler.limit {
      samples = samples.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
      interval *= 2
    }
    next = (now / interval + 1) * interval
  }
}

/// Reuse intervals of one page in 256, taken batch by batch: an interval is known to the length of a batch (at most 4096
/// accesses of one thread), and reuse within a batch counts as below 1/16 ms.
struct ReuseSampler {
  private var last: [UInt32: Picoseconds] = [:]
  private var bins = [Int](repeating: 0, count: 40)
  private var sampled = 0
  private var reused = 0
  private var below = 0

  /// Looks at a batch that begins at `now`. `scale` is sim.time_scale, `threshold` the hot threshold in modelled time.
  mutating func observe(_ batch: AccessBatch, now: Picoseconds, scale: Int, threshold: Picoseconds) {
    // Most pages are not looked at: which are is found first, without a branch on each.
    let slots = batch.slots
    let length = batch.count
    let unit = Picoseconds.millisecond / 16 / scale
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: length + 1) { chosen in
      let found = chosen.baseAddress!
      var count = 0
      for i in 0..<length {
        let slot = slots[i] >> 1
        found[count] = slot
        count &+= (slot &* 0x9E37_79B1) < 1 << 24 ? 1 : 0
      }
      for i in 0..<count { take(found[i], now: now, unit: unit, threshold: threshold) }
    }
  }

  private mutating func take(_ slot: UInt32, now: Picoseconds, unit: Picoseconds, threshold: Picoseconds) {
    sampled += 1
    guard let before = last.updateValue(now, forKey: slot) else { return }
    let units = (now - before) / unit
    bins[min(Int.bitWidth - units.leadingZeroBitCount, bins.count - 1)] += 1
    reused += 1
    if now - before < threshold { below += 1 }
  }

  func summary() -> ReuseSummary {
    ReuseSummary(
      bins: bins, sampledAccesses: sampled, belowThresholdPermille: reused == 0 ? 0 : below * 1000 / reused)
  }
}
