// One call of migrate_pages as a resumable job: each step changes state and says how much CPU time the change takes.
// The driver lets that time pass before the next step, so that everybody else sees the pages unavailable meanwhile.
// Source: mm/migrate.c migrate_pages, migrate_pages_batch (6.12), migrate_pages, unmap_and_move (5.13), and
// migrate_pages_concur of DSA-2LM's 5.13 tree (MigrationJob+Concurrent.swift).

import Machine
import MemoryModel
import PageCopy
import Units

/// Where the pages of a migration go.
public struct MigrationTarget: Sendable {
  /// Preferred node.
  public var node: Int
  /// All nodes that will do, as a bit mask; the preferred one is tried alone first.
  public var allowed: UInt64

  public init(node: Int, allowed: UInt64) {
    self.node = node
    self.allowed = allowed
  }
}

/// Migrates one list of isolated folios. Made once and started again for each list, so that no step allocates.
public final class MigrationJob {
  enum Phase {
    case idle, unmapBatch, flushBatch, moveNext, remap, batchCopy, batchRemap
    case pageUnmap, pageCopy, pageRemap, listUnmap, listCopy, listRemap
  }

  let memory: Memory
  private let links: Links
  let copies: CopyMachine
  let listCopy: ModelCopy
  public let trace: MigrationTrace
  public var costs: CostKnobs

  var phase = Phase.idle
  private(set) var reason = MigrateReason.demotion
  private var mode = MigrateMode.async
  private var target = MigrationTarget(node: 0, allowed: 0)
  /// Where compaction moves pages to, instead of `target`.
  private var freePages: CompactControl?
  private var runningCPUs = 1
  private(set) var caller = MigrateCaller.kswapd(node: 0)
  /// What a timeline has to know between two steps (MigrationJob+Timeline.swift).
  var shown = ShownCall()

  /// Folios still to do, in order; the batch being done; split folios that get one more pass.
  var pending: [PFN] = []
  var pendingIndex = 0
  var unmapped: [(old: PFN, new: PFN)] = []
  var moveIndex = 0
  /// What the concurrent call leaves to migrate_pages.
  var serial: [PFN] = []
  private var splits: [PFN] = []
  private var isSplitPass = false
  private var outOfMemory = false
  /// Whether some page found no destination (-ENOMEM).
  public private(set) var ranOutOfMemory = false
  private var baseInBatch = false

  private var succeeded = 0
  private var failedPages = 0
  /// Base pages that an earlier call for the same list has moved.
  private var succeededBefore = 0
  private var hugeSucceeded = 0
  private var hugeFailed = 0
  private var hugeSplit = 0

  /// Folios that were not migrated; still isolated, the caller puts them back.
  public private(set) var leftovers: [PFN] = []
  /// Base pages moved by the call.
  public var nrSucceeded: Int { succeededBefore + succeeded }
  /// Real bytes that this call has copied page by page.
  private var serialCopies = MeasuredCopy(.pages, engine: CopyMethod.cpu.name)
  /// Whether a step since `takeRemapped` made pages available again.
  private var remapped = false

  /// - Parameter copies: what moves the bytes of lists and huge pages; shared by all jobs of a run.
  public init(memory: Memory, links: Links, trace: MigrationTrace, costs: CostKnobs, copies: CopyMachine? = nil) {
    self.memory = memory
    self.links = links
    self.trace = trace
    self.costs = costs
    let copies = copies ?? CopyMachine(memory: memory, links: links, costs: costs)
    self.copies = copies
    listCopy = ModelCopy(machine: copies)
  }

  public var isIdle: Bool { phase == .idle }

  /// Begins a call of migrate_pages, or of migrate_pages_concur.
  ///
  /// - Parameters:
  ///   - list: isolated folios, in the order migrate_pages walks them.
  ///   - runningCPUs: CPUs on which the pages' process runs: the receivers of its TLB flushes, this one included.
  ///   - caller: who calls.
  ///   - isConcurrent: take the whole list through each stage together, as migrate_pages_concur does (tpp2021 only).
  public func start(
    _ list: UnsafeBufferPointer<PFN>, to target: MigrationTarget, reason: MigrateReason, mode: MigrateMode,
    runningCPUs: Int, caller: MigrateCaller, isConcurrent: Bool = false
  ) {
    begin(
      list, to: target, reason: reason, mode: mode, runningCPUs: runningCPUs, caller: caller, isConcurrent: isConcurrent
    )
    freePages = nil
  }

