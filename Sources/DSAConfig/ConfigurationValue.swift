// A value of the file as json-c hands it to accel-config.

import Yams

/// A scalar and where it stands.
struct ConfigurationValue {
  enum Kind: Equatable { case string, number, bool, null }

  let kind: Kind
  /// A string's characters; the text of any other value.
  let text: String
  let line: Int
  let column: Int

  /// Nil for lists and objects.
  init?(_ node: Node) {
    guard case .scalar(let scalar) = node else { return nil }
    text = scalar.string
    line = scalar.mark?.line ?? 0
    column = scalar.mark?.column ?? 0
    if scalar.style == .doubleQuoted {
      kind = .string
    } else {
      kind = ["true", "false"].contains(text) ? .bool : text == "null" ? .null : .number
    }
  }

  /// The number that json-c makes of the value and, when it is not one as it stands, what it was taken from. Nil where json-c
  /// fails.
  ///
  /// Source: json-c json_object.c json_object_get_int and json_object_get_int64: strings are parsed, fractions cut off, true is
  /// 1, what is out of range becomes the nearest that is not.
  func integer(limit: Int = Int(Int32.max)) -> (value: Int, isOdd: Bool)? {
    func clamped(_ value: Int) -> Int { min(max(value, -limit - 1), limit) }
    switch kind {
    case .null: return nil
    case .bool: return (text == "true" ? 1 : 0, true)
    case .string, .number:
      if let value = Int(text) { return (clamped(value), kind == .string) }
      guard kind == .number, let value = Double(text) else { return nil }
      let isWhole =
        value == value.rounded(.towardZero) && !text.contains(".") && !text.contains("e") && !text.contains("E")
      let bounded = value >= 9e18 ? Int.max : value <= -9e18 ? Int.min : Int(value)
      return (clamped(bounded), !isWhole)
    }
  }

  /// As it may stand in a message.
  var shown: String { kind == .string ? "\"\(text.inOneLine)\"" : text.inOneLine }
}
