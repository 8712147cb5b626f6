// timeline.json: the records of a run's timeline in the trace event format, which Perfetto opens.
// Source of the format: "Trace Event Format" (Google; the document that catapult's docs/trace-event-format.md names), and what
// Perfetto makes of it: src/trace_processor/importers/json/json_trace_parser_impl.cc and json_trace_tokenizer.cc.

import DSAFormat
import DSAModel
import MemoryModel
import Migration
import Simulation
import Timeline
import Units

/// Builds timeline.json: an event a line, in order of time.
///
/// There is no `displayTimeUnit`: some versions of Perfetto take it for the unit of `ts`. `traceEvents` comes first, since some read no
/// further than the first key they do not know.
public struct TimelineJSON {
  private let run: TimelineResult
  private let version: String
  private var events = TimelineEvents()
  private var slices: [TimelineSlice] = []

  /// Posted descriptors that no descriptor was found for, by the address of their record: time, and the slice that posted them.
  private var posts: [Int: [(time: Picoseconds, slice: Int?, list: Int)]] = [:]
  private var postsOfList: [(address: Int, place: Int, list: Int)] = []
  private var flows = 0
  private var descriptors = 0

  public init(_ run: TimelineResult, version: String) {
    self.run = run
    self.version = version
    for record in run.timeline.records { add(record) }
    for record in run.timeline.counters { addNode(record) }
    events.add(slices)
    slices = []
  }

