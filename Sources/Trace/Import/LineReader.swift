// Lines of text in a fixed buffer, as bytes.

/// Whole lines of an input, a buffer at a time. The parsers walk the buffer themselves: no line is ever a String.
struct LineReader: ~Copyable {
  /// Longest line, line feed included.
  static let maxLine = 1 << 16
  private static let capacity = 1 << 20

  /// Nil when all the text is in the buffer.
  private let input: ByteInput?
  /// The name in errors.
  private let file: String
  private let buffer: UnsafeMutablePointer<UInt8>
  private var filled = 0
  private var atEnd = false

  /// The next byte to parse: first of a line.
  var cursor: UnsafePointer<UInt8>
  /// End of the whole lines in the buffer.
  private(set) var end: UnsafePointer<UInt8>
  /// Lines parsed.
  var lines = 0
  /// Offset in the text of the buffer's first byte.
  private var bufferOffset = 0

  init(_ input: ByteInput) {
    self.input = input
    file = input.file
    // A last line without a line feed gets one, and parsers look two bytes ahead before they know the line's length.
    buffer = .allocate(capacity: Self.capacity + 8)
    buffer.initialize(repeating: 0, count: Self.capacity + 8)
    cursor = UnsafePointer(buffer)
    end = UnsafePointer(buffer)
  }

  /// A text that is whole, in memory.
  init(_ text: [UInt8], file: String) {
    input = nil
    self.file = file
    buffer = .allocate(capacity: text.count + 8)
    buffer.initialize(repeating: 0, count: text.count + 8)
    for (i, byte) in text.enumerated() { buffer[i] = byte }
    filled = text.count
    atEnd = true
    endsWithoutLineFeed = filled > 0 && buffer[filled - 1] != 0x0A
    if endsWithoutLineFeed {
      buffer[filled] = 0x0A
      filled += 1
    }
    cursor = UnsafePointer(buffer)
    end = UnsafePointer(buffer) + filled
  }

  deinit { buffer.deallocate() }

  /// Offset in the text of `cursor`.
  var offset: Int { bufferOffset + (cursor - UnsafePointer(buffer)) }
  /// Whether the last line of the text had no line feed of its own.
  private(set) var endsWithoutLineFeed = false

  /// Reads on. Afterwards `cursor..<end` are whole lines, each ended by a line feed; false when there are no more.
  mutating func fill() throws(TraceError) -> Bool {
    guard let input else { return cursor < end }
    let start = UnsafePointer(buffer)
    var rest = filled - (cursor - start)
    bufferOffset += cursor - start
    if rest > 0 { buffer.update(from: cursor, count: rest) }
    cursor = start
    end = start
    while true {
      var whole = rest
      while whole > 0 && buffer[whole - 1] != 0x0A { whole -= 1 }
      filled = rest
      if whole > 0 && (rest >= Self.capacity / 2 || rest - whole >= Self.maxLine || atEnd) {
        end = start + whole
        return true
      }
      if atEnd {
        guard rest > 0 else { return false }
        buffer[rest] = 0x0A
        filled = rest + 1
        end = start + filled
        endsWithoutLineFeed = true
        return true
      }
      if rest - whole >= Self.maxLine {
        throw TraceError(
          .malformed, file: input.file, line: lines + 1, byte: bufferOffset + whole,
          problem: "a line longer than \(Self.maxLine) bytes", fix: "check that this is a text trace")
      }
      let n = try input.readSome(into: buffer + rest, count: Self.capacity - rest)
      atEnd = n == 0
      rest += n
    }
  }

  /// An error at the line that starts at `cursor`, with up to 60 bytes of it.
  func malformed(_ problem: String, fix: String) -> TraceError {
    var shown = ""
    var p = cursor
    while p < end && p[0] != 0x0A && p - cursor < 60 {
      let c = p[0]
      shown += (0x20..<0x7F).contains(c) ? String(UnicodeScalar(c)) : "?"
      p += 1
    }
    return TraceError(
      .malformed, file: file, line: lines + 1, byte: offset, problem: "\(problem): `\(shown)`", fix: fix)
  }

  /// The error for more threads than a trace can have, at the line that starts at `cursor`.
  func tooManyThreads(_ fix: String) -> TraceError {
    var error = malformed("more than \(TraceFormat.maxThreads) threads", fix: fix)
    error.kind = .limit
    return error
  }

