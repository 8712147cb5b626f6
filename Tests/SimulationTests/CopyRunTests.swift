// Runs in which DSA and workers copy: what polls, sleeps and is woken, and that all time is accounted for.
import Foundation
import MemoryModel
import PageCopy
import Sysctl
import Testing
import Units
import Workload

@testable import Simulation

/// The original's kernel, which demotes lists, on a fast node that is too small.
private let tpp = [
  "kernel.rules=tpp2021", "vm.use_concur_to_demote=1", "mm.numa.demotion_enabled=1", "kernel.numa_balancing=2",
  "vm.demote_scale_factor=1000", "sim.time_scale=1000", "hw.node0.size=16M", "hw.node1.size=64M",
]
private let linux = [
  "kernel.rules=v6.12", "mm.numa.demotion_enabled=1", "kernel.numa_balancing=2", "sim.time_scale=1000",
  "hw.node0.size=16M", "hw.node1.size=64M",
]
private let dsa = ["vm.dsa_state=1", "vm.use_dsa_copy_pages=1"]
private let huge = ["mm.transparent_hugepage.enabled=always"]

/// Two tasks on CPU 0, one of two threads anywhere: together they need more than the fast node.
private let three = """
  name: three
  regions: {A: {size: 8M}, B: {size: 8M}, C: {size: 4M}}
  tasks:
    - {name: a, cpus: 0, start: 1ms, phases: [{access: A, write_every: 1}, {access: A, rounds: 4, think: 200ns}]}
    - {name: b, cpus: 0, phases: [{access: B, write_every: 1}, {sleep: 1ms}, {access: B, rounds: 4, think: 200ns}, {sleep: 4ms}]}
    - {name: c, threads: 2, phases: [{access: C, write_every: 2}, {access: C, rounds: 8, think: 500ns}]}
  """

/// One task that fills more than the fast node, once.
private let fill = "name: fill\nregions: {A: {size: 24M}}\ntasks: [{phases: [{access: A, write_every: 1, rounds: 2}]}]"

/// Hands on a device file with queues of few entries, which is gone afterwards.
private func withSmallQueues<T>(_ entries: Int, batch: Int = 128, _ body: (String) throws -> T) throws -> T {
  let path = NSTemporaryDirectory() + "/pageferry-copy-runs-\(UUID().uuidString).conf"
  let text = """
    [{"dev": "dsa0", "groups": [{"dev": "group0.0", "read_buffers_allowed": 96, "grouped_workqueues": [
      {"dev": "wq0.0", "mode": "dedicated", "size": \(entries), "group_id": 0, "priority": 10, "block_on_fault": 0,
       "max_batch_size": \(batch), "max_transfer_size": 2097152, "type": "kernel", "driver_name": "dmaengine", "name": "few"}],
      "grouped_engines": [{"dev": "engine0.0", "group_id": 0}]}]}]
    """
  try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try body(path)
}

