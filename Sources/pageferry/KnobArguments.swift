// -p and --set in the order of the command line.

import ArgumentParser
import Report
import Simulation
import Synchronization
import Sysctl

/// A source of knob writes and its place on the command line.
struct KnobArgument: Sendable {
  enum Kind: Sendable {
    case file
    case assignment
  }

  var kind: Kind
  var text: String
  /// Arguments are converted in the order of the command line, so that this orders them.
  private let order: Int

  private static let next = Atomic(0)

  init(_ kind: Kind, _ text: String) {
    self.kind = kind
    self.text = text
    order = KnobArgument.next.add(1, ordering: .relaxed).oldValue
  }

  static func inOrder(_ arguments: [KnobArgument]) -> [KnobArgument] { arguments.sorted { $0.order < $1.order } }
}

/// Options that `run` and `sysctl` share.
struct KnobOptions: ParsableArguments {
  @Option(
    name: [.customShort("p"), .customLong("profile")],
    help: ArgumentHelp(
      "Write the knobs of a file in sysctl.conf(5) syntax, or of all *.conf files of a directory.", valueName: "file"),
    transform: { KnobArgument(.file, $0) })
  var files: [KnobArgument] = []

  @Option(
    name: .customLong("set"), help: ArgumentHelp("Write one knob.", valueName: "key=value"),
    transform: { KnobArgument(.assignment, $0) })
  var assignments: [KnobArgument] = []

  /// The product's knobs with all writes applied in the order of the command line, and what lines that start with `-`
  /// had refused.
  func tree() throws(KnobError) -> (tree: KnobTree, warnings: [KnobWarning]) {
    var tree = KnobTree.product
    var warnings: [KnobWarning] = []
    for argument in KnobArgument.inOrder(files + assignments) {
      switch argument.kind {
      case .file: warnings += try tree.load(path: argument.text)
      case .assignment: try tree.writeAssignment(argument.text)
      }
    }
    return (tree, warnings)
  }
}
