// Speed-ups, their ranges, and what they say.

import Simulation
import Sysctl
import Testing
import Units

@testable import Compare

@Suite struct VerdictTests {
  @Test(arguments: [
    (1_100_000, 1_050_000, 1_200_000, Verdict.faster), (900_000, 950_000, 800_000, .slower),
    (1_000_000, 1_004_999, 995_001, .same), (1_005_000, 1_005_000, 1_005_000, .faster),
    (1_004_999, 1_004_999, 1_004_999, .same), (995_000, 995_000, 995_000, .slower),
    // Flips of any kind.
    (1_100_000, 990_000, 1_200_000, .undecided), (900_000, 800_000, 1_010_000, .undecided),
    (1_020_000, 1_003_000, 1_040_000, .undecided), (1_000_000, 1_000_000, 990_000, .undecided),
    (1_000_000, 1_100_000, 1_100_000, .undecided),
  ])
  func `a verdict holds only where all three costs give it`(given: Int, halved: Int, doubled: Int, verdict: Verdict) {
    let speedup = Speedup(given: given, halved: halved, doubled: doubled)
    #expect(speedup.verdict == verdict)
    #expect(speedup.range == min(given, halved, doubled)...max(given, halved, doubled))
  }

  @Test func `without ranges the given costs decide alone`() {
    let speedup = Speedup(given: 1_010_000, halved: nil, doubled: nil)
    #expect(speedup.verdict == .faster && speedup.range == nil)
  }

  @Test func `ratios round to nearest and hold large runs`() {
    func ratio(_ run: Int, _ base: Int) -> Int? {
      Speedup.ratio(
        SmallComparison.summary(measured: run), over: SmallComparison.summary(measured: base), byTime: true)
    }
    #expect(ratio(3, 2) == 666_667)
    #expect(ratio(2, 3) == 1_500_000)
    #expect(ratio(1_000_000 * Picoseconds.second, 2_000_000 * Picoseconds.second) == 2_000_000)
    #expect(ratio(0, 3) == nil && ratio(3, 0) == nil)
    let rate = Speedup.ratio(
      SmallComparison.summary(measured: 10, accesses: 300), over: SmallComparison.summary(measured: 20, accesses: 400),
      byTime: false)
    #expect(rate == 1_500_000)
  }

  /// A comparison of runs that take these times: given, halved, doubled.
  private func comparison(_ times: [(String, [Int])]) throws -> Comparison {
    let profiles = times.map { name, times in
      ComparedProfile(
        name, given: SmallComparison.summary(measured: times[0] * 1_000_000_000),
        halved: SmallComparison.summary(measured: times[1] * 1_000_000_000),
        doubled: SmallComparison.summary(measured: times[2] * 1_000_000_000))
    }
    return Comparison(
      version: "test", workload: try SmallComparison.prepared(), reference: "tpp",
      costs: [ScaledCost(name: "cost.hint_fault", value: "1us")], profiles: profiles)
  }

  @Test func `each speed-up is over the reference under the same costs`() throws {
    let comparison = try comparison([("tpp", [100, 80, 140]), ("a", [80, 64, 112]), ("b", [90, 84, 100])])
    #expect(comparison.profiles[0].speedup == nil)
    #expect(comparison.profiles[1].speedup == Speedup(given: 1_250_000, halved: 1_250_000, doubled: 1_250_000))
    #expect(comparison.profiles[1].speedup?.verdict == .faster)
    #expect(comparison.profiles[2].speedup?.halvedMillionths == 952_381)
    #expect(comparison.profiles[2].speedup?.verdict == .undecided)
  }

  @Test func `the table of made-up figures is as stored`() throws {
    let comparison = try comparison([("tpp", [100, 80, 140]), ("a", [80, 64, 112]), ("b", [90, 84, 100])])
    #expect(
      comparison.text == """
        small: 24 MiB, a sixth of it hot
        footprint 24.0 MiB, 6,144 pages; times are modelled

                                       tpp         a          b
        run time                 100.00 ms  80.00 ms   90.00 ms
        speed-up over tpp                -    1.250x     1.111x
          least of its range             -    1.250x     0.952x
          greatest of its range          -    1.250x     1.400x
          verdict                        -    faster  undecided
        fast-memory accesses        50.0 %    50.0 %     50.0 %
        pages moved
          any                            0         0          0

        speed-up over tpp, by time; within 0.5 % is 'same'
        its range: the same with all 1 uncalibrated costs (--list-costs) halved, and doubled; undecided: the three do not say the same

        """)
  }

  @Test func `many profiles take several tables, each with the reference`() throws {
    let comparison = try comparison((0..<10).map { ($0 == 3 ? "tpp" : "p\($0)", [100, 100, 100]) })
    let heads = comparison.text.split(separator: "\n").filter { $0.contains("  tpp") && $0.contains("  p") }
    #expect(heads.map { $0.split(separator: " ").count } == [8, 3])
    #expect(heads.allSatisfy { $0.split(separator: " ").first == "tpp" })
  }
}

