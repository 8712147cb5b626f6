// A dry run says what an import would find, and bytes in memory read as those of a file.
import Foundation
import Testing

@testable import Trace

@Suite struct ImportCheckTests {
  @Test(arguments: ImportFormat.allCases, Packing.allCases)
  func checksFindWhatImportsFind(format: ImportFormat, packing: Packing) throws {
    let scratch = try Scratch()
    let bytes = packing.pack(try #require(FormatTests.texts[format]))
    let path = try scratch.write(bytes, "in")
    let importer = TraceImporter(columns: try FormatTests.columns(format))
    let run = try importer.run(input: path, output: scratch.path("out.pft"))
    var said: [ImportFormat] = []
    let check = try importer.check(input: path, recognised: { said.append($0.format) })
    #expect(said == [format] && check.format == format)
    #expect(check.accesses == run.accesses && check.lines == run.lines && check.textBytes == run.textBytes)
    #expect(check.instructions == run.instructions && check.skipped == run.skipped && check.notes == run.notes)
    #expect(check.writes == run.header.writes && check.threads == run.header.threads)
    #expect(check.pages == run.header.footprintPages && check.processes == run.header.processes)
    #expect(try bytes.withUnsafeBytes { raw in try importer.check(raw, name: "memory") } == check)
    #expect(scratch.names == ["in", "out.pft"])
  }

  /// Buffers in memory are no longer than the text: each length is one where something could be a byte short.
  @Test func everyPartOfATextReadsInMemoryAsInAFile() throws {
    let scratch = try Scratch()
    for format in [ImportFormat.din, .csv, .oraclegeneral] {
      let text = try #require(FormatTests.texts[format])
      var importer = TraceImporter(format: format, columns: try FormatTests.columns(format))
      importer.isLenient = true
      for count in 0...text.count {
        let part = Array(text.prefix(count))
        let path = try scratch.write(part, "in")
        let file = outcome { try importer.check(input: path) }
        let memory = outcome { try part.withUnsafeBytes { raw in try importer.check(raw, name: path) } }
        #expect(file == memory, "\(format) \(count)")
      }
    }
  }

  private func outcome(_ check: () throws -> ImportCheck) -> String {
    do { return "\(try check())" } catch { return "\(error)" }
  }

  @Test func aCheckStopsWhenItHasEnough() throws {
    let text = try #require(FormatTests.texts[.din])
    let check = try text.withUnsafeBytes { raw in
      try TraceImporter(format: .din).check(raw, name: "memory", maxAccesses: 3)
    }
    #expect(check.accesses == 3 && check.lines == 3)
  }

  @Test func nothingInMemoryIsNothing() throws {
    for format in [nil, ImportFormat.din] {
      let error = #expect(throws: TraceError.self) {
        try TraceImporter(format: format).check(UnsafeRawBufferPointer(start: nil, count: 0), name: "memory")
      }
      #expect(error?.kind == .empty && error?.file == "memory")
    }
  }

  @Test func tracesInMemoryReadAsInAFile() throws {
    let scratch = try Scratch()
    let records = randomRecords(70_000, seed: 3, layout: TraceLayout(), threads: 3)
    try write(records, to: scratch.path("a.pft"))
    let good = try bytes(of: scratch.path("a.pft"))
    var reader = TraceReader(try good.withUnsafeBytes { try TraceFile($0, name: "memory") })
    let block = TraceBlock()
    var count = 0
    while try reader.next(into: block) {
      let expected = records[count..<count + block.count]
      #expect((0..<block.count).map { block[$0] }.elementsEqual(expected))
      count += block.count
    }
    #expect(count == records.count)
    for part in [0, 1, 5000, good.count - 1] {
      let error = #expect(throws: TraceError.self) {
        try good[..<part].withUnsafeBytes { try TraceFile($0, name: "memory") }
      }
      #expect(error?.file == "memory")
    }
  }

  /// The seeds of the fuzzers are whole inputs, each recognised as what its folder says.
  @Test func seedsOfTheFuzzersAreWhole() throws {
    let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fuzzers/corpus")
    for format in ImportFormat.allCases {
      let folder = corpus.appendingPathComponent(format.rawValue)
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(!names.isEmpty)
      for name in names {
        let check = try TraceImporter().check(input: folder.appendingPathComponent(name).path)
        #expect(check.format == format && check.accesses > 1, "\(name)")
      }
    }
  }
}
