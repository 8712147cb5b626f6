// Triggers of injected faults as text, and the plan they make.

import DSAModel
import Sysctl
import Testing

@Suite struct FaultKnobTests {
  @Test(
    arguments: [
      ("off", .never, "off"), ("0ppm", .rate(millionths: 0), "0ppm"), ("250ppm", .rate(millionths: 250), "250ppm"),
      ("0.1%", .rate(millionths: 1000), "1000ppm"), ("0.0001%", .rate(millionths: 1), "1ppm"),
      ("100%", .rate(millionths: 1_000_000), "1000000ppm"), ("n=1", .nth(1), "n=1"), ("n=007", .nth(7), "n=7"),
    ] as [(String, FaultPlan.Trigger, String)])
  func `triggers are read and printed`(_ text: String, _ trigger: FaultPlan.Trigger, _ printed: String) throws {
    var tree = KnobTree([FaultKnobs.self])
    try tree.write(name: "debug.fault.alloc", value: text)
    #expect(tree[FaultKnobs.self].alloc == trigger)
    #expect(try tree.read("debug.fault.alloc") == printed)
    try tree.write(name: "debug.fault.alloc", value: printed)
    #expect(tree[FaultKnobs.self].alloc == trigger)
  }

  @Test(arguments: [
    ("", "not a trigger; write off, 250ppm, 0.1% or n=7"), ("5", "not a trigger; write off, 250ppm, 0.1% or n=7"),
    ("on", "not a trigger; write off, 250ppm, 0.1% or n=7"),
    ("-1%", "not a share: it does not start with a number"),
    ("0.00001%", "not a whole number of millionths; give at most 4 decimals"),
    ("0.5ppm", "a rate in ppm is a whole number; write 250ppm"),
    ("ppm", "a rate in ppm is a whole number; write 250ppm"),
    ("-1ppm", "a rate in ppm is a whole number; write 250ppm"), ("101%", "a rate is at most 100% (1000000ppm)"),
    ("1000001ppm", "a rate is at most 100% (1000000ppm)"),
    ("99999999999999999999ppm", "a rate is at most 100% (1000000ppm)"),
    ("n=", "behind n= stands the number of an event; write n=1 for the first"),
    ("n=-1", "behind n= stands the number of an event; write n=1 for the first"),
    ("n=0", "the first event is n=1; write off for none"),
    ("n=9223372036854775808", "no run has so many events; write less than 2^63"),
  ])
  func `what is no trigger is refused`(_ text: String, _ reason: String) throws {
    var tree = KnobTree([FaultKnobs.self])
    let error = #expect(throws: KnobError.self) { try tree.write(name: "debug.fault.page", value: text) }
    #expect(error?.problem == .malformed(reason: reason))
    #expect(tree[FaultKnobs.self] == FaultKnobs())
  }

  @Test func `each knob is its part of the plan`() throws {
    var tree = KnobTree([FaultKnobs.self])
    try tree.load(
      text:
        "debug.fault.page = 1%\ndebug.fault.queue_full = n=3\ndebug.fault.device_gone = 5ppm\ndebug.fault.seed = 9\n",
      name: "faults")
    var plan = FaultPlan()
    #expect(KnobTree([FaultKnobs.self])[FaultKnobs.self].plan == plan)
    plan.pageFault = .rate(millionths: 10_000)
    plan.queueFull = .nth(3)
    plan.deviceGone = .rate(millionths: 5)
    plan.seed = 9
    #expect(tree[FaultKnobs.self].plan == plan)
  }

  @Test func `the seed decides which allocations fail`() {
    func hits(_ trigger: FaultPlan.Trigger, seed: Int) -> [Int] {
      var knobs = FaultKnobs()
      knobs.alloc = trigger
      knobs.seed = seed
      var source = knobs.allocationFailures
      return (1...10_000).filter { _ in source.strikes() }
    }
    #expect(hits(.never, seed: 1).isEmpty)
    #expect(hits(.nth(7), seed: 1) == [7])
    #expect(hits(.rate(millionths: 1_000_000), seed: 1).count == 10_000)
    let some = hits(.rate(millionths: 100_000), seed: 1)
    #expect((800...1200).contains(some.count))
    #expect(hits(.rate(millionths: 100_000), seed: 1) == some)
    #expect(hits(.rate(millionths: 100_000), seed: 2) != some)
  }
}
