// A call and its stages as a timeline shows them.

import Timeline
import Units

/// What is under way of a call: the job says what a stage costs when it begins, and the next step says when it was over.
struct ShownCall {
  /// Beginning of the call; nil before its first step, while it is not known.
  var from: Picoseconds?
  /// Where the next stage begins.
  var cursor: Picoseconds = 0
  /// The stage behind which nothing is known yet: its CPU time would be over at `cursor`.
  var stage: MigrateStage?
  var stageFrom: Picoseconds = 0
  var stageTime: Picoseconds = 0
  /// Beginning of the copy by an engine, and the time it has taken.
  var copyFrom: Picoseconds?
  var copySpent: Picoseconds = 0
}

extension MigrateCaller {
  /// As a record's track: kswapd by its node, a task's thread behind all of these.
  public var track: Int {
    switch self {
    case .kswapd(let node): node
    case .task(let task, let thread): MigrateCaller.firstTask + task << 12 + thread
    }
  }

  /// Nodes are up to 16, and threads of a task up to 1024 CPUs' worth.
  static let firstTask = 1 << 12

  /// From a record's track.
  public init(track: Int) {
    if track < MigrateCaller.firstTask {
      self = .kswapd(node: track)
    } else {
      let rest = track - MigrateCaller.firstTask
      self = .task(rest >> 12, thread: rest & 0xFFF)
    }
  }
}

extension MigrationJob {
  /// The list's pages were found and isolated: by the caller, from `start` on, before the first step.
  public func noteIsolation(at start: Picoseconds, time: Picoseconds) {
    guard let timeline = copies.timeline, timeline.mask.contains(.stages) else { return }
    timeline.migrationBegins(at: start)
    shown.from = start
    timeline.add(
      TimelineRecord(
        .stage, start, start + time, track: caller.track, code: UInt8(MigrateStage.isolate.rawValue),
        reason: UInt8(reason.rawValue), a: time))
    shown.cursor = start + time
  }

  /// A step begins: what the last one began is over.
  func showStep(in timeline: Timeline, now: Picoseconds) {
    guard timeline.mask.contains(.stages) else { return }
    timeline.migrationBegins(at: now)
    if shown.from == nil { shown.from = now }
    endStage(in: timeline, at: now)
    shown.cursor = max(now, shown.cursor)
    switch phase {
    case .batchCopy, .pageCopy, .listCopy:
      guard shown.copyFrom == nil else { return }
      shown.copyFrom = shown.cursor
      shown.copySpent = 0
      listCopy.number = timeline.nextList()
      listCopy.track = caller.track
    default: break
    }
  }

  /// A stage begins where the last one ends.
  func show(_ stage: MigrateStage, _ time: Picoseconds) {
    guard let timeline = copies.timeline, timeline.mask.contains(.stages) else { return }
    endStage(in: timeline, at: shown.cursor)
    shown.stage = stage
    shown.stageFrom = shown.cursor
    shown.stageTime = time
    shown.cursor += time
  }

  /// Ends the stage under way. It took its CPU time, and longer when its thread was kept from running.
  private func endStage(in timeline: Timeline, at time: Picoseconds) {
    guard let stage = shown.stage else { return }
    shown.stage = nil
    timeline.add(
      TimelineRecord(
        .stage, shown.stageFrom, max(time, shown.cursor), track: caller.track, code: UInt8(stage.rawValue),
        reason: UInt8(reason.rawValue), a: shown.stageTime))
  }

  /// The copy by an engine is over.
  func showCopy(in timeline: Timeline, now: Picoseconds) {
    guard timeline.mask.contains(.stages), let from = shown.copyFrom else { return }
    shown.copyFrom = nil
    timeline.add(
      TimelineRecord(
        .stage, from, now, track: caller.track, code: UInt8(MigrateStage.copy.rawValue), reason: UInt8(reason.rawValue),
        a: shown.copySpent, b: listCopy.job.list.weight, c: listCopy.number))
    shown.cursor = max(now, shown.cursor)
  }

  /// A call of `function` is over. A stage that costs nothing but time may follow it in the same step: it is part of the call.
  func showCall(_ function: MigrateFunction, succeeded: Int, failed: Int, in timeline: Timeline, now: Picoseconds) {
    guard timeline.mask.contains(.stages), let from = shown.from else { return }
    endStage(in: timeline, at: shown.cursor)
    let end = max(now, shown.cursor)
    timeline.add(
      TimelineRecord(
        .call, from, end, track: caller.track, code: UInt8(function.rawValue), reason: UInt8(reason.rawValue),
        a: succeeded, b: failed))
    shown.from = end
    shown.cursor = end
  }
}
