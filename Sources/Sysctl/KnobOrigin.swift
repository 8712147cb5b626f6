// Where a value came from; errors and the history of writes name it.

/// Where a value came from.
public enum KnobOrigin: Equatable, Sendable, CustomStringConvertible {
  /// A line of a file, counted from 1.
  case file(path: String, line: Int)
  /// A `--set` argument.
  case commandLine
  /// Anything else, printed as it is: `sweep`, `workload.yaml:12`.
  case named(String)
  /// The program itself; prints nothing.
  case program

  /// `file.conf:12`, `--set`, or the name.
  public var description: String {
    switch self {
    case .file(let path, let line): return "\(Quoted.plain(path)):\(line)"
    case .commandLine: return "--set"
    case .named(let name): return name
    case .program: return ""
    }
  }
}
