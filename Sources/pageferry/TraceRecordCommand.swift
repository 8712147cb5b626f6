// pageferry trace record.

import ArgumentParser
import Trace

/// Records a program with valgrind.
struct TraceRecordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Run a program under valgrind and write the trace of its accesses.",
    discussion: """
      The program runs about 100 times slower, with the standard input, output and error of this command; what this command \
      says goes to standard error. Needs valgrind (apt-get install valgrind). Without --cache every access is kept, \
      those to one page that follow each other in one record.

      Processes that the program starts are not recorded: name the program itself, not a script around it.

      Examples:
        pageferry trace record --cache 32KiB:8,1MiB:16 -- sort big.txt > sorted.txt
        pageferry trace record --cache 32KiB:8 -- sqlite3 :memory: < shop.sql
        pageferry trace record -o s.pft --max-records 1000000 -- ./solver --steps 10

      Exit status: 1 when the program failed too; its trace is kept then, and whole.
      """)

  @Option(name: .shortAndLong, help: ArgumentHelp("The trace to write. (default: PROGRAM.pft)", valueName: "file"))
  var output: String?

  @OptionGroup var keep: KeepOptions

  @Flag(help: "Take instruction fetches as reads, not as time between accesses.")
  var instructions = false

  @Option(help: ArgumentHelp("Accesses to pass over first; they still warm the caches.", valueName: "count"))
  var skipAccesses = 0

  @Option(help: ArgumentHelp("Records after which the program is ended; 0 is no limit.", valueName: "count"))
  var maxRecords = 0

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  @Argument(
    parsing: .postTerminator, help: ArgumentHelp("After --: the program and its arguments.", valueName: "program"))
  var program: [String] = []

  func validate() throws {
    guard let name = program.first, !name.isEmpty else {
      throw ValidationError("name the program to record after --, as in: pageferry trace record -- sort big.txt")
    }
    if skipAccesses < 0 || maxRecords < 0 { throw ValidationError("--skip-accesses and --max-records are 0 or more") }
    if output?.isEmpty == true { throw ValidationError("--output: the name is empty; name a file") }
  }

  func run() throws {
    var options = ImportOptions()
    options.instructions = instructions
    options.skipAccesses = skipAccesses
    options.maxRecords = maxRecords
    try keep.apply(to: &options)
    let name = program[0].split(separator: "/").last.map(String.init) ?? program[0]
    let output = output ?? name + ".pft"
    let bar = ProgressBar("record \(name)", isQuiet: quiet)
    defer { bar.end() }
    defer { Interrupt.removes(nil) }
    let clock = ContinuousClock()
    let start = clock.now
    let result = try TraceRecorder(program, options: options).run(
      output: output, commandText: program.map(Shell.quoted).joined(separator: " "),
      guarding: Interrupt.removes(_:madeBy:), processGuard: Interrupt.ends(changedBy:)
    ) { p in
      bar.show(p.accesses, of: 0, Self.words(p, clock.now - start))
    }
    Interrupt.removes(nil)
    bar.end()
    if !quiet { Console.plain(summary(result, output)) }
    if result.hasFailed {
      throw Failure(message: "\(name) \(result.end); \(output) is kept: all up to there is in it", status: .failure)
    }
  }

  /// `12.3 M accesses, 480 k a second, trace of 1.2 M bytes`.
  private static func words(_ progress: ImportProgress, _ spent: Duration) -> String {
    let rate = Double(progress.accesses) / max(spent / .seconds(1), 0.001)
    return
      "\(short(progress.accesses))accesses, \(short(Int(rate)))a second, trace of \(short(progress.traceBytes))bytes"
  }

  /// Three or four digits and the thousands they count: `980 `, `480 k `, `12.3 M `.
  private static func short(_ value: Int) -> String {
    if value < 1000 { return "\(value) " }
    if value < 1_000_000 { return "\(value / 1000) k " }
    return "\(value / 1_000_000).\(value / 100_000 % 10) M "
  }

  private func summary(_ result: RecordResult, _ output: String) -> String {
    let header = result.imported.header
    return "\(output): \(header.records) records of \(result.imported.accesses) accesses, "
      + "\(header.footprintPages) pages, \(header.fileBytes) bytes"
      + (result.wasStopped ? "; the program was ended at \(maxRecords) records\n" : "\n")
  }
}
