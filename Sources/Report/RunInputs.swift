// What went into a run, as its directory names it.

import MemoryModel
import Simulation
import Sysctl
import Workload

/// The inputs of a run. Paths are left out: equal inputs give equal bytes wherever they lie.
public struct RunInputs: Sendable {
  /// An input file by name and digest.
  public struct File: Equatable, Sendable {
    public var name: String
    public var digest: Digest

    public init(name: String, digest: Digest) {
      self.name = name
      self.digest = digest
    }

    /// Reads the file once.
    public init(path: String) throws(ReportError) {
      name = String(path.split(separator: "/").last ?? "")
      digest = try Digest(file: path)
    }
  }

  /// Version of the program.
  public var version: String
  /// Knobs as they were when the run began.
  public var tree: KnobTree
  public var about: String
  /// The workload file.
  public var workload: File
  /// The traces that tasks replay, by task in the order of the file; a file once.
  public var traces: [File]

  public init(version: String, tree: KnobTree, about: String, workload: File, traces: [File]) {
    self.version = version
    self.tree = tree
    self.about = about
    self.workload = workload
    self.traces = traces
  }

  /// Reads the digests of a workload's files.
  public init(version: String, tree: KnobTree, spec: WorkloadSpec) throws(ReportError) {
    var traces: [File] = []
    var seen: Set<String> = []
    for task in spec.tasks {
      guard case .trace(let trace) = task.work, seen.insert(trace.resolvedPath).inserted else { continue }
      traces.append(try File(path: trace.resolvedPath))
    }
    self.init(
      version: version, tree: tree, about: spec.about, workload: try File(path: spec.path), traces: traces)
  }

  var rules: KernelRules { tree[KernelKnobs.self].rules }
  var simulation: SimulationKnobs { tree[SimulationKnobs.self] }
}
