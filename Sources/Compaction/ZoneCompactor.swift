// Compaction of one zone, a step at a time: isolate pages of a block, move them to free pages of the zone's end, look whether that
// is enough. Source: mm/compaction.c compact_zone.

import Machine
import MemoryModel
import Migration
import Units

/// `compact_zone` as steps. Made once a thread and started again for each zone.
public final class ZoneCompactor {
  private enum Phase { case idle, begin, scan, migrate }

  private let memory: Memory
  private let job: MigrationJob
  private let caller: MigrateCaller
  private let costs: CostKnobs
  public var knobs = CompactionKnobs()
  /// CPUs that a TLB flush has to reach.
  public var runningCPUs = 1

  private var phase = Phase.idle
  private var control: CompactControl!
  private var mode = MigrateMode.syncLight
  private var zone = 0
  private var request = CompactRequest()
  /// The block that pages were last moved out of; 0 once what they left was merged.
  private var lastMigrated: PFN = 0
  private var sharesPosition = false

  /// How the last compaction ended.
  public private(set) var result = CompactResult.skipped
  /// What it has looked at.
  public private(set) var migrateScanned = 0
  public private(set) var freeScanned = 0

  public init(job: MigrationJob, memory: Memory, costs: CostKnobs, caller: MigrateCaller) {
    self.job = job
    self.memory = memory
    self.costs = costs
    self.caller = caller
  }

  /// Begins a compaction of `zone`.
  public func start(_ request: CompactRequest, zone: Int, mode: MigrateMode) {
    precondition(phase == .idle)
    self.request = request
    self.zone = zone
    self.mode = mode
    migrateScanned = 0
    freeScanned = 0
    phase = .begin
  }

  /// True once after steps that made pages available again.
  public func takeRemapped() -> Bool { job.takeRemapped() }

  /// Does the next step; at the end `result` is there.
  public func step(now: Picoseconds, cpu: Int) -> JobStep {
    switch phase {
    case .idle: return .done
    case .begin: return begin(cpu: cpu)
    case .scan: return scan(now: now, cpu: cpu)
    case .migrate:
      let step = job.step(now: now, cpu: cpu)
      guard step == .done else { return step }
      return migrated(cpu: cpu)
    }
  }

  private func begin(cpu: Int) -> JobStep {
    if let order = request.order {
      switch memory.compactionSuitability(
        zone: zone, order: order, highest: request.highest, isKcompactd: !request.isDirect,
        threshold: knobs.extfragThreshold)
      {
      case .notNeeded: return end(.success)
      case .unsuitable: return end(.skipped)
      case .suitable: break
      }
    }
    control = CompactControl(request, zone: zone, memory: memory)
    lastMigrated = 0
    sharesPosition = request.isAsync && control.hasSharedPosition
    memory.drainLRUBatches(cpu: cpu)
    phase = .scan
    return .useCPU(0)
  }

  private func end(_ result: CompactResult) -> JobStep {
    self.result = result
    phase = .idle
    return .done
  }

  /// The end of a compaction that has begun: what it still holds is free again.
  private func finish(_ result: CompactResult, cpu: Int) -> JobStep {
    control.releaseFreePages(cpu: cpu)
    migrateScanned = control.migrateScanned
    freeScanned = control.freeScanned
    memory.vmstat[.compact_migrate_scanned] += migrateScanned
    memory.vmstat[.compact_free_scanned] += freeScanned
    return end(result)
  }

  /// One round: is it enough, and if not, which pages are next.
  private func scan(now: Picoseconds, cpu: Int) -> JobStep {
    let state = control.finished(proactiveness: knobs.proactiveness)
    guard state == .continues else { return finish(state, cpu: cpu) }
    let before = control.migratePFN
    // A second list of one block takes all that is left of it.
    control.finishesBlock = block(lastMigrated) == block(before)
    let isAllowed = control.isolateSources()
    let list = control.takeSources()
    let time = control.takeScanned() * costs.compactScan + list.count * costs.isolate
    guard isAllowed else {
      for pfn in list { memory.putBack(pfn) }
      return finish(.contended, cpu: cpu)
    }
    guard !list.isEmpty else {
      if sharesPosition { control.shareCachedMigrate() }
      drainIfLeft(cpu: cpu)
      return .useCPU(time)
    }
    sharesPosition = false
    lastMigrated = memory.rules.isTPP ? before : max(memory.zones[zone].start, block(control.migratePFN - 1))
    list.withUnsafeBufferPointer {
      job.start(
        $0, compacting: control, mode: mode, runningCPUs: runningCPUs, caller: caller, isConcurrent: knobs.isConcurrent)
    }
    // A look that finds nothing is the scanner's time, not a migration's.
    job.trace.addIsolation(time, .compaction)
    job.noteIsolation(at: now, time: time)
    phase = .migrate
    return .useCPU(time)
  }

  private func block(_ pfn: PFN) -> PFN { pfn & ~PFN(Page.perHuge - 1) }

  /// A list was migrated; what could not be goes back to its LRU list.
  private func migrated(cpu: Int) -> JobStep {
    phase = .scan
    control.endList()
    let failed = job.leftovers
    for pfn in failed { memory.putBack(pfn) }
    if !failed.isEmpty {
      if job.ranOutOfMemory && !control.scannersMet { return finish(.contended, cpu: cpu) }
      if memory.rules.isTPP && request.isDirect && request.isAsync {
        control.skipRestOfWindow()
        lastMigrated = 0
      }
    }
    drainIfLeft(cpu: cpu)
    return .useCPU(0)
  }

  /// When the scanner has left a block of the order that it emptied: what was freed goes back to the buddy lists, so that it
  /// merges (`lru_add_drain_cpu_zone`).
  private func drainIfLeft(cpu: Int) {
    guard let order = request.order, order > 0, lastMigrated != 0 else { return }
    guard lastMigrated < control.migratePFN & ~(1 << PFN(order) - 1) else { return }
    memory.drainLRUBatches(cpu: cpu)
    memory.drainPerCPULists(zone: zone, cpu: cpu)
    lastMigrated = 0
  }
}
