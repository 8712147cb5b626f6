// One compaction of one zone: how it is to be done, where its scanners are, what they hold. Source: struct compact_control,
// mm/internal.h.

import Units

/// How a zone is to be compacted.
public struct CompactRequest: Sendable {
  /// The order that somebody waits for; nil compacts as far as it goes (vm.compact_memory, proactive).
  public var order: Int?
  public var type = MigrateType.movable
  public var highest = ZoneKind.movable
  /// MIGRATE_ASYNC: gives up where a block looks bad.
  public var isAsync = false
  /// On behalf of an allocation that waits.
  public var isDirect = false
  /// From one end of the zone to the other, whatever earlier compactions left.
  public var isWholeZone = false
  /// Looks into pageblocks whose skip bit is set.
  public var ignoresSkips = false
  /// Takes free pages from pageblocks of any type.
  public var ignoresBlockTypes = false
  public var isProactive = false

  public init() {}

  /// Direct compaction at a priority (`compact_zone_order`).
  public static func direct(order: Int, type: MigrateType, highest: ZoneKind, priority: CompactPriority) -> Self {
    var request = CompactRequest()
    request.order = order
    request.type = type
    request.highest = highest
    request.isAsync = priority == .async
    request.isDirect = true
    request.isWholeZone = priority == .syncFull
    request.ignoresSkips = priority == .syncFull
    request.ignoresBlockTypes = priority == .syncFull
    return request
  }

  /// kcompactd's, for somebody who asked for `order` (`kcompactd_do_work`).
  public static func background(order: Int, highest: ZoneKind) -> Self {
    var request = CompactRequest()
    request.order = order
    request.type = .unmovable
    request.highest = highest
    return request
  }

  /// A whole node's, for vm.compact_memory or ahead of need (`compact_node`).
  public static func node(isProactive: Bool) -> Self {
    var request = CompactRequest()
    request.type = .unmovable
    request.isWholeZone = true
    request.ignoresSkips = true
    request.isProactive = isProactive
    return request
  }
}

/// How hard direct compaction tries (enum compact_priority, include/linux/compaction.h).
public enum CompactPriority: Int, Sendable {
  case syncFull, syncLight, async
}

/// How a compaction ended (enum compact_result, include/linux/compaction.h), in the kernel's order.
public enum CompactResult: Int, Comparable, Sendable {
  case skipped = 1
  case deferred
  case noSuitablePage
  case continues
  case complete
  case partialSkipped
  case contended
  case success

  public static func < (a: CompactResult, b: CompactResult) -> Bool { a.rawValue < b.rawValue }
}

/// A compaction under way: its scanners and the pages in their hands.
public final class CompactControl {
  public let request: CompactRequest
  public let zone: Int
  let memory: Memory

  /// Where the scanners are.
  public internal(set) var migratePFN: PFN
  public internal(set) var freePFN: PFN
  /// Whether every block of the zone is looked at, so that meeting means complete.
  var isWholeZone: Bool

  /// Pages isolated for migration, in the order they were found.
  public internal(set) var sources: [PFN] = []
  /// Base pages still to be given a place.
  var sourcesLeft = 0
  /// Isolated free blocks by order.
  var freeBlocks: [[PFN]]
  /// Base pages in them.
  public internal(set) var freePages = 0

  /// Isolate all of the pageblock, not 32 pages (finish_pageblock; rescan in 5.13).
  public var finishesBlock = false
  /// The lowest block that the free lists have named; nil once it was used (fast_start_pfn).
  var fastStart: PFN? = 0
  var fastSearchFailures = 0
  var searchOrder: Int

  /// Pages that the scanners have looked at.
  public internal(set) var migrateScanned = 0
  public internal(set) var freeScanned = 0
  private var charged = 0

