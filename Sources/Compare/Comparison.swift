// Runs side by side: which is how much faster, and for how much of that the costs are to blame.

import Migration
import Simulation
import Units

/// One column: a profile with its runs.
public struct ComparedProfile: Codable, Equatable, Sendable {
  public var name: String
  public var baseline: Baseline?
  /// Whether its knobs let pages move, as the run begins.
  public var hasMigration: Bool
  /// With the costs as given.
  public var given: RunSummary
  /// With uncalibrated costs halved and doubled.
  public var halved: RunSummary?
  public var doubled: RunSummary?
  /// Over the reference; nil for the reference itself, and where a run took no time.
  public var speedup: Speedup?

  public subscript(scale: CostScale) -> RunSummary? {
    switch scale {
    case .given: given
    case .halved: halved
    case .doubled: doubled
    }
  }

  public init(
    _ name: String, baseline: Baseline? = nil, hasMigration: Bool = true, given: RunSummary, halved: RunSummary?,
    doubled: RunSummary?
  ) {
    self.name = name
    self.baseline = baseline
    self.hasMigration = hasMigration
    self.given = given
    self.halved = halved
    self.doubled = doubled
  }
}

/// By what speed-ups go.
public enum SpeedupBasis: String, Codable, Sendable {
  /// All runs did the same accesses: by measured time.
  case time
  /// They did not, as where a phase lasts for a time: by accesses a second.
  case rate
}

/// A cost that the range scales.
public struct ScaledCost: Codable, Equatable, Sendable {
  public var name: String
  /// As printed, in the runs with the costs as given.
  public var value: String

  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// A whole comparison.
public struct Comparison: Codable, Equatable, Sendable {
  /// Version of the layout; it goes up when a key changes its meaning or goes away.
  public var format = 1
  /// Version of the program.
  public var pageferry: String
  public var workload: String
  public var about: String
  public var footprintPages: Int
  /// The profile that speed-ups are over.
  public var reference: String
  public var basis: SpeedupBasis
  /// Ratios this near to 1 are the same, in millionths.
  public var bandMillionths = Speedup.band
  /// The costs that the range scales together; empty without ranges.
  public var uncalibratedCosts: [ScaledCost]
  public var profiles: [ComparedProfile]
  /// What a reader must know, in words.
  public var notes: [String]

  /// - Parameters:
  ///   - profiles: the reference is one of them.
  ///   - notes: what is known before any run.
  public init(
    version: String, workload: PreparedWorkload, reference: String, costs: [ScaledCost], profiles: [ComparedProfile],
    notes: [String] = []
  ) {
    pageferry = version
    self.workload = workload.spec.name
    about = workload.spec.about
    footprintPages = workload.footprintPages
    self.reference = reference
    uncalibratedCosts = costs
    self.profiles = profiles
    basis = Comparison.didSameWork(profiles) ? .time : .rate
    self.notes = []
    if let base = profiles.first(where: { $0.name == reference }) {
      for index in profiles.indices where profiles[index].name != reference {
        self.profiles[index].speedup = speedup(profiles[index], over: base)
      }
    }
    self.notes = notes + remarks()
  }

  private func speedup(_ profile: ComparedProfile, over base: ComparedProfile) -> Speedup? {
    func ratio(_ scale: CostScale) -> Int? {
      guard let run = profile[scale], let other = base[scale] else { return nil }
      return Speedup.ratio(run, over: other, byTime: basis == .time)
    }
    return ratio(.given).map { Speedup(given: $0, halved: ratio(.halved), doubled: ratio(.doubled)) }
  }

  /// Whether the tasks that end by themselves did the same accesses in all runs.
  private static func didSameWork(_ profiles: [ComparedProfile]) -> Bool {
    let works = profiles.flatMap { profile in CostScale.all.compactMap { profile[$0] } }.map { run in
      run.tasks.filter { !$0.isEndless }.map { task in
        [[String(task.accesses)], task.phases.flatMap { [String($0.number), String($0.runs), $0.accessHash] }]
      }
    }
    return works.allSatisfy { $0 == works[0] } && !profiles.contains { $0.given.isCutOff }
  }

  // MARK: What a reader must know

  private func remarks() -> [String] {
    var notes: [String] = []
    if basis == .rate {
      notes.append("the runs did not do the same accesses: speed-ups are by accesses a second, not by run time")
    }
    let cut = profiles.filter { $0.given.isCutOff }.map(\.name)
    if !cut.isEmpty { notes.append("cut off by sim.max_time: \(cut.joined(separator: ", "))") }
    let moved = profiles.filter { !$0.hasMigration && $0.given.movedPages > 0 }.map(\.name)
    if !moved.isEmpty {
      notes.append(
        "pages moved in \(moved.joined(separator: ", ")), although its knobs have no migration: the workload writes knobs"
      )
    }
    let slow = profiles.filter { $0.baseline == .allFast && $0.given.fastAccesses < $0.given.accesses }
    if !slow.isEmpty { notes.append("not all accesses of all-fast reached fast memory") }
    let failed = profiles.filter { $0.given.copy.dsaFailures > 0 }.map(\.name)
    if !failed.isEmpty { notes.append("DSA copies failed, and a CPU took over: \(failed.joined(separator: ", "))") }
    let off = profiles.filter(\.given.copy.isDsaTurnedOff).map(\.name)
    if !off.isEmpty { notes.append("copying by DSA was off at the end: \(off.joined(separator: ", "))") }
    let idle = profiles.filter { profile in
      ["tpp-dsa", "tpp-mt"].contains(profile.name) && !profile.given.migrations.contains { $0.hugePages > 0 }
    }
    if !idle.isEmpty {
      notes.append(
        "no huge page moved, which is all that \(idle.map(\.name).joined(separator: " and ")) would copy in another way than tpp "
          + "(mm.transparent_hugepage.enabled): any difference is chance")
    }
    return notes
  }
}
