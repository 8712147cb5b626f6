// The runs of a sweep, several at a time, each a row as soon as it ends.

import Compare
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
    let failure = Mutex<SweepError?>(nil)
    let made = Atomic(0)
    RunThreads(wanted.count).run(
      jobs: jobs, onProgress: { onProgress($0, wanted.count * 1000, "\($1) of \(wanted.count) cells") },
      { index, report in
        let (cell, key) = wanted[index]
        do throws(SweepError) {
          // Another process may have been here meanwhile.
          if !retriesFailed, try file.has(key, in: sweep) { return true }
          let result = make(cell, key: key, report: report)
          try file.insert(result, sweep: sweep, tree: inputs.tree, replacing: retriesFailed)
          made.add(1, ordering: .relaxed)
          return true
        } catch {
          failure.withLock { $0 = $0 ?? error }
          return false
        }
      })
    if let error = failure.withLock({ $0 }) { throw error }
    let after = try file.cells(of: sweep)
    let failed = all.compactMap { cell in
      after[cell.key].flatMap { $0.status == CellResult.Status.ok.rawValue ? nil : (cell.cell, $0.error) }
    }
    return SweepOutcome(
      cells: all.count, known: all.count - wanted.count, made: made.load(ordering: .relaxed), failed: failed.count,
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
