// What the copy engines did: the files timer and timer.json, a section of run.json, and a table of the summary.

import DSAModel
import Migration
import PageCopy
import Simulation
import Units

/// Renders a `CopySummary`.
struct CopyText {
  let copy: CopySummary

  /// The file timer: the original's line.
  var timer: String { copy.timer.line }

  /// The file timer.json: the line's fields with their units, and what it does not see.
  var timerJSON: JSONValue {
    let timer = copy.timer
    return .object([
      (
        "proc_timer",
        .object([
          ("timer_state", .integer(timer.isOn ? 1 : 0)), ("total_time_ps", .integer(timer.total)),
          ("last_time_ps", .integer(timer.last)), ("last_cnt_pages", .integer(timer.lastCount)),
          ("dsa_hpage_cnt", .integer(timer.counts.dsaHugePages)),
          ("dsa_bpage_cnt", .integer(timer.counts.dsaBasePages)),
          ("dsa_copy_fail", .integer(timer.dsaCopyFail)), ("hpage_cnt", .integer(timer.counts.hugePages)),
          ("bpage_cnt", .integer(timer.counts.basePages)),
        ])
      ),
      ("all_copies", json),
    ])
  }

  /// The section `copies` of run.json.
  var json: JSONValue {
    let timer = copy.timer
    return .object([
      ("bytes", .integer(copy.bytes)), ("copy_time_ps", .integer(copy.copyTime)),
      ("cpu_time_ps", .integer(copy.cpuTime)),
      ("bytes_per_s_while_copying", .integer(copy.bandwidth)),
      (
        "engines",
        .object(CopyMethod.allCases.map { ($0.name, engine(copy.use(of: $0))) })
      ),
      (
        "dsa",
        .object([
          ("list_rounds", .integer(timer.rounds)), ("descriptors", .integer(timer.descriptors)),
          ("batches", .integer(timer.batches)), ("batch_members", .integer(timer.members)),
          ("resumed_after_page_fault", .integer(timer.resumed)), ("failed_calls", .integer(timer.dsaCopyFail)),
          ("pages_taken_over_by_cpu", .integer(timer.takenOver)), ("timeouts", .integer(timer.timeouts)),
          ("waits_for_a_queue_entry", .integer(timer.fullQueues)),
          ("lists_beyond_the_originals_pools", .integer(timer.overflows)),
          ("use_dsa_copy_pages_at_the_end", .bool(copy.isSwitchedOn)),
          ("busy_permille", .integer(copy.busyPermille)),
          ("devices", .list(copy.devices.map(device))),
        ])
      ),
    ])
  }

  private func engine(_ use: EngineUse) -> JSONValue {
    .object([
      ("calls", .integer(use.calls)), ("base_pages", .integer(use.basePages)), ("huge_pages", .integer(use.hugePages)),
      ("bytes", .integer(use.bytes)), ("elapsed_ps", .integer(use.elapsed)), ("cpu_time_ps", .integer(use.cpuTime)),
    ])
  }

  private func device(_ counters: DeviceCounters) -> JSONValue {
    .object([
      ("accepted", .integer(counters.accepted)), ("dropped", .integer(counters.dropped)),
      ("discarded", .integer(counters.discarded)), ("batches", .integer(counters.batches)),
      ("memmoves", .integer(counters.memmoves)), ("bytes_written", .integer(counters.bytesWritten)),
      ("page_faults", .integer(counters.pageFaults)), ("partial_completions", .integer(counters.partials)),
      ("errors", .integer(counters.errors)), ("interrupts", .integer(counters.interrupts)),
      ("translation_requests", .integer(counters.translationRequests)),
      ("translation_hits", .integer(counters.translationHits)), ("busy_time_ps", .integer(counters.busyTime)),
    ])
  }

  // MARK: For people

  /// A table of the engines that were used; empty without copies.
  var table: String {
    guard copy.bytes > 0 else { return "" }
    var text = "copies".left(20)
    text += ["calls", "4 KiB", "2 MiB", "time", "CPU time", "GB/s"].map { $0.right(12) }.joined() + "\n"
    for method in CopyMethod.allCases {
      let use = copy.use(of: method)
      guard use.calls > 0 else { continue }
      let rate = use.elapsed > 0 ? Decimal.ratio(use.bytes, use.elapsed, times: 1_000_000) : 0
      text += "  " + method.name.replacing("_", with: " ").left(18)
      text += [use.calls, use.basePages, use.hugePages].map { Decimal.grouped($0).right(12) }.joined()
      text += [use.elapsed, use.cpuTime].map { Decimal.span($0).right(12) }.joined()
      text += Decimal.fixed(rate, places: 3).right(12) + "\n"
    }
    let timer = copy.timer
    if timer.descriptors > 0 {
      text += "  DSA: \(Decimal.grouped(timer.descriptors)) descriptors, \(Decimal.grouped(timer.batches)) batches of "
      text +=
        "\(Decimal.grouped(timer.members)) pages; devices in use were busy \(Decimal.percent(copy.busyPermille, of: 1000))\n"
    }
    if timer.dsaCopyFail > 0 || timer.resumed > 0 || timer.timeouts > 0 {
      text += "  DSA: \(timer.dsaCopyFail) calls failed in part, \(timer.takenOver) pages taken over by the CPU, "
      text += "\(timer.resumed) copies resumed, \(timer.timeouts) time-outs\n"
    }
    return text
  }
}
