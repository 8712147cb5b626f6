// pageferry trace verify.

import ArgumentParser
import Foundation
import Trace

/// Reads traces whole and checks all of them.
struct TraceVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Read traces whole; check every checksum and every count of the header.",
    discussion: """
      One line a file: 'FILE: whole, N records, M accesses' on standard output, or the first byte that is wrong and why on \
      standard error. All files are read, whatever is wrong with one of them.

      Examples:
        pageferry trace verify workloads/traces/*.pft
        pageferry trace verify --json copy.pft

      Exit status: 1 when a file is damaged or cannot be read.
      """)

  @Argument(help: ArgumentHelp("The traces.", valueName: "file"))
  var files: [String]

  @Flag(help: "Print all as JSON, damaged files too.")
  var json = false

  /// What is said of a file with --json. Keys as in run.json.
  private struct Entry: Encodable {
    var file: String
    var isWhole: Bool
    var records: Int?
    var accesses: Int?
    /// Of the uncompressed trace.
    var fileBytes: Int?
    var byte: Int?
    var problem: String?
    var fix: String?
  }

  func run() throws {
    var entries: [Entry] = []
    for file in files {
      let entry = verify(file)
      entries.append(entry)
      if !json, let records = entry.records, let accesses = entry.accesses {
        try Console.out("\(file): whole, \(records) records, \(accesses) accesses\n")
      }
    }
    if json {
      let encoder = JSONEncoder()
      encoder.keyEncodingStrategy = .convertToSnakeCase
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      try Console.out(String(decoding: try encoder.encode(entries), as: UTF8.self) + "\n")
    }
    if entries.contains(where: { !$0.isWhole }) { throw Failure(message: "", status: .failure) }
  }

  private func verify(_ file: String) -> Entry {
    let bar = ProgressBar("verify \(file)", isQuiet: false)
    do throws(TraceError) {
      let header = try TraceVerification(path: file) { bar.show($0, of: $1, "\($0) records") }.header
      bar.end()
      return Entry(
        file: file, isWhole: true, records: header.records, accesses: header.accesses, fileBytes: header.fileBytes)
    } catch {
      bar.end()
      if !json { Console.error("\(error)") }
      return Entry(file: file, isWhole: false, byte: error.byte, problem: error.problem, fix: error.fix)
    }
  }
}
