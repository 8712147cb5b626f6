// The memory of the modelled machine: frames, zones, nodes, one flat page table. This file holds the state and its
// construction; what the kernel does with it is in Memory+….swift, one mechanism a file.

import Units

#if canImport(Glibc)
  import Glibc
#endif

/// A zone of a node to be built.
public struct ZoneLayout: Equatable, Sendable {
  public var kind: ZoneKind
  /// Managed base pages.
  public var pages: Int

  public init(kind: ZoneKind, pages: Int) {
    self.kind = kind
    self.pages = pages
  }
}

/// A node to be built.
public struct NodeLayout: Equatable, Sendable {
  /// Place in the distance-ordered tiers, 0 fastest.
  public var tier: Int
  /// CPUs of the node.
  public var cpus: Range<Int>
  /// Zones, lowest first.
  public var zones: [ZoneLayout]
  /// Pages held by the kernel from the start.
  public var kernelPages: Int
  /// Free pages left in unmovable pageblocks at the start: what the kernel's own allocations use before they claim a
  /// movable pageblock.
  public var unmovableFree: Int

  public init(tier: Int, cpus: Range<Int>, zones: [ZoneLayout], kernelPages: Int = 0, unmovableFree: Int = 0) {
    self.tier = tier
    self.cpus = cpus
    self.zones = zones
    self.kernelPages = kernelPages
    self.unmovableFree = unmovableFree
  }

  /// Base pages of all zones.
  public var pages: Int { zones.reduce(0) { $0 + $1.pages } }
}

/// Physical memory and the page table over it. Not thread-safe: one run owns one memory.
public final class Memory {
  public let rules: KernelRules
  public internal(set) var knobs: MemoryKnobs
  public let cpuCount: Int

  /// Frames by pfn; entry 0 is the nil frame.
  public let frames: UnsafeMutablePointer<Frame>
  /// Seldom-read bytes by pfn.
  public let cold: UnsafeMutablePointer<ColdFrame>
  /// One past the last pfn.
  public let frameEnd: Int
  /// Migratetype of each 512-page block.
  let blockTypes: UnsafeMutablePointer<UInt8>
  /// Whether compaction passes each 512-page block by (PB_migrate_skip).
  let blockSkips: UnsafeMutablePointer<UInt8>
  /// What each zone remembers of compaction.
  public let compaction: UnsafeMutablePointer<ZoneCompaction>

  public let zones: UnsafeMutablePointer<Zone>
  public let zoneCount: Int
  /// Whether any node has a DMA32 zone.
  let hasDMA32: Bool
  public let nodes: UnsafeMutablePointer<Node>
  public let nodeCount: Int
  /// For each node, the zones an allocation that prefers it tries, in order (`node_zonelists`).
  /// Plain memory, as it is walked at every allocation.
  public let zonelists: UnsafeBufferPointer<UnsafeBufferPointer<Int>>
  /// Distance of each node from each node; 10 is local.
  public let distances: [[Int]]

  /// The page table: one byte a virtual page (`PTE`), its frame, its content generation; one byte a 2 MiB block.
  public let table: PageTable

  /// Counters of /proc/vmstat.
  public let vmstat = VMStat()

  /// Per-CPU LRU-add batches (`lru_add`) and 5.13's activation batches.
  let lruAdd: UnsafeMutablePointer<LRUBatch>
  let activation: UnsafeMutablePointer<LRUBatch>

  /// Deferred split queues by node; their entries are the second frames of the folios.
  let splitQueues: UnsafeMutablePointer<FrameList>
  /// 2 MiB folios that are mapped page by page.
  var pageMappedFolios = 0

  /// Pages on each node's lists as of the last flush of the statistics.
  var listStats: [Int]

  /// Set when some node's `kswapdWakePending` is.
  public var anyWakePending = false

  /// Real memory behind the frames; nil, and content is tags alone. Set before the first page is mapped.
  public var backing: (any FrameBacking)?

  /// Called with the slot of a file page that reclaim dropped: its process has one page fewer.
  public var onPageDropped: ((_ slot: Int) -> Void)?

  /// vm.extfrag_threshold, in thousandths.
  public var extfragThreshold = 500

  /// Whether demotion is on (mm.numa.demotion_enabled).
  public var demotionEnabled = false
  /// Whether khugepaged runs and so raises vm.min_free_kbytes.
  public var hugePagesOn = false {
    didSet { if hugePagesOn != oldValue { recomputeWatermarks() } }
  }
  /// The factor of TPP's demotion mark in force, in 1/10000 of a zone; nil until the mark has been computed.
  public var demotionMarkFactor: Int? {
    didSet { if demotionMarkFactor != oldValue { recomputeWatermarks() } }
  }
  /// Whether NUMA balancing runs in memory tiering mode; decides which mark balances a node.
  public var tieringMode = false

