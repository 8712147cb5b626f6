// JSON whose bytes depend on the values alone: keys in the order written, integers only.

/// A JSON value. Numbers are integers with their unit in the key, so that no rounding depends on a library.
public indirect enum JSONValue: Equatable, Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral
{
  case string(String)
  case integer(Int)
  case bool(Bool)
  case list([JSONValue])
  case object([(String, JSONValue)])

  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }

  public static func == (a: JSONValue, b: JSONValue) -> Bool { a.text == b.text }

  /// Integers as a list.
  static func integers(_ values: some Sequence<Int>) -> JSONValue { .list(values.map { .integer($0) }) }

  /// The value as indented text with a line feed at the end. Lists of plain values stand on one line.
  public var text: String {
    var text = ""
    write(to: &text, indent: "")
    return text + "\n"
  }

  private var isPlain: Bool {
    switch self {
    case .string, .integer, .bool: true
    case .list(let values): values.isEmpty
    case .object(let pairs): pairs.isEmpty
    }
  }

  private func write(to text: inout String, indent: String) {
    let inner = indent + "  "
    switch self {
    case .string(let value): text += JSONValue.quoted(value)
    case .integer(let value): text += String(value)
    case .bool(let value): text += value ? "true" : "false"
    case .list(let values) where values.allSatisfy(\.isPlain):
      text += "["
      for (i, value) in values.enumerated() {
        if i > 0 { text += ", " }
        value.write(to: &text, indent: inner)
      }
      text += "]"
    case .list(let values):
      text += "["
      for (i, value) in values.enumerated() {
        text += (i > 0 ? "," : "") + "\n" + inner
        value.write(to: &text, indent: inner)
      }
      text += "\n" + indent + "]"
    case .object(let pairs):
      text += "{"
      for (i, pair) in pairs.enumerated() {
        text += (i > 0 ? "," : "") + "\n" + inner + JSONValue.quoted(pair.0) + ": "
        pair.1.write(to: &text, indent: inner)
      }
      text += pairs.isEmpty ? "}" : "\n" + indent + "}"
    }
  }

  /// A string as JSON has it, with its quotes.
  static func quoted(_ value: String) -> String {
    // Nearly all texts have nothing to escape.
    if value.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }) { return "\"\(value)\"" }
    var text = "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\t": text += "\\t"
      case "\r": text += "\\r"
      default:
        if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
          let digits = String(scalar.value, radix: 16)
          text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          text.unicodeScalars.append(scalar)
        }
      }
    }
    return text + "\""
  }
}
