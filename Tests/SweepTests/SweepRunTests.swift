// Runs of sweeps: what is in the file, what is run again, what fails.

import Foundation
import GRDB
import Synchronization
import Testing

@testable import Sweep

struct SweepRunTests {
  @Test func `one thread and two give equal results, and seeds differ`() throws {
    try SmallSweep.withPath { path in
      let plan = try SmallSweep.plan(["hw.node0.size=1M:2M:+512K"], seeds: 2)
      let one = try plan.run(into: try SweepFile(writing: path), jobs: 1)
      #expect(one == SweepOutcome(cells: 6, known: 0, made: 6, failed: 0, firstError: nil))
      let two = try plan.run(into: try SweepFile(writing: path + "2"), jobs: 2)
      #expect(two == one)
      #expect(try SmallSweep.csv(path) == SmallSweep.csv(path + "2"))
      let cells = try SweepFile(reading: path).sweep().cells
      #expect(Set(cells.map(\.digest)).count == 6)
      #expect(Set(cells.map { $0.metrics["elapsed_ps"] }).count == 6)
      #expect(cells.map { $0.metrics["start_delay_ps"] } == [0, 37_000_000_000, 0, 37_000_000_000, 0, 37_000_000_000])
      // The delay of 37 ms is in no time: seeds of one size are alike.
      let elapsed = cells.map { ($0.metrics["elapsed_ps"] ?? 0) / 1_000_000_000 }
      for size in [0, 2, 4] { #expect(abs(elapsed[size + 1] - elapsed[size]) < 20) }
      #expect(cells.allSatisfy { $0.metrics["accesses"] == 5_024 && $0.metrics["measured_accesses"] == 4_000 })
      #expect(cells.allSatisfy { ($0.metrics["demoted_pages"] ?? 0) > 0 })
    }
  }

  @Test func `a row has what a run by itself has`() throws {
    try SmallSweep.withPath { path in
      let plan = try SmallSweep.plan(["hw.node0.size=2M"])
      _ = try plan.run(into: try SweepFile(writing: path), jobs: 1)
      let cell = try SweepFile(reading: path).sweep().cells[0]
      let run = try plan.workload.simulation(plan.tree(plan.cells[0])).run()
      #expect(cell.metrics["elapsed_ps"] == run.elapsed)
      #expect(cell.metrics["fast_accesses"] == run.totals.fastAccesses)
      #expect(cell.metrics["copy_bytes"] == run.copy.bytes)
      #expect(cell.metrics["hint_faults"] == run.memory.vmstat[.numa_hint_faults])
      let touch = try #require(run.stalls.first { $0.cause == "first_touch" })
      #expect(cell.metrics["stall_first_touch_count"] == touch.count)
      #expect(cell.metrics["stall_first_touch_p99_ns"] == touch.p99Nanoseconds)
      #expect(cell.metrics["dsa_busy_millionths"] == nil)
      #expect(cell.metrics["dsa_busy_ps"] == 0)
      let moved = (cell.metrics["demoted_pages"] ?? 0) + (cell.metrics["promoted_pages"] ?? 0)
      #expect(moved == run.trace.basePages.reduce(0, +) && moved > 0)
    }
  }

  @Test func `only what is new is run`() throws {
    try SmallSweep.withPath { path in
      let file = try SweepFile(writing: path)
      #expect(try SmallSweep.plan(["vm.limit_chans=1,2"]).run(into: file, jobs: 2).made == 2)
      #expect(
        try SmallSweep.plan(["vm.limit_chans=1,2,4"]).run(into: file, jobs: 2)
          == SweepOutcome(cells: 3, known: 2, made: 1, failed: 0, firstError: nil))
      #expect(try SmallSweep.plan(["vm.limit_chans=4,1"], seeds: 2).run(into: file, jobs: 2).made == 2)
      #expect(try SmallSweep.plan(["vm.limit_chans=4,1"], seeds: 2).run(into: file, jobs: 2).made == 0)
      #expect(try file.sweeps().map(\.cells.count) == [5])
      // The same values in another order are other runs, and not more seeds.
      for order in [["vm.limit_chans=1", "vm.swappiness=7"], ["vm.swappiness=7", "vm.limit_chans=1"]] {
        #expect(try SmallSweep.plan(order, workload: SmallSweep.workload + "\n").run(into: file, jobs: 1).made == 1)
      }
      #expect(try file.sweep().combinations.map(\.cells.count) == [1, 1])
      // Another version is another sweep of the same file.
      #expect(try SmallSweep.plan(["vm.limit_chans=1"], version: "other").run(into: file, jobs: 1).made == 1)
      #expect(try file.sweeps().map(\.cells.count) == [5, 2, 1])
      #expect(try file.sweep(number: 1).pageferry == "test" && file.sweep().pageferry == "other")
    }
  }

  @Test func `a cell that fails is a row, and the others go on`() throws {
    try SmallSweep.withPath { path in
      let file = try SweepFile(writing: path)
      // The first is refused by the machine, the second by the room of the knob.
      let plan = try SmallSweep.plan(["hw.node1.size=1M,64M", "vm.limit_chans=4,8"], settings: ["vm.dsa_state=1"])
      let outcome = try plan.run(into: file, jobs: 2)
      #expect(outcome.made == 4 && outcome.failed == 3)
      #expect(outcome.firstError?.contains("vm.limit_chans=4 (--vary) refused") == true)
      let cells = try file.sweep().cells
      #expect(cells.map(\.status) == ["failed", "failed", "failed", "ok"])
      #expect(cells[1].error?.hasPrefix("the workload needs ") == true)
      #expect(cells[1].metrics.isEmpty && cells[1].digest == nil)
      #expect(
        try plan.run(into: file, jobs: 1)
          == SweepOutcome(cells: 4, known: 4, made: 0, failed: 3, firstError: outcome.firstError))
      #expect(try plan.run(into: file, jobs: 1, retriesFailed: true).made == 3)
      #expect(try file.sweep().cells.map(\.error) == cells.map(\.error))
      let knobs = try file.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM cell_knobs") }
      #expect(knobs == 8)
    }
  }

  @Test func `two writers of one file leave each cell once`() throws {
    try SmallSweep.withPath { path in
      let plan = try SmallSweep.plan(["vm.limit_chans=1:8:+1"])
      let made = Mutex<[Int]>([])
      DispatchQueue.concurrentPerform(iterations: 2) { _ in
        // Each opens the file, which neither finds.
        guard let file = try? SweepFile(writing: path), let outcome = try? plan.run(into: file, jobs: 1) else { return }
        made.withLock { $0.append(outcome.cells) }
      }
      #expect(made.withLock { $0 } == [8, 8])
      #expect(try SweepFile(reading: path).sweep().cells.count == 8)
    }
  }

  @Test func `files of others are refused and left alone`() throws {
    try SmallSweep.withPath { path in
      let other = try DatabaseQueue(path: path)
      try other.write { try $0.execute(sql: "CREATE TABLE mine (a)") }
      #expect(throws: SweepError.self) { try SweepFile(writing: path) }
      #expect(throws: SweepError.self) { try SweepFile(reading: path) }
      #expect(try other.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_master") } == 1)
      try "no database, whatever its name says".write(toFile: path + "2", atomically: true, encoding: .utf8)
      let error = #expect(throws: SweepError.self) { try SweepFile(writing: path + "2") }
      #expect(error?.description == "\(path)2: file is not a database; name another file")
      #expect(throws: SweepError.self) { try SweepFile(reading: path + "3") }
      #expect(throws: SweepError.self) { try SweepFile(writing: path + "/in/no/folder") }
    }
  }
}
