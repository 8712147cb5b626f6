// The replay loop by itself: every page mapped, accesses already in batches, nothing stops it but the horizon.

import MemoryModel
import Units
import Workload

enum ReplayLoop {
  static func measure(pages: Int, accesses: Int, rounds: Int, horizon: Picoseconds) -> [Measurement] {
    let memory = Machines.memory(pages: [pages / 4 + 8192, pages + pages / 256 + 8192], virtualPages: pages)
    Machines.fill(memory, pages: pages)
    let spec = Scenario.zipfAccesses(pages: pages, accesses: accesses)
    let source = PatternSource(spec, baseSlot: 0, hashing: false)
    var batches: [AccessBatch] = []
    while source.remaining > 0 {
      let batch = AccessBatch(capacity: 4096)
      source.fill(batch, limit: 4096)
      for i in 0..<batch.count {
        batch.gaps[i] = 0
        batch.sizeClasses[i] = 0
      }
      batches.append(batch)
    }
    let limit = LimitLoop(spec)
    let costs = AccessCosts()
    defer { costs.deallocate() }
    for node in 0..<memory.nodeCount {
      for write in [false, true] {
        costs.set(sizeClass: 0, node: node, isWrite: write, to: node == 0 ? 27_500 : 62_500)
      }
    }
    var (bare, uniform, varied) = (Rounds(), Rounds(), Rounds())
    for _ in 0..<rounds {
      bare.add(nanoseconds: limit.run(batches), count: accesses)
      uniform.add(nanoseconds: replay(memory, batches, uniform: true, costs, horizon), count: accesses)
      varied.add(nanoseconds: replay(memory, batches, uniform: false, costs, horizon), count: accesses)
    }
    let size = "\(pages >> 20)Mi"
    return [
      Measurement("loop-uniform/\(size)", unit: "ns/access", uniform, limit: "counters", bare, bar: 6),
      Measurement("loop-varied/\(size)", unit: "ns/access", varied, limit: "counters", bare, bar: 8),
    ]
  }

  private static func replay(
    _ memory: Memory, _ batches: [AccessBatch], uniform: Bool, _ costs: AccessCosts, _ slice: Picoseconds
  ) -> Int {
    let start = cpuNanoseconds()
    var now = 0
    for batch in batches {
      batch.isUniform = uniform
      var at = 0
      while at < batch.count {
        // Slices as an epoch makes them, so that the cost of entering the loop is in the number.
        let (index, then, stop) = memory.replay(batch, from: at, now: now, horizon: now + slice, costs: costs)
        precondition(stop != .fault, "every page is mapped")
        (at, now) = (index, then)
      }
    }
    return cpuNanoseconds() - start
  }
}
