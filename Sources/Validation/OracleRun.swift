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

  /// The process that reads the counters each second beside the program: 36 ms of the last CPU, and two pages for what it reads, which is
  /// what a second without anything else counts. Under TPP they find node 0 below its demotion mark; elsewhere they are left out, since
  /// nothing there goes by a page or two but the second in which seqscan-4k's one burst comes.
  private static let sampler = """
    name: sampler
    regions:
      buffer: {pages: 2, thp: never}
    tasks:
      - {name: main, phases: [{sleep: 1ms}]}
      - name: sampler
        repeat: forever
        phases: [{sleep: 964ms}, {map: buffer}, {access: buffer, write_every: 1}, {unmap: buffer}, {compute: 36ms}]
    """

  /// Adds the sampler to what runs, with its pages or without.
  private static func addSampler(to spec: inout WorkloadSpec, cpu: Int, allocates: Bool) throws {
    let parsed = try WorkloadFile.parse(text: sampler, path: "sampler")
    var (beside, buffer) = (parsed.tasks[1], parsed.regions[0])
    let index = spec.regions.count
    buffer.process = spec.processes.count
    beside.process = spec.processes.count
    beside.cpus = [cpu]
    if case .phases(var phases) = beside.work {
      if !allocates { phases.removeAll { Self.touchesMemory($0.action) } }
      for i in phases.indices {
        switch phases[i].action {
        case .map: phases[i].action = .map(region: index)
        case .unmap: phases[i].action = .unmap(region: index)
        case .access(var access):
          access.region = index
          phases[i].action = .access(access)
        default: break
        }
      }
      beside.work = .phases(phases)
    }
    spec.processes.append(ProcessSpec(name: "sampler", slots: allocates ? Page.perHuge : 0))
    if allocates { spec.regions.append(buffer) }
    spec.tasks.append(beside)
  }

  private static func touchesMemory(_ action: PhaseAction) -> Bool {
    switch action {
    case .map, .unmap, .access: true
    default: false
    }
  }

  /// Runs a scenario; `tree` has the machine and the profile.
  public static func run(
    scenario path: String, tree: KnobTree, startDelay: Picoseconds
  ) throws -> (result: RunResult, spec: WorkloadSpec) {
    let scenario = try ScenarioFile.parse(path: path) { accessCost($0, spin: $1) }
    var spec = scenario.workload
    for i in spec.tasks.indices { spec.tasks[i].start = startDelay }
    try addSampler(to: &spec, cpu: tree.cpus - 1, allocates: tree[KernelKnobs.self].rules.isTPP)
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