@Suite struct CopyRunTests {
  /// Every picosecond of every thread is accounted for, no CPU is busy for longer than the run, and CPUs were busy for as long
  /// as threads say that they used them.
  private func expectTimesAddUp(
    _ result: RunResult, starts: [Int], sleepsForCopies: Bool = false, hasWorkers: Bool = false, _ comment: Comment
  ) {
    var used = result.kernelThreads.reduce(result.kswapdTime.reduce(0, +)) { $0 + $1.cpuTime }
    for (task, start) in zip(result.tasks, starts) {
      let time = task.totals.time
      let lived = task.threads * (task.end - start * Picoseconds.millisecond)
      let missing = lived - time.reduce(0, +)
      #expect(abs(missing) < 20 * Picoseconds.microsecond, "\(comment), \(task.name): \(missing) ps are missing")
      #expect(time.allSatisfy { $0 >= 0 }, comment)
      let waits: [TimeUse] = [.cpuWait, .migrationWait, .teamWait, .sleep]
      used += time.reduce(0, +) - waits.reduce(0) { $0 + time[$1.rawValue] }
    }
    for busy in result.cpuBusy { #expect(busy <= result.elapsed + 20 * Picoseconds.microsecond, comment) }
    let busy = result.cpuBusy.reduce(0, +)
    let others = busy - used
    if sleepsForCopies { return }
    if hasWorkers {
      // Some of it was queueing and waking, on the migrating CPU.
      #expect(others <= result.copy.use(of: .workers).cpuTime + 200 * Picoseconds.microsecond, comment)
    } else {
      #expect(abs(others) < 200 * Picoseconds.microsecond, "\(comment): \(others) ps of \(busy) are nobody's")
    }
  }

  @Test(arguments: [0, 1, 2, 3], [1, 2, 3])
  func `each way to poll, on each number of CPUs`(_ mode: Int, _ cpus: Int) throws {
    for settings in [tpp, linux] {
      let result = try simulate(
        three, settings + huge + ["hw.cpus=\(cpus)", "vm.dsa_sync_mode=\(mode)", "debug.check=epoch"] + dsa)
      #expect(result.copy.use(of: .dsa).bytes > 1 << 20)
      #expect(result.copy.timer.dsaCopyFail == 0 && result.copy.timer.timeouts == 0)
      #expect(result.copy.devices.allSatisfy { $0.interrupts == 0 })
      expectTimesAddUp(result, starts: [1, 0, 0], "mode \(mode), \(cpus) CPUs, \(settings[0])")
    }
  }

  @Test(arguments: [1, 2, 3])
  func `threads that sleep until the interrupt`(_ cpus: Int) throws {
    for settings in [tpp, linux] {
      let result = try simulate(
        three, settings + huge + ["hw.cpus=\(cpus)", "vm.dsa_async_mode=1", "debug.check=epoch"] + dsa)
      #expect(result.copy.use(of: .dsa).bytes > 1 << 20)
      #expect(result.copy.timer.timeouts == 0)
      #expect(result.copy.devices.reduce(0) { $0 + $1.interrupts } > 0)
      // The CPU is somebody else's meanwhile.
      #expect(result.copy.use(of: .dsa).cpuTime < result.copy.use(of: .dsa).elapsed)
      expectTimesAddUp(result, starts: [1, 0, 0], sleepsForCopies: true, "\(cpus) CPUs, \(settings[0])")
    }
  }

  /// A time-out that is over before the thread runs again must not keep the run at one moment.
  @Test(arguments: [0, 1], [1, 2])
  func `time-outs shorter than a copy`(_ isAsync: Int, _ cpus: Int) throws {
    for faults in ["off", "20%"] {
      let result = try simulate(
        three,
        tpp + huge + [
          "hw.cpus=\(cpus)", "vm.dsa_async_mode=\(isAsync)", "vm.dsa_timeout=1us", "debug.fault.queue_full=\(faults)",
        ] + dsa)
      // What the devices have accepted is waited for, however long: only what is lost is a time-out.
      #expect((result.copy.timer.timeouts > 0) == (faults != "off"))
      #expect(result.copy.isSwitchedOn == (faults == "off"))
      expectTimesAddUp(result, starts: [1, 0, 0], sleepsForCopies: isAsync == 1, "\(faults), \(cpus) CPUs")
    }
  }

  @Test(arguments: [1, 2], [0, 1])
  func `queues of few entries that copies of several CPUs share`(_ entries: Int, _ isAsync: Int) throws {
    let result = try withSmallQueues(entries) { path in
      try simulate(
        three,
        tpp + huge + [
          "hw.cpus=3", "hw.dsa.config=\(path)", "vm.limit_chans=1", "vm.dsa_async_mode=\(isAsync)",
          "vm.dsa_copy_threshold=1", "cost.copy_bandwidth=1GB/s",
        ] + dsa)
    }
    #expect(result.copy.timer.timeouts == 0 && result.copy.devices.allSatisfy { $0.dropped == 0 })
    #expect(result.copy.use(of: .dsa).bytes > 1 << 20)
    // A wait for entries is a sleep, too.
    expectTimesAddUp(result, starts: [1, 0, 0], sleepsForCopies: true, "\(entries)")
  }

  @Test func `queues that take too little are refused`() throws {
    let error = try withSmallQueues(16, batch: 8) { path in
      #expect(throws: KnobError.self) {
        try simulate(fill, tpp + ["hw.dsa.config=\(path)", "vm.limit_chans=1"] + dsa)
      }
    }
    #expect(
      error?.description.hasSuffix(
        "wq0.0 takes batches of 8 at most, and a list's have up to 128; write a max_batch_size of 128 or more") == true)
  }

  /// The hypothesis of one device's bandwidth for huge pages, on nodes that do not bind.
  @Test func `huge pages one after the other take longer`() throws {
    let wide = [0, 1].flatMap { ["hw.node\($0).read_bandwidth=200GB/s", "hw.node\($0).write_bandwidth=200GB/s"] }
    func rate(_ hypothesis: String) throws -> Int {
      let result = try simulate(three, tpp + huge + wide + ["hw.dsa.serialize_huge=\(hypothesis)"] + dsa)
      let use = result.copy.use(of: .dsa)
      try #require(use.hugePages > 0)
      return use.bytes * 1000 / (use.elapsed / 1_000_000)
    }
    let (off, always) = try (rate("off"), rate("always"))
    #expect(off * 2 > always * 3, "\(off) against \(always)")
  }

  @Test func `workers take their CPUs from user threads`() throws {
    let busy = """
      name: busy
      regions: {A: {size: 24M}, B: {pages: 64}}
      tasks:
        - {name: fill, cpus: 3, phases: [{access: A, write_every: 1, rounds: 2}]}
        - {name: zero, cpus: 0, repeat: forever, phases: [{access: B, rounds: 100, think: 1us}]}
        - {name: one, cpus: 1, repeat: forever, phases: [{access: B, rounds: 100, think: 1us}]}
      """
    let settings = tpp + huge + ["hw.cpus=4"]
    let serial = try simulate(busy, settings)
    let parallel = try simulate(busy, settings + ["vm.cpu_multi_copy_pages=1", "vm.limit_mt_num=2"])
    let use = parallel.copy.use(of: .workers)
    #expect(use.bytes > 1 << 20 && serial.copy.use(of: .workers).bytes == 0)
    let waits = { (result: RunResult) in
      (1...2).reduce(0) { $0 + result.tasks[$1].totals.time[TimeUse.cpuWait.rawValue] }
    }
    // The two workers copy on CPUs 0 and 1, which were busy: what they use is what these lose.
    let lost = waits(parallel) - waits(serial)
    #expect(lost > use.cpuTime / 2 && lost < use.cpuTime * 3 / 2, "lost \(lost), copied \(use.cpuTime)")
    expectTimesAddUp(parallel, starts: [0, 0, 0], hasWorkers: true, "workers")
  }

  @Test func `a phase turns DSA on and off`() throws {
    let text = """
      name: switch
      regions: {A: {size: 12M}, B: {size: 12M}, C: {size: 12M}}
      tasks:
        - phases:
            - {access: A, write_every: 1}
            - {sleep: 1ms}
            - set: {vm.dsa_state: 1, vm.use_dsa_copy_pages: 1}
            - {access: B, write_every: 1}
            - {sleep: 1ms}
            - set: {vm.use_dsa_copy_pages: 0, vm.dsa_state: 0}
            - {access: C, write_every: 1}
      """
    let result = try simulate(text, tpp + ["hw.cpus=2"])
    #expect(result.copy.use(of: .dsa).bytes > 1 << 20 && result.copy.use(of: .cpu).bytes > 1 << 20)
    #expect(!result.copy.isSwitchedOn)
    // What cannot be refused beforehand is refused in the run, with its line.
    #expect(throws: RunError.self) {
      try simulate(text.replacing("vm.dsa_state: 1, vm.use_dsa_copy_pages: 1", with: "vm.use_dsa_copy_pages: 1"), tpp)
    }
  }

  @Test func `modes change in the middle of copies`() throws {
    var events = "events:\n"
    for index in 0..<60 {
      let writes = [
        "vm.dsa_async_mode: \(index % 2)", "vm.dsa_sync_mode: \(index % 4)", "vm.dsa_round_overlap: \(index % 2)",
      ]
      events += "  - {at: \(100 + 50 * index)us, set: {\(writes[index / 2 % 3])}}\n"
    }
    let settings = tpp + huge + ["hw.cpus=2"] + dsa
    let result = try simulate(three + "\n" + events, settings)
    #expect(result.copy.use(of: .dsa).bytes > 1 << 20)
    // No thread sleeps for an interrupt that nobody asked for: it would wait for the time-out of 100 ms.
    #expect(result.elapsed < 100 * Picoseconds.millisecond)
    expectTimesAddUp(result, starts: [1, 0, 0], sleepsForCopies: true, "modes")
  }

  @Test func `a device that is gone turns the switch off, until it is written again`() throws {
    let settings = tpp + ["hw.cpus=2", "vm.dsa_timeout=50us", "debug.fault.device_gone=n=20"] + dsa
    let once = try simulate(fill, settings)
    #expect(!once.copy.isSwitchedOn && once.copy.timer.dsaCopyFail == 1 && once.copy.timer.timeouts >= 1)
    #expect(once.copy.use(of: .dsa).bytes > 0 && once.copy.use(of: .cpu).bytes > 1 << 20)
    let again = fill + "\nevents:\n  - {at: 9ms, set: {vm.use_dsa_copy_pages: 1}}\n"
    let twice = try simulate(again, settings)
    #expect(twice.elapsed > 9 * Picoseconds.millisecond, "the event was reached")
    #expect(twice.copy.timer.dsaCopyFail == 2 && !twice.copy.isSwitchedOn)
  }

  @Test(arguments: [
    ["vm.dsa_async_mode=1"], ["vm.dsa_sync_mode=1"], ["vm.cpu_multi_copy_pages=1", "vm.use_dsa_copy_pages=0"],
  ])
  func `the same run twice, and with finer epochs`(_ settings: [String]) throws {
    var elapsed: [Int] = []
    for epoch in ["10us", "10us", "2us"] {
      let result = try simulate(three, tpp + huge + ["hw.cpus=3", "sim.epoch=\(epoch)"] + dsa + settings)
      elapsed.append(result.elapsed)
    }
    #expect(elapsed[0] == elapsed[1])
    #expect(abs(elapsed[2] - elapsed[0]) < elapsed[0] / 10, "\(elapsed)")
  }
}

