// Getting a folio from the zonelists. Source: mm/page_alloc.c get_page_from_freelist and __alloc_pages_slowpath.

import Units

/// How an allocation may behave: the parts of gfp flags that the model tells apart.
public struct AllocationPolicy: Sendable {
  /// Only the preferred node (__GFP_THISNODE).
  public var thisNodeOnly = false
  /// Nodes allowed, as a bit mask; nil is all.
  public var nodeMask: UInt64?
  /// May wake kswapd (__GFP_KSWAPD_RECLAIM).
  public var mayWakeKswapd = true
  /// May reclaim and compact by itself (__GFP_DIRECT_RECLAIM); its caller does.
  public var mayReclaim = true
  /// May dig below the low mark to the min mark in the slow path.
  public var maySlowPath = true
  /// May break pageblocks of other types under vm.defrag_mode: reclaim has not helped (without ALLOC_NOFRAGMENT).
  public var mayFragment = false
  /// The highest zone it may use: movable for user pages, normal for the kernel's own.
  public var highest: ZoneKind = .movable
  public var type: MigrateType = .movable

  public init() {}

  /// A page of a user mapping at its first touch (GFP_HIGHUSER_MOVABLE).
  public static let user = AllocationPolicy()
  /// The kernel's own, page tables among them (GFP_KERNEL).
  public static let kernel: AllocationPolicy = {
    var policy = AllocationPolicy()
    policy.highest = .normal
    policy.type = .unmovable
    return policy
  }()
  /// Destination of a promotion (alloc_misplaced_dst_folio): the target node only, no reclaim of any kind.
  public static let promotion: AllocationPolicy = {
    var policy = AllocationPolicy()
    policy.thisNodeOnly = true
    policy.mayWakeKswapd = false
    return policy
  }()
}

extension Memory {
  /// A block of `order` for an allocation on `cpu` that prefers `node`, or nil: the fast path at the low mark, then
  /// kswapd is woken on every node of the zonelist and the min mark is tried. Direct reclaim is the caller's.
  public func allocate(order: Int, node: Int, cpu: Int, policy: AllocationPolicy) -> PFN? {
    if let pfn = takeFromZonelist(order: order, node: node, cpu: cpu, policy: policy, mark: .low) { return pfn }
    guard policy.maySlowPath else { return nil }
    if policy.mayWakeKswapd { wakeZonelist(order: order, node: node, policy: policy) }
    return takeFromZonelist(order: order, node: node, cpu: cpu, policy: policy, mark: .min)
  }

  /// The same at the min mark alone: what a slow path tries after it has reclaimed or compacted.
  public func allocateAboveMin(order: Int, node: Int, cpu: Int, policy: AllocationPolicy) -> PFN? {
    takeFromZonelist(order: order, node: node, cpu: cpu, policy: policy, mark: .min)
  }

  /// The zones that an allocation preferring `node` may use, in the order it tries them.
  public func allowedZones(node: Int, policy: AllocationPolicy) -> [Int] {
    zonelists[node].filter {
      zones[$0].kind.rawValue <= policy.highest.rawValue && allows(policy, node: zones[$0].node, preferred: node)
    }
  }

  /// Wakes kswapd of every node of the zonelist that the policy allows (`wake_all_kswapds`). Under vm.defrag_mode a whole
  /// pageblock is missing, whatever the order.
  private func wakeZonelist(order: Int, node: Int, policy: AllocationPolicy) {
    let order = knobs.isDefragMode ? max(order, Page.hugeOrder) : order
    var last = -1
    for zone in zonelists[node] where zones[zone].kind.rawValue <= policy.highest.rawValue {
      let id = zones[zone].node
      guard allows(policy, node: id, preferred: node), id != last else { continue }
      wakeKswapd(zone: zone, order: order, highest: policy.highest, mayReclaim: policy.mayReclaim)
      last = id
    }
  }

  @inline(__always)
  private func allows(_ policy: AllocationPolicy, node: Int, preferred: Int) -> Bool {
    if policy.thisNodeOnly && node != preferred { return false }
    if let mask = policy.nodeMask, mask & (1 << UInt64(node)) == 0 { return false }
    return true
  }

