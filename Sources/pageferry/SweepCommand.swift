// pageferry sweep: runs every combination of values.

import ArgumentParser
import Foundation
import Report
import Simulation
import Sweep
import Sysctl
import Workload

/// `pageferry sweep`.
struct SweepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Run a workload with every combination of knob values; keep the results in an SQLite file.",
    discussion: """
      pageferry sweep WORKLOAD --vary KNOB=VALUES ... --out FILE.sqlite runs; the other forms read FILE. \
      'pageferry sweep run --help' has the options and how values are written.

      Examples:
        pageferry sweep workloads/quick.yaml --vary hw.node0.size=16M:48M:+16M --vary sim.time_scale=10,100 \\
          -p sysctl/profiles/tiering-v6.12.conf --seeds 3 --out quick.sqlite
        pageferry sweep show quick.sqlite
        pageferry sweep plot quick.sqlite -o quick.svg
        pageferry sweep export quick.sqlite --csv > quick.csv

      docs/sweep.md has the tables and columns of the file.
      """,
    subcommands: [SweepRunCommand.self, SweepShowCommand.self, SweepPlotCommand.self, SweepExportCommand.self],
    defaultSubcommand: SweepRunCommand.self)
}

/// `pageferry sweep WORKLOAD`.
struct SweepRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run what the file does not have yet. 'run' may be left out.",
    discussion: """
      VALUES are values with commas, and ranges among them: 4:64:*2 is 4, 8, 16, 32, 64, and 4:16:+4 is 4, 8, 12, 16. Sizes, \
      times and shares are written as for --set: 8M:64M:*2, 10%:50%:+10%, 1us:16us:*2. Names and ranges of knobs are checked before \
      anything runs.

      Knobs are written in this order: -p and --set as they stand, then each --vary in the order given. Where the order matters, one value \
      is enough for a --vary:

        pageferry sweep workloads/quick.yaml -p sysctl/profiles/tpp.conf --set vm.use_concur_to_demote=1 \\
          --vary vm.limit_chans=1,2,4,8 --vary vm.dsa_copy_threshold=1,2,4:64:*2 --vary vm.dsa_state=1 \\
          --vary vm.use_dsa_copy_pages=1 --out channels.sqlite

      A combination that is refused, or whose run fails, is a row with its error; the others go on.

      --seeds N makes N runs of each combination: run 0 as given; run k with k more in sim.seed and sim.workload_seed (other draws of the \
      workload's random patterns; a trace has none) and 37 ms times k more in sim.start_delay, which no time in the file counts.

      Stopped in any way, by Ctrl-C, kill -9 or a power cut, a sweep has lost its running cells at most: the same command goes on. With more values it \
      runs only what is new. A changed workload or trace, other knobs in -p and --set, or another version or build of pageferry make another sweep \
      in the same file. Several calls may write one file at once: they share the cells.

      Exit status: 0 when every cell has a result; 1 when some failed, or the file cannot be written; 2 for bad arguments, knobs or \
      workload files.
      """)

  @Argument(help: ArgumentHelp("The workload file.", valueName: "workload.yaml"))
  var workload: String

  @OptionGroup var knobs: KnobOptions

  @Option(help: ArgumentHelp("A knob and its values; once for each knob.", valueName: "knob=values"))
  var vary: [String] = []

  @Option(help: ArgumentHelp("Runs of each combination, 1 to \(SweepPlan.mostSeeds).", valueName: "n"))
  var seeds = 1

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The file of results; it is made, or added to.", valueName: "file.sqlite"))
  var out: String

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Runs at a time; each takes the memory of a run. (default: the CPUs)", valueName: "n"))
  var jobs: Int?

  @Flag(help: "Run cells again that are in the file without a result.")
  var retryFailed = false

  @Flag(help: "Print what was done as JSON.")
  var json = false

  @Flag(name: .shortAndLong, help: "Show no progress bar, and print nothing but errors.")
  var quiet = false

  func validate() throws {
    if out.isEmpty { throw ValidationError("--out: the name of the file is empty; name a file") }
    if let jobs, !(1...1024).contains(jobs) { throw ValidationError("--jobs \(jobs): want 1 to 1024") }
  }

  func run() throws {
    let (base, ignored) = try knobs.tree()
    for warning in ignored { Console.error("\(warning)") }
    let axes = try SweepAxis.list(vary, tree: base)
    let spec = try WorkloadFile.parse(path: workload)
    let prepared: PreparedWorkload
    do throws(RunError) { prepared = try PreparedWorkload(spec) } catch {
      throw Failure(message: "\(error)", status: error.kind == .trace ? .failure : .usage)
    }
    let inputs = try RunInputs(version: Pageferry.versionText, tree: base, spec: spec)
    let plan = try SweepPlan(prepared, inputs: inputs, axes: axes, seeds: seeds, build: try ProgramBuild.text())
    let file = try SweepFile(writing: out)
    let unused = try file.cellsOfOtherBuilds(plan)
    if unused > 0 {
      Console.error(
        "note: \(out) has \(unused) cells of this sweep by another build of pageferry \(Pageferry.versionText), or with another "
          + "hw.dsa.config; they stay, and are not used")
    }
    let bar = ProgressBar(prepared.spec.name, isQuiet: quiet)
    defer { bar.end() }
    let outcome = try plan.run(
      into: file, jobs: jobs ?? ProcessInfo.processInfo.activeProcessorCount, retriesFailed: retryFailed,
      onProgress: { done, total, words in bar.show(done, of: total, words) })
    bar.end()
    if json {
      try Console.out(text(outcome))
    } else if !quiet {
      let shared = outcome.others > 0 ? "\(outcome.others) by other calls meanwhile; " : ""
      try Console.out(
        "\(outcome.cells) cells: \(outcome.made) run, \(outcome.known) in \(out) before; \(shared)"
          + "pageferry sweep show \(Shell.quoted(out))\n")
    }
    guard outcome.failed > 0 else { return }
    throw Failure(
      message: "\(outcome.failed) of \(outcome.cells) cells have no result; the first: \(outcome.firstError ?? "")",
      status: .failure)
  }

  private func text(_ outcome: SweepOutcome) -> String {
    JSONValue.object([
      ("cells", .integer(outcome.cells)), ("made", .integer(outcome.made)), ("known", .integer(outcome.known)),
      ("made_by_others", .integer(outcome.others)), ("failed", .integer(outcome.failed)), ("file", .string(out)),
    ]).text
  }
}