/// A thread that does nothing.
private final class Idle: ThreadBody {
  var polledTime = 0
  func run(_ thread: ModelThread, cpu: Int, now: Picoseconds, limit: Picoseconds) -> Picoseconds { limit }
  func polled(_ span: Picoseconds) { polledTime += span }
  func tick(_ thread: ModelThread, now: Picoseconds) {}
}

@Suite struct PollingTests {
  private func setUp(yields: Bool) -> (Scheduler, poller: ModelThread, worker: ModelThread) {
    let scheduler = Scheduler(
      cpuCount: 1, tick: 4 * Picoseconds.millisecond, slice: Picoseconds.millisecond, wakeupPreempts: true,
      switchCost: 0)
    scheduler.pollingYields = yields
    let poller = ModelThread(id: 0, name: "poller", body: Idle(), allowed: [true], isKernel: false)
    let worker = ModelThread(id: 1, name: "worker", body: Idle(), allowed: [true], isKernel: true, isUrgent: true)
    worker.state = .waiting
    scheduler.wake(poller, now: 0, waker: nil)
    _ = scheduler.pick(0)
    scheduler.beginStep(0)
    scheduler.account(0, now: 1000, charged: 1000)
    scheduler.cpus[0].isPolling = true
    return (scheduler, poller, worker)
  }

