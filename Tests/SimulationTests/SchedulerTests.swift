// Threads on CPUs: wakes in the middle of a step, clocks of several CPUs, teams.
import Testing
import Units

@testable import Simulation

/// A thread that does nothing.
private final class Idle: ThreadBody {
  func run(_ thread: ModelThread, cpu: Int, now: Picoseconds, limit: Picoseconds) -> Picoseconds { limit }
  func polled(_ span: Picoseconds) {}
  func tick(_ thread: ModelThread, now: Picoseconds) {}
}

@Suite struct SchedulerTests {
  private let millisecond = Picoseconds.millisecond

  private func scheduler(cpus: Int, wakeupPreempts: Bool) -> Scheduler {
    Scheduler(
      cpuCount: cpus, tick: 4 * millisecond, slice: millisecond, wakeupPreempts: wakeupPreempts, switchCost: 0)
  }

  private func thread(_ id: Int, cpus: Int) -> ModelThread {
    ModelThread(
      id: id, name: "t\(id)", body: Idle(), allowed: [Bool](repeating: true, count: cpus), isKernel: false)
  }

  @Test(arguments: [true, false])
  func aWakeInTheMiddleOfAStepTakesTheCPUAfterIt(wakeupPreempts: Bool) {
    let scheduler = scheduler(cpus: 1, wakeupPreempts: wakeupPreempts)
    let (runner, woken) = (thread(0, cpus: 1), thread(1, cpus: 1))
    scheduler.wake(runner, now: 0, waker: nil)
    #expect(scheduler.pick(0) === runner)
    // It has run for long, so that whoever wakes may preempt it.
    runner.virtualTime = 100 * millisecond
    runner.deadline = runner.virtualTime
    scheduler.beginStep(0)
    scheduler.wake(woken, now: 0, waker: 0)
    #expect(scheduler.cpus[0].current === runner)
    scheduler.account(0, now: 3 * millisecond, charged: 3 * millisecond)
    #expect(scheduler.cpus[0].clock == 3 * millisecond)
    #expect(scheduler.cpus[0].busyTime == 3 * millisecond)
    #expect(runner.virtualTime == 103 * millisecond)
    #expect(scheduler.cpus[0].current == nil)
    #expect(scheduler.pick(0) === woken)
  }

  @Test func aThreadThatGoesToSleepInTheStepIsNotQueued() {
    let scheduler = scheduler(cpus: 1, wakeupPreempts: true)
    let (runner, woken) = (thread(0, cpus: 1), thread(1, cpus: 1))
    scheduler.wake(runner, now: 0, waker: nil)
    _ = scheduler.pick(0)
    runner.virtualTime = 100 * millisecond
    scheduler.beginStep(0)
    scheduler.wake(woken, now: 0, waker: 0)
    runner.state = .waiting
    scheduler.account(0, now: millisecond, charged: millisecond)
    #expect(scheduler.pick(0) === woken)
    #expect(scheduler.cpus[0].queue.isEmpty)
  }

  @Test func wakingAThreadTwiceQueuesItOnce() {
    let scheduler = scheduler(cpus: 2, wakeupPreempts: false)
    let one = thread(0, cpus: 2)
    scheduler.wake(one, now: 0, waker: nil)
    scheduler.wake(one, now: 0, waker: nil)
    #expect(scheduler.cpus.map(\.queue.count) == [1, 0])
    _ = scheduler.pick(0)
    scheduler.wake(one, now: 0, waker: nil)
    #expect(scheduler.cpus.allSatisfy { $0.queue.isEmpty })
    // Once it sleeps it can be woken again.
    scheduler.beginStep(0)
    one.state = .waiting
    scheduler.account(0, now: millisecond, charged: millisecond)
    scheduler.wake(one, now: millisecond, waker: nil)
    #expect(scheduler.cpus[0].queue.count == 1)
  }

  @Test func aThreadDoesNotGoBackInTimeWhenItChangesItsCPU() {
    let scheduler = scheduler(cpus: 2, wakeupPreempts: false)
    let mover = thread(0, cpus: 2)
    scheduler.wake(mover, now: 0, waker: nil)
    #expect(scheduler.pick(0) === mover)
    scheduler.beginStep(0)
    mover.state = .waiting
    scheduler.account(0, now: 9 * millisecond, charged: 9 * millisecond)
    // CPU 0 is taken by another; CPU 1's clock is still at 0, and so is the waker's.
    let other = thread(1, cpus: 2)
    scheduler.wake(other, now: 9 * millisecond, waker: nil)
    scheduler.wake(mover, now: millisecond, waker: nil)
    #expect(scheduler.pick(1) === mover)
    #expect(scheduler.cpus[1].clock == 9 * millisecond)
  }

  @Test func aTeamSleepsAndComputesTogether() throws {
    // Two threads, and a pause before anything else: neither may pass it.
    let result = try simulate(
      """
      name: team
      regions: {A: {pages: 1000}}
      tasks:
        - name: main
          threads: 4
          phases:
            - {sleep: 10ms}
            - {compute: 10ms}
            - {access: A, rounds: 3, sleep: 5ms}
            - {sleep: 1ms}
      """, ["hw.cpus=2", "sim.chunk=16", "cost.context_switch=0ns"])
    let task = result.tasks[0]
    #expect(task.phases.map(\.number) == [0, 1, 2, 3])
    #expect(task.phases[0].elapsed == 10 * millisecond)
    #expect(task.phases[1].start == 10 * millisecond)
    #expect(task.phases[1].elapsed >= 10 * millisecond)
    #expect(task.phases[2].start >= 20 * millisecond)
    // The sleep after the last round is between the phases.
    #expect(task.phases[2].elapsed >= 10 * millisecond)
    #expect(task.phases[3].start >= task.phases[2].end + 5 * millisecond)
    #expect(task.totals.accesses == 3000)
    // Rounds follow one another with a sleep between them.
    for (a, b) in zip(task.rounds, task.rounds.dropFirst()) { #expect(b.start == a.end) }
    #expect(task.rounds.dropFirst().allSatisfy { $0.end - $0.start >= 5 * millisecond })
  }
}
