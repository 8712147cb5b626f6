// The parts that a run's time is made of, one number each.

import Machine
import MemoryModel
import Migration
import Simulation
import Tiering
import Units
import Workload

enum Components {
  static func measure(pages: Int, rounds: Int) throws -> [Measurement] {
    let spec = AccessSpec(region: 0, pattern: .uniform, pages: pages, accesses: 1 << 40)
    let limit = LimitLoop(spec)
    var bare = Rounds()
    func calibrate() { bare.add(nanoseconds: limit.run(1 << 20), count: 1 << 20) }
    var (touch, scan, fault, promotion, demotion) = (Rounds(), Rounds(), Rounds(), Rounds(), Rounds())
    for _ in 0..<rounds {
      calibrate()
      let bench = TieringBench(pages: pages)
      touch.add(nanoseconds: bench.fillTime, count: pages)
      bench.scan(into: &scan)
      bench.restoreFaults(into: &fault)
      bench.promote(into: &promotion)
      bench.demote(into: &demotion)
    }
    func line(_ name: String, _ unit: String, _ rounds: Rounds, bar: Double) -> Measurement {
      Measurement(name, unit: unit, rounds, limit: "uniform bare", bare, bar: bar)
    }
    return [
      line("first-touch", "ns/page", touch, bar: 200), line("numa-scan", "ns/PTE", scan, bar: 5),
      line("hint-fault", "ns/fault", fault, bar: 400), line("promotion", "ns/page", promotion, bar: 1500),
      line("demotion", "ns/page", demotion, bar: 1200),
    ]
  }

  /// Making accesses: Zipf ranks alone, then what a pattern adds to them.
  static func sources(pages: Int, rounds: Int) -> [Measurement] {
    var zipf = Scenario.zipfAccesses(pages: pages, accesses: 1 << 40)
    let bare = LimitLoop(zipf)
    let hashed = LimitLoop(zipf, isHashing: true)
    zipf.scatter = 0
    let ranks = LimitLoop(zipf)
    let uniform = LimitLoop(AccessSpec(region: 0, pattern: .uniform, pages: pages, accesses: 1 << 40))
    let count = 1 << 21
    var (a, b, c, d, limit) = (Rounds(), Rounds(), Rounds(), Rounds(), Rounds())
    for _ in 0..<rounds {
      limit.add(nanoseconds: bare.run(count), count: count)
      a.add(nanoseconds: ranks.runSource(count), count: count)
      b.add(nanoseconds: bare.runSource(count), count: count)
      c.add(nanoseconds: hashed.runSource(count), count: count)
      d.add(nanoseconds: uniform.runSource(count), count: count)
    }
    let size = "\(pages >> 20)Mi"
    return [
      Measurement("source-uniform/\(size)", unit: "ns/access", d, limit: "zipf bare", limit, bar: 3),
      Measurement("source-zipf-ranks/\(size)", unit: "ns/access", a, limit: "zipf bare", limit, bar: 3),
      Measurement("source-zipf-scattered/\(size)", unit: "ns/access", b, limit: "zipf bare", limit, bar: 3),
      Measurement("source-zipf-hashed/\(size)", unit: "ns/access", c, limit: "zipf bare", limit, bar: 4),
    ]
  }

  /// A run whose threads make two accesses an epoch: the epoch itself is what costs.
  static func epochs(threads: Int, epochs: Int, rounds: Int) throws -> Measurement {
    let spec = AccessSpec(region: 0, pattern: .uniform, pages: 1 << 20, accesses: 1 << 40)
    let limit = LimitLoop(spec)
    var (bare, run) = (Rounds(), Rounds())
    for _ in 0..<rounds {
      bare.add(nanoseconds: limit.run(1 << 20), count: 1 << 20)
      let workload = try Scenario.workload(
        """
        name: epochs
        regions:
          A: {size: 16M}
        tasks:
          - name: main
            threads: \(threads)
            phases:
              - access: A
              - access: A
                accesses: \(2 * threads * epochs)
                think: 5us
        """)
      let simulation = try Simulation(
        workload, tree: Scenario.tieredTree(["hw.cpus=4", "sim.epoch=10us", "sim.chunk=64"]))
      let start = cpuNanoseconds()
      let result = try simulation.run()
      run.add(nanoseconds: cpuNanoseconds() - start, count: result.elapsed / (10 * Picoseconds.microsecond))
    }
    return Measurement(
      "epoch/\(threads)threads", unit: "ns/epoch", run, limit: "uniform bare", bare, bar: Double(500 + 500 * threads))
  }
}

/// A two-tier memory with its policies, driven step by step as a run drives them.
private final class TieringBench {
  let memory: Memory
  let pages: Int
  let fillTime: Int
  private let links: Links
  private let trace = MigrationTrace(limit: 0)
  private let clock = KernelClock(scale: 1, jiffyMilliseconds: 4)
  private let costs = CostKnobs()

  init(pages: Int) {
    self.pages = pages
    // The fast node holds a quarter; the slow one all of it.
    memory = Machines.memory(pages: [pages / 4, pages + pages / 64], virtualPages: pages)
    fillTime = Machines.fill(memory, pages: pages)
    memory.anyWakePending = false
    let link = LinkProperties(
      readLatency: 100_000, writeLatency: 100_000, readBandwidth: 200_000_000_000, writeBandwidth: 200_000_000_000,
      threadReadBandwidth: 12_000_000_000, threadWriteBandwidth: 12_000_000_000)
    links = Links(nodes: [link, link], epoch: 10 * Picoseconds.microsecond, queuePermille: 250)
  }

