// What a workload file that cannot be read says about itself.

/// Why a workload or scenario file was refused: where, which key, what is wrong, what to write instead.
public struct WorkloadError: Error, Sendable, Equatable, CustomStringConvertible {
  public var path: String
  /// 1-based; 0 when the file as a whole is meant.
  public var line: Int
  /// 1-based, in Unicode scalars; 0 when the file as a whole is meant.
  public var column: Int
  /// Path of the key, such as `tasks[0].phases[2].rounds`; empty when no key is concerned.
  public var key: String
  public var problem: String
  public var fix: String

  public init(path: String, line: Int = 0, column: Int = 0, key: String = "", problem: String, fix: String) {
    self.path = path
    self.line = line
    self.column = column
    self.key = key
    self.problem = problem
    self.fix = fix
  }

  /// `path:line:column: key: problem; fix`.
  public var description: String {
    var text = path
    if line > 0 { text += ":\(line):\(column)" }
    if !key.isEmpty { text += ": \(key)" }
    text += ": \(problem)"
    if !fix.isEmpty { text += "; \(fix)" }
    return text
  }
}