  /// `get_page_from_freelist`.
  private func takeFromZonelist(
    order: Int, node: Int, cpu: Int, policy: AllocationPolicy, mark: Watermark
  ) -> PFN? {
    // ALLOC_NOFRAGMENT: a Normal zone of a node that has DMA32 too keeps its pageblocks whole while it can; under
    // vm.defrag_mode every zone does, and other nodes are no reason to stop.
    let isDefragMode = knobs.isDefragMode
    var noFragment =
      isDefragMode ? !policy.mayFragment : hasDMA32 && prefersNoFragmentation(node: node, policy: policy)
    var skipActive = rules.skipsNodesWithActiveKswapd && nodeCount > 1 && mark == .low
    retry: while true {
      for zone in zonelists[node] where zones[zone].kind.rawValue <= policy.highest.rawValue {
        let id = zones[zone].node
        guard allows(policy, node: id, preferred: node) else { continue }
        if skipActive && !nodes[id].kswapdWaiting { continue }
        if noFragment && !isDefragMode && id != node {
          // The own node comes before whole pageblocks: all over again without the flag.
          noFragment = false
          continue retry
        }
        noteHighMark(zone: zone, order: order, highest: policy.highest)
        guard watermarkOK(zone: zone, order: order, mark: zones[zone].mark(mark), highest: policy.highest) else {
          continue
        }
        if let pfn = take(zone: zone, order: order, cpu: cpu, policy: policy, noFragment: noFragment) {
          account(order: order, zone: zone, preferred: node, cpu: cpu)
          return pfn
        }
      }
      if skipActive {
        skipActive = false
      } else if noFragment && !isDefragMode {
        noFragment = false
      } else {
        return nil
      }
    }
  }

  /// `alloc_flags_nofragment`: the first zone tried is a Normal zone whose node has DMA32 as well.
  private func prefersNoFragmentation(node: Int, policy: AllocationPolicy) -> Bool {
    guard
      let first = zonelists[node].first(where: {
        zones[$0].kind.rawValue <= policy.highest.rawValue && allows(policy, node: zones[$0].node, preferred: node)
      }), zones[first].kind == .normal
    else { return false }
    return nodes[zones[first].node].zones.contains { zones[$0].kind == .dma32 }
  }

  /// Notes a zone that fell below its high mark, so that its per-CPU lists shrink (ZONE_BELOW_HIGH).
  @inline(__always)
  private func noteHighMark(zone: Int, order: Int, highest: ZoneKind) {
    guard rules.perCPUListsTune, !zones[zone].belowHigh else { return }
    if !watermarkOK(zone: zone, order: order, mark: zones[zone].mark(.high), highest: highest) {
      zones[zone].belowHigh = true
    }
  }

  /// One block from a zone that passed its check (`rmqueue`), and the wakes that follow from it.
  @inline(__always)
  private func take(zone: Int, order: Int, cpu: Int, policy: AllocationPolicy, noFragment: Bool) -> PFN? {
    let pfn: PFN?
    if order == 0 {
      pfn = takePerCPU(
        zone: zone, cpu: cpu, type: policy.type, noFragment: noFragment, mayWake: policy.mayWakeKswapd)
    } else {
      pfn = takeBlock(
        zone: zone, order: order, type: policy.type, noFragment: noFragment, mayWake: policy.mayWakeKswapd)
    }
    guard let pfn else { return nil }
    if zones[zone].wakeForBoost && policy.mayWakeKswapd {
      zones[zone].wakeForBoost = false
      wakeKswapd(zone: zone, order: 0, highest: zones[zone].kind)
    }
    // TPP: every order-0 allocation from a top-tier Normal zone below its demotion mark wakes kswapd.
    if rules.isTPP && tieringMode && order == 0 && zones[zone].kind == .normal && isTopTier(zones[zone].node)
      && isBelowDemotionMark(zones[zone].node)
    {
      wakeKswapd(zone: zone, order: 0, highest: .normal)
    }
    return pfn
  }

  /// numa_hit and its kin, pgalloc_<zone> (`zone_statistics`).
  @inline(__always)
  private func account(order: Int, zone: Int, preferred: Int, cpu: Int) {
    let pages = 1 << order
    let id = zones[zone].node
    if id == preferred {
      vmstat[.numa_hit] += 1
    } else {
      vmstat[.numa_miss] += 1
      vmstat[.numa_foreign] += 1
    }
    if nodes[id].cpus.contains(cpu) { vmstat[.numa_local] += 1 } else { vmstat[.numa_other] += 1 }
    vmstat.values[VMEvent.pgalloc_dma.rawValue + zones[zone].kind.rawValue] += pages
  }

