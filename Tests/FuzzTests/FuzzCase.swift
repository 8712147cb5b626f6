// A random machine, random knobs and a random workload from one seed.
import Events
import Machine
import MemoryModel
import Sysctl
import Workload

/// One case of the whole-run fuzz: everything a run needs, as text, so that a failure can be repeated by hand.
struct FuzzCase: CustomStringConvertible {
  let seed: UInt64
  /// Knob assignments before the run, in order.
  var writes: [String] = []
  /// The workload file.
  var workload = ""
  /// Whether node 1 of the default machine is left out.
  var hasOneNode = false

  var description: String {
    "seed \(seed)\n\(hasOneNode ? "# one node\n" : "")\(writes.joined(separator: "\n"))\n---\n\(workload)"
  }

  /// The knobs of the case.
  func tree() throws(KnobError) -> KnobTree {
    var tree = KnobTree.product
    if hasOneNode { tree[HardwareKnobs.self].nodes.removeLast() }
    for write in writes { try tree.writeAssignment(write) }
    return tree
  }

  init(seed: UInt64) {
    self.seed = seed
    // Copies, compaction, huge pages and ageing draw from generators of their own, so that a seed's machine and workload stay what they were.
    var maker = FuzzMaker(
      random: SplitMix64(seed: seed), copies: FuzzCopies(seed: seed), compaction: FuzzCompaction(seed: seed),
      huge: FuzzHugePages(seed: seed), age: FuzzAge(seed: seed))
    maker.makeMachine()
    maker.makeKnobs()
    maker.writes += maker.copies.writes + maker.compaction.writes + maker.huge.writes
    workload = maker.makeWorkload()
    writes = maker.writes
    hasOneNode = maker.nodes == 1
  }
}

/// Draws the parts of a case.
private struct FuzzMaker {
  var random: SplitMix64
  var copies: FuzzCopies
  var compaction: FuzzCompaction
  var huge: FuzzHugePages
  var age: FuzzAge
  var writes: [String] = []
  var nodes = 2
  var cpus = 1
  /// Pages that the nodes have beyond what their kernels hold.
  var roomPages = 0

  struct Region {
    var name: String
    var pages: Int
    var process: Int
    /// Whether the first task of its process maps and unmaps it.
    var isRemapped: Bool
    var isFile: Bool
  }
  var regions: [Region] = []

  mutating func chance(_ percent: Int) -> Bool { random.below(100) < percent }
  mutating func one<T>(of values: [T]) -> T { values[random.below(values.count)] }
  mutating func number(_ range: ClosedRange<Int>) -> Int { range.lowerBound + random.below(range.count) }

  // MARK: The machine

  mutating func makeMachine() {
    let rules = one(of: KernelRules.allCases)
    writes.append("kernel.rules=\(rules.rawValue)")
    if rules == .tpp2021 { writes.append("vm.use_concur_to_demote=\(number(0...1))") }
    if rules == .tpp2021 { compaction.makeConcurrent() }
    if rules.hasDefragMode { compaction.makeDefragMode() }
    cpus = one(of: [1, 1, 2, 2, 3, 4, 8])
    writes.append("hw.cpus=\(cpus)")
    nodes = one(of: [1, 2, 2, 2, 2, 3, 3, 4])
    let fastNodes = nodes > 2 && cpus > 1 && chance(30) ? 2 : 1
    for node in 0..<nodes {
      let pages = one(of: [1024, 1500, 2048, 2048, 2560, 3000, 4096, 6144])
      let kernel = chance(50) ? number(0...200) : 0
      writes.append("hw.node\(node).size=\(pages)p")
      if let zones = makeZones(pages: pages, node: node) { writes.append("hw.node\(node).zones=\(zones)") }
      if kernel > 0 { writes.append("hw.node\(node).kernel_pages=\(kernel)") }
      let idle = (chance(20) ? number(1...100) : 0, chance(20) ? number(1...100) : 0)
      if idle.0 > 0 { writes.append("hw.node\(node).idle_pages=\(idle.0)") }
      if idle.1 > 0 { writes.append("hw.node\(node).idle_active_pages=\(idle.1)") }
      if chance(30) { writes.append("hw.node\(node).unmovable_free=\(number(0...300))") }
      if node >= fastNodes && chance(40) { writes.append("hw.node\(node).tier=\(number(1...3))") }
      if node == 1 && fastNodes == 2 { writes.append("hw.node1.cpus=\(cpus / 2)") }
      roomPages += age.age(node: node, pages: pages, room: pages - kernel - idle.0 - idle.1)
    }
    if chance(30) { writes.append("hw.stats_flush_phase=\(number(0...3000))us") }
    if chance(30) { writes.append("hw.timer_hz=\(one(of: [100, 250, 1000]))") }
    if chance(20) { writes.append("hw.numa_stamp_bits=\(number(12...32))") }
    if chance(20) { writes.append("hw.loaded_latency_queue=\(one(of: [0, 1000, 10_000]))") }
    if chance(20) { writes.append("hw.node0.read_bandwidth=\(number(1...50))GB/s") }
  }

