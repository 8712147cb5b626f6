// One run of a program in every format: all readers agree on it, access by access, as far as their formats can say it.
import Foundation
import Testing

@testable import Trace

/// One access of the run that all formats tell of.
private struct Step {
  var process: Int
  var thread: Int
  var address: UInt64
  var size: Int
  var isWrite: Bool
  /// Instructions of the whole run before it.
  var gap: Int
  /// When, in microseconds; no two are at the same time.
  var time: UInt64
}

@Suite struct ReaderAgreementTests {
  /// 160 accesses of three threads of two processes to 24 pages, some across a page's end.
  private static let run: [Step] = {
    var random = Seeded(20)
    var time: UInt64 = 1_000_000
    return (0..<160).map { i in
      let thread = Int(random.next() % 3)
      let page = 0x7F00 + random.next() % 24
      let size = [1, 2, 4, 8, 16, 64][Int(random.next() % 6)]
      let offset = i % 16 == 5 ? 4096 - UInt64(size) / 2 : random.next() % (4096 - 64)
      time += 1000 + random.next() % 3000
      return Step(
        process: thread == 2 ? 1 : 0, thread: thread, address: page << 12 + offset, size: size,
        isWrite: random.next() % 3 == 0, gap: Int(random.next() % 4), time: time)
    }
  }()

  private static func hex(_ value: UInt64) -> String { String(value, radix: 16) }
  private static func line(_ address: UInt64) -> Int { 64 - Int(address & 63) }
  private static func seconds(_ time: UInt64) -> String {
    "\(time / 1_000_000)." + String(String(1_000_000 + time % 1_000_000).dropFirst())
  }

  /// Numbers threads and processes in order of appearance and gives each access the time since its thread's last one.
  private static func threaded(_ step: (Step) -> Access) -> [Access] {
    var threads: [Int: UInt16] = [:]
    var processes: [Int: UInt16] = [:]
    var last: [Int: UInt64] = [:]
    return run.map { one in
      var access = step(one)
      if threads[one.thread] == nil { threads[one.thread] = UInt16(threads.count) }
      if processes[one.process] == nil { processes[one.process] = UInt16(processes.count) }
      access.thread = threads[one.thread]!
      access.process = processes[one.process]!
      access.work = one.time - (last[one.thread] ?? run[0].time)
      last[one.thread] = one.time
      return access
    }
  }

  /// The run as `format` writes it, and the accesses that are left of it.
  private static func rendered(_ format: ImportFormat) -> (text: [UInt8], wanted: [Access]) {
    switch format {
    case .lackey:
      let text = run.map {
        String(repeating: "I  0400,3\n", count: $0.gap) + " \($0.isWrite ? "S" : "L") \(hex($0.address)),\($0.size)\n"
      }.joined()
      let wanted = run.map {
        Access(address: $0.address, size: $0.size, isWrite: $0.isWrite, work: UInt64($0.gap))
      }
      return (Array(text.utf8), wanted)
    case .din:
      let text = run.map { "\($0.isWrite ? "s" : "l") \(hex($0.address)) \($0.gap)\n" }.joined()
      let wanted = run.map { Access(address: $0.address, size: 4, isWrite: $0.isWrite, work: UInt64($0.gap)) }
      return (Array(text.utf8), wanted)
    case .ramulator: return ramulator()
    case .dramsim:
      let text = run.map { "0x\(hex($0.address)) \($0.isWrite ? "WRITE" : "READ") \($0.time)\n" }.joined()
      let wanted = run.indices.map { i in
        Access(
          address: run[i].address, size: line(run[i].address), isWrite: run[i].isWrite,
          work: i == 0 ? 0 : run[i].time - run[i - 1].time)
      }
      return (Array(text.utf8), wanted)
    case .csv:
      let text = run.map {
        "\($0.time),0x\(hex($0.address)),\($0.isWrite ? "w" : "R"),\($0.size),\($0.thread + 90),\($0.process)\n"
      }
      let wanted = threaded { Access(address: $0.address, size: $0.size, isWrite: $0.isWrite, time: $0.time) }
      return (Array(("time,addr,op,size,tid,pid\n" + text.joined()).utf8), wanted)
    case .oraclegeneral: return oracle()
    case .damon: return (damonText(), damonWanted())
    case .perfscript:
      let text = run.map {
        "some prog \($0.process + 7)/\($0.thread + 70) [00\($0.thread)] \(seconds($0.time)): "
          + "\($0.isWrite ? "mem-stores" : "mem-loads"): \(hex($0.address))\n"
      }.joined()
      let wanted = threaded {
        Access(address: $0.address, size: line($0.address), isWrite: $0.isWrite, time: $0.time * 1000)
      }.map {
        var a = $0
        a.work *= 1000
        return a
      }
      return (Array(text.utf8), wanted)
    case .drmemtrace: return drmemtrace()
    }
  }