  /// One pass of the scanner over everything: the slow node's entries change, the fast node's do not.
  func scan(into rounds: inout Rounds) {
    let start = cpuNanoseconds()
    _ = memory.protectForScan(slots: 0..<pages, skippedNodes: 1, tiering: true, stamp: 1000)
    rounds.add(nanoseconds: cpuNanoseconds() - start, count: pages)
  }

  /// Hint faults that come too late to count as hot: half of the slow pages, in random order.
  func restoreFaults(into rounds: inout Rounds) {
    var knobs = BalancingKnobs()
    knobs.mode = 2
    let policy = HintFaultPolicy(memory: memory, clock: clock, knobs: knobs)
    let slots = slowSlots(count: pages / 4)
    let now = 100_000 * Picoseconds.millisecond
    var faults = 0
    let start = cpuNanoseconds()
    for slot in slots {
      guard case .restored = policy.fault(slot: slot, cpu: 0, cpuNode: 0, now: now, faults: &faults) else {
        preconditionFailure("cold pages stay")
      }
    }
    rounds.add(nanoseconds: cpuNanoseconds() - start, count: slots.count)
  }

  /// Promotions from hint faults, into room that demotion by hand has made.
  func promote(into rounds: inout Rounds) {
    makeRoom(pages: pages / 8)
    let slots = slowSlots(count: pages / 16)
    let job = MigrationJob(memory: memory, links: links, trace: trace, costs: costs)
    var moved = 0
    let start = cpuNanoseconds()
    for slot in slots {
      let folio = memory.folio(slot: slot)
      guard memory.isolate(folio) else { continue }
      withUnsafePointer(to: folio) {
        job.start(
          UnsafeBufferPointer(start: $0, count: 1), to: MigrationTarget(node: 0, allowed: 1), reason: .numaMisplaced,
          mode: .async, runningCPUs: 1, caller: .task(0, thread: 0))
      }
      while job.step(now: 0, cpu: 0) != .done {}
      moved += job.nrSucceeded
      for folio in job.leftovers { memory.putBack(folio) }
    }
    rounds.add(nanoseconds: cpuNanoseconds() - start, count: max(moved, 1))
    precondition(moved * 2 > slots.count, "promotion had room")
  }

  /// kswapd of the fast node, from below its low mark to its high mark, again and again.
  func demote(into rounds: inout Rounds) {
    var reclaim = ReclaimKnobs()
    reclaim.demotionEnabled = true
    let kswapd = Kswapd(
      node: 0, memory: memory, targets: DemotionTargets(memory: memory), links: links, trace: trace, clock: clock,
      knobs: reclaim, costs: costs, seed: 1)
    kswapd.apply(knobs: reclaim, runningCPUs: 1)
    let before = memory.vmstat[.pgdemote_kswapd]
    var spent = 0
    for _ in 0..<16 {
      fillFastNode()
      memory.wakeKswapd(node: 0, order: 0)
      kswapd.wake()
      let start = cpuNanoseconds()
      var now = 0
      var steps = 0
      loop: while steps < 1 << 22 {
        steps += 1
        switch kswapd.step(now: now, cpu: 0) {
        case .useCPU(let span): now += span
        case .sleepUntil, .sleep, .spin, .sleepForCopy: break loop
        }
      }
      spent += cpuNanoseconds() - start
    }
    let moved = memory.vmstat[.pgdemote_kswapd] - before
    precondition(moved > 0, "kswapd had something to do")
    rounds.add(nanoseconds: spent, count: moved)
  }

  /// Different slots of slow pages, scattered.
  private func slowSlots(count: Int) -> [Int] {
    var slots: [Int] = []
    slots.reserveCapacity(count)
    var slot = 0
    for _ in 0..<(8 * pages) where slots.count < count {
      slot = (slot + 2_654_435_761) % pages
      if memory.entry(slot: slot) & PTE.nodeMask == 1 { slots.append(slot) }
    }
    return slots
  }

  private func makeRoom(pages count: Int) {
    memory.drainAllLRUBatches()
    var list: [PFN] = []
    for slot in 0..<pages where list.count < count {
      if memory.entry(slot: slot) & PTE.nodeMask == 0, memory.isolate(memory.folio(slot: slot)) {
        list.append(memory.folio(slot: slot))
      }
    }
    move(list, to: 1, reason: .demotion)
  }

  /// Promotes pages until the fast node is below its low mark.
  private func fillFastNode() {
    memory.drainAllLRUBatches()
    var list: [PFN] = []
    for slot in stride(from: pages - 1, through: 0, by: -1) where list.count < pages / 32 {
      if memory.entry(slot: slot) & PTE.nodeMask == 1, memory.isolate(memory.folio(slot: slot)) {
        list.append(memory.folio(slot: slot))
      }
    }
    move(list, to: 0, reason: .numaMisplaced)
  }

  private func move(_ list: [PFN], to node: Int, reason: MigrateReason) {
    guard !list.isEmpty else { return }
    let job = MigrationJob(memory: memory, links: links, trace: trace, costs: costs)
    list.withUnsafeBufferPointer {
      job.start(
        $0, to: MigrationTarget(node: node, allowed: 1 << UInt64(node)), reason: reason, mode: .async, runningCPUs: 1,
        caller: .task(0, thread: 0))
    }
    while job.step(now: 0, cpu: 0) != .done {}
    for folio in job.leftovers { memory.putBack(folio) }
    memory.drainAllLRUBatches()
  }
}
