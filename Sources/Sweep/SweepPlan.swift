// The cells of a sweep: every combination of values, with every seed.

import DSAConfig
import Report
import Simulation
import Sysctl
import Units

/// One run of a sweep.
public struct SweepCell: Equatable, Sendable {
  /// What is written after the knobs of the command line, in this order.
  public var knobs: [Setting]
  /// From 0; 0 is the workload and the knobs as they were given.
  public var seed: Int

  /// One write.
  public struct Setting: Equatable, Hashable, Sendable {
    public var name: String
    /// As the knob prints it.
    public var value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// `vm.limit_chans=8 vm.dsa_copy_threshold=4`.
  public var text: String { knobs.map { "\($0.name)=\($0.value)" }.joined(separator: " ") }
}

/// What a sweep runs.
public struct SweepPlan: Sendable {
  public let workload: PreparedWorkload
  /// The workload's files, the program's version, and the knobs that all cells begin with.
  public let inputs: RunInputs
  public let axes: [SweepAxis]
  /// Seeds of each combination, 1 or more.
  public let seeds: Int
  /// What tells this build of the program from others of its version; empty when it does not matter.
  public let build: String
  /// Identifies the sweep: digest of version, build, workload, traces and knobs.
  public let key: Digest

  /// Most cells of a sweep.
  public static let most = 1_000_000
  public static let mostSeeds = 1_000
  /// What each seed adds to `sim.start_delay`: no multiple or part of the kernel's periods.
  public static let delayStep = 37 * Picoseconds.millisecond

  public init(
    _ workload: PreparedWorkload, inputs: RunInputs, axes: [SweepAxis], seeds: Int = 1, build: String = ""
  ) throws(SweepError) {
    guard !axes.isEmpty || seeds > 1 else {
      throw SweepError("nothing varies", fix: "add --vary KNOB=VALUES, as --vary vm.limit_chans=1,2,4,8, or --seeds 5")
    }
    guard (1...SweepPlan.mostSeeds).contains(seeds) else {
      throw SweepError("--seeds \(seeds): want 1 to \(SweepPlan.mostSeeds)")
    }
    var count = seeds
    for axis in axes {
      let (product, isOver) = count.multipliedReportingOverflow(by: axis.values.count)
      guard !isOver, product <= SweepPlan.most else {
        throw SweepError(
          "the sweep has more than \(SweepPlan.most) cells", fix: "vary fewer knobs, or take larger steps")
      }
      count = product
    }
    self.workload = workload
    self.inputs = inputs
    self.axes = axes
    self.seeds = seeds
    self.build = build
    let base = inputs.tree.sysctlText()
    var text = "pageferry \(inputs.version)\nworkload \(inputs.workload.name) \(inputs.workload.digest)\n"
    if !build.isEmpty { text += "build \(build)\n" }
    for trace in inputs.traces { text += "trace \(trace.name) \(trace.digest)\n" }
    text += "knobs \(Digest(of: base))\n"
    do throws(ReportError) { text += try SweepPlan.devices(inputs.tree) } catch {
      throw SweepError("\(error)", kind: .file)
    }
    key = Digest(of: text)
  }

  /// All cells: the last knob's values change fastest, and a combination's seeds stand together.
  public var cells: [SweepCell] {
    var combinations: [[SweepCell.Setting]] = [[]]
    for axis in axes {
      combinations = combinations.flatMap { knobs in axis.values.map { knobs + [SweepCell.Setting(axis.name, $0)] } }
    }
    return combinations.flatMap { knobs in (0..<seeds).map { SweepCell(knobs: knobs, seed: $0) } }
  }

  /// What tells a cell from all others of the sweep.
  public func key(_ cell: SweepCell) -> String {
    var text = (cell.text.isEmpty ? "" : cell.text + " ") + "seed=\(cell.seed)"
    // The knob is a name; the cell depends on what the file says.
    if let path = cell.knobs.first(where: { $0.name == SweepPlan.deviceKnob })?.value, !path.isEmpty,
      let digest = try? Digest(file: path)
    {
      text += " \(SweepPlan.deviceKnob)=\(digest)"
    }
    return text
  }

  /// The knobs of a cell's run.
  ///
  /// Seed k adds k to `sim.seed` and `sim.workload_seed` and k times 37 ms to `sim.start_delay`.
  public func tree(_ cell: SweepCell) throws(KnobError) -> KnobTree {
    var tree = inputs.tree
    for knob in cell.knobs { try tree.write(name: knob.name, value: knob.value, origin: SweepAxis.origin) }
    guard cell.seed > 0 else { return tree }
    let knobs = tree[SimulationKnobs.self]
    let origin = KnobOrigin.named("seed \(cell.seed)")
    // Past the end of 64 bits a seed is malformed, and the cell fails.
    for (name, value) in [
      ("sim.seed", "\(UInt(knobs.seed) + UInt(cell.seed))"),
      ("sim.workload_seed", "\(UInt(knobs.workloadSeed) + UInt(cell.seed))"),
      ("sim.start_delay", TimeSpan.text(knobs.startDelay + cell.seed * SweepPlan.delayStep)),
    ] { try tree.write(name: name, value: value, origin: origin) }
    return tree
  }

  private static let deviceKnob = "hw.dsa.config"

  /// A line for the device configuration that the knobs name, if they do.
  private static func devices(_ tree: KnobTree) throws(ReportError) -> String {
    let path = tree[DSAHardwareKnobs.self].file.path
    return path.isEmpty ? "" : "devices \(try Digest(file: path))\n"
  }
}
