// Phases that go on for a time, and masim configurations as whole runs.
import Testing
import Units
import Workload

@testable import Simulation

@Suite struct TimedPhaseTests {
  /// Two nodes that hold everything, latencies that do not depend on load, no cost of switching.
  private static let still = [
    "hw.node0.size=64M", "hw.node1.size=64M", "hw.loaded_latency_queue=0", "cost.context_switch=0ns",
  ]

  @Test func aPhaseEndsWithTheLookAtTheClockThatFindsItsTimePast() throws {
    let result = try simulate(
      """
      name: timed
      regions: {A: {pages: 1000}}
      tasks:
        - mlp: 1
          phases: [{access: A}, {access: A, for: 10ms, think: 890ns}, {sleep: 1ms}]
      """, Self.still)
    // An access takes 1 us, and the clock is looked at after each 1024.
    let access = 1_000 * Picoseconds.nanosecond
    #expect(result.phase(1).accesses == 10 * 1_024)
    #expect(result.phase(1).elapsed == 10 * 1_024 * access)
    #expect(result.phase(2).elapsed == Picoseconds.millisecond)
    #expect(result.tasks[0].phases.map(\.label) == ["access A seq", "access A seq", "sleep"])
  }

  @Test func aPhaseOfExactlyItsTimeIsNotPastIt() throws {
    let text = """
      name: timed
      regions: {A: {pages: 1000}}
      tasks: [{mlp: 1, repeat: 2, phases: [{access: A, rounds: 2}, {access: A, for: TIME, think: 890ns}]}]
      """
    for (time, accesses) in [("2048us", 2_048), ("2047999999ps", 2_048), ("2048000001ps", 3_072), ("1ps", 1_024)] {
      let result = try simulate(text.replacing("TIME", with: time), Self.still)
      #expect(result.phase(1).accesses == 2 * accesses && result.phase(1).runs == 2)
    }
  }

  @Test func threadsShareATimedPhase() throws {
    let text = """
      name: team
      regions: {A: {pages: 1000}, B: {pages: 1000}}
      tasks:
        - threads: THREADS
          phases:
            - {access: A}
            - {access: B}
            - mix: [{access: A, weight: 3, pattern: uniform, write_every: 1}, {access: B, pattern: zipf}]
              for: 5ms
              think: 890ns
            - sleep: 1ms
      """
    let one = try simulate(text.replacing("THREADS", with: "1"), Self.still + ["hw.cpus=4"])
    let four = try simulate(text.replacing("THREADS", with: "4"), Self.still + ["hw.cpus=4"])
    let millisecond = Picoseconds.millisecond
    #expect((5 * millisecond...7 * millisecond).contains(one.phase(2).elapsed))
    #expect((5 * millisecond...7 * millisecond).contains(four.phase(2).elapsed))
    #expect(four.phase(2).accesses > 3 * one.phase(2).accesses)
  }

  @Test func anEndlessTaskWithATimedPhaseEndsWithTheOthers() throws {
    let result = try simulate(
      """
      name: background
      regions: {A: {pages: 100}, B: {pages: 100}}
      tasks:
        - {name: main, phases: [{access: A, for: 3ms}]}
        - {name: behind, repeat: forever, phases: [{access: B, for: 1h}]}
      """, Self.still + ["hw.cpus=2"])
    #expect((3 * Picoseconds.millisecond...4 * Picoseconds.millisecond).contains(result.elapsed))
    #expect(result.tasks[1].totals.accesses > 1_000)
  }

  @Test func aMasimConfigurationRunsForItsTimesWithItsShares() throws {
    // Shares by mode: `hot` and `cold` are read, `written` is not.
    let result = try simulate(
      """
      # regions
      hot, 8000000
      cold, 16000000
      written, 4096000

      fill
      0
      hot, 0, 4096, 1

      mixed
      800
      hot, 1, 64, 60, ro
      cold, 0, 64, 10, ro
      written, 0, 4096, 30

      end
      40
      written, 1, 64, 1, rw
      """, Self.still)
    #expect(result.workload == "test" || result.workload == "test.yaml")
    let batch = 131_072
    let task = result.tasks[0]
    #expect(task.sections.map(\.name) == ["", "fill", "mixed", "end"])
    #expect(result.phase(1).accesses == batch)
    for (number, milliseconds) in [(3, 800), (5, 40)] {
      let phase = result.phase(number)
      let time = milliseconds * Picoseconds.millisecond
      #expect(phase.accesses % batch == 0)
      // One batch takes as long as the phase's mean one, or twice that with all first touches in it.
      #expect(phase.elapsed >= time && phase.elapsed < time + 2 * phase.elapsed / (phase.accesses / batch))
    }
    // Draws of whole batches: five standard deviations of their number.
    let mixed = result.phase(3)
    let draws = Double(mixed.accesses / batch)
    #expect(draws > 50)
    #expect(abs(Double(mixed.totals.writes / batch) - 0.3 * draws) < 5 * (draws * 0.3 * 0.7).squareRoot())
    #expect(mixed.totals.writes % batch == 0 && mixed.totals.reads % batch == 0)
    #expect(result.phase(5).totals.reads == 0)
  }
}
