// pageferry copy-model: tables of copies from the model.

import ArgumentParser
import CopyModel
import PageCopy
import Report
import Simulation
import Sysctl
import Units

/// Draws copy experiments from the model.
struct CopyModelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "copy-model",
    abstract: "Tables of page copies by CPUs and DSA: latency, GB/s, CPU time, and from where on DSA wins.",
    discussion: """
      What do copies take on the machine of the knobs, while nothing else runs? Lists are copied by the code that runs use, \
      with the same devices (hw.dsa.config), links and costs (cost.*). Source and destination are node 0 and node 1 unless \
      --from and --to say otherwise. docs/copy-model.md sets the numbers beside published ones.

      Examples:
        pageferry copy-model crossover
        pageferry copy-model orders --to 0 -p sysctl/machines/ddr5-2socket.conf --set cost.copy_bandwidth=8GB/s
        pageferry copy-model lists --list 1h,31b --list 32b --csv
        pageferry copy-model depth --set hw.dsa.config=sysctl/dsa/1-device.conf

      Exit status: 0; 2 for arguments or knobs that no machine has.
      """,
    subcommands: [
      CopyOrdersCommand.self, CopyBatchCommand.self, CopyDepthCommand.self, CopyModesCommand.self,
      CopyListsCommand.self,
      CopyCrossoverCommand.self,
    ])
}

/// Options of all experiments.
struct CopyModelOptions: ParsableArguments {
  @OptionGroup var knobs: KnobOptions

  @Option(help: ArgumentHelp("Node that is copied from.", valueName: "node"))
  var from = 0

  @Option(help: ArgumentHelp("Node that is copied to; it may be the same.", valueName: "node"))
  var to = 1

  @Flag(help: "Print all rows as JSON; units are in the keys.")
  var json = false

  @Flag(help: "Print all rows as CSV; units are in the keys.")
  var csv = false

  func validate() throws {
    if json && csv { throw ValidationError("--json and --csv exclude each other") }
    if from < 0 || to < 0 { throw ValidationError("--from and --to are nodes, from 0 on") }
  }

  /// The machine of the knobs, with room for a list.
  func bench(_ room: PageList = PageList()) throws -> CopyBench {
    let (tree, warnings) = try knobs.tree()
    for warning in warnings { Console.error("warning: \(warning)") }
    return try CopyBench(tree, from: from, to: to, room: room)
  }

  func print(_ report: CopyReport, experiment: String) throws {
    if csv { return try Console.out(report.table.csv) }
    if json { return try Console.out(value(report, experiment).text) }
    let notes = report.notes.map { "note: \($0)\n" }.joined()
    try Console.out(report.text + (notes.isEmpty ? "" : "\n" + notes))
  }

  private func value(_ report: CopyReport, _ experiment: String) -> JSONValue {
    .object([
      ("experiment", .string(experiment)), ("from_node", .integer(from)), ("to_node", .integer(to)),
      ("notes", .list(report.notes.map { .string($0) })),
      ("rows", .list(report.table.rows.map { row($0, report.table) })),
    ])
  }

  private func row(_ cells: [CopyTable.Cell], _ table: CopyTable) -> JSONValue {
    .object(
      zip(table.columns, cells).compactMap { column, cell in
        switch cell {
        case .text(let text): (column.key, .string(text))
        case .integer(let value): (column.key, .integer(value))
        case .none: nil
        }
      })
  }
}

/// `--threads 2,4,8`.
struct ThreadCounts: ExpressibleByArgument {
  var counts: [Int]

  init?(argument: String) {
    let words = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    let counts = words.compactMap { $0 }
    guard counts.count == words.count, counts.allSatisfy({ (1...CopyLimits.workers).contains($0) }) else { return nil }
    self.counts = counts
  }

  init(_ counts: [Int]) { self.counts = counts }

  var defaultValueDescription: String { counts.map { "\($0)" }.joined(separator: ",") }
}

/// Contiguous runs.
struct CopyOrdersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "orders", abstract: "Runs of order 0 to 9, cut into equal slices for 1 to 8 channels, beside one CPU.",
    discussion: """
      A run of 4 KiB to 2 MiB goes in one slice to each channel, as dsa_multi_copy_pages of the original does with a huge page. \
      Channels 0 is one CPU. The last row of the first table is the order from which DSA is faster, for all larger ones.
      """)

  @OptionGroup var options: CopyModelOptions

  func run() throws {
    let room = PageList(base: 1 << Page.hugeOrder)
    try options.print(OrderExperiment(try options.bench(room)).report, experiment: "orders")
  }
}

