// A comparison for programs: JSON, and CSV of one figure a line.

import Foundation
import Migration
import Report

extension Comparison {
  /// JSON: integers with their unit in the key, keys in the order of the alphabet. Nothing in it depends on the host.
  public var json: String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // Integers, texts and lists of them: nothing that JSON cannot hold.
    guard let data = try? encoder.encode(self), let text = String(data: data, encoding: .utf8) else { return "{}\n" }
    return text + "\n"
  }

  /// CSV under `profile,costs,figure,unit,value`: every number of `json`, a line each.
  public var csv: String {
    var text = "profile,costs,figure,unit,value\n"
    for profile in profiles {
      func line(_ costs: String, _ figure: Figure) {
        text +=
          [profile.name, costs, figure.name, figure.unit, figure.value].map(Comparison.field).joined(separator: ",")
          + "\n"
      }
      for scale in CostScale.all {
        guard let run = profile[scale] else { continue }
        for figure in run.figures { line(scale.rawValue, figure) }
      }
      guard let speedup = profile.speedup else { continue }
      line(CostScale.given.rawValue, Figure("speedup", "millionths", speedup.millionths))
      if let value = speedup.halvedMillionths {
        line(CostScale.halved.rawValue, Figure("speedup", "millionths", value))
      }
      if let value = speedup.doubledMillionths {
        line(CostScale.doubled.rawValue, Figure("speedup", "millionths", value))
      }
      line("all", Figure("verdict", "", speedup.verdict.rawValue))
    }
    return text
  }

  /// RFC 4180: quoted where it has to be.
  package static func field(_ text: String) -> String {
    text.contains { $0 == "," || $0 == "\"" || $0.isNewline } ? "\"\(text.replacing("\"", with: "\"\""))\"" : text
  }
}

/// One number of a run.
struct Figure: Equatable {
  var name: String
  var unit: String
  var value: String

  init(_ name: String, _ unit: String, _ value: Int) { self.init(name, unit, String(value)) }

  init(_ name: String, _ unit: String, _ value: String) {
    self.name = name
    self.unit = unit
    self.value = value
  }
}

extension RunSummary {
  /// Every number, in a fixed order.
  var figures: [Figure] {
    var all = [
      Figure("elapsed", "ps", elapsedPs), Figure("measured", "ps", measuredPs),
      Figure("is_cut_off", "0 or 1", isCutOff ? 1 : 0), Figure("footprint", "pages", footprintPages),
      Figure("accesses", "accesses", accesses), Figure("fast_accesses", "accesses", fastAccesses),
      Figure("measured_accesses", "accesses", measuredAccesses), Figure("kswapd", "ps", kswapdPs),
      Figure("cpu_busy", "ps", cpuBusyPs), Figure("migration/time", "ps", migrationPs),
    ]
    for task in tasks {
      all.append(Figure("task/\(task.name)/end", "ps", task.endPs))
      all.append(Figure("task/\(task.name)/accesses", "accesses", task.accesses))
      for phase in task.phases {
        let name = "task/\(task.name)/phase/\(phase.number)"
        all.append(Figure("\(name)/elapsed", "ps", phase.elapsedPs))
        all.append(Figure("\(name)/runs", "runs", phase.runs))
        all.append(Figure("\(name)/accesses", "accesses", phase.accesses))
      }
      for (number, section) in task.sections.enumerated() {
        let name = "task/\(task.name)/section/\(number + 1).\(section.name)"
        all.append(Figure("\(name)/elapsed", "ps", section.elapsedPs))
        all.append(Figure("\(name)/accesses", "accesses", section.accesses))
        all.append(Figure("\(name)/bytes", "bytes", section.bytes))
      }
    }
    for m in migrations {
      let name = "migration/\(m.reason)"
      all.append(Figure("\(name)/base_pages", "pages of 4 KiB", m.basePages))
      all.append(Figure("\(name)/huge_pages", "pages of 2 MiB", m.hugePages))
      all.append(Figure("\(name)/calls", "calls", m.calls))
      all.append(Figure("\(name)/tlb_flushes", "flushes", m.tlbFlushes))
      for (stage, time) in zip(MigrateStage.allCases, m.stagesPs) {
        all.append(Figure("\(name)/stage/\(stage.name.snakeCase)", "ps", time))
      }
    }
    all += copy.figures
    for stall in stalls {
      let name = "stall/\(stall.cause)"
      all.append(Figure("\(name)/count", "stalls", stall.count))
      for (key, value) in [("p50", stall.p50Ns), ("p99", stall.p99Ns), ("p99.9", stall.p999Ns), ("max", stall.maxNs)] {
        all.append(Figure("\(name)/\(key)", "ns", value))
      }
    }
    return all
  }
}