  /// Begins a call of migrate_pages for compaction: within the zone, to the pages that its free scanner isolates.
  public func start(
    _ list: UnsafeBufferPointer<PFN>, compacting control: CompactControl, mode: MigrateMode, runningCPUs: Int,
    caller: MigrateCaller, isConcurrent: Bool
  ) {
    let node = memory.zones[control.zone].node
    begin(
      list, to: MigrationTarget(node: node, allowed: 1 << UInt64(node)), reason: .compaction, mode: mode,
      runningCPUs: runningCPUs, caller: caller, isConcurrent: isConcurrent)
    freePages = control
  }

  private func begin(
    _ list: UnsafeBufferPointer<PFN>, to target: MigrationTarget, reason: MigrateReason, mode: MigrateMode,
    runningCPUs: Int, caller: MigrateCaller, isConcurrent: Bool
  ) {
    precondition(isIdle && !list.isEmpty)
    shown = ShownCall()
    self.target = target
    self.reason = reason
    self.mode = mode
    self.runningCPUs = max(runningCPUs, 1)
    self.caller = caller
    pending.removeAll(keepingCapacity: true)
    pending.append(contentsOf: list)
    pendingIndex = 0
    splits.removeAll(keepingCapacity: true)
    leftovers.removeAll(keepingCapacity: true)
    isSplitPass = false
    outOfMemory = false
    ranOutOfMemory = false
    succeededBefore = 0
    resetCounts()
    precondition(!isConcurrent || !memory.rules.migratesInBatches, "migrate_pages_concur is 5.13's")
    phase = isConcurrent ? .listUnmap : memory.rules.migratesInBatches ? .unmapBatch : .pageUnmap
    if isConcurrent { startConcurrent() }
  }

  private func resetCounts() {
    succeeded = 0
    failedPages = 0
    hugeSucceeded = 0
    hugeFailed = 0
    hugeSplit = 0
  }

  /// True once after steps that made pages available again: waiters should look.
  public func takeRemapped() -> Bool {
    defer { remapped = false }
    return remapped
  }

  /// Does the next step on `cpu` at `now`.
  public func step(now: Picoseconds, cpu: Int) -> JobStep {
    if copies.isShowing || shown.from != nil, let timeline = copies.timeline { showStep(in: timeline, now: now) }
    switch phase {
    case .batchCopy, .pageCopy, .listCopy: return stepCopy(now: now, cpu: cpu)
    default:
      guard let time = stageStep(now: now, cpu: cpu) else { return .done }
      return .useCPU(time)
    }
  }

  /// The next step of a stage that no engine does; nil when the call is over.
  private func stageStep(now: Picoseconds, cpu: Int) -> Picoseconds? {
    switch phase {
    case .idle, .batchCopy, .pageCopy, .listCopy: return nil
    case .unmapBatch: return unmapBatch(now: now, cpu: cpu)
    case .flushBatch: return flushBatch(cpu: cpu)
    case .moveNext: return moveNext(cpu: cpu)
    case .remap: return remapMoved(cpu: cpu)
    case .pageUnmap: return unmapPage(now: now, cpu: cpu)
    case .pageRemap: return remapPage(cpu: cpu)
    case .batchRemap: return remapBatch(cpu: cpu)
    case .listUnmap: return unmapNextOfList(cpu: cpu)
    case .listRemap: return remapNextOfList(now: now, cpu: cpu)
    }
  }

  // MARK: 6.12: batches

  /// The unmap phase of one batch: folios until their pages reach 512, the folio that crosses included.
  private func unmapBatch(now: Picoseconds, cpu: Int) -> Picoseconds? {
    guard pendingIndex < pending.count, !outOfMemory else { return finishPass(now: now, cpu: cpu) }
    unmapped.removeAll(keepingCapacity: true)
    moveIndex = 0
    baseInBatch = false
    var pages = 0
    var time = 0
    while pendingIndex < pending.count, pages < Page.perHuge {
      let old = pending[pendingIndex]
      pendingIndex += 1
      let size = memory.pages(of: old)
      if takeFreed(old, cpu: cpu) { continue }
      pages += size
      if splitsFirst(old, time: &time) { continue }
      guard let new = allocateTarget(order: memory.order(of: old), cpu: cpu, time: &time) else {
        if noTarget(for: old, time: &time) { continue }
        outOfMemory = true
        break
      }
      time += unmap(old, to: new)
      if size == 1 { baseInBatch = true }
      unmapped.append((old, new))
    }
    phase = .flushBatch
    return time
  }

