// Where the fields of a csv line are.

/// Bytes of one field in the line buffer, without its quotes.
struct CSVSpan {
  var start: UnsafePointer<UInt8>
  var end: UnsafePointer<UInt8>

  /// The field as a number; nil when it is none or more than that.
  var number: UInt64? {
    var p = start
    guard p < end, let value = wideNumber(&p), p == end else { return nil }
    return value
  }

  /// The field as an operation, in any case: whether it writes; nil when it is none.
  var isWrite: Bool? {
    guard end - start <= 5 else { return nil }
    var word: UInt64 = 0
    for i in 0..<end - start {
      let c = start[i]
      word = word << 8 | UInt64((0x41...0x5A).contains(c) ? c | 0x20 : c)
    }
    switch word {
    case 0x72, 0x7265_6164, 0x6C6F_6164, 0x30: return false  // r, read, load, 0
    case 0x77, 0x77_7269_7465, 0x73_746F_7265, 0x31: return true  // w, write, store, 1
    default: return nil
    }
  }
}

/// What the header line of a csv file says, and what its reader keeps from line to line.
struct CSVLayout {
  /// Where each field is.
  struct Places {
    /// Fields of each line.
    var fields = 0
    var address = 0
    var op = 0
    var size: Int?
    var gap: Int?
    /// The column of cycles or nanoseconds.
    var time: Int?
    var thread: Int?
    var process: Int?
  }

  private(set) var places = Places()
  private(set) var gapUnit = GapUnit.none
  /// Fields of the line being parsed.
  private(set) var spans: [CSVSpan] = []

  init() {}

  /// Reads the header line at the cursor of `text`.
  init(_ text: inout LineReader, _ columns: CSVColumns) throws(ColumnProblem) {
    guard text.cursor < text.end else { throw ColumnProblem(text: "there is no line") }
    var p = text.cursor
    if p[0] == 0xEF && p[1] == 0xBB && p[2] == 0xBF { p += 3 }
    if let problem = split(&p) { throw ColumnProblem(text: problem) }
    let names = spans.map { span in
      String(decoding: UnsafeBufferPointer(start: span.start, count: span.end - span.start), as: UTF8.self)
        .split(separator: "\"\"", omittingEmptySubsequences: false).joined(separator: "\"")
    }
    try place(names, columns)
    text.cursor = p
    text.lines += 1
  }

  private mutating func place(_ names: [String], _ columns: CSVColumns) throws(ColumnProblem) {
    func required(_ field: CSVColumns.Field) throws(ColumnProblem) -> Int {
      if let i = try columns.position(of: field, in: names) { return i }
      throw ColumnProblem(text: "no column is the \(field.rawValue)")
    }
    places.fields = names.count
    places.address = try required(.address)
    places.op = try required(.op)
    places.size = try columns.position(of: .size, in: names)
    places.thread = try columns.position(of: .thread, in: names)
    places.process = try columns.position(of: .process, in: names)
    var clocks: [CSVColumns.Field] = []
    for field in [CSVColumns.Field.gap, .cycle, .time] {
      guard let i = try columns.position(of: field, in: names) else { continue }
      clocks.append(field)
      if field == .gap { places.gap = i } else { places.time = i }
    }
    guard clocks.count < 2 else {
      throw ColumnProblem(text: clocks.map(\.rawValue).joined(separator: " and ") + " each state the time")
    }
    gapUnit = clocks.first?.gapUnit ?? .none
  }

  /// Takes the line at `p` apart by RFC 4180 and moves `p` past its line feed; what is wrong, if anything.
  ///
  /// Blanks around a field are no part of it. A doubled quote stays doubled: no field that is read can have one.
  mutating func split(_ p: inout UnsafePointer<UInt8>) -> String? {
    spans.removeAll(keepingCapacity: true)
    while true {
      while p[0] == 0x20 || p[0] == 0x09 { p += 1 }
      if p[0] == 0x22 {
        p += 1
        let start = p
        while p[0] != 0x22 || p[1] == 0x22 {
          if p[0] == 0x0A { return "a quote is not closed on its line" }
          p += p[0] == 0x22 ? 2 : 1
        }
        spans.append(CSVSpan(start: start, end: p))
        p += 1
        skipBlanks(&p)
        guard p[0] == 0x2C || p[0] == 0x0A else { return "something after a closing quote" }
      } else {
        let start = p
        while p[0] != 0x2C && p[0] != 0x0A {
          if p[0] == 0x22 { return "a quote inside a field that does not begin with one" }
          p += 1
        }
        var end = p
        while end > start && (end[-1] == 0x20 || end[-1] == 0x09 || end[-1] == 0x0D) { end -= 1 }
        spans.append(CSVSpan(start: start, end: end))
      }
      p += 1
      if p[-1] == 0x0A { return nil }
    }
  }

  static var fix: String {
    "fields are separated by commas and quoted as in RFC 4180, each line has as many as the first, and a field ends on its"
      + " line"
  }
}
