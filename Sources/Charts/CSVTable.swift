// A table of numbers as run directories have them, read strictly.

import Foundation
import Report

/// Columns of non-negative decimal numbers under a heading; the first columns may be words.
struct CSVTable {
  let path: String
  /// The file as it is.
  let bytes: Data
  let names: [String]
  /// By column; empty for those of words.
  private(set) var columns: [[Double]]
  /// By column; empty for those of numbers.
  private(set) var words: [[String]]
  private(set) var rows = 0

  /// - Parameters:
  ///   - wordColumns: how many of the first columns are words.
  ///   - path: what errors call the file.
  /// - Throws: file and line, when a line has another number of values than the heading, a value is no number, or the last line
  ///   has no end.
  init(_ bytes: Data, path: String, wordColumns: Int = 0) throws(ReportError) {
    self.path = path
    self.bytes = bytes
    guard let headEnd = bytes.firstIndex(of: 0x0A) else {
      throw CSVTable.damaged(path, 1, "the heading has no end")
    }
    names = String(decoding: bytes[..<headEnd], as: UTF8.self).split(separator: ",", omittingEmptySubsequences: false)
      .map(String.init)
    guard names.count >= wordColumns, !names.contains("") else {
      throw CSVTable.damaged(path, 1, "a column has no name")
    }
    columns = [[Double]](repeating: [], count: names.count)
    words = [[String]](repeating: [], count: names.count)
    let line = bytes[(headEnd + 1)...].withUnsafeBytes { body in parse(body, wordColumns: wordColumns) }
    if let (line, problem) = line { throw CSVTable.damaged(path, line, problem) }
  }

  /// - Returns: the first line that is wrong, and what is.
  private mutating func parse(_ body: UnsafeRawBufferPointer, wordColumns: Int) -> (Int, String)? {
    let count = names.count
    var column = 0
    var start = 0
    for i in body.indices {
      let byte = body[i]
      guard byte == 0x2C || byte == 0x0A else { continue }
      if column >= count { return (rows + 2, "there are more than \(count) values") }
      let field = UnsafeRawBufferPointer(rebasing: body[start..<i])
      if column < wordColumns {
        words[column].append(String(decoding: field, as: UTF8.self))
      } else {
        guard let value = CSVTable.number(field) else {
          return (
            rows + 2, "'\(String(decoding: field.prefix(40), as: UTF8.self))' in column \(names[column]) is no number"
          )
        }
        columns[column].append(value)
      }
      column += 1
      start = i + 1
      if byte == 0x0A {
        if column < count { return (rows + 2, "there are \(column) values and not \(count)") }
        column = 0
        rows += 1
      }
    }
    return start < body.count || column > 0 ? (rows + 2, "the file ends in the middle of a line") : nil
  }

  /// Digits with at most one point among them; nil for anything else.
  private static func number(_ text: UnsafeRawBufferPointer) -> Double? {
    var value = 0.0
    var scale = 0.0
    var digits = 0
    for byte in text {
      switch byte {
      case 0x30...0x39:
        value = value * 10 + Double(byte - 0x30)
        digits += 1
        scale *= 10
      case 0x2E where scale == 0 && digits > 0: scale = 1
      default: return nil
      }
    }
    guard digits > 0, digits < 25 else { return nil }
    return scale > 1 ? value / scale : scale == 1 ? nil : value
  }

  /// Numbers of a column.
  /// - Throws: when there is no such column.
  func column(_ name: String) throws(ReportError) -> [Double] {
    guard let place = names.firstIndex(of: name) else {
      throw CSVTable.damaged(path, 1, "there is no column '\(name)'")
    }
    return columns[place]
  }

  /// Whether there is such a column.
  func has(_ name: String) -> Bool { names.contains(name) }

  static func damaged(_ path: String, _ line: Int, _ problem: String) -> ReportError {
    ReportError(
      path: "\(path):\(line)", problem: problem,
      fix: "the file is damaged or of another version; make the run again (-p config.sysctl)")
  }
}