  /// Builds a machine's memory with all of it free but what the kernel holds.
  public init(
    nodes layouts: [NodeLayout], cpuCount: Int, virtualPages: Int, rules: KernelRules, knobs: MemoryKnobs
  ) {
    precondition(!layouts.isEmpty && cpuCount > 0)
    self.rules = rules
    self.knobs = knobs
    self.cpuCount = cpuCount

    // Every zone starts at a 4 MiB boundary, so that no buddy crosses it; pfn 0 to 1023 do not exist.
    var next = 1024
    var zonePlans: [(node: Int, kind: ZoneKind, start: Int, end: Int)] = []
    var nodePlans: [(start: Int, end: Int, zones: Range<Int>)] = []
    for (id, layout) in layouts.enumerated() {
      let firstZone = zonePlans.count
      let nodeStart = next
      for zone in layout.zones where zone.pages > 0 {
        zonePlans.append((id, zone.kind, next, next + zone.pages))
        next = (next + zone.pages + 1023) & ~1023
      }
      nodePlans.append((nodeStart, next, firstZone..<zonePlans.count))
    }
    frameEnd = next
    frames = zeroedPages(Frame.self, count: next)
    cold = zeroedPages(ColdFrame.self, count: next)
    blockTypes = zeroedPages(UInt8.self, count: next >> Page.hugeOrder)
    blockTypes.update(repeating: UInt8(MigrateType.movable.rawValue), count: next >> Page.hugeOrder)
    blockSkips = zeroedPages(UInt8.self, count: next >> Page.hugeOrder)
    table = PageTable(pages: virtualPages)

    zoneCount = zonePlans.count
    hasDMA32 = layouts.contains { $0.zones.contains { $0.kind == .dma32 } }
    zones = .allocate(capacity: zoneCount)
    for (index, plan) in zonePlans.enumerated() {
      let lists = UnsafeMutablePointer<FrameList>.allocate(capacity: (Memory.maxOrder + 1) * 3)
      lists.initialize(repeating: FrameList(), count: (Memory.maxOrder + 1) * 3)
      let perCPU = UnsafeMutablePointer<PerCPUPages>.allocate(capacity: cpuCount)
      perCPU.initialize(repeating: PerCPUPages(), count: cpuCount)
      let zoneLRU = UnsafeMutablePointer<Int>.allocate(capacity: LRUList.allCases.count)
      zoneLRU.initialize(repeating: 0, count: LRUList.allCases.count)
      (zones + index).initialize(
        to: Zone(
          index: index, node: plan.node, kind: plan.kind, start: PFN(plan.start), end: PFN(plan.end),
          lruPages: zoneLRU, freeLists: lists, perCPU: perCPU))
    }
    nodeCount = layouts.count
    listStats = [Int](repeating: 0, count: layouts.count * LRUList.allCases.count)
    splitQueues = .allocate(capacity: nodeCount)
    splitQueues.initialize(repeating: FrameList(), count: nodeCount)
    nodes = .allocate(capacity: nodeCount)
    for (id, plan) in nodePlans.enumerated() {
      let lru = UnsafeMutablePointer<FrameList>.allocate(capacity: LRUList.allCases.count)
      lru.initialize(repeating: FrameList(), count: LRUList.allCases.count)
      let lruPages = UnsafeMutablePointer<Int>.allocate(capacity: LRUList.allCases.count)
      lruPages.initialize(repeating: 0, count: LRUList.allCases.count)
      (nodes + id).initialize(
        to: Node(
          id: id, tier: layouts[id].tier, cpus: layouts[id].cpus, zones: plan.zones, start: PFN(plan.start),
          end: PFN(plan.end), lru: lru, lruPages: lruPages))
    }
    distances = Memory.distances(of: layouts)
    let order = Memory.zonelists(
      layouts: layouts, distances: distances, zonePlans: zonePlans.map { ($0.node, $0.kind) })
    zonelists = Memory.plain(order.map { Memory.plain($0) })
    lruAdd = .allocate(capacity: cpuCount)
    activation = .allocate(capacity: cpuCount)
    for cpu in 0..<cpuCount {
      (lruAdd + cpu).initialize(to: LRUBatch())
      (activation + cpu).initialize(to: LRUBatch())
    }

    compaction = .allocate(capacity: zoneCount)
    compaction.initialize(repeating: ZoneCompaction(), count: zoneCount)
    for zone in 0..<zoneCount { resetScanners(zone: zone) }

    freeAllAtBoot(layouts)
    recomputeWatermarks()
  }