  /// One flush for the batch's base pages; each 2 MiB folio was flushed when it was unmapped.
  ///
  /// With DSA or workers on, the whole batch is then copied as one list: no kernel of these versions does that. It follows the
  /// proposed folios_mc_copy (linux-mm.md 3.6), with the original's threshold.
  private func flushBatch(cpu: Int) -> Picoseconds? {
    phase = .moveNext
    if copies.copiesLists, !unmapped.isEmpty {
      phase = .batchCopy
      listCopy.start(unmapped, cpu: cpu, isUsedNext: reason.usesNext)
    }
    guard baseInBatch else { return 0 }
    return flush()
  }

  /// Maps the batch's folios again, one a step.
  private func remapBatch(cpu: Int) -> Picoseconds? {
    guard moveIndex < unmapped.count else {
      phase = .unmapBatch
      return 0
    }
    defer { moveIndex += 1 }
    return remap(unmapped[moveIndex], cpu: cpu)
  }

  // MARK: Copies by an engine

  private func stepCopy(now: Picoseconds, cpu: Int) -> JobStep {
    let step = listCopy.step(now: now, cpu: cpu)
    let spent = listCopy.takeSpent()
    trace.add(spent, .copy, reason)
    shown.copySpent += spent
    guard step == .done else { return step }
    listCopy.noteReal()
    if shown.copyFrom != nil, let timeline = copies.timeline { showCopy(in: timeline, now: now) }
    moveIndex = 0
    switch phase {
    case .batchCopy: phase = .batchRemap
    case .pageCopy: phase = .pageRemap
    default: phase = .listRemap
    }
    return .useCPU(0)
  }

  private func moveNext(cpu: Int) -> Picoseconds? {
    guard moveIndex < unmapped.count else {
      phase = .unmapBatch
      return 0
    }
    phase = .remap
    return copy(unmapped[moveIndex])
  }

  private func remapMoved(cpu: Int) -> Picoseconds? {
    let time = remap(unmapped[moveIndex], cpu: cpu)
    moveIndex += 1
    phase = .moveNext
    return time
  }

  /// The list is through: the splits get their pass, unless a page found no room, then the call ends.
  private func finishPass(now: Picoseconds, cpu: Int) -> Picoseconds? {
    while pendingIndex < pending.count {
      // Not tried after the target ran out: given back, not counted as failed.
      leftovers.append(pending[pendingIndex])
      pendingIndex += 1
    }
    if outOfMemory { leftovers.append(contentsOf: splits) }
    if !splits.isEmpty && !isSplitPass && !outOfMemory {
      isSplitPass = true
      swap(&pending, &splits)
      splits.removeAll(keepingCapacity: true)
      pendingIndex = 0
      outOfMemory = false
      return 0
    }
    end(now: now, cpu: cpu)
    return nil
  }

  // MARK: 5.13: one page at a time through all stages

  private func unmapPage(now: Picoseconds, cpu: Int) -> Picoseconds? {
    var time = 0
    while pendingIndex < pending.count {
      let old = pending[pendingIndex]
      pendingIndex += 1
      if takeFreed(old, cpu: cpu) { continue }
      if splitsFirst(old, time: &time) {
        insertSplits()
        continue
      }
      guard let new = allocateTarget(order: memory.order(of: old), cpu: cpu, time: &time) else {
        if noTarget(for: old, time: &time) {
          insertSplits()
          continue
        }
        leftovers.append(contentsOf: pending[pendingIndex...])
        pendingIndex = pending.count
        break
      }
      time += unmap(old, to: new)
      if memory.order(of: old) == 0 { time += flush() }
      unmapped.removeAll(keepingCapacity: true)
      unmapped.append((old, new))
      if memory.order(of: old) > 0 {
        listCopy.start(unmapped, isSingle: true, cpu: cpu, isUsedNext: reason.usesNext)
        phase = .pageCopy
        return time
      }
      phase = .pageRemap
      return time + copy(unmapped[0])
    }
    end(now: now, cpu: cpu)
    return time > 0 ? time : nil
  }

