// The model beside real kernels, as a page of Markdown: the same patterns, the same start delays, medians compared.

import Foundation
import MemoryModel
import Migration
import Simulation
import Sysctl
import Units
import Workload

/// One scenario to compare.
struct FidelityCase: Sendable {
  /// Name of the runs in the reference, and of the scenario file.
  var reference: String
  var scenario: String
  /// Knob writes after the machine's file, in order.
  var writes: [String]
  var counters: [String]
  /// Whether the shape alone is looked at: the table is there, and its counters are not scored.
  var isShape = false
}

/// One run of the model for a comparison.
public struct FidelityRun {
  /// Scenario and start delay: hot-tail-4k-37ms.
  public var name: String
  public var tree: KnobTree
  public var spec: WorkloadSpec
  public var result: RunResult
}

/// Compares and renders.
public struct Fidelity {
  /// Start delays in ms: those of the reference runs.
  public var delays = Fidelity.referenceDelays
  static let referenceDelays = [0, 37, 113]
  /// Only scenarios of these names; all of them when empty.
  public var only: [String] = []
  /// Folder with the machines (sysctl/machines).
  private let machines: String
  /// Counters that were compared and that agree.
  public internal(set) var agreed = 0
  public internal(set) var compared = 0
  /// Directions (from one CPU to two) that were compared and that agree.
  public private(set) var agreedDirections = 0
  public private(set) var comparedDirections = 0
  /// Scenarios of which the shape alone is shown.
  private var shapes = 0
  /// Counters whose median lies within the kernel's own [min, max].
  public private(set) var within = 0
  /// Called before each run with what is about to run.
  public var onRun: ((String) -> Void)?
  /// Called with each run: its name (scenario and delay), the scenario file, the knobs, and what came of it.
  public var onResult: ((FidelityRun) throws -> Void)?

  public init(machines: String) { self.machines = machines }

  /// Every scenario that the reference ran on one CPU, with the kernel settings it names.
  static func upstream(_ folder: ReferenceFolder) throws -> [FidelityCase] {
    try folder.names.compactMap { name in
      let path = folder.scenario(name)
      guard !name.hasSuffix("cpu"), FileManager.default.fileExists(atPath: path) else { return nil }
      let kernel = try ScenarioFile.parse(path: path) { OracleRun.accessCost($0, spin: $1) }.kernel
      // The multi-generational LRU is not modelled.
      guard (kernel["LRU_GEN"] ?? "0") == "0" else { return nil }
      let huge = kernel["THP"] == "never" ? [] : ["thp_fault_alloc", "thp_fault_fallback", "thp_migration_success"]
      return FidelityCase(
        reference: name, scenario: name, writes: writes(for: kernel),
        counters: [
          "pgdemote_kswapd", "pgpromote_success", "pgpromote_candidate", "numa_pte_updates", "numa_hint_faults",
          "window",
        ] + huge)
    }
  }

  /// Knob writes for the kernel settings of a scenario, in a fixed order.
  static func writes(for kernel: [String: String]) -> [String] {
    let knobs = [
      ("THP", "mm.transparent_hugepage.enabled"), ("THP_DEFRAG", "mm.transparent_hugepage.defrag"),
      ("MIN_FREE_KBYTES", "vm.min_free_kbytes"),
      ("WATERMARK_SCALE", "vm.watermark_scale_factor"), ("DEMOTION", "mm.numa.demotion_enabled"),
      ("SCAN_SIZE_MB", "debug.sched.numa_balancing.scan_size_mb"),
      ("SCAN_MIN_MS", "debug.sched.numa_balancing.scan_period_min_ms"),
      ("HOT_THRESHOLD_MS", "debug.sched.numa_balancing.hot_threshold_ms"),
      ("RATE_LIMIT_MBPS", "kernel.numa_balancing_promote_rate_limit_MBps"),
      ("NUMA_BALANCING", "kernel.numa_balancing"),
    ]
    return knobs.compactMap { setting, knob in kernel[setting].map { "\(knob)=\($0)" } }
  }

  static let tpp: [FidelityCase] = {
    let counters = [
      "pgdemote_kswapd", "pgpromote_candidate", "pgpromote_tried", "numa_pte_updates", "numa_hint_faults",
      "pgmigrate_success", "window",
    ]
    let base = [
      "kernel.rules=tpp2021", "mm.transparent_hugepage.enabled=never", "mm.numa.demotion_enabled=1",
      "kernel.numa_balancing=2",
    ]
    return [
      ("tpp", ["vm.demote_scale_factor=1000"]),
      ("concur", ["vm.demote_scale_factor=1000", "vm.use_concur_to_demote=1"]),
      ("tpp200", ["vm.demote_scale_factor=200"]), ("tppnomark", []),
    ]
    .map { variant, extra in
      FidelityCase(
        reference: "hot-tail-4k-\(variant)", scenario: "hot-tail-4k", writes: base + extra, counters: counters)
    } + fragmented + hugeOnFourCPUs
  }()

