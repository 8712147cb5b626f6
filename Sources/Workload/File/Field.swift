// One value of a file with its place and key path, and how to take it apart. Every refusal starts here.
import Yams

/// A node, the path of its key and the file it is in.
struct Field {
  let node: Node
  let key: String
  let path: String

  /// Line in the file, 0 when the node has no place.
  var line: Int { node.mark?.line ?? 0 }

  func error(_ problem: String, _ fix: String) -> WorkloadError {
    WorkloadError(
      path: path, line: line, column: node.mark?.column ?? 0, key: key, problem: problem, fix: fix)
  }

  /// What the value is, in the words of a message.
  var kind: String {
    switch node {
    case .scalar(let scalar): scalar.string.isEmpty ? "nothing" : "'\(printable(scalar.string))'"
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .alias: "an alias"
    }
  }

  /// Whether it is the scalar `word`.
  func isWord(_ word: String) -> Bool { node.scalar?.string == word }

  /// The text of a scalar; `wanted` says what it should be, as in "a region's name".
  func text(_ wanted: String) throws(WorkloadError) -> String {
    guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
      throw error("is \(kind), not \(wanted)", "write \(wanted)")
    }
    return scalar.string
  }

  /// Letters, digits, `.`, `_` and `-`, at most 100 of them.
  func identifier() throws(WorkloadError) -> String {
    let name = try text("a name")
    let isPlain = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    guard isPlain, name.utf8.count <= 100, name.utf8.first != UInt8(ascii: ".") else {
      throw error(
        "'\(printable(name))' is not a name", "use up to 100 letters, digits, `.`, `_` and `-`, no `.` in front")
    }
    return name
  }

  /// The elements of a list.
  func list(_ wanted: String) throws(WorkloadError) -> [Field] {
    guard case .sequence(let sequence) = node else {
      throw error("is \(kind), not a list", "write a list of \(wanted), one `-` each")
    }
    var fields: [Field] = []
    for element in sequence {
      fields.append(Field(node: element, key: "\(key)[\(fields.count)]", path: path))
    }
    return fields
  }

  /// The pairs of a mapping whose keys the file chooses.
  func entries(_ wanted: String) throws(WorkloadError) -> [(name: Field, value: Field)] {
    guard case .mapping(let mapping) = node else {
      throw error("is \(kind), not a mapping", "write \(wanted)")
    }
    var entries: [(name: Field, value: Field)] = []
    for pair in mapping {
      guard let name = pair.key.scalar?.string else {
        throw Field(node: pair.key, key: key, path: path).error("has a key that is not text", "write \(wanted)")
      }
      let inner = key.isEmpty ? printable(name) : "\(key).\(printable(name))"
      entries.append(
        (Field(node: pair.key, key: inner, path: path), Field(node: pair.value, key: inner, path: path)))
    }
    return entries
  }

  /// The values of a mapping whose keys the format fixes.
  func record(_ keys: [String], of what: String) throws(WorkloadError) -> Record {
    var values: [String: Field] = [:]
    for (name, value) in try entries("its keys, such as `\(keys[0])`") {
      let text = name.node.scalar?.string ?? ""
      guard keys.contains(text) else {
        throw name.error("\(what) has no such key", NearMiss.hint(text, among: keys))
      }
      values[text] = value
    }
    return Record(whole: self, values: values)
  }
}

/// The known keys that a mapping has.
struct Record {
  let whole: Field
  private let values: [String: Field]

  init(whole: Field, values: [String: Field]) {
    self.whole = whole
    self.values = values
  }

  subscript(_ key: String) -> Field? { values[key] }

  func required(_ key: String, _ fix: String) throws(WorkloadError) -> Field {
    guard let field = values[key] else {
      throw whole.error("`\(key)` is missing", fix)
    }
    return field
  }

  /// Refuses keys that do not go with what the rest of the mapping says.
  func refuse(_ keys: [String], _ problem: String, _ fix: String) throws(WorkloadError) {
    for key in keys {
      if let field = values[key] { throw field.error(problem, fix) }
    }
  }

  func count(_ key: String, in range: ClosedRange<Int>, default value: Int) throws(WorkloadError) -> Int {
    guard let field = values[key] else { return value }
    return try field.count(in: range)
  }

  func time(_ key: String, default value: Int) throws(WorkloadError) -> Int {
    guard let field = values[key] else { return value }
    return try field.time()
  }
}

/// Which known word a mistyped one may be.
enum NearMiss {
  /// "did you mean `x`?", or the list of all when nothing is near.
  static func hint(_ word: String, among known: [String]) -> String {
    let near = known.map { ($0, distance(word, $0)) }.min { $0.1 < $1.1 }
    if let (name, distance) = near, distance <= max(1, min(word.utf8.count, name.utf8.count) / 3),
      distance < min(word.utf8.count, name.utf8.count)
    {
      return "did you mean `\(name)`?"
    }
    return known.isEmpty ? "remove it" : "known are \(known.map { "`\($0)`" }.joined(separator: ", "))"
  }

  /// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other; long words count as far.
  static func distance(_ from: String, _ to: String) -> Int {
    let a = Array(from.lowercased().utf8)
    let b = Array(to.lowercased().utf8)
    guard a.count <= 64, b.count <= 64 else { return .max }
    var before: [Int] = []
    var row = Array(0...b.count)
    for i in 0..<a.count {
      var next = [i + 1]
      for j in 0..<b.count {
        var best = min(next[j] + 1, row[j + 1] + 1, row[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, before[j - 1] + 1) }
        next.append(best)
      }
      before = row
      row = next
    }
    return row[b.count]
  }
}
