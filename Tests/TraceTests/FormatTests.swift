// The formats of other tools: one trace in all of them, bad lines of each, and what is recognised.
import Foundation
import Testing

@testable import Trace

@Suite struct FormatTests {
  /// One run of a program in every format: three pages in order of address, so that objects get their own addresses.
  static let texts: [ImportFormat: [UInt8]] = [
    .lackey: Array(
      "==7== chatter\n L 00000000,64\n S 00001000,64\n L 00000040,64\n S 00002000,64\n L 00001000,64\n".utf8),
    .din: Array("l 0 3\ns 1000 0\nl 40 5\ns 2000 0\nl 1000 7\n".utf8),
    .ramulator: Array("3 0 4096\n5 0x40 8192\n7 4096\n".utf8),
    .dramsim: Array(
      "0x0 READ 10\n0x1000 P_MEM_WR 10\r\n\n0x40   P_FETCH\t15\n0x2000 WRITE 15\n0x1000 read 22\n".utf8),
    .csv: Array("when,addr,RW,TID,note\n".utf8)
      + Array(
        "1,0x0,r,70,\"a, \"\"b\"\"\"\n1,4096,W,71,\n6,0x40,Load,70,x\n6,\"0x2000\",1,71,\n13,0x1000, read ,70,\n".utf8),
    .oraclegeneral: oracle([(5, 9, 64, 2), (5, 8, 64, 4), (5, 9, 64, -1), (6, 7, 64, .max), (7, 8, 64, -1)]),
    .damon: Array(
      ([0, 1, 0, 2, 1].enumerated().map { i, page in
        "kdamond.0  41 [00\(i)] \(i + 1).\(i)00000: damon:damon_aggregated: target_id=0 nr_regions=1 "
          + "\(page * 4096)-\(page * 4096 + 4096): 1 \(i)\n"
      }.joined() + "# end\n").utf8),
    .perfscript: Array(
      """
      a prog   7/71    [000]     1.000010:          1 cpu/mem-loads,ldlat=30/P:     1000      10268100142 |OP LOAD|LVL L1 hit|SNP None
      a prog   7/72    [001]     1.000010:          1     mem-stores:     2000
      a prog   7/71    [000]     1.000015:          1      mem-loads:     1040

      a prog   7/72    [000]     1.000015:   mem-stores:  3000   7fad7c47425d main+0x3 (/bin/a)
      a prog   7/71    [000]     1.000022:   mem-loads:  2000
      """.utf8),
    .drmemtrace: drmemtrace([
      (25, 0, 5), (28, 12, 5), (22, 0, 71), (24, 0, 7), (28, 2, 1000), (10, 4, 0x400000), (0, 64, 0), (1, 64, 0x1000),
      (47, 3, 0xAABBCC), (10, 3, 0x400004), (0, 64, 0x40), (2, 64, 0x2000), (1, 64, 0x2000), (0, 64, 0x1000),
      (23, 0, 71), (26, 0, 0),
    ]),
  ]

