// How far a run lies from those that were compared with real kernels.

import MemoryModel
import Simulation

/// What of a run was never compared with a kernel, whatever its rules.
enum ComparisonScope {
  /// Reasons in words, empty when the run is of the kind that was compared: base pages of two nodes, at most two CPUs.
  static func beyond(_ result: RunResult) -> [String] {
    let memory = result.memory
    var reasons: [String] = []
    if memory.rules != .v7_1 {
      if memory.vmstat[.thp_fault_alloc] + memory.vmstat[.thp_collapse_alloc] > 0 { reasons.append("huge pages") }
      if memory.nodeCount > 2 { reasons.append("\(memory.nodeCount) nodes") }
      if memory.cpuCount > 2 { reasons.append("\(memory.cpuCount) CPUs") }
    }
    let copy = result.copy
    let isDSA = copy.use(of: .dsa).calls > 0
    if isDSA || copy.use(of: .workers).calls > 0 {
      let engines = isDSA ? "copies by DSA" : "copies by several CPUs"
      reasons.append(memory.rules.isTPP ? engines : "\(engines) (counterfactual: no such kernel does it)")
    }
    return reasons
  }
}
