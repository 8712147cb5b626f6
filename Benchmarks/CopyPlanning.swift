// Planning of a copy: a list of 1,024 pages, made page by page as a migration makes it, and spread over eight channels.

import PageCopy
import Workload

enum CopyPlanning {
  static func measure(rounds: Int) throws -> [Measurement] {
    let limit = LimitLoop(AccessSpec(region: 0, pattern: .uniform, pages: 1 << 20, accesses: 1 << 40))
    let kinds = (0..<1024).map { PageList.workloadB[$0] }
    let ready = PageList.workloadB
    var list = PageList()
    var plans = try ListCut.allCases.map { try CopyPlan(list, cut: $0) }
    let count = 2000
    var (bare, whole, alone, walk) = (Rounds(), Rounds(), Rounds(), Rounds())
    var sum = 0
    for _ in 0..<rounds {
      bare.add(nanoseconds: limit.run(1 << 20), count: 1 << 20)
      var start = cpuNanoseconds()
      for _ in 0..<count {
        list.removeAll()
        for kind in kinds { list.append(kind) }
        plans[0].replan(list)
        sum &+= plans[0].rounds.count
      }
      whole.add(nanoseconds: cpuNanoseconds() - start, count: count)
      start = cpuNanoseconds()
      for i in 0..<count {
        plans[i & 1].replan(ready)
        sum &+= plans[i & 1].rounds.count
      }
      alone.add(nanoseconds: cpuNanoseconds() - start, count: count)
      start = cpuNanoseconds()
      for _ in 0..<count { sum &+= descriptors(plans[0]) }
      walk.add(nanoseconds: cpuNanoseconds() - start, count: count)
    }
    precondition(sum > 0, "plans have rounds")
    func line(_ name: String, _ rounds: Rounds, bar: Double, note: String = "") -> Measurement {
      Measurement(
        "copy-plan/\(name)", unit: "ns/list", rounds, limit: "uniform bare", bare, bar: bar, note: note)
    }
    return [
      line("list and plan", whole, bar: 3000), line("plan alone", alone, bar: 500),
      line("walk all descriptors", walk, bar: 10000),
    ]
  }

  /// Passes over every descriptor and batch member of a plan; the bytes they move.
  private static func descriptors(_ plan: CopyPlan) -> Int {
    var bytes = 0
    for round in plan.rounds.indices {
      for place in plan.submissions(round: round) {
        switch plan.descriptor(round: round, channel: place.channel, slot: place.slot) {
        case .slice(let slice), .single(let slice): bytes += slice.bytes
        case .batch(let run): for member in plan.members(of: run) { bytes += member.bytes }
        }
      }
    }
    return bytes
  }
}
