// One line of a file in sysctl.conf(5) syntax.

/// What a line says.
enum ConfLine: Equatable {
  /// Empty, or a comment: first character `#` or `;`.
  case nothing
  /// `key = value`; tolerant with a `-` before the key.
  case assignment(key: String, value: String, tolerant: Bool)
  /// None of these.
  case malformed

  /// Reads a line without its line feed; a carriage return at its end is dropped.
  init(_ line: String) {
    let text = ConfLine.trimmed(line)
    guard let first = text.utf8.first, first != UInt8(ascii: "#"), first != UInt8(ascii: ";") else {
      self = .nothing
      return
    }
    let tolerant = first == UInt8(ascii: "-")
    let rest = String(decoding: text.utf8.dropFirst(tolerant ? 1 : 0), as: UTF8.self)
    guard let (key, value) = ConfLine.splitAssignment(rest) else {
      self = .malformed
      return
    }
    self = .assignment(key: key, value: value, tolerant: tolerant)
  }

  /// Key and value around the first `=`, without spaces around them; nil without `=` or with an empty key.
  static func splitAssignment(_ text: String) -> (key: String, value: String)? {
    guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
    let key = trimmed(String(decoding: text.utf8[..<equals], as: UTF8.self))
    guard !key.isEmpty else { return nil }
    return (key, trimmed(String(decoding: text.utf8[equals...].dropFirst(), as: UTF8.self)))
  }

  /// The text without spaces, tabs and line ends around it. Works on bytes: to Swift, CR LF is one character.
  static func trimmed(_ text: String) -> String {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
    let front = text.utf8.drop(while: isSpace)
    guard let last = front.lastIndex(where: { !isSpace($0) }) else { return "" }
    return String(decoding: front[...last], as: UTF8.self)
  }

  /// The first control character but tab, as `U+0000`, or nil.
  static func controlCharacter(in text: String) -> String? {
    guard let byte = text.utf8.first(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) else { return nil }
    let digits = String(byte, radix: 16, uppercase: true)
    return "U+" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
