// Zones and nodes: the places memory is in, their watermarks and lists. Plain structures in raw memory; the algorithms
// are in Memory+….swift.

import Units

/// The zones a node can have, lowest first (include/linux/mmzone.h).
public enum ZoneKind: Int, CaseIterable, Sendable {
  case dma, dma32, normal, movable

  /// As /proc/zoneinfo prints it.
  public var name: String {
    switch self {
    case .dma: "DMA"
    case .dma32: "DMA32"
    case .normal: "Normal"
    case .movable: "Movable"
    }
  }
}

/// Mobility of an allocation; also the type of a pageblock (include/linux/mmzone.h).
public enum MigrateType: Int, CaseIterable, Sendable {
  case unmovable, movable, reclaimable

  /// Where an allocation falls back to, in order (`fallbacks`, mm/page_alloc.c).
  var fallbacks: (MigrateType, MigrateType) {
    switch self {
    case .unmovable: (.reclaimable, .movable)
    case .movable: (.reclaimable, .unmovable)
    case .reclaimable: (.unmovable, .movable)
    }
  }
}

/// The watermarks an allocation or a balance test can name.
public enum Watermark: Sendable { case min, low, high, promo, demote }

/// One zone. Marks and counts are in base pages.
public struct Zone {
  public let index: Int
  public let node: Int
  public let kind: ZoneKind
  public let start: PFN
  public let end: PFN
  public var managed: Int { Int(end - start) }

  /// NR_FREE_PAGES: pages in the buddy lists, those on per-CPU lists excluded.
  public internal(set) var free = 0
  public internal(set) var min = 0
  public internal(set) var low = 0
  public internal(set) var high = 0
  public internal(set) var promo = 0
  /// TPP's demotion mark; 0 until it is computed.
  public internal(set) var demote = 0
  /// Watermark boost now in force.
  public internal(set) var boost = 0
  /// lowmem_reserve by the highest zone an allocation may use.
  public internal(set) var reserve: (Int, Int, Int, Int) = (0, 0, 0, 0)

  /// ZONE_BOOSTED_WATERMARK: the next allocation wakes kswapd.
  var wakeForBoost = false
  /// ZONE_BELOW_HIGH.
  var belowHigh = false
  /// ZONE_RECLAIM_ACTIVE.
  var reclaimActive = false

  /// Base pages of the zone on each LRU list, by `LRUList`.
  let lruPages: UnsafeMutablePointer<Int>

  /// Free lists by order and type: `order * 3 + type`.
  let freeLists: UnsafeMutablePointer<FrameList>
  /// Per-CPU lists, one set a CPU.
  let perCPU: UnsafeMutablePointer<PerCPUPages>

  /// The mark with the boost in force added (`wmark_pages`).
  @inline(__always)
  public func mark(_ which: Watermark) -> Int {
    switch which {
    case .min: min + boost
    case .low: low + boost
    case .high: high + boost
    case .promo: promo + boost
    case .demote: demote + boost
    }
  }

  /// lowmem_reserve[highest].
  @inline(__always)
  func reserve(for highest: ZoneKind) -> Int {
    switch highest {
    case .dma: reserve.0
    case .dma32: reserve.1
    case .normal: reserve.2
    case .movable: reserve.3
    }
  }

  /// NR_FREE_PAGES_BLOCKS: free base pages in whole pageblocks.
  public var freeInBlocks: Int {
    (Page.hugeOrder...Memory.maxOrder).reduce(0) { $0 + freeBlocks(order: $1) << $1 }
  }

  /// Free blocks of `order`, all types together.
  public func freeBlocks(order: Int) -> Int {
    freeLists[order * 3].count + freeLists[order * 3 + 1].count + freeLists[order * 3 + 2].count
  }
}

/// One CPU's free lists for one zone (struct per_cpu_pages, order 0 only; 2 MiB blocks go straight to the buddy lists).
struct PerCPUPages {
  var lists: (FrameList, FrameList, FrameList) = (FrameList(), FrameList(), FrameList())
  var count = 0
  var high = 0
  var highMin = 0
  var highMax = 0
  var batch = 1
  var allocFactor = 0
  var freeCount = 0
}

/// The evictable LRU lists of a node (enum lru_list).
public enum LRUList: Int, CaseIterable, Sendable {
  case inactiveAnon, activeAnon, inactiveFile, activeFile

  public var isActive: Bool { rawValue & 1 == 1 }
  public var isFile: Bool { rawValue >= 2 }
}

/// One NUMA node (struct pglist_data and its lruvec).
public struct Node {
  public let id: Int
  /// Its place in the distance-ordered tiers; 0 is the top tier.
  public let tier: Int
  /// CPUs of the node.
  public let cpus: Range<Int>
  /// Indices into `Memory.zones`, lowest zone first.
  public let zones: Range<Int>
  public let start: PFN
  public let end: PFN

  /// LRU lists by `LRUList`, `FrameList.count` in folios.
  let lru: UnsafeMutablePointer<FrameList>
  /// Base pages on each LRU list.
  let lruPages: UnsafeMutablePointer<Int>
  /// Base pages isolated from the LRU lists.
  public internal(set) var isolated = 0
  /// Reclaim cost of anonymous and file pages (lruvec->anon_cost, file_cost).
  public internal(set) var anonCost = 0
  public internal(set) var fileCost = 0

  /// Scans of the deferred split queue that earlier reclaim passes left undone (the shrinker's nr_deferred).
  public internal(set) var deferredSplitScans = 0

  /// What kswapd was asked for; read and reset when it runs.
  public var kswapdOrder = 0
  public var kswapdHighest: ZoneKind?
  /// Whether kswapd waits on its wait queue (asleep, or in its 100 ms nap).
  public var kswapdWaiting = true
  /// Runs without progress; 16 is hopeless (MAX_RECLAIM_RETRIES).
  public var kswapdFailures = 0
  /// Set when an allocation or a promotion wants kswapd to run; the scheduler takes it.
  public var kswapdWakePending = false

  /// What kcompactd was asked for (kcompactd_max_order, kcompactd_highest_zoneidx).
  public var kcompactdOrder = 0
  public var kcompactdHighest = ZoneKind.movable
  /// Whether kcompactd sleeps.
  public var kcompactdWaiting = true
  /// Set when somebody wants kcompactd to run; the scheduler takes it.
  public var kcompactdWakePending = false

  /// Adaptive hot threshold in ms, 0 when unset, and the state of its adjustment and of the rate limit (2.4).
  public var hotThreshold = 0
  public var thresholdStart = 0
  public var thresholdCandidates = 0
  public var rateStart = 0
  public var rateCandidates = 0
  /// pgpromote_candidate of this node alone.
  public var promoteCandidates = 0
}
