// The runs of a comparison, several at a time. A run belongs to one thread, so that results do not depend on how many there are.

import PageCopy
import Report
import Simulation
import Synchronization
import Sysctl
import Tiering

extension ComparisonPlan {
  /// Whether a profile begins with demotion or promotion on.
  private func hasMigration(_ profile: Int) -> Bool {
    guard let tree = runs.first(where: { $0.profile == profile })?.tree else { return true }
    return tree[ReclaimKnobs.self].demotionEnabled || tree[BalancingKnobs.self].mode != 0
  }

  /// Makes all runs and compares them.
  ///
  /// - Parameters:
  ///   - jobs: threads; each takes the memory of a run.
  ///   - version: of the program.
  ///   - onProgress: called on the caller's thread about ten times a second with the runs done, in thousandths, and a few words.
  ///   - keep: called on the run's thread with each result and the time it took.
  public func run(
    jobs: Int, version: String, onProgress: (_ done: Int, _ words: String) -> Void = { _, _ in },
    keep: (@Sendable (PlannedRun, RunResult, Duration) throws(ReportError) -> Void)? = nil
  ) throws(CompareError) -> Comparison {
    let work = SharedWork(self, keep: keep)
    RunThreads(runs.count).run(
      jobs: jobs, onProgress: { onProgress($0, "\($1) of \(runs.count) runs") },
      { run, report in work.run(run, report) })
    let summaries = try work.summaries()
    func summary(_ profile: Int, _ scale: CostScale) -> RunSummary? {
      runs.firstIndex { $0.profile == profile && $0.scale == scale }.map { summaries[$0] }
    }
    var compared: [ComparedProfile] = []
    for (index, profile) in profiles.enumerated() {
      guard let given = summary(index, .given) else { continue }
      compared.append(
        ComparedProfile(
          profile.name, baseline: profile.baseline, hasMigration: hasMigration(index), given: given,
          halved: summary(index, .halved),
          doubled: summary(index, .doubled)))
    }
    return Comparison(
      version: version, workload: workload, reference: reference, costs: costs, profiles: compared, notes: warnings)
  }
}

/// What the threads of a comparison share.
private final class SharedWork: Sendable {
  private struct State {
    var summaries: [RunSummary?]
    /// The error of the first run that failed, in the order of the plan: runs begin in that order, and all that have begun end.
    var failure: (run: Int, error: CompareError)?
  }

  private let plan: ComparisonPlan
  private let keep: (@Sendable (PlannedRun, RunResult, Duration) throws(ReportError) -> Void)?
  private let state: Mutex<State>

  init(_ plan: ComparisonPlan, keep: (@Sendable (PlannedRun, RunResult, Duration) throws(ReportError) -> Void)?) {
    self.plan = plan
    self.keep = keep
    state = Mutex(State(summaries: Array(repeating: nil, count: plan.runs.count)))
  }

  /// Makes one run; false when it failed.
  func run(_ index: Int, _ report: @escaping @Sendable (Int) -> Void) -> Bool {
    do throws(CompareError) {
      let summary = try make(index, report)
      state.withLock { $0.summaries[index] = summary }
      return true
    } catch {
      state.withLock { if index < $0.failure?.run ?? Int.max { $0.failure = (index, error) } }
      return false
    }
  }

  private func make(_ index: Int, _ report: @escaping @Sendable (Int) -> Void) throws(CompareError) -> RunSummary {
    let run = plan.runs[index]
    let start = ContinuousClock.now
    let simulation: Simulation
    do throws(RunError) { simulation = try plan.workload.simulation(run.tree) } catch {
      throw CompareError(profile: run.name, "\(error)", kind: error.kind == .trace ? .run : .usage)
    }
    simulation.onProgress = { _, done, total in if total > 0 { report(done * 1000 / total) } }
    let result: RunResult
    do throws(RunError) { result = try simulation.run() } catch {
      throw CompareError(profile: run.name, "\(error)", kind: error.kind == .knob ? .usage : .run)
    }
    do throws(ReportError) { try keep?(run, result, ContinuousClock.now - start) } catch {
      throw CompareError(profile: run.name, "\(error)", kind: .run)
    }
    return RunSummary(
      result, of: plan.workload, baseline: plan.profiles[run.profile].baseline,
      wantsDSA: run.tree[CopyKnobs.self].useDSACopyPages)
  }

  /// All summaries in the order of the plan.
  func summaries() throws(CompareError) -> [RunSummary] {
    let (all, failure) = state.withLock { ($0.summaries.compactMap(\.self), $0.failure) }
    if let failure { throw failure.error }
    return all
  }
}
