// Running a reference scenario in the model, with the machine and knobs of the kernel it was run on.

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

  /// Runs a scenario; `tree` has the machine and the profile.
  public static func run(
    scenario path: String, tree: KnobTree, startDelay: Picoseconds
  ) throws -> RunResult {
    let scenario = try ScenarioFile.parse(path: path) { accessCost($0, spin: $1) }
    var spec = scenario.workload
    for i in spec.tasks.indices { spec.tasks[i].start = startDelay }
    return try Simulation(spec, tree: tree).run()
  }
}
