// Loading of files: in order, line by line, and all or nothing.

extension KnobTree {
  /// Loads a file, or a directory's `*.conf` in lexical order. On error the tree is unchanged.
  ///
  /// - Returns: what lines that start with `-` had refused, in order.
  @discardableResult
  public mutating func load(path: String) throws(KnobError) -> [KnobWarning] { try load(paths: [path]) }

  /// Loads several files or directories in order, all or nothing over all of them.
  @discardableResult
  public mutating func load(paths: [String]) throws(KnobError) -> [KnobWarning] {
    var changed = self
    var warnings: [KnobWarning] = []
    for path in paths {
      for file in try ConfFile.files(at: path) {
        try ConfFile.forEachLine(of: file) { (number, bytes) throws(KnobError) in
          warnings += try changed.writeLine(bytes, origin: .file(path: file, line: number))
        }
      }
    }
    self = changed
    return warnings
  }

  /// Loads text in the same syntax, all or nothing.
  ///
  /// - Parameter name: what errors call the text.
  @discardableResult
  public mutating func load(text: String, name: String) throws(KnobError) -> [KnobWarning] {
    var changed = self
    var warnings: [KnobWarning] = []
    let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      warnings += try changed.writeLine(Array(line), origin: .file(path: name, line: index + 1))
    }
    self = changed
    return warnings
  }

  private mutating func writeLine(_ bytes: [UInt8], origin: KnobOrigin) throws(KnobError) -> [KnobWarning] {
    // Editors on other systems put a byte order mark before the first line.
    let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    var text = bytes[...]
    if case .file(_, 1) = origin, text.starts(with: byteOrderMark) { text = text.dropFirst(byteOrderMark.count) }
    guard let line = String(validating: text, as: UTF8.self) else {
      throw KnobError(.syntax(reason: "the line is not UTF-8 text"), origin: origin)
    }
    switch ConfLine(line) {
    case .nothing: return []
    case .malformed:
      let quoted = Quoted.plain(ConfLine.trimmed(line))
      throw KnobError(
        .syntax(reason: "'\(quoted)' is no assignment; write key = value, or # before a comment"), origin: origin)
    case .assignment(let key, let value, let tolerant):
      do {
        try write(name: key, value: value, origin: origin)
        return []
      } catch {
        if tolerant { return [KnobWarning(error: error)] }
        throw error
      }
    }
  }
}