  /// Passes over the line at `cursor`.
  mutating func skipLine() {
    while cursor < end && cursor[0] != 0x0A { cursor += 1 }
    cursor += 1
    lines += 1
  }
}

/// The value of an ASCII hexadecimal digit; 16 and more for anything else.
@inline(__always)
func hexDigit(_ c: UInt8) -> UInt64 {
  let digit = UInt64(c &- 0x30)
  if digit < 10 { return digit }
  let letter = UInt64((c | 0x20) &- 0x61)
  return letter < 6 ? letter + 10 : 255
}

/// The value of eight ASCII hexadecimal digits, the first in the lowest byte; nil when one of them is none. All at once, in the
/// bytes of one word.
@inline(__always)
func hexDigits(_ text: UInt64) -> UInt64? {
  let ones: UInt64 = 0x0101_0101_0101_0101
  let top = ones << 7
  let lower = text | ones << 5
  // Bit 7 of each byte: at least 0, above 9, at least a, above f. Sums do not carry where all bytes are below 128.
  let digit = (lower &+ (0x80 - 0x30) &* ones) & ~(lower &+ (0x7F - 0x39) &* ones)
  let letter = (lower &+ (0x80 - 0x61) &* ones) & ~(lower &+ (0x7F - 0x66) &* ones)
  // What has neither bit 5 nor bit 6 is a control character that bit 5 has made a digit.
  let printable = text << 2 | text << 1
  guard (digit | letter) & printable & ~text & top == top else { return nil }
  let nibbles = (lower & (0x0F &* ones)) &+ (lower >> 6 & ones) &* 9
  let bytes = (nibbles << 4 | nibbles >> 8) & 0x00FF_00FF_00FF_00FF
  let words = (bytes << 8 | bytes >> 16) & 0x0000_FFFF_0000_FFFF
  return (words << 16 | words >> 32) & 0xFFFF_FFFF
}

/// A number of 1 to 16 hexadecimal digits at `p`, which moves past it; nil when there is none.
///
/// Reads at most to the first byte that is no digit, but may look at seven bytes more: there are as many behind every buffer.
/// Lines end in a line feed, so that the number ends inside the buffer.
@inline(__always)
func hexNumber(_ p: inout UnsafePointer<UInt8>) -> UInt64? {
  var value: UInt64
  var digits: Int
  if let eight = hexDigits(UInt64(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt64.self))) {
    value = eight
    digits = 8
    p += 8
  } else {
    value = hexDigit(p[0])
    if value > 15 { return nil }
    digits = 1
    p += 1
  }
  while true {
    let digit = hexDigit(p[0])
    if digit > 15 { return value }
    digits += 1
    if digits > 16 { return nil }
    value = value << 4 | digit
    p += 1
  }
}

/// A decimal number below 2^32 at `p`, which moves past it; nil when there is none.
@inline(__always)
func decimalNumber(_ p: inout UnsafePointer<UInt8>) -> UInt64? {
  var value = UInt64(p[0] &- 0x30)
  if value > 9 { return nil }
  p += 1
  while true {
    let digit = UInt64(p[0] &- 0x30)
    if digit > 9 { return value }
    value = value &* 10 &+ digit
    if value > UInt64(UInt32.max) { return nil }
    p += 1
  }
}

/// A number below 2^64 at `p`, in decimal or, after `0x`, hexadecimal; `p` moves past it. Nil when there is none, or a
/// decimal number begins with a zero: C reads such a one as octal.
func wideNumber(_ p: inout UnsafePointer<UInt8>) -> UInt64? {
  if p[0] == 0x30 && p[1] | 0x20 == 0x78 {
    p += 2
    return hexNumber(&p)
  }
  var value = UInt64(p[0] &- 0x30)
  if value > 9 { return nil }
  p += 1
  while true {
    let digit = UInt64(p[0] &- 0x30)
    if digit > 9 { return value }
    if value == 0 { return nil }
    let (tens, isOver) = value.multipliedReportingOverflow(by: 10)
    let (sum, isOverToo) = tens.addingReportingOverflow(digit)
    if isOver || isOverToo { return nil }
    value = sum
    p += 1
  }
}

/// Passes blanks, tabs and a carriage return; whether there was one.
@discardableResult
@inline(__always)
func skipBlanks(_ p: inout UnsafePointer<UInt8>) -> Bool {
  let start = p
  while p[0] == 0x20 || p[0] == 0x09 || p[0] == 0x0D { p += 1 }
  return p != start
}