  /// The file.
  public var text: String {
    let separator = ",\n"
    var bytes = Array("{\"traceEvents\":[\n\(TimelineTrack.metadata(run).joined(separator: separator))".utf8)
    events.write(to: &bytes, separator: separator)
    bytes.append(contentsOf: "\n],\n\"otherData\":\(other)}\n".utf8)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// What the file says of itself.
  private var other: String {
    let timeline = run.timeline
    var text = "{\"pageferry\":\(JSONValue.quoted(version)),"
    text += "\"window_from_ps\":\(timeline.span.lowerBound),\"window_to_ps\":\(timeline.span.upperBound),"
    if let wanted = timeline.wantedEnd { text += "\"window_wanted_to_ps\":\(wanted)," }
    text += "\"was_full\":\(timeline.wantedEnd != nil),\"limit\":\(timeline.limit),"
    return text + "\"records\":\(timeline.records.count),\"counter_records\":\(timeline.counters.count)}"
  }

  private mutating func add(_ record: TimelineRecord) {
    let track = Int(record.track)
    switch record.kind {
    case .run:
      let name = run.threads.indices.contains(record.a) ? run.threads[record.a].name : "?"
      append(record, TimelineTrack.cpus, TimelineTrack.cpu(track), rank: 0, name, "cpu")
    case .awake: append(record, TimelineTrack.kernelThreads, TimelineTrack.thread(track), rank: 0, "awake", "thread")
    case .share:
      append(
        record, TimelineTrack.kernelThreads, TimelineTrack.thread(track), rank: 1, "copy share", "copy",
        "\"list\":\(record.a),\"bytes\":\(record.b)")
    case .call: addCall(record)
    case .stage: addStage(record)
    case .copy: addCopy(record)
    case .post:
      posts[record.a, default: []].append((record.start, nil, record.b))
      postsOfList.append((record.a, (posts[record.a]?.count ?? 1) - 1, record.b))
    case .descriptor: addDescriptor(record)
    case .node: addNode(record)
    }
  }

  private mutating func append(
    _ record: TimelineRecord, _ process: Int, _ track: Int, rank: Int, _ name: String, _ category: String,
    _ arguments: String = ""
  ) {
    slices.append(
      TimelineSlice(
        process: process, track: track, start: record.start, end: record.end, rank: rank, name: name,
        category: category, arguments: arguments))
  }

  // MARK: Calls and copies

  private func place(_ track: Int32) -> (process: Int, track: Int) {
    let caller = MigrateCaller(track: Int(track))
    let process: Int
    if case .task = caller { process = TimelineTrack.tasks } else { process = TimelineTrack.kernelThreads }
    return (process, TimelineTrack.thread(run.thread(of: caller)))
  }

  private func reason(_ record: TimelineRecord) -> String {
    MigrateReason(rawValue: Int(record.reason))?.name ?? "?"
  }

  private mutating func addCall(_ record: TimelineRecord) {
    let (process, track) = place(record.track)
    let function = MigrateFunction(rawValue: Int(record.code))?.name ?? "?"
    append(
      record, process, track, rank: 1, function, "call",
      "\"reason\":\"\(reason(record))\",\"nr_succeeded\":\(record.a),\"nr_failed\":\(record.b)")
  }

  /// Names by number; made once, since most records are stages.
  private static let stages = MigrateStage.allCases.map(\.name.snakeCase)

  private mutating func addStage(_ record: TimelineRecord) {
    let (process, track) = place(record.track)
    var arguments = "\"reason\":\"\(reason(record))\",\"accounted_ps\":\(record.a)"
    if record.c > 0 { arguments += ",\"list\":\(record.c),\"pages\":\(record.b)" }
    let stage = TimelineJSON.stages.indices.contains(Int(record.code)) ? TimelineJSON.stages[Int(record.code)] : "?"
    append(record, process, track, rank: 2, stage, "stage", arguments)
  }

  private mutating func addCopy(_ record: TimelineRecord) {
    let (process, track) = place(record.track)
    let name: String
    var arguments = "\"list\":\(record.a)"
    switch CopyPart(rawValue: record.code) {
    case .submit:
      name = "submit"
      arguments += ",\"descriptors\":\(record.b)"
    case .wait: name = "wait"
    case .copy:
      name = "copy by CPU"
      arguments += ",\"pages\":\(record.b)"
    case .queueWork:
      name = "queue work"
      arguments += ",\"workers\":\(record.b)"
    case nil: name = "?"
    }
    append(record, process, track, rank: 3, name, "copy", arguments)
    guard record.code == CopyPart.submit.rawValue else { return }
    // What was posted since the last submission of this list was posted by this one.
    for post in postsOfList where post.list == record.a {
      posts[post.address]?[post.place].slice = slices.count - 1
    }
    postsOfList.removeAll { $0.list == record.a }
  }

  // MARK: Descriptors

  private mutating func addDescriptor(_ record: TimelineRecord) {
    descriptors += 1
    let place = DevicePlace(Int(record.track))
    let engine = DevicePlace(record.g)
    let opcode = Opcode(rawValue: record.code)
    let isMember = record.c < 0
    // The latest before it was accepted; the address is not used again before the record is written.
    let post = isMember ? nil : posts[record.a]?.last { $0.time <= record.start }
    var arguments = "\"descriptor\":\(descriptors)"
    if let post { arguments += ",\"list\":\(post.list)" }
    arguments += opcode == .batch ? ",\"members\":\(record.b)" : ",\"bytes\":\(record.b)"
    let status = CompletionStatus(rawValue: record.reason)
    arguments += ",\"status\":\"\(status == .success ? "success" : "\(status)")\""
    arguments += ",\"accepted_ps\":\(record.start),\"dispatched_ps\":\(record.d),\"record_ps\":\(record.end)"
    let process = TimelineTrack.process(device: place.device)
    if record.e >= 0, record.f >= record.e {
      slices.append(
        TimelineSlice(
          process: process, track: TimelineTrack.engine(engine), start: record.e, end: record.f, rank: 0,
          name: "\(opcode)", category: "engine", arguments: arguments))
    }
    guard !isMember else { return }
    var slice = TimelineSlice(
      process: process, track: TimelineTrack.queue(place), start: record.c, end: record.d, rank: 0, name: "\(opcode)",
      category: "queue", arguments: arguments)
    if let from = post?.slice {
      flows += 1
      slice.coming.append(flows)
      slices[from].leaving.append((flows, min(post?.time ?? slices[from].start, slices[from].end)))
    }
    slices.append(slice)
    addLife(record, name: "\(opcode)", place, arguments)
  }

  /// From acceptance to the record, as an asynchronous slice: descriptors of a queue overlap.
  private mutating func addLife(_ record: TimelineRecord, name: String, _ place: DevicePlace, _ arguments: String) {
    let process = TimelineTrack.process(device: place.device)
    let track = TimelineTrack.queue(place)
    let id =
      ",\"name\":\"queue \(place.number) descriptors\",\"cat\":\"descriptor\",\"id\":\"0x\(String(descriptors, radix: 16))\""
    events.add("b", at: record.start, pid: process, tid: track, id + ",\"args\":{\(arguments)}")
    events.add("e", at: record.end, pid: process, tid: track, id)
  }

  // MARK: Nodes

  private mutating func addNode(_ record: TimelineRecord) {
    let node = record.track
    let span = record.end - record.start
    let read = Decimal.ratio(record.a, span, times: Picoseconds.second)
    let write = Decimal.ratio(record.b, span, times: Picoseconds.second)
    events.add(
      "C", at: record.start, pid: TimelineTrack.nodes, tid: TimelineTrack.nodes,
      ",\"name\":\"node\(node) bandwidth\",\"args\":{\"read_bytes_per_s\":\(read),\"write_bytes_per_s\":\(write)}")
    events.add(
      "C", at: record.d, pid: TimelineTrack.nodes, tid: TimelineTrack.nodes,
      ",\"name\":\"node\(node) nr_free_pages\",\"args\":{\"pages\":\(record.c)}")
  }
}