  private mutating func makeZones(pages: Int, node: Int) -> String? {
    switch random.below(6) {
    case 0: "DMA=\(number(100...900))p Normal"
    case 1: "DMA32=\(number(500...1000))p Normal"
    case 2: "Normal=\(pages / 2)p Movable"
    case 3: node == 0 ? nil : "Movable"
    case 4: node == 0 ? "DMA=300p DMA32=600p Normal" : "DMA32"
    default: nil
    }
  }

  // MARK: Knobs

  mutating func makeKnobs() {
    writes.append("vm.min_free_kbytes=\(one(of: [128, 200, 256, 512, 1024]))")
    if chance(40) { writes.append("vm.watermark_scale_factor=\(one(of: [1, 10, 50, 150, 300]))") }
    if chance(30) { writes.append("vm.watermark_boost_factor=\(one(of: [0, 15000, 1_000_000]))") }
    if chance(30) { writes.append("vm.lowmem_reserve_ratio=\(one(of: ["0 0 0 0", "8 8 32 0", "256 256 1 0"]))") }
    if chance(20) { writes.append("vm.percpu_pagelist_high_fraction=\(one(of: [8, 64, 1000]))") }
    // khugepaged's minimum is more than such small nodes have, unless it is the 5 % cap that binds.
    writes.append("mm.transparent_hugepage.enabled=\(one(of: ["never", "madvise", "always"]))")
    if chance(85) { writes.append("kernel.numa_balancing=\(one(of: [0, 1, 2, 2, 2, 2, 3]))") }
    if chance(85) { writes.append("mm.numa.demotion_enabled=\(one(of: ["true", "true", "true", "false"]))") }
    if chance(50) { writes.append("vm.demote_scale_factor=\(scaleFactor(one(of: [1, 200, 1000, 5000, 10000])))") }
    if chance(40) { writes.append("vm.swappiness=\(one(of: [0, 1, 60, 100, 200]))") }
    if chance(40) {
      writes.append("kernel.numa_balancing_promote_rate_limit_MBps=\(one(of: [0, 1, 10, 1000]))")
    }
    if chance(90) {
      writes.append("sim.time_scale=\(one(of: [100, 1000, 5000, 20_000, 20_000]))")
    }
    let prefix = "debug.sched.numa_balancing."
    if chance(30) { writes.append("\(prefix)scan_delay_ms=\(one(of: [0, 10, 1000]))") }
    if chance(30) { writes.append("\(prefix)scan_period_min_ms=\(one(of: [1, 100, 2000]))") }
    if chance(30) { writes.append("\(prefix)scan_period_max_ms=\(one(of: [1, 1000, 60000]))") }
    if chance(40) { writes.append("\(prefix)scan_size_mb=\(one(of: [1, 2, 16, 256, 4000]))") }
    if chance(30) { writes.append("\(prefix)hot_threshold_ms=\(one(of: [1, 7, 1000, 100_000]))") }
    writes.append("sim.seed=\(random.below(1_000_000))")
    if chance(50) { writes.append("sim.chunk=\(one(of: [1, 16, 256, 4096]))") }
    if chance(30) { writes.append("sim.epoch=\(one(of: [1, 5, 50, 1000]))us") }
    writes.append("sim.sample_interval=\(one(of: ["100us", "1ms", "100ms"]))")
    if chance(25) { writes.append("debug.check=epoch") }
    // No run goes on forever, and some are cut in the middle of everything.
    writes.append("sim.max_time=\(chance(20) ? "\(number(1...30))ms" : "1s")")
    if chance(15) {
      for cost in ["migrate_allocate", "migrate_unmap", "migrate_flush", "migrate_remap", "migrate_putback"] {
        writes.append("cost.\(cost)=0ns")
      }
    }
    if chance(15) { writes.append("cost.reclaim_page=0ns") }
    if chance(15) { writes.append("cost.copy_bandwidth=\(one(of: ["1GB/s", "100MB/s"]))") }
    if chance(10) { writes.append("cost.context_switch=0ns") }
  }

  // MARK: The workload

