// One call of migrate_pages as a resumable job: each step changes state and says how much CPU time the change takes.
// The driver lets that time pass before the next step, so that everybody else sees the pages unavailable meanwhile.
// Source: mm/migrate.c migrate_pages, migrate_pages_batch (6.12), migrate_pages, unmap_and_move (5.13), and
// migrate_pages_concur of DSA-2LM's 5.13 tree. What the stages do is in MigrationJob+Stages.swift, in which order a kernel takes pages
// through them in MigrationJob+Batches.swift (6.12), +SinglePages.swift (5.13) and +Concurrent.swift.

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
  let links: Links
  let copies: CopyMachine
  let listCopy: ModelCopy
  public let trace: MigrationTrace
  public var costs: CostKnobs

  var phase = Phase.idle
  private(set) var reason = MigrateReason.demotion
  var mode = MigrateMode.async
  var target = MigrationTarget(node: 0, allowed: 0)
  /// Where compaction moves pages to, instead of `target`.
  var freePages: CompactControl?
  var runningCPUs = 1
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
  var splits: [PFN] = []
  var isSplitPass = false
  var outOfMemory = false
  /// Whether some page found no destination (-ENOMEM).
  public internal(set) var ranOutOfMemory = false
  var baseInBatch = false

  var succeeded = 0
  var failedPages = 0
  /// Base pages that an earlier call for the same list has moved.
  private var succeededBefore = 0
  var hugeSucceeded = 0
  var hugeFailed = 0
  var hugeSplit = 0

  /// Folios that were not migrated; still isolated, the caller puts them back.
  public internal(set) var leftovers: [PFN] = []
  /// Base pages moved by the call.
  public var nrSucceeded: Int { succeededBefore + succeeded }
  /// Real bytes that this call has copied page by page.
  var serialCopies = MeasuredCopy(.pages, engine: CopyMethod.cpu.name)
  /// Whether a step since `takeRemapped` made pages available again.
  var remapped = false

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

  func end(now: Picoseconds, cpu: Int) {
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
    // 5.13 promotes huge pages outside migrate_pages (migrate_misplaced_transhuge_page): pages are counted, huge pages are not, and there
    // is no line.
    if memory.rules.isTPP && reason == .numaMisplaced && hugeSucceeded + hugeFailed > 0 { return }
    memory.vmstat[.thp_migration_success] += hugeSucceeded
    memory.vmstat[.thp_migration_fail] += hugeFailed
    memory.vmstat[.thp_migration_split] += hugeSplit
    trace.add(
      MigrateRecord(
        time: now, cpu: cpu, caller: caller, succeeded: succeeded, failed: failedPages, hugeSucceeded: hugeSucceeded,
        hugeFailed: hugeFailed, hugeSplit: hugeSplit, mode: mode, reason: reason, function: function))
  }
}
