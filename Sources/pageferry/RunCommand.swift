// pageferry run.

import ArgumentParser
import HostMemory
import Report
import Simulation
import Sysctl
import Workload

/// Runs a workload and leaves a run directory.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a workload under a set of knobs; print a summary and leave a run directory.",
    discussion: """
      The workload file says what tasks do (docs/workload-files.md). A configuration of masim is one as it is: its name \
      ends in .cfg, or its first line is 'NAME, NUMBER'. Knobs say which machine and kernel they run on: \
      'pageferry sysctl -a --long' lists them all. -p and --set apply in the order given, each write after the one \
      before it, as a shell would write to /proc/sys.

      Examples:
        pageferry run workloads/demo.yaml -p sysctl/profiles/tiering-v6.12.conf
        pageferry run workloads/zipf.yaml -p sysctl/machines/ddr5-cxl-asic.conf \\
          -p sysctl/profiles/tiering-v6.12.conf --set hw.node0.size=10%
        pageferry run workloads/moving.cfg --set hw.node0.size=16M
        pageferry run workloads/quick.yaml --set sim.start_delay=37ms --out later --json
        pageferry run workloads/demo.yaml -p sysctl/profiles/tpp.conf --timeline 1.2s:1.21s
        pageferry run workloads/quick.yaml -p sysctl/profiles/tpp-dsa.conf --backing real

      The run directory has config.sysctl (every knob; give it to -p to run the same again), run.json, vmstat.csv, \
      trace.txt and host.json; with --timeline also timeline.json (docs/timeline.md). Equal inputs give equal bytes in all \
      of them but host.json. With --backing real there is also copies-measured.csv: modelled and measured times of each copy, \
      this machine's like host.json; with clock.copy=measured no file is the same again.
      """)

  @Argument(help: ArgumentHelp("The workload file.", valueName: "workload.yaml"))
  var workload: String

  @OptionGroup var knobs: KnobOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The run directory, which must not exist. (default: runs/<workload>-<n>)", valueName: "dir"))
  var out: String?

  @Flag(help: "Print run.json instead of the summary.")
  var json = false

  @Flag(name: .shortAndLong, help: "Print nothing but warnings and errors.")
  var quiet = false

  @Flag(help: "Add zoneinfo to the run directory: the zones at the end, as in /proc/zoneinfo.")
  var zoneinfo = false

  @OptionGroup var timeline: TimelineOptions

  @OptionGroup var backing: BackingOptions

  func validate() throws {
    if out?.isEmpty == true { throw ValidationError("--out: the name of the run directory is empty; name a directory") }
  }

  func run() throws {
    let (tree, ignored) = try knobs.tree()
    for warning in ignored { Console.error("\(warning)") }
    let spec = try WorkloadFile.parse(path: workload)
    let simulation: Simulation
    let reservation: HugePageReservation?
    do throws(RunError) {
      (simulation, reservation) = try backing.simulation(
        { real throws(RunError) in try Simulation(spec, tree: tree, backing: real) }, tree: tree)
    } catch {
      throw Failure(message: "\(error)", status: [.trace, .host].contains(error.kind) ? .failure : .usage)
    }
    defer { if let left = reservation?.release() { Console.error(left) } }
    simulation.timeline = try timeline.timeline()
    // After the traces were opened: an error there names the workload's line.
    let inputs = try RunInputs(version: Pageferry.versionText, tree: tree, spec: spec)

    let directory = try RunDirectory(
      out.map { .path($0) } ?? .numbered(folder: "runs", name: spec.name))
    Interrupt.removes(directory.temporary)
    defer { Interrupt.removes(nil) }
    do {
      try finish(simulation, inputs, directory)
    } catch {
      directory.abandon()
      throw error
    }
  }

  private func finish(_ simulation: Simulation, _ inputs: RunInputs, _ directory: RunDirectory) throws {
    let bar = ProgressBar(simulation.spec.name, isQuiet: quiet)
    simulation.onProgress = { time, done, total in
      bar.show(done, of: total, "modelled time \(time / 1_000_000_000) ms")
    }
    let clock = ContinuousClock()
    let start = clock.now
    defer { bar.end() }
    let result = try simulation.run()
    bar.end()
    let files = RunFiles(result, inputs: inputs, zoneinfo: zoneinfo)
    let path = try files.write(to: directory, wallSeconds: clock.now - start)
    if json {
      try Console.out(files.json)
    } else if !quiet {
      try Console.out(Summary(result, inputs: inputs).text + "\nrun directory: \(path)\n")
    }
    if json || quiet { for warning in result.warnings { Console.error("warning: \(warning)") } }
    if json || quiet { for remark in result.backing?.remarks ?? [] { Console.error("note: \(remark)") } }
    guard result.faults.isEmpty else { throw faults(result, path) }
  }

  /// The model's books do not agree: what is wrong, and how to see it again.
  private func faults(_ result: RunResult, _ path: String) -> Failure {
    let faults = result.faults
    for fault in faults.prefix(20) { Console.error("check failed: \(fault)") }
    if faults.count > 20 { Console.error("and \(faults.count - 20) more, in \(path)/run.json") }
    if let backing = result.backing, backing.wrong > 0 {
      return Failure(
        message:
          "\(backing.wrong) \(backing.wrong == 1 ? "page of real memory has" : "pages of real memory have") wrong bytes: a copy lost content; \(path)/host.json says who copied",
        status: .failure)
    }
    return Failure(
      message: "this is a fault of the model, its numbers are not to be trusted; to see it again: "
        + "pageferry run \(Shell.quoted(workload)) -p \(Shell.quoted(path))/config.sysctl", status: .failure)
  }
}

/// Words for a shell.
enum Shell {
  /// The word, in single quotes when it needs them.
  static func quoted(_ word: String) -> String {
    let isPlain = word.unicodeScalars.allSatisfy {
      "/._-+=,:@%".unicodeScalars.contains($0) || $0.properties.isAlphabetic || ("0"..."9").contains($0)
    }
    return isPlain && !word.isEmpty ? word : "'" + word.replacing("'", with: "'\\''") + "'"
  }
}
