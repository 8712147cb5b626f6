// Which runs a comparison takes, made ready: every knob is written before the first of them begins.

import Simulation
import Sysctl

/// One run of a comparison.
public struct PlannedRun: Sendable {
  /// Place of its profile among the plan's.
  public var profile: Int
  public var scale: CostScale
  /// `tpp-mt`, or `tpp-mt.costs-halved`: usable as a file name.
  public var name: String
  /// The knobs it begins with.
  public var tree: KnobTree
}

/// The runs of a comparison.
public struct ComparisonPlan: Sendable {
  public let workload: PreparedWorkload
  public let profiles: [Profile]
  /// The profile that speed-ups are over.
  public let reference: String
  /// All profiles with the costs as given, then all with costs halved, then doubled.
  public let runs: [PlannedRun]
  /// The costs that are scaled; empty without ranges.
  public let costs: [ScaledCost]
  /// What lines that start with `-` had refused.
  public let warnings: [String]

  /// - Parameters:
  ///   - profiles: one or more, of different names.
  ///   - base: the product's knobs with the writes of the command line.
  ///   - reference: a profile's name; nil takes `tpp`, or the first profile where that is not among them.
  ///   - hasRanges: run everything with uncalibrated costs halved and doubled too.
  ///   - calibrated: costs that are left as they are.
  public init(
    _ workload: PreparedWorkload, profiles: [Profile], base: KnobTree, reference: String? = nil, hasRanges: Bool = true,
    calibrated: [String] = []
  ) throws(CompareError) {
    self.workload = workload
    self.profiles = profiles
    self.reference = try ComparisonPlan.reference(reference, among: profiles)
    let kept = try ComparisonPlan.kept(calibrated, base)
    costs = hasRanges ? CostScale.knobs(base, kept: kept).map { ScaledCost(name: $0.name, value: $0.value) } : []
    var runs: [PlannedRun] = []
    var warnings: [String] = []
    var trees: [KnobTree] = []
    for profile in profiles {
      let (tree, ignored) = try profile.tree(base, workload: workload)
      trees.append(tree)
      warnings += ignored
    }
    for scale in hasRanges ? CostScale.all : [.given] {
      for (index, profile) in profiles.enumerated() {
        var tree = trees[index]
        let name = (profile.name + (scale == .given ? "" : ".costs-\(scale.rawValue)")).replacing("/", with: "-")
        do throws(KnobError) { try scale.apply(to: &tree, kept: kept) } catch {
          throw CompareError(
            profile: name, "\(error)",
            fix: "leave the cost as it is with --calibrated \(error.key ?? ""), or use --no-ranges")
        }
        runs.append(PlannedRun(profile: index, scale: scale, name: name, tree: tree))
      }
    }
    self.runs = runs
    self.warnings = warnings
  }

  private static func reference(_ name: String?, among profiles: [Profile]) throws(CompareError) -> String {
    let names = profiles.map(\.name)
    guard let first = names.first else {
      throw CompareError("there is no profile", fix: "name one or more in --profiles")
    }
    guard let name else { return names.contains("tpp") ? "tpp" : first }
    guard names.contains(name) else {
      let near = NearMiss.find(name, among: names)
      throw CompareError(
        "--over: '\(name)' is none of the profiles",
        fix: near.isEmpty
          ? "they are \(names.joined(separator: ", "))" : "did you mean \(near.joined(separator: " or "))?")
    }
    return name
  }

  /// The names, checked: only what would be scaled can be left out of that.
  private static func kept(_ names: [String], _ base: KnobTree) throws(CompareError) -> Set<String> {
    let scaled = CostScale.knobs(base).map(\.name)
    for name in names where !scaled.contains(name) {
      let near = NearMiss.find(name, among: scaled)
      throw CompareError(
        "--calibrated: '\(name)' is no uncalibrated cost",
        fix: near.isEmpty
          ? "pageferry compare --list-costs names them" : "did you mean \(near.joined(separator: " or "))?")
    }
    return Set(names)
  }
}
