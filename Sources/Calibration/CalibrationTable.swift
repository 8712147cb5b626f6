// Tables of published measurements: CSV as RFC 4180 has it, read strictly.

import Foundation

/// A table that cannot be used: where, what is wrong, what to do.
public struct CalibrationError: Error, Equatable, Sendable, CustomStringConvertible {
  public var file: String
  /// From 1; 0 when the whole file is meant.
  public var line: Int
  public var problem: String
  public var fix: String

  public var description: String { "\(file)\(line > 0 ? ":\(line)" : ""): \(problem); \(fix)" }
}

/// Rows under a heading that must be the expected one.
struct CalibrationTable {
  /// A row, and where it stands.
  struct Row {
    var file: String
    var line: Int
    var fields: [String]
    var columns: [String]

    subscript(_ column: String) -> String {
      guard let index = columns.firstIndex(of: column) else { return "" }
      return fields[index]
    }

    /// A field that is a whole number within bounds.
    func count(_ column: String, in bounds: ClosedRange<Int>) throws(CalibrationError) -> Int {
      guard let value = Int(self[column]), bounds.contains(value) else {
        throw refused(column, "want a whole number from \(bounds.lowerBound) to \(bounds.upperBound)")
      }
      return value
    }

    /// The size of a copy: what a queue takes by default.
    func size(_ column: String) throws(CalibrationError) -> Int { try count(column, in: 1...2 << 20) }

    /// A field that is a number above 0.
    func value(_ column: String) throws(CalibrationError) -> Double {
      guard let value = Double(self[column]), value > 0, value.isFinite else {
        throw refused(column, "want a number above 0")
      }
      return value
    }

    /// The field as one of the values that are known.
    func choice<Value>(_ column: String, _ known: [(String, Value)]) throws(CalibrationError) -> Value {
      guard let found = known.first(where: { $0.0 == self[column] }) else {
        throw refused(column, "want one of: \(known.map(\.0).joined(separator: ", "))")
      }
      return found.1
    }

    func refused(_ column: String, _ fix: String) -> CalibrationError {
      CalibrationError(file: file, line: line, problem: "\(column) is '\(self[column])'", fix: fix)
    }
  }

  var name: String
  var rows: [Row] = []

  /// Reads a table of a folder.
  /// - Parameter columns: names that the heading must have, in this order.
  init(_ name: String, columns: [String], folder: String) throws(CalibrationError) {
    let path = "\(folder)/\(name)"
    guard let data = FileManager.default.contents(atPath: path) else {
      throw CalibrationError(
        file: path, line: 0, problem: "cannot be read", fix: "give the folder that holds all tables of measurements")
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw CalibrationError(file: path, line: 0, problem: "is not UTF-8", fix: "save it as UTF-8")
    }
    try self.init(name, columns: columns, text: text, file: path)
  }

  init(_ name: String, columns: [String], text: String, file: String) throws(CalibrationError) {
    self.name = name
    var isHeading = true
    // A carriage return and a line feed are one Character.
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    for (index, content) in lines.enumerated() {
      if content.isEmpty { continue }
      let fields = try Self.fields(content, file: file, line: index + 1)
      if isHeading {
        guard fields == columns else {
          throw CalibrationError(
            file: file, line: index + 1, problem: "the heading is '\(content)'",
            fix: "want \(columns.joined(separator: ","))")
        }
        isHeading = false
        continue
      }
      guard fields.count == columns.count else {
        throw CalibrationError(
          file: file, line: index + 1, problem: "the row has \(fields.count) fields",
          fix: "want \(columns.count): \(columns.joined(separator: ","))")
      }
      rows.append(Row(file: file, line: index + 1, fields: fields, columns: columns))
    }
    guard !rows.isEmpty else {
      throw CalibrationError(file: file, line: 0, problem: "has no rows", fix: "give a table of measurements")
    }
  }

  /// Splits at commas that are not in quotes; "" in quotes is a quote.
  private static func fields(_ text: Substring, file: String, line: Int) throws(CalibrationError) -> [String] {
    var fields: [String] = []
    var field = ""
    var isQuoted = false
    var wasQuoted = false
    var rest = text[...]
    while let character = rest.popFirst() {
      switch character {
      case "\"" where isQuoted && rest.first == "\"":
        field.append("\"")
        rest.removeFirst()
      case "\"" where isQuoted: isQuoted = false
      case "\"" where field.isEmpty && !wasQuoted: (isQuoted, wasQuoted) = (true, true)
      case "," where !isQuoted:
        fields.append(field)
        (field, wasQuoted) = ("", false)
      case _ where wasQuoted && !isQuoted:
        throw CalibrationError(
          file: file, line: line, problem: "text follows a closing quote", fix: "put a comma there")
      default: field.append(character)
      }
    }
    if isQuoted {
      throw CalibrationError(file: file, line: line, problem: "a quote is not closed", fix: "close it on the same line")
    }
    return fields + [field]
  }
}
