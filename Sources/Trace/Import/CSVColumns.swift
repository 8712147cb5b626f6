// Which columns of a csv file are which field of an access.

/// The names of columns by field. A field without a name here goes by the usual ones.
public struct CSVColumns: Equatable, Sendable, CustomStringConvertible {
  /// What a column can hold.
  public enum Field: String, Sendable, CaseIterable {
    /// Byte address; must be there.
    case address
    /// Read or write; must be there.
    case op
    /// Bytes of the access, 1 to 4096.
    case size
    /// Instructions since the access before.
    case gap
    /// When, in cycles.
    case cycle
    /// When, in nanoseconds.
    case time
    /// Thread number; any number below 2^64.
    case thread
    /// Process number; any number below 2^64.
    case process

    /// Names that need not be given, in lower case.
    var usualNames: [String] {
      switch self {
      case .address: ["address", "addr"]
      case .op: ["op", "type", "rw"]
      case .size: ["size", "bytes"]
      case .gap: ["gap"]
      case .cycle: ["cycle", "cycles"]
      case .time: ["time", "timestamp"]
      case .thread: ["thread", "tid"]
      case .process: ["process", "pid"]
      }
    }

    /// What the field makes gaps be counted in.
    var gapUnit: GapUnit? {
      switch self {
      case .gap: .instructions
      case .cycle: .cycles
      case .time: .nanoseconds
      default: nil
      }
    }
  }

  /// Column names by field; an empty name is a field that is not read.
  private var names: [Field: String] = [:]

  public init() {}

  /// Parses `FIELD=NAME,FIELD=NAME`; throws `.usage` with what is wrong.
  public init(_ text: String) throws(TraceError) {
    func fail(_ problem: String) -> TraceError {
      TraceError(
        .usage, file: "", problem: "columns `\(text)`: \(problem)", fix: "write FIELD=NAME, as in address=ADDR,op=RW")
    }
    for part in text.utf8.split(separator: 0x2C, omittingEmptySubsequences: false) {
      let words = part.split(separator: 0x3D, maxSplits: 1, omittingEmptySubsequences: false)
        .map { String(Substring($0)) }
      guard words.count == 2 else { throw fail("`\(String(Substring(part)))` is no FIELD=NAME") }
      guard let field = Field(rawValue: words[0]) else {
        let all = Field.allCases.map(\.rawValue).joined(separator: ", ")
        throw fail("there is no field `\(words[0])`, only \(all)")
      }
      guard names.updateValue(words[1], forKey: field) == nil else { throw fail("`\(words[0])` is named twice") }
    }
  }

  public var isEmpty: Bool { names.isEmpty }

  public var description: String {
    Field.allCases.compactMap { field in names[field].map { "\(field.rawValue)=\($0)" } }.joined(separator: ",")
  }

  /// The column of `field` among those of a header line; nil when it has none. Throws what is wrong, as text.
  func position(of field: Field, in header: [String]) throws(ColumnProblem) -> Int? {
    if let name = names[field] {
      if name.isEmpty { return nil }
      let found = header.indices.filter { header[$0] == name }
      guard let first = found.first else { throw ColumnProblem(text: "no column is called `\(name)`") }
      guard found.count == 1 else { throw ColumnProblem(text: "\(found.count) columns are called `\(name)`") }
      return first
    }
    // Who names one clock wants that one.
    if field.gapUnit != nil, names.contains(where: { $0.key.gapUnit != nil && !$0.value.isEmpty }) { return nil }
    let found = header.indices.filter { i in
      field.usualNames.contains(header[i].lowercased()) && !names.values.contains(header[i])
    }
    guard found.count < 2 else {
      let which = found.map { "`\(header[$0])`" }.joined(separator: " and ")
      throw ColumnProblem(text: "\(which) may each be the \(field.rawValue)")
    }
    return found.first
  }
}

/// Why columns and header line do not go together.
struct ColumnProblem: Error {
  var text: String
}