  mutating func makeWorkload() -> String {
    let processes = chance(70) ? 1 : 2
    makeRegions(processes: processes)
    var text = "name: fuzz\nseed: \(random.below(1000))\n"
    // A false statement that lets a workload in that runs out of memory.
    if chance(5) { text += "footprint: 1M\n" }
    text += age.text
    text += "regions:\n"
    for region in regions {
      text += "  \(region.name): {pages: \(region.pages), process: p\(region.process)"
      if region.isFile { text += ", kind: file" }
      if chance(50) { text += ", thp: \(one(of: ["default", "madvise", "always", "never"]))" }
      text += "}\n"
    }
    text += "tasks:\n"
    let tasks = max(number(1...3), processes)
    for task in 0..<tasks {
      let process = task < processes ? task : random.below(processes)
      text += "  - name: t\(task)\n    process: p\(process)\n"
      let threads = chance(60) ? 1 : number(2...4)
      if threads > 1 { text += "    threads: \(threads)\n" }
      if chance(30) { text += "    cpus: \(random.below(cpus))\n" }
      if chance(30) { text += "    mlp: \(one(of: ["1", "8", "1.5"]))\n" }
      if chance(20) { text += "    weight: \(number(1...50))\n" }
      if chance(20) { text += "    bytes: \(one(of: [64, 256, 4096]))\n" }
      if chance(20) { text += "    start: \(number(0...3000))us\n" }
      if task > 0 && chance(30) {
        text += "    repeat: forever\n"
      } else if chance(20) {
        text += "    repeat: 2\n"
      }
      text += "    phases:\n"
      if task < processes {
        for region in regions where region.process == process && region.isRemapped {
          text += "      - map: \(region.name)\n"
        }
        for region in regions where region.process == process && chance(75) {
          text += "      - {access: \(region.name), write_every: \(number(0...3))}\n"
        }
      }
      text += makePhases(process: process, isFirst: task < processes, indent: "      ", depth: 0)
      if task < processes {
        // A region that no phase names is an error.
        for region in regions where region.process == process { text += "      - snap: \(region.name)\n" }
      }
      // So that no endless task can spin without using time.
      text += "      - sleep: \(number(1...500))us\n"
    }
    if chance(30) {
      text += "events:\n"
      for _ in 0..<number(1...3) { text += "  - {at: \(number(0...20_000))us, set: {\(knobWrite())}}\n" }
    }
    return text
  }

  private mutating func makeRegions(processes: Int) {
    let count = max(number(1...4), processes)
    // Most workloads fit, many only just, some do not; with files more than all memory will do.
    let isOver = chance(15)
    let share = isOver ? number(100...140) : one(of: [50, 75, 85, 90, 92, 94, 96])
    let total = roomPages * share / 100
    for i in 0..<count {
      let pages = max(total / count + random.below(200) - 100, 1)
      regions.append(
        Region(
          name: "R\(i)", pages: pages, process: i < processes ? i : random.below(processes),
          isRemapped: i >= processes && chance(40),
          isFile: isOver ? chance(70) : chance(15)))
    }
  }

  private mutating func makePhases(process: Int, isFirst: Bool, indent: String, depth: Int) -> String {
    // Another task's access to a region that is not mapped at the moment ends the run: rare, but possible.
    let mayAll = isFirst || chance(5)
    let own = regions.indices.filter { regions[$0].process == process && (mayAll || !regions[$0].isRemapped) }
    var text = ""
    for _ in 0..<number(1...5) {
      let region = regions[one(of: own)]
      switch random.below(14) {
      case 0: text += "\(indent)- sleep: \(number(1...2000))us\n"
      case 1: text += "\(indent)- compute: \(number(1...500))us\n"
      case 2: text += "\(indent)- snap: \(region.name)\n"
      case 3: text += "\(indent)- {punch: \(region.name), share: \(number(1...100))%, seed: \(random.below(99))}\n"
      case 4: text += "\(indent)- set: {\(knobWrite())}\n"
      case 5 where region.isRemapped && isFirst:
        text += "\(indent)- unmap: \(region.name)\n\(indent)- map: \(region.name)\n"
      case 6 where depth == 0:
        text += "\(indent)- loop: \(number(1...2))\n\(indent)  phases:\n"
        text += makePhases(process: process, isFirst: isFirst, indent: indent + "    ", depth: 1)
      case 7, 8: text += makeMix(of: own, indent: indent)
      default: text += makeAccess(region, indent: indent)
      }
    }
    return text
  }

