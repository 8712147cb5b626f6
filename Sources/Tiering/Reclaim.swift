// Shrinking one node: scan control, scan budgets, chunks of 32 pages, the reference check, demotion.
// Source: mm/vmscan.c prepare_scan_control, get_scan_count, shrink_lruvec, shrink_inactive_list, shrink_folio_list.

import Events
import Machine
import MemoryModel
import Migration
import Units

/// What a reclaim pass may do and what it has done (struct scan_control).
public struct ScanControl: Sendable {
  /// 12 (DEF_PRIORITY) down to 0: a pass looks at 1/2^priority of each list.
  public var priority = 12
  public var order = 0
  public var highest = ZoneKind.movable
  public var maySwap = true
  public var toReclaim = 0
  public var isKswapd = true
  /// Base pages looked at and reclaimed (demoted pages count).
  public var scanned = 0
  public var reclaimed = 0

  public init() {}
}

/// SWAP_CLUSTER_MAX.
let clusterMax = 32

extension Memory {
  /// Whether a pass that made progress is done once more at its priority, because compaction for a costly order still cannot
  /// begin and there are pages for it (`should_continue_reclaim`, kswapd's and direct reclaim's alike).
  func needsMoreToCompact(node: Int, _ control: ScanControl, threshold: Int) -> Bool {
    guard control.order > Memory.costlyOrder else { return false }
    for zone in nodes[node].zones where zones[zone].kind.rawValue <= control.highest.rawValue {
      let state = compactionSuitability(
        zone: zone, order: control.order, highest: control.highest, threshold: threshold)
      if state != .unsuitable { return false }
    }
    let inactive = lruPages(node: node, .inactiveAnon) + lruPages(node: node, .inactiveFile)
    return inactive > Memory.compactGap(order: control.order)
  }
}

/// `shrink_node` as steps of one chunk. Made once per kernel thread and started again for each pass.
final class NodeShrinker {
  private enum Phase { case idle, chunk, migrate }

  private let memory: Memory
  private let targets: DemotionTargets
  private let job: MigrationJob
  private let node: Int
  private let caller: MigrateCaller
  var knobs: ReclaimKnobs
  var costs: CostKnobs
  /// CPUs that a TLB flush for this node's pages has to reach.
  var runningCPUs = 1
  private var random: SplitMix64

  private var phase = Phase.idle
  private(set) var control = ScanControl()
  private var mayDeactivateAnon = false
  private var mayDeactivateFile = false
  private var budget = [0, 0, 0, 0]
  private var budgetTarget = [0, 0, 0, 0]
  private var list = 0
  private var reclaimedHere = 0
  private var isProportional = false
  private var scanAdjusted = false

  private let buffer: UnsafeMutablePointer<PFN> = .allocate(capacity: 64)
  private let demote: UnsafeMutablePointer<PFN> = .allocate(capacity: 64)
  private var chunkIsFile = false
  private var chunkScanned = 0
  private var chunkReclaimed = 0
  private var chunkPageouts = 0

  init(
    memory: Memory, targets: DemotionTargets, job: MigrationJob, node: Int, caller: MigrateCaller, knobs: ReclaimKnobs,
    costs: CostKnobs, seed: UInt64
  ) {
    self.memory = memory
    self.targets = targets
    self.job = job
    self.node = node
    self.caller = caller
    self.knobs = knobs
    self.costs = costs
    random = SplitMix64(seed: seed)
  }

  deinit {
    buffer.deallocate()
    demote.deallocate()
  }

  /// Whether the node's pages can be demoted (`can_demote`).
  var canDemote: Bool { memory.demotionEnabled && targets.exists(from: node) }

  /// Begins a pass over the node.
  func start(_ control: ScanControl, cpu: Int) {
    precondition(phase == .idle)
    self.control = control
    prepareScanControl()
    list = 0
    reclaimedHere = 0
    scanAdjusted = false
    isProportional = !control.isKswapd && control.priority == 12
    phase = .chunk
  }

  /// Does the next chunk or migration step; when the pass is over, `control` is final.
  func step(now: Picoseconds, cpu: Int) -> JobStep {
    switch phase {
    case .idle: return .done
    case .migrate:
      let step = job.step(now: now, cpu: cpu)
      if step != .done { return step }
      finishDemotion(cpu: cpu)
      return .useCPU(0)
    case .chunk:
      guard let time = nextChunk(now: now, cpu: cpu) else { return .done }
      return .useCPU(time)
    }
  }

  // MARK: Budgets

