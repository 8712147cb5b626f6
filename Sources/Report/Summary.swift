// The page a person reads after a run.

import MemoryModel
import Migration
import Simulation
import Units

/// A run in words and small tables, at most 100 columns wide.
public struct Summary {
  let result: RunResult
  let inputs: RunInputs
  /// Steps of the line over time.
  static let steps = 60

  public init(_ result: RunResult, inputs: RunInputs) {
    self.result = result
    self.inputs = inputs
  }

  /// The whole text.
  public var text: String {
    [
      head, time, placement, shapes, stages, hugePages, CopyText(copy: result.copy).table, backing, stalls, accesses,
      notes,
    ]
    .filter {
      !$0.isEmpty
    }.joined(separator: "\n")
  }

  // MARK: Head

  private var head: String {
    let rules = result.memory.rules
    let t = result.totals
    var text = result.workload + (inputs.about.isEmpty ? "" : ": \(inputs.about)") + "\n"
    text += "kernel rules \(rules.rawValue), \(rules.status)\n"
    let beyond = ComparisonScope.beyond(result)
    if !beyond.isEmpty { text += "not compared there: \(beyond.joined(separator: ", "))\n" }
    text += "\n"
    let rate = Decimal.ratio(t.accesses, result.elapsed, times: 1000 * Picoseconds.second / 1_000_000)
    text += "modelled time \(Decimal.span(result.elapsed)) (from 0 to the end of the last task)"
    text += result.isCut ? ", cut off by sim.max_time\n" : "\n"
    text += "accesses      \(Decimal.grouped(t.accesses)) (\(Decimal.percent(t.writes, of: t.accesses)) writes), "
    text += "\(Decimal.fixed(rate, places: 3)) million/s\n"
    text += "footprint     \(Decimal.size(pages: result.footprintPages)), "
    text += "\(Decimal.grouped(result.footprintPages)) pages; fast tier \(Decimal.size(pages: fastPages))\n"
    return text
  }

  private var fastPages: Int {
    let memory = result.memory
    return (0..<memory.zoneCount).filter { memory.isTopTier(memory.zones[$0].node) }
      .reduce(0) { $0 + memory.zones[$1].managed }
  }

  private var backing: String { result.backing.map { BackingText(backing: $0).text } ?? "" }

  // MARK: Time

  private var time: String {
    let (totals, elapsed) = result.totalsWithoutWarmup
    let all = totals.time.reduce(0, +)
    guard all > 0 else { return "" }
    var text = "where the time of all threads went"
    text += result.hasWarmup ? " (warm-up left out: \(Decimal.span(elapsed)) remain)\n" : "\n"
    for use in TimeUse.allCases {
      let spent = totals.time[use.rawValue]
      guard spent > 0 else { continue }
      let bar = String(repeating: "#", count: Decimal.ratio(spent, all, times: 40))
      let line =
        "  \(use.label.left(28))\(Decimal.span(spent).right(11))\(Decimal.percent(spent, of: all).right(9))  \(bar)"
      text += line.trimmedRight + "\n"
    }
    return text
  }

  // MARK: Pages

  private var placement: String {
    let (totals, _) = result.totalsWithoutWarmup
    func v(_ event: VMEvent) -> Int { result.memory.vmstat[event] }
    var text = "fast-tier hit share \(Decimal.percent(totals.fastAccesses, of: totals.accesses)) of all accesses"
    text += result.hasWarmup ? " after warm-up\n" : "\n"
    let line = Sparkline(samples: result.samples, steps: Summary.steps)
    let known = line.permille.compactMap(\.self)
    if let low = known.min(), let high = known.max() {
      text += "  [\(line.text)] over time, \(Decimal.fixed(low, places: 1)) to \(Decimal.fixed(high, places: 1)) %\n"
    }
    let demoted = v(.pgdemote_kswapd) + v(.pgdemote_direct)
    text += "pages demoted  \(Decimal.grouped(demoted).right(12))"
    text +=
      "  by kswapd \(Decimal.grouped(v(.pgdemote_kswapd))), by direct reclaim \(Decimal.grouped(v(.pgdemote_direct)))\n"
    let promoted = result.memory.rules.isTPP ? v(.numa_pages_migrated) : v(.pgpromote_success)
    let candidates = v(.pgpromote_candidate) + v(.pgpromote_candidate_nrl)
    text += "pages promoted \(Decimal.grouped(promoted).right(12))"
    text += "  of \(Decimal.grouped(candidates)) candidates, \(Decimal.grouped(v(.numa_hint_faults))) hint faults\n"
    let passes = result.processes.map { "\($0.name) \($0.scanPasses)" }.joined(separator: ", ")
    text += "NUMA scan passes over each process: \(passes)\n"
    return text
  }

  // MARK: Migrations

  private var shapes: String {
    let shapes = ListShape.all(result.trace)
    guard !shapes.isEmpty else { return "no page was migrated\n" }
    var text = "calls of migrate_pages by base pages moved\n"
    text += "  " + "reason".left(15) + "mode".left(20)
    text += ListShape.bins.map { $0.name.right($0.name == "0" ? 6 : 7) }.joined() + "\n"
    for shape in shapes {
      text += "  " + shape.reason.name.left(15) + shape.mode.name.left(20)
      text += zip(shape.calls, ListShape.bins).map { "\($0)".right($1.name == "0" ? 6 : 7) }.joined() + "\n"
    }
    return text
  }

