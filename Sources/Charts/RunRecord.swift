// A run directory, read strictly: what is missing, damaged or of another run is an error that names the file.

import Foundation
import Report
import Simulation
import Sysctl

/// All that a report needs of one run.
public struct RunRecord {
  /// A knob that differs from its default.
  struct Change: Equatable {
    var name: String
    var value: String
    /// nil for a knob that this version does not have.
    var standard: String?
  }

  /// The directory as it was named.
  public let path: String
  /// What the report calls the run: the last part of the path.
  public internal(set) var name: String
  let document: RunDocument
  let vmstat: CSVTable
  let machine: CSVTable
  let heat: CSVTable
  let regions: CSVTable
  let copies: CSVTable
  let changes: [Change]

  /// Reads a directory.
  public init(_ path: String) throws(ReportError) {
    self.path = path
    let parts = path.split(separator: "/").filter { $0 != "." }
    name = parts.last.map(String.init) ?? path
    let text = try RunRecord.bytes(path, "run.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let document: RunDocument
    do {
      document = try decoder.decode(RunDocument.self, from: text)
    } catch {
      throw ReportError(
        path: path + "/run.json", problem: RunRecord.reason(error),
        fix: "the file is damaged or of another version; make the run again (-p config.sysctl)")
    }
    guard document.format == RunJSON.format else {
      throw ReportError(
        path: path + "/run.json", problem: "is of format \(document.format), and this version reads \(RunJSON.format)",
        fix: "make the run again with this version")
    }
    self.document = document
    func table(_ name: String, words: Int = 0) throws(ReportError) -> CSVTable {
      try CSVTable(RunRecord.checked(path, name, document), path: "\(path)/\(name)", wordColumns: words)
    }
    vmstat = try table("vmstat.csv")
    machine = try table("machine.csv")
    heat = try table("heat.csv", words: 1)
    regions = try table("regions.csv", words: 2)
    copies = try table("copies.csv", words: 2)
    guard vmstat.rows >= 2, machine.rows == vmstat.rows else {
      throw CSVTable.damaged(
        machine.path, machine.rows + 2, "it has \(machine.rows) samples, vmstat.csv \(vmstat.rows)")
    }
    let knobs = try RunRecord.checked(path, "config.sysctl", document)
    changes = RunRecord.changes(String(decoding: knobs, as: UTF8.self))
  }

  /// Reads several directories; runs of the same name are called by their paths.
  /// - Throws: more than eight, which is as many colours as there are; the same directory twice.
  public static func read(_ paths: [String]) throws(ReportError) -> [RunRecord] {
    guard paths.count <= 8 else {
      throw ReportError(
        path: paths[8], problem: "is the ninth run, and a report has colours for eight", fix: "name fewer runs")
    }
    var runs: [RunRecord] = []
    for path in paths {
      guard !runs.contains(where: { $0.path == path }) else {
        throw ReportError(path: path, problem: "is named twice", fix: "name each run once")
      }
      runs.append(try RunRecord(path))
    }
    let names = runs.map(\.name)
    for i in runs.indices where names.filter({ $0 == names[i] }).count > 1 { runs[i].name = runs[i].path }
    return runs
  }

  // MARK: Files

  private static func bytes(_ folder: String, _ name: String) throws(ReportError) -> Data {
    let path = "\(folder)/\(name)"
    guard FileManager.default.fileExists(atPath: folder) else {
      throw ReportError(path: folder, problem: "there is no such run directory", fix: "make one with pageferry run")
    }
    guard FileManager.default.fileExists(atPath: path) else {
      throw ReportError(
        path: path, problem: "is missing",
        fix: name == "run.json" ? "name a run directory, or make the run again" : "make the run again with this version"
      )
    }
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw ReportError(path: path, problem: "cannot be read", fix: "check its permissions and the disk")
    }
  }

  /// The bytes of a file that run.json knows, which must be those that were written then.
  private static func checked(_ folder: String, _ name: String, _ document: RunDocument) throws(ReportError) -> Data {
    let data = try bytes(folder, name)
    guard let digest = document.files[name] else {
      throw ReportError(
        path: "\(folder)/run.json", problem: "has no digest of \(name)", fix: "make the run again with this version")
    }
    guard "\(Digest(of: data))" == digest else {
      throw ReportError(
        path: "\(folder)/\(name)", problem: "is not what the run wrote (\(digest) in run.json)",
        fix: "restore it, or make the run again (-p config.sysctl)")
    }
    return data
  }

  /// What is wrong with a JSON document, in one line.
  private static func reason(_ error: any Error) -> String {
    func place(_ context: DecodingError.Context) -> String {
      let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
      return path.isEmpty ? "the document" : String(path.drop { $0 == "." })
    }
    switch error {
    case DecodingError.keyNotFound(let key, let context): return "\(place(context)) has no '\(key.stringValue)'"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      return "\(place(context)) is of another type"
    default: return "is no JSON document"
    }
  }

  // MARK: Knobs

  /// Knobs of a config.sysctl whose last value is not their default, in the order of their last write.
  static func changes(_ text: String) -> [Change] {
    var values: [(name: String, value: String)] = []
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let parts = line.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      guard let name = parts.first else { continue }
      values.removeAll { $0.name == name }
      values.append((name, parts.count > 1 ? parts[1] : ""))
    }
    let standard = Dictionary(
      KnobTree.product.entries.map { ($0.name, $0.defaultValue) }, uniquingKeysWith: { first, _ in first })
    return values.filter { standard[$0.name] != $0.value }.map {
      Change(name: $0.name, value: $0.value, standard: standard[$0.name])
    }
  }
}
