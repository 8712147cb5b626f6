// What several runs of one workload have in common: its traces, read once.

import Machine
import Sysctl
import Trace
import Units
import Workload

/// A workload whose traces were read. A value: runs on several threads may share it.
public struct PreparedWorkload: Sendable {
  /// The workload, with a task for each recorded thread (`WorkloadSpec.withRecordedThreads`).
  public let spec: WorkloadSpec
  /// Pages the workload can touch, those of its traces too.
  public let footprintPages: Int
  /// Pages that page tables take: one for each 2 MiB block in use.
  public let tablePages: Int
  let maps: [TraceUse: TraceMap]

  /// Reads every trace of the workload once.
  ///
  /// Complexity: O(records), in memory of about 84 bytes for each 2 MiB of a trace's footprint, and of 20 bytes a record for traces
  /// of up to `DecodedTrace.mostRecords`.
  public init(_ spec: WorkloadSpec) throws(RunError) {
    do throws(WorkloadError) {
      self.spec = try spec.withRecordedThreads()
    } catch { throw RunError(error.description, fix: "", kind: .trace) }
    // Costs are those of accesses, and no access is made here.
    let inputs = try TraceInputs(self.spec, costs: CostKnobs(), isHashing: false)
    footprintPages = try Simulation.footprintPages(self.spec, inputs: inputs)
    tablePages = Simulation.tablePages(self.spec, inputs: inputs)
    maps = try PreparedWorkload.decoded(inputs.maps)
  }

  /// The maps with the records of their traces, each file decoded once.
  private static func decoded(_ maps: [TraceUse: TraceMap]) throws(RunError) -> [TraceUse: TraceMap] {
    var known: [String: DecodedTrace] = [:]
    var all = maps
    for (use, map) in maps {
      var map = map
      do throws(TraceError) {
        if known[use.path] == nil { known[use.path] = try DecodedTrace(path: use.path) }
      } catch { throw RunError("\(error)", fix: "", kind: .trace) }
      map.decoded = known[use.path]
      all[use] = map
    }
    return all
  }

  /// A run of the workload under these knobs.
  public func simulation(_ tree: KnobTree) throws(RunError) -> Simulation {
    try Simulation(spec, tree: tree, prepared: self)
  }
}
