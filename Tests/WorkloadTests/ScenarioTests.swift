// Reference scenarios: every op, and the hashes that the reference prints.
import Foundation
import Testing
import Units

@testable import Workload

@Suite struct ScenarioTests {
  /// Every scenario with the number of each access op and the hash that the reference prints for it.
  static let goldens: [(file: String, hashes: [Int: UInt64])] = [
    ("oracle/scenarios/hot-tail-4k-nodemote.json", [1: 0x1e95_7111_9320_7b25, 4: 0xc3ce_2c40_fca5_2325]),
    ("oracle/scenarios/hot-tail-4k.json", [1: 0x1e95_7111_9320_7b25, 4: 0xc3ce_2c40_fca5_2325]),
    ("oracle/scenarios/seqscan-4k.json", [1: 0x1e95_7111_9320_7b25, 4: 0x5370_b6d5_d9db_e325]),
    ("oracle/scenarios/zipf-thp.json", [1: 0x1e95_7111_9320_7b25, 4: 0x20c4_9564_afdf_c24d]),
    (
      "oracle-tpp/scenarios/frag-thp.json",
      [1: 0xf7f0_b727_bd71_ff25, 5: 0xef5f_d4ba_4eb5_5725, 8: 0x4b8d_890f_f227_e2f0]
    ),
    ("oracle-tpp/scenarios/hot-tail-4k.json", [1: 0x1e95_7111_9320_7b25, 4: 0xc3ce_2c40_fca5_2325]),
    ("oracle-tpp/scenarios/hot-tail-thp.json", [1: 0x1e95_7111_9320_7b25, 4: 0xc3ce_2c40_fca5_2325]),
  ]

  @Test(.enabled(if: sharedFolder != nil), arguments: goldens.indices)
  func programsGiveTheHashesOfTheReference(_ index: Int) throws {
    let golden = Self.goldens[index]
    let path = try #require(sharedFolder) + "/" + golden.file
    let scenario = try ScenarioFile.parse(path: path) { _, spin in 78_000 + 6_000 * spin }
    guard case .phases(let phases) = scenario.workload.tasks[0].work else { return }
    var hashes: [Int: UInt64] = [:]
    for phase in phases {
      if case .access(let spec) = phase.action { hashes[phase.number] = hash(of: spec) }
    }
    #expect(hashes == golden.hashes)
  }

  static let fragmented = """
    {"name": "frag", "about": "x",
     "machine": {"cpus": 1, "node0_mib": 512},
     "kernel": {"THP": "always", "LRU_GEN": 0},
     "program": [
      {"op": "map", "region": "F", "pages": 1000, "thp": 0},
      {"op": "access", "region": "F", "pattern": "zipf", "first": 10, "pages": 900, "accesses": 50, "rounds": 3,
       "write_every": 2, "spin": 650, "sleep_us": 7, "seed": 42, "scatter": 2654435761},
      {"op": "punch", "region": "F", "percent": 50, "seed": 7},
      {"op": "map", "region": "A", "pages": 100},
      {"op": "sleep", "ms": 2000},
      {"op": "snap", "region": "A"},
      {"op": "unmap", "region": "A"},
      {"op": "write", "file": "/proc/sys/vm/compact_memory", "text": "1"}
     ]}
    """

  @Test func everyOpIsRead() throws {
    let scenario = try ScenarioFile.parse(text: Self.fragmented, path: "s.json") { pattern, spin in
      pattern == .zipf(exponentThousandths: 1_000) ? (234 + 3 * spin) * 2_000 : 0
    }
    #expect(scenario.machine == ["cpus": 1, "node0_mib": 512])
    #expect(scenario.kernel == ["THP": "always", "LRU_GEN": "0"])
    let workload = scenario.workload
    #expect(workload.name == "frag" && workload.processes == [ProcessSpec(name: "main", slots: 1_536)])
    #expect(workload.regions.map(\.hugePages) == [.never, .systemDefault])
    #expect(workload.regions.map(\.isMappedAtStart) == [false, false])
    guard case .phases(let phases) = workload.tasks[0].work else { return }
    #expect(
      phases.map(\.action) == [
        .map(region: 0),
        .access(
          AccessSpec(
            region: 0, pattern: .zipf(exponentThousandths: 1_000), first: 10, pages: 900, accesses: 50, rounds: 3,
            writes: .every(2), seed: 42, scatter: 2_654_435_761, think: 4_368_000, sleep: 7_000_000)),
        .punch(PunchSpec(region: 0, share: 500_000, seed: 7)),
        .map(region: 1), .sleep(2 * .second), .snap(region: 1), .unmap(region: 1),
        .set([KnobWrite(name: "/proc/sys/vm/compact_memory", value: "1", line: 13)]),
      ])
  }

  @Test(arguments: [
    (#"{"name": "x"}"#, ":1:1: `program` is missing; write a list of ops"),
    (#"{"name": "x", "program": [{"op": "mpa"}]}"#, ":1:34: program[0].op: 'mpa' is not an op; did you mean `map`?"),
    (
      #"{"name": "x", "program": [{"op": "snap", "region": "A"}]}"#,
      ":1:52: program[0].region: 'A' is not mapped by an op before; put a map op before it"
    ),
    (
      #"{"name": "x", "program": [{"op": "sleep", "ms": -1}]}"#,
      ":1:49: program[0].ms: -1 is out of range; write 0 to 2592000000"
    ),
    (#"{"name": "x", "program": [{"region": "A"}]}"#, ":1:27: program[0]: `op` is missing; write which op it is"),
  ])
  func badScenariosAreRefused(text: String, message: String) {
    let error = #expect(throws: WorkloadError.self) { try ScenarioFile.parse(text: text, path: "s.json") { _, _ in 0 } }
    #expect(error?.description == "s.json" + message)
  }

  @Test(.enabled(if: sharedFolder != nil)) func examplesAreTheScenariosTheyName() throws {
    for (example, file) in [("hot-tail", "hot-tail-4k"), ("seqscan", "seqscan-4k"), ("zipf", "zipf-thp")] {
      let path = try #require(sharedFolder) + "/oracle/scenarios/\(file).json"
      let scenario = try ScenarioFile.parse(path: path) { pattern, spin in
        pattern == .sequential(stride: 1) ? (39 + 3 * spin) * 2_000 : (234 + 3 * spin) * 2_000
      }
      let spec = try WorkloadFile.parse(path: workloadsFolder + "/\(example).yaml")
      #expect(actions(spec) == actions(scenario.workload))
    }
  }

  /// The actions of the first task, without marks.
  private func actions(_ spec: WorkloadSpec) -> [PhaseAction] {
    guard case .phases(let phases) = spec.tasks[0].work else { return [] }
    return phases.map(\.action).compactMap { action in
      switch action {
      case .mark: return nil
      case .access(var access):
        if access.pattern != .zipf(exponentThousandths: 1_000) { access.seed = 1 }
        return .access(access)
      default: return action
      }
    }
  }
}
