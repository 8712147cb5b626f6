// Running a reference scenario in the model, with the machine and knobs of the kernel it was run on.

import MemoryModel
import Simulation
import Sysctl
import Units
import Workload

/// A reference scenario as the model runs it.
public enum OracleRun {
  /// Time of one access on the reference machine: (39 + 3 spin) instructions of 2 ns for `seq`, (234 + 3 spin) for `zipf`.
  public static func accessCost(_ pattern: AccessPattern, spin: Int) -> Picoseconds {
    switch pattern {
    case .zipf: (234 + 3 * spin) * 2 * Picoseconds.nanosecond
    default: (39 + 3 * spin) * 2 * Picoseconds.nanosecond
    }
  }

  /// The process that reads the counters each second beside the program: 36 ms of the last CPU.
  private static let sampler = """
    name: sampler
    tasks:
      - {name: main, phases: [{sleep: 1ms}]}
      - {name: sampler, repeat: forever, phases: [{sleep: 964ms}, {compute: 36ms}]}
    """

  /// Runs a scenario; `tree` has the machine and the profile.
  public static func run(
    scenario path: String, tree: KnobTree, startDelay: Picoseconds
  ) throws -> (result: RunResult, spec: WorkloadSpec) {
    let scenario = try ScenarioFile.parse(path: path) { accessCost($0, spin: $1) }
    var spec = scenario.workload
    for i in spec.tasks.indices { spec.tasks[i].start = startDelay }
    var beside = try WorkloadFile.parse(text: sampler, path: "sampler").tasks[1]
    beside.process = spec.processes.count
    beside.cpus = [tree.cpus - 1]
    spec.processes.append(ProcessSpec(name: "sampler", slots: 0))
    spec.tasks.append(beside)
    let simulation = try Simulation(spec, tree: tree)
    return (try simulation.run(), spec)
  }

  /// Pages that the last access op's window has on node 0 at the last snap.
  static func lastWindow(_ result: RunResult, _ spec: WorkloadSpec) -> Int? {
    guard case .phases(let phases) = spec.tasks[0].work, let snap = result.snaps.last else { return nil }
    for phase in phases.reversed() {
      guard case .access(let access) = phase.action else { continue }
      let blocks = access.first / 64..<(access.first + access.pages + 63) / 64
      return snap.per64[blocks].reduce(0) { $0 + Int($1) }
    }
    return nil
  }
}