  @Test func `a CPU that polls gives way when it no longer does`() {
    let (scheduler, poller, worker) = setUp(yields: false)
    scheduler.wake(worker, now: 1500, waker: nil)
    #expect(scheduler.cpus[0].current === poller && scheduler.cpus[0].isPolling)
    #expect(scheduler.nextCPU(before: .max) == nil, "its clock waits")
    scheduler.poll(0, until: 3000, ends: true)
    #expect(scheduler.cpus[0].current == nil && scheduler.pick(0) === worker)
    #expect(scheduler.cpus[0].clock == 3000 && poller.cpuTime == 2000 && (poller.body as? Idle)?.polledTime == 2000)
  }

  @Test func `cond_resched gives way at once`() {
    let (scheduler, poller, worker) = setUp(yields: true)
    scheduler.wake(worker, now: 1500, waker: nil)
    #expect(!scheduler.cpus[0].isPolling && scheduler.cpus[0].current == nil)
    #expect(scheduler.pick(0) === worker && scheduler.cpus[0].queue.first === poller)
  }

  @Test func `a CPU that nobody woke goes on`() {
    let (scheduler, poller, _) = setUp(yields: false)
    scheduler.poll(0, until: 2000, ends: false)
    #expect(scheduler.cpus[0].isPolling && scheduler.cpus[0].clock == 2000)
    scheduler.poll(0, until: 2000, ends: true)
    #expect(!scheduler.cpus[0].isPolling && scheduler.cpus[0].current === poller)
  }
}
