// The summary, the text, and the worked example of docs/trace-format.md.
import Foundation
import Testing

@testable import Trace

/// The example of docs/trace-format.md.
let exampleRecords = [
  TraceRecord(address: 0x7F00_0000_1040, size: 64, isWrite: true, gap: 7),
  TraceRecord(address: 0x7F00_0000_1080, size: 64, gap: 300, repeats: 3, repeatWrites: 1),
  TraceRecord(address: 0x5000, thread: 1, size: 8),
  TraceRecord(address: 0x7F00_0000_1000, thread: 0, size: 8, gap: 70_000),
]

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

@Suite struct InfoTests {
  private func example(_ scratch: Scratch) throws -> String {
    try write(
      exampleRecords, to: scratch.path("example.pft"), layout: TraceLayout(granuleShift: 3),
      provenance: TraceProvenance(program: "example"), level: 0)
    return scratch.path("example.pft")
  }

  @Test func theWorkedExampleOfTheFormatIsExact() throws {
    let scratch = try Scratch()
    let written = try bytes(of: example(scratch))
    if let target = ProcessInfo.processInfo.environment["PAGEFERRY_TRACE_EXAMPLE"] {
      try Self.dump(written).write(toFile: target, atomically: true, encoding: .utf8)
    }
    let text = try String(contentsOf: root.appendingPathComponent("docs/trace-format.md"), encoding: .utf8)
    var bytes = [UInt8](repeating: 0, count: written.count)
    var rows = 0
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let first = words.first, first.count == 8, let offset = Int(first, radix: 16) else { continue }
      for (i, word) in words.dropFirst().prefix(16).enumerated() {
        guard word.count == 2, let byte = UInt8(word, radix: 16) else { break }
        if offset + i < bytes.count { bytes[offset + i] = byte }
      }
      rows += 1
    }
    #expect(rows > 10)
    #expect(bytes == written)
  }

  /// Rows of 16 bytes, all-zero rows left out, as the document shows them.
  private static func dump(_ bytes: [UInt8]) -> String {
    func hex(_ value: Int, _ digits: Int) -> String {
      let text = String(value, radix: 16)
      return String(repeating: "0", count: digits - text.count) + text
    }
    return stride(from: 0, to: bytes.count, by: 16).compactMap { start in
      let row = bytes[start..<min(start + 16, bytes.count)]
      if row.allSatisfy({ $0 == 0 }) { return nil }
      return hex(start, 8) + "  " + row.map { hex(Int($0), 2) }.joined(separator: " ") + "\n"
    }.joined()
  }

  @Test func infoCountsPagesAndRendersThem() throws {
    let scratch = try Scratch()
    let info = try TraceInfo(path: example(scratch))
    #expect(info.header.accesses == 7 && info.header.writes == 2)
    #expect(info.accessesPerPage == TraceInfo.Spread(p50: 1, p90: 6, p99: 6, max: 6))
    #expect(info.hottestTenthShare == 6.0 / 7)
    let lines = info.rendered().split(separator: "\n")
    #expect(lines.contains("accesses      7: 5 reads (71.4 %), 2 writes"))
    #expect(lines.contains("footprint     2 pages of 4 KiB (8 KiB) in 2 blocks of 2 MiB"))
    #expect(lines.contains("addresses     0x5000 to 0x7f00000010bf"))
    #expect(lines.contains("per page      p50 1, p90 6, p99 6, max 6 accesses"))
    #expect(lines.contains("work          70,307 instructions"))
    #expect(lines.contains("program       example"))
    let json = try JSONEncoder().encode(info)
    #expect(try JSONDecoder().decode(TraceInfo.self, from: json) == info)
  }

  @Test(arguments: [
    (145, "145 pages of 4 KiB (580 KiB) in"), (11_750, "11,750 pages of 4 KiB (45.9 MiB) in"),
    (256, "256 pages of 4 KiB (1.0 MiB) in"), (1 << 18 + 13_108, "275,252 pages of 4 KiB (1.1 GiB) in"),
  ])
  func sizesHaveOneDecimal(pages: Int, text: String) throws {
    let scratch = try Scratch()
    try write(exampleRecords, to: scratch.path("a.pft"), layout: TraceLayout(granuleShift: 3))
    var info = try TraceInfo(path: scratch.path("a.pft"))
    info.header.footprintPages = pages
    info.header.records = 1_234_567
    #expect(info.rendered().contains("footprint     \(text) 2 blocks"))
    #expect(info.rendered().contains("records       1,234,567, coalesced by page"))
  }

  @Test func controlCharactersOfAHeaderAreShownNotObeyed() throws {
    let scratch = try Scratch()
    try write(
      exampleRecords, to: scratch.path("a.pft"),
      provenance: TraceProvenance(program: "a\u{1B}[31mred\u{9B}0m", notes: "two\nlines"))
    let lines = try TraceInfo(path: scratch.path("a.pft")).rendered().split(separator: "\n")
    #expect(lines.contains(#"program       a\u{1B}[31mred\u{9B}0m"#))
    #expect(lines.contains(#"notes         two\nlines"#))
  }

  @Test func textShowsEveryField() throws {
    let scratch = try Scratch()
    var reader = try TraceReader(path: example(scratch))
    let block = TraceBlock()
    #expect(try reader.next(into: block))
    var text: [UInt8] = []
    for i in 0..<block.count { TraceText(reader.header).append(block[i], to: &text) }
    #expect(
      String(decoding: text, as: UTF8.self) == """
        0 W 0x7f0000001040 64 7 0 0
        0 R 0x7f0000001080 64 300 3 1
        1 R 0x5000 8 0 0 0
        0 R 0x7f0000001000 8 70000 0 0

        """)
  }

  @Test func recordedTracesInTheRepositoryAreWhole() throws {
    let folder = root.appendingPathComponent("workloads/traces")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".pft") && !$0.hasSuffix("-full.pft") }.sorted()
    #expect(names.count >= 3)
    #expect(names.contains("sqlite-shop.pft"))
    let readme = try String(contentsOf: folder.appendingPathComponent("README.md"), encoding: .utf8)
    var footprints: [Int] = []
    var bytes = 0
    for name in names {
      let path = folder.appendingPathComponent(name).path
      let info = try TraceInfo.brief(path: path)
      let header = info.header
      #expect(try TraceVerification(path: path).header == header)
      #expect(header.fileBytes < 4_000_000)
      #expect(header.records > 100_000)
      #expect(header.layout.isCoalesced && header.layout.isCacheFiltered, "\(name) is not filtered and coalesced")
      #expect(!header.provenance.command.isEmpty && !header.provenance.tool.isEmpty)
      footprints.append(header.footprintPages * 4096)
      bytes += header.fileBytes
      // The README's table states the trace that is here.
      let row = readme.split(separator: "\n").first { $0.hasPrefix("| `\(name.dropLast(4))` |") }
      for number in [header.records, header.accesses, header.cachedAccesses, header.footprintPages, header.fileBytes] {
        #expect(
          row?.contains(Self.grouped(number)) == true, "README.md does not say \(Self.grouped(number)) of \(name)")
      }
    }
    #expect(try #require(footprints.min()) >= 20 << 20)
    #expect(try #require(footprints.min()) < 30 << 20)
    #expect(try #require(footprints.max()) > 100 << 20)
    #expect(bytes < 12_000_000)
  }

  /// `1234567` as `1,234,567`.
  private static func grouped(_ number: Int) -> String {
    var digits = Array(String(number))
    for i in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: i) }
    return String(digits)
  }
}
