// What is cut out of a trace against a model that keeps everything in arrays.
import Foundation
import Testing

@testable import Trace

@Suite struct CutTests {
  /// Records with gaps that stay below 2^32 when many are added up.
  private func records(_ count: Int, seed: UInt64, layout: TraceLayout = TraceLayout(), threads: Int) -> [TraceRecord] {
    randomRecords(count, seed: seed, layout: layout, threads: threads).map { record in
      var record = record
      record.gap &= 0xFFF
      return record
    }
  }

  private func cut(_ input: String, _ output: String, _ change: (inout TraceSelection) -> Void = { _ in }) throws
    -> TraceHeader
  {
    var selection = TraceSelection()
    change(&selection)
    return try TraceCutter(selection).run(input: input, output: output)
  }

  @Test(arguments: [
    TraceLayout(), TraceLayout(granuleShift: 6, gapUnit: .cycles, isCacheFiltered: true),
    TraceLayout(addressKind: .pageNumber, granuleShift: 12, gapUnit: .none), TraceLayout(isCoalesced: false),
  ])
  func aCutOfEverythingIsTheSameTrace(layout: TraceLayout) throws {
    let scratch = try Scratch()
    for (seed, count) in [(1, 1), (2, 50), (3, 1000), (4, 70_000)] {
      let records = randomRecords(count, seed: UInt64(seed), layout: layout, threads: 4)
      var header = try write(records, to: scratch.path("a.pft"), layout: layout)
      let changes: [(inout TraceSelection) -> Void] = [
        { _ in }, { $0.threads = [0...3] }, { $0.addresses = [0...UInt64.max] }, { $0.first = count },
        { $0.last = count }, { $0.last = .max },
        {
          if layout.gapUnit != .none {
            $0.from = 0
            $0.to = .max
          }
        },
      ]
      for change in changes {
        var made = try cut(scratch.path("a.pft"), scratch.path("b.pft"), change)
        #expect(try readAll(scratch.path("b.pft")) == records)
        #expect(made.provenance.notes.hasPrefix("cut of a.pft, \(count) records"))
        made.provenance = TraceProvenance()
        header.provenance = TraceProvenance()
        #expect(made == header)
      }
    }
  }

  @Test func threadsAddUpToTheWhole() throws {
    let scratch = try Scratch()
    let header = try write(
      randomRecords(3000, seed: 8, layout: TraceLayout(), threads: 7), to: scratch.path("a.pft"))
    var sums = [0, 0, 0, 0, 0]
    for thread in 0..<7 {
      let part = try cut(scratch.path("a.pft"), scratch.path("b.pft")) {
        $0.threads = [UInt16(thread)...UInt16(thread)]
      }
      #expect(try readAll(scratch.path("b.pft")).allSatisfy { $0.thread == UInt16(thread) })
      for (i, n) in [part.records, part.accesses, part.reads, part.writes, part.totalGap].enumerated() { sums[i] += n }
    }
    #expect(sums == [header.records, header.accesses, header.reads, header.writes, header.totalGap])
  }

