// What `trace scale` is asked to do.

/// How traces are laid side by side.
public struct ScaleOptions: Equatable, Sendable {
  /// What a copy of an input becomes.
  public enum Arrangement: String, Sendable, CaseIterable {
    /// More threads of one process.
    case threads
    /// A process of its own: equal addresses of two copies are two pages.
    case processes
  }

  /// Copies of the one input, 1 or more. With several inputs each is one copy.
  public var copies = 1
  /// Needed when there are two copies or more.
  public var arrangement: Arrangement?
  /// Whether threads keep their addresses, so that all copies use the same pages.
  public var isShared = false
  /// By how much copy k begins later than copy k - 1, in what the copies are interleaved by.
  public var offset: UInt64 = 0
  /// Which pages to keep.
  public var thin: PageSampling?

  public init() {}

  /// As options of the command, for the provenance.
  var description: String {
    var words: [String] = []
    if copies > 1 { words.append("--copies \(copies)") }
    if let arrangement { words.append("--as \(arrangement.rawValue)") }
    if isShared { words.append("--shared") }
    if offset > 0 { words.append("--offset \(offset)") }
    if let thin { words.append("--thin \(thin.text)") }
    return words.joined(separator: " ")
  }

  /// Throws `.usage` when the options do not go together.
  func check(inputs: Int) throws(TraceError) {
    func fail(_ problem: String, _ fix: String) -> TraceError {
      TraceError(.usage, file: "", problem: problem, fix: fix)
    }
    if inputs < 1 { throw fail("no trace to scale", "name one or more") }
    if copies < 1 { throw fail("\(copies) copies", "ask for 1 or more") }
    if copies > 1 && inputs > 1 { throw fail("copies of \(inputs) traces", "name a trace as often as it is wanted") }
    if max(copies, inputs) > 1 && arrangement == nil {
      throw fail("it is not said what the copies become", "say --as threads or --as processes")
    }
    if isShared && arrangement != .threads {
      throw fail("only threads of one process share pages", "say --as threads, or leave --shared out")
    }
  }
}
