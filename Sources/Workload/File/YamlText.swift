// Text to a tree of nodes with places. The only file that knows the YAML library's errors.
import Glibc
import Yams

/// Limits that keep hostile files harmless. A file of aliases of aliases grows by at most 3^(aliases / 3).
enum YamlLimits {
  static let bytes = 1 << 20
  static let aliases = 16
}

/// The root node of a file and the path that messages name.
struct YamlText {
  let path: String
  let root: Node

  init(text: String, path: String) throws(WorkloadError) {
    self.path = path
    // Editors on other systems put a byte order mark before the first line.
    let text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
    try Self.refuseOversize(text.utf8.count, path: path)
    try Self.refuseManyAliases(text, path: path)
    do {
      // Without resolver rules every scalar stays the text that was written.
      let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
      guard let root = try parser.singleRoot() else {
        throw WorkloadError(path: path, problem: "the file is empty", fix: "write at least `name:` and `tasks:`")
      }
      self.root = root
    } catch let error as WorkloadError {
      throw error
    } catch let error as YamlError {
      throw Self.translate(error, text: text, path: path)
    } catch {
      throw WorkloadError(path: path, problem: "not YAML: \(error)", fix: "check the file")
    }
  }

  /// Reads a file of at most 1 MiB of UTF-8.
  static func contents(path: String) throws(WorkloadError) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw WorkloadError(
        path: path, problem: "cannot open: \(String(cString: strerror(errno)))", fix: "check the path")
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= YamlLimits.bytes {
      let got = read(descriptor, &chunk, chunk.count)
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else {
        throw WorkloadError(
          path: path, problem: "cannot read: \(String(cString: strerror(errno)))", fix: "name a readable file")
      }
      if got == 0 { break }
      bytes.append(contentsOf: chunk[..<got])
    }
    try refuseOversize(bytes.count, path: path)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let (line, column) = placeOfInvalidByte(bytes)
      throw WorkloadError(
        path: path, line: line, column: column, problem: "not UTF-8 text", fix: "save the file as UTF-8")
    }
    return text
  }

  private static func refuseOversize(_ bytes: Int, path: String) throws(WorkloadError) {
    guard bytes > YamlLimits.bytes else { return }
    throw WorkloadError(
      path: path, problem: "the file is larger than 1 MiB",
      fix: "a workload file is a page of text; use a trace for data")
  }

  /// Counts whatever may be an alias, comments and quoted text included: too many is refused, too few is harmless.
  private static func refuseManyAliases(_ text: String, path: String) throws(WorkloadError) {
    var line = 1
    var column = 0
    var isStar = false
    var count = 0
    for scalar in text.unicodeScalars {
      column += 1
      if isStar && scalar != "*" && !scalar.properties.isWhitespace {
        count += 1
        if count > YamlLimits.aliases {
          throw WorkloadError(
            path: path, line: line, column: column - 1,
            problem: "more than \(YamlLimits.aliases) aliases (`*name`)", fix: "write the values out")
        }
      }
      isStar = scalar == "*"
      if scalar == "\n" {
        line += 1
        column = 0
      }
    }
  }

  /// Line and column (in bytes) of the first byte that is not part of a UTF-8 sequence.
  private static func placeOfInvalidByte(_ bytes: [UInt8]) -> (line: Int, column: Int) {
    var low = 0
    var line = 1
    while let end = bytes[low...].firstIndex(of: UInt8(ascii: "\n")) {
      guard String(validating: bytes[low..<end], as: UTF8.self) != nil else { break }
      low = end + 1
      line += 1
    }
    let rest = bytes[low...].prefix { $0 != UInt8(ascii: "\n") }
    var column = 0
    for scalar in String(decoding: rest, as: UTF8.self).unicodeScalars {
      column += 1
      if scalar == "\u{FFFD}" { break }
    }
    return (line, max(column, 1))
  }

  private static func translate(_ error: YamlError, text: String, path: String) -> WorkloadError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      let (said, fix) = advice[problem] ?? (problem, "check indentation, brackets and quotes")
      return WorkloadError(
        path: path, line: mark.line, column: mark.column, problem: "not YAML: \(said)", fix: fix)
    case .reader(let problem, let offset, _, _):
      let place = place(ofCharacter: offset ?? 0, in: text)
      return WorkloadError(
        path: path, line: place.line, column: place.column, problem: "not text: \(problem)",
        fix: "a workload file holds printable characters only")
    case .duplicatedKeysInMapping(let keys, let context):
      return WorkloadError(
        path: path, line: context.mark.line, column: context.mark.column, key: printable(keys.first ?? ""),
        problem: "the key is written twice", fix: "keep one of them")
    default:
      return WorkloadError(path: path, problem: "not YAML: \(error)", fix: "check the file")
    }
  }

  /// Better words for some of the library's problems.
  private static let advice: [String: (String, String)] = [
    "but found another document": ("another document begins", "keep one document in the file"),
    "found undefined alias": ("`*` names an anchor that is not there", "quote text that begins with `*`"),
    "found a tab character that violates indentation": ("a tab character indents", "indent with spaces"),
    "found character that cannot start any token": (
      "a character that begins no value", "indent with spaces, quote odd text"
    ),
  ]

  private static func place(ofCharacter offset: Int, in text: String) -> (line: Int, column: Int) {
    var line = 1
    var column = 1
    for character in text.prefix(offset) {
      if character.isNewline {
        line += 1
        column = 1
      } else {
        column += character.unicodeScalars.count
      }
    }
    return (line, column)
  }
}

/// Text of a file as it may stand in a message: one line, at most 60 characters, no control characters.
func printable(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars.prefix(60) {
    let isPlain = scalar.value >= 32 && scalar.value != 127 && !(0x80..<0xA0).contains(scalar.value)
    result.unicodeScalars.append(isPlain ? scalar : "\u{FFFD}")
  }
  return text.unicodeScalars.count > 60 ? result + "..." : result
}
