// Why a run could not be made or did not end.

/// A run that cannot begin or cannot go on: what is wrong, where, and what to do.
public struct RunError: Error, Equatable, Sendable, CustomStringConvertible {
  public let what: String
  public let fix: String

  public init(_ what: String, fix: String) {
    self.what = what
    self.fix = fix
  }

  public var description: String { fix.isEmpty ? what : "\(what); \(fix)" }
}
