// timeline.json as a strict reader of the trace event format takes it: what Perfetto's importer counts as an error or drops.
// Source of the rules: "Trace Event Format" (Google), and perfetto's src/trace_processor: importers/json/json_trace_parser_impl.cc
// (ids, tracks, counters), importers/common/slice_tracker.cc (misplaced_end_event), flow_tracker.cc (flow_no_enclosing_slice,
// flow_duplicate_id, flow_end_without_start).

import Foundation
import Testing
import Timeline
import Units

@testable import Report

@Suite struct TimelineFormatTests {
  /// Reads events one by one, and counts what is wrong by the name that the importer has for it.
  private struct Importer {
    var problems: [String: Int] = [:]
    /// Open slices by thread: name and begin, in whole nanoseconds as the importer has them.
    private var open: [Int: [(name: String, time: Int)]] = [:]
    private var processOfThread: [Int: Int] = [:]
    private var asynchronous: [String: Int] = [:]
    private var endedAsynchronous: Set<String> = []
    private var flows: [Int: Int] = [:]
    private var arrived: Set<Int> = []
    private(set) var namedThreads: Set<Int> = []
    private(set) var namedProcesses: Set<Int> = []
    private(set) var usedThreads: Set<Int> = []
    private(set) var usedProcesses: Set<Int> = []
    private(set) var phases: [String: Int] = [:]
    private var last = 0

    mutating func problem(_ name: String) { problems[name, default: 0] += 1 }

    mutating func read(_ event: [String: Any]) {
      guard let phase = event["ph"] as? String, let pid = integer(event["pid"]), pid > 0, pid < 1 << 31 else {
        return problem("json_parser_failure")
      }
      phases[phase, default: 0] += 1
      if phase == "M" { return readMetadata(event, pid) }
      usedProcesses.insert(pid)
      guard let tid = integer(event["tid"]), tid > 0, tid < 1 << 31, let ts = event["ts"] as? NSNumber,
        ts.doubleValue >= 0
      else { return problem("json_tokenizer_failure") }
      if processOfThread[tid, default: pid] != pid { problem("a thread of two processes") }
      processOfThread[tid] = pid
      let time = Int((ts.doubleValue * 1000).rounded(.down))
      // Sorting is stable: at one time the order is that of the file.
      if time < last { problem("events out of order") }
      last = time
      read(event, phase, tid: tid, time: time)
    }

    private mutating func read(_ event: [String: Any], _ phase: String, tid: Int, time: Int) {
      let name = event["name"] as? String ?? ""
      if phase != "E", name.isEmpty { problem("an event without a name") }
      switch phase {
      case "B":
        usedThreads.insert(tid)
        if (event["cat"] as? String ?? "").isEmpty { problem("a slice without a category") }
        if let arguments = event["args"], !(arguments is [String: Any]) { problem("args are no object") }
        open[tid, default: []].append((name, time))
      case "E":
        guard let begin = open[tid]?.popLast(), begin.time <= time else { return problem("misplaced_end_event") }
      case "b", "e":
        guard let id = event["id"] as? String, id.hasPrefix("0x") else { return problem("json_parser_failure") }
        let key = "\(event["cat"] ?? "") \(id)"
        if phase == "b" {
          if asynchronous.updateValue(time, forKey: key) != nil || endedAsynchronous.contains(key) {
            problem("an asynchronous id that is used again")
          }
        } else if let begin = asynchronous.removeValue(forKey: key), begin <= time {
          endedAsynchronous.insert(key)
        } else {
          problem("misplaced_end_event")
        }
      case "C":
        let values = event["args"] as? [String: Any] ?? [:]
        if values.isEmpty || !values.values.allSatisfy({ ($0 as? NSNumber).map { $0.doubleValue >= 0 } ?? false }) {
          problem("json_parser_failure")
        }
      case "s", "f": readFlow(event, phase, tid: tid, time: time)
      default: problem("a phase that nobody wrote")
      }
    }

    private mutating func readFlow(_ event: [String: Any], _ phase: String, tid: Int, time: Int) {
      guard let id = integer(event["id"]), id > 0 else { return problem("flow_invalid_id") }
      if open[tid]?.isEmpty ?? true { problem("flow_no_enclosing_slice") }
      if phase == "s" {
        if flows.updateValue(time, forKey: id) != nil { problem("flow_duplicate_id") }
      } else {
        if event["bp"] as? String != "e" { problem("an arrow that is bound to the next slice") }
        guard let start = flows[id], start <= time else { return problem("flow_end_without_start") }
        if !arrived.insert(id).inserted { problem("flow_duplicate_id") }
      }
    }

