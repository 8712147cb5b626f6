// The table that people read: a column for each profile, a row for each figure.

import Migration
import PageCopy
import Report
import Units

extension Comparison {
  /// Columns beside each other; further ones stand in a table below, behind the reference once more.
  static let widest = 8

  /// The whole text.
  public var text: String {
    var text = workload + (about.isEmpty ? "" : ": \(about)") + "\n"
    text +=
      "footprint \(Decimal.size(pages: footprintPages)), \(Decimal.grouped(footprintPages)) pages; times are modelled\n"
    for group in groups { text += "\n" + table(group) }
    text += "\n" + explanation
    for note in notes { text += "note: \(note)\n" }
    for (warning, names) in warnings { text += "warning (\(names.joined(separator: ", "))): \(warning)\n" }
    return text
  }

  /// Profiles by table.
  private var groups: [[ComparedProfile]] {
    guard profiles.count > Comparison.widest else { return [profiles] }
    let base = profiles.filter { $0.name == reference }
    let others = profiles.filter { $0.name != reference }
    let step = Comparison.widest - 1
    return stride(from: 0, to: others.count, by: step).map { base + others[$0..<min($0 + step, others.count)] }
  }

  private func table(_ profiles: [ComparedProfile]) -> String {
    var table = TextTable(columns: profiles.map(\.name))
    addTimes(to: &table, profiles)
    addPages(to: &table, profiles)
    addCopies(to: &table, profiles)
    addStalls(to: &table, profiles)
    return table.text
  }

  private var explanation: String {
    let band = "\(Decimal.fixed(Speedup.band / 1000, places: 1)) %"
    var text = "speed-up over \(reference), by \(basis == .time ? "time" : "accesses a second")"
    text += profiles.contains { $0.given.hasWarmup } ? " without warm-up; " : "; "
    text += "within \(band) is 'same'\n"
    guard !uncalibratedCosts.isEmpty else { return text }
    text +=
      "its range: the same with all \(uncalibratedCosts.count) uncalibrated costs (--list-costs) halved, and doubled; "
    return text + "undecided: the three do not say the same\n"
  }

  /// Warnings of runs with the profiles that have them.
  private var warnings: [(String, [String])] {
    var all: [(String, [String])] = []
    for profile in profiles {
      for warning in profile.given.warnings {
        if let at = all.firstIndex(where: { $0.0 == warning }) {
          all[at].1.append(profile.name)
        } else {
          all.append((warning, [profile.name]))
        }
      }
    }
    return all
  }

  // MARK: Time

  private func addTimes(to table: inout TextTable, _ profiles: [ComparedProfile]) {
    table.add("run time", profiles) { Decimal.span($0.given.elapsedPs) }
    if profiles.contains(where: \.given.hasWarmup) {
      table.add("  without warm-up", profiles) { Decimal.span($0.given.measuredPs) }
    }
    for (task, phase, label) in phases(profiles) {
      table.add("  \(label)", profiles) { profile in
        profile.given.tasks.first { $0.name == task }?.phases.first { $0.number == phase }
          .map { Decimal.span($0.elapsedPs) } ?? "-"
      }
    }
    for (index, task) in (profiles.first?.given.tasks ?? []).enumerated() {
      for (number, section) in task.sections.enumerated() where task.sections.count > 1 && section.bytes > 0 {
        table.add("  \(section.name), bandwidth", profiles) { profile in
          let sections = profile.given.tasks[index].sections
          guard number < sections.count else { return "-" }
          // 10 MB/s are two decimals of a GB/s.
          let rate = Decimal.ratio(sections[number].bytes, sections[number].elapsedPs, times: .second / 10_000_000)
          return Decimal.fixed(rate, places: 2) + " GB/s"
        }
      }
    }
    table.add("speed-up over \(reference)", profiles) { Comparison.times($0.speedup?.millionths) }
    if profiles.contains(where: { $0.speedup?.range != nil }) {
      table.add("  least of its range", profiles) { Comparison.times($0.speedup?.range?.lowerBound) }
      table.add("  greatest of its range", profiles) { Comparison.times($0.speedup?.range?.upperBound) }
    }
    table.add("  verdict", profiles) { $0.speedup?.verdict.rawValue ?? "-" }
    table.add("fast-memory accesses", profiles) { Decimal.percent($0.given.fastAccesses, of: $0.given.accesses) }
  }

  /// Phases that took time in some run.
  private func phases(_ profiles: [ComparedProfile]) -> [(task: String, phase: Int, label: String)] {
    var found: [(task: String, phase: Int, label: String)] = []
    guard let first = profiles.first else { return [] }
    let many = first.given.tasks.count > 1
    for (index, task) in first.given.tasks.enumerated() {
      for phase in task.phases {
        let took = profiles.contains { profile in
          profile.given.tasks[index].phases.contains { $0.number == phase.number && $0.elapsedPs > 0 }
        }
        guard took else { continue }
        found.append(
          (task.name, phase.number, (many ? "\(task.name), " : "") + "phase \(phase.number), \(phase.label)"))
      }
    }
    return found
  }

