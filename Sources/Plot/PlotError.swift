// Why a figure could not be drawn.

/// A figure that was not drawn: what is wrong, and what to do.
public struct PlotError: Error, Equatable, Sendable, CustomStringConvertible {
  public var problem: String
  public var fix: String

  public init(_ problem: String, fix: String) {
    self.problem = problem
    self.fix = fix
  }

  /// `problem; fix`.
  public var description: String { "\(problem); \(fix)" }
}