@Suite struct CostTests {
  @Test func `uncalibrated durations and bandwidths are scaled, and nothing else`() throws {
    let plan = try SmallComparison.plan("tpp")
    let given = try SmallComparison.tree(plan, "tpp")
    let halved = try SmallComparison.tree(plan, "tpp.costs-halved")
    let doubled = try SmallComparison.tree(plan, "tpp.costs-doubled")
    #expect(try halved.read("cost.hint_fault") == "500ns" && doubled.read("cost.hint_fault") == "2us")
    #expect(try halved.read("cost.migrate_flush") == "250ns" && doubled.read("cost.migrate_flush") == "1us")
    // 0 stays 0; what was measured stays; the machine stays.
    #expect(try halved.read("cost.snap_page") == "0s" && doubled.read("cost.snap_page") == "0s")
    let scaled = Set(plan.costs.map(\.name))
    #expect(scaled.contains("cost.context_switch") && !scaled.contains("cost.copy_bandwidth"))
    for (a, b) in zip(given.entries, halved.entries) where !scaled.contains(a.name) {
      #expect(a.value == b.value, "\(a.name)")
    }
    for entry in given.entries where scaled.contains(entry.name) {
      #expect(entry.card.evidence == .uncalibrated && entry.name.hasPrefix("cost."))
      let isSame = try entry.value == halved.read(entry.name)
      #expect(isSame == (entry.value == "0s"), "\(entry.name)")
    }
  }

  @Test func `an odd picosecond is rounded down, and never to nothing`() throws {
    let plan = try SmallComparison.plan("tpp", ["cost.instruction=333ps", "cost.cached_access=1ps"])
    let halved = try SmallComparison.tree(plan, "tpp.costs-halved")
    #expect(try halved.read("cost.instruction") == "166ps" && halved.read("cost.cached_access") == "1ps")
  }

  @Test func `a bandwidth goes the other way`() throws {
    var tree = KnobTree([RateKnobs.self])
    try CostScale.halved.apply(to: &tree)
    #expect(try tree.read("cost.rate") == "2GB/s")
    try CostScale.doubled.apply(to: &tree)
    #expect(try tree.read("cost.rate") == "1GB/s")
  }

  @Test func `what was measured is left out by name`() throws {
    let plan = try SmallComparison.plan("tpp", calibrated: ["cost.hint_fault"])
    #expect(try SmallComparison.tree(plan, "tpp.costs-doubled").read("cost.hint_fault") == "1us")
    #expect(!plan.costs.contains { $0.name == "cost.hint_fault" })
    let error = #expect(throws: CompareError.self) { try SmallComparison.plan("tpp", calibrated: ["cost.hint_fualt"]) }
    #expect(
      error?.description
        == "--calibrated: 'cost.hint_fualt' is no uncalibrated cost; did you mean cost.hint_fault?")
  }

  @Test func `a cost that cannot be doubled names the profile and the way out`() throws {
    let error = #expect(throws: CompareError.self) { try SmallComparison.plan("tpp", ["cost.hint_fault=900ms"]) }
    #expect(error?.description.hasPrefix("profile tpp.costs-doubled: cost.hint_fault=1800ms") == true)
    #expect(error?.description.contains("--calibrated cost.hint_fault") == true)
  }
}

/// A bandwidth that nobody measured.
private struct RateKnobs: KnobSet {
  var rate = 1_000_000_000
  static let knobs: [Knob<RateKnobs>] = [
    .bandwidth("cost.rate", \.rate, in: 1...Int.max, evidence: .uncalibrated, source: "test", doc: "A rate.")
  ]
}
