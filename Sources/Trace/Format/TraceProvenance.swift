// Where a trace came from, as text in its header.

/// What was recorded, how, and what was left out. Every field may be empty.
public struct TraceProvenance: Equatable, Sendable, Codable {
  /// The traced program and its version.
  public var program: String
  /// The command line that was traced.
  public var command: String
  /// The tool that recorded it, with its version and options.
  public var tool: String
  /// Options of the import: coalescing, granule, window.
  public var options: String
  /// When it was recorded, as the recorder gave it.
  public var date: String
  /// What was filtered out, with counts.
  public var filters: String
  /// Anything else a reader should know.
  public var notes: String

  public init(
    program: String = "", command: String = "", tool: String = "", options: String = "", date: String = "",
    filters: String = "", notes: String = ""
  ) {
    self.program = program
    self.command = command
    self.tool = tool
    self.options = options
    self.date = date
    self.filters = filters
    self.notes = notes
  }

  private static let keys: [(name: String, path: WritableKeyPath<TraceProvenance, String> & Sendable)] = [
    ("program", \.program), ("command", \.command), ("tool", \.tool), ("options", \.options), ("date", \.date),
    ("filters", \.filters), ("notes", \.notes),
  ]

  /// The fields that are not empty, in file order.
  public var fields: [(name: String, value: String)] {
    Self.keys.map { ($0.name, self[keyPath: $0.path]) }.filter { !$0.1.isEmpty }
  }

  /// `key: value` lines in fixed order; a line feed in a value is written `\n`, a backslash `\\`.
  var encoded: [UInt8] {
    var text: [UInt8] = []
    for (name, value) in fields {
      text += Array(name.utf8) + [0x3A, 0x20]
      for byte in value.utf8 {
        switch byte {
        case 0x0A: text += [0x5C, 0x6E]
        case 0x5C: text += [0x5C, 0x5C]
        default: text.append(byte)
        }
      }
      text.append(0x0A)
    }
    return text
  }

  /// Cuts the ends of the longest values off, marked ` ...`, until the text takes `room` bytes or less. `room` is enough for a few
  /// words of each.
  mutating func shorten(to room: Int) {
    let whole = self
    var longest = Self.keys.map { whole[keyPath: $0.path].utf8.count }.max() ?? 0
    while encoded.count > room && longest > 32 {
      longest -= 16
      for (_, path) in Self.keys where whole[keyPath: path].utf8.count > longest {
        var value = ""
        for scalar in whole[keyPath: path].unicodeScalars {
          if value.utf8.count + UTF8.width(scalar) + 4 > longest { break }
          value.unicodeScalars.append(scalar)
        }
        self[keyPath: path] = value + " ..."
      }
    }
  }

  /// Reads what `encoded` wrote; nil for anything else.
  init?(decoding bytes: [UInt8]) {
    self.init()
    var nextKey = 0
    for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast() {
      guard let key = Self.keys.dropFirst(nextKey).firstIndex(where: { line.starts(with: Array("\($0.name): ".utf8)) })
      else { return nil }
      var value: [UInt8] = []
      var escaped = false
      for byte in line.dropFirst(Self.keys[key].name.utf8.count + 2) {
        if escaped {
          guard byte == 0x6E || byte == 0x5C else { return nil }
          value.append(byte == 0x6E ? 0x0A : 0x5C)
          escaped = false
        } else if byte == 0x5C {
          escaped = true
        } else {
          value.append(byte)
        }
      }
      guard !escaped, !value.isEmpty, let text = String(validating: value, as: UTF8.self) else { return nil }
      self[keyPath: Self.keys[key].path] = text
      nextKey = key + 1
    }
    guard bytes.isEmpty || bytes.last == 0x0A else { return nil }
  }
}
