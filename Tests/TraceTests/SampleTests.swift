// perf script, drmemtrace, and what --lenient does with the lines and records of all formats.
import Foundation
import Testing

@testable import Trace

@Suite struct SampleTests {
  private func read(_ text: String, _ format: ImportFormat = .perfscript, lenient: Bool = false) throws -> [Access] {
    let scratch = try Scratch()
    var importer = TraceImporter(format: format)
    importer.isLenient = lenient
    return try accesses(importer, scratch.write(text, "in")).accesses
  }

  /// Lines as perf prints them: with and without CPU, period, symbols, weight, ip, in kernels' and processes' addresses.
  @Test(arguments: [
    ("a 12/13 [004] 1.5: mem-loads: 7f00\n", 0x7F00, false),
    ("a   13 1.500000000:   10000   cpu/mem-stores/P: ffff888100004010\n", 0xFFFF_8881_0000_4010, true),
    (
      "chromium-browse   46572 [002] 544966.882384:      10000         cpu_core/MEM_UOPS_RETIRED.LOAD_LATENCY/: 7ffdf1391b0c     "
        + "10268100142  |OP LOAD|LVL L1 hit|SNP None|TLB L1 or L2 hit|LCK No|BLK    N/A    5   7    0   7fad7c47425d [unknown] (/x)\n",
      0x7FFD_F139_1B0C, false
    ),
    ("a b 1.2: 3 12/13 [004] 1.5: ibs_op//: 7f00 buf+0x8 ([heap]) 51080242 |OP STORE|LVL N/A\n", 0x7F00, true),
    (
      "a 13 [000] 1.5: ibs_op//p: 7f00 51080242 |OP LOAD|LVL LFB/MAB hit|SNP N/A|TLB L2 miss|LCK N/A|BLK  N/A\n",
      0x7F00, false
    ),
    ("a 13 [000] 1.5: mem-stores: 7f00 ffffffff81000000 do_it+0x3 ([kernel])\n", 0x7F00, true),
    ("a 13 [000] 1.5: mem-loads: 7f00 68100142 L1 hit|SNP None|TLB L1 hit|LCK No\n", 0x7F00, false),
  ])
  func perfLinesAreAccesses(line: String, address: UInt64, isWrite: Bool) throws {
    let found = try read("# comment\n\n" + line)
    #expect(found.map(\.address) == [address] && found.map(\.isWrite) == [isWrite])
    #expect(found[0].time == 1_500_000_000 || found[0].time == 544_966_882_384_000)
  }

  @Test func samplesWithoutAnAccessArePassedOver() throws {
    let text = """
      a 13 [000] 1.5: mem-loads: 0
      a 13 [000] 1.5: ibs_op//: 7f00 19000001 |OP N/A|LVL N/A
      a 13 [000] 1.5: ibs_op//: 7f00 19000001 |OP PFETCH|LVL N/A
      a 13 [000] 1.5: mem-loads-aux: 7f00
      a 13 [000] 1.6: mem-loads: 1000
      """
    #expect(try read(text).map(\.address) == [0x1000])
  }

  @Test(arguments: [
    "a 13 [000] 1.5: cycles: 7f00\n", "a 13 [000] 1.5: mem-loads: main+0x3 (/bin/a)\n",
    "a 13 [000] 1.5: mem-loads: 4b0da4 noploop+0x3 (/bin/a)\n", "a 13 [000] mem-loads: 7f00\n",
    "a [000] 1.5: mem-loads: 7f00\n", "a 13 [000] 1.5: mem-loads:\n", "a 13 [000] 1.5:\n",
    "a 13 1.1234567890: mem-loads: 1\n",
    "a 13 [000] 1.5: mem-loads: 68100142 |OP LOAD|LVL L1 hit\n", "a 13 [000] 1.5: x: 1 2 |OP JUMP|LVL\n",
    "\tffffffff81000000 do_it+0x3 ([kernel])\n", "a 13 [000] 1.5: mem-loads: 11112222333344445\n",
    "kdamond.0 9 [000] 1.5: damon:damon_aggregated: target_id=0 nr_regions=1 0-4096: 2 0\n", "a 13 1.5: loadstore: 1\n",
  ])
  func otherPerfLinesAreRefused(line: String) throws {
    let error = #expect(throws: TraceError.self) { try read("a 13 [000] 1.0: mem-loads: 1000\n" + line) }
    #expect(error?.kind == .malformed && error?.line == 2 && error?.byte == 32 && error?.fix.isEmpty == false)
  }

  @Test func perfTimesMayNotFall() throws {
    let error = #expect(throws: TraceError.self) { try read("a 1 2.0: mem-loads: 8\na 1 1.9: mem-loads: 8\n") }
    #expect(error?.line == 2)
  }

  // MARK: drmemtrace

