// trace.txt: migrate:mm_migrate_pages as the kernel's trace file prints it.

import MemoryModel
import Migration
import Simulation
import Units

/// Renders migration records.
public enum MigrateTraceText {
  /// Ids that the lines name: kswapd of node N has 60 + N, its kcompactd 80 + N, the threads of the tasks 1000 and up, in the workload's order.
  static let firstKswapd = 60
  static let firstKcompactd = 80
  static let khugepagedPid = 96
  static let sysctlPid = 999
  static let firstTask = 1000

  /// The head of the file, as in tracefs's `trace`: what is in it, what was written, and so what was lost.
  public static func header(kept: Int, lost: Int, cpus: Int) -> String {
    """
    # tracer: nop
    #
    # entries-in-buffer/entries-written: \(kept)/\(kept + lost)   #P:\(cpus)
    # events lost: \(lost)
    #
    #                                _-----=> irqs-off
    #                               / _----=> need-resched
    #                              | / _---=> hardirq/softirq
    #                              || / _--=> preempt-depth
    #                              ||| / _-=> migrate-disable
    #                              |||| /     delay
    #           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
    #              | |         |   |||||     |         |

    """
  }

  /// One line. Source: include/trace/events/migrate.h TP_printk, kernel/trace/trace_output.c trace_print_context.
  public static func line(_ record: MigrateRecord, tasks: [(name: String, threads: Int)], rules: KernelRules) -> String
  {
    let comm: String
    let pid: Int
    switch record.caller {
    case .kswapd(let node): (comm, pid) = ("kswapd\(node)", firstKswapd + node)
    case .kcompactd(let node): (comm, pid) = ("kcompactd\(node)", firstKcompactd + node)
    case .khugepaged: (comm, pid) = ("khugepaged", khugepagedPid)
    case .sysctl: (comm, pid) = ("sysctl", sysctlPid)
    case .task(let index, let thread):
      comm = String(tasks[index].name.prefix(15))
      pid = tasks[..<index].reduce(firstTask + thread) { $0 + $1.threads }
    }
    let cpu = String(record.cpu)
    let microseconds = record.time / Picoseconds.microsecond
    let time = "\(microseconds / 1_000_000)".right(5) + "." + padded(microseconds % 1_000_000, 6)
    var text = comm.right(16) + "-" + String(pid).left(7)
    text += " [" + String(repeating: "0", count: max(3 - cpu.count, 0)) + cpu + "] ..... \(time): mm_migrate_pages: "
    text += "nr_succeeded=\(record.succeeded) nr_failed=\(record.failed) nr_thp_succeeded=\(record.hugeSucceeded)"
    text += " nr_thp_failed=\(record.hugeFailed) nr_thp_split=\(record.hugeSplit)"
    // Large folios that were split, of whatever order: here all of them are 2 MiB.
    if !rules.isTPP { text += " nr_split=\(record.hugeSplit)" }
    text += " mode=\(record.mode.name) reason=\(record.reason.name)"
    // The original's kernel names the function too; where in the line is not known.
    return text + (rules.isTPP ? " func=\(record.function.name)\n" : "\n")
  }

  /// The whole file.
  public static func text(_ result: RunResult) -> String {
    let trace = result.trace
    let tasks = result.tasks.map { (name: $0.name, threads: $0.threads) }
    var text = header(kept: trace.records.count, lost: trace.lost, cpus: result.memory.cpuCount)
    text.reserveCapacity(160 * trace.records.count)
    // CPUs are up to an epoch apart when they write; the kernel merges its buffers by time.
    let order = trace.records.indices.sorted { (trace.records[$0].time, $0) < (trace.records[$1].time, $1) }
    for record in order.map({ trace.records[$0] }) { text += line(record, tasks: tasks, rules: result.memory.rules) }
    return text
  }

  private static func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(width - digits.count, 0)) + digits
  }
}