  /// A split folio's pages are tried in its place, in the same pass.
  private func insertSplits() {
    pending.insert(contentsOf: splits, at: pendingIndex)
    splits.removeAll(keepingCapacity: true)
  }

  private func remapPage(cpu: Int) -> Picoseconds? {
    phase = .pageUnmap
    return remap(unmapped[0], cpu: cpu)
  }

  // MARK: Stages

  /// Accounts the CPU time of a stage.
  @inline(__always)
  func spend(_ time: Picoseconds, _ stage: MigrateStage) {
    trace.add(time, stage, reason)
    if shown.from != nil { show(stage, time) }
  }

  /// A destination of the same order: the preferred node alone, then any allowed one, never with direct reclaim
  /// (`alloc_demote_folio`, `alloc_misplaced_dst_folio`).
  func allocateTarget(order: Int, cpu: Int, time: inout Picoseconds) -> PFN? {
    if let freePages { return takeTarget(from: freePages, time: &time) }
    time += costs.allocate
    spend(costs.allocate, .allocate)
    if copies.failsAllocation() { return nil }
    var policy = AllocationPolicy.promotion
    if reason == .demotion {
      // A base-page demotion wakes kswapd of its target and digs to the min mark; a huge one has its reclaim bits
      // replaced by GFP_TRANSHUGE and wakes nobody.
      policy.mayWakeKswapd = order == 0
    }
    if let pfn = memory.allocate(order: order, node: target.node, cpu: cpu, policy: policy) { return pfn }
    guard reason == .demotion, target.allowed.nonzeroBitCount > 1 else { return nil }
    policy.thisNodeOnly = false
    policy.nodeMask = target.allowed
    return memory.allocate(order: order, node: target.node, cpu: cpu, policy: policy)
  }

  /// Compaction's destination: what the free scanner holds, or finds now (`compaction_alloc`).
  private func takeTarget(from control: CompactControl, time: inout Picoseconds) -> PFN? {
    if copies.failsAllocation() { return nil }
    let pfn = control.takeTarget()
    let scan = control.takeScanned() * costs.compactScan
    time += scan
    spend(scan, .allocate)
    return pfn
  }

  /// No destination for `old`. True if the call can go on: a 2 MiB folio was split (never for promotion).
  private func noTarget(for old: PFN, time: inout Picoseconds) -> Bool {
    let pages = memory.pages(of: old)
    if pages > 1 && reason != .numaMisplaced {
      split(old, time: &time)
      return true
    }
    ranOutOfMemory = true
    failedPages += pages
    if pages > 1 { hugeFailed += 1 }
    if memory.rules.isTPP { memory.vmstat[.pgmigrate_fail_nomem] += pages }
    leftovers.append(old)
    return false
  }

  /// Splits a 2 MiB folio that is partly mapped, before anything else is done with it, whatever the reason. 5.13 moves it whole; that
  /// is left out.
  private func splitsFirst(_ old: PFN, time: inout Picoseconds) -> Bool {
    guard memory.isPageMapped(old) else { return false }
    split(old, time: &time)
    return true
  }

  /// Splits a 2 MiB folio; its pages are to be tried by themselves.
  private func split(_ old: PFN, time: inout Picoseconds) {
    let pages = memory.pages(of: old)
    memory.splitHuge(old)
    spend(costs.splitHuge, .unmap)
    time += costs.splitHuge
    // 5.13 counts a 2 MiB folio as failed only when it could not be split.
    if memory.rules.migratesInBatches { hugeFailed += 1 }
    hugeSplit += 1
    for i in 0..<pages { splits.append(old + PFN(i)) }
  }

  /// A folio that was unmapped since it was isolated is freed here and counts as moved ("freed from under us").
  func takeFreed(_ old: PFN, cpu: Int) -> Bool {
    let pages = memory.pages(of: old)
    guard memory.releaseOrphan(old, cpu: cpu) else { return false }
    succeeded += pages
    if pages > 1 { hugeSucceeded += 1 }
    return true
  }

