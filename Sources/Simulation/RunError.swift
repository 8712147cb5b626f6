// Why a run could not be made or did not end.

/// A run that cannot begin or cannot go on: what is wrong, where, and what to do.
public struct RunError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is at fault.
  public enum Kind: Sendable {
    /// The machine, the workload, or the two together.
    case run
    /// A knob write in the workload.
    case knob
    /// A trace that cannot be read or is damaged.
    case trace
    /// This machine has not the memory that is to be behind the frames, or refuses it.
    case host
  }

  public let what: String
  public let fix: String
  public let kind: Kind

  public init(_ what: String, fix: String, kind: Kind = .run) {
    self.what = what
    self.fix = fix
    self.kind = kind
  }

  public var description: String { fix.isEmpty ? what : "\(what); \(fix)" }
}