  /// `prepare_scan_control` and `get_scan_count`.
  private func prepareScanControl() {
    func inactiveLow(_ file: Bool) -> Bool { memory.inactiveIsLow(node: node, file: file) }
    mayDeactivateAnon = inactiveLow(false)
    mayDeactivateFile = inactiveLow(true)
    let inactiveFile = memory.lruPages(node: node, .inactiveFile)
    let cacheTrim = memory.statedPages(node: node, .inactiveFile) >> control.priority > 0 && !mayDeactivateFile
    var free = 0
    var marks = 0
    for zone in memory.nodes[node].zones {
      free += memory.zones[zone].free
      let isTop = memory.rules.isTPP && memory.tieringMode && memory.isTopTier(node)
      marks += isTop ? max(memory.zones[zone].mark(.high), memory.zones[zone].demote) : memory.zones[zone].mark(.high)
    }
    let file = memory.lruPages(node: node, .activeFile) + inactiveFile
    let anon = memory.lruPages(node: node, .inactiveAnon)
    let fileIsTiny = file + free <= marks && !mayDeactivateAnon && anon >> control.priority > 0

    enum Balance { case file, anon, equal, fraction }
    let balance: Balance
    if !control.maySwap || !canDemote {
      balance = .file
    } else if control.priority == 0 && knobs.swappiness > 0 {
      balance = .equal
    } else if fileIsTiny {
      balance = .anon
    } else if cacheTrim {
      balance = .file
    } else {
      balance = .fraction
    }
    let total = memory.nodes[node].anonCost + memory.nodes[node].fileCost
    let anonCost = total + memory.nodes[node].anonCost
    let fileCost = total + memory.nodes[node].fileCost
    let sum = anonCost + fileCost
    let anonShare = knobs.swappiness * (sum + 1) / (anonCost + 1)
    let fileShare = (200 - knobs.swappiness) * (sum + 1) / (fileCost + 1)
    for list in LRUList.allCases {
      var scan = memory.lruPages(node: node, list, upTo: control.highest) >> control.priority
      switch balance {
      case .equal: break
      case .file: if !list.isFile { scan = 0 }
      case .anon: if list.isFile { scan = 0 }
      case .fraction: scan = scan * (list.isFile ? fileShare : anonShare) / max(anonShare + fileShare, 1)
      }
      budget[list.rawValue] = scan
      budgetTarget[list.rawValue] = scan
    }
  }

  // MARK: Chunks

  private func nextChunk(now: Picoseconds, cpu: Int) -> Picoseconds? {
    let inactiveAnon = LRUList.inactiveAnon.rawValue
    while true {
      if list == 4 {
        list = 0
        if isSatisfied() { return endPass(cpu: cpu) }
      }
      if list == 0 && budget[inactiveAnon] == 0 && budget[2] == 0 && budget[3] == 0 { return endPass(cpu: cpu) }
      let current = LRUList(rawValue: list)!
      list += 1
      guard budget[current.rawValue] > 0 else { continue }
      let wanted = min(budget[current.rawValue], clusterMax)
      budget[current.rawValue] -= wanted
      if current.isActive {
        guard current.isFile ? mayDeactivateFile : mayDeactivateAnon else { continue }
        let folios = memory.shrinkActiveList(
          node: node, list: current, wanted: wanted, highest: control.highest, cpu: cpu)
        return folios * costs.reclaimPage
      }
      return shrinkInactive(list: current, wanted: wanted, now: now, cpu: cpu)
    }
  }

  /// Whether the pass has reclaimed what it was asked for; the lists left over are then scanned in proportion
  /// (the end of `shrink_lruvec`'s loop).
  private func isSatisfied() -> Bool {
    guard reclaimedHere >= control.toReclaim, !isProportional else { return false }
    if scanAdjusted { return false }
    let anon = budget[0] + budget[1]
    let file = budget[2] + budget[3]
    guard anon > 0, file > 0 else { return true }
    // Stop the smaller one and let the other keep its share of what was intended.
    let smallerIsFile = file <= anon
    let base = smallerIsFile ? 2 : 0
    let target = budgetTarget[base] + budgetTarget[base + 1] + 1
    let percentage = (smallerIsFile ? file : anon) * 100 / target
    budget[base] = 0
    budget[base + 1] = 0
    let other = 2 - base
    for i in other..<(other + 2) {
      let done = budgetTarget[i] - budget[i]
      let wanted = budgetTarget[i] * (100 - percentage) / 100
      budget[i] = max(wanted - min(wanted, done), 0)
    }
    scanAdjusted = true
    return false
  }

  private func endPass(cpu: Int) -> Picoseconds? {
    control.reclaimed += reclaimedHere
    if canDemote && memory.inactiveIsLow(node: node, file: false) {
      _ = memory.shrinkActiveList(
        node: node, list: .activeAnon, wanted: clusterMax, highest: control.highest, cpu: cpu)
    }
    phase = .idle
    // shrink_slab: of all shrinkers the model has that of partly mapped 2 MiB pages. What it frees does not count as reclaimed.
    let split = memory.shrinkDeferredSplits(node: node, priority: control.priority, cpu: cpu)
    return split > 0 ? split * costs.splitHuge : nil
  }

