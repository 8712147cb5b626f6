// Direct reclaim: an allocation that found nothing frees 32 pages itself. Source: mm/vmscan.c try_to_free_pages,
// mm/page_alloc.c __alloc_pages_slowpath (MAX_RECLAIM_RETRIES).

import Machine
import MemoryModel
import Migration
import Units

/// One thread's direct reclaim, as steps.
public final class DirectReclaim {
  private let memory: Memory
  private let job: MigrationJob
  private let shrinkers: [NodeShrinker]
  private var control = ScanControl()
  private var order: [Int] = []
  private var next = 0
  private var isShrinking = false
  private var isRunning = false

  public init(
    memory: Memory, targets: DemotionTargets, links: Links, trace: MigrationTrace, knobs: ReclaimKnobs,
    costs: CostKnobs, copies: CopyMachine? = nil, caller: MigrateCaller, seed: UInt64
  ) {
    self.memory = memory
    let job = MigrationJob(memory: memory, links: links, trace: trace, costs: costs, copies: copies)
    self.job = job
    shrinkers = (0..<memory.nodeCount).map {
      NodeShrinker(
        memory: memory, targets: targets, job: job, node: $0, caller: caller, knobs: knobs, costs: costs,
        seed: seed &+ UInt64($0))
    }
  }

  /// Takes new knob values.
  public func apply(knobs: ReclaimKnobs, runningCPUs: Int) {
    for shrinker in shrinkers {
      shrinker.knobs = knobs
      shrinker.runningCPUs = runningCPUs
    }
  }

  /// Base pages freed by the last run.
  public var reclaimed: Int { control.reclaimed }

  /// True once after steps that made pages available again.
  public func takeRemapped() -> Bool { job.takeRemapped() }

  /// Begins a run for an allocation that prefers `node`.
  public func start(node: Int) {
    order = []
    for zone in memory.zonelists[node] where !order.contains(memory.zones[zone].node) {
      order.append(memory.zones[zone].node)
    }
    control = ScanControl()
    control.isKswapd = false
    control.toReclaim = clusterMax
    next = 0
    isShrinking = false
    isRunning = true
    let kind = memory.zones[memory.zonelists[node][0]].kind
    memory.vmstat.values[VMEvent.allocstall_dma.rawValue + kind.rawValue] += 1
  }

  /// Does the next step.
  public func step(now: Picoseconds, cpu: Int) -> JobStep {
    guard isRunning else { return .done }
    if isShrinking {
      let step = shrinkers[order[next]].step(now: now, cpu: cpu)
      if step != .done { return step }
      let done = shrinkers[order[next]].control
      control.reclaimed = done.reclaimed
      control.scanned = done.scanned
      isShrinking = false
      next += 1
      if next == order.count {
        if control.reclaimed >= control.toReclaim || control.priority == 0 {
          isRunning = false
          return .done
        }
        control.priority -= 1
        next = 0
      }
    }
    isShrinking = true
    shrinkers[order[next]].start(control, cpu: cpu)
    return .useCPU(0)
  }
}
