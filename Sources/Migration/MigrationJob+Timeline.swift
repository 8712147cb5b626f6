// A call and its stages as a timeline shows them.

import Timeline
import Units

/// What is under way of a call: the job says what a stage costs when it begins, and the next step says when it was over.
struct ShownCall {
  /// Beginning of the call; nil before its first step, while it is not known.
  var from: Picoseconds?
  /// Where the next stage begins.
  var cursor: Picoseconds = 0
  /// The stage behind which nothing is known yet, and where it is in the timeline.
  var stage: TimelineRecord?
  var place: Int?
  /// Beginning of the copy by an engine, and the time it has taken.
  var copyFrom: Picoseconds?
  var copySpent: Picoseconds = 0
}

extension MigrateCaller {
  /// As a record's track: kernel threads by their nodes, a task's thread behind all of these.
  public var track: Int {
    switch self {
    case .kswapd(let node): node
    case .kcompactd(let node): MigrateCaller.firstKcompactd + node
    case .khugepaged: MigrateCaller.khugepagedTrack
    case .sysctl: MigrateCaller.sysctlTrack
    case .task(let task, let thread): MigrateCaller.firstTask + task << 12 + thread
    }
  }

  static let firstKcompactd = 1 << 8
  static let khugepagedTrack = 1 << 9
  static let sysctlTrack = khugepagedTrack + 1
  /// Nodes are up to 16, and threads of a task up to 1024 CPUs' worth.
  static let firstTask = 1 << 12

  /// From a record's track.
  public init(track: Int) {
    if track < MigrateCaller.firstKcompactd {
      self = .kswapd(node: track)
    } else if track < MigrateCaller.khugepagedTrack {
      self = .kcompactd(node: track - MigrateCaller.firstKcompactd)
    } else if track < MigrateCaller.firstTask {
      self = track == MigrateCaller.khugepagedTrack ? .khugepaged : .sysctl
    } else {
      let rest = track - MigrateCaller.firstTask
      self = .task(rest >> 12, thread: rest & 0xFFF)
    }
  }
}

extension MigrationJob {
  /// The list's pages were found and isolated: by the caller, from `start` on, before the first step.
  public func noteIsolation(at start: Picoseconds, time: Picoseconds) {
    guard copies.isShowing, let timeline = copies.timeline, timeline.mask.contains(.stages) else { return }
    timeline.migrationBegins(at: start)
    if timeline.isOver(at: start) { return }
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
    if shown.from == nil {
      // Nothing of a call behind the window is looked at.
      if timeline.isOver(at: now) { return }
      shown.from = now
    }
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

  /// A stage begins where the last one ends, and takes its CPU time, as far as is known.
  func show(_ stage: MigrateStage, _ time: Picoseconds) {
    guard shown.from != nil, let timeline = copies.timeline, timeline.mask.contains(.stages) else { return }
    let record = TimelineRecord(
      .stage, shown.cursor, shown.cursor + time, track: caller.track, code: UInt8(stage.rawValue),
      reason: UInt8(reason.rawValue), a: time)
    shown.cursor += time
    shown.stage = record
    shown.place = timeline.add(record)
  }

  /// Ends the stage under way. It takes longer than its CPU time when its thread is kept from running.
  private func endStage(in timeline: Timeline, at time: Picoseconds) {
    guard var stage = shown.stage else { return }
    shown.stage = nil
    guard time > stage.end else { return }
    if let place = shown.place { return timeline.extend(place, to: time) }
    // One that the window has only now.
    guard !timeline.covers(stage.start, stage.end) else { return }
    stage.end = time
    timeline.add(stage)
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
    shown.stage = nil
    let end = max(now, shown.cursor)
    timeline.add(
      TimelineRecord(
        .call, from, end, track: caller.track, code: UInt8(function.rawValue), reason: UInt8(reason.rawValue),
        a: succeeded, b: failed))
    shown.from = timeline.isOver(at: end) ? nil : end
    shown.cursor = end
  }
}
