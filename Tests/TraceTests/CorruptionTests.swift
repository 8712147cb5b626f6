// Damage at any byte is an error: never a crash, never other records.
import CPlatform
import Foundation
import Testing

@testable import Trace

@Suite struct CorruptionTests {
  /// A trace of two blocks is too long to damage everywhere; one of 40 records has every part of the format.
  private func small(_ scratch: Scratch, level: Int = 3) throws -> [UInt8] {
    let records = randomRecords(40, seed: 5, layout: TraceLayout(), threads: 3)
    try write(
      records, to: scratch.path("a.pft"), provenance: TraceProvenance(program: "test", notes: "a small trace"),
      level: level)
    return try bytes(of: scratch.path("a.pft"))
  }

  @Test func everyChangedByteIsAnError() throws {
    let scratch = try Scratch()
    let good = try small(scratch)
    var random = Seeded(11)
    for i in good.indices {
      var bad = good
      bad[i] ^= UInt8(1 << (random.next() % 8))
      let path = try scratch.write(bad, "b.pft")
      let error = #expect(throws: TraceError.self, "byte \(i)") { try readAll(path) }
      #expect(error?.byte != nil && error?.fix.isEmpty == false)
    }
  }

  @Test func everyTruncationAndEveryAdditionIsAnError() throws {
    let scratch = try Scratch()
    let good = try small(scratch)
    for n in good.indices {
      let path = try scratch.write(Array(good[..<n]), "b.pft")
      #expect(throws: TraceError.self, "\(n) bytes") { try readAll(path) }
    }
    #expect(throws: TraceError.self) { try readAll(scratch.write(good + [0], "b.pft")) }
  }

  /// A hostile writer has right checksums: nothing but the decoder's own checks stands then.
  @Test(arguments: [0, 3])
  func payloadsWithRightChecksumsNeverCrash(level: Int) throws {
    let scratch = try Scratch()
    let good = try small(scratch, level: level)
    var random = Seeded(77)
    let blockStart = TraceFormat.headerBytes
    let payload = blockStart + TraceFormat.blockHeaderBytes
    let payloadEnd = try TraceFile(path: scratch.path("a.pft")).header.indexOffset
    var survivors = 0
    for _ in 0..<2000 {
      var bad = good
      for _ in 0...(random.next() % 4) {
        let span = random.next() % 4 == 0 ? blockStart + 12..<blockStart + 56 : payload..<payloadEnd
        bad[span.lowerBound + Int(random.next() % UInt64(span.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      seal(&bad, blockStart + 56, over: payload..<payloadEnd)
      seal(&bad, blockStart + 60, over: blockStart..<blockStart + 60)
      let path = try scratch.write(bad, "b.pft")
      do {
        let records = try readAll(path)
        for record in records {
          #expect(record.repeatWrites <= record.repeats && record.thread < 3)
          #expect(Int(record.address & 4095) + Int(record.size) <= 4096)
        }
        survivors += 1
      } catch { #expect(error is TraceError) }
    }
    #expect(survivors < 2000)
  }

  @Test func indicesWithARightChecksumAreStillChecked() throws {
    let scratch = try Scratch()
    let good = try small(scratch)
    let start = try TraceFile(path: scratch.path("a.pft")).header.indexOffset
    let end = good.count - TraceFormat.footerBytes
    for i in start..<end - 8 {
      for bit in [0, 1, 7] {
        var bad = good
        bad[i] ^= 1 << UInt8(bit)
        seal(&bad, end - 8, over: start..<end - 8)
        let error = #expect(throws: TraceError.self, "byte \(i)") { try readAll(scratch.write(bad, "b.pft")) }
        #expect(error?.byte != nil)
      }
    }
  }

  @Test func headersWithARightChecksumAreStillChecked() throws {
    let scratch = try Scratch()
    let good = try small(scratch)
    var random = Seeded(78)
    for i in 0..<TraceFormat.headerBytes - 4 where i < 400 || i % 97 == 0 {
      var bad = good
      bad[i] = bad[i] &+ UInt8(1 + random.next() % 255)
      seal(&bad, TraceFormat.headerBytes - 4, over: 0..<TraceFormat.headerBytes - 4)
      let path = try scratch.write(bad, "b.pft")
      #expect(throws: TraceError.self, "byte \(i)") { try readAll(path) }
    }
  }

  @Test func swappedBlocksAreAnError() throws {
    let scratch = try Scratch()
    let layout = TraceLayout(granuleShift: 6, isCoalesced: false)
    try write(
      (0..<(2 * 65_536)).map { TraceRecord(address: UInt64($0) * 64) }, to: scratch.path("a.pft"), layout: layout,
      level: 0)
    let good = try bytes(of: scratch.path("a.pft"))
    let index = try TraceFile(path: scratch.path("a.pft")).index
    let (start, second) = (index.blocks[0].offset, index.blocks[1].offset)
    let end = try TraceFile(path: scratch.path("a.pft")).header.indexOffset
    // As long as each other, so that the index still fits.
    try #require(second - start == end - second)
    let bad = Array(good[..<start]) + good[second..<end] + good[start..<second] + good[end...]
    let path = try scratch.write(bad, "b.pft")
    let error = #expect(throws: TraceError.self) { try readAll(path) }
    #expect(error?.byte == start + 4)
  }

  @Test func otherFilesAreNamedAsSuch() throws {
    let scratch = try Scratch()
    #expect(throws: TraceError.self) { try readAll(scratch.path("none.pft")) }
    let empty = #expect(throws: TraceError.self) { try readAll(scratch.write([], "b.pft")) }
    #expect(empty?.kind == .empty)
    let text = #expect(throws: TraceError.self) {
      try readAll(scratch.write([UInt8](repeating: 0x20, count: 5000), "b.pft"))
    }
    #expect(text?.kind == .format)
    // Shorter than a header: still no trace, rather than one cut short.
    let short = Array("0 1000\n".utf8)
    for bytes in [short, gzip(short), [0x89], Array(TraceFormat.magic.prefix(7)) + [0x20]] {
      let error = #expect(throws: TraceError.self) { try readAll(scratch.write(bytes, "b.pft")) }
      #expect(error?.kind == (bytes.count == 1 ? .truncated : .format))
    }
    let named = #expect(throws: TraceError.self) { try readAll(scratch.write(short, "b.pft")) }
    #expect(
      named?.description == scratch.path("b.pft")
        + ": byte 0: not a Pageferry trace (make one of another tool's trace with "
        + "`pageferry trace import INPUT -o FILE.pft`)")
    var newer = try small(scratch)
    newer[8] = 3
    let version = #expect(throws: TraceError.self) { try readAll(scratch.write(newer, "b.pft")) }
    #expect(version?.kind == .format && version?.byte == 8)
    #expect(throws: TraceError.self) { try readAll(scratch.folder.path) }
  }

  private func seal(_ bytes: inout [UInt8], _ offset: Int, over range: Range<Int>) {
    let sum = bytes.withUnsafeBytes { pf_crc32c(0, $0.baseAddress! + range.lowerBound, range.count) }
    for k in 0..<4 { bytes[offset + k] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * k)) }
  }
}
