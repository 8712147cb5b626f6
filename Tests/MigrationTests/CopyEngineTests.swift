// Lists that DSA, workers and the CPU copy: who copies what, in which time, and that nothing is lost when an engine fails.
import DSAModel
import Events
import MemoryModel
import PageCopy
import Testing
import Units

@testable import Migration

@Suite struct CopyEngineTests {
  private func dsa(_ change: (inout CopyKnobs) -> Void = { _ in }) -> CopyKnobs {
    var knobs = CopyKnobs()
    knobs.dsaState = true
    knobs.useDSACopyPages = true
    change(&knobs)
    return knobs
  }

  private func workers(_ count: Int, split: WorkerSplit = .items) -> CopyKnobs {
    var knobs = CopyKnobs()
    knobs.cpuMultiCopyPages = true
    knobs.limitMTNum = count
    knobs.mtCopySplit = split
    return knobs
  }

  /// Nothing lost, nothing torn, all books in order.
  private func expectSound(_ bench: Bench, _ comment: Comment? = nil) {
    bench.putBackLeftovers()
    #expect(bench.memory.findFaults().isEmpty, comment)
  }

  @Test func aListThatReachesTheThresholdGoesToDSA() {
    for pages in [11, 12, 32] {
      let bench = Bench(.tpp2021, copy: dsa())
      bench.map(0..<pages)
      bench.start(slots: Array(0..<pages), isConcurrent: true)
      bench.finish()
      let timer = bench.copies.context.timer
      #expect((0..<pages).allSatisfy { bench.node(of: $0) == 1 })
      #expect(timer.engines[CopyMethod.dsa.rawValue].basePages == (pages < 12 ? 0 : pages))
      #expect(timer.engines[CopyMethod.cpu.rawValue].basePages == (pages < 12 ? pages : 0))
      #expect(timer.counts.dsaBasePages == (pages < 12 ? 0 : pages))
      expectSound(bench)
    }
  }
}