  func unmap(_ old: PFN, to new: PFN) -> Picoseconds {
    memory.unmapForMigration(old, to: new)
    spend(costs.unmap, .unmap)
    // A PMD-mapped folio is not covered by the batched flush.
    return costs.unmap + (memory.order(of: old) > 0 ? flush() : 0)
  }

  func flush() -> Picoseconds {
    let time = costs.flush + costs.flushPerCPU * (runningCPUs - 1)
    spend(time, .flush)
    trace.addFlush(reason)
    return time
  }

  /// Copies a folio on this CPU.
  func copy(_ pair: (old: PFN, new: PFN)) -> Picoseconds {
    memory.copyContent(from: pair.old, to: pair.new)
    var time = links.copy(
      bytes: memory.pages(of: pair.old) << Page.shift, from: memory.node(of: pair.old), to: memory.node(of: pair.new),
      cpuBandwidth: costs.copyBandwidth)
    if let backing = copies.backing { time = copyBytes(pair, by: backing, modelled: time) }
    spend(time, .copy)
    copies.context.timer.addSerial(pages: memory.pages(of: pair.old), time)
    return time
  }

  func remap(_ pair: (old: PFN, new: PFN), cpu: Int) -> Picoseconds {
    let pages = memory.pages(of: pair.old)
    let isTPPDemotion = memory.rules.isTPP && reason == .demotion
    memory.finishMigration(
      from: pair.old, to: pair.new, inaccessible: isTPPDemotion, setDemoted: isTPPDemotion, cpu: cpu)
    remapped = true
    succeeded += pages
    if pages > 1 { hugeSucceeded += 1 }
    trace.addMoved(reason, pages: pages)
    spend(costs.remap, .remap)
    spend(costs.putBack, .putBack)
    return costs.remap + costs.putBack
  }

  /// Moves the bytes behind a folio: the time that counts.
  private func copyBytes(
    _ pair: (old: PFN, new: PFN), by backing: any FrameCopier, modelled: Picoseconds
  ) -> Picoseconds {
    let order = memory.order(of: pair.old)
    let measured = backing.copyPage(
      FrameMove(from: pair.old, to: pair.new, order: order), isUsedNext: reason.usesNext)
    if order > 0 { serialCopies.hugePages += 1 } else { serialCopies.basePages += 1 }
    serialCopies.measured += measured
    serialCopies.modelled = backing.drivesClock ? nil : (serialCopies.modelled ?? 0) + modelled
    return backing.drivesClock ? measured : modelled
  }

  /// What was copied page by page since the last report is one copy of real bytes.
  private func noteSerialCopies() {
    guard let backing = copies.backing, serialCopies.bytes > 0 else { return }
    backing.note(serialCopies)
    serialCopies = MeasuredCopy(.pages, engine: CopyMethod.cpu.name)
  }

  private func end(now: Picoseconds, cpu: Int) {
    phase = .idle
    noteSerialCopies()
    leftovers.removeAll { memory.releaseOrphan($0, cpu: cpu) }
    report(.migratePages, now: now, cpu: cpu)
  }

  /// What has been done since the last report counts as a call of `function`.
  func report(_ function: MigrateFunction, now: Picoseconds, cpu: Int) {
    defer {
      succeededBefore += succeeded
      resetCounts()
    }
    if shown.from != nil, let timeline = copies.timeline {
      showCall(function, succeeded: succeeded, failed: failedPages, in: timeline, now: now)
    }
    memory.vmstat[.pgmigrate_success] += succeeded
    memory.vmstat[.pgmigrate_fail] += failedPages
    memory.vmstat[.thp_migration_success] += hugeSucceeded
    memory.vmstat[.thp_migration_fail] += hugeFailed
    memory.vmstat[.thp_migration_split] += hugeSplit
    // 5.13 promotes huge pages outside migrate_pages: no line.
    if memory.rules.isTPP && reason == .numaMisplaced && (hugeSucceeded > 0 || hugeFailed > 0) { return }
    trace.add(
      MigrateRecord(
        time: now, cpu: cpu, caller: caller, succeeded: succeeded, failed: failedPages, hugeSucceeded: hugeSucceeded,
        hugeFailed: hugeFailed, hugeSplit: hugeSplit, mode: mode, reason: reason, function: function))
  }
}
