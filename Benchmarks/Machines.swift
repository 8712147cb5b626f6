// Machines for benchmarks that drive the model's rooms directly.

import MemoryModel
import Units

enum Machines {
  /// One CPU on node 0; every node one Normal zone of the given base pages.
  static func memory(pages: [Int], virtualPages: Int) -> Memory {
    let layouts = pages.enumerated().map { id, count in
      NodeLayout(
        tier: id == 0 ? 0 : 1, cpus: id == 0 ? 0..<1 : 1..<1,
        zones: [ZoneLayout(kind: .normal, pages: (count + 1023) & ~1023)])
    }
    let memory = Memory(nodes: layouts, cpuCount: 1, virtualPages: virtualPages, rules: .v6_12, knobs: MemoryKnobs())
    memory.demotionEnabled = true
    memory.tieringMode = true
    return memory
  }

  /// Maps slots `0..<pages`; returns the CPU time.
  @discardableResult
  static func fill(_ memory: Memory, pages: Int) -> Int {
    let start = cpuNanoseconds()
    for slot in 0..<pages {
      let isMapped = memory.mapBase(slot: slot, isWrite: true, isFile: false, node: 0, cpu: 0)
      precondition(isMapped, "the machine is too small")
    }
    return cpuNanoseconds() - start
  }
}
