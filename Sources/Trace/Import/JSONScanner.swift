// JSON token by token. A record of DAMON may have hundreds of megabytes of text, of which Foundation would keep many times that.
// Source of the grammar: RFC 8259.

/// A number of a JSON text: bare, or in a string with commas between its digits, as damo writes addresses.
struct JSONNumber {
  var isNegative = false
  var magnitude: UInt64 = 0
}

/// Reads values of a JSON text in order, in a buffer of fixed size.
struct JSONScanner {
  /// Deepest nesting.
  private static let maxDepth = 64
  /// Longest string that is kept.
  private static let maxString = 256

  /// Nil when all the text is in the buffer.
  private let input: ByteInput?
  private let file: String
  private var buffer: [UInt8]
  private var at = 0
  private var base = 0

  init(_ input: ByteInput) {
    self.input = input
    file = input.file
    buffer = []
  }

  /// A text, or the beginning of one, in memory.
  init(_ text: [UInt8], file: String) {
    input = nil
    self.file = file
    buffer = text
  }

  /// Whether a text that begins with `head` can be JSON: a list or an object.
  static func begins(_ head: [UInt8]) -> Bool {
    let first = head.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
    return first == 0x5B || first == 0x7B
  }

  /// Offset of the next byte in the text.
  var offset: Int { base + at }

  /// An error at the next byte.
  func malformed(_ problem: String) -> TraceError { malformed(problem, at: offset) }

  func malformed(_ problem: String, at byte: Int) -> TraceError {
    TraceError(.malformed, file: file, byte: byte, problem: problem, fix: Self.fix)
  }

  private static var fix: String {
    "a record is a list of objects with target_id, intervals and snapshots, as damo record writes it with"
      + " --output_type json_compressed or json"
  }

  /// The next byte, which stays; nil at the end.
  private mutating func peek() throws(TraceError) -> UInt8? {
    if at < buffer.count { return buffer[at] }
    guard let input else { return nil }
    base += buffer.count
    at = 0
    let room = 1 << 16
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 8)
    defer { bytes.deallocate() }
    guard let start = bytes.baseAddress else { return nil }
    buffer = Array(bytes.prefix(try input.readSome(into: start, count: room)))
    return buffer.first
  }

  private mutating func next() throws(TraceError) -> UInt8 {
    guard let byte = try peek() else {
      throw TraceError(
        .truncated, file: file, byte: offset, problem: "the JSON text ends in the middle", fix: "fetch the file again")
    }
    at += 1
    return byte
  }

  /// The first byte of the next token, which stays.
  private mutating func token() throws(TraceError) -> UInt8 {
    while true {
      let byte = try next()
      if byte != 0x20 && byte != 0x09 && byte != 0x0A && byte != 0x0D {
        at -= 1
        return byte
      }
    }
  }

  /// Passes the one-byte token `byte`.
  private mutating func pass(_ byte: UInt8, _ what: String) throws(TraceError) {
    guard try token() == byte else { throw malformed("no \(what)") }
    at += 1
  }

  /// Whether the text is at its end but for blanks.
  mutating func isAtEnd() throws(TraceError) -> Bool {
    while let byte = try peek() {
      guard byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D else { return false }
      at += 1
    }
    return true
  }

  /// Reads a list; `element` reads each element.
  mutating func list(_ element: (inout JSONScanner) throws(TraceError) -> Void) throws(TraceError) {
    try pass(0x5B, "list")
    if try token() == 0x5D {
      at += 1
      return
    }
    while true {
      try element(&self)
      if try token() == 0x5D {
        at += 1
        return
      }
      try pass(0x2C, "comma or end of the list")
    }
  }

  /// Reads an object; `member` is told each key and reads its value.
  mutating func object(_ member: (String, inout JSONScanner) throws(TraceError) -> Void) throws(TraceError) {
    try pass(0x7B, "object")
    if try token() == 0x7D {
      at += 1
      return
    }
    while true {
      let key = try string()
      try pass(0x3A, "colon behind the key")
      try member(key, &self)
      if try token() == 0x7D {
        at += 1
        return
      }
      try pass(0x2C, "comma or end of the object")
    }
  }

  /// Reads a string. Escapes stay as they are: no key or number that is read has one.
  mutating func string() throws(TraceError) -> String {
    try pass(0x22, "string")
    var text: [UInt8] = []
    while true {
      let byte = try next()
      if byte == 0x22 { return String(decoding: text, as: UTF8.self) }
      guard byte >= 0x20 else { throw malformed("a control character in a string") }
      if text.count < Self.maxString { text.append(byte) }
      if byte == 0x5C { _ = try next() }
    }
  }

  /// Reads a whole number, bare or in a string, or null.
  mutating func number() throws(TraceError) -> JSONNumber? {
    let start = offset
    var digits: [UInt8]
    switch try token() {
    case 0x22: digits = Array(try string().utf8)
    case 0x6E:
      try skip()
      return nil
    default:
      digits = try word()
      if digits.contains(0x2C) { throw malformed("no whole number", at: start) }
    }
    var value = JSONNumber()
    if digits.first == 0x2D {
      value.isNegative = true
      digits.removeFirst()
    }
    guard !digits.isEmpty, digits[0] != 0x2C else { throw malformed("no whole number", at: start) }
    for c in digits where c != 0x2C {
      let digit = UInt64(c &- 0x30)
      let (tens, isOver) = value.magnitude.multipliedReportingOverflow(by: 10)
      let (sum, isOverToo) = tens.addingReportingOverflow(digit)
      guard digit < 10, !isOver, !isOverToo else { throw malformed("no whole number below 2^64", at: start) }
      value.magnitude = sum
    }
    return value
  }

  /// The bare word at the next byte: a number, true, false or null.
  private mutating func word() throws(TraceError) -> [UInt8] {
    var text: [UInt8] = []
    while let byte = try peek(), text.count < 64 {
      let isWord =
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2B || byte == 0x2D || byte == 0x2E
        || byte == 0x45
      guard isWord else { break }
      text.append(byte)
      at += 1
    }
    guard !text.isEmpty else { throw malformed("no value") }
    return text
  }

  /// Whether the next value is null, which is passed if so.
  mutating func passesNull() throws(TraceError) -> Bool {
    guard try token() == 0x6E else { return false }
    try skip()
    return true
  }

  /// Passes a value of any kind.
  mutating func skip(depth: Int = 0) throws(TraceError) {
    guard depth < Self.maxDepth else { throw malformed("nested more than \(Self.maxDepth) deep") }
    switch try token() {
    case 0x22: _ = try string()
    case 0x5B: try list { (scanner) throws(TraceError) in try scanner.skip(depth: depth + 1) }
    case 0x7B: try object { (_, scanner) throws(TraceError) in try scanner.skip(depth: depth + 1) }
    default: _ = try word()
    }
  }
}