  /// Selections of all kinds; the place of a kept record in its thread's work is what it was, counted from `from`.
  @Test func recordsKeepTheirPlaceInTheWork() throws {
    let scratch = try Scratch()
    for seed in 0..<60 as Range<UInt64> {
      var random = Seeded(seed)
      let all = records(200, seed: seed + 100, threads: 3)
      try write(all, to: scratch.path("a.pft"))
      var selection = TraceSelection()
      if random.next() % 2 == 0 { selection.from = random.next() % 100_000 }
      if random.next() % 2 == 0 { selection.to = (selection.from ?? 0) + 1 + random.next() % 100_000 }
      if random.next() % 3 == 0 { selection.threads = [0...0, 2...2] }
      if random.next() % 3 == 0 {
        let ends = [random.next() >> (random.next() % 40), random.next() >> (random.next() % 40)].sorted()
        selection.addresses = [ends[0]...ends[1]]
      }
      if random.next() % 4 == 0 { selection.first = 1 + Int(random.next() % 50) }

      var work: [UInt64] = [0, 0, 0]
      var wanted: [(record: TraceRecord, work: UInt64)] = []
      for record in all {
        work[Int(record.thread)] += UInt64(record.gap)
        let now = work[Int(record.thread)]
        let isKept =
          now >= selection.from ?? 0 && now < selection.to ?? .max
          && (selection.threads.isEmpty || record.thread != 1)
          && (selection.addresses.isEmpty || selection.addresses[0].contains(record.address))
        if isKept && wanted.count < selection.first ?? .max { wanted.append((record, now)) }
      }
      guard !wanted.isEmpty else {
        let error = #expect(throws: TraceError.self) {
          try cut(scratch.path("a.pft"), scratch.path("b.pft")) { $0 = selection }
        }
        #expect(error?.kind == .empty)
        continue
      }
      _ = try cut(scratch.path("a.pft"), scratch.path("b.pft")) { $0 = selection }
      let found = try readAll(scratch.path("b.pft"))
      #expect(found.count == wanted.count)
      var at = [UInt64](repeating: selection.from ?? 0, count: 3)
      for (record, one) in zip(found, wanted) {
        at[Int(record.thread)] += UInt64(record.gap)
        #expect(at[Int(record.thread)] == one.work, "seed \(seed)")
        var same = record
        same.gap = one.record.gap
        #expect(same == one.record)
      }
    }
  }

  @Test func damagedBlocksAreLeftOutAndCounted() throws {
    let scratch = try Scratch()
    let all = records(150_000, seed: 8, threads: 2)
    try write(all, to: scratch.path("a.pft"))
    var bytes = try bytes(of: scratch.path("a.pft"))
    let index = try TraceFile(path: scratch.path("a.pft")).index
    bytes[index.blocks[1].offset + 100] ^= 4
    let path = try scratch.write(bytes, "bad.pft")
    let error = #expect(throws: TraceError.self) { try cut(path, scratch.path("b.pft")) }
    #expect(error?.kind == .damaged && error?.byte == index.blocks[1].offset + TraceFormat.blockHeaderBytes)
    #expect(!scratch.names.contains("b.pft"))
    var cutter = TraceCutter(TraceSelection())
    cutter.isLenient = true
    var lost: [Int] = []
    let header = try cutter.run(
      input: path, output: scratch.path("b.pft"),
      lost: { blocks, records, first in
        lost = [blocks, records]
        #expect(first == error)
      })
    #expect(lost == [1, 65_536] && header.records == 150_000 - 65_536)
    #expect(header.provenance.filters == "damaged in the original and left out: 65536 records in 1 blocks")
    #expect(try readAll(scratch.path("b.pft")).map(\.address) == (all[..<65_536] + all[131_072...]).map(\.address))
    // A header that is damaged tells nothing of what follows.
    bytes[30] ^= 1
    #expect(throws: TraceError.self) {
      try cutter.run(input: scratch.write(bytes, "c.pft"), output: scratch.path("d.pft"))
    }
  }

  @Test func timesAndProcessesAreRangesToo() throws {
    let scratch = try Scratch()
    let layout = TraceLayout(hasTimes: true)
    var random = Seeded(31)
    let all = records(5000, seed: 9, layout: TraceLayout(), threads: 4).map { record in
      var record = record
      record.process = record.thread / 2
      record.time = 5_000_000 + random.next() % 1_000_000
      return record
    }
    let first = try #require(all.map(\.time).min())
    try write(all, to: scratch.path("a.pft"), layout: layout)
    _ = try cut(scratch.path("a.pft"), scratch.path("b.pft")) {
      $0.fromTime = 200_000
      $0.toTime = 700_000
      $0.processes = [1...1]
    }
    let wanted = all.filter { $0.process == 1 && $0.time >= first + 200_000 && $0.time < first + 700_000 }
    let found = try readAll(scratch.path("b.pft"))
    #expect(found.map(\.address) == wanted.map(\.address) && found.map(\.time) == wanted.map(\.time))
    #expect(wanted.count > 500 && found.allSatisfy { $0.process == 1 })
    // Work from a record before the first time on is dropped, later work is not.
    var sums: [UInt16: UInt64] = [:]
    var gaps: [UInt64] = []
    for record in all {
      sums[record.thread, default: 0] += UInt64(record.gap)
      if record.time < first + 200_000 { sums[record.thread] = 0 }
      if record.process == 1 && record.time >= first + 200_000 && record.time < first + 700_000 {
        gaps.append(sums[record.thread] ?? 0)
        sums[record.thread] = 0
      }
    }
    #expect(found.map { UInt64($0.gap) } == gaps)
    #expect(try TraceSelection.time("1.5us") == 1500)
    for bad in ["", "5", "-1s", "1h"] { #expect(throws: TraceError.self) { try TraceSelection.time(bad) } }
    try write(all.map { TraceRecord(address: $0.address, size: $0.size) }, to: scratch.path("c.pft"))
    let error = #expect(throws: TraceError.self) {
      try cut(scratch.path("c.pft"), scratch.path("b.pft")) { $0.fromTime = 1 }
    }
    #expect(error?.kind == .usage)
    let none = #expect(throws: TraceError.self) {
      try cut(scratch.path("a.pft"), scratch.path("d.pft")) { $0.fromTime = .max }
    }
    #expect(none?.kind == .empty)
  }

  @Test func theLastRecordsBeginWithTheirOwnGaps() throws {
    let scratch = try Scratch()
    let all = records(140_000, seed: 4, threads: 3)
    try write(all, to: scratch.path("a.pft"))
    try write(all, to: scratch.path("c.pft"), level: 0)
    for path in [scratch.path("a.pft"), scratch.path("c.pft")] {
      _ = try cut(path, scratch.path("b.pft")) { $0.last = 777 }
      #expect(try readAll(scratch.path("b.pft")) == all.suffix(777))
      _ = try cut(path, scratch.path("b.pft")) {
        $0.last = 10
        $0.threads = [1...1]
      }
      #expect(try readAll(scratch.path("b.pft")) == all.filter { $0.thread == 1 }.suffix(10))
    }
  }

  @Test func aPartOfAFilteredTraceDoesNotStateWhatWasLeftOut() throws {
    let scratch = try Scratch()
    var writer = try TraceWriter(path: scratch.path("a.pft"), layout: TraceLayout(isCacheFiltered: true))
    for page in 0..<4 as Range<UInt64> { try writer.append(TraceRecord(address: page << 12, gap: 10)) }
    _ = try writer.finish(cachedAccesses: 17)
    #expect(try cut(scratch.path("a.pft"), scratch.path("b.pft")).cachedAccesses == 17)
    #expect(try cut(scratch.path("a.pft"), scratch.path("b.pft")) { $0.first = 3 }.cachedAccesses == 0)
    #expect(try TraceInfo(path: scratch.path("b.pft")).rendered().contains("cached        not known how many\n"))
  }

  @Test func workThatNoGapHoldsGoesOn() throws {
    let scratch = try Scratch()
    let most = UInt32.max
    try write(
      [
        TraceRecord(address: 0, gap: most), TraceRecord(address: 64, gap: most), TraceRecord(address: 4096, gap: 5),
        TraceRecord(address: 4160, gap: 7),
      ], to: scratch.path("a.pft"))
    _ = try cut(scratch.path("a.pft"), scratch.path("b.pft")) { $0.addresses = [4096...8191] }
    #expect(try readAll(scratch.path("b.pft")).map(\.gap) == [most, most])
  }

  @Test func whatMakesNoSenseIsRefusedAndLeavesNothing() throws {
    let scratch = try Scratch()
    try write([TraceRecord(address: 64, gap: 9)], to: scratch.path("a.pft"))
    try write([TraceRecord(address: 64)], to: scratch.path("n.pft"), layout: TraceLayout(gapUnit: .none))
    try FileManager.default.createSymbolicLink(atPath: scratch.path("l.pft"), withDestinationPath: "a.pft")
    func refused(_ input: String, _ output: String, _ change: (inout TraceSelection) -> Void) -> TraceError.Kind? {
      #expect(throws: TraceError.self) { try cut(scratch.path(input), scratch.path(output), change) }?.kind
    }
    #expect(refused("a.pft", "a.pft") { _ in } == .usage)
    #expect(refused("a.pft", "l.pft") { _ in } == .usage)
    #expect(refused("n.pft", "b.pft") { $0.from = 1 } == .usage)
    #expect(
      refused("a.pft", "b.pft") {
        $0.from = 9
        $0.to = 9
      } == .usage)
    #expect(
      refused("a.pft", "b.pft") {
        $0.first = 1
        $0.last = 1
      } == .usage)
    #expect(refused("a.pft", "b.pft") { $0.first = 0 } == .usage)
    #expect(refused("a.pft", "b.pft") { $0.from = 10 } == .empty)
    #expect(refused("a.pft", "b.pft") { $0.threads = [1...65535] } == .empty)
    #expect(scratch.names == ["a.pft", "l.pft", "n.pft"])
  }

  @Test func rangesAreReadAndPrinted() throws {
    var selection = TraceSelection()
    selection.threads = try TraceSelection.numbers("0,2-5", of: "threads")
    selection.addresses = try TraceSelection.addresses("0x1000-0x1fff,8192")
    selection.from = 3
    #expect(selection.description == "--from 3 --threads 0,2-5 --addresses 0x1000-0x1fff,0x2000")
    for bad in ["", ",", "1-", "5-2", "65536", "a", "1-2-3", "-1"] {
      #expect(throws: TraceError.self) { try TraceSelection.numbers(bad, of: "threads") }
    }
    for bad in ["", "0x", "0x2-0x1", "0x1ffffffffffffffff", "1000h"] {
      #expect(throws: TraceError.self) { try TraceSelection.addresses(bad) }
    }
  }

  /// A trace may bring more provenance than a writer takes.
  @Test func longProvenanceIsShortened() throws {
    var provenance = TraceProvenance(
      program: "p", command: String(repeating: "ü ", count: 1500), notes: String(repeating: "\\\n", count: 700))
    provenance.shorten(to: 1000)
    #expect(provenance.encoded.count <= 1000 && provenance.encoded.count > 500)
    #expect(provenance.program == "p" && provenance.command.hasPrefix("ü ü") && provenance.command.hasSuffix(" ..."))
    let short = TraceProvenance(program: "p", notes: "n")
    var same = short
    same.shorten(to: 1000)
    #expect(same == short)
  }
}
