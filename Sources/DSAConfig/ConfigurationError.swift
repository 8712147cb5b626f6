// Why a file is no configuration at all.

/// A file that cannot be read, is no JSON, or is not in the shape of accel-config's files. What the file asks for and would not
/// get is no error but a `ConfigurationFinding`.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// The file cannot be opened, read, or is larger than `ConfigurationText.maxBytes`.
    case unreadable
    /// Not UTF-8 or not JSON.
    case notJSON
    /// JSON, but no list of devices with `dev` first in each object.
    case shape
  }

  public var kind: Kind
  public var path: String
  /// 1-based; 0 when the file as a whole is meant.
  public var line: Int
  /// 1-based, in Unicode scalars; 0 when the file as a whole is meant.
  public var column: Int
  public var problem: String
  public var fix: String

  public init(_ kind: Kind, path: String, line: Int = 0, column: Int = 0, problem: String, fix: String) {
    self.kind = kind
    self.path = path
    self.line = line
    self.column = column
    self.problem = problem
    self.fix = fix
  }

  /// `path:line:column: problem; fix`.
  public var description: String {
    path + (line > 0 ? ":\(line):\(column)" : "") + ": \(problem); \(fix)"
  }
}
