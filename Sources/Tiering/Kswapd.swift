// kswapd: one kernel thread a node that keeps its zones above their marks. A state machine without a clock of its own:
// each step says what it needs. Source: mm/vmscan.c kswapd, kswapd_try_to_sleep, balance_pgdat.

import Events
import Machine
import MemoryModel
import Migration
import Units

/// kswapd of one node.
public final class Kswapd: KernelTask {
  private enum Phase { case asleep, napping, retrying, starting, priority, shrinking }

  public let node: Int
  private let memory: Memory
  private let clock: KernelClock
  private let job: MigrationJob
  private let shrinker: NodeShrinker
  private var costs: CostKnobs

  private var phase = Phase.asleep
  /// The order that was asked for, and the one that the last run ended at: 0 once it gave the higher one up.
  private var order = 0
  private var reclaimOrder = 0
  private var highest = ZoneKind.movable
  private var control = ScanControl()
  private var boostAtStart: [Int] = []
  private var boostLeft = 0
  private var isBoosted = false
  private var raisePriority = true
  private var reclaimedBefore = 0
  private var wokenEarly = false
  /// CPU time it has used.
  public var cpuTime = 0

  public init(
    node: Int, memory: Memory, targets: DemotionTargets, links: Links, trace: MigrationTrace, clock: KernelClock,
    knobs: ReclaimKnobs, costs: CostKnobs, copies: CopyMachine? = nil, seed: UInt64
  ) {
    self.node = node
    self.memory = memory
    self.clock = clock
    self.costs = costs
    job = MigrationJob(memory: memory, links: links, trace: trace, costs: costs, copies: copies)
    shrinker = NodeShrinker(
      memory: memory, targets: targets, job: job, node: node, caller: .kswapd(node: node), knobs: knobs, costs: costs,
      seed: seed)
  }

  /// Takes new knob values.
  public func apply(knobs: ReclaimKnobs, runningCPUs: Int) {
    shrinker.knobs = knobs
    shrinker.runningCPUs = runningCPUs
  }

  /// Tells it that it was woken.
  public func wake() {
    if phase == .napping { wokenEarly = true }
    memory.nodes[node].kswapdWaiting = false
  }

  /// True once after steps that made pages available again.
  public func takeRemapped() -> Bool { job.takeRemapped() }

  /// Does the next step.
  public func step(now: Picoseconds, cpu: Int) -> ThreadStep {
    switch phase {
    case .asleep, .retrying:
      memory.nodes[node].kswapdWaiting = false
      return beginRun()
    case .napping: return endNap(now: now)
    case .starting: return beginRun()
    case .priority: return nextPriority(now: now, cpu: cpu)
    case .shrinking:
      switch shrinker.step(now: now, cpu: cpu) {
      case .useCPU(let time): return .useCPU(time)
      case .spin: return .spin
      case .sleep: return .sleepForCopy
      case .done: return endPass(now: now, cpu: cpu)
      }
    }
  }

  // MARK: Sleeping

  /// `kswapd_try_to_sleep`: naps for 100 ms if the node is balanced.
  private func tryToSleep(now: Picoseconds) -> ThreadStep {
    if maySleep() {
      memory.resetSkips(node: node)
      memory.wakeKcompactd(node: node, order: order, highest: highest)
      phase = .napping
      wokenEarly = false
      memory.nodes[node].kswapdWaiting = true
      return .sleepUntil(now + clock.span(milliseconds: 100))
    }
    memory.vmstat[.kswapd_high_wmark_hit_quickly] += 1
    phase = .starting
    return .useCPU(costs.reclaimRound)
  }

  private func maySleep() -> Bool {
    memory.nodes[node].kswapdFailures >= 16 || memory.isBalanced(node: node, order: reclaimOrder, highest: highest)
  }

  private func endNap(now: Picoseconds) -> ThreadStep {
    if wokenEarly {
      // The run that was interrupted by the nap goes on at its order, unless more is asked for.
      memory.nodes[node].kswapdOrder = max(memory.nodes[node].kswapdOrder, reclaimOrder)
      memory.nodes[node].kswapdHighest = memory.nodes[node].kswapdHighest ?? highest
      memory.vmstat[.kswapd_low_wmark_hit_quickly] += 1
    } else if maySleep() {
      memory.nodes[node].kswapdWaiting = true
      // A hopeless node under TPP is tried again every 10 s; upstream waits for a wake.
      if memory.rules.isTPP && memory.nodes[node].kswapdFailures >= 16 {
        phase = .retrying
        return .sleepUntil(now + clock.span(milliseconds: 10_000))
      }
      phase = .asleep
      return .sleep
    } else {
      memory.vmstat[.kswapd_high_wmark_hit_quickly] += 1
    }
    memory.nodes[node].kswapdWaiting = false
    phase = .starting
    return .useCPU(0)
  }