  /// A write can only be told as the write-back behind a read. One that is behind none is told as a read.
  private static func ramulator() -> (text: [UInt8], wanted: [Access]) {
    var text = ""
    var wanted: [Access] = []
    var i = 0
    while i < run.count {
      let (read, next) = (run[i], i + 1 < run.count && run[i + 1].isWrite ? run[i + 1] : nil)
      text += "\(read.gap) \(read.address)"
      wanted.append(Access(address: read.address, size: line(read.address), work: UInt64(read.gap)))
      if let next {
        text += " 0x\(hex(next.address))"
        wanted.append(Access(address: next.address, size: line(next.address), isWrite: true))
        i += 1
      }
      text += "\n"
      i += 1
    }
    return (Array(text.utf8), wanted)
  }

  /// Objects are pages here; they get addresses in order of appearance.
  private static func oracle() -> (text: [UInt8], wanted: [Access]) {
    var pages: [UInt64: UInt64] = [:]
    var wanted: [Access] = []
    for (i, step) in run.enumerated() {
      if pages[step.address >> 12] == nil { pages[step.address >> 12] = UInt64(pages.count) }
      let gap = i == 0 ? 0 : (step.time - run[i - 1].time) * 1_000_000_000
      wanted.append(
        Access(
          address: pages[step.address >> 12]! << 12, size: 4096, work: gap, time: step.time * 1_000_000_000))
    }
    return (FormatTests.oracle(run.map { (UInt32($0.time), $0.address >> 12, 4096, -1) }), wanted)
  }

  /// Each access is a snapshot of one page with one check, of 1 ms, which is found.
  private static func damonText() -> [UInt8] {
    Array(
      run.map { step in
        let page = step.address & ~4095
        return
          "kdamond.0 9 [000] \(seconds(step.time)): damon:damon_aggregated: target_id=\(step.process) nr_regions=1 "
          + "\(page)-\(page + 4096): 1 0\n"
      }.joined().utf8)
  }

  /// The same as damo writes it: the snapshots of one target behind those of another, numbers with commas.
  private static func damonJSON() -> [UInt8] {
    func comma(_ value: UInt64) -> String {
      var text = String(value)
      for i in stride(from: text.count - 3, to: 0, by: -3) {
        text.insert(",", at: text.index(text.startIndex, offsetBy: i))
      }
      return text
    }
    let records = [0, 1].map { process in
      let snapshots = run.filter { $0.process == process }.map { step in
        """
        {"start_time": "\((step.time - 1000) * 1000)", "end_time": "\(step.time * 1000)", "regions": [{"start": "\
        \(comma(step.address & ~4095))", "end": "\(comma(step.address & ~4095 + 4096))", "nr_accesses": {"samples": 1, \
        "percent": null}, "age": {"usec": null, "aggr_intervals": "3"}, "probe_hits": []}], "total_bytes": null}
        """
      }
      return """
        {"kdamond_idx": 0, "context_idx": 0, "intervals": {"sample_us": "1,000", "aggr_us": 1000, "ops_update_us": "1"}, \
        "scheme_idx": null, "target_id": \(process), "snapshots": [\(snapshots.joined(separator: ",\n"))], "x": [1, {}, "\\""]}
        """
    }
    return Array("[\n\(records.joined(separator: ",\n"))\n]\n".utf8)
  }