  private mutating func makeAccess(_ region: Region, indent: String) -> String {
    var (keys, pages) = makeWindow(region, chases: nil)
    if chance(10) {
      keys.append("for: \(number(1...800))us")
    } else {
      let accesses = chance(60) ? pages : number(1...6000)
      let rounds = accesses > 4000 ? 1 : number(1...4)
      keys += ["accesses: \(accesses)", "rounds: \(rounds)"]
      if chance(20) { keys.append("sleep: \(number(1...300))us") }
    }
    if chance(50) { keys.append("think: \(number(1...3000))ns") }
    return "\(indent)- {\(keys.joined(separator: ", "))}\n"
  }

  private mutating func makeMix(of own: [Int], indent: String) -> String {
    // `chase` goes with no other pattern.
    let chases = chance(15)
    var text = "\(indent)- mix:\n"
    for i in 0..<number(1...4) {
      let keys = makeWindow(regions[one(of: own)], chases: chases).keys + ["weight: \(i == 0 ? 1 : number(0...5))"]
      text += "\(indent)    - {\(keys.joined(separator: ", "))}\n"
    }
    text += "\(indent)  for: \(number(1...800))us\n"
    if chance(50) { text += "\(indent)  batch: \(one(of: [1, 7, 100, 1024, 3000]))\n" }
    if chance(50) { text += "\(indent)  think: \(number(1...3000))ns\n" }
    if chance(30) { text += "\(indent)  seed: \(random.below(1000))\n" }
    return text
  }

  /// The keys of a window that accesses and mixes share, and its pages. `chases` says whether it must be a chase or none; nil is either.
  private mutating func makeWindow(_ region: Region, chases: Bool?) -> (keys: [String], pages: Int) {
    let first = chance(30) ? random.below(region.pages) : 0
    let pages = chance(30) ? number(1...(region.pages - first)) : region.pages - first
    var keys = ["access: \(region.name)", "first: \(first)", "pages: \(pages)"]
    let bytes = pages * 4096 - (chance(50) ? random.below(4096) : 0)
    switch chases.map({ $0 ? 6 : random.below(6) }) ?? random.below(7) {
    case 0: break
    case 4 where pages < 2: break
    case 1: keys += ["pattern: strided", "stride: \(number(-3...700))"]
    case 2: keys += ["pattern: uniform"]
    case 3: keys += ["pattern: zipf", "exponent: \(one(of: ["0.5", "1", "1.3"]))"]
    case 4:
      keys += [
        "pattern: drift", "hot: \(max(pages / 10, 1))", "hot_share: \(number(1...100))%",
        "period: \(number(50...5000))",
      ]
    case 5:
      // `size` is instead of `pages`.
      keys[2] = "size: \(bytes)"
      keys += chance(20) ? ["pattern: uniform"] : ["pattern: sweep", "stride: \(one(of: [1, 64, 100, 4096, 5000]))"]
    default: keys += ["pattern: chase"]
    }
    if chance(60) { keys.append(chance(50) ? "write_every: \(number(0...4))" : "write_share: \(number(0...100))%") }
    return (keys, pages)
  }

  /// A factor that is accepted: under tpp2021 only the default is before balancing is on.
  private func scaleFactor(_ drawn: Int) -> Int {
    let isTPP = writes.contains("kernel.rules=tpp2021")
    let isBalancing = writes.contains { $0.hasPrefix("kernel.numa_balancing=") && $0 != "kernel.numa_balancing=0" }
    return isTPP && !isBalancing ? 200 : drawn
  }

  private mutating func knobWrite() -> String {
    let drawn = one(of: [
      "kernel.numa_balancing: \(one(of: [0, 1, 2, 3]))", "mm.numa.demotion_enabled: \(one(of: ["true", "false"]))",
      "vm.swappiness: \(number(0...200))", "vm.watermark_scale_factor: \(number(1...300))",
      "vm.demote_scale_factor: \(scaleFactor(number(1...10_000)))", "vm.min_free_kbytes: \(number(128...2000))",
      "vm.watermark_boost_factor: \(number(0...20_000))", "vm.percpu_pagelist_high_fraction: \(number(8...500))",
      "kernel.numa_balancing_promote_rate_limit_MBps: \(number(0...100))",
      "debug.sched.numa_balancing.scan_size_mb: \(number(1...300))",
      "debug.sched.numa_balancing.hot_threshold_ms: \(number(1...3000))",
      "mm.transparent_hugepage.enabled: \(one(of: ["never", "madvise", "always"]))",
    ])
    return copies.knobWrite() ?? compaction.knobWrite() ?? huge.knobWrite() ?? drawn
  }
}