  private static let hugeTPP = [
    "kernel.rules=tpp2021", "mm.transparent_hugepage.enabled=always", "mm.transparent_hugepage.defrag=always",
    "mm.numa.demotion_enabled=1", "kernel.numa_balancing=2", "vm.demote_scale_factor=1000",
  ]

  /// Huge pages where TPP's check at the scheduler tick runs. The kernel's runs are free: their times are those of the host, and what
  /// decides where the last pages begin is whether the fill outruns kswapd. So both are read off the run that was kept in full: 300 huge
  /// pages in 1.151 s; 29.5 of them demoted in 0.344 s, from the demotion mark (169.6 huge pages after the start) to the sample at
  /// 1.014 s, whatever part of that was the copy (/proc/timer: 4.8 to 8.1 ms). Of frag-thp no such run was kept.
  private static let hugeOnFourCPUs: [FidelityCase] = {
    let times = ["cost.first_touch_huge=3.83ms", "cost.copy_bandwidth=180MB/s"]
    let concur = ["vm.use_concur_to_demote=1", "vm.use_concur_to_compact=1"]
    let threads = concur + ["vm.cpu_multi_copy_pages=1", "vm.limit_mt_num=4"]
    func shape(_ scenario: String, _ variant: String, _ extra: [String], _ counters: [String]) -> FidelityCase {
      FidelityCase(
        reference: "\(scenario)-\(variant)-4cpu", scenario: scenario, writes: hugeTPP + extra + ["hw.cpus=4"],
        counters: ["thp_fault_alloc", "thp_fault_fallback"] + counters + ["window"], isShape: true)
    }
    let tail = [
      "pgdemote_kswapd", "pgmigrate_success", "thp_migration_success", "numa_huge_pte_updates", "numa_pages_migrated",
    ]
    let fragmented = [
      "compact_stall", "compact_success", "compact_isolated", "pgdemote_kswapd", "pgmigrate_success",
      "numa_pages_migrated",
    ]
    return [("tpp", []), ("concur", concur), ("mt4", threads)].map { shape("hot-tail-thp", $0, $1 + times, tail) }
      + [("tpp", []), ("mt4", threads)].map { shape("frag-thp", $0, $1, fragmented) }
  }()

  /// A fragmented node under huge faults that may compact, and one explicit compaction.
  private static var fragmented: [FidelityCase] {
    [("tpp", []), ("concur", ["vm.use_concur_to_demote=1", "vm.use_concur_to_compact=1"])].map { variant, extra in
      FidelityCase(
        reference: "frag-thp-\(variant)", scenario: "frag-thp",
        writes: hugeTPP + extra,
        counters: [
          "thp_fault_alloc", "thp_fault_fallback", "compact_stall", "compact_success", "compact_isolated",
          "compact_daemon_wake", "pgdemote_kswapd", "pgmigrate_success", "numa_huge_pte_updates",
          "numa_hint_faults", "numa_pages_migrated", "window",
        ])
    }
  }

  /// The part of the page about kernels. Either folder may be absent. What is known to differ, and why, is said only of a whole comparison.
  public mutating func page(upstream: String?, tpp: String?) throws -> String {
    let isWhole = upstream != nil && tpp != nil && only.isEmpty && delays == Fidelity.referenceDelays
    var text = Self.heading(delays: delays)
    var known: [String] = []
    if let upstream {
      let folder = try ReferenceFolder(path: upstream)
      let cases = try Self.upstream(folder)
      known += cases.map(\.reference) + ["hot-tail-4k-2cpu"]
      text += "\n## Linux 6.12.117, booted (`kernel.rules = v6.12`)\n\n"
      for item in cases where isWanted(item.reference) {
        text += try section(item, folder, machine: "oracle-tcg.conf")
      }
      if isWanted("hot-tail-4k-2cpu") && folder.names.contains("hot-tail-4k-2cpu") { text += try twoCPUs(folder) }
    }
    if let tpp {
      let folder = try ReferenceFolder(path: tpp)
      known += Self.tpp.map(\.reference)
      text += "\n## Linux 5.13-rc6 with TPP, booted (`kernel.rules = tpp2021`)\n\n"
      for item in Self.tpp where isWanted(item.reference) {
        text += try section(item, folder, machine: "oracle-tpp.conf")
      }
      if isWanted("hot-tail-4k-concur") { text += try copies(folder, machine: "oracle-tpp.conf") }
    }
    if let unknown = only.first(where: { !known.contains($0) }) {
      throw ReferenceError(
        description: "no scenario is called '\(unknown)'; there are: \(known.sorted().joined(separator: ", "))")
    }
    guard compared + comparedDirections + shapes > 0 else {
      throw ReferenceError(
        description: "there is nothing to compare: no one-CPU scenario of base pages with its scenarios/NAME.json")
    }
    text += "\n**\(verdict)**\n"
    return isWhole ? text + Self.misses : text
  }

