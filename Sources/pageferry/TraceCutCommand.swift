// pageferry trace cut.

import ArgumentParser
import Trace

/// Writes a part of a trace as a trace.
struct TraceCutCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cut",
    abstract: "Write a part of a trace as a trace: by work, time, threads, addresses, or its first or last records.",
    discussion: """
      Kept is what lies in all the ranges. Work is what 'trace info' calls so, mostly instructions, counted from the \
      trace's start for each thread by itself. The work of what is left out goes to the thread's next record, so that \
      time between records stays; work before --from, or before the last records, is dropped.

      Examples:
        pageferry trace cut sort.pft -o steady.pft --from 100000000 --to 300000000
        pageferry trace cut server.pft -o workers.pft --threads 1-8
        pageferry trace cut damon.pft -o minute.pft --from-time 60s --to-time 120s
        pageferry trace cut sort.pft -o heap.pft --addresses 0x4000000-0x5ffffff
        pageferry trace cut sort.pft -o small.pft --first 100000
        pageferry trace cut --lenient damaged.pft -o rest.pft
      """)

  @Argument(help: ArgumentHelp("The trace.", valueName: "in"))
  var input: String

  @Option(name: .shortAndLong, help: ArgumentHelp("The trace to write.", valueName: "file"))
  var output: String

  @Option(help: ArgumentHelp("Keep records from this work on.", valueName: "work"))
  var from: UInt64?

  @Option(help: ArgumentHelp("Keep records before this work.", valueName: "work"))
  var to: UInt64?

  @Option(help: ArgumentHelp("Keep records from this time on, since the trace's first time stamp.", valueName: "time"))
  var fromTime: String?

  @Option(help: ArgumentHelp("Keep records before this time, likewise.", valueName: "time"))
  var toTime: String?

  @Option(help: ArgumentHelp("Keep these processes, as in 0,2-5.", valueName: "numbers"))
  var processes: String?

  @Option(help: ArgumentHelp("Keep these threads, as in 0,2-5.", valueName: "numbers"))
  var threads: String?

  @Option(help: ArgumentHelp("Keep records that begin in these addresses, ends included.", valueName: "0xa-0xb,..."))
  var addresses: String?

  @Option(help: ArgumentHelp("Keep only the first records of what the ranges keep.", valueName: "count"))
  var first: Int?

  @Option(help: ArgumentHelp("Keep only the last records of what the ranges keep.", valueName: "count"))
  var last: Int?

  @Flag(help: "Leave out blocks of the input that are damaged, up to 65,536 records each, and count them.")
  var lenient = false

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  func run() throws {
    var selection = TraceSelection()
    selection.from = from
    selection.to = to
    if let fromTime { selection.fromTime = try TraceSelection.time(fromTime) }
    if let toTime { selection.toTime = try TraceSelection.time(toTime) }
    if let processes { selection.processes = try TraceSelection.numbers(processes, of: "processes") }
    if let threads { selection.threads = try TraceSelection.numbers(threads, of: "threads") }
    if let addresses { selection.addresses = try TraceSelection.addresses(addresses) }
    selection.first = first
    selection.last = last
    let bar = ProgressBar("cut", isQuiet: quiet)
    defer { bar.end() }
    defer { Interrupt.removes(nil) }
    var cutter = TraceCutter(selection)
    cutter.isLenient = lenient
    let header = try cutter.run(
      input: input, output: output, guarding: Interrupt.removes(_:madeBy:),
      progress: { done, total in bar.show(done, of: total, "\(done) records") },
      lost: { blocks, records, first in
        Console.error("warning: \(records) records in \(blocks) damaged blocks were left out; the first: \(first)")
      })
    bar.end()
    if quiet { return }
    try Console.out(
      "\(output): \(header.records) records of \(header.accesses) accesses, \(header.footprintPages) pages, "
        + "\(header.fileBytes) bytes\n")
  }
}
