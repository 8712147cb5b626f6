// Text traces: what a line becomes, and what is said about lines that are none.
import Foundation
import Testing

@testable import Trace

@Suite struct ImportTests {
  private func records(
    _ text: String, _ format: ImportFormat, _ scratch: Scratch, _ change: (inout ImportOptions) -> Void = { _ in }
  ) throws -> [String] {
    var options = ImportOptions()
    change(&options)
    _ = try TraceImporter(format: format, options: options).run(
      input: scratch.write(text, "in.txt"), output: scratch.path("out.pft"))
    return try readAll(scratch.path("out.pft")).map(TraceText.line)
  }

  private static let lackeyText = """
    ==1== Lackey, an example Valgrind tool
    I  04001000,3
     S 1ffeffe7e8,8
    I  04001003,5
    I  04001da0,1
     L 04222c4c,4
     M 04222ff8,8
    --1-- warning
     S 04222ffc,8

    """

  @Test func lackeyLinesBecomeRecords() throws {
    let scratch = try Scratch()
    let wanted = [
      "0 W 0x1ffeffe7e8 8 1 0 0", "0 R 0x4222c4c 4 2 0 0", "0 R 0x4222ff8 8 0 0 0", "0 W 0x4222ff8 8 0 0 0",
      "0 W 0x4222ffc 4 0 0 0", "0 W 0x4223000 4 0 0 0",
    ]
    #expect(try records(Self.lackeyText, .lackey, scratch) { $0.coalesce = false } == wanted)
    #expect(
      try records(Self.lackeyText, .lackey, scratch) == [
        "0 W 0x1ffeffe7e8 8 1 0 0", "0 R 0x4222c4c 4 2 3 2", "0 W 0x4223000 4 0 0 0",
      ])
    #expect(
      try records(Self.lackeyText, .lackey, scratch) { $0.pageGranular = true } == [
        "0 W 0x1ffeffe000 8 1 0 0", "0 R 0x4222000 4 2 3 2", "0 W 0x4223000 4 0 0 0",
      ])
    #expect(
      try records(Self.lackeyText, .lackey, scratch) { $0.instructions = true } == [
        "0 R 0x4001000 3 0 0 0", "0 W 0x1ffeffe7e8 8 0 0 0", "0 R 0x4001003 5 0 1 0", "0 R 0x4222c4c 4 0 3 2",
        "0 W 0x4223000 4 0 0 0",
      ])
  }

  @Test func dinLinesBecomeRecords() throws {
    let scratch = try Scratch()
    #expect(
      try records("2 400000\n0 1000\n1 0x2000 \n\n2 400004\r\n2 400008\n0\t1004", .din, scratch) == [
        "0 R 0x1000 4 1 0 0", "0 W 0x2000 4 0 0 0", "0 R 0x1004 4 2 0 0",
      ])
    #expect(
      try records("s 0x1fffff58 1\nl 0x1fffff60 1\nl 0x30000000 6\n", .din, scratch) == [
        "0 W 0x1fffff58 4 1 1 0", "0 R 0x30000000 4 7 0 0",
      ])
  }

  @Test func windowsCutTheRun() throws {
    let scratch = try Scratch()
    let text = (0..<10).map { "l \(String($0 << 12, radix: 16)) 5\n" }.joined()
    #expect(
      try records(text, .din, scratch) {
        $0.skipAccesses = 3
        $0.maxRecords = 2
      } == ["0 R 0x3000 4 5 0 0", "0 R 0x4000 4 5 0 0"])
    #expect(throws: TraceError.self) { try records(text, .din, scratch) { $0.skipAccesses = 10 } }
  }

  @Test(arguments: [
    (ImportFormat.lackey, "x\n", 1, 0), (.lackey, " L 1000,4\n L 1000\n", 2, 10),
    (.lackey, " L 1000,4\n X 1000,4\n", 2, 10),
    (.lackey, " L 1000,\n", 1, 0), (.lackey, " L 1000,4 \n", 1, 0), (.lackey, " L 1000,0\n", 1, 0),
    (.lackey, " L 1000,4097\n", 1, 0), (.lackey, " L ,4\n", 1, 0), (.lackey, " L 11112222333344445,4\n", 1, 0),
    (.lackey, " L ffffffffffffffff,4\n", 1, 0), (.lackey, "==1== x\n L 1000,4\n L 10", 3, 18),
    (.lackey, " L 1000,4\n L 1000,4", 2, 10), (.lackey, "\n", 1, 0), (.lackey, " ", 1, 0), (.lackey, "I", 1, 0),
    (.lackey, " L 1000,4294967297\n", 1, 0), (.lackey, " L 1000,-1\n", 1, 0),
    (.din, "0 1000\n3 1000\n", 2, 7), (.din, "0\n", 1, 0), (.din, "0 \n", 1, 0), (.din, "01000\n", 1, 0),
    (.din, "0 0x\n", 1, 0), (.din, "0 1000 5\n", 1, 0), (.din, "l 1000\n", 1, 0), (.din, "l 1000 x\n", 1, 0),
    (.din, "l 1000 4294967296\n", 1, 0), (.din, "s ffffffffffffffff 1\n", 1, 0), (.din, "l 1000 5 6\n", 1, 0),
  ])
  func malformedLinesNameTheirPlace(format: ImportFormat, text: String, line: Int, byte: Int) throws {
    let scratch = try Scratch()
    let error = #expect(throws: TraceError.self) { try records(text, format, scratch) }
    #expect(error?.kind == .malformed)
    #expect(error?.line == line)
    #expect(error?.byte == byte)
    #expect(error?.fix.isEmpty == false)
    #expect(scratch.names == ["in.txt"])
  }

  @Test func linesThatNeverEndAreRefused() throws {
    let scratch = try Scratch()
    let text = "0 1000\n" + String(repeating: "1", count: 2_000_000)
    let error = #expect(throws: TraceError.self) { try records(text, .din, scratch) }
    #expect(error?.kind == .malformed && error?.line == 2 && error?.byte == 7)
  }

  @Test func emptyInputIsAnError() throws {
    let scratch = try Scratch()
    for text in ["", "==1== only chatter\n", "I  1000,4\n"] {
      let error = #expect(throws: TraceError.self) { try records(text, .lackey, scratch) }
      #expect(error?.kind == .empty)
    }
    #expect(scratch.names == ["in.txt"])
  }

  @Test func gzipAndItsMembersReadAsText() throws {
    let scratch = try Scratch()
    let lines = (0..<200_000).map { "l \(String(($0 % 977) << 12, radix: 16)) \($0 % 9)\n" }.joined()
    let plain = try records(lines, .din, scratch)
    let half = lines.utf8.count / 2
    let packed = gzip(Array(lines.utf8.prefix(half))) + gzip(Array(lines.utf8.dropFirst(half)))
    var last = ImportProgress(bytesConsumed: 0, totalBytes: nil, lines: 0, accesses: 0, traceBytes: 0)
    let result = try TraceImporter(format: .din).run(
      input: scratch.write(packed, "in.gz"), output: scratch.path("out.pft"), progress: { last = $0 })
    #expect(try readAll(scratch.path("out.pft")).map(TraceText.line) == plain)
    #expect(last.bytesConsumed == packed.count && last.totalBytes == packed.count && last.lines == 200_000)
    #expect(result.textBytes == lines.utf8.count && result.accesses == 200_000)
    let cut = try scratch.write(Array(packed.dropLast(5)), "cut.gz")
    #expect(throws: TraceError.self) {
      try TraceImporter(format: .din).run(input: cut, output: scratch.path("cut.pft"))
    }
    #expect(!scratch.names.contains("cut.pft"))
  }

  @Test func standardInputIsReadAsItComes() throws {
    let scratch = try Scratch()
    let text = Array((0..<60_000).map { "l \(String(($0 % 977) << 12, radix: 16)) 1\n" }.joined().utf8)
    let pipe = Pipe()
    let saved = dup(0)
    dup2(pipe.fileHandleForReading.fileDescriptor, 0)
    defer {
      dup2(saved, 0)
      close(saved)
    }
    let feeder = Thread {
      for start in stride(from: 0, to: text.count, by: 7001) {
        pipe.fileHandleForWriting.write(Data(text[start..<min(start + 7001, text.count)]))
      }
      try? pipe.fileHandleForWriting.close()
    }
    feeder.start()
    let result = try TraceImporter(format: .din).run(input: "-", output: scratch.path("out.pft"))
    #expect(result.header.accesses == 60_000 && result.header.footprintPages == 977 && result.lines == 60_000)
  }

  @Test func coalescingKeepsCountsAndWork() throws {
    let scratch = try Scratch()
    var random = Seeded(4)
    var text = ""
    for _ in 0..<20_000 {
      let address = (random.next() % 50) << 12 | random.next() % 4000
      let kind = random.next() % 3 == 0 ? "s" : "l"
      for _ in 0...(random.next() % 3) { text += "\(kind) \(String(address, radix: 16)) \(random.next() % 300)\n" }
    }
    _ = try records(text, .din, scratch) { $0.coalesce = false }
    let single = try readAll(scratch.path("out.pft"))
    let singleHeader = try TraceReader(path: scratch.path("out.pft")).header
    _ = try records(text, .din, scratch)
    let merged = try readAll(scratch.path("out.pft"))
    let header = try TraceReader(path: scratch.path("out.pft")).header
    #expect(header.records < singleHeader.records)
    #expect((header.accesses, header.writes) == (singleHeader.accesses, singleHeader.writes))
    // Each record stands for the run of accesses to one page that it replaces; work moves to the next record.
    var i = 0
    var carried = 0
    for record in merged {
      let run = single[i..<i + record.accesses]
      #expect(run.allSatisfy { $0.address >> 12 == record.address >> 12 })
      #expect(run.first?.address == record.address && run.first?.isWrite == record.isWrite)
      #expect(run.reduce(0) { $0 + $1.writes } == record.writes)
      #expect(Int(record.gap) == carried + Int(run.first!.gap))
      carried = run.dropFirst().reduce(0) { $0 + Int($1.gap) }
      i += record.accesses
    }
    #expect(i == single.count)
  }

  /// Traces by others, beside the checkout; not part of the project.
  @Test(arguments: [
    ("gzip.din-like.trace.gz", ImportFormat.din, 481_044, 39_856), ("lackey-long-head.trace.gz", .lackey, 64_246, 0),
    ("403.gcc.ramulator.gz", .ramulator, 50_024, 1306), ("dramsim3-example.trace.gz", .dramsim, 38_374, 638),
  ])
  func tracesOfOthersImport(name: String, format: ImportFormat, accesses: Int, pages: Int) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let shared =
      ProcessInfo.processInfo.environment["PAGEFERRY_SHARED"].map { URL(fileURLWithPath: $0) }
      ?? root.deletingLastPathComponent().appendingPathComponent("shared")
    let input = shared.appendingPathComponent("fixtures/traces/\(name)").path
    guard FileManager.default.fileExists(atPath: input) else {
      print("SKIPPED: \(name) is not in \(shared.path); set PAGEFERRY_SHARED to the folder that has fixtures/")
      return
    }
    let scratch = try Scratch()
    let result = try TraceImporter(format: format).run(input: input, output: scratch.path("out.pft"))
    #expect(result.accesses == accesses)
    #expect(try TraceImporter().run(input: input, output: scratch.path("auto.pft")).format == format)
    if pages > 0 { #expect(result.header.footprintPages == pages) }
    let info = try TraceInfo(path: scratch.path("out.pft"))
    #expect(info.header == result.header)
  }

  @Test(arguments: ["pipe", "folder", "dangling"])
  func whatIsNoRegularFileIsLeftAlone(name: String) throws {
    let scratch = try Scratch()
    _ = try scratch.write("0 1000\n", "in")
    #expect(mkfifo(scratch.path("pipe"), 0o600) == 0)
    #expect(mkdir(scratch.path("folder"), 0o700) == 0)
    #expect(symlink("nowhere", scratch.path("dangling")) == 0)
    var before = stat()
    #expect(lstat(scratch.path(name), &before) == 0)
    let error = #expect(throws: TraceError.self) {
      try TraceImporter(format: .din).run(input: scratch.path("in"), output: scratch.path(name))
    }
    #expect(error?.kind == .system && error?.file == scratch.path(name))
    var after = stat()
    #expect(lstat(scratch.path(name), &after) == 0)
    #expect(before.st_ino == after.st_ino && before.st_mode == after.st_mode)
    #expect(scratch.names == ["dangling", "folder", "in", "pipe"])
  }

  @Test func theInputIsNotOverwrittenByAnyOfItsNames() throws {
    let scratch = try Scratch()
    let input = try scratch.write("0 1000\n", "in")
    #expect(symlink("in", scratch.path("link")) == 0 && link(input, scratch.path("twin")) == 0)
    for (from, to) in [("in", "in"), ("in", "link"), ("link", "in"), ("in", "twin")] {
      let error = #expect(throws: TraceError.self) {
        try TraceImporter(format: .din).run(input: scratch.path(from), output: scratch.path(to))
      }
      #expect(error?.kind == .usage && error?.problem == "is the input too")
    }
    #expect(try bytes(of: input) == Array("0 1000\n".utf8))
    #expect(scratch.names == ["in", "link", "twin"])
  }

  @Test func anotherFileIsReplacedAndALinkToItKept() throws {
    let scratch = try Scratch()
    let input = try scratch.write("0 1000\n", "in")
    let target = try scratch.write("old", "target")
    #expect(symlink("target", scratch.path("link")) == 0)
    for name in ["target", "link"] {
      _ = try TraceImporter(format: .din).run(input: input, output: scratch.path(name))
      #expect(try readAll(target).count == 1)
    }
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: scratch.path("link")) == "target")
    #expect(scratch.names == ["in", "link", "target"])
  }

  @Test func anEmptyNameIsRefused() throws {
    let scratch = try Scratch()
    let input = try scratch.write("0 1000\n", "in")
    let error = #expect(throws: TraceError.self) { try TraceImporter(format: .din).run(input: input, output: "") }
    #expect(error?.kind == .usage)
  }
}

@Suite struct HexTests {
  @Test func eightDigitsAtOnceAreWhatOneByOneGives() {
    func slow(_ text: [UInt8]) -> UInt64? {
      var value: UInt64 = 0
      for c in text {
        let digit = hexDigit(c)
        if digit > 15 { return nil }
        value = value << 4 | digit
      }
      return value
    }
    func fast(_ text: [UInt8]) -> UInt64? {
      hexDigits(text.enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) })
    }
    // Every byte in every place, between digits.
    for place in 0..<8 {
      for byte in UInt8.min...UInt8.max {
        var text = Array("0A9f1c7E".utf8)
        text[place] = byte
        #expect(fast(text) == slow(text), "\(byte) in place \(place)")
      }
    }
    var random = Seeded(3)
    let digits = Array("0123456789abcdefABCDEF".utf8)
    for _ in 0..<2000 {
      let text = (0..<8).map { _ in digits[Int(random.next() % 22)] }
      #expect(fast(text) == slow(text))
    }
  }
}
