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
  private var nodes: [Int] = []
  private var next = 0
  private var isShrinking = false
  private var isRunning = false
  /// The allocation that it is for.
  private var policy = AllocationPolicy.user
  private var node = 0
  private var extfragThreshold = 500
  /// Whether the last run found a zone that compaction alone can help.
  private var isCompactionReady = false

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

  /// Whether the last run freed something, or found that compaction can do without.
  public var madeProgress: Bool { control.reclaimed > 0 || isCompactionReady }

  /// Begins a run for an allocation of `order` that prefers `node`.
  public func start(
    node: Int, order: Int = 0, policy: AllocationPolicy = .user, extfragThreshold: Int = 500
  ) {
    self.node = node
    self.policy = policy
    self.extfragThreshold = extfragThreshold
    control = ScanControl()
    control.order = order
    isCompactionReady = false
    collectNodes()
    control.isKswapd = false
    control.toReclaim = clusterMax
    next = 0
    isShrinking = false
    isRunning = !nodes.isEmpty
    let kind = memory.zones[memory.zonelists[node][0]].kind
    memory.vmstat.values[VMEvent.allocstall_dma.rawValue + kind.rawValue] += 1
  }

  /// The nodes of the zonelist, in its order. For a costly order a zone that can be compacted as it is needs no reclaim
  /// (`shrink_zones`).
  private func collectNodes() {
    nodes.removeAll(keepingCapacity: true)
    for zone in memory.zonelists[node] where !nodes.contains(memory.zones[zone].node) {
      if control.order > 0 {
        guard memory.allowedZones(node: node, policy: policy).contains(zone) else { continue }
        if control.order > Memory.costlyOrder,
          memory.isReadyToCompact(
            zone: zone, order: control.order, highest: policy.highest, threshold: extfragThreshold)
        {
          isCompactionReady = true
          continue
        }
      }
      nodes.append(memory.zones[zone].node)
    }
  }

  /// Does the next step.
  public func step(now: Picoseconds, cpu: Int) -> JobStep {
    guard isRunning else { return .done }
    if isShrinking {
      let step = shrinkers[nodes[next]].step(now: now, cpu: cpu)
      if step != .done { return step }
      let done = shrinkers[nodes[next]].control
      let progress = done.reclaimed - control.reclaimed
      control.reclaimed = done.reclaimed
      control.scanned = done.scanned
      isShrinking = false
      if progress > 0 && memory.needsMoreToCompact(node: nodes[next], control, threshold: extfragThreshold) {
        isShrinking = true
        shrinkers[nodes[next]].start(control, cpu: cpu)
        return .useCPU(0)
      }
      next += 1
      if next == nodes.count {
        if control.reclaimed >= control.toReclaim || control.priority == 0 || isCompactionReady {
          isRunning = false
          return .done
        }
        control.priority -= 1
        next = 0
        collectNodes()
        guard !nodes.isEmpty else {
          isRunning = false
          return .done
        }
      }
    }
    isShrinking = true
    shrinkers[nodes[next]].start(control, cpu: cpu)
    return .useCPU(0)
  }
}
