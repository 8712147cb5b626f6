// Reuse distances, intervals and working sets against a reference that looks at all pairs of records.
import Foundation
import Testing

@testable import Trace

/// What the definitions say, without any shortcut: O(records^2).
private struct Reference {
  var distances: [UInt64] = []
  var work: [UInt64] = []
  var time: [UInt64] = []
  var cold = 0
  private var pages: [UInt64]

  init(_ records: [TraceRecord]) {
    pages = records.map { UInt64($0.process) << 52 | $0.address >> 12 }
    for i in records.indices {
      guard let before = pages[..<i].lastIndex(of: pages[i]) else {
        cold += 1
        continue
      }
      distances.append(UInt64(Set(pages[(before + 1)..<i]).count))
      time.append(UInt64(abs(Int64(records[i].time) - Int64(records[before].time))))
      work.append(records[(before + 1)...i].reduce(0) { $0 + UInt64($1.gap) })
    }
  }

  /// Mean and greatest number of distinct pages in windows of `length` records.
  func workingSet(_ length: Int) -> (mean: Double, most: Int, windows: Int) {
    let sizes = (length...pages.count).map { Set(pages[($0 - length)..<$0]).count }
    return (Double(sizes.reduce(0, +)) / Double(sizes.count), sizes.max() ?? 0, sizes.count)
  }
}

/// Nearest rank, and a count for each power of two, from all values.
private func summary(_ values: [UInt64], _ unit: Reuse.Unit) -> Reuse {
  let sorted = values.sorted()
  func rank(_ p: Double) -> UInt64 { sorted[Int((p * Double(sorted.count)).rounded(.up)) - 1] }
  var octaves = [UInt64](repeating: 0, count: 65)
  for value in values { octaves[value == 0 ? 0 : String(value, radix: 2).count] += 1 }
  return Reuse(
    unit: unit,
    percentiles: values.isEmpty
      ? nil : Reuse.Percentiles(p50: rank(0.5), p90: rank(0.9), p99: rank(0.99), max: rank(1)), octaves: octaves)
}

@Suite struct LocalityTests {
  /// Records that use few pages, some often, some seldom.
  private func records(_ count: Int, pages: UInt64, seed: UInt64, threads: UInt16 = 1, gapShift: UInt32 = 24)
    -> [TraceRecord]
  {
    var random = Seeded(seed)
    return (0..<count).map { _ in
      let limit = 1 + random.next() % pages
      return TraceRecord(
        address: (random.next() % limit) * (random.next() % 2 == 0 ? 4096 : 4096 * 700),
        thread: UInt16(random.next() % UInt64(threads)),
        isWrite: random.next() % 3 == 0, gap: UInt32(truncatingIfNeeded: random.next()) >> gapShift,
        repeats: UInt32(random.next() % 4))
    }
  }

  private func info(_ records: [TraceRecord], _ layout: TraceLayout = TraceLayout()) throws -> TraceInfo {
    let scratch = try Scratch()
    try write(records, to: scratch.path("a.pft"), layout: layout)
    return try TraceInfo(path: scratch.path("a.pft"))
  }

  @Test(arguments: [(1, 1, 1), (2, 1, 1), (300, 3, 1), (400, 60, 3), (300, 500, 5), (1100, 40_000, 2)])
  func allIsAsTheReferenceCounts(count: Int, pages: UInt64, threads: UInt16) throws {
    for seed in 0..<2 as Range<UInt64> {
      // The second time, threads are of two processes and time stamps go back now and then.
      let all = records(count, pages: pages, seed: seed, threads: threads, gapShift: seed == 0 ? 24 : 0).map { record in
        var record = record
        if seed == 1 {
          record.process = record.thread % 2
          record.time = record.address % 77_777 * 1_000_003 + UInt64(record.gap)
        }
        return record
      }
      let wanted = Reference(all)
      let found = try info(all, TraceLayout(hasTimes: seed == 1))
      #expect(found.coldRecords == wanted.cold)
      #expect(found.foldedRepeats == all.reduce(0) { $0 + Int($1.repeats) })
      #expect(found.reuseDistance == summary(wanted.distances, .pages))
      #expect(found.reuseWork == summary(wanted.work, .instructions))
      #expect(found.reuseTime == (seed == 1 ? summary(wanted.time, .ns) : nil))
      for (set, part) in zip(try #require(found.workingSet), [1024, 256, 64, 16, 4, 1]) {
        let length = max(1, count / part)
        let one = wanted.workingSet(length)
        #expect(set.partOfTrace == 1 / Double(part) && set.windowRecords == length && set.windows == one.windows)
        #expect(set.meanPages == one.mean && set.maxPages == one.most)
      }
      #expect(found.workingSet?.last?.maxPages == found.header.footprintPages)
    }
  }

