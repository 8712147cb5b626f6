// pageferry trace.

import ArgumentParser
import Foundation
import Trace

/// Imports and shows traces.
struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "Record programs, import recorded memory accesses, and look into trace files.",
    discussion: """
      A trace is a file of accesses in Pageferry's own compact format (docs/trace-format.md). A task of a workload \
      replays one with 'trace: FILE'.
      """,
    subcommands: [
      TraceRecordCommand.self, TraceImportCommand.self, TraceInfoCommand.self, TraceCatCommand.self,
      TraceCutCommand.self, TraceVerifyCommand.self,
    ])
}

extension ImportFormat: ExpressibleByArgument {}

/// pageferry trace import.
struct TraceImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Turn the text of another tool into a trace.",
    discussion: """
      lackey is the output of 'valgrind --tool=lackey --trace-mem=yes'; din is Dinero's '0|1|2 ADDRESS', or \
      'l|s ADDRESS GAP'. Plain or gzip-compressed. 'pageferry trace record' runs lackey and imports in one step.

      Examples:
        valgrind --tool=lackey --trace-mem=yes --log-fd=9 sort big.txt 9>&1 >/dev/null |
          pageferry trace import --format lackey - -o sort.pft --cache 32KiB:8,1MiB:16
        pageferry trace import --format din gcc.din.gz -o gcc.pft
      """)

  @Option(help: ArgumentHelp("Format of the input: lackey or din.", valueName: "format"))
  var format: ImportFormat

  @Argument(help: ArgumentHelp("The text; - is standard input.", valueName: "in"))
  var input: String

  @Option(name: .shortAndLong, help: ArgumentHelp("The trace to write.", valueName: "file"))
  var output: String

  @Option(help: ArgumentHelp("Leave out hits of modelled caches, nearest first.", valueName: "size:ways,..."))
  var cache: String?

  @Flag(help: "Keep only the page of an address.")
  var pages = false

  @Flag(help: "Write one record for each access, instead of one for each run of accesses to a page.")
  var noCoalesce = false

  @Flag(help: "Take instruction fetches as reads, not as time between accesses.")
  var instructions = false

  @Option(help: ArgumentHelp("Accesses to pass over first; they still warm the caches.", valueName: "count"))
  var skip = 0

  @Option(help: ArgumentHelp("Records after which to stop; 0 is no limit.", valueName: "count"))
  var limit = 0

  @Option(help: ArgumentHelp("What was traced, kept in the header.", valueName: "text"))
  var program = ""

  @Option(help: ArgumentHelp("The command line that was traced, kept in the header.", valueName: "text"))
  var command = ""

  @Option(help: ArgumentHelp("The tool that recorded it and its version, kept in the header.", valueName: "text"))
  var tool = ""

  @Option(help: ArgumentHelp("When it was recorded, kept in the header.", valueName: "text"))
  var date = ""

  @Option(help: ArgumentHelp("Anything else, kept in the header.", valueName: "text"))
  var notes = ""

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  func run() throws {
    var options = ImportOptions()
    options.coalesce = !noCoalesce
    options.pageGranular = pages
    options.instructions = instructions
    options.skipAccesses = skip
    options.maxRecords = limit
    if let cache { options.cache = try CacheSpecification(cache) }
    let provenance = TraceProvenance(program: program, command: command, tool: tool, date: date, notes: notes)
    let bar = ProgressBar("import", isQuiet: quiet)
    defer { bar.end() }
    defer { Interrupt.removes(nil) }
    let result = try TraceImporter(format: format, options: options).run(
      input: input, output: output, provenance: provenance, guarding: Interrupt.removes(_:madeBy:)
    ) { p in
      bar.show(p.bytesConsumed, of: p.totalBytes ?? 0, "\(p.accesses) accesses")
    }
    bar.end()
    if quiet { return }
    let header = result.header
    try Console.out(
      """
      \(output): \(header.records) records of \(result.accesses) accesses in \(result.lines) lines, \
      \(header.footprintPages) pages, \(header.fileBytes) bytes

      """)
  }
}

/// pageferry trace info.
struct TraceInfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Say what is in a trace and where it came from; check all of it.",
    discussion: "Example:\n  pageferry trace info workloads/traces/sort.pft")

  @Argument(help: "The trace, plain or gzip-compressed.")
  var file: String

  @Flag(help: "Print it as JSON.")
  var json = false

  func run() throws {
    let info = try TraceInfo(path: file)
    guard json else { return try Console.out(info.rendered()) }
    let encoder = JSONEncoder()
    // Keys as in run.json.
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try Console.out(String(decoding: try encoder.encode(info), as: UTF8.self) + "\n")
  }
}

/// pageferry trace cat.
struct TraceCatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cat", abstract: "Print records of a trace as text.",
    discussion: """
      One line a record: thread, R or W, address, bytes, work before it, further accesses to the same page and the \
      writes among them.

      Examples:
        pageferry trace cat workloads/traces/sort.pft --from 1000 --count 10
        pageferry trace cat workloads/traces/sort.pft --last 10
      """)

  @Argument(help: "The trace, plain or gzip-compressed.")
  var file: String

  @Option(help: ArgumentHelp("First record, from 0.", valueName: "number"))
  var from = 0

  @Option(help: ArgumentHelp("Records to print. (default: all)", valueName: "number"))
  var count: Int?

  @Option(help: ArgumentHelp("Print this many records at the end.", valueName: "number"))
  var last: Int?

  func validate() throws {
    if from < 0 || (count ?? 0) < 0 || (last ?? 0) < 0 {
      throw ValidationError("--from, --count and --last are 0 or more")
    }
    if last != nil && (from > 0 || count != nil) { throw ValidationError("--last goes without --from and --count") }
  }

  func run() throws {
    var reader = try TraceReader(path: file)
    let block = TraceBlock()
    var number = 0
    let from = last.map { max(0, reader.header.records - $0) } ?? from
    let end = min(from, Int.max - (count ?? .max)) + (count ?? .max)
    var text = Array(TraceText.heading.utf8)
    while number < end, try reader.next(into: block) {
      for i in 0..<block.count where number + i >= from && number + i < end {
        text += Array(TraceText.line(block[i]).utf8) + [UInt8(ascii: "\n")]
      }
      number += block.count
      try Console.out(String(decoding: text, as: UTF8.self))
      text.removeAll(keepingCapacity: true)
    }
    if !text.isEmpty { try Console.out(String(decoding: text, as: UTF8.self)) }
  }
}
