// timeline.json of small runs: that it parses, nests, pairs its arrows, keeps to its window, and changes nothing else.

import DSAModel
import Foundation
import Migration
import Sysctl
import Testing
import Timeline
import Units
import Workload

@testable import Report
@testable import Simulation

@Suite struct TimelineTests {
  /// What a machine is to do: pages beyond the fast node's, so that kswapd demotes, and knobs.
  struct Machine: Sendable {
    var name: String
    var knobs: String
    var rest = ""

    var workload: String {
      """
      name: small
      about: writes beyond the fast node
      regions:
        A: {pages: 4700}
      tasks:
        - name: main
          phases:
            - access: A
              write_every: 1
      """ + "\n" + rest
    }
  }

  private static let tpp = """
    kernel.rules = tpp2021
    mm.numa.demotion_enabled = 1
    kernel.numa_balancing = 2
    vm.demote_scale_factor = 1000
    """
  static let plain = Machine(name: "one by one", knobs: tpp)
  static let lists = Machine(name: "lists", knobs: tpp + "\nvm.use_concur_to_demote = 1")
  static let dsa = Machine(
    name: "DSA",
    knobs: """
      kernel.rules = tpp2021
      vm.use_concur_to_demote = 1
      vm.dsa_state = 1
      vm.use_dsa_copy_pages = 1
      vm.dsa_copy_threshold = 4
      mm.numa.demotion_enabled = 1
      kernel.numa_balancing = 2
      vm.demote_scale_factor = 1000
      """)
  static let workers = Machine(
    name: "workers", knobs: tpp + "\nvm.use_concur_to_demote = 1\nvm.cpu_multi_copy_pages = 1\nhw.cpus = 4")
  static let upstream = Machine(
    name: "6.12", knobs: "mm.numa.demotion_enabled = 1\nkernel.numa_balancing = 2\nsim.time_scale = 10000",
    rest: """
            - access: A
              pattern: zipf
              scatter: 2654435761
              accesses: 20000
              rounds: 2
              think: 100ns
      """)

  static let machines = [plain, lists, dsa, upstream]
  static let always = TimelineWindow.span(0..<Picoseconds.second)

  static func run(_ machine: Machine, _ timeline: Timeline?) throws -> (result: RunResult, files: RunFiles) {
    let inputs = try SmallRun.inputs(machine.knobs)
    let spec = try WorkloadFile.parse(text: machine.workload, path: "small.yaml")
    let simulation = try Simulation(spec, tree: inputs.tree)
    simulation.timeline = timeline
    let result = try simulation.run()
    return (result, RunFiles(result, inputs: inputs))
  }

  private struct Event {
    var phase: String
    var time: Picoseconds
    var pid: Int
    var tid: Int
    var name: String
    var category: String
    var id: String
    var arguments: [String: Any]
  }