  private var stages: String {
    let trace = result.trace
    let reasons = MigrateReason.allCases.filter { trace.stageTime[$0.rawValue].contains { $0 > 0 } }
    guard !reasons.isEmpty else { return "" }
    var text = "time of migration by stage\n  " + "reason".left(15)
    text += MigrateStage.allCases.map { $0.name.snakeCase.right(10) }.joined() + "total".right(10) + "\n"
    for reason in reasons {
      let times = trace.stageTime[reason.rawValue]
      text += "  " + reason.name.left(15)
      text += times.map { Decimal.span($0).right(10) }.joined() + Decimal.span(times.reduce(0, +)).right(10) + "\n"
    }
    let all = trace.stageTime.reduce(0) { $0 + $1.reduce(0, +) }
    return text + "  copying is \(Decimal.span(trace.copyTime)), \(Decimal.percent(trace.copyTime, of: all)) of it\n"
  }

  /// What became of 2 MiB pages after their first touch; empty where nothing did.
  private var hugePages: String {
    func v(_ event: VMEvent) -> Int { result.memory.vmstat[event] }
    var lines: [String] = []
    if v(.thp_collapse_alloc) + v(.thp_collapse_alloc_failed) > 0 {
      let time = result.kernelThreads.reduce(0) { $0 + ($1.name == "khugepaged" ? $1.cpuTime : 0) }
      lines.append(
        "khugepaged found a block for \(Decimal.grouped(v(.thp_collapse_alloc))) ranges and none for "
          + "\(Decimal.grouped(v(.thp_collapse_alloc_failed))), and used \(Decimal.span(time)) of CPU time")
    }
    if v(.thp_deferred_split_page) > 0 {
      let left = (0..<result.memory.nodeCount).reduce(0) { $0 + result.memory.deferredSplits(node: $1).partlyMapped }
      lines.append(
        "\(Decimal.grouped(v(.thp_deferred_split_page))) were unmapped in part, \(Decimal.grouped(left)) of them wait to be split; "
          + "\(Decimal.grouped(v(.thp_split_page))) were split")
    }
    return lines.isEmpty ? "" : "huge pages\n" + lines.map { "  \($0)\n" }.joined()
  }

  private var stalls: String {
    guard !result.stalls.isEmpty else { return "" }
    func nanoseconds(_ n: Int) -> String { Decimal.span(n * Picoseconds.nanosecond).right(12) }
    var text =
      "stalls of single accesses" + "count".right(9)
      + ["median", "99 %", "99.9 %", "longest"].map { $0.right(12) }.joined() + "\n"
    for s in result.stalls {
      text += "  " + s.cause.replacing("_", with: " ").left(20) + Decimal.grouped(s.count).right(12)
      text += nanoseconds(s.p50Nanoseconds) + nanoseconds(s.p99Nanoseconds)
      text += nanoseconds(s.p999Nanoseconds) + nanoseconds(s.maxNanoseconds) + "\n"
    }
    return text
  }

  // MARK: Accesses

  /// Edges of the reuse line: name, and the last bin below it.
  private static let reuseEdges = [("1 ms", 4), ("16 ms", 8), ("256 ms", 12), ("4 s", 16)]
  /// Access phases whose hash is printed.
  private static let hashes = 8

  private var accesses: String {
    var text = ""
    let reuse = result.reuse
    let all = reuse.bins.reduce(0, +)
    if all > 0 {
      text += "reuse intervals of one page in 256, by the kernel's clock: "
      text += "\(Decimal.percent(reuse.belowThresholdPermille, of: 1000)) below the hot threshold\n "
      var from = 0
      for (name, last) in Summary.reuseEdges {
        let upTo = reuse.bins.prefix(last + 1).reduce(0, +)
        text += " under \(name) \(Decimal.percent(upTo - from, of: all)),"
        from = upTo
      }
      text += " longer \(Decimal.percent(all - from, of: all))\n"
    }
    let phases = result.tasks.flatMap { task in task.phases.filter { $0.accesses > 0 }.map { (task.name, $0) } }
    for (task, phase) in phases.prefix(Summary.hashes) {
      let what = "\(task), phase \(phase.number), \(phase.label)"
      text += "access hash \(Digest.hexadecimal(phase.accessHash))  \(what.prefix(70))\n"
    }
    if phases.count > Summary.hashes { text += "  and \(phases.count - Summary.hashes) more, in run.json\n" }
    return text
  }

  // MARK: Notes

  private var notes: String {
    var text = ""
    for warning in result.warnings { text += "warning: \(warning)\n" }
    if result.trace.lost > 0 {
      text += "note: trace.txt has the first \(Decimal.grouped(result.trace.records.count)) events, "
      text += "\(Decimal.grouped(result.trace.lost)) more were lost (sim.trace_limit); histograms are complete\n"
    }
    let changed = inputs.tree.changedFromDefault
    if !changed.isEmpty {
      text += "knobs changed from their defaults: \(changed.count) (all in config.sysctl)\n"
    }
    return text
  }
}
