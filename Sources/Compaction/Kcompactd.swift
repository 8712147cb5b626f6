// kcompactd: one kernel thread a node that compacts for kswapd, and ahead of need. Source: mm/compaction.c kcompactd,
// kcompactd_do_work, compact_node, should_proactive_compact_node.

import Machine
import MemoryModel
import Migration
import Tiering
import Units

/// kcompactd of one node.
public final class Kcompactd: KernelTask {
  private enum Phase { case asleep, working, proactive }

  /// HPAGE_FRAG_CHECK_INTERVAL_MSEC.
  public static let checkInterval = 500
  /// Checks that are passed over after one without progress: 1 << COMPACT_MAX_DEFER_SHIFT.
  static let passedOver = 64

  public let node: Int
  private let memory: Memory
  private let clock: KernelClock
  private let zones: ZoneCompactor

  private var phase = Phase.asleep
  private var left: [Int] = []
  private var current: Int?
  private var order = 0
  private var highest = ZoneKind.movable
  private var scoreBefore = 0
  /// When it looks at the node's fragmentation next. Plain memory, as the scheduler reads it in every epoch.
  public let checkTime: UnsafeMutablePointer<Picoseconds>
  private var nextCheck: Picoseconds {
    get { checkTime.pointee }
    set { checkTime.pointee = newValue }
  }
  private var isProactiveDue = false

  public init(node: Int, memory: Memory, clock: KernelClock, zones: ZoneCompactor) {
    self.node = node
    self.memory = memory
    self.clock = clock
    self.zones = zones
    checkTime = .allocate(capacity: 1)
    checkTime.initialize(to: clock.span(milliseconds: Self.checkInterval))
  }

  deinit { checkTime.deallocate() }

  /// Takes new knob values.
  public func apply(knobs: CompactionKnobs, runningCPUs: Int) {
    zones.knobs = knobs
    zones.runningCPUs = runningCPUs
  }

  /// True once after steps that made pages available again.
  public func takeRemapped() -> Bool { zones.takeRemapped() }

  /// Its timeout: looks at the node, and returns whether it has to run. The look itself costs nothing.
  public func isDue(now: Picoseconds) -> Bool {
    guard now >= nextCheck else { return false }
    nextCheck = now + max(clock.span(milliseconds: Self.checkInterval), 1)
    guard phase == .asleep else { return false }
    isProactiveDue = memory.wantsProactiveCompaction(node: node, proactiveness: zones.knobs.proactiveness)
    return isProactiveDue
  }

  /// Writing vm.compaction_proactiveness has it look at once.
  public func checkSoon(now: Picoseconds) { nextCheck = min(nextCheck, now) }

  public func step(now: Picoseconds, cpu: Int) -> ThreadStep {
    switch phase {
    case .asleep: return wake(now: now)
    case .working, .proactive:
      if let zone = current {
        switch zones.step(now: now, cpu: cpu) {
        case .useCPU(let time): return .useCPU(time)
        case .spin: return .spin
        case .sleep: return .sleepForCopy
        case .done: finished(zone: zone)
        }
      }
      return nextZone(now: now)
    }
  }

  private func wake(now: Picoseconds) -> ThreadStep {
    let state = memory.nodes + node
    state.pointee.kcompactdWaiting = false
    if state.pointee.kcompactdOrder > 0 {
      order = state.pointee.kcompactdOrder
      highest = state.pointee.kcompactdHighest
      memory.vmstat[.compact_daemon_wake] += 1
      left = memory.nodes[node].zones.filter { memory.zones[$0].kind.rawValue <= highest.rawValue }.reversed()
      phase = .working
    } else if isProactiveDue {
      isProactiveDue = false
      scoreBefore = memory.fragmentationScore(node: node)
      left = memory.nodes[node].zones.reversed()
      phase = .proactive
    } else {
      return sleep()
    }
    return nextZone(now: now)
  }

  private func sleep() -> ThreadStep {
    phase = .asleep
    memory.nodes[node].kcompactdWaiting = true
    return .sleep
  }

  private func nextZone(now: Picoseconds) -> ThreadStep {
    while let zone = left.popLast() {
      if phase == .proactive {
        zones.start(.node(isProactive: true), zone: zone, mode: .syncLight)
      } else {
        if memory.compaction[zone].isDeferred(order: order) { continue }
        guard
          memory.compactionSuitability(
            zone: zone, order: order, highest: memory.zones[zone].kind, isKcompactd: true,
            threshold: zones.knobs.extfragThreshold)
            == .suitable
        else { continue }
        zones.start(
          .background(order: order, highest: memory.zones[zone].kind), zone: zone, mode: .syncLight)
      }
      current = zone
      return .useCPU(0)
    }
    return endRound(now: now)
  }

  private func endRound(now: Picoseconds) -> ThreadStep {
    nextCheck = now + clock.span(milliseconds: Self.checkInterval)
    if phase == .proactive {
      if memory.fragmentationScore(node: node) >= scoreBefore {
        nextCheck = now + clock.span(milliseconds: Self.checkInterval * Self.passedOver)
      }
    } else {
      let state = memory.nodes + node
      if state.pointee.kcompactdOrder <= order { state.pointee.kcompactdOrder = 0 }
      if state.pointee.kcompactdHighest.rawValue >= highest.rawValue { state.pointee.kcompactdHighest = .movable }
      if state.pointee.kcompactdOrder > 0 {
        phase = .asleep
        return .useCPU(0)
      }
    }
    return sleep()
  }

  private func finished(zone: Int) {
    current = nil
    // 5.13 does not count what it looks at ahead of need (proactive_compact_node).
    if phase == .working || !memory.rules.isTPP {
      memory.vmstat[.compact_daemon_migrate_scanned] += zones.migrateScanned
      memory.vmstat[.compact_daemon_free_scanned] += zones.freeScanned
    }
    guard phase == .working else { return }
    switch zones.result {
    case .success: memory.compaction[zone].succeeded(order: order, isAllocated: false)
    case .complete, .partialSkipped:
      memory.drainPerCPULists(zone: zone)
      memory.compaction[zone].failed(order: order)
    default: break
    }
  }
}
