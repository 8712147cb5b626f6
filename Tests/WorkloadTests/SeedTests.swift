// Other draws of the same workload.

import Testing

@testable import Workload

private let text = """
  name: seeds
  regions:
    A: {pages: 64}
  tasks:
    - name: main
      phases:
        - access: A
          pattern: zipf
          seed: 42
        - loop: 2
          phases:
            - access: A
              pattern: uniform
              seed: 42
            - access: A
              pattern: uniform
              seed: 43
    - name: traced
      trace: none.pft
  """

private func seeds(_ phases: [PhaseSpec]) -> [UInt64] {
  phases.flatMap { phase -> [UInt64] in
    switch phase.action {
    case .access(let access): [access.seed]
    case .loop(_, let inner): seeds(inner)
    default: []
    }
  }
}

struct SeedTests {
  @Test func `a variant changes seeds alone, equal ones alike`() throws {
    let spec = try WorkloadFile.parse(text: text, path: "seeds.yaml")
    #expect(spec.reseeded(0) == spec)
    func seeds(_ spec: WorkloadSpec) -> [UInt64] {
      spec.tasks.flatMap { task in
        if case .phases(let phases) = task.work { WorkloadTests.seeds(phases) } else { [UInt64]() }
      }
    }
    #expect(seeds(spec) == [42, 42, 43])
    var all: Set<UInt64> = [42, 43]
    for variant in 1...100 {
      let other = seeds(spec.reseeded(variant))
      #expect(other[0] == other[1] && other[0] != other[2])
      all.formUnion(other)
      #expect(spec.reseeded(variant) == spec.reseeded(variant))
    }
    #expect(all.count == 202)
    #expect(spec.reseeded(3).tasks[1] == spec.tasks[1])
  }
}