  /// Frees a block (`__free_pages`).
  public func release(_ pfn: PFN, order: Int, cpu: Int) {
    vmstat[.pgfree] += 1 << order
    if order == 0 {
      freePerCPU(pfn, cpu: cpu)
    } else {
      frames[Int(pfn)].flags &= FrameFlags.zoneMask
      freeBlock(pfn, order: order)
    }
  }

  /// An unmovable page for the kernel itself, page tables first of all.
  public func allocateKernelPage(node: Int, cpu: Int, mayFragment: Bool = false) -> PFN? {
    var policy = AllocationPolicy.kernel
    policy.mayFragment = mayFragment
    guard let pfn = allocate(order: 0, node: node, cpu: cpu, policy: policy) else { return nil }
    frames[Int(pfn)].flags = frames[Int(pfn)].flags & FrameFlags.zoneMask | FrameFlags.kindKernel
    return pfn
  }

  /// Takes what the kernel holds at the start: whole pageblocks and a rest, in proportion to the zones; of ZONE_DMA, which nothing but
  /// its own requests uses at boot, only the pool of atomic DMA allocations. `unmovableFree` pages stay free in unmovable blocks.
  func takeKernelPages(node: Int, pages: Int, unmovableFree: Int) {
    let all = nodes[node].zones
    let total = all.reduce(0) { $0 + zones[$1].managed }
    guard total > 0 else { return }
    let dma = all.count > 1 && zones[all.lowerBound].kind == .dma ? all.lowerBound : nil
    let pool = dma == nil ? 0 : min(atomicPoolPages, pages)
    let shared = total - (dma.map { zones[$0].managed } ?? 0)
    let rest = min(pages, total) - pool
    var left = rest
    var freeLeft = unmovableFree
    for zone in all.reversed() {
      let isLast = zone == dma.map { $0 + 1 } ?? all.lowerBound
      let share = zone == dma ? pool : isLast ? left : min(left, rest * zones[zone].managed / shared)
      let freeShare =
        zone == all.lowerBound ? freeLeft : min(freeLeft, unmovableFree * zones[zone].managed / total)
      holdKernelPages(zone: zone, pages: share, unmovableFree: freeShare)
      if zone != dma { left -= share }
      freeLeft -= freeShare
    }
  }

  /// 128 KiB a GiB of memory, at least 128 KiB, at most the largest block, as a block (kernel/dma/pool.c dma_atomic_pool_init).
  private var atomicPoolPages: Int {
    let pages = (0..<zoneCount).reduce(0) { $0 + zones[$1].managed } >> 13
    var block = 32
    while block < pages && block < 1 << Memory.maxOrder { block <<= 1 }
    return block
  }

  private func holdKernelPages(zone: Int, pages: Int, unmovableFree: Int) {
    var left = pages + unmovableFree
    var held = pages
    // Claim whole pageblocks so that what is not held stays free for later unmovable requests.
    while left > 0,
      let block = takeBlock(zone: zone, order: Page.hugeOrder, type: .movable, noFragment: false, mayWake: false)
    {
      setBlockType(block, .unmovable)
      let keep = min(held, Page.perHuge)
      for i in 0..<keep {
        frames[Int(block) + i].flags = FrameFlags.kindKernel | UInt32(zone) << FrameFlags.zoneShift
      }
      let stay = min(left - keep, Page.perHuge - keep)
      for i in keep..<Page.perHuge {
        frames[Int(block) + i].flags = UInt32(zone) << FrameFlags.zoneShift
      }
      if keep + stay < Page.perHuge && stay == 0 && keep > 0 {
        // The rest of the last block goes back as movable memory.
        setBlockType(block, .movable)
      }
      for i in stride(from: Page.perHuge - 1, through: keep, by: -1) {
        freeBlock(block + PFN(i), order: 0)
      }
      held -= keep
      left -= keep + stay
    }
    // Zones smaller than a pageblock: page by page.
    while held > 0, let pfn = takeBlock(zone: zone, order: 0, type: .movable, noFragment: false, mayWake: false) {
      frames[Int(pfn)].flags = FrameFlags.kindKernel | UInt32(zone) << FrameFlags.zoneShift
      held -= 1
    }
  }
}
