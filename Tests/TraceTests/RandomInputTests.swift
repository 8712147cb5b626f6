// Random bytes for the reader of each format, from seeds.
import Foundation
import Testing

@testable import Trace

@Suite struct RandomInputTests {
  /// Whatever the bytes are, a reader ends with a trace or a typed error.
  @Test(arguments: ImportFormat.allCases)
  func randomBytesNeverTrap(format: ImportFormat) throws {
    let scratch = try Scratch()
    let texts = [try #require(FormatTests.texts[format])] + (format == .damon ? [Array(DamonTests.json.utf8)] : [])
    let alphabet = Array(" \t\r\n,\"0123456789abxLSMIRWreadwit_=-\0[]{}:|/".utf8)
    var random = Seeded(UInt64(format.rawValue.utf8.count) << 32 | 11)
    var options = ImportOptions()
    options.maxRecords = 50
    var outcomes = (good: 0, bad: 0)
    for round in 0..<3000 {
      var bytes = texts[round / 3 % texts.count]
      switch round % 3 {
      case 0: bytes = (0..<Int(random.next() % 80)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      case 1: bytes = (0..<Int(random.next() % 80)).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] }
      default:
        for _ in 0...(random.next() % 3) {
          let i = Int(random.next() % UInt64(bytes.count))
          switch random.next() % 3 {
          case 0: bytes[i] = UInt8(truncatingIfNeeded: random.next())
          case 1: bytes[i] = alphabet[Int(random.next() % UInt64(alphabet.count))]
          default: bytes.removeLast(min(i, bytes.count - 1))
          }
        }
      }
      do {
        // The reader alone, through a file now and then, which is slow; and all readers at once.
        if round % 20 < 2 {
          _ = try TraceImporter(format: format, options: options, columns: FormatTests.columns(format)).run(
            input: scratch.write(bytes, "in"), output: scratch.path("out.pft"))
        } else if round % 20 == 2 {
          _ = try FormatRecognition(head: bytes, of: "random", FormatTests.columns(format))
        } else {
          try read(bytes, format)
        }
        outcomes.good += 1
      } catch is TraceError {
        outcomes.bad += 1
      }
    }
    #expect(outcomes.good > 100 && outcomes.bad > 100)
  }

  /// Reads all lines, and throws for the first bad one.
  private func read(_ bytes: [UInt8], _ format: ImportFormat) throws {
    let importer = TraceImporter(format: format, columns: try FormatTests.columns(format))
    var text = LineReader(bytes, file: "random")
    var state = ImportState()
    var sink = Ignored()
    if format == .csv { state.csv = try importer.csvLayout(&text) }
    if let size = format.recordBytes {
      try bytes.withUnsafeBytes { raw in
        for i in 0..<bytes.count / size {
          try importer.record(of: format, raw.baseAddress! + i * size, "random", &sink, &state)
        }
      }
      return
    }
    if format == .damon && JSONScanner.begins(bytes) {
      var scanner = JSONScanner(bytes, file: "random")
      return try importer.damonSnapshots(&scanner, &sink, &state) { _, _ in }
    }
    try importer.lines(of: format, &text, &sink, &state)
  }

  private struct Ignored: AccessSink {
    var isComplete: Bool { false }
    mutating func select(thread: UInt16, of process: UInt16) {}
    mutating func stamp(_ time: UInt64) {}
    mutating func work(_ units: UInt64) {}
    mutating func access(_ address: UInt64, size: Int, isWrite: Bool) {}
  }
}
