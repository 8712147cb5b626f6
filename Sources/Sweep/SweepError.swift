// Why a sweep could not be made, continued, shown or drawn.

/// A sweep that cannot begin or go on: what is wrong, and what to do.
public struct SweepError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is at fault.
  public enum Kind: Sendable {
    /// The arguments or a knob.
    case usage
    /// The file of results, the disk, or what is in the file.
    case file
  }

  public var problem: String
  public var fix: String
  public var kind: Kind

  public init(_ problem: String, fix: String = "", kind: Kind = .usage) {
    self.problem = problem
    self.fix = fix
    self.kind = kind
  }

  /// One line, without a full stop.
  public var description: String { fix.isEmpty ? problem : "\(problem); \(fix)" }
}
