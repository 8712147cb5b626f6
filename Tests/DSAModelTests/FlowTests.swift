// Max-min fair sharing: nobody exceeds a capacity, and nobody could have more without another having less.
import Events
import Testing
import Units

@testable import DSAModel

@Suite struct FlowTests {
  private func flow(limit: Int, _ uses: [(Int, Int)]) -> FlowClass {
    var flow = FlowClass(limit: limit, firstEngine: 0, engineCount: 1)
    for use in uses { flow.use(Int32(use.0), weight: use.1) }
    return flow
  }

  /// Rates of the active classes.
  private func rates(_ flows: borrowing Flows) -> [Int] {
    let paces = UnsafeMutablePointer<Int>.allocate(capacity: 64)
    defer { paces.deallocate() }
    flows.share(into: paces)
    return (0..<flows.activeCount).map { 1_000_000_000_000_000 / paces[$0] }
  }

  @Test func textbook() {
    // A and B share resource 0 (10 GB/s); B and C share resource 1 (4 GB/s): B and C get 2, A the 8 left.
    var flows = Flows(capacities: [10_000_000_000, 4_000_000_000], engines: 8)
    for uses in [[(0, 1)], [(0, 1), (1, 1)], [(1, 1)]] {
      let name = flows.add(flow(limit: 100_000_000_000, uses))
      flows.move(from: nothing, to: name)
    }
    let found = rates(flows)
    for (rate, expected) in zip(found, [8_000_000_000, 2_000_000_000, 2_000_000_000]) {
      #expect(abs(rate - expected) < expected / 1000)
    }
  }

  @Test(arguments: 0..<40)
  func sharesAreFeasibleAndMaxMinFair(seed: Int) {
    var random = SplitMix64(seed: UInt64(seed))
    let capacities = (0..<6).map { _ in 1_000_000_000 * (1 + random.below(60)) }
    var flows = Flows(capacities: capacities, engines: 64)
    var definitions: [(limit: Int, count: Int, uses: [(Int, Int)])] = []
    for _ in 0..<1 + random.below(7) {
      var uses: [(Int, Int)] = []
      for resource in 0..<6 where random.below(3) == 0 { uses.append((resource, 1 + random.below(3))) }
      let limit = 1_000_000_000 * (1 + random.below(40))
      let name = flows.add(flow(limit: limit, uses))
      let count = 1 + random.below(4)
      for _ in 0..<count { flows.move(from: nothing, to: name) }
      definitions.append((limit, count, uses))
    }
    let found = rates(flows)
    var used = [Int](repeating: 0, count: 6)
    for (rate, definition) in zip(found, definitions) {
      #expect(rate <= definition.limit + definition.limit / 500)
      for use in definition.uses { used[use.0] += rate * use.1 * definition.count }
    }
    for (load, capacity) in zip(used, capacities) { #expect(load <= capacity + capacity / 500) }
    // Each is at its limit, or on a full resource where nobody has more than it.
    for (index, definition) in definitions.enumerated() {
      let isAtLimit = found[index] >= definition.limit - definition.limit / 500
      let isBound = definition.uses.contains { use in
        used[use.0] >= capacities[use.0] - capacities[use.0] / 200
          && zip(found, definitions).allSatisfy { rate, other in
            !other.uses.contains { $0.0 == use.0 } || rate <= found[index] + found[index] / 200
          }
      }
      #expect(isAtLimit || isBound, "flow \(index) of \(definitions) could have more than \(found)")
    }
  }

  @Test func flowsThatLeaveGiveBackTheirShare() {
    var flows = Flows(capacities: [10_000_000_000], engines: 8)
    let a = flows.add(flow(limit: 100_000_000_000, [(0, 1)]))
    let b = flows.add(flow(limit: 100_000_000_000, [(0, 1)]))
    flows.move(from: nothing, to: a)
    flows.move(from: nothing, to: b)
    flows.move(from: a, to: b)
    #expect(flows.activeCount == 1 && rates(flows).allSatisfy { abs($0 - 5_000_000_000) < 1_000_000 })
    flows.move(from: b, to: nothing)
    flows.move(from: b, to: nothing)
    #expect(flows.activeCount == 0)
  }
}