  static func oracle(_ records: [(UInt32, UInt64, UInt32, Int64)]) -> [UInt8] {
    var bytes: [UInt8] = []
    for (time, object, size, next) in records {
      for i in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: time >> UInt32(8 * i))) }
      for i in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: object >> UInt64(8 * i))) }
      for i in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: size >> UInt32(8 * i))) }
      for i in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: next >> Int64(8 * i))) }
    }
    return bytes
  }

  /// Records of drmemtrace: type, size, value.
  static func drmemtrace(_ records: [(UInt16, UInt16, UInt64)]) -> [UInt8] {
    records.flatMap { type, size, value in
      [UInt8(truncatingIfNeeded: type), UInt8(type >> 8), UInt8(truncatingIfNeeded: size), UInt8(size >> 8)]
        + (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }
  }

  static func columns(_ format: ImportFormat) throws -> CSVColumns {
    format == .csv ? try CSVColumns("time=when,op=RW,thread=TID") : CSVColumns()
  }

  private func records(
    _ bytes: [UInt8], _ format: ImportFormat?, _ scratch: Scratch, _ columns: CSVColumns = CSVColumns(),
    change: (inout ImportOptions) -> Void = { _ in }
  ) throws -> (records: [TraceRecord], result: ImportResult) {
    var options = ImportOptions()
    options.coalesce = false
    change(&options)
    let result = try TraceImporter(format: format, options: options, columns: columns).run(
      input: scratch.write(bytes, "in"), output: scratch.path("out.pft"))
    return (try readAll(scratch.path("out.pft")), result)
  }

  @Test(arguments: ImportFormat.allCases, [false, true])
  func formatsAreRecognised(format: ImportFormat, isPacked: Bool) throws {
    let scratch = try Scratch()
    let text = try #require(Self.texts[format])
    var said: [FormatRecognition] = []
    let result = try TraceImporter(columns: Self.columns(format)).run(
      input: scratch.write(isPacked ? gzip(text) : text, "in"), output: scratch.path("out.pft"),
      recognised: { said.append($0) })
    #expect(result.format == format && said.map(\.format) == [format])
    let reason: String =
      switch format {
      case .lackey: "5 of 5 lines are ' L ADDRESS,SIZE', 1 more are passed over"
      case .din: "5 of 5 lines are '0|1|2 ADDRESS' or 'l|s ADDRESS GAP'"
      case .ramulator: "3 of 3 lines are 'INSTRUCTIONS READ [WRITEBACK]'"
      case .dramsim: "5 of 5 lines are '0xADDRESS READ|WRITE CYCLE', 1 more are passed over"
      case .csv: "5 of 5 lines are values under the columns that the first line names"
      case .oraclegeneral: "5 of 5 records are 24 bytes of time, object, size and next request"
      case .damon:
        "5 of 5 regions are 'target_id=N nr_regions=N START-END: FOUND AGE' or regions of JSON, 1 more are passed over"
      case .perfscript: "5 of 5 lines are 'PID/TID TIME: EVENT: ADDRESS', 1 more are passed over"
      case .drmemtrace: "7 of 7 records are 12 bytes of type, size and address, 9 more are passed over"
      }
    #expect(said.first?.reason == reason)
  }

  /// What is recognised by its first 64 KiB is read from its first byte.
  @Test func longInputsAreRecognisedByTheirHead() throws {
    let scratch = try Scratch()
    let text = Array((0..<50_000).map { "0x\(String($0 << 6, radix: 16)) READ \($0 * 3)\n" }.joined().utf8)
    for bytes in [text, gzip(text)] {
      let result = try TraceImporter().run(input: scratch.write(bytes, "in"), output: scratch.path("out.pft"))
      #expect(result.format == .dramsim && result.lines == 50_000 && result.textBytes == text.count)
      #expect(result.header.accesses == 50_000 && result.header.totalGap <= 149_997)
    }
    let damaged = Array(String(decoding: text, as: UTF8.self).replacing("0x30d000 READ", with: "0x30d000 REED").utf8)
    let error = #expect(throws: TraceError.self) {
      try TraceImporter().run(input: scratch.write(damaged, "bad"), output: scratch.path("bad.pft"))
    }
    #expect(error?.kind == .malformed && error?.line == 0x30d000 >> 6 + 1)
    #expect(!scratch.names.contains("bad.pft"))
  }

  @Test(arguments: [
    ("0 1000\n1 2000\n", "may be din and ramulator"), ("hello\nworld\n", "no format is recognised"),
    ("address,op\n", "no format is recognised"), ("address,size\n0x0,4\n", "no column is the op"),
    (String(repeating: "x", count: 70_000), "no line ends in the first 65536 bytes"),
    (String(repeating: "\0", count: 240), "no format is recognised"), ("\n\n\n", "no format is recognised"),
  ])
  func rubbishIsNotRecognised(text: String, problem: String) throws {
    let scratch = try Scratch()
    let error = #expect(throws: TraceError.self) { try records(Array(text.utf8), nil, scratch) }
    #expect(error?.kind == .format && error?.byte == 0)
    #expect(error?.problem.contains(problem) == true)
    for format in ImportFormat.allCases { #expect(error?.problem.contains("\(format.rawValue): ") == true) }
    #expect(scratch.names == ["in"])
  }

  @Test func emptyInputsAndTracesAreNotRecognised() throws {
    let scratch = try Scratch()
    #expect(throws: TraceError.self) { try records([], nil, scratch) }
    _ = try records(Array("s 0 1\n".utf8), nil, scratch)
    let error = #expect(throws: TraceError.self) {
      try TraceImporter().run(input: scratch.path("out.pft"), output: scratch.path("again.pft"))
    }
    #expect(error?.problem == "is a Pageferry trace already")
  }

  /// Most lines decide when no format has all of them; the reader then names the bad one.
  @Test func aBadLineIsNamedByTheRecognisedReader() throws {
    let scratch = try Scratch()
    let error = #expect(throws: TraceError.self) {
      try records(Array("0x0 READ 1\n0x40 READ 2\n# end\n".utf8), nil, scratch)
    }
    #expect(error?.kind == .malformed && error?.line == 3 && error?.byte == 23)
  }

  @Test(arguments: [
    (ImportFormat.ramulator, "x\n", 1, 0), (.ramulator, "1 2\n3\n", 2, 4), (.ramulator, "1 2 3 4\n", 1, 0),
    (.ramulator, "1 2 x\n", 1, 0), (.ramulator, "-1 2\n", 1, 0), (.ramulator, "1 010\n", 1, 0),
    (.ramulator, "4294967296 2\n", 1, 0), (.ramulator, "1 18446744073709551616\n", 1, 0), (.ramulator, "1 0x\n", 1, 0),
    (.ramulator, "1 0x11112222333344445\n", 1, 0), (.ramulator, "0x40 R\n", 1, 0), (.ramulator, "1 2 3x\n", 1, 0),
    (.ramulator, "1 2\n1", 2, 4), (.ramulator, "1 2 \0\n", 1, 0),
    (.dramsim, "40 READ 1\n", 1, 0), (.dramsim, "0x40 REED 1\n", 1, 0), (.dramsim, "0x40 READ\n", 1, 0),
    (.dramsim, "0x40 READ 1 2\n", 1, 0), (.dramsim, "0x40 READ 0x1\n", 1, 0), (.dramsim, "0x40 READ x\n", 1, 0),
    (.dramsim, "0x40 READ 5\n0x40 READ 4\n", 2, 12), (.dramsim, "0x40READ 5\n", 1, 0), (.dramsim, "0x READ 5\n", 1, 0),
    (.dramsim, "0x40 READ 18446744073709551616\n", 1, 0), (.dramsim, "0x40 READS 1\n", 1, 0), (.dramsim, "0x40 ", 1, 0),
    (.csv, "address\n", 1, 0), (.csv, "op,size\n", 1, 0), (.csv, "address,addr,op\n", 1, 0),
    (.csv, "address,op,gap,time\n", 1, 0), (.csv, "address,\"op\n", 1, 0), (.csv, "address,o\"p\n", 1, 0),
    (.csv, "address,op\n1\n", 2, 11), (.csv, "address,op\n1,r,2\n", 2, 11), (.csv, "address,op\n1,x\n", 2, 11),
    (.csv, "address,op\n1,\n", 2, 11), (.csv, "address,op\n,r\n", 2, 11), (.csv, "address,op\n7f00,r\n", 2, 11),
    (.csv, "address,op\n1,readread\n", 2, 11), (.csv, "address,op\n\"1,r\n\"\n", 2, 11),
    (.csv, "address,op\n\"1\"x,r\n", 2, 11), (.csv, "address,op\n1,\u{10}\n", 2, 11),
    (.csv, "address,op,size\n1,r,0\n", 2, 16), (.csv, "address,op,size\n1,r,4097\n", 2, 16),
    (.csv, "address,op,size\n0xffffffffffffffff,r,1\n", 2, 16), (.csv, "address,op,gap\n1,r,4294967296\n", 2, 15),
    (.csv, "address,op,time\n1,r,5\n1,r,4\n", 3, 22), (.csv, "address,op,time\n1,r,1.5\n", 2, 16),
    (.csv, "address,op,tid\n1,r,main\n", 2, 15), (.csv, "address,op\n1,r\n\n1;r\n", 4, 16),
  ])
  func badLinesNameTheirPlace(format: ImportFormat, text: String, line: Int, byte: Int) throws {
    let scratch = try Scratch()
    let error = #expect(throws: TraceError.self) { try records(Array(text.utf8), format, scratch) }
    #expect(error?.kind == .malformed)
    #expect(error?.line == line)
    #expect(error?.byte == byte)
    #expect(error?.fix.isEmpty == false)
    #expect(scratch.names == ["in"])
  }

  @Test(
    arguments: [
      ([(5, 1, 64, 2), (4, 1, 64, -1)], 0, TraceError.Kind.malformed, 24), ([(5, 1, 64, -2)], 0, .malformed, 0),
      ([(5, 1, 64, 1 << 48)], 0, .malformed, 0), ([(5, 1, 64, -1), (5, 1, 64, -1)], 1, .truncated, 24),
      ([(5, 1, 0, -1)], 0, .empty, nil), ([(5, 1, 64, -1)], 23, .truncated, 0),
    ] as [([(UInt32, UInt64, UInt32, Int64)], Int, TraceError.Kind, Int?)])
  func badRecordsNameTheirPlace(
    list: [(UInt32, UInt64, UInt32, Int64)], cut: Int, kind: TraceError.Kind, byte: Int?
  ) throws {
    let scratch = try Scratch()
    let bytes = Array(Self.oracle(list).dropLast(cut))
    let error = #expect(throws: TraceError.self) { try records(bytes, .oraclegeneral, scratch) }
    #expect(error?.kind == kind && error?.byte == byte && error?.fix.isEmpty == false)
    #expect(scratch.names == ["in"])
  }

  @Test func objectsGetRangesOfPagesAndMoveWhenTheyGrow() throws {
    let scratch = try Scratch()
    let bytes = Self.oracle([
      (9, 77, 5000, 2), (9, 3, 1, 3), (10, 77, 4096, 4), (10, 3, 4097, -1), (11, 77, 5000, -1), (12, 4, 0, -1),
    ])
    let (found, result) = try records(bytes, .oraclegeneral, scratch)
    #expect(
      found.map(TraceText.line) == [
        "0 R 0x0 4096 0 0 0", "0 R 0x1000 904 0 0 0", "0 R 0x2000 1 0 0 0", "0 R 0x0 4096 1000000000 0 0",
        "0 R 0x3000 4096 0 0 0", "0 R 0x4000 1 0 0 0", "0 R 0x0 4096 1000000000 0 0", "0 R 0x1000 904 0 0 0",
      ])
    #expect(result.lines == 6 && result.textBytes == bytes.count)
    let filtered = try records(bytes, .oraclegeneral, scratch) { $0.cache = try? CacheSpecification("4KiB:4") }
    #expect(filtered.result.header.layout.addressKind == .virtual && filtered.result.header.layout.granuleShift == 6)
  }

  @Test(arguments: [
    ("a=b", "there is no field `a`"), ("address", "`address` is no FIELD=NAME"), ("", "`` is no FIELD=NAME"),
    ("op=A,op=B", "`op` is named twice"),
  ])
  func badColumnOptionsAreRefused(text: String, problem: String) {
    let error = #expect(throws: TraceError.self) { try CSVColumns(text) }
    #expect(error?.kind == .usage && error?.problem.contains(problem) == true)
  }

  @Test func columnsAreForCSVAlone() throws {
    let scratch = try Scratch()
    for format in [ImportFormat.din, nil] {
      let error = #expect(throws: TraceError.self) {
        try records(Array("l 0 3\n".utf8), format, scratch, CSVColumns("op=x"))
      }
      #expect(error?.kind == .usage)
    }
  }

  @Test func columnsGoByNameAndEmptyNamesAreNotRead() throws {
    let scratch = try Scratch()
    // A byte-order mark, a quoted name with a comma and quotes, two clocks, an empty line, a last line without an end.
    let text = Array("\u{FEFF}rw,\"at \"\"it\"\"\",bytes,cycle,gap\nw,8,4096,7,1\n\nR,8,16,9,5".utf8)
    func lines(_ columns: String) throws -> [String] {
      try records(text, .csv, scratch, CSVColumns("address=at \"it\"," + columns)).records.map(TraceText.line)
    }
    #expect(throws: TraceError.self) { try lines("op=rw") }
    #expect(try lines("gap=") == ["0 W 0x8 4088 0 0 0", "0 W 0x1000 8 0 0 0", "0 R 0x8 16 2 0 0"])
    #expect(try lines("gap=gap") == ["0 W 0x8 4088 1 0 0", "0 W 0x1000 8 0 0 0", "0 R 0x8 16 5 0 0"])
    #expect(try lines("gap=,cycle=,size=") == ["0 W 0x8 56 0 0 0", "0 R 0x8 56 0 0 0"])
    #expect(try TraceReader(path: scratch.path("out.pft")).header.layout.gapUnit == GapUnit.none)
  }

  /// A hit in the modelled cache is an instruction where those are counted, and no time of its own elsewhere.
  @Test func cacheHitsDoNotStretchStatedTimes() throws {
    let scratch = try Scratch()
    let cached: (inout ImportOptions) -> Void = { $0.cache = try? CacheSpecification("4KiB:4") }
    let dramsim = Array("0x0 READ 10\n0x0 READ 20\n0x0 READ 30\n0x1000 READ 40\n".utf8)
    #expect(try records(dramsim, .dramsim, scratch, change: cached).records.map(\.gap) == [0, 30])
    let ramulator = Array("5 0\n5 0\n5 0\n5 4096\n".utf8)
    #expect(try records(ramulator, .ramulator, scratch, change: cached).records.map(\.gap) == [5, 17])
    let csv = Array("address,op\n0,r\n0,r\n4096,r\n".utf8)
    #expect(try records(csv, .csv, scratch, change: cached).records.map(\.gap) == [0, 0])
  }

  @Test func threadsKeepTheirOwnRunsAndWork() throws {
    let scratch = try Scratch()
    let text = Array("address,op,gap,tid\n0,r,1,9\n8,w,2,9\n16,r,3,5\n24,r,4,9\n4096,r,5,5\n8192,r,6,9\n".utf8)
    let (found, result) = try records(text, .csv, scratch) { $0.coalesce = true }
    // The gap of an access that is folded in goes to its thread's next record.
    #expect(
      found.map(TraceText.line) == [
        "0 R 0x0 64 1 1 1", "1 R 0x10 48 3 0 0", "0 R 0x18 40 6 0 0", "1 R 0x1000 64 5 0 0", "0 R 0x2000 64 6 0 0",
      ])
    #expect(result.header.threads == 2)
    let skipped = try records(text, .csv, scratch) { $0.skipAccesses = 3 }
    #expect(skipped.records.map(\.gap) == [4, 5, 6] && skipped.records.map(\.thread) == [0, 1, 0])
    let many = Array("address,op,tid\n".utf8) + Array((0...65_536).map { "0,r,\($0 * 3)\n" }.joined().utf8)
    let error = #expect(throws: TraceError.self) { try records(many, .csv, scratch) }
    #expect(error?.problem.hasPrefix("more than 65536 threads") == true && error?.line == 65_538)
  }
}
