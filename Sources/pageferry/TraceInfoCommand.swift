// pageferry trace info.

import ArgumentParser
import Foundation
import Trace

/// Summarises a trace.
struct TraceInfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Say what is in a trace, where it came from, and how its pages are used; check all of it.",
    discussion: """
      Counts of the header, accesses per page, reuse distances (distinct pages between two uses of a page), reuse \
      intervals in work and time, working sets, and the hottest regions. All numbers are exact; docs/cli.md defines them.

      Examples:
        pageferry trace info workloads/traces/sort.pft
        pageferry trace info --json --regions 100 sort.pft
        pageferry trace info --brief huge.pft
      """)

  @Argument(help: "The trace.")
  var file: String

  @Flag(help: "Print it as JSON.")
  var json = false

  @Flag(help: "Read the header alone: counts and provenance, at once.")
  var brief = false

  @Option(help: ArgumentHelp("Hottest regions to list.", valueName: "count"))
  var regions = 10

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  func validate() throws {
    if regions < 0 { throw ValidationError("--regions is 0 or more") }
  }

  func run() throws {
    let info = try brief ? TraceInfo.brief(path: file) : summary()
    guard json else { return try Console.out(info.rendered()) }
    let encoder = JSONEncoder()
    // Keys as in run.json.
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try Console.out(String(decoding: try encoder.encode(info), as: UTF8.self) + "\n")
  }

  private func summary() throws(TraceError) -> TraceInfo {
    let bar = ProgressBar("info", isQuiet: quiet)
    defer { bar.end() }
    return try TraceInfo(path: file, regions: regions) { pass, done, total in
      bar.show(done, of: total, "pass \(pass), \(done) records")
    }
  }
}
