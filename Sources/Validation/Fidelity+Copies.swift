// The copy side of the original beside the model: which lists would go to DSA, who migrates what is left, what /proc/timer says.

import Migration
import PageCopy
import Simulation
import Sysctl
import Units

extension Fidelity {
  /// Thresholds of the original's two trees: its README, and the last state.
  private static let thresholds = [12, 16]

  /// The concurrent scenario again with DSA on: the model's lists are counted where they are copied.
  mutating func copies(_ folder: ReferenceFolder, machine: String) throws -> String {
    guard let item = Self.tpp.first(where: { $0.reference.hasSuffix("-concur") }) else { return "" }
    let ensemble = try folder.ensemble(item.reference)
    let plain = try model(
      folder.scenario(item.scenario), tree(machine: machine, writes: item.writes), name: item.reference)
    var text = "### \(item.reference): lists, calls and /proc/timer\n\n"
    text +=
      "| lists of migrate_pages_concur that moved something, all runs together | kernel | model | |\n|---|---|---|---|\n"
    let function = "demotion/\(MigrateFunction.migratePagesConcur.name)"
    var kernel: [Int: Int] = [:]
    for run in ensemble.runs {
      for (size, calls) in run.functionLists[function] ?? [:] { kernel[size, default: 0] += calls }
    }
    kernel[0] = nil
    let kernelLists = kernel.values.reduce(0, +)
    let kernelPages = kernel.reduce(0) { $0 + $1.key * $1.value }
    for threshold in Self.thresholds {
      let runs = try model(
        folder.scenario(item.scenario),
        tree(
          machine: machine,
          writes: item.writes + ["vm.dsa_copy_threshold=\(threshold)", "vm.dsa_state=1", "vm.use_dsa_copy_pages=1"]),
        name: "\(item.reference) with DSA from \(threshold) pages on")
      let sizes = (runs.lists["demotion"] ?? [:]).filter { $0.key > 0 }
      let lists = sizes.values.reduce(0, +)
      let pages = sizes.reduce(0) { $0 + $1.key * $1.value }
      let dsa = runs.copies.reduce(into: (calls: 0, pages: 0)) {
        $0.calls += $1.use(of: .dsa).calls
        $0.pages += $1.use(of: .dsa).basePages
      }
      let reaching = kernel.filter { $0.key >= threshold }
      text += row(
        "reach vm.dsa_copy_threshold = \(threshold)", (reaching.values.reduce(0, +), kernelLists), (dsa.calls, lists))
      text += row(
        "their pages", (reaching.reduce(0) { $0 + $1.key * $1.value }, kernelPages), (dsa.pages, pages))
    }
    let calls = { (name: String) in
      ensemble.runs.reduce(0) { $0 + ($1.functionLists["demotion/\(name)"] ?? [:]).values.reduce(0, +) }
    }
    let (own, fallback) = (calls(MigrateFunction.migratePagesConcur.name), calls(MigrateFunction.migratePages.name))
    let modelCalls = plain.calls
    text += row(
      "calls of migrate_pages for what they left", (fallback, own + fallback),
      (modelCalls.fallback, modelCalls.own + modelCalls.fallback))
    text += "\n"
    text +=
      "The model's lists are those that DSA copied in runs with DSA on; the kernel's are counted from the sizes of its calls, since it had "
    text += "no DSA. Shares within 5 points agree.\n\n"
    return text + timer(ensemble, plain)
  }

  private mutating func row(_ what: String, _ kernel: (part: Int, all: Int), _ model: (part: Int, all: Int)) -> String {
    func tenths(_ value: (part: Int, all: Int)) -> Int {
      value.all > 0 ? (value.part * 1000 + value.all / 2) / value.all : 0
    }
    let (a, b) = (tenths(kernel), tenths(model))
    let agrees = abs(a - b) <= 50
    compared += 1
    if agrees { agreed += 1 }
    func cell(_ value: (part: Int, all: Int), _ share: Int) -> String {
      "\(value.part) of \(value.all), \(share / 10).\(share % 10) %"
    }
    return "| \(what) | \(cell(kernel, a)) | \(cell(model, b)) | \(agrees ? "agrees" : "**differs**") |\n"
  }

  /// With both engines off, base pages count in bpage_cnt, once each, and add nothing to the times.
  private mutating func timer(_ ensemble: ReferenceEnsemble, _ runs: ModelRuns) -> String {
    var text = "| /proc/timer, both engines off | kernel min..max | model min..max | |\n|---|---|---|---|\n"
    func add(_ what: String, _ kernel: [Int], _ model: [Int], margin: Int) {
      guard let low = kernel.min(), let high = kernel.max(), let least = model.min(), let most = model.max() else {
        return
      }
      let agrees = least >= low - margin && most <= high + margin
      compared += 1
      if agrees { agreed += 1 }
      text += "| \(what) | \(low)..\(high) | \(least)..\(most) | \(agrees ? "agrees" : "**differs**") |\n"
    }
    let timers = runs.copies.map(\.timer)
    add(
      "bpage_cnt less pgmigrate_success",
      ensemble.runs.map { ($0.timer["bpage_cnt"] ?? 0) - ($0.counters["pgmigrate_success"] ?? 0) },
      zip(timers, runs.values["pgmigrate_success"] ?? []).map { $0.counts.basePages - $1 }, margin: 512)
    add(
      "total_time, ms", ensemble.runs.map { $0.timer["total_time"] ?? 0 },
      timers.map { $0.total / Picoseconds.millisecond }, margin: 0)
    add("last_cnt", ensemble.runs.map { $0.timer["last_cnt"] ?? 0 }, timers.map(\.lastCount), margin: 0)
    add("hpage_cnt", ensemble.runs.map { $0.timer["hpage_cnt"] ?? 0 }, timers.map(\.counts.hugePages), margin: 0)
    return text + "\nThe kernel's bpage_cnt has the copy-on-write faults of the program's start and end besides.\n\n"
  }
}