  /// Begins a compaction of `zone` where the last one stopped, or at the ends of the zone.
  public init(_ request: CompactRequest, zone: Int, memory: Memory) {
    self.request = request
    self.zone = zone
    self.memory = memory
    searchOrder = (request.order ?? 0)
    freeBlocks = Array(repeating: [], count: Memory.maxOrder + 1)
    isWholeZone = request.isWholeZone
    let (start, end) = (memory.zones[zone].start, memory.zones[zone].end)
    if let order = request.order, memory.compaction[zone].isRestarting(order: order) { memory.resetSkips(zone: zone) }
    if request.isWholeZone {
      migratePFN = start
      freePFN = Memory.blockStart(end - 1)
    } else {
      let kept = memory.compaction[zone]
      migratePFN = request.isAsync ? kept.migrate.async : kept.migrate.sync
      freePFN = kept.free
      if freePFN < start || freePFN >= end {
        freePFN = Memory.blockStart(end - 1)
        memory.compaction[zone].free = freePFN
      }
      if migratePFN < start || migratePFN >= end {
        migratePFN = start
        memory.compaction[zone].migrate = (start, start)
      }
      if migratePFN <= kept.firstMigrate { isWholeZone = true }
    }
  }

  /// Pages looked at since the last call: what the scanners are to be charged for.
  public func takeScanned() -> Int {
    let all = migrateScanned + freeScanned
    defer { charged = all }
    return all - charged
  }

  /// Whether the scanners are in one pageblock, or have passed each other (`compact_scanners_met`).
  public var scannersMet: Bool { freePFN >> PFN(Page.hugeOrder) <= migratePFN >> PFN(Page.hugeOrder) }

  /// Whether to go on (`compact_finished`). Looks for a block of the order only between two pageblocks.
  public func finished(proactiveness: Int) -> CompactResult {
    if scannersMet {
      memory.resetScanners(zone: zone)
      if request.isDirect { memory.compaction[zone].flushesSkips = true }
      return isWholeZone ? .complete : .partialSkipped
    }
    if request.isProactive {
      guard memory.nodes[memory.zones[zone].node].kswapdWaiting else { return .partialSkipped }
      let low = Memory.scoreMarks(proactiveness: proactiveness, rules: memory.rules).low
      return memory.fragmentationScore(zone: zone) > low ? .continues : .success
    }
    guard let order = request.order, migratePFN & PFN(Page.perHuge - 1) == 0 else { return .continues }
    if memory.knobs.isDefragMode && !request.isDirect {
      // kcompactd goes on until the high mark is met in whole pageblocks.
      let state = memory.zones[zone]
      return memory.watermarkOK(
        zone: zone, order: order, mark: state.mark(.high), highest: request.highest, free: state.freeInBlocks)
        ? .success : .continues
    }
    return memory.hasBlock(zone: zone, order: order, type: request.type) ? .success : .continues
  }

  /// Takes the isolated pages for a migration: the last one found is the first of the list.
  public func takeSources() -> [PFN] {
    defer { sources.removeAll(keepingCapacity: true) }
    return sources.reversed()
  }

  /// A list was migrated, or given up: no page waits for a place any more.
  public func endList() { sourcesLeft = 0 }

  /// Frees what the free scanner holds; its next run finds it (the end of `compact_zone`).
  public func releaseFreePages(cpu: Int) {
    var highest: PFN = 0
    for order in freeBlocks.indices {
      for pfn in freeBlocks[order] {
        highest = max(highest, pfn)
        memory.releaseHeld(pfn, order: order, cpu: cpu)
      }
      freeBlocks[order].removeAll(keepingCapacity: true)
    }
    freePages = 0
    let block = Memory.blockStart(highest)
    if block > memory.compaction[zone].free { memory.compaction[zone].free = block }
  }
}

extension Memory {
  /// Whether an allocation of `order` and `type` finds a block in the zone, if need be by claiming one of another type.
  func hasBlock(zone: Int, order: Int, type: MigrateType) -> Bool {
    for current in order...Memory.maxOrder {
      let lists = zones[zone].freeLists + current * 3
      if lists[type.rawValue].count > 0 { return true }
      if zones[zone].freeBlocks(order: current) > 0 && Memory.mayClaim(order: current, type: type) { return true }
    }
    return false
  }

  /// Frees a block that compaction held.
  func releaseHeld(_ pfn: PFN, order: Int, cpu: Int) { release(pfn, order: order, cpu: cpu) }
}
