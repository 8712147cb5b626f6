// The runs of a sweep, several at a time, each a row as soon as it ends.

import Compare
import Foundation
import MemoryModel
import PageCopy
import Report
import Simulation
import Synchronization
import Sysctl

/// What a call of `SweepPlan.run` did.
public struct SweepOutcome: Equatable, Sendable {
  /// Cells of the plan.
  public var cells = 0
  /// Cells whose row was there before.
  public var known = 0
  /// Cells that this call made.
  public var made = 0
  /// Cells that other calls made meanwhile.
  public var others: Int { cells - known - made }
  /// Cells of the plan without a usable result, those known before too.
  public var failed = 0
  /// What the first of them said, in the order of the plan.
  public var firstError: String?
}

extension SweepPlan {
  /// Makes every cell that the file does not have, and writes each as soon as it has ended.
  ///
  /// - Parameters:
  ///   - jobs: threads; each takes the memory of a run.
  ///   - retriesFailed: make cells again whose row is there without a usable result.
  ///   - onProgress: called on the caller's thread about ten times a second with thousandths of cells that are done, and of how many.
  /// - Throws: when the file cannot be read or written; what a cell ends with is in its row.
  public func run(
    into file: SweepFile, jobs: Int, retriesFailed: Bool = false,
    onProgress: (_ done: Int, _ total: Int, _ words: String) -> Void = { _, _, _ in }
  ) throws(SweepError) -> SweepOutcome {
    let sweep = try file.sweep(self)
    let all = cells.map { (cell: $0, key: key($0)) }
    let before = try file.cells(of: sweep)
    let wanted = all.filter { cell in
      before[cell.key].map { retriesFailed && $0.status != CellResult.Status.ok.rawValue } ?? true
    }
    let pass = SweepPass(plan: self, file: file, sweep: sweep, retriesFailed: retriesFailed)
    var rest = wanted
    do throws(SweepError) {
      while !rest.isEmpty {
        let done = wanted.count - rest.count
        rest = try pass.run(rest, jobs: jobs) { part, ended in
          onProgress(done * 1000 + part, wanted.count * 1000, "\(done + ended) of \(wanted.count) cells")
        }
        // Others are at these: until their rows are there, or they have ended.
        if !rest.isEmpty { Thread.sleep(forTimeInterval: 0.2) }
      }
    } catch {
      try? file.release(pass.caller)
      throw error
    }
    let after = try file.cells(of: sweep)
    let failed = all.compactMap { cell in
      after[cell.key].flatMap { $0.status == CellResult.Status.ok.rawValue ? nil : (cell.cell, $0.error) }
    }
    return SweepOutcome(
      cells: all.count, known: all.count - wanted.count, made: pass.made.load(ordering: .relaxed), failed: failed.count,
      firstError: failed.first.map { "\($0.0.text.isEmpty ? "" : $0.0.text + ", ")seed \($0.0.seed): \($0.1 ?? "")" })
  }

  /// One cell's run. Whatever goes wrong is a result, too.
  func make(_ cell: SweepCell, key: String, report: @escaping @Sendable (Int) -> Void = { _ in }) -> CellResult {
    var result = CellResult(cell: cell, key: key, status: .failed)
    do {
      let tree = try self.tree(cell)
      result.effectiveKnobs = tree.sysctlText()
      let simulation = try workload.simulation(tree)
      simulation.onProgress = { _, done, total in if total > 0 { report(done * 1000 / total) } }
      let run = try simulation.run()
      var own = inputs
      own.tree = tree
      result.digest = "\(Digest(of: RunFiles(run, inputs: own).json))"
      let seen = CellRun(
        summary: RunSummary(run, of: workload, wantsDSA: tree[CopyKnobs.self].useDSACopyPages),
        startDelay: tree[SimulationKnobs.self].startDelay, pageFaults: run.memory.vmstat[.pgfault],
        hintFaults: run.memory.vmstat[.numa_hint_faults])
      result.metrics = Metric.all.map { $0.value(seen) }
      result.warnings = run.warnings.isEmpty ? nil : run.warnings.joined(separator: "\n")
      result.status = run.faults.isEmpty ? .ok : .faulty
      result.error = run.faults.first.map { "check failed: \($0); the numbers of this run are not to be trusted" }
    } catch {
      result.error = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
    }
    return result
  }
}

/// Some cells of a sweep, made by one call of `SweepPlan.run`.
private final class SweepPass: Sendable {
  private let plan: SweepPlan
  private let file: SweepFile
  private let sweep: Int
  private let retriesFailed: Bool
  /// Names the call among all that ever claim a cell.
  let caller = UUID().uuidString
  let made = Atomic(0)

  init(plan: SweepPlan, file: SweepFile, sweep: Int, retriesFailed: Bool) {
    self.plan = plan
    self.file = file
    self.sweep = sweep
    self.retriesFailed = retriesFailed
  }

  /// Makes cells on several threads.
  ///
  /// - Returns: those that other calls are making.
  func run(
    _ cells: [(cell: SweepCell, key: String)], jobs: Int, onProgress: (_ done: Int, _ ended: Int) -> Void
  ) throws(SweepError) -> [(cell: SweepCell, key: String)] {
    let failure = Mutex<SweepError?>(nil)
    let taken = Mutex<Set<Int>>([])
    RunThreads(cells.count).run(jobs: jobs, onProgress: onProgress) { [self] index, report in
      do throws(SweepError) {
        if try !make(cells[index].cell, key: cells[index].key, report) { taken.withLock { _ = $0.insert(index) } }
        return true
      } catch {
        failure.withLock { $0 = $0 ?? error }
        return false
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
    return taken.withLock { $0 }.sorted().map { cells[$0] }
  }

  /// Makes a cell if nobody else does; false when somebody is at it.
  private func make(_ cell: SweepCell, key: String, _ report: @escaping @Sendable (Int) -> Void) throws(SweepError)
    -> Bool
  {
    switch try file.claim(key, in: sweep, by: caller, retriesFailed: retriesFailed) {
    case .made: return true
    case .taken: return false
    case .granted:
      let result = plan.make(cell, key: key, report: report)
      try file.insert(result, sweep: sweep, tree: plan.inputs.tree, replacing: retriesFailed)
      made.add(1, ordering: .relaxed)
      return true
    }
  }
}
