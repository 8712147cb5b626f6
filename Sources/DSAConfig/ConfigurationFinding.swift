// What is said of a file: what somebody would refuse, and what will not be as it is written.

/// One thing wrong or surprising with a configuration, with its place in the file.
public struct ConfigurationFinding: Sendable, Equatable, CustomStringConvertible {
  /// Who answers.
  public enum Judge: String, Sendable, Equatable {
    /// The accel-config tool and its library, while they read the file.
    case accelConfig = "accel-config"
    /// The kernel's idxd driver.
    case driver = "idxd"
    /// The device, to the driver's enable command.
    case device = "device"
    /// Nobody: the file is taken, but not as it reads.
    case reader = "file"
  }

  /// True when the configuration does not come up.
  public var isRefusal: Bool
  public var judge: Judge
  /// What the judge answers: an errno of a write (`-EINVAL`), the driver's `cmd_status` (`0x80060000`) or the device's command
  /// status (`0x15`). Empty for warnings without one.
  public var code: String
  public var path: String
  /// 1-based; 0 when nothing in the file is to blame, as with a key that is missing from the whole.
  public var line: Int
  public var column: Int
  /// `dsa0`, `group0.1`, `wq0.2` or `engine0.3`.
  public var object: String
  /// The key, or empty.
  public var key: String
  public var problem: String
  public var fix: String
  /// File and function of accel-config or Linux that decide, or the section of the device's specification.
  public var source: String

  /// `path:line:column: object: key: problem (idxd, -EINVAL); fix`.
  public var description: String {
    var text = path
    if line > 0 { text += ":\(line):\(column)" }
    text += ": " + (isRefusal ? "" : "warning: ") + object
    if !key.isEmpty { text += ": \(key)" }
    text += ": \(problem)"
    if !code.isEmpty { text += " (\(judge.rawValue) answers \(code))" }
    if !fix.isEmpty { text += "; \(fix)" }
    return text
  }
}