  private func drmemtrace(
    _ records: [(UInt16, UInt16, UInt64)], lenient: Bool = false, instructions: Bool = false
  ) throws -> (accesses: [Access], state: ImportState) {
    let scratch = try Scratch()
    var importer = TraceImporter(format: .drmemtrace)
    importer.isLenient = lenient
    importer.options.instructions = instructions
    let path = try scratch.write(FormatTests.drmemtrace(records), "in")
    let (found, _, state) = try accesses(importer, path)
    return (found, state)
  }

  private static let start: [(UInt16, UInt16, UInt64)] = [(25, 0, 5), (22, 0, 71), (24, 0, 7)]

  /// Bundles, repeated string instructions, accesses over a page, prefetches, flushes, chunks, a second file behind the first.
  @Test func entriesOfEveryKindAreRead() throws {
    let unix: UInt64 = 11_644_473_600_000_000
    let records =
      Self.start + [
        (28, 2, unix + 5), (28, 3, 1), (47, 8, 0x1234), (10, 4, 0x1000), (17, 3, 0x04_03_02), (0, 8, 0x8000),
        (10, 2, 0x1010), (1, 8, 0x9000), (29, 2, 0x1010), (1, 8, 0x9008), (30, 2, 0x1010), (30, 2, 0x1012),
        (10, 0, 0x2000),
        (1, 11_008, 0xA000), (2, 64, 0xB000), (33, 64, 0xB000), (46, 64, 0xB000), (20, 64, 0xB000), (27, 64, 0xB000),
        (28, 21, 0), (28, 22, 9), (28, 2, unix + 6), (28, 101, 3), (0, 1, 0xC000), (23, 0, 71), (26, 0, 0),
        (25, 0, 6), (22, 0, 72), (24, 0, 8), (0, 4, 0x8000), (22, 0, 71), (0, 4, 0x8004), (26, 0, 0),
      ]
    let (found, state) = try drmemtrace(records)
    let wanted = [
      Access(address: 0x8000, size: 8, work: 4, time: 5000),
      Access(address: 0x9000, size: 8, isWrite: true, work: 1, time: 5000),
      Access(address: 0x9008, size: 8, isWrite: true, time: 5000),
      Access(address: 0xA000, size: 4096, isWrite: true, work: 1, time: 5000),
      Access(address: 0xB000, size: 4096, isWrite: true, time: 5000),
      Access(address: 0xC000, size: 2816, isWrite: true, time: 5000),
      Access(address: 0xC000, size: 1, time: 6000), Access(thread: 1, process: 1, address: 0x8000, size: 4, time: 6000),
      Access(address: 0x8004, size: 4, time: 6000),
    ]
    #expect(found == wanted)
    #expect(state.instructions == 6)
    let fetched = try drmemtrace(records, instructions: true).accesses.filter { $0.address < 0x8000 }
    #expect(fetched.map(\.address) == [0x1000, 0x1004, 0x1006, 0x1009, 0x1010, 0x1012])
    #expect(fetched.map(\.size) == [4, 2, 3, 4, 2, 2])
  }

  @Test(
    arguments: [
      ([(22, 0, 71)], TraceError.Kind.format, 0), (start + [(50, 0, 0)], .malformed, 36),
      (start + [(0, 0, 1)], .malformed, 36),
      (start + [(0, 8, UInt64.max - 3)], .malformed, 36), ([(25, 0, 5), (0, 8, 8)], .malformed, 12),
      ([(25, 0, 5), (24, 0, 8)], .malformed, 12), ([(25, 0, 99)], .format, 0), (start + [(0, 8, 8)], .truncated, 48),
      (start + [(28, 8, 1)], .malformed, 36), (start + [(28, 9, 0x20)], .format, 36),
      (start + [(17, 2, 0)], .malformed, 36),
      (start + [(28, 2, UInt64.max)], .malformed, 36), (start + [(28, 12, 1)], .malformed, 36),
    ] as [([(UInt16, UInt16, UInt64)], TraceError.Kind, Int)])
  func badEntriesNameTheirPlace(records: [(UInt16, UInt16, UInt64)], kind: TraceError.Kind, byte: Int) throws {
    let error = #expect(throws: TraceError.self) { try drmemtrace(records) }
    #expect(error?.kind == kind && error?.byte == byte && error?.fix.isEmpty == false)
  }

  @Test func filteredRecordingsAreNoted() throws {
    let scratch = try Scratch()
    let records = Self.start + [(28, 9, 0x100), (0, 8, 0x8000), (26, 0, 0)]
    let result = try TraceImporter().run(
      input: scratch.write(FormatTests.drmemtrace(records), "in"), output: scratch.path("out.pft"))
    #expect(result.notes.count == 1)
    #expect(result.header.provenance.filters.contains("filtered by caches while it was recorded"))
    #expect(try TraceReader(path: scratch.path("out.pft")).header == result.header)
  }

  // MARK: --lenient

