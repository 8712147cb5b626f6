// What a run adds to its timeline: the nodes' traffic, and the names behind the numbers.

import DSAModel
import Migration
import Timeline
import Units

/// A timeline with the names of what its records number.
public struct TimelineResult {
  /// A thread of the run, by the number it has in records.
  public struct Thread: Sendable {
    public var name: String
    public var isKernel: Bool
  }

  public var timeline: Timeline
  public var cpus: Int
  public var nodes: Int
  public var threads: [Thread]
  /// The number of the first kcompactd.
  public var firstKcompactd: Int
  /// The number of the first thread of each task.
  public var firstThread: [Int]
  /// Queues of each device by their place in its configuration, and engines.
  public var queues: [[Int]]
  public var engines: [Int]

  private func kernelThread(named name: String) -> Int { threads.firstIndex { $0.isKernel && $0.name == name } ?? 0 }

  /// The thread that a call's caller is.
  public func thread(of caller: MigrateCaller) -> Int {
    switch caller {
    case .kswapd(let node): node
    case .kcompactd(let node): firstKcompactd + node
    case .khugepaged: kernelThread(named: "khugepaged")
    case .sysctl: kernelThread(named: "sysctl")
    case .task(let task, let thread): (firstThread.indices.contains(task) ? firstThread[task] : 0) + thread
    }
  }
}

extension Simulation {
  /// The traffic of the epoch that ends at `end`, before the links forget it. Behind the window nobody looks any more.
  func noteNodes(in timeline: Timeline, until end: Picoseconds) {
    if timeline.isOver(at: epochStart) { return stopShowing(timeline) }
    guard timeline.mask.contains(.counters), timeline.covers(epochStart, end) else { return }
    for node in 0..<memory.nodeCount {
      let moved = links.moved(node: node)
      timeline.epoch(
        node: node, from: epochStart, to: end, read: moved.read, write: moved.write,
        free: memory.nodes[node].zones.reduce(0) { $0 + memory.zones[$1].free })
    }
  }

  /// The window is over: what began in it is still kept when it ends, and nothing else is looked at.
  private func stopShowing(_ timeline: Timeline) {
    timeline.finish()
    isShowing = false
    scheduler.timeline = nil
    copies.isShowing = false
  }

  /// Closes the timeline, and says what is missing in it.
  func finish(_ timeline: Timeline) {
    timeline.finish()
    if let wanted = timeline.wantedEnd {
      let end = timeline.span.upperBound
      let (from, to) = (TimeSpan.text(end), TimeSpan.text(min(wanted, max(now, end))))
      warnings.append(
        "the timeline was full at \(from) of modelled time: it has the first \(timeline.limit) records of its window, and nothing of \(from) "
          + "to \(to). Raise --timeline-events, or look at the rest with --timeline \(from):\(to)")
    }
    if timeline.records.isEmpty {
      warnings.append(
        timeline.span.isEmpty
          ? "the timeline is empty, because nothing migrated: name a window, e.g. --timeline 10ms:20ms"
          : "the timeline is empty, because the run ended at \(TimeSpan.text(now)), before its window")
    }
  }

  func timelineResult(_ timeline: Timeline) -> TimelineResult {
    let devices = copies.deviceConfigurations
    return TimelineResult(
      timeline: timeline, cpus: hardware.cpus, nodes: memory.nodeCount,
      threads: threads.map { TimelineResult.Thread(name: $0.name, isKernel: $0.isKernel) },
      firstKcompactd: kcompactds.first?.thread.id ?? 0,
      firstThread: programs.map { $0.threads.first?.thread.id ?? 0 },
      queues: devices.map { Array($0.queues.indices) },
      engines: devices.map { $0.groups.reduce(0) { $0 + $1.engines } })
  }
}
