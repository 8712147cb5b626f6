// Records as text, for `trace cat`.

/// Renders records one a line: `thread R|W 0xaddress size gap repeats repeat-writes`.
public enum TraceText {
  /// What the columns are.
  public static let heading = "# thread R|W address size gap repeats repeat-writes\n"

  /// One record as a line without its line feed.
  public static func line(_ record: TraceRecord) -> String {
    var bytes: [UInt8] = []
    append(record, to: &bytes)
    return String(decoding: bytes.dropLast(), as: UTF8.self)
  }

  /// Appends the lines of a block to `bytes`, which the caller writes out and empties.
  public static func append(_ block: TraceBlock, to bytes: inout [UInt8]) {
    for i in 0..<block.count { append(block[i], to: &bytes) }
  }

  private static func append(_ record: TraceRecord, to bytes: inout [UInt8]) {
    bytes.append(contentsOf: String(record.thread).utf8)
    bytes.append(contentsOf: record.isWrite ? " W ".utf8 : " R ".utf8)
    bytes.append(contentsOf: hexText(record.address).utf8)
    for number in [UInt64(record.size), UInt64(record.gap), UInt64(record.repeats), UInt64(record.repeatWrites)] {
      bytes.append(0x20)
      bytes.append(contentsOf: String(number).utf8)
    }
    bytes.append(0x0A)
  }
}

/// `0x` and lower-case hexadecimal digits.
func hexText(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
