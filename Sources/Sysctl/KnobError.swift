// What went wrong with a knob: where, which, why, and what to do.

/// A write, a read or a file that was refused. The tree is as it was before.
public struct KnobError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public enum Problem: Equatable, Sendable {
    /// No knob has this name; these are near.
    case unknown(nearMisses: [String])
    /// A family has this knob, but not for this index.
    case index(pattern: String, last: Int)
    /// The value cannot be read; the reason says what to write.
    case malformed(reason: String)
    /// The value is outside of the range.
    case outOfRange(range: String, unit: String)
    /// The room refused; the reason says what to write first.
    case refused(reason: String)
    /// A `.beforeRun` knob was written while a run was going on.
    case running
    /// A line or an argument is no assignment.
    case syntax(reason: String)
    /// A file or directory cannot be read.
    case unreadable(path: String, reason: String)
  }

  /// Where it came from.
  public let origin: KnobOrigin
  /// The name as written; nil if there is none.
  public let key: String?
  /// The value as written; nil if there is none.
  public let value: String?
  /// What is wrong.
  public let problem: Problem

  /// An error; rooms that read knobs from elsewhere may make their own.
  public init(_ problem: Problem, key: String? = nil, value: String? = nil, origin: KnobOrigin) {
    self.problem = problem
    self.key = key
    self.value = value
    self.origin = origin
  }

  /// One line, without a full stop.
  public var description: String {
    let place = origin == .program ? "" : " (\(origin))"
    let name = "'\(Quoted.plain(key ?? ""))'"
    let write = "\(Quoted.plain(key ?? ""))=\(Quoted.plain(value ?? ""))\(place)"
    switch problem {
    case .unknown(let nearMisses):
      let hint = nearMisses.isEmpty ? "" : "; did you mean \(Quoted.alternatives(nearMisses))?"
      return "unknown knob \(name)\(place)\(hint)"
    case .index(let pattern, let last): return "unknown knob \(name)\(place); \(pattern) has N in 0...\(last)"
    case .malformed(let reason): return "\(write): \(reason)"
    case .outOfRange(let range, let unit):
      return "\(write): out of range \(range)" + (unit.isEmpty ? "" : " (\(unit))")
    case .refused(let reason): return "\(write) refused: \(reason)"
    case .running: return "\(write) refused: a run is going on; write it before the run"
    case .syntax(let reason): return origin == .program ? reason : "\(origin): \(reason)"
    case .unreadable(let path, let reason): return "\(Quoted.plain(path)): \(reason)"
    }
  }
}

/// An error that was tolerated: that of a line that starts with `-`.
public struct KnobWarning: Equatable, Sendable, CustomStringConvertible {
  /// What would have been thrown.
  public let error: KnobError
  /// `ignored: ` and the error's line.
  public var description: String { "ignored: \(error)" }
}

/// Foreign text inside messages: short and without control characters.
enum Quoted {
  /// The longest quotation in characters.
  private static let longest = 80

  /// The text with control characters as `\u{…}`, cut with `…`.
  static func plain(_ text: String) -> String {
    var result = ""
    for (count, scalar) in text.unicodeScalars.enumerated() {
      if count == longest { return result + "…" }
      if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
        result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// `a`, `a or b`, `a, b or c`.
  static func alternatives(_ names: [String]) -> String {
    guard names.count > 1, let last = names.last else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " or " + last
  }
}