  deinit {
    for i in 0..<zoneCount {
      zones[i].freeLists.deallocate()
      zones[i].perCPU.deallocate()
      zones[i].lruPages.deallocate()
    }
    for i in 0..<nodeCount {
      nodes[i].lru.deallocate()
      nodes[i].lruPages.deallocate()
    }
    zones.deallocate()
    nodes.deallocate()
    splitQueues.deallocate()
    for list in zonelists { list.deallocate() }
    zonelists.deallocate()
    for cpu in 0..<cpuCount {
      lruAdd[cpu].pages.deallocate()
      activation[cpu].pages.deallocate()
    }
    lruAdd.deallocate()
    activation.deallocate()
    free(frames)
    free(cold)
    free(blockTypes)
    free(blockSkips)
    compaction.deallocate()
    table.deallocate()
  }

  /// Sets every counter to 0: what came before is not part of the run.
  public func resetCounters() { vmstat.reset() }

  /// The largest buddy order (MAX_PAGE_ORDER): 4 MiB blocks.
  public static let maxOrder = 10

  /// Takes new knob values. Marks are recomputed only when a knob that the kernel recomputes them for has changed.
  public func apply(_ new: MemoryKnobs) {
    let old = knobs
    knobs = new
    if new.minFreeKbytes != old.minFreeKbytes || new.watermarkScaleFactor != old.watermarkScaleFactor
      || new.lowmemReserveRatio != old.lowmemReserveRatio || new.percpuHighFraction != old.percpuHighFraction
    {
      recomputeWatermarks()
    }
  }

  /// The node a frame is in.
  @inline(__always)
  public func node(of pfn: PFN) -> Int { zones[zoneIndex(of: pfn)].node }

  /// The zone a frame is in. Frames carry it from their first allocation on.
  @inline(__always)
  func zoneIndex(of pfn: PFN) -> Int {
    Int((frames[Int(pfn)].flags & FrameFlags.zoneMask) >> FrameFlags.zoneShift)
  }

  /// Whether the node is in the top tier (`node_is_toptier`).
  @inline(__always)
  public func isTopTier(_ node: Int) -> Bool { nodes[node].tier == 0 }

  // MARK: Construction

  /// A copy of an array that lives until it is deallocated.
  private static func plain<T>(_ array: [T]) -> UnsafeBufferPointer<T> {
    let copy = UnsafeMutableBufferPointer<T>.allocate(capacity: array.count)
    _ = copy.initialize(from: array)
    return UnsafeBufferPointer(copy)
  }

  /// distance(i, j): 10 for the node itself, 20 for one of the same tier, 10 more for each tier between them.
  private static func distances(of layouts: [NodeLayout]) -> [[Int]] {
    layouts.indices.map { a in
      layouts.indices.map { b in
        a == b ? 10 : max(20, 10 + 10 * abs(layouts[a].tier - layouts[b].tier))
      }
    }
  }

  /// Zonelists as `build_zonelists` orders them: the node itself, then by distance, a CPU-less node before one with CPUs
  /// and a higher number before a lower one when distances tie; zones of a node from high to low. Source:
  /// mm/page_alloc.c find_next_best_node.
  private static func zonelists(
    layouts: [NodeLayout], distances: [[Int]], zonePlans: [(node: Int, kind: ZoneKind)]
  ) -> [[Int]] {
    layouts.indices.map { local in
      var order = [local]
      var left = layouts.indices.filter { $0 != local }
      while !left.isEmpty {
        let best = left.min { a, b in
          func cost(_ n: Int) -> (Int, Int) {
            // Distance dominates; the penalties are those of find_next_best_node.
            (distances[local][n] + (n < local ? 1 : 0) + (layouts[n].cpus.isEmpty ? 0 : 1), n)
          }
          return cost(a) < cost(b)
        }!
        order.append(best)
        left.removeAll { $0 == best }
      }
      return order.flatMap { node in
        zonePlans.indices.filter { zonePlans[$0].node == node }.reversed()
      }
    }
  }

  /// Hands all pages to the buddy lists and takes the kernel's own out again.
  private func freeAllAtBoot(_ layouts: [NodeLayout]) {
    for index in 0..<zoneCount {
      var pfn = zones[index].start
      let end = zones[index].end
      while pfn < end {
        var order = min(Memory.maxOrder, pfn.trailingZeroBitCount)
        while (PFN(1) << order) > end - pfn { order -= 1 }
        insertFree(zone: index, pfn: pfn, order: order, type: .movable, atTail: true)
        pfn += PFN(1) << order
      }
    }
    for (id, layout) in layouts.enumerated() {
      takeKernelPages(node: id, pages: layout.kernelPages, unmovableFree: layout.unmovableFree)
    }
  }
}
