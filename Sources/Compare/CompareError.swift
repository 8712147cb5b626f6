// Why a comparison could not be made.

import Sysctl

/// A comparison that cannot begin or go on: which profile it is about, what is wrong, what to do.
public struct CompareError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is at fault.
  public enum Kind: Sendable {
    /// The arguments, a knob, or the machine.
    case usage
    /// A run, a trace, or a file that is written.
    case run
  }

  /// The profile, with the costs of the run when they were not those given; empty when it is about none.
  public var profile: String
  public var problem: String
  public var fix: String
  public var kind: Kind

  public init(profile: String = "", _ problem: String, fix: String = "", kind: Kind = .usage) {
    self.profile = profile
    self.problem = problem
    self.fix = fix
    self.kind = kind
  }

  /// One line, without a full stop.
  public var description: String {
    (profile.isEmpty ? "" : "profile \(profile): ") + problem + (fix.isEmpty ? "" : "; \(fix)")
  }
}
