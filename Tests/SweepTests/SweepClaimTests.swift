// Processes that share the cells of one file.

import Foundation
import GRDB
import Synchronization
import Testing

@testable import Sweep

struct SweepClaimTests {
  /// Says that a process has a cell.
  private func put(_ process: SweepProcess, _ plan: SweepPlan, _ cell: Int, in file: SweepFile) throws {
    let sweep = try file.sweep(plan)
    try file.write {
      try $0.execute(
        sql: "INSERT INTO claims (sweep_id, cell_key, caller, boot_id, pid, pid_start) VALUES (?, ?, 'other', ?, ?, ?)",
        arguments: [sweep, plan.key(plan.cells[cell]), process.boot, process.number, process.start])
    }
  }

  private func claims(_ file: SweepFile) throws -> Int? {
    try file.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM claims") }
  }

  @Test func `a process is known by its number, its beginning and the machine's`() throws {
    let own = SweepProcess.current
    #expect(own.isAlive && own.start > 0 && own.number == Int(getpid()))
    #expect(SweepProcess(number: 1).isAlive)
    #expect(!SweepProcess(boot: own.boot, number: own.number, start: own.start + 1).isAlive)
    #expect(!SweepProcess(boot: "another", number: own.number, start: own.start).isAlive)
    #expect(!SweepProcess(number: 1 << 30).isAlive)
  }

  @Test func `what processes had that are gone is made, and no claim stays`() throws {
    try SmallSweep.withPath { path in
      let plan = try SmallSweep.plan(["vm.limit_chans=1,2,4"])
      let file = try SweepFile(writing: path)
      var gone = SweepProcess.current
      gone.start += 1
      try put(gone, plan, 0, in: file)
      try put(SweepProcess(boot: "another", number: 1, start: 1), plan, 1, in: file)
      #expect(try plan.run(into: file, jobs: 2).made == 3)
      #expect(try claims(file) == 0)
    }
  }

  @Test func `what another process is making is left to it, and waited for`() throws {
    try SmallSweep.withPath { path in
      let plan = try SmallSweep.plan(["vm.limit_chans=1,2,4"])
      let file = try SweepFile(writing: path)
      // The first of all processes never ends.
      try put(SweepProcess(number: 1), plan, 1, in: file)
      let outcome = Mutex<SweepOutcome?>(nil)
      let done = DispatchSemaphore(value: 0)
      let thread = Thread {
        let result = try? plan.run(into: file, jobs: 2)
        outcome.withLock { $0 = result }
        done.signal()
      }
      thread.start()
      #expect(done.wait(timeout: .now() + 1.5) == .timedOut)
      let other = try SweepFile(writing: path)
      #expect(try other.sweep().cells.map(\.knobs["vm.limit_chans"]?.number) == [1, 4])
      let sweep = try other.sweep(plan)
      let key = plan.key(plan.cells[1])
      try other.insert(plan.make(plan.cells[1], key: key), sweep: sweep, tree: plan.inputs.tree, replacing: false)
      #expect(done.wait(timeout: .now() + 20) == .success)
      #expect(outcome.withLock { $0 } == SweepOutcome(cells: 3, known: 0, made: 2, failed: 0, firstError: nil))
      #expect(try claims(file) == 0)
    }
  }

  @Test func `two writers make each cell once`() throws {
    try SmallSweep.withPath { path in
      let plan = try SmallSweep.plan(["vm.limit_chans=1:8:+1"])
      let made = Mutex(0)
      DispatchQueue.concurrentPerform(iterations: 2) { _ in
        guard let file = try? SweepFile(writing: path), let outcome = try? plan.run(into: file, jobs: 1) else { return }
        made.withLock { $0 += outcome.made }
      }
      #expect(made.withLock { $0 } == 8)
    }
  }

  @Test func `another build is another sweep, and says how many cells it leaves`() throws {
    try SmallSweep.withPath { path in
      func plan(_ build: String) throws -> SweepPlan {
        let plan = try SmallSweep.plan(["vm.limit_chans=1,2"])
        return try SweepPlan(plan.workload, inputs: plan.inputs, axes: plan.axes, build: build)
      }
      let file = try SweepFile(writing: path)
      #expect(try plan("one").run(into: file, jobs: 1).made == 2)
      #expect(try file.cellsOfOtherBuilds(plan("one")) == 0)
      #expect(try file.cellsOfOtherBuilds(plan("two")) == 2)
      #expect(try plan("two").run(into: file, jobs: 1).made == 2)
      let builds = try file.read { try String.fetchAll($0, sql: "SELECT build FROM sweeps ORDER BY sweep_id") }
      #expect(builds == ["one", "two"])
    }
  }

  @Test func `a file of before there were claims is completed`() throws {
    try SmallSweep.withPath { path in
      let plan = try SmallSweep.plan(["vm.limit_chans=1"])
      _ = try plan.run(into: try SweepFile(writing: path), jobs: 1)
      let csv = try SmallSweep.csv(path)
      try DatabaseQueue(path: path).write {
        try $0.execute(sql: "DROP TABLE claims")
        try $0.execute(sql: "ALTER TABLE sweeps DROP COLUMN build")
      }
      #expect(try SmallSweep.csv(path) == csv)
      #expect(try plan.run(into: try SweepFile(writing: path), jobs: 1).known == 1)
      #expect(try SmallSweep.csv(path) == csv)
    }
  }
}
