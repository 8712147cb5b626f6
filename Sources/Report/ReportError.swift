// What can go wrong when results are written down.

import Foundation

/// A file or directory that cannot be written or read.
public struct ReportError: Error, Equatable, Sendable, CustomStringConvertible {
  public var path: String
  public var problem: String
  public var fix: String

  public init(path: String, problem: String, fix: String) {
    self.path = path
    self.problem = problem
    self.fix = fix
  }

  /// A refusal by the operating system, from `errno`.
  static func system(_ what: String, _ path: String) -> ReportError {
    let code = errno
    let fix =
      code == ENOSPC || code == EDQUOT ? "free some space on the disk" : "check the path, its permissions and the disk"
    return ReportError(path: path, problem: "\(what): \(String(cString: strerror(code)))", fix: fix)
  }

  /// `path: problem; fix`.
  public var description: String { "\(path): \(problem); \(fix)" }
}
