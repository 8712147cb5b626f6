// vm.compact_memory: every zone of every node, from end to end. Source: mm/compaction.c sysctl_compaction_handler, compact_nodes,
// compact_node.

import MemoryModel
import Migration
import Tiering
import Units

/// What a write of 1 to vm.compact_memory does. A thread of its own carries it out; the kernel's writer does so itself.
public final class MemoryCompaction: KernelTask {
  private let memory: Memory
  private let zones: ZoneCompactor
  private var left: [Int] = []
  private var isRunning = false

  public init(memory: Memory, zones: ZoneCompactor) {
    self.memory = memory
    self.zones = zones
  }

  /// Takes new knob values.
  public func apply(knobs: CompactionKnobs, runningCPUs: Int) {
    zones.knobs = knobs
    zones.runningCPUs = runningCPUs
  }

  /// Begins with the first node, or goes on if it is at it already.
  public func start() {
    guard left.isEmpty, !isRunning else { return }
    memory.drainAllLRUBatches()
    left = Array(0..<memory.zoneCount).reversed()
  }

  public func takeRemapped() -> Bool { zones.takeRemapped() }

  public func step(now: Picoseconds, cpu: Int) -> ThreadStep {
    if isRunning {
      switch zones.step(now: now, cpu: cpu) {
      case .useCPU(let time): return .useCPU(time)
      case .spin: return .spin
      case .sleep: return .sleepForCopy
      case .done: isRunning = false
      }
    }
    guard let zone = left.popLast() else { return .sleep }
    isRunning = true
    zones.start(.node(isProactive: false), zone: zone, mode: .sync)
    return .useCPU(0)
  }
}