  /// What came of it, in a sentence.
  public var verdict: String {
    if compared + comparedDirections == 0 { return "No counter is scored: shapes alone." }
    var text = "\(agreed) of \(compared) counters agree, \(within) within the kernel's own [min, max]"
    if comparedDirections > 0 { text += "; \(agreedDirections) of \(comparedDirections) directions agree" }
    return text + "."
  }

  /// Whether something was compared and nothing differs.
  public var isClean: Bool {
    compared + comparedDirections + shapes > 0 && agreed == compared && agreedDirections == comparedDirections
  }

  private func isWanted(_ name: String) -> Bool { only.isEmpty || only.contains(name) }

  /// Counters of events rather than pages.
  static let events: Set = [
    "thp_fault_alloc", "thp_fault_fallback", "thp_migration_success", "compact_stall", "compact_success",
    "compact_daemon_wake", "numa_huge_pte_updates",
  ]

  // MARK: One scenario

  /// What was run, by name.
  private var finished: [String: ModelRuns] = [:]

  struct ModelRuns {
    var values: [String: [Int]] = [:]
    var lists: [String: [Int: Int]] = [:]
    var copies: [CopySummary] = []
    /// Calls for demotion: of migrate_pages_concur, and of migrate_pages.
    var calls = (own: 0, fallback: 0)
    var faults: [String] = []
    var hashes: [String] = []
    func median(_ name: String) -> Int {
      let sorted = (values[name] ?? [0]).sorted()
      return sorted[sorted.count / 2]
    }
  }

  func tree(machine: String, writes: [String]) throws -> KnobTree {
    var tree = KnobTree.product
    _ = try tree.load(path: "\(machines)/\(machine)")
    for write in writes { try tree.writeAssignment(write, origin: .named("validate")) }
    return tree
  }

  /// The runs of a scenario, done once.
  mutating func model(_ scenario: String, _ tree: KnobTree, name: String) throws -> ModelRuns {
    if let known = finished[name] { return known }
    var runs = ModelRuns()
    for delay in delays {
      onRun?("\(name), started after \(delay) ms")
      let (result, spec) = try OracleRun.run(
        scenario: scenario, tree: tree, startDelay: delay * Picoseconds.millisecond)
      try onResult?(FidelityRun(name: "\(name)-\(delay)ms", tree: tree, spec: spec, result: result))
      for event in VMEvent.allCases { runs.values[event.name, default: []].append(result.memory.vmstat[event]) }
      runs.values["window", default: []].append(OracleRun.lastWindow(result, spec) ?? 0)
      runs.faults += result.faults
      runs.copies.append(result.copy)
      let calls = result.trace.calls[MigrateReason.demotion.rawValue]
      runs.calls.own += calls[MigrateFunction.migratePagesConcur.rawValue]
      runs.calls.fallback += calls[MigrateFunction.migratePages.rawValue]
      runs.hashes = result.tasks[0].phases.filter { $0.accesses > 0 }.map {
        let hex = String($0.accessHash, radix: 16)
        return String(repeating: "0", count: 16 - hex.count) + hex
      }
      for reason in MigrateReason.allCases {
        for (mode, sizes) in zip(MigrateMode.allCases, result.trace.histogram[reason.rawValue]) {
          for (size, calls) in sizes.enumerated() where calls > 0 {
            runs.lists[reason.name, default: [:]][size, default: 0] += calls
            runs.lists["\(reason.name)/\(ReferenceRun.name(of: mode))", default: [:]][size, default: 0] += calls
          }
        }
      }
    }
    finished[name] = runs
    return runs
  }