  /// Two bad lines or records in each format, of which a strict reader names the first.
  private static let damaged: [(ImportFormat, [UInt8], line: Int?, byte: Int)] = [
    (.lackey, Array(" L 1000,4\nrubbish\n S 2000,4\n L 1,\n L 3000,4\n".utf8), 2, 10),
    (.din, Array("l 1000 5\nl 1000 5 x\ns 2000 1\nq\n0 3000\n".utf8), 2, 9),
    (.ramulator, Array("1 0x1000\nx\n1 0x2000\n1\n1 0x3000\n".utf8), 2, 9),
    (.dramsim, Array("0x1000 READ 5\n0x2000 READ 4\n0x2000 READ 6\nx\n0x3000 WRITE 7\n".utf8), 2, 14),
    (.csv, Array("addr,op,time\n4096,r,5\n4096,r,4\n8192,w,6\n1,2\n12288,r,7\n".utf8), 3, 22),
    (
      .oraclegeneral,
      FormatTests.oracle([(5, 1, 64, -1), (4, 1, 64, -1), (6, 1, 64, -1), (7, 1, 64, -9), (7, 1, 64, -1)]), nil, 24
    ),
    (
      .damon,
      Array(
        [
          "1.1: damon_aggregated: target_id=0 nr_regions=2 0-4096: 1", "rubbish",
          "1.1: damon_aggregated: target_id=0 nr_regions=2 8192-12288: 1",
          "1.2: damon_aggregated: target_id=0 nr_regions=2 0-4096: 1",
          "1.2: damon_aggregated: target_id=0 nr_regions=2 0-4096: 99",
        ].joined(separator: "\n").utf8), 2, 58
    ),
    (
      .perfscript,
      Array("a 1 1.0: mem-loads: 1000\na 1 1.0: x: 1000\na 1 1.5: mem-loads: 2000\nx\na 1 2.0: mem-loads: 3000\n".utf8),
      2, 25
    ),
    (
      .drmemtrace,
      FormatTests.drmemtrace(
        start + [(0, 8, 0x1000), (99, 0, 0), (0, 8, 0x2000), (0, 0, 0), (0, 8, 0x3000), (26, 0, 0)]), nil, 48
    ),
  ]

  @Test(arguments: ImportFormat.allCases)
  func badLinesAreSkippedAndCounted(format: ImportFormat) throws {
    let scratch = try Scratch()
    let (_, bytes, line, byte) = try #require(Self.damaged.first { $0.0 == format })
    let input = try scratch.write(bytes, "in")
    let strict = #expect(throws: TraceError.self) {
      try TraceImporter(format: format).run(input: input, output: scratch.path("out.pft"))
    }
    #expect(strict?.line == line && strict?.byte == byte)
    #expect(scratch.names == ["in"])
    var importer = TraceImporter(format: format)
    importer.isLenient = true
    let result = try importer.run(input: input, output: scratch.path("out.pft"))
    #expect(result.skipped.count == 2 && result.accesses == 3)
    let place = (line.map { "line \($0), " } ?? "") + "byte \(byte): "
    #expect(result.skipped.first.hasPrefix(place))
    let provenance = try TraceReader(path: scratch.path("out.pft")).header.provenance
    #expect(provenance.filters.hasPrefix("2 of the \(format.inputName) skipped, the first at \(place)"))
    #expect(provenance.options.hasSuffix(", lenient"))
    #expect(throws: Never.self) { try TraceVerification(path: scratch.path("out.pft")) }
  }

  @Test func moreThanHalfIsAnError() throws {
    let scratch = try Scratch()
    var importer = TraceImporter(format: .din)
    importer.isLenient = true
    let good = try importer.run(input: scratch.write("0 1\nx\n0 2\nx\n", "in"), output: scratch.path("out.pft"))
    #expect(good.skipped.count == 2)
    let error = #expect(throws: TraceError.self) {
      try importer.run(input: scratch.write("0 1\nx\n0 2\nx\ny\n", "bad"), output: scratch.path("bad.pft"))
    }
    #expect(
      error?.kind == .malformed && error?.problem.hasPrefix("3 of 5 lines are not din, the first at line 2") == true)
    #expect(!scratch.names.contains("bad.pft"))
  }

  @Test func whatIsCutOffIsOneRecordSkipped() throws {
    #expect(try drmemtrace(Self.start + [(0, 8, 8)], lenient: true).state.skipped.count == 1)
    let line = ".1: damon_aggregated: target_id=0 nr_regions=2 0-4096: 1\n"
    #expect(try read("1\(line)1\(line)2\(line)", .damon, lenient: true).count == 3)
  }

  /// Skipped lines leave no work behind, and what is limited stays so.
  @Test func skippedLinesLeaveNothing() throws {
    #expect(try read("l 1000 5\nl 1000 7 x\ns 2000 1\n", .din, lenient: true).map(\.work) == [5, 1])
    let many = "address,op,tid\n" + (0...65_536).map { "0,r,\($0 * 3)\n" }.joined()
    let error = #expect(throws: TraceError.self) { try read(many, .csv, lenient: true) }
    #expect(error?.kind == .limit)
  }
}