  // MARK: balance_pgdat

  private func beginRun() -> ThreadStep {
    order = memory.nodes[node].kswapdOrder
    highest = memory.nodes[node].kswapdHighest ?? highest
    memory.nodes[node].kswapdOrder = 0
    memory.nodes[node].kswapdHighest = nil
    memory.vmstat[.pageoutrun] += 1
    control = ScanControl()
    control.order = order
    control.highest = highest
    boostLeft = 0
    boostAtStart.removeAll(keepingCapacity: true)
    for zone in memory.nodes[node].zones {
      let boost = memory.zones[zone].kind.rawValue <= highest.rawValue ? memory.zones[zone].boost : 0
      boostAtStart.append(boost)
      boostLeft += boost
    }
    isBoosted = boostLeft > 0
    memory.setReclaimActive(node: node, true)
    phase = .priority
    return .useCPU(costs.reclaimRound)
  }

  /// The head of the priority loop: is there anything to do, and how.
  private func nextPriority(now: Picoseconds, cpu: Int) -> ThreadStep {
    if control.priority < 1 { return endRun(now: now, failed: control.reclaimed == 0) }
    let balanced = memory.isBalanced(node: node, order: control.order, highest: highest)
    if !balanced && boostLeft > 0 {
      // Not only boosted: reclaim in earnest, from the start.
      boostLeft = 0
      control.priority = 12
    }
    if boostLeft == 0 && balanced { return endRun(now: now, failed: false) }
    raisePriority = !(boostLeft > 0 && control.priority == 10)
    control.maySwap = boostLeft == 0
    if shrinker.canDemote && memory.inactiveIsLow(node: node, file: false) {
      _ = memory.shrinkActiveList(node: node, list: .activeAnon, wanted: clusterMax, highest: .movable, cpu: cpu)
    }
    control.toReclaim = 0
    let toDemotionMark = memory.rules.isTPP && memory.tieringMode && memory.isTopTier(node)
    for zone in memory.nodes[node].zones where memory.zones[zone].kind.rawValue <= highest.rawValue {
      let mark = memory.zones[zone].mark(.high)
      control.toReclaim += max(toDemotionMark ? max(mark, memory.zones[zone].demote) : mark, clusterMax)
    }
    control.scanned = 0
    reclaimedBefore = control.reclaimed
    shrinker.start(control, cpu: cpu)
    phase = .shrinking
    return .useCPU(costs.reclaimRound)
  }

  /// A pass over the node is done; one for a high order may have to go on.
  private func endPass(now: Picoseconds, cpu: Int) -> ThreadStep {
    let progress = shrinker.control.reclaimed - control.reclaimed
    control = shrinker.control
    guard progress > 0, memory.needsMoreToCompact(node: node, control, threshold: memory.extfragThreshold) else {
      return endPriority(now: now)
    }
    shrinker.start(control, cpu: cpu)
    return .useCPU(0)
  }

  private func endPriority(now: Picoseconds) -> ThreadStep {
    if control.order > 0 && control.reclaimed >= 2 << control.order { control.order = 0 }
    if control.scanned >= control.toReclaim { raisePriority = false }
    let reclaimed = control.reclaimed - reclaimedBefore
    if reclaimed > 0 && !memory.rules.failuresResetNeedsBalance { memory.nodes[node].kswapdFailures = 0 }
    if reclaimed > 0 && memory.rules.failuresResetNeedsBalance
      && memory.isBalanced(node: node, order: control.order, highest: highest)
    {
      memory.nodes[node].kswapdFailures = 0
    }
    boostLeft -= min(boostLeft, reclaimed)
    if boostLeft > 0 && reclaimed == 0 { return endRun(now: now, failed: control.reclaimed == 0) }
    if raisePriority || reclaimed == 0 { control.priority -= 1 }
    phase = .priority
    return .useCPU(0)
  }

  private func endRun(now: Picoseconds, failed: Bool) -> ThreadStep {
    if failed { memory.nodes[node].kswapdFailures += 1 }
    memory.setReclaimActive(node: node, false)
    if isBoosted {
      for (i, zone) in memory.nodes[node].zones.enumerated() { memory.lowerBoost(zone: zone, by: boostAtStart[i]) }
      memory.wakeKcompactd(node: node, order: Page.hugeOrder, highest: highest)
    }
    reclaimOrder = control.order
    if reclaimOrder >= order {
      // The order was not given up: whether to sleep goes by what was asked for meanwhile.
      order = memory.nodes[node].kswapdOrder
      reclaimOrder = order
      highest = memory.nodes[node].kswapdHighest ?? highest
    }
    return tryToSleep(now: now)
  }
}
