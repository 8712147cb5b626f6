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
      TraceCutCommand.self, TraceScaleCommand.self, TraceVerifyCommand.self,
    ])
}

/// The value of --format.
enum FormatChoice: ExpressibleByArgument {
  case auto
  case named(ImportFormat)

  init?(argument: String) {
    if argument == "auto" {
      self = .auto
    } else if let format = ImportFormat(rawValue: argument) {
      self = .named(format)
    } else {
      return nil
    }
  }

  var defaultValueDescription: String { "auto" }

  static var allValueStrings: [String] { ["auto"] + ImportFormat.allCases.map(\.rawValue) }

  var format: ImportFormat? {
    switch self {
    case .auto: nil
    case .named(let format): format
    }
  }
}

/// pageferry trace import.
struct TraceImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Turn the trace of another tool into a Pageferry trace.",
    discussion: """
      Formats, plain or compressed by gzip or zstd:
        lackey         ' L ADDR,SIZE'               valgrind --tool=lackey --trace-mem=yes
        din            '0|1|2 ADDR', 'l|s ADDR GAP' Dinero, and its kin that state gaps
        ramulator      'COUNT READ [WRITEBACK]'     CPU traces of Ramulator 1
        dramsim        '0xADDR READ|WRITE CYCLE'    DRAMsim3; k6 and mase traces of DRAMSim2
        csv            columns that the first line names
        oraclegeneral  24-byte records              libCacheSim; objects become ranges of pages
        damon          regions and access counts    damo record (JSON), perf script of damon:damon_aggregated
        perfscript     'TID TIME: EVENT: ADDR'      perf script of perf mem record
        drmemtrace     12-byte records              DynamoRIO, 64-bit
        auto           whichever it is, told from the first 64 KiB

      A line that is not in the format is an error that names it, and nothing is written; --lenient skips and counts such \
      lines. What becomes of each field, and what is lost, is in docs/cli.md under 'Importing'. 'pageferry trace record' \
      runs lackey and imports in one step.

      Examples:
        pageferry trace import gcc.din.gz -o gcc.pft
        valgrind --tool=lackey --trace-mem=yes --log-fd=9 sort big.txt 9>&1 >/dev/null |
          pageferry trace import --format lackey - -o sort.pft --cache 32KiB:8,1MiB:16
        pageferry trace import --format ramulator 403.gcc -o gcc.pft --limit 1000000
        pageferry trace import samples.csv -o s.pft --columns address=ADDR,op=RW,time=TS,thread=TID
        pageferry trace import --format oraclegeneral w.oracleGeneral.zst -o w.pft
        pageferry trace import damon.data -o d.pft
        pageferry trace import --check downloaded.zst
        perf script -F comm,pid,tid,cpu,time,event,addr,data_src | pageferry trace import - -o p.pft
        unzip -p trace/drmemtrace.sort.1234.0000.trace.zip | pageferry trace import --format drmemtrace - -o d.pft
      """)

  @Option(help: ArgumentHelp("Format of the input.", valueName: "format"))
  var format = FormatChoice.auto

  @Option(
    help: ArgumentHelp(
      "Columns of csv: fields are address, op, size, gap (instructions), cycle, time (ns), thread and process; an empty name is a field not to read. (default: columns called like the fields)",
      valueName: "field=name,..."))
  var columns: String?

  @Flag(
    help: "Skip lines and records that are not in the format, and say how many and where; more than half are an error.")
  var lenient = false

  @Option(
    help: ArgumentHelp(
      "DAMON's sampling interval, where the record has none. (default: 5000)", valueName: "microseconds"))
  var damonSampleUs: Int?

  @Option(
    help: ArgumentHelp(
      "DAMON's aggregation interval, where the record has none. (default: 100000)", valueName: "microseconds"))
  var damonAggrUs: Int?

  @Flag(
    help: "For each check of DAMON that found a region accessed, access every page of the region, not one of them.")
  var damonEveryPage = false

  @Argument(help: ArgumentHelp("The trace of the other tool; - is standard input.", valueName: "in"))
  var input: String

  @Option(name: .shortAndLong, help: ArgumentHelp("The trace to write.", valueName: "file"))
  var output: String?

  @Flag(help: "Read all, write nothing, and say what is there: accesses, writes, threads, pages.")
  var check = false

  @OptionGroup var keep: KeepOptions

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

  func validate() throws {
    if check == (output != nil) { throw ValidationError("give either -o FILE or --check") }
    guard check else { return }
    let shapes =
      [keep.cache, keep.tlb].contains { $0 != nil } || keep.level != TraceWriter.standardLevel || pages || noCoalesce
      || skip != 0 || limit != 0
    if shapes {
      throw ValidationError(
        "--check writes no trace: leave out --cache, --tlb, --level, --pages, --no-coalesce, --skip and --limit")
    }
  }

  func run() throws {
    var options = ImportOptions()
    options.coalesce = !noCoalesce
    options.pageGranular = pages
    options.instructions = instructions
    options.skipAccesses = skip
    options.maxRecords = limit
    try keep.apply(to: &options)
    let provenance = TraceProvenance(program: program, command: command, tool: tool, date: date, notes: notes)
    let bar = ProgressBar("import", isQuiet: quiet)
    defer { bar.end() }
    defer { Interrupt.removes(nil) }
    let names = try columns.map { text throws(TraceError) in try CSVColumns(text) } ?? CSVColumns()
    var importer = TraceImporter(format: format.format, options: options, columns: names)
    importer.isLenient = lenient
    importer.damon.isEveryPage = damonEveryPage
    if let damonSampleUs { importer.damon.sampleMicroseconds = damonSampleUs }
    if let damonAggrUs { importer.damon.aggregationMicroseconds = damonAggrUs }
    guard let output else { return try runCheck(importer, bar) }
    let result = try importer.run(
      input: input, output: output, provenance: provenance, guarding: Interrupt.removes(_:madeBy:),
      recognised: { if !quiet { Console.plain("\($0.format.rawValue): \($0.reason)\n") } },
      progress: { bar.show($0.bytesConsumed, of: $0.totalBytes ?? 0, "\($0.accesses) accesses") })
    bar.end()
    if quiet { return }
    let skipped = result.skipped.note(for: result.format)
    for note in result.notes + (skipped.isEmpty ? [] : [skipped]) { Console.plain("\(output): \(note)\n") }
    let header = result.header
    try Console.out(
      """
      \(output): \(header.records) records of \(result.accesses) accesses in \(result.lines) \(result.format.unitName), \
      \(header.footprintPages) pages, \(header.fileBytes) bytes

      """)
  }

  private func runCheck(_ importer: TraceImporter, _ bar: ProgressBar) throws {
    let found = try importer.check(
      input: input, recognised: { if !quiet { Console.plain("\($0.format.rawValue): \($0.reason)\n") } },
      progress: { bar.show($0.bytesConsumed, of: $0.totalBytes ?? 0, "\($0.accesses) accesses") })
    bar.end()
    if quiet { return }
    let skipped = found.skipped.note(for: found.format)
    for note in found.notes + (skipped.isEmpty ? [] : [skipped]) { Console.plain("\(input): \(note)\n") }
    try Console.out(
      """
      \(input): \(found.format.rawValue), \(found.accesses) accesses (\(found.writes) writes) in \(found.lines) \
      \(found.format.unitName), \(found.instructions) instruction fetches, \(found.threads) threads, \
      \(found.processes) processes, \(found.pages) pages, \(found.textBytes) bytes

      """)
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

  @Argument(help: "The trace.")
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
    let from = last.map { max(0, reader.header.records - $0) } ?? from
    let end = min(from, Int.max - (count ?? .max)) + (count ?? .max)
    let format = TraceText(reader.header)
    var text = Array(format.heading.utf8)
    // The first block that is printed: those before it are not even decoded.
    var number = from > 0 ? from - reader.seek(to: from) : 0
    while number < end, try reader.next(into: block) {
      for i in 0..<block.count where number + i >= from && number + i < end { format.append(block[i], to: &text) }
      number += block.count
      try Console.out(String(decoding: text, as: UTF8.self))
      text.removeAll(keepingCapacity: true)
    }
    if !text.isEmpty { try Console.out(String(decoding: text, as: UTF8.self)) }
  }
}
