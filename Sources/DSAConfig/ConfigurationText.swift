// Text to a tree of JSON values with places.
//
// Foundation says whether a text is JSON and where it stops being so, but keeps no places of values; the YAML library keeps them,
// and YAML has JSON within it. The only file here that knows either library.

import Foundation
import Yams

/// The root value of a file.
struct ConfigurationText {
  /// Largest file: eight devices with all their queues are some 60 KiB.
  static let maxBytes = 1 << 20

  let path: String
  let root: Node

  /// Reads a file.
  static func contents(path: String) throws(ConfigurationError) -> Data {
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw ConfigurationError(
        .unreadable, path: path, problem: "cannot open: \(String(cString: strerror(errno)))", fix: "check the path")
    }
    defer { try? file.close() }
    do {
      return try file.read(upToCount: maxBytes + 1) ?? Data()
    } catch {
      throw ConfigurationError(.unreadable, path: path, problem: "cannot read it", fix: "name a readable file")
    }
  }

  init(_ data: Data, path: String) throws(ConfigurationError) {
    self.path = path
    guard data.count <= Self.maxBytes else {
      throw ConfigurationError(
        .unreadable, path: path, problem: "the file is larger than 1 MiB",
        fix: "name a file that accel-config save-config wrote")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw ConfigurationError(.notJSON, path: path, problem: "not UTF-8 text", fix: "save the file as UTF-8")
    }
    do {
      _ = try JSONSerialization.jsonObject(with: data, options: [.fragmentsAllowed])
    } catch {
      throw Self.notJSON(error, data, path: path)
    }
    root = try Self.tree(text, path: path)
  }

  /// Where Foundation stopped, in words. Its message ends in the offset; at the end of the text it has none.
  private static func notJSON(_ error: any Error, _ data: Data, path: String) -> ConfigurationError {
    let said = (error as NSError).userInfo[NSDebugDescriptionErrorKey] as? String ?? "not a JSON value"
    var problem = said.hasSuffix(".") ? String(said.dropLast()) : said
    var offset = data.count
    if let around = problem.range(of: " around character ", options: .backwards),
      let number = Int(problem[around.upperBound...])
    {
      offset = min(number, data.count)
      problem = String(problem[..<around.lowerBound])
    } else {
      // Behind the last character that is there.
      while offset > 0, [0x20, 0x09, 0x0A, 0x0D].contains(data[data.startIndex + offset - 1]) { offset -= 1 }
    }
    let before = data.prefix(offset)
    let line = before.reduce(1) { $1 == 0x0A ? $0 + 1 : $0 }
    let start = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? before.startIndex
    let column = String(decoding: before[start...], as: UTF8.self).unicodeScalars.count + 1
    let lower = problem.prefix(1).lowercased() + problem.dropFirst()
    return ConfigurationError(
      .notJSON, path: path, line: line, column: column, problem: "not JSON: \(lower)",
      fix: "check commas, quotes and brackets there and on the line before")
  }

  /// The tree of a text that is JSON.
  private static func tree(_ text: String, path: String) throws(ConfigurationError) -> Node {
    // Blanks around the value are no matter for JSON; a tab before it would be one for YAML.
    let first = text.firstIndex { !$0.isWhitespace && $0 != "\u{FEFF}" } ?? text.startIndex
    let blanks = text[..<first].map { $0.isNewline ? "\n" : " " }.joined()
    do {
      // Without resolver rules every scalar stays the text that was written.
      let parser = try Parser(yaml: blanks + text[first...], resolver: .basic, encoding: .utf8)
      if let root = try parser.singleRoot() { return root }
    } catch let error as YamlError {
      throw translate(error, path: path)
    } catch {}
    throw ConfigurationError(
      .notJSON, path: path, problem: "no value that can be read", fix: "write it as accel-config does")
  }

  private static func translate(_ error: YamlError, path: String) -> ConfigurationError {
    switch error {
    case .duplicatedKeysInMapping(let keys, let context):
      let key = keys.first.map { "\($0)" } ?? ""
      return ConfigurationError(
        .shape, path: path, line: context.mark.line, column: context.mark.column,
        problem: "`\(key.inOneLine)` is written twice in this object; accel-config would take the last",
        fix: "keep one of them")
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return ConfigurationError(
        .notJSON, path: path, line: mark.line, column: mark.column, problem: "cannot be read: \(problem)",
        fix: "write a key and its colon on one line, and characters beyond U+FFFF as they are, not as \\u escapes")
    default:
      return ConfigurationError(
        .notJSON, path: path, problem: "cannot be read: \(error)".inOneLine, fix: "write it as accel-config does")
    }
  }
}

extension String {
  /// Text of a file as it may stand in a message: at most 60 characters, no control characters.
  var inOneLine: String {
    var result = ""
    for scalar in unicodeScalars.prefix(60) {
      let isPlain = scalar.value >= 32 && scalar.value != 127 && !(0x80..<0xA0).contains(scalar.value)
      result.unicodeScalars.append(isPlain ? scalar : "\u{FFFD}")
    }
    return unicodeScalars.count > 60 ? result + "..." : result
  }
}