  /// The events of a file, in its order. Times are read digit by digit.
  private static func events(_ text: String) throws -> (events: [Event], other: [String: Any]) {
    let whole = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let list = try #require(whole["traceEvents"] as? [[String: Any]])
    let lines = text.split(separator: "\n").filter { $0.hasPrefix("{\"ph\"") }
    #expect(lines.count == list.count)
    var events: [Event] = []
    for (object, line) in zip(list, lines) {
      var time = 0
      if let start = line.range(of: "\"ts\":")?.upperBound {
        let digits = line[start...].prefix { $0 != "," }
        let parts = digits.split(separator: ".")
        try #require(parts.count == 2 && parts[1].count == 6)
        time = try #require(Int(parts[0] + parts[1]))
      }
      events.append(
        Event(
          phase: try #require(object["ph"] as? String), time: time, pid: try #require(object["pid"] as? Int),
          tid: object["tid"] as? Int ?? -1, name: object["name"] as? String ?? "",
          category: object["cat"] as? String ?? "", id: object["id"].map { "\($0)" } ?? "",
          arguments: object["args"] as? [String: Any] ?? [:]))
    }
    return (events, try #require(whole["otherData"] as? [String: Any]))
  }

  static func timelineText(_ files: RunFiles) throws -> String {
    try #require(files.files.first { $0.name == "timeline.json" }?.text)
  }

  /// Walks the tracks as a reader does: begins and ends pair, and a slice is over before the one around it.
  private static func checkNesting(_ events: [Event]) throws -> (slices: Int, spans: [(Event, Picoseconds)]) {
    var open: [Int: [Event]] = [:]
    var names: Set<Int> = []
    var spans: [(Event, Picoseconds)] = []
    var last = 0
    var disorder = 0
    for event in events {
      if event.phase == "M" {
        if event.name == "thread_name" { names.insert(event.tid) }
        continue
      }
      if event.time < last { disorder += 1 }
      last = event.time
      switch event.phase {
      case "B":
        if !names.contains(event.tid) { disorder += 1 }
        open[event.tid, default: []].append(event)
      case "E":
        let innermost = open[event.tid]?.popLast()
        let begin = try #require(innermost)
        if begin.time > event.time || begin.pid != event.pid { disorder += 1 }
        spans.append((begin, event.time))
      default: break
      }
    }
    let rest = open.values.reduce(0) { $0 + $1.count }
    #expect(rest == 0 && disorder == 0)
    return (spans.count, spans)
  }

  @Test(arguments: machines) func `slices nest and every stage is there`(_ machine: Machine)
    throws
  {
    let timeline = Timeline(Self.always)
    let (result, files) = try Self.run(machine, timeline)
    #expect(timeline.wantedEnd == nil)
    let (events, other) = try Self.events(Self.timelineText(files))
    #expect(other["records"] as? Int == timeline.records.count && other["was_full"] as? Bool == false)
    #expect(other["counter_records"] as? Int == timeline.counters.count && !timeline.counters.isEmpty)
    let (count, spans) = try Self.checkNesting(events)
    #expect(count == events.filter { $0.phase == "B" }.count)
    // A slice that was cut short by another one would pair with its end.
    let kinds: Set<TimelineKind> = [.run, .awake, .share, .call, .stage, .copy]
    let recorded = timeline.records.filter { kinds.contains($0.kind) }.map { [$0.start, $0.end] }
    let categories: Set<String> = ["cpu", "thread", "call", "stage", "copy"]
    let shown = spans.filter { categories.contains($0.0.category) }.map { [$0.0.time, $0.1] }
    #expect(shown.sorted { $0.lexicographicallyPrecedes($1) } == recorded.sorted { $0.lexicographicallyPrecedes($1) })
    #expect(recorded.allSatisfy { $0[0] <= $0[1] })
    // All of the run is in the window: stage by stage the slices have the time that the run's totals have.
    var accounted: [String: Int] = [:]
    for (slice, _) in spans where slice.category == "stage" {
      let reason = slice.arguments["reason"] as? String ?? ""
      accounted["\(reason) \(slice.name)", default: 0] += slice.arguments["accounted_ps"] as? Int ?? 0
    }
    for reason in MigrateReason.allCases {
      for stage in MigrateStage.allCases {
        let time = accounted["\(reason.name) \(stage.name.snakeCase)"] ?? 0
        if time != result.trace.stageTime[reason.rawValue][stage.rawValue] {
          Issue.record("\(machine.name) \(reason) \(stage)")
        }
      }
    }
    // One CPU: what ran on it is what was busy.
    let busy = spans.filter { $0.0.category == "cpu" }.reduce(0) { $0 + $1.1 - $1.0.time }
    #expect(busy == result.cpuBusy.reduce(0, +))
    let calls = spans.filter { $0.0.category == "call" }
    #expect(calls.count == result.trace.records.count)
    #expect(calls.reduce(0) { $0 + ($1.0.arguments["nr_succeeded"] as? Int ?? 0) } > 0)
  }

  @Test func `each descriptor is at the end of an arrow from its list`() throws {
    let timeline = Timeline(Self.always)
    let (result, files) = try Self.run(Self.dsa, timeline)
    let (events, _) = try Self.events(Self.timelineText(files))
    let (_, spans) = try Self.checkNesting(events)
    let accepted = result.copy.devices.reduce(0) { $0 + $1.accepted }
    try #require(accepted > 0)
    let starts = events.filter { $0.phase == "s" }
    let ends = events.filter { $0.phase == "f" }
    #expect(starts.count == accepted && ends.count == accepted)
    #expect(Set(starts.map(\.id)).count == accepted && Set(starts.map(\.id)) == Set(ends.map(\.id)))
    let startOf = Dictionary(uniqueKeysWithValues: starts.map { ($0.id, $0) })
    #expect(ends.allSatisfy { (startOf[$0.id]?.time ?? .max) <= $0.time })
    // An arrow leaves a submission and comes to a descriptor of the same list.
    var wrong = 0
    var lists: [String: Int] = [:]
    var open: [Int: [Event]] = [:]
    for event in events {
      switch event.phase {
      case "B": open[event.tid, default: []].append(event)
      case "E": open[event.tid]?.removeLast()
      case "s":
        let slice = try #require(open[event.tid]?.last)
        if slice.name != "submit" { wrong += 1 }
        lists[event.id] = slice.arguments["list"] as? Int
      case "f":
        let slice = try #require(open[event.tid]?.last)
        if slice.category != "queue" || lists[event.id] == nil || slice.arguments["list"] as? Int != lists[event.id] {
          wrong += 1
        }
      default: break
      }
    }
    #expect(wrong == 0)
    // Data passes an engine one descriptor after the other; members of batches too.
    let engines = spans.filter { $0.0.category == "engine" }
    #expect(engines.count == result.copy.devices.reduce(0) { $0 + $1.memmoves })
    for (_, group) in Dictionary(grouping: engines, by: { $0.0.tid }) {
      let order = group.sorted { $0.0.time < $1.0.time }
      #expect(zip(order, order.dropFirst()).allSatisfy { $0.0.1 <= $0.1.0.time })
    }
    let lives = events.filter { $0.phase == "b" }
    #expect(lives.count == accepted && events.filter { $0.phase == "e" }.count == accepted)
  }

  @Test func `shares of copying workers are on their threads`() throws {
    let timeline = Timeline(Self.always)
    let (result, files) = try Self.run(Self.workers, timeline)
    let (_, spans) = try Self.checkNesting(try Self.events(Self.timelineText(files)).events)
    let shares = spans.filter { $0.0.name == "copy share" }
    try #require(!shares.isEmpty)
    #expect(shares.reduce(0) { $0 + ($1.0.arguments["bytes"] as? Int ?? 0) } == result.copy.use(of: .workers).bytes)
  }

  @Test func `what is shown overlaps the window, and nothing of it is missing`() throws {
    let all = Timeline(Self.always)
    _ = try Self.run(Self.lists, all)
    let first = try #require(all.records.first { $0.kind == .call })
    let window = (first.start + 50 * Picoseconds.microsecond)..<(first.start + 250 * Picoseconds.microsecond)
    let part = Timeline(.span(window))
    _ = try Self.run(Self.lists, part)
    try #require(part.records.count > 10)
    #expect(part.records.allSatisfy { $0.start < window.upperBound && $0.end >= window.lowerBound })
    func covered(_ kinds: Set<TimelineKind>, _ records: [TimelineRecord]) -> [TimelineRecord] {
      records.filter { kinds.contains($0.kind) && part.covers($0.start, $0.end) }
    }
    let kinds: Set<TimelineKind> = [.call, .stage, .awake, .copy]
    #expect(covered(kinds, all.records) == covered(kinds, part.records))
  }

  @Test func `without a window it is the time behind the first migration`() throws {
    let all = Timeline(Self.always)
    _ = try Self.run(Self.plain, all)
    let first = try #require(all.records.filter { $0.kind == .stage }.map(\.start).min())
    let timeline = Timeline(.afterFirstMigration(Picoseconds.millisecond))
    _ = try Self.run(Self.plain, timeline)
    #expect(timeline.span == first..<(first + Picoseconds.millisecond))
    #expect(timeline.records.contains { $0.kind == .stage && $0.start == first })
  }

  @Test func `a full buffer ends the window, and all that ended before is there`() throws {
    let all = Timeline(Self.always)
    _ = try Self.run(Self.plain, all)
    let few = Timeline(Self.always, limit: 100)
    let (result, files) = try Self.run(Self.plain, few)
    let end = few.span.upperBound
    #expect(few.wantedEnd == Picoseconds.second && few.span.lowerBound == 0)
    // What ran on the CPU when the buffer was full is one more.
    #expect(few.records.count == 101 && few.records.prefix(100) == all.records.prefix(100))
    let ended = all.records.filter { $0.kind != .run && $0.end < end }
    #expect(ended.allSatisfy { few.records.contains($0) } && ended.count > 90)
    #expect(few.records.allSatisfy { $0.end <= end } && few.counters.allSatisfy { $0.start <= end })
    let warning = try #require(result.warnings.first { $0.contains("the timeline was full") })
    #expect(warning.contains("at \(TimeSpan.text(end)) of modelled time: it has the first 100 records"))
    let (events, other) = try Self.events(Self.timelineText(files))
    _ = try Self.checkNesting(events)
    #expect(other["was_full"] as? Bool == true && other["limit"] as? Int == 100)
    #expect(other["window_to_ps"] as? Int == end && other["window_wanted_to_ps"] as? Int == Picoseconds.second)
    // What it names goes on where this one ended.
    let rest = Timeline(try TimelineWindow.parse("\(TimeSpan.text(end)):1s"))
    _ = try Self.run(Self.plain, rest)
    #expect(all.records.filter { $0.kind == .call && $0.end > end }.allSatisfy { rest.records.contains($0) })
  }

  @Test func `counters cover a window however long, in bounded memory`() {
    let timeline = Timeline(.span(0..<Picoseconds.second), limit: 400)
    let epoch = 10 * Picoseconds.microsecond
    var (read, free) = (0, 0)
    for number in 0..<10_000 {
      let start = number * epoch
      for node in 0..<2 {
        timeline.epoch(node: node, from: start, to: start + epoch, read: number, write: node, free: 20_000 - number)
      }
    }
    timeline.finish()
    #expect(timeline.counters.count <= 102 && timeline.counters.count > 30)
    for node in 0..<2 {
      let own = timeline.counters.filter { $0.track == node }
      #expect(own.first?.start == 0 && own.last?.end == 10_000 * epoch)
      #expect(zip(own, own.dropFirst()).allSatisfy { $0.end == $1.start })
      read = own.reduce(0) { $0 + $1.a }
      free = own.last?.c ?? 0
      #expect(read == (0..<10_000).reduce(0, +) && free == 10_001 && own.reduce(0) { $0 + $1.b } == node * 10_000)
    }
  }

  @Test func `a run without migrations has a file and a warning`() throws {
    let (result, files) = try Self.run(Machine(name: "still", knobs: ""), Timeline())
    #expect(result.warnings.contains { $0.contains("nothing migrated") })
    let events = try Self.events(Self.timelineText(files)).events
    #expect(events.allSatisfy { $0.phase == "M" })
  }

  @Test(arguments: machines) func `the run is the same with and without`(_ machine: Machine)
    throws
  {
    let plain = try Self.run(machine, nil).files.files
    let shown = try Self.run(machine, Timeline()).files.files
    #expect(!plain.contains { $0.name == "timeline.json" })
    for file in plain where file.name != "run.json" {
      #expect(shown.first { $0.name == file.name }?.text == file.text, "\(file.name)")
    }
    func lines(_ files: [(name: String, text: String)]) -> [Substring] {
      let text = files.first { $0.name == "run.json" }?.text ?? ""
      // The list of files with their digests is its end.
      return text.components(separatedBy: "\"files\": {")[0].split(separator: "\n")
    }
    #expect(lines(plain) == lines(shown))
    let again = try Self.run(machine, Timeline()).files.files
    #expect(again.map(\.text) == shown.map(\.text))
  }

  @Test func `a file to the letter`() throws {
    let timeline = Timeline(.span(0..<Picoseconds.millisecond))
    let (submit, address) = (CopyPart.submit.rawValue, 0x40)
    timeline.ran(cpu: 0, thread: 0, from: 0, to: 1_500_001)
    timeline.ran(cpu: 0, thread: 0, from: 1_500_001, to: 3_000_000)
    timeline.add(TimelineRecord(.post, 1_200_000, 1_200_000, track: 0, a: address, b: 7))
    timeline.add(TimelineRecord(.copy, 1_000_000, 1_250_000, track: 0, code: submit, a: 7, b: 1))
    timeline.add(
      TimelineRecord(
        .descriptor, 1_200_000, 2_000_000, track: 0, code: 3, reason: 1, a: address, b: 4096, c: 1_200_000,
        d: 1_300_000, e: 1_600_000, f: 1_800_000))
    timeline.epoch(node: 0, from: 0, to: 10_000_000, read: 4096, write: 0, free: 99)
    timeline.epoch(node: 0, from: 10_000_000, to: 20_000_000, read: 4096, write: 0, free: 99)
    timeline.finish()
    let run = TimelineResult(
      timeline: timeline, cpus: 1, nodes: 1, threads: [.init(name: "kswapd0", isKernel: true)], firstKcompactd: 0,
      firstThread: [],
      queues: [[0]], engines: [1])
    let descriptor =
      #""descriptor":1,"list":7,"bytes":4096,"status":"success","accepted_ps":1200000,"dispatched_ps":1300000,"record_ps":2000000"#
    let track = #""pid":100,"tid":2000000000"#
    let expected = """
      {"ph":"C","ts":0.000000,"pid":4,"tid":4,"name":"node0 bandwidth","args":{"read_bytes_per_s":409600000,"write_bytes_per_s":0}},
      {"ph":"B","ts":0.000000,"pid":1,"tid":10000,"name":"kswapd0","cat":"cpu"},
      {"ph":"B","ts":1.000000,"pid":2,"tid":20000,"name":"submit","cat":"copy","args":{"list":7,"descriptors":1}},
      {"ph":"b","ts":1.200000,\(track),"name":"queue 0 descriptors","cat":"descriptor","id":"0x1","args":{\(descriptor)}},
      {"ph":"s","ts":1.200000,"pid":2,"tid":20000,"name":"descriptor","cat":"flow","id":1},
      {"ph":"B","ts":1.200000,\(track),"name":"memmove","cat":"queue","args":{\(descriptor)}},
      {"ph":"f","ts":1.200000,\(track),"name":"descriptor","cat":"flow","id":1,"bp":"e"},
      {"ph":"E","ts":1.250000,"pid":2,"tid":20000},
      {"ph":"E","ts":1.300000,\(track)},
      {"ph":"B","ts":1.600000,"pid":100,"tid":2000000500,"name":"memmove","cat":"engine","args":{\(descriptor)}},
      {"ph":"E","ts":1.800000,"pid":100,"tid":2000000500},
      {"ph":"e","ts":2.000000,\(track),"name":"queue 0 descriptors","cat":"descriptor","id":"0x1"},
      {"ph":"E","ts":3.000000,"pid":1,"tid":10000},
      {"ph":"C","ts":10.000000,"pid":4,"tid":4,"name":"node0 nr_free_pages","args":{"pages":99}}
      ],
      "otherData":{"pageferry":"test","window_from_ps":0,"window_to_ps":1000000000,"was_full":false,"limit":200000,"records":4,"counter_records":1}}

      """
    let text = TimelineJSON(run, version: "test").text
    let start = try #require(text.range(of: "{\"ph\":\"C\""))
    let lines = text[start.lowerBound...].split(separator: "\n")
    #expect(Set(lines.map { $0 }).count == lines.count)
    for (line, wanted) in zip(lines, expected.split(separator: "\n")) { #expect(line == wanted) }
    #expect(lines.count == expected.split(separator: "\n").count)
    #expect(
      text.hasPrefix(
        "{\"traceEvents\":[\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"args\":{\"name\":\"CPUs\"}},\n"))
  }

  @Test(arguments: [
    ("1.2s:1.25s", 1_200_000_000_000..<1_250_000_000_000), ("0us:10ns", 0..<10_000),
  ]) func `windows are read`(_ text: String, _ span: Range<Int>) throws {
    let window = try TimelineWindow.parse(text)
    #expect(window == .span(span))
  }

  @Test(arguments: ["", ":", "1s", "1s:", "2s:1s", "1s:1s", "1:2", "1s:2s:3s", "demo.yaml"])
  func `what is no window is refused`(_ text: String) {
    #expect(throws: QuantityFault.self) { try TimelineWindow.parse(text) }
  }
}