  /// So few slots that they are used up many times, with few pages and with more than there are slots.
  @Test(arguments: [(3000, 200), (4000, 3000)])
  func aStackThatMakesRoomForgetsNothing(count: Int, pages: UInt64) throws {
    let scratch = try Scratch()
    let all = records(count, pages: pages, seed: 9)
    try write(all, to: scratch.path("a.pft"))
    var results: [([TraceInfo.WorkingSet], Reuse)] = []
    for capacity in [512, 1 << 16] {
      var counter = LocalityCounter(records: count, hasTimes: false, capacity: capacity)
      var reader = try TraceReader(path: scratch.path("a.pft"))
      let block = TraceBlock()
      while try reader.next(into: block) {
        let isAdded = counter.add(block)
        #expect(isAdded)
      }
      results.append((counter.workingSets, counter.reuseDistance))
    }
    #expect(results[0].0 == results[1].0 && results[0].1 == results[1].1)
  }

  @Test func stackDistancesByHand() {
    // a b c a a c b d b: what lies between two of a kind.
    let uses: [(page: Int, distance: Int?)] = [
      (0, nil), (1, nil), (2, nil), (0, 2), (0, 0), (2, 1), (1, 2), (3, nil), (1, 1),
    ]
    var stack = RecencyStack(capacity: 512)
    stack.grow(to: 5)
    for (i, use) in uses.enumerated() {
      let distance = stack.use(use.page, stamp: UInt64(i))
      #expect(distance == use.distance ?? -1)
    }
    #expect(stack.pages == 4)
  }

  /// Values of all sizes, so that a search takes several rounds.
  @Test func percentilesAreExactHoweverLargeTheValues() {
    for (seed, largest) in [(1, 13), (2, 20), (3, 35), (4, 56), (5, 64)] as [(UInt64, UInt64)] {
      var random = Seeded(seed)
      let values = (0..<999).map { _ in random.next() >> (64 - largest + random.next() % min(largest, 20)) }
      var counts = IntervalCounts()
      for value in values { counts.add(value) }
      let wanted = summary(values, .cycles)
      var searches = [50, 90, 99, 100].compactMap { counts.search(percent: $0) }
      var rounds = 0
      while searches.contains(where: { !$0.isFound }) {
        rounds += 1
        for i in searches.indices {
          searches[i].begin()
          for value in values { searches[i].add(value) }
          searches[i].end()
        }
      }
      let p = wanted.percentiles
      #expect(searches.map(\.low) == [p?.p50, p?.p90, p?.p99, p?.max])
      #expect(rounds == (largest <= 13 ? 0 : largest <= 31 ? 1 : largest <= 49 ? 2 : 3), "\(largest) bits")
      #expect(Reuse(unit: .cycles, percentiles: p, octaves: counts.octaves) == wanted)
    }
  }

  @Test func histogramBucketsArePowersOfTwo() {
    var octaves = [UInt64](repeating: 0, count: 65)
    (octaves[0], octaves[1], octaves[4]) = (5, 6, 7)
    let reuse = Reuse(unit: .pages, percentiles: nil, octaves: octaves)
    #expect(reuse.histogram.map(\.from) == [0, 1, 2, 4, 8])
    #expect(reuse.histogram.map(\.to) == [0, 1, 3, 7, 15])
    #expect(reuse.histogram.map(\.records) == [5, 6, 0, 0, 7])
    octaves[64] = 1
    #expect(Reuse(unit: .pages, percentiles: nil, octaves: octaves).histogram.last?.to == .max)
  }

  /// Three blocks of heat 1, 1.9 and 4 accesses a page, a gap, and one as hot as the third.
  @Test func neighboursOfLikeHeatAreOneRegion() throws {
    let block: UInt64 = 1 << 21
    func page(_ b: UInt64, _ i: UInt64, _ accesses: UInt32, writes: UInt32 = 0) -> TraceRecord {
      TraceRecord(address: b * block + i << 12, repeats: accesses - 1, repeatWrites: writes)
    }
    var all = (0..<10).map { page(5, 100 + $0, 2) }
    all += (0..<10).map { page(6, $0, $0 == 0 ? 2 : 4) }
    all += [page(7, 3, 8, writes: 4), page(7, 4, 8), page(9, 511, 8), page(9, 0, 8), page(9, 1, 8)]
    let regions = try #require(try info(all).hottestRegions)
    let lowest: [UInt64] = [0x120_0000, 0xE0_3000, 0xA6_4000]
    let highest: [UInt64] = [0x13F_FFFF, 0xE0_4FFF, 0xC0_9FFF]
    let heat: [Double] = [8, 8, 2.9]
    let shares: [Double] = [24.0 / 98, 16.0 / 98, 58.0 / 98]
    #expect(regions.map(\.lowestAddress) == lowest)
    #expect(regions.map(\.highestAddress) == highest)
    #expect(regions.map(\.pages) == [3, 2, 20])
    #expect(regions.map(\.accesses) == [24, 16, 58])
    #expect(regions.map(\.accessesPerPage) == heat)
    #expect(regions.map(\.share) == shares)
    #expect(regions.map(\.writeShare) == [0, 0.25, 0])
    let scratch = try Scratch()
    try write(all, to: scratch.path("a.pft"))
    #expect(try TraceInfo(path: scratch.path("a.pft"), regions: 2).hottestRegions == Array(regions.prefix(2)))
    #expect(try TraceInfo(path: scratch.path("a.pft"), regions: 0).hottestRegions == [])
  }