  private mutating func section(_ item: FidelityCase, _ folder: ReferenceFolder, machine: String) throws -> String {
    let ensemble = try folder.ensemble(item.reference)
    if item.isShape { shapes += 1 }
    let runs = try model(
      folder.scenario(item.scenario), tree(machine: machine, writes: item.writes), name: item.reference)
    var text = "### \(item.reference)\(item.isShape ? ": shape only, not scored" : "")\n\n"
    text += "`-p sysctl/machines/\(machine)` and `\(item.writes.joined(separator: " "))`\n\n"
    text += "| counter | kernel min..max | kernel median | model median | model min..max | |\n"
    text += "|---|---|---|---|---|---|\n"
    for counter in item.counters {
      guard let spread = ensemble.spread(counter) else { continue }
      let median = runs.median(counter)
      let margin = max(spread.median * 15 / 100, 0)
      // Pages may be 512 off; events may not.
      let slack = Self.events.contains(counter) ? 0 : 512
      let agrees =
        (spread.low - margin...spread.high + margin).contains(median)
        || (spread.low - slack...spread.high + slack).contains(median)
      if !item.isShape {
        compared += 1
        if agrees { agreed += 1 }
        if (spread.low...spread.high).contains(median) { within += 1 }
      }
      let values = (runs.values[counter] ?? [0]).sorted()
      text +=
        "| \(counter == "window" ? "last window on node 0" : counter) | \(spread.low)..\(spread.high) | \(spread.median) | \(median) | \(values[0])..\(values[values.count - 1]) | \(agrees ? "agrees" : "**differs**") |\n"
    }
    let sameAccesses = ensemble.runs.allSatisfy { $0.hashes.isEmpty || $0.hashes == runs.hashes }
    text +=
      sameAccesses
      ? "\nThe hashes of the pages accessed are the kernel program's own: \(runs.hashes.joined(separator: ", ")).\n"
      : "\n**The accesses differ: hashes \(runs.hashes.joined(separator: ", ")).**\n"
    text += "\n" + lists(ensemble, runs)
    if !runs.faults.isEmpty { text += "\n**The books do not agree: \(runs.faults[0])**\n" }
    return text + "\n"
  }

  /// List sizes by reason, as shares of all calls of that reason.
  private func lists(_ ensemble: ReferenceEnsemble, _ runs: ModelRuns) -> String {
    let bins: [(String, ClosedRange<Int>)] = [
      ("0", 0...0), ("1", 1...1), ("2-7", 2...7), ("8-15", 8...15), ("16-31", 16...31), ("32", 32...32),
      ("33-511", 33...511), ("512 and more", 512...Int.max),
    ]
    var text = "| calls of migrate_pages | calls a run | " + bins.map(\.0).joined(separator: " | ") + " |\n"
    text += "|---|---|" + String(repeating: "---|", count: bins.count) + "\n"
    let modes = MigrateMode.allCases.map { "compaction/\(ReferenceRun.name(of: $0))" }
    for reason in ["demotion", "numa_misplaced", "compaction"] + modes {
      var kernel: [Int: Int] = [:]
      for run in ensemble.runs { for (size, calls) in run.lists[reason] ?? [:] { kernel[size, default: 0] += calls } }
      // Not every reference tells the modes apart.
      if modes.contains(reason) && kernel.isEmpty { continue }
      for (who, sizes, count) in [
        ("kernel", kernel, ensemble.runs.count), ("model", runs.lists[reason] ?? [:], delays.count),
      ] {
        let total = sizes.values.reduce(0, +)
        guard total > 0 else { continue }
        let shares = bins.map { bin in
          let calls = sizes.filter { bin.1.contains($0.key) }.values.reduce(0, +)
          return calls == 0 ? "" : "\(calls * 1000 / total / 10).\(calls * 1000 / total % 10) %"
        }
        text += "| \(reason), \(who) | \(total / count) | " + shares.joined(separator: " | ") + " |\n"
      }
    }
    return text
  }

  /// On two CPUs only the direction counts.
  private mutating func twoCPUs(_ folder: ReferenceFolder) throws -> String {
    let one = try folder.ensemble("hot-tail-4k")
    let two = try folder.ensemble("hot-tail-4k-2cpu")
    guard let item = try Self.upstream(folder).first(where: { $0.reference == "hot-tail-4k" }) else { return "" }
    let single = try model(
      folder.scenario(item.scenario), tree(machine: "oracle-tcg.conf", writes: item.writes), name: item.reference)
    let double = try model(
      folder.scenario(item.scenario),
      tree(machine: "oracle-tcg.conf", writes: item.writes + ["hw.cpus=2", "cost.first_touch=11.9us"]),
      name: "hot-tail-4k-2cpu")
    var text = "### hot-tail-4k on two CPUs: direction only\n\n"
    text += "| counter | kernel 1 -> 2 CPUs | model 1 -> 2 CPUs | |\n|---|---|---|---|\n"
    for counter in ["pgpromote_success", "pgdemote_kswapd", "pgpromote_candidate", "numa_hint_faults"] {
      guard let a = one.spread(counter), let b = two.spread(counter) else { continue }
      let (x, y) = (single.median(counter), double.median(counter))
      let agrees = (b.median - a.median).signum() == (y - x).signum()
      comparedDirections += 1
      if agrees { agreedDirections += 1 }
      text += "| \(counter) | \(a.median) -> \(b.median) | \(x) -> \(y) | \(agrees ? "agrees" : "**differs**") |\n"
    }
    return text + "\n"
  }
}
