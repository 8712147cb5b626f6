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

  @Test(arguments: [0, 1, 3, 19])
  func everyLevelOfCompressionReadsTheSameAndRewinds(level: Int) throws {
    let scratch = try Scratch()
    let records = randomRecords(level == 19 ? 70_000 : 135_000, seed: 9, layout: TraceLayout(), threads: 4)
    try write(records, to: scratch.path("a.pft"), level: level)
    var reader = try TraceReader(path: scratch.path("a.pft"))
    let block = TraceBlock()
    #expect(try reader.next(into: block))
    let first = block[0]
    reader.rewind()
    var all: [TraceRecord] = []
    while try reader.next(into: block) { for i in 0..<block.count { all.append(block[i]) } }
    #expect(all == records && all[0] == first)
    #expect(try reader.next(into: block) == false)
  }

  /// Page indices far apart: their difference needs more than the 2 bytes of the column, although it would compress better.
  @Test(arguments: [0, 3], [32_769, 32_770, 65_536])
  func sweepsOverMorePagesThanADifferenceHoldsAreRead(level: Int, pages: Int) throws {
    let scratch = try Scratch()
    let records = (0..<66_000).map { TraceRecord(address: UInt64($0 % pages) << 12, size: 64) }
    let header = try write(records, to: scratch.path("a.pft"), level: level)
    #expect(header.footprintPages == pages)
    #expect(try readAll(scratch.path("a.pft")) == records)
  }

  @Test func anyRecordIsFoundByTheIndex() throws {
    let scratch = try Scratch()
    let records = randomRecords(140_000, seed: 3, layout: TraceLayout())
    try write(records, to: scratch.path("a.pft"))
    var reader = try TraceReader(path: scratch.path("a.pft"))
    let block = TraceBlock()
    for number in [0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 139_999, 5] {
      let before = reader.seek(to: number)
      #expect(try reader.next(into: block))
      #expect(block[before] == records[number])
    }
    for number in [140_000, .max] {
      #expect(reader.seek(to: number) == 0)
      #expect(try reader.next(into: block) == false)
    }
  }

  @Test(arguments: [1, 2, 3, 8])
  func readingAheadGivesTheSameRecords(threads: Int) throws {
    let scratch = try Scratch()
    let records = randomRecords(300_000, seed: 12, layout: TraceLayout(isCoalesced: false))
    try write(records, to: scratch.path("a.pft"), layout: TraceLayout(isCoalesced: false), level: 1)
    let reader = try ParallelReader(path: scratch.path("a.pft"), threads: threads)
    var number = 0
    while let block = try reader.next() {
      for i in stride(from: 0, to: block.count, by: 97) where block[i] != records[number + i] {
        Issue.record("record \(number + i)")
      }
      number += block.count
    }
    #expect(number == 300_000)
    #expect(try reader.next() == nil)
    // A reader that is dropped in the middle ends its threads.
    for taken in 0..<4 {
      let reader = try ParallelReader(path: scratch.path("a.pft"), threads: threads)
      for _ in 0..<taken { _ = try reader.next() }
    }
    var bad = try bytes(of: scratch.path("a.pft"))
    bad[bad.count / 2] ^= 1
    let damaged = try ParallelReader(path: scratch.write(bad, "b.pft"), threads: threads)
    #expect(throws: TraceError.self) { while try damaged.next() != nil {} }
  }

  @Test func touchesTimesAndProcessesComeBackEqual() throws {
    let scratch = try Scratch()
    let layout = TraceLayout(granuleShift: 6, isCacheFiltered: true, hasTouches: true, hasTimes: true)
    var random = Seeded(8)
    var time: UInt64 = 1 << 60
    let records = randomRecords(70_000, seed: 4, layout: TraceLayout(granuleShift: 6), threads: 6).map { record in
      var record = record
      record.process = record.thread / 2
      // The same addresses in all processes.
      record.address &= 0xF_FFFF
      record.isTouch = random.next() % 3 == 0
      time = time &+ random.next() % 1000 &- 100
      record.time = time
      return record
    }
    let header = try write(records, to: scratch.path("a.pft"), layout: layout)
    #expect(try readAll(scratch.path("a.pft")) == records)
    #expect(header.processes == 3 && header.threads == 6)
    #expect(header.touches == records.reduce(0) { $0 + ($1.isTouch ? $1.accesses : 0) })
    #expect(header.firstTime == records.map(\.time).min() && header.lastTime == records.map(\.time).max())
    #expect(header.footprintPages == Set(records.map { $0.address >> 12 | UInt64($0.process) << 52 }).count)
    #expect(try TraceReader(path: scratch.path("a.pft")).processes == [0, 0, 1, 1, 2, 2])
    #expect(try TraceVerification(path: scratch.path("a.pft")).header == header)
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
    (TraceRecord(address: 0, isTouch: true), "touch"), (TraceRecord(address: 0, time: 1), "time stamp"),
  ])
  func recordsThatBreakARuleAreRefused(record: TraceRecord, word: String) throws {
    let scratch = try Scratch()
    let error = #expect(throws: TraceError.self) { try write([record], to: scratch.path("a.pft")) }
    #expect(error?.kind == .limit)
    #expect(error?.description.contains(word) == true)
    #expect(scratch.names.isEmpty)
  }

  @Test func aThreadHasOneProcess() throws {
    let scratch = try Scratch()
    let error = #expect(throws: TraceError.self) {
      try write([TraceRecord(address: 0, process: 1), TraceRecord(address: 0, process: 2)], to: scratch.path("a.pft"))
    }
    #expect(error?.kind == .limit && error?.problem == "record 1: thread 0 of process 1 in process 2")
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