  /// `shrink_inactive_list` up to the migration of what is to be demoted.
  private func shrinkInactive(list: LRUList, wanted: Int, now: Picoseconds, cpu: Int) -> Picoseconds? {
    memory.drainLRUBatches(cpu: cpu)
    let (count, scanned) = memory.isolateChunk(
      node: node, list: list, wanted: wanted, highest: control.highest, into: buffer)
    chunkIsFile = list.isFile
    chunkScanned = scanned
    chunkReclaimed = 0
    chunkPageouts = 0
    control.scanned += scanned
    memory.vmstat[control.isKswapd ? .pgscan_kswapd : .pgscan_direct] += scanned
    memory.vmstat[list.isFile ? .pgscan_file : .pgscan_anon] += scanned
    guard count > 0 else { return 0 }
    var demoting = 0
    // A huge page is 512 pages of the scan, and one folio to look at: one walk of its reverse map, one PMD.
    var time = count * costs.reclaimPage
    for i in 0..<count {
      let pfn = buffer[i]
      let references = memory.checkReferences(pfn)
      switch references {
      case .activate:
        memory.activate(pfn)
        memory.putBack(pfn)
      case .keep:
        memory.putBack(pfn)
      case .reclaim, .reclaimClean:
        if canDemote {
          // The kernel builds this list at its head: the last one found is migrated first.
          demote[count - 1 - demoting] = pfn
          demoting += 1
        } else {
          time += reclaimPlain(pfn, onlyClean: references == .reclaimClean, cpu: cpu)
        }
      }
    }
    // What looking at the pages costs is the demotion's stage isolate, in proportion to those that go.
    job.trace.addIsolation(demoting * costs.reclaimPage, .demotion)
    guard demoting > 0, let target = targets.choose(from: node, random: &random) else {
      finishChunk()
      return time
    }
    job.start(
      UnsafeBufferPointer(start: demote + (count - demoting), count: demoting), to: target, reason: .demotion,
      mode: .async, runningCPUs: runningCPUs, caller: caller, isConcurrent: knobs.concurToDemote)
    job.noteIsolation(at: now, time: demoting * costs.reclaimPage)
    phase = .migrate
    return time
  }

  /// What happens to a page that is not demoted: a clean file page is dropped; a dirty one is written first, unless it was
  /// referenced (FOLIOREF_RECLAIM_CLEAN), and then kept; an anonymous one has nowhere to go without swap and is activated.
  /// The kernel leaves the writing to flusher threads; here the reclaiming thread does it.
  private func reclaimPlain(_ pfn: PFN, onlyClean: Bool, cpu: Int) -> Picoseconds {
    if memory.isFile(pfn), memory.order(of: pfn) == 0 {
      if onlyClean && memory.isDirty(pfn) {
        memory.putBack(pfn)
        return 0
      }
      let wasDirty = memory.dropFilePage(pfn, cpu: cpu)
      chunkReclaimed += 1
      if wasDirty { chunkPageouts += 1 }
      return wasDirty ? costs.writebackPage : 0
    }
    memory.activate(pfn)
    memory.putBack(pfn)
    return 0
  }

  /// Accounts a finished demotion and runs what was left over through plain reclaim.
  private func finishDemotion(cpu: Int) {
    let moved = job.nrSucceeded
    memory.vmstat[control.isKswapd ? .pgdemote_kswapd : .pgdemote_direct] += moved
    if memory.rules.isTPP { memory.vmstat[chunkIsFile ? .pgdemote_file : .pgdemote_anon] += moved }
    chunkReclaimed += moved
    for pfn in job.leftovers {
      let references = memory.checkReferences(pfn)
      switch references {
      case .keep: memory.putBack(pfn)
      case .activate:
        memory.activate(pfn)
        memory.putBack(pfn)
      case .reclaim, .reclaimClean:
        _ = reclaimPlain(pfn, onlyClean: references == .reclaimClean, cpu: cpu)
      }
    }
    finishChunk()
  }

  private func finishChunk() {
    memory.vmstat[control.isKswapd ? .pgsteal_kswapd : .pgsteal_direct] += chunkReclaimed
    memory.vmstat[chunkIsFile ? .pgsteal_file : .pgsteal_anon] += chunkReclaimed
    memory.noteCost(
      node: node, file: chunkIsFile, pageouts: chunkPageouts, rotated: chunkScanned - chunkReclaimed)
    reclaimedHere += chunkReclaimed
    phase = .chunk
  }
}