  /// Pages and processes, in the middle of the millisecond before the check.
  private static func damonWanted() -> [Access] {
    var last: [Int: UInt64] = [:]
    var processes: [Int: UInt16] = [:]
    return run.map { step in
      let time = step.time * 1000 - 500_000
      if processes[step.process] == nil { processes[step.process] = UInt16(processes.count) }
      defer { last[step.process] = time }
      let number = processes[step.process]!
      return Access(
        thread: number, process: number, address: step.address & ~4095, size: 64,
        work: time - (last[step.process] ?? run[0].time * 1000 - 500_000), time: time)
    }
  }

  private static func drmemtrace() -> (text: [UInt8], wanted: [Access]) {
    var records: [(UInt16, UInt16, UInt64)] = [(25, 0, 5), (28, 9, 0x240)]
    var pc: UInt64 = 0x40_0000
    for step in run {
      records += [(22, 0, UInt64(step.thread) + 70), (24, 0, UInt64(step.process) + 7), (28, 2, step.time), (28, 3, 1)]
      for i in 0..<step.gap {
        records += [(47, 4, 0x1234), (i == 0 ? 10 : 48, 4, pc)]
        pc += 4
      }
      records.append((step.isWrite ? 1 : 0, UInt16(step.size), step.address))
    }
    let wanted = threaded {
      Access(address: $0.address, size: $0.size, isWrite: $0.isWrite, time: $0.time * 1000)
    }
    return (
      FormatTests.drmemtrace(records + [(26, 0, 0)]),
      zip(wanted, run).map { access, step in
        var access = access
        access.work = UInt64(step.gap)
        return access
      }
    )
  }

  private static func importer(_ format: ImportFormat) -> TraceImporter {
    var importer = TraceImporter(format: format)
    if format == .damon { (importer.damon.sampleMicroseconds, importer.damon.aggregationMicroseconds) = (1000, 1000) }
    return importer
  }

  @Test(arguments: ImportFormat.allCases, Packing.allCases)
  func readersAgreeAccessByAccess(format: ImportFormat, packing: Packing) throws {
    let scratch = try Scratch()
    let (text, wanted) = Self.rendered(format)
    #expect(wanted.count == Self.run.count)
    let path = try scratch.write(packing.pack(text), "in")
    let found = try accesses(Self.importer(format), path).accesses
    #expect(found.count == wanted.count)
    for (i, pair) in zip(found, wanted).enumerated() where pair.0 != pair.1 {
      Issue.record("access \(i): \(pair.0) is not \(pair.1)")
      break
    }
    // And into a trace, the format told from the bytes. What crosses a page is two records.
    var importer = Self.importer(format)
    importer.format = nil
    importer.options.coalesce = false
    let result = try importer.run(input: path, output: scratch.path("out.pft"))
    #expect(result.format == format && result.accesses == wanted.count)
    let records = try readAll(scratch.path("out.pft"))
    let split = wanted.flatMap { access -> [Access] in
      let first = min(access.size, 4096 - Int(access.address & 4095))
      var rest = access
      rest.address += UInt64(first)
      return first == access.size ? [access] : [access, rest]
    }
    #expect(records.map(\.address) == split.map(\.address) && records.map(\.isWrite) == split.map(\.isWrite))
    #expect(records.map(\.thread) == split.map(\.thread) && records.map(\.process) == split.map(\.process))
    #expect(records.map(\.time) == split.map(\.time))
    #expect(split.count > wanted.count || [.ramulator, .dramsim, .oraclegeneral, .damon, .perfscript].contains(format))
  }

  @Test(arguments: Packing.allCases)
  func damosOwnFileSaysTheSame(packing: Packing) throws {
    let scratch = try Scratch()
    let path = try scratch.write(packing.pack(Self.damonJSON()), "in")
    #expect(try accesses(TraceImporter(format: .damon), path).accesses == Self.damonWanted())
    #expect(try TraceImporter().run(input: path, output: scratch.path("out.pft")).format == .damon)
  }

  @Test func damosFileInZlibSaysTheSame() throws {
    let scratch = try Scratch()
    let data = try #require(zlibbed(Self.damonJSON()))
    let path = try scratch.write(data, "in")
    #expect(try accesses(TraceImporter(format: .damon), path).accesses == Self.damonWanted())
    let error = #expect(throws: TraceError.self) {
      try accesses(TraceImporter(format: .damon), scratch.write(Array(data.dropLast(4)), "cut"))
    }
    #expect(error?.kind == .truncated && error?.problem.contains("zlib") == true)
  }
}