  @Test func jsonNamesUnitsAndReadsBack() throws {
    let scratch = try Scratch()
    for unit in GapUnit.allCases {
      let all = records(300, pages: 20, seed: 3, gapShift: unit == .none ? 31 : 20).map { record in
        var record = record
        if unit == .none { record.gap = 0 }
        return record
      }
      try write(all, to: scratch.path("a.pft"), layout: TraceLayout(gapUnit: unit))
      let info = try TraceInfo(path: scratch.path("a.pft"))
      let encoder = JSONEncoder()
      encoder.keyEncodingStrategy = .convertToSnakeCase
      let text = String(decoding: try encoder.encode(info), as: UTF8.self)
      for key in ["reuse_distance", "p50_pages", "from_pages", "working_set", "window_records", "hottest_regions"] {
        #expect(text.contains("\"\(key)\":"), "\(key)")
      }
      let names = [GapUnit.instructions: "max_instructions", .cycles: "max_cycles", .nanoseconds: "max_ns"]
      for (other, name) in names { #expect(text.contains("\"\(name)\":") == (other == unit)) }
      #expect((info.reuseWork == nil) == (unit == .none))
      #expect(try JSONDecoder().decode(TraceInfo.self, from: try JSONEncoder().encode(info)) == info)
    }
  }

  @Test func aBriefSummaryIsTheHeader() throws {
    let scratch = try Scratch()
    let header = try write(records(300, pages: 20, seed: 3), to: scratch.path("a.pft"))
    // Damage in a record is not seen, damage in the header is.
    var file = try bytes(of: scratch.path("a.pft"))
    file[TraceFormat.headerBytes + 200] ^= 1
    let path = try scratch.write(file, "b.pft")
    let brief = try TraceInfo.brief(path: path)
    #expect(brief.header == header && brief.isBrief && brief.reuseDistance == nil && brief.hottestRegions == nil)
    #expect(brief.rendered().contains("records read  none: all is from the header\n"))
    #expect(throws: TraceError.self) { try TraceInfo(path: path) }
    file[100] ^= 1
    let broken = try scratch.write(file, "c.pft")
    #expect(throws: TraceError.self) { try TraceInfo.brief(path: broken) }
  }

  @Test func theTextIsThis() throws {
    let scratch = try Scratch()
    var all: [TraceRecord] = []
    for i in 0..<40 as Range<UInt64> {
      all.append(
        TraceRecord(address: 0x40_0000 + (i % 3) << 12, isWrite: i % 2 == 0, gap: 100, repeats: i % 3 == 0 ? 2 : 0))
      if i % 4 == 0 { all.append(TraceRecord(address: 0x80_0000 + i << 12, thread: 1, gap: 1000)) }
    }
    try write(all, to: scratch.path("a.pft"))
    let text = try TraceInfo(path: scratch.path("a.pft")).rendered()
    let facts = text.split(separator: "\n")
    #expect(
      facts.contains("reuses        37 records to a page used before; not counted: 13 first ones, 28 folded repeats"))
    #expect(facts.contains("  distance    p50 3, p90 3, p99 3, max 3 pages"))
    #expect(facts.contains("  work        p50 1,300, p90 1,300, p99 1,300, max 1,300 instructions of all threads"))
    let tables = text.range(of: "\n\n").map { String(text[$0.upperBound...]) } ?? ""
    #expect(
      tables == """
        reuse distance: distinct pages between two records of a page
          from  records    share
             2       37  100.0 %  ########################################

        reuse interval: instructions of all threads between two records of a page
           from  records   share
            256        9  24.3 %  #############
            512        0   0.0 %
          1,024       28  75.7 %  ########################################

        working set: distinct pages in a window, over all windows of so many records
          of trace  records  mean pages  max pages     max
          1/1024          1         1.0          1   4 KiB
          1/256           1         1.0          1   4 KiB
          1/64            1         1.0          1   4 KiB
          1/16            3         3.0          3  12 KiB
          1/4            12         5.4          6  24 KiB
          all            50        13.0         13  52 KiB

        hottest regions: blocks of 2 MiB, neighbours of like heat as one
              from        to  pages  accesses  a page  of all  writes
          0x400000  0x402fff      3        68    22.7  87.2 %  29.4 %
          0x800000  0x824fff     10        10     1.0  12.8 %   0.0 %

        """)
  }
}