  private static func times(_ millionths: Int?) -> String {
    guard let millionths else { return "-" }
    // Three decimals, rounded to nearest.
    return Decimal.fixed((millionths + 500) / 1000, places: 3) + "x"
  }

  // MARK: Pages

  private func addPages(to table: inout TextTable, _ profiles: [ComparedProfile]) {
    let reasons = MigrateReason.allCases.map(\.name).filter { reason in
      profiles.contains { $0.given.migrations.contains { $0.reason == reason } }
    }
    table.heading("pages moved")
    for reason in reasons {
      func figures(_ profile: ComparedProfile) -> MigrationFigures? {
        profile.given.migrations.first { $0.reason == reason }
      }
      table.add("  \(reason), of 4 KiB", profiles) { Decimal.grouped(figures($0)?.basePages ?? 0) }
      table.add("  \(reason), of 2 MiB", profiles) { Decimal.grouped(figures($0)?.hugePages ?? 0) }
    }
    guard !reasons.isEmpty else { return table.add("  any", profiles) { _ in "0" } }
    table.add("migration time", profiles) { Decimal.span($0.given.migrationPs) }
    for stage in MigrateStage.allCases {
      table.add("  \(stage.name.snakeCase)", profiles) { Decimal.span($0.given.stagesPs[stage.rawValue]) }
    }
  }

  // MARK: Copies

  private func addCopies(to table: inout TextTable, _ profiles: [ComparedProfile]) {
    guard profiles.contains(where: { $0.given.copy.bytes > 0 }) else { return }
    table.add("copy time (the stage 'copy')", profiles) { Decimal.span($0.given.copy.elapsedPs) }
    table.add("  CPU time of copying", profiles) { Decimal.span($0.given.copy.cpuPs) }
    table.add("  rate", profiles) { profile in
      profile.given.copy.bytesPerSecond.map { Decimal.fixed(($0 + 5_000_000) / 10_000_000, places: 2) + " GB/s" } ?? "-"
    }
    for (index, method) in CopyMethod.allCases.enumerated() {
      table.add("  copied by \(method.label)", profiles) { profile in
        let engines = profile.given.copy.engines
        return index < engines.count ? Decimal.size(pages: engines[index].bytes >> Page.shift) : "-"
      }
    }
    guard profiles.contains(where: { !$0.given.copy.devices.isEmpty }) else { return }
    table.add("  DSA devices in use", profiles) { profile in
      profile.given.copy.devices.isEmpty ? "-" : "\(profile.given.copy.devicesInUse.count)"
    }
    table.add("  busy time of each, mean", profiles) { profile in
      let devices = profile.given.copy.devicesInUse
      return devices.isEmpty ? "-" : Decimal.span(devices.reduce(0) { $0 + $1.busyPs } / devices.count)
    }
    table.add("  busy share of each, mean", profiles) { $0.given.meanDeviceShare }
  }

  // MARK: Stalls

  private func addStalls(to table: inout TextTable, _ profiles: [ComparedProfile]) {
    var causes: [String] = []
    for profile in profiles {
      for stall in profile.given.stalls where !causes.contains(stall.cause) { causes.append(stall.cause) }
    }
    for cause in causes {
      func row(_ label: String, _ value: (StallFigures) -> String) {
        table.add(label, profiles) { profile in
          profile.given.stalls.first { $0.cause == cause }.map(value) ?? "-"
        }
      }
      func span(_ nanoseconds: Int) -> String { Decimal.span(nanoseconds * Picoseconds.nanosecond) }
      row("stalls, \(cause.replacing("_", with: " "))") { Decimal.grouped($0.count) }
      row("  p50") { span($0.p50Ns) }
      row("  p99") { span($0.p99Ns) }
      row("  p99.9") { span($0.p999Ns) }
      row("  worst") { span($0.maxNs) }
    }
  }
}

extension RunSummary {
  /// The part of the run that a device was busy, mean of those in use; a dash without any.
  var meanDeviceShare: String {
    let devices = copy.devicesInUse
    guard !devices.isEmpty else { return "-" }
    return Decimal.fixed(devices.reduce(0) { $0 + $1.busyMillionths } / devices.count / 10, places: 3) + " %"
  }
}

extension CopyMethod {
  /// A word or two for people.
  var label: String {
    switch self {
    case .cpu: "one CPU"
    case .workers: "several CPUs"
    case .dsa: "DSA"
    }
  }
}