/// Batches.
struct CopyBatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch", abstract: "2 to 1024 base pages on one channel: rounds of batches, one batch, one CPU.",
    discussion: """
      'list' is the kernel's list copy, in batches of 128 pages at most. 'dedicated' and 'shared' are one batch on a queue of \
      that kind, beyond 128 pages on one that allows it.
      """)

  @OptionGroup var options: CopyModelOptions

  func run() throws {
    let room = PageList(base: BatchExperiment.counts.max() ?? 1)
    try options.print(BatchExperiment(try options.bench(room)).report, experiment: "batch")
  }
}

/// Queue depth.
struct CopyDepthCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "depth",
    abstract: "Single copies of 64 bytes to 2 MiB, 1 to 128 in flight on a dedicated or shared queue.",
    discussion: """
      One CPU keeps so many copies in flight on the first kernel queue and submits the next as soon as it sees a record. The \
      shared queue is the same queue in the other mode.
      """)

  @OptionGroup var options: CopyModelOptions

  func run() throws {
    try options.print(DepthExperiment(try options.bench()).report, experiment: "depth")
  }
}

/// Ways of waiting.
struct CopyModesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "modes",
    abstract: "Waiting by spinning, cond_resched, pause, umwait and interrupts: latency and CPU time.",
    discussion: "vm.limit_chans says over how many channels.")

  @OptionGroup var options: CopyModelOptions

  func run() throws {
    let room = PageList(huge: PageList.workloadB.hugeCount, base: PageList.workloadA.baseCount)
    try options.print(WaitExperiment(try options.bench(room)).report, experiment: "modes")
  }
}

/// Lists.
struct CopyListsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lists",
    abstract: "Lists of huge and base pages by one CPU, several CPUs, and DSA in each of its ways.",
    discussion: """
      cpu: one CPU. mt:N: N CPUs that share the list by items (a huge page counts as one) or by bytes. dsa-raw: the CPU for base \
      pages, all channels for each huge page, one after the other. dsa: the list copy, cut into rounds by slots or as c2 (see \
      copy-plan), the next round awaited or overlapped. vm.limit_chans says over how many channels.
      """)

  @OptionGroup var options: CopyModelOptions

  @Option(
    name: .customLong("list"), parsing: .singleValue,
    help: ArgumentHelp(
      "Pages in order, as 24h,12b, or A or B; may be given several times. (default: A and B)", valueName: "list"))
  var texts: [String] = []

  @Option(help: ArgumentHelp("CPUs that copy together, 1 to \(CopyLimits.workers).", valueName: "n,..."))
  var threads = ThreadCounts([2, 4, 8])

  /// Base pages of the longest list that is copied: 1 GiB.
  private static let mostPages = 1 << 18

  func run() throws {
    var lists: [(name: String, list: PageList)] = []
    var room = (huge: 0, base: 0)
    for text in texts.isEmpty ? ["A", "B"] : texts {
      guard let list = PageList(text: text), !list.isEmpty, list.weight <= Self.mostPages else {
        let most = ByteSize.text(Self.mostPages << Page.shift)
        throw ValidationError(
          "--list: '\(text)' is no list; write A, B, or runs as 24h,12b, of 1 page to \(most)")
      }
      lists.append((text, list))
      room = (max(room.huge, list.hugeCount), max(room.base, list.baseCount))
    }
    let bench = try options.bench(PageList(huge: room.huge, base: room.base))
    try options.print(
      ListExperiment(bench, lists: lists, threads: threads.counts).report, experiment: "lists")
  }
}

/// Break-even.
struct CopyCrossoverCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "crossover", abstract: "From which list on DSA beats 1 to 16 CPU threads, by channels.",
    discussion: """
      Every list of 1 to --limit base pages, of one huge page and as many base pages, and of 1 to \
      \(CrossoverExperiment.mostHuge) huge pages is copied in each way. The answer is the smallest weight from which DSA wins \
      at every larger one up to the limit; where it wins at smaller ones too, and where it wins but not up to the limit, \
      the table says at how many.
      """)

  @OptionGroup var options: CopyModelOptions

  @Option(help: ArgumentHelp("Most base pages of a list, 1 to 4096.", valueName: "pages"))
  var limit = 512

  @Option(help: ArgumentHelp("CPUs that copy together, 1 to \(CopyLimits.workers).", valueName: "n,..."))
  var threads = ThreadCounts(CrossoverExperiment.threads)

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  func validate() throws {
    guard (1...4096).contains(limit) else { throw ValidationError("--limit is 1 to 4096 pages") }
  }

  func run() throws {
    let bench = try options.bench(PageList(huge: CrossoverExperiment.mostHuge, base: limit))
    let bar = ProgressBar("crossover", isQuiet: quiet)
    let experiment = try CrossoverExperiment(bench, limit: limit, threads: threads.counts) { done, total in
      bar.show(done, of: total, "\(done) of \(total) lists")
    }
    bar.end()
    try options.print(experiment.report, experiment: "crossover")
  }
}
