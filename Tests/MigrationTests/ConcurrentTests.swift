// A whole list through each stage together.
import MemoryModel
import Testing
import Units

@testable import Migration

@Suite struct ConcurrentTests {
  @Test func allPagesAreUnavailableUntilAllAreCopied() {
    let bench = Bench(.tpp2021)
    bench.map(0..<8)
    bench.start(slots: Array(0..<8), isConcurrent: true)
    // Eight pages to unmap and the end of it, eight to copy and the end of it.
    for i in 0..<18 {
      #expect(bench.step() != nil)
      let waiting = (0..<8).count { bench.isUnavailable($0) }
      #expect(waiting == min(i + 1, 8))
    }
    var available: [Int] = []
    while bench.step() != nil {
      available.append((0..<8).count { !bench.isUnavailable($0) })
    }
    #expect(available == Array(1...8))
    #expect((0..<8).allSatisfy { bench.node(of: $0) == 1 })
    #expect(bench.job.nrSucceeded == 8 && bench.job.leftovers.isEmpty)
    #expect(bench.trace.records.map(\.function) == [.migratePagesConcur])
    #expect(bench.trace.records[0].succeeded == 8)
  }

  @Test func itTakesTheTimeThatOneByOneTakes() {
    var times: [Int] = []
    for isConcurrent in [false, true] {
      let bench = Bench(.tpp2021)
      bench.map(0..<32)
      bench.start(slots: Array(0..<32), isConcurrent: isConcurrent)
      times.append(bench.finish())
      #expect(bench.memory.vmstat[.pgmigrate_success] == 32)
    }
    #expect(times[0] == times[1])
  }

  @Test func pagesOfFilesAreLeftToMigratePages() {
    let bench = Bench(.tpp2021)
    bench.map(0..<4)
    for slot in 4..<6 { #expect(bench.memory.mapBase(slot: slot, isWrite: false, isFile: true, node: 0, cpu: 0)) }
    bench.memory.drainAllLRUBatches()
    bench.start(slots: [0, 4, 1, 5, 2, 3], isConcurrent: true)
    bench.finish()
    #expect((0..<6).allSatisfy { bench.node(of: $0) == 1 })
    #expect(bench.trace.records.map(\.function) == [.migratePagesConcur, .migratePages])
    #expect(bench.trace.records.map(\.succeeded) == [4, 2])
    #expect(bench.job.nrSucceeded == 6 && bench.memory.vmstat[.pgmigrate_success] == 6)
    #expect(bench.trace.calls[MigrateReason.demotion.rawValue] == [1, 1])
  }

  @Test func aFullTargetStopsTheListAndNothingIsCountedTwice() {
    let bench = Bench(.tpp2021, pages: [8192, 256])
    bench.map(0..<400)
    bench.start(slots: Array(0..<400), isConcurrent: true)
    bench.finish()
    let moved = (0..<400).count { bench.node(of: $0) == 1 }
    #expect(moved > 0 && moved < 400)
    #expect(bench.job.nrSucceeded == moved && bench.job.leftovers.count == 400 - moved)
    #expect(bench.memory.vmstat[.pgmigrate_success] == moved)
    #expect(bench.trace.records.map(\.function) == [.migratePagesConcur, .migratePages])
    #expect(bench.trace.records.map(\.succeeded) == [moved, 0])
    // The page that stopped the list is tried once more, fails then, and counts once.
    #expect(bench.memory.vmstat[.pgmigrate_fail] == bench.memory.vmstat[.pgmigrate_fail_nomem])
    #expect(bench.memory.vmstat[.pgmigrate_fail_nomem] == 1)
  }

  @Test func hugePagesGoWithTheList() {
    let bench = Bench(.tpp2021)
    bench.mapHuge(512)
    bench.map(0..<3)
    bench.start(slots: [0, 512, 1, 2], isConcurrent: true)
    bench.finish()
    #expect(bench.node(of: 512) == 1 && bench.memory.isHuge(slot: 512))
    #expect(bench.trace.records.map(\.succeeded) == [515] && bench.trace.records[0].hugeSucceeded == 1)
  }
}
