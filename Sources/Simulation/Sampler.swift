// Time series and reuse intervals, in bounded memory.

import MemoryModel
import Units

/// Takes lines of the time series; when there are too many, every second one goes and the interval doubles.
struct Sampler {
  static let limit = 4096
  private(set) var interval: Picoseconds
  private(set) var next: Picoseconds = 0
  private(set) var samples: [RunSample] = []
  var reuse = ReuseSampler()

  init(interval: Picoseconds) { self.interval = interval }

  mutating func take(now: Picoseconds, memory: Memory, fast: Int, slow: Int) {
    if let last = samples.last, last.time == now { samples.removeLast() }
    samples.append(
      RunSample(
        time: now, events: memory.vmstat.snapshot(),
        free: (0..<memory.nodeCount).map { node in
          memory.nodes[node].zones.reduce(0) { $0 + memory.zones[$1].free }
        },
        lru: (0..<memory.nodeCount).map { node in LRUList.allCases.map { memory.lruPages(node: node, $0) } },
        fastAccesses: fast, slowAccesses: slow))
    if samples.count > Sampler.limit {
      samples = samples.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
      interval *= 2
    }
    next = (now / interval + 1) * interval
  }
}

/// Reuse intervals of one page in 256, by modelled time.
struct ReuseSampler {
  private var last: [UInt32: Picoseconds] = [:]
  private(set) var bins = [Int](repeating: 0, count: 40)
  private(set) var sampled = 0

  func summary(thresholdMs: Int) -> ReuseSummary {
    ReuseSummary(bins: bins, sampledAccesses: sampled, belowThresholdPermille: 0)
  }
}
