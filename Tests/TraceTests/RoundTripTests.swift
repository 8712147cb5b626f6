// What is written is what is read, for every layout, over block borders, plain and compressed.
import Foundation
import Testing

@testable import Trace

@Suite struct RoundTripTests {
  @Test(arguments: [
    (TraceLayout(), 1), (TraceLayout(granuleShift: 6, gapUnit: .cycles), 3),
    (TraceLayout(addressKind: .pageNumber, granuleShift: 12, gapUnit: .none), 2),
    (TraceLayout(addressKind: .physical, gapUnit: .nanoseconds, isCoalesced: false), 65_536),
  ])
  func randomRecordsComeBackEqual(layout: TraceLayout, threads: Int) throws {
    let scratch = try Scratch()
    for (seed, count) in [(1, 1), (2, 2), (3, 1000), (4, 66_000)] {
      let records = randomRecords(count, seed: UInt64(seed), layout: layout, threads: threads)
      let header = try write(records, to: scratch.path("a.pft"), layout: layout)
      #expect(try readAll(scratch.path("a.pft")) == records)
      #expect(header.records == count)
      #expect(header.accesses == records.reduce(0) { $0 + $1.accesses })
      #expect(header.writes == records.reduce(0) { $0 + $1.writes })
      #expect(header.reads + header.writes == header.accesses)
      #expect(header.totalGap == records.reduce(0) { $0 + Int($1.gap) })
      #expect(header.footprintPages == Set(records.map { $0.address >> 12 }).count)
      #expect(header.footprintHugeBlocks == Set(records.map { $0.address >> 21 }).count)
      #expect(header.threads == Int(records.map(\.thread).max()!) + 1)
      #expect(header.lowestAddress == records.map(\.address).min()!)
      #expect(header.fileBytes == (try bytes(of: scratch.path("a.pft"))).count)
      let reader = try TraceReader(path: scratch.path("a.pft"))
      #expect(reader.header == header)
    }
  }

  @Test func compressedTracesReadTheSameAndRewind() throws {
    let scratch = try Scratch()
    let records = randomRecords(135_000, seed: 9, layout: TraceLayout(), threads: 4)
    try write(records, to: scratch.path("a.pft"))
    let path = try scratch.write(gzip(bytes(of: scratch.path("a.pft"))), "a.pft.gz")
    #expect(try readAll(path) == records)
    for path in [path, scratch.path("a.pft")] {
      var reader = try TraceReader(path: path)
      let block = TraceBlock()
      #expect(try reader.next(into: block))
      let first = block[0]
      #expect(try reader.skipBlock() > 0)
      try reader.rewind()
      var count = 0
      while try reader.next(into: block) {
        if count == 0 { #expect(block[0] == first) }
        count += block.count
      }
      #expect(count == 135_000)
      #expect(try reader.next(into: block) == false)
    }
  }

  @Test func skippedBlocksStillAddUp() throws {
    let scratch = try Scratch()
    try write(randomRecords(140_000, seed: 3, layout: TraceLayout()), to: scratch.path("a.pft"))
    var reader = try TraceReader(path: scratch.path("a.pft"))
    var sum = 0
    while case let n = try reader.skipBlock(), n > 0 { sum += n }
    #expect(sum == 140_000)
  }

  @Test func provenanceComesBackEqual() throws {
    let scratch = try Scratch()
    let provenance = TraceProvenance(
      program: "sqlite3 3.40.1", command: "a \\ b\nc", tool: "", options: "ü", date: "2026-01-01", filters: "none",
      notes: "a: b")
    let header = try write([TraceRecord(address: 64)], to: scratch.path("a.pft"), provenance: provenance)
    #expect(header.provenance == provenance)
    let reader = try TraceReader(path: scratch.path("a.pft"))
    #expect(reader.header.provenance == provenance)
  }

  @Test(arguments: [
    (TraceRecord(address: 0, size: 0), "0 bytes"), (TraceRecord(address: 0, size: 4097), "4097 bytes"),
    (TraceRecord(address: 4090, size: 8), "crosses"), (TraceRecord(address: 0, repeats: 1, repeatWrites: 2), "repeats"),
  ])
  func recordsThatBreakARuleAreRefused(record: TraceRecord, word: String) throws {
    let scratch = try Scratch()
    let error = #expect(throws: TraceError.self) { try write([record], to: scratch.path("a.pft")) }
    #expect(error?.kind == .limit)
    #expect(error?.description.contains(word) == true)
    #expect(scratch.names.isEmpty)
  }

  @Test func nothingAppearsBeforeTheEndOrAfterAnError() throws {
    let scratch = try Scratch()
    do {
      var writer = try TraceWriter(path: scratch.path("a.pft"), layout: TraceLayout())
      try writer.append(TraceRecord(address: 64))
      #expect(scratch.names.count == 1)
      #expect(scratch.names != ["a.pft"])
    }
    #expect(scratch.names.isEmpty)
    let error = #expect(throws: TraceError.self) { try write([], to: scratch.path("a.pft")) }
    #expect(error?.kind == .empty)
    #expect(scratch.names.isEmpty)
    #expect(throws: TraceError.self) { try write([TraceRecord(address: 0)], to: scratch.path("no/such/folder")) }
    #expect(throws: TraceError.self) {
      try write(
        [TraceRecord(address: 0)], to: scratch.path("a.pft"),
        provenance: TraceProvenance(notes: String(repeating: "x", count: 4000)))
    }
    #expect(scratch.names.isEmpty)
  }
}
