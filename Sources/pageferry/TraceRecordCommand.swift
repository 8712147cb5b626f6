// pageferry trace record.

import ArgumentParser
import Trace

extension RecorderTool: ExpressibleByArgument {}

/// Records a program with valgrind, or natively one that was built for it.
struct TraceRecordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Run a program and write the trace of its accesses.",
    discussion: """
      Under valgrind (apt-get install valgrind gcc) a recording takes 30 to 110 times the program's own time: a \
      tool of ours, built at first use and kept in ~/.cache/pageferry, hands the accesses over. Where that cannot be built, \
      valgrind's lackey does, which takes ten times as long and more. With --instrument the program runs natively, and its \
      threads are told apart; it must be built for that, and --print-runtime gives what that takes. It has the standard input, \
      output and error of this command; what this command says goes to standard error. Without --cache every access is kept, \
      those to one page that follow each other in one record.

      Processes that the program starts are not recorded: name the program itself, not a script around it.

      Examples:
        pageferry trace record --cache 32KiB:8,1MiB:16 -- sort big.txt > sorted.txt
        pageferry trace record --cache 32KiB:8 -- sqlite3 :memory: < shop.sql
        pageferry trace record -o s.pft --max-records 1000000 -- ./solver --steps 10

        pageferry trace record --print-runtime pf
        clang -O2 @pf/pageferry_instrument.flags solver.c pf/pageferry_instrument.c -o solver
        pageferry trace record --instrument --cache 32KiB:8,1MiB:16 -- ./solver

      Exit status: 1 when the program failed too; its trace is kept then, and whole.
      """)

  @Option(name: .shortAndLong, help: ArgumentHelp("The trace to write. (default: PROGRAM.pft)", valueName: "file"))
  var output: String?

  @OptionGroup var keep: KeepOptions

  @Option(
    help: ArgumentHelp(
      "The tool in valgrind: own, lackey, or auto: own where it is there or can be built, else lackey.",
      valueName: "tool"))
  var tool = RecorderTool.auto

  @Flag(help: "Run the program natively; it was built as --print-runtime says.")
  var instrument = false

  @Option(
    help: ArgumentHelp(
      "Write the runtime for such programs into this folder, and print how to build them.", valueName: "folder"))
  var printRuntime: String?

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
    if let printRuntime {
      if printRuntime.isEmpty { throw ValidationError("--print-runtime: the name is empty; name a folder") }
      if !program.isEmpty { throw ValidationError("--print-runtime records nothing; leave the program out") }
      return
    }
    if instrument && tool != .auto {
      throw ValidationError("--tool: an instrumented program runs without valgrind; leave --tool or --instrument out")
    }
    if instrument && instructions {
      throw ValidationError("--instructions: an instrumented program tells of loads and stores; leave --instrument out")
    }
    if instrument && program.isEmpty {
      throw ValidationError(
        "name the program to record after --, as in: pageferry trace record --instrument -- ./solver "
          + "(--print-runtime FOLDER says how to build it)")
    }
    guard let name = program.first, !name.isEmpty else {
      throw ValidationError("name the program to record after --, as in: pageferry trace record -- sort big.txt")
    }
    if skipAccesses < 0 || maxRecords < 0 { throw ValidationError("--skip-accesses and --max-records are 0 or more") }
    if output?.isEmpty == true { throw ValidationError("--output: the name is empty; name a file") }
  }

  func run() throws {
    if let printRuntime { return try writeRuntime(printRuntime) }
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
    let text = program.map(Shell.quoted).joined(separator: " ")
    let show = { (p: ImportProgress) in bar.show(p.accesses, of: 0, Self.words(p, clock.now - start)) }
    let result =
      instrument
      ? try InstrumentedRecorder(program, options: options).run(
        output: output, commandText: text, guarding: Interrupt.removes(_:madeBy:),
        processGuard: Interrupt.ends(changedBy:), progress: show)
      : try TraceRecorder(program, options: options, tool: tool).run(
        output: output, commandText: text, guarding: Interrupt.removes(_:madeBy:),
        processGuard: Interrupt.ends(changedBy:), notice: { if !quiet { Console.error($0) } }, progress: show)
    Interrupt.removes(nil)
    bar.end()
    if !quiet { Console.plain(summary(result, output)) }
    if result.hasFailed {
      let content = result.isCut ? "but for its last accesses all" : "all up to there"
      throw Failure(message: "\(name) \(result.end); \(output) is kept: \(content) is in it", status: .failure)
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
    let header = result.header
    return "\(output): \(header.records) records of \(result.accesses) accesses, "
      + "\(header.footprintPages) pages, \(header.fileBytes) bytes"
      + (result.lostAccesses > 0 ? "; \(result.lostAccesses) accesses of signal handlers are not in it" : "")
      + (result.wasStopped ? "; the program was ended at \(maxRecords) records\n" : "\n")
  }

  /// Writes the runtime and prints how to build with it.
  private func writeRuntime(_ folder: String) throws {
    let files = try InstrumentRuntime.write(to: folder)
    let (source, flags) = (Shell.quoted(files.source), Shell.quoted(files.flags))
    try Console.out(
      """
      Compile the program's C and C++ files with clang 16 or later and these flags, and link the runtime into the program:

        clang -O2 -g @\(flags) solver.c \(source) -o solver -lpthread
        clang++ -O2 -g @\(flags) -c solver.cpp
        clang -O2 -c \(source)
        clang++ solver.o pageferry_instrument.o -o solver -lpthread

      Then record it, at near its own speed:

        pageferry trace record --instrument --cache 32KiB:8,1MiB:16 -- ./solver

      Only code that is compiled so is recorded; the same program runs as ever when it is not.

      """)
  }
}
