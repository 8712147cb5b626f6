// The threads and processes of a trace as tasks and address spaces of a workload.
import Trace

extension WorkloadSpec {
  /// Most threads of one trace: each has a reader of its own, of some 4 MB.
  public static let maxRecordedThreads = 256

  /// The workload with each task that replays a trace's recorded threads replaced by one task for each of them, in their order.
  ///
  /// A task `NAME` becomes `NAME.t0`, `NAME.t1`, and so on. Threads of the trace's process 0 are in the address space of `NAME`;
  /// those of its process k, from 1, in one of their own, named after it with `.pK`.
  public func withRecordedThreads() throws(WorkloadError) -> WorkloadSpec {
    var result = self
    result.tasks = []
    for task in tasks {
      guard case .trace(let trace) = task.work, trace.threads == .recorded else {
        result.tasks.append(task)
        continue
      }
      let owners = try Self.processes(of: trace, path: path)
      var spaces: [UInt16: Int] = [0: task.process]
      for (thread, owner) in owners.enumerated() {
        if spaces[owner] == nil {
          spaces[owner] = result.processes.count
          let name = uniqueName("\(processes[task.process].name).p\(owner)", among: result.processes.map(\.name))
          result.processes.append(ProcessSpec(name: name, slots: 0))
        }
        var one = task
        one.name = uniqueName("\(task.name).t\(thread)", among: tasks.map(\.name))
        one.process = spaces[owner] ?? task.process
        var part = trace
        part.threads = .one(thread: UInt16(thread), process: owner)
        one.work = .trace(part)
        result.tasks.append(one)
      }
    }
    return result
  }

  private func uniqueName(_ name: String, among known: [String]) -> String {
    known.contains(name) ? uniqueName(name + "_", among: known) : name
  }

  private static func processes(of trace: TraceSpec, path: String) throws(WorkloadError) -> [UInt16] {
    do throws(TraceError) {
      let processes = try TraceReader(path: trace.resolvedPath).processes
      guard processes.count <= maxRecordedThreads else {
        throw TraceError(
          .limit, file: trace.resolvedPath,
          problem: "\(processes.count) threads, at most \(maxRecordedThreads) can be replayed",
          fix: "take a part with `pageferry trace cut --threads`, or leave `threads: recorded` out")
      }
      return processes
    } catch {
      throw WorkloadError(
        path: path, line: trace.line, column: 0, key: "trace", problem: "\(error.file): \(error.problem)",
        fix: error.fix)
    }
  }
}
