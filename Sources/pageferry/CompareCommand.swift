// pageferry compare.

import ArgumentParser
import Compare
import Foundation
import Report
import Simulation
import Sysctl
import Workload

/// Runs a workload under several profiles and prints one table.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Run a workload under several profiles; print one table with speed-ups and how far costs decide them.",
    discussion: """
      A profile is a set of kernel knobs: a file, or one of the names below. -p and --set say which machine all of them run \
      on; a profile's own knobs are written after them, and those of --set again where the profile changed them. Knobs that a \
      profile does not write are those of -p and --set in all of them.

        tpp             the TPP kernel: pages copied by one CPU
        tpp-dsa         with DSA copying huge pages
        tpp-mt          with several CPUs copying huge pages
        tpp-concur-mt   lists migrated together, copied by several CPUs
        tpp-concur-dsa  lists migrated together, copied by DSA
        all-fast        no migration; the fast node holds everything
        all-slow        no migration; everything has the slow node's latency and bandwidth
        first-touch     no migration; pages stay where they were touched first

      These eight are compared unless --profiles says otherwise; there are also tpp-concur (lists, one CPU), no-migration, \
      tiering-v6.12 and tiering-v7.1.

      Every run is made three times: with the costs as given, and with all costs that nobody measured halved, and doubled \
      (--list-costs). Beside a speed-up stands the range of the three; where they do not say the same, the verdict is \
      'undecided'. --no-ranges leaves this out.

      Examples:
        pageferry compare workloads/demo.yaml -p sysctl/machines/ddr5-cxl-asic.conf
        pageferry compare workloads/zipf.yaml --profiles tpp,tpp-concur-mt --limit-mt-num 2,4,8
        pageferry compare workloads/demo.yaml --profiles a.conf,b.conf --over a --csv > figures.csv
        pageferry compare workloads/demo.yaml -o comparison --set mm.transparent_hugepage.enabled=always

      Exit status: 0, whatever the verdicts; 1 when a run fails; 2 for bad arguments, knobs or workload files.
      """)

  @Argument(help: ArgumentHelp("The workload file.", valueName: "workload.yaml"))
  var workload: String?

  @OptionGroup var knobs: KnobOptions

  @Option(
    help: ArgumentHelp(
      "Profiles with commas: names as above, or files of knobs, which have a / in their name or end in .conf.",
      valueName: "list"))
  var profiles = Profile.standard.joined(separator: ",")

  @Option(
    help: ArgumentHelp(
      "Numbers of copying CPUs with commas: a column for each, in place of tpp-concur-mt.", valueName: "list"))
  var limitMtNum: String?

  @Option(
    help: ArgumentHelp(
      "The profile that speed-ups are over. (default: tpp, or else the first)", valueName: "profile"))
  var over: String?

  @Flag(help: "Run everything once, with the costs as given: no ranges, a third of the time.")
  var noRanges = false

  @Option(
    help: ArgumentHelp(
      "Costs with commas that were measured on your machine: they are neither halved nor doubled.", valueName: "list"))
  var calibrated: String?

  @Flag(help: "List the costs that are halved and doubled, with their values, and run nothing.")
  var listCosts = false

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Runs at a time; each takes the memory of a run. (default: the CPUs)", valueName: "n"))
  var jobs: Int?

  @Flag(help: "Print JSON instead of the table.")
  var json = false

  @Flag(help: "Print CSV instead of the table: one number a line.")
  var csv = false

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Leave the run directory of each run, compare.txt, compare.json and compare.csv in this folder, which must not exist.",
      valueName: "dir"))
  var out: String?

  @Flag(name: .shortAndLong, help: "Show no progress bar.")
  var quiet = false

  func validate() throws {
    if out?.isEmpty == true { throw ValidationError("--out: the name of the folder is empty; name a folder") }
    if let jobs, !(1...1024).contains(jobs) { throw ValidationError("--jobs \(jobs): want 1 to 1024") }
    if json && csv { throw ValidationError("give only one of --json and --csv; -o writes both") }
    if noRanges && calibrated != nil { throw ValidationError("--calibrated is about ranges; leave out --no-ranges") }
    if listCosts == (workload != nil) {
      throw ValidationError(listCosts ? "--list-costs runs no workload" : "name a workload file")
    }
  }

  func run() throws {
    let (base, ignored) = try knobs.tree()
    for warning in ignored { Console.error("\(warning)") }
    guard let workload else { return try printCosts(base) }
    let chosen = try chosenProfiles()
    let prepared: PreparedWorkload
    let spec = try WorkloadFile.parse(path: workload)
    do throws(RunError) { prepared = try PreparedWorkload(spec) } catch {
      throw Failure(message: "\(error)", status: error.kind == .trace ? .failure : .usage)
    }
    let plan = try ComparisonPlan(
      prepared, profiles: chosen, base: base, reference: over, hasRanges: !noRanges, calibrated: words(calibrated))
    for warning in plan.warnings { Console.error(warning) }
    guard let out else { return try finish(try make(plan, keep: nil)) }

    let inputs = try RunInputs(version: Pageferry.versionText, tree: base, spec: prepared.spec)
    let directory = try RunDirectory(.path(out))
    Interrupt.removes(directory.temporary)
    defer { Interrupt.removes(nil) }
    do {
      let folder = directory.temporary
      let comparison = try make(plan) { (run, result, wall) throws(ReportError) in
        var own = inputs
        own.tree = run.tree
        try RunFiles(result, inputs: own).write(toFolder: "\(folder)/\(run.name)", wallSeconds: wall)
      }
      try directory.write("compare.txt", comparison.text)
      try directory.write("compare.json", comparison.json)
      try directory.write("compare.csv", comparison.csv)
      _ = try directory.commit()
      try finish(comparison)
    } catch {
      directory.abandon()
      throw error
    }
  }

  private func make(
    _ plan: ComparisonPlan, keep: (@Sendable (PlannedRun, RunResult, Duration) throws(ReportError) -> Void)?
  ) throws(CompareError) -> Comparison {
    let bar = ProgressBar(plan.workload.spec.name, isQuiet: quiet)
    defer { bar.end() }
    return try plan.run(
      jobs: jobs ?? ProcessInfo.processInfo.activeProcessorCount, version: Pageferry.versionText,
      onProgress: { done, words in bar.show(done, of: plan.runs.count * 1000, words) }, keep: keep)
  }

  private func finish(_ comparison: Comparison) throws {
    try Console.out(json ? comparison.json : csv ? comparison.csv : comparison.text)
    if json || csv { for note in comparison.notes { Console.error("note: \(note)") } }
    let faulty = comparison.profiles.filter { profile in
      CostScale.all.contains { profile[$0]?.faults.isEmpty == false }
    }
    guard let first = faulty.first else { return }
    let fault = CostScale.all.compactMap { first[$0]?.faults.first }.first ?? ""
    throw Failure(
      message: "profile \(first.name): check failed: \(fault); this is a fault of the model, and the numbers of "
        + "\(faulty.map(\.name).joined(separator: ", ")) are not to be trusted", status: .failure)
  }

  private func chosenProfiles() throws(CompareError) -> [Profile] {
    let chosen = try Profile.list(profiles)
    guard let limitMtNum else { return chosen }
    let values = words(limitMtNum).map { Int($0) }
    let numbers = values.compactMap(\.self)
    guard !values.isEmpty, numbers.count == values.count, Set(numbers).count == numbers.count else {
      throw CompareError("--limit-mt-num: '\(limitMtNum)' is no list of numbers", fix: "write each once, as 2,4,8")
    }
    guard chosen.contains(where: { $0.name == "tpp-concur-mt" }) else {
      throw CompareError("--limit-mt-num: tpp-concur-mt is none of the profiles", fix: "add it to --profiles")
    }
    return Profile.expand(chosen, named: "tpp-concur-mt", knob: "vm.limit_mt_num", values: numbers)
  }

  private func words(_ list: String?) -> [String] {
    (list ?? "").split(separator: ",", omittingEmptySubsequences: list?.isEmpty ?? true)
      .map { $0.trimmingCharacters(in: .whitespaces) }
  }

  private func printCosts(_ base: KnobTree) throws {
    try Console.out(CostScale.knobs(base).map { $0.line() + "\n" }.joined())
  }
}
