// Small machines for the tests of this folder.
import MemoryModel

/// A memory of nodes with one Normal zone each, node 0 with the CPUs.
func makeMemory(
  _ pages: [Int], cpus: Int = 1, virtualPages: Int = 8192, rules: KernelRules = .v6_12, minFreeKbytes: Int = 256,
  _ change: (inout MemoryKnobs) -> Void = { _ in }
) -> Memory {
  makeMemory(
    layouts: pages.enumerated().map { id, pages in
      NodeLayout(tier: id, cpus: id == 0 ? 0..<cpus : cpus..<cpus, zones: [ZoneLayout(kind: .normal, pages: pages)])
    }, cpus: cpus, virtualPages: virtualPages, rules: rules, minFreeKbytes: minFreeKbytes, change)
}

/// A memory of any nodes.
func makeMemory(
  layouts: [NodeLayout], cpus: Int = 1, virtualPages: Int = 8192, rules: KernelRules = .v6_12,
  minFreeKbytes: Int = 256, _ change: (inout MemoryKnobs) -> Void = { _ in }
) -> Memory {
  var knobs = MemoryKnobs()
  knobs.minFreeKbytes = minFreeKbytes
  change(&knobs)
  return Memory(nodes: layouts, cpuCount: cpus, virtualPages: virtualPages, rules: rules, knobs: knobs)
}

extension Memory {
  /// Maps base pages at consecutive slots on node 0; traps when there is no room.
  func mapPages(_ slots: Range<Int>, isWrite: Bool = false, isFile: Bool = false, node: Int = 0) {
    for slot in slots {
      guard mapBase(slot: slot, isWrite: isWrite, isFile: isFile, node: node, cpu: 0) else {
        fatalError("no room for slot \(slot)")
      }
    }
  }
}