    private mutating func readMetadata(_ event: [String: Any], _ pid: Int) {
      let arguments = event["args"] as? [String: Any] ?? [:]
      switch event["name"] as? String {
      case "process_name", "thread_name":
        guard let name = arguments["name"] as? String, !name.isEmpty else { return problem("a name that is empty") }
        if let tid = integer(event["tid"]) {
          if !namedThreads.insert(tid).inserted { problem("a thread with two names") }
        } else if !namedProcesses.insert(pid).inserted {
          problem("a process with two names")
        }
      case "process_sort_index", "thread_sort_index":
        if integer(arguments["sort_index"]) == nil { problem("json_parser_failure") }
      default: problem("metadata of another kind")
      }
    }

    /// A number that is whole in the file: no text, no truth value.
    private func integer(_ value: Any?) -> Int? {
      guard let number = value as? NSNumber, isNoTruthValue(number), number.doubleValue == Double(number.intValue)
      else { return nil }
      return number.intValue
    }

    private func isNoTruthValue(_ number: NSNumber) -> Bool { String(cString: number.objCType) != "c" }

    mutating func finish() {
      if open.values.contains(where: { !$0.isEmpty }) { problem("a slice that did not end") }
      if !asynchronous.isEmpty { problem("a slice that did not end") }
      if arrived.count != flows.count { problem("an arrow that does not arrive") }
    }
  }

  @Test(arguments: [TimelineTests.dsa, TimelineTests.workers, TimelineTests.upstream], [200_000, 300])
  func `an importer finds nothing wrong`(_ machine: TimelineTests.Machine, _ limit: Int) throws {
    let timeline = Timeline(TimelineTests.always, limit: limit)
    let text = try TimelineTests.timelineText(try TimelineTests.run(machine, timeline).files)
    // A reader may stop at the first key that it does not know, and takes "ms" for the unit of ts.
    #expect(text.hasPrefix("{\"traceEvents\":[\n") && !text.contains("displayTimeUnit"))
    #expect(text.utf8.allSatisfy { $0 < 0x80 })
    let whole = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(Set(whole.keys) == ["traceEvents", "otherData"])
    let events = try #require(whole["traceEvents"] as? [[String: Any]])
    var importer = Importer()
    for event in events { importer.read(event) }
    importer.finish()
    #expect(importer.problems.isEmpty, "\(machine.name): \(importer.problems)")
    #expect(importer.usedThreads.isSubset(of: importer.namedThreads))
    #expect(importer.usedProcesses.isSubset(of: importer.namedProcesses))
    #expect(importer.phases["B"] == importer.phases["E"] && importer.phases["B"] ?? 0 > 50)
    if machine.name == "DSA", limit > 300 { #expect(importer.phases["s"] ?? 0 > 0 && importer.phases["b"] ?? 0 > 0) }
    // No key is there twice in an object: the first or the last may win.
    for line in text.split(separator: "\n") where line.hasPrefix("{\"ph\"") {
      let outer = line.replacing(#/"args":\{[^}]*\}/#, with: "")
      let keys = outer.matches(of: #/"([a-z]+)":/#).map { String($0.output.1) }
      if Set(keys).count != keys.count { Issue.record("\(line)") }
    }
  }

  @Test func `the importer of these tests sees what is wrong`() throws {
    func problems(_ lines: [String]) throws -> Set<String> {
      var importer = Importer()
      for line in lines {
        importer.read(try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]))
      }
      importer.finish()
      return Set(importer.problems.keys)
    }
    let begin = #"{"ph":"B","ts":1.000000,"pid":1,"tid":2,"name":"a","cat":"x"}"#
    let end = #"{"ph":"E","ts":2.000000,"pid":1,"tid":2}"#
    #expect(try problems([begin, end]) == [])
    #expect(try problems([begin]) == ["a slice that did not end"])
    #expect(try problems([begin, end, end]) == ["misplaced_end_event"])
    #expect(try problems([end, begin]) == ["misplaced_end_event", "events out of order", "a slice that did not end"])
    #expect(
      try problems([begin, end, #"{"ph":"s","ts":3.0,"pid":1,"tid":2,"name":"f","cat":"flow","id":1}"#])
        == ["flow_no_enclosing_slice", "an arrow that does not arrive"])
    #expect(try problems([begin.replacing("\"pid\":1", with: "\"pid\":\"1\""), end]).contains("json_parser_failure"))
    #expect(try problems([#"{"ph":"C","ts":1,"pid":4,"tid":4,"name":"n","args":{}}"#]) == ["json_parser_failure"])
  }
}
