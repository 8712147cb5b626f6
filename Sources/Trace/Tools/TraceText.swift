// Records as text, for `trace cat`.

/// Renders records one a line: `thread R|W 0xaddress size gap repeats repeat-writes`, a touch with a small r or w. A trace of
/// several processes has `process/thread` in front, one with time stamps the nanoseconds at the end.
public struct TraceText: Sendable {
  private let hasProcesses: Bool
  private let hasTimes: Bool

  public init(_ header: TraceHeader) { self.init(hasProcesses: header.processes > 1, hasTimes: header.layout.hasTimes) }

  init(hasProcesses: Bool, hasTimes: Bool) {
    self.hasProcesses = hasProcesses
    self.hasTimes = hasTimes
  }

  /// What the columns are.
  public var heading: String {
    "# \(hasProcesses ? "process/" : "")thread R|W address size gap repeats repeat-writes\(hasTimes ? " time-ns" : "")\n"
  }

  /// One record of one process without time stamps as a line without its line feed.
  static func line(_ record: TraceRecord) -> String {
    TraceText(hasProcesses: false, hasTimes: false).line(record)
  }

  /// One record as a line without its line feed.
  public func line(_ record: TraceRecord) -> String {
    var bytes: [UInt8] = []
    append(record, to: &bytes)
    return String(decoding: bytes.dropLast(), as: UTF8.self)
  }

  /// Appends the line of a record to `bytes`, which the caller writes out and empties.
  public func append(_ record: TraceRecord, to bytes: inout [UInt8]) {
    if hasProcesses {
      bytes.append(contentsOf: String(record.process).utf8)
      bytes.append(0x2F)
    }
    bytes.append(contentsOf: String(record.thread).utf8)
    bytes.append(0x20)
    bytes.append((record.isWrite ? 0x57 : 0x52) | (record.isTouch ? 0x20 : 0))
    bytes.append(0x20)
    bytes.append(contentsOf: hexText(record.address).utf8)
    for number in [UInt64(record.size), UInt64(record.gap), UInt64(record.repeats), UInt64(record.repeatWrites)] {
      bytes.append(0x20)
      bytes.append(contentsOf: String(number).utf8)
    }
    if hasTimes {
      bytes.append(0x20)
      bytes.append(contentsOf: String(record.time).utf8)
    }
    bytes.append(0x0A)
  }
}

/// `0x` and lower-case hexadecimal digits.
func hexText(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
