// Traces side by side against a model that keeps everything in arrays, and what thinning does to reuse distances.
import Foundation
import Testing

@testable import Trace

@Suite struct ScaleTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Records with gaps that stay below 2^32 when many are added up, in a few hundred pages from `base`.
  private func records(
    _ count: Int, seed: UInt64, threads: Int = 1, unit: GapUnit = .instructions, base: UInt64 = 0x12_3000
  )
    -> [TraceRecord]
  {
    var random = Seeded(seed)
    return (0..<count).map { _ in
      TraceRecord(
        address: base + (random.next() % 300) << 12 + (random.next() % 64) << 6,
        thread: UInt16(random.next() % UInt64(threads)),
        isWrite: random.next() % 2 == 0, gap: unit == .none ? 0 : UInt32(random.next() % 1000),
        repeats: UInt32(random.next() % 3))
    }
  }

  private func scale(_ inputs: [String], _ change: (inout ScaleOptions) -> Void = { _ in }) throws -> TraceHeader {
    var options = ScaleOptions()
    change(&options)
    return try TraceScaler(options).run(inputs: inputs.map(scratch.path), output: scratch.path("out.pft"))
  }

  private func scaled() throws -> [TraceRecord] { try readAll(scratch.path("out.pft")) }

  /// Copies side by side as the definition says, with the clock of each record found anew.
  private func model(_ copies: [[TraceRecord]], starts: [UInt64], byRecords: Bool = false) -> [(copy: Int, index: Int)]
  {
    let clocks = zip(copies, starts).map { records, start in
      records.indices.map { i in
        records[...i].filter { $0.thread == records[i].thread }.reduce(start) { $0 + (byRecords ? 1 : UInt64($1.gap)) }
      }
    }
    var next = copies.map { _ in 0 }
    var order: [(copy: Int, index: Int)] = []
    while true {
      let left = copies.indices.filter { next[$0] < copies[$0].count }
      guard let k = left.min(by: { clocks[$0][next[$0]] < clocks[$1][next[$1]] }) else { return order }
      order.append((k, next[k]))
      next[k] += 1
    }
  }

  @Test(arguments: [
    TraceLayout(), TraceLayout(granuleShift: 6, gapUnit: .cycles, isCacheFiltered: true),
    TraceLayout(addressKind: .pageNumber, granuleShift: 12, gapUnit: .none), TraceLayout(isCoalesced: false),
  ])
  func oneCopyIsTheSameTrace(layout: TraceLayout) throws {
    let all = randomRecords(3000, seed: 5, layout: layout, threads: 4)
    var header = try write(all, to: scratch.path("a.pft"), layout: layout)
    for change in [
      { _ in }, { $0.arrangement = .processes }, { $0.arrangement = .threads }, { $0.thin = try? PageSampling("1") },
    ]
      as [(inout ScaleOptions) -> Void]
    {
      var made = try scale(["a.pft"], change)
      #expect(try scaled() == all)
      #expect(made.provenance.notes.hasPrefix("scale of a.pft (3000 records)"))
      made.provenance = TraceProvenance()
      header.provenance = TraceProvenance()
      #expect(made == header)
    }
  }

  @Test(arguments: [(1, 1, 0), (2, 1, 0), (3, 2, 5000), (5, 3, 1), (4, 1, 1_000_000)])
  func copiesAreInterleavedByTheWorkOfTheirThreads(copies: Int, threads: Int, offset: UInt64) throws {
    for unit in [GapUnit.cycles, .none] {
      let all = records(150, seed: UInt64(copies), threads: threads, unit: unit)
      try write(all, to: scratch.path("a.pft"), layout: TraceLayout(gapUnit: unit))
      for isShared in [false, true] {
        let header = try scale(["a.pft"]) {
          $0.copies = copies
          $0.arrangement = .threads
          $0.isShared = isShared
          $0.offset = offset
        }
        let starts = (0..<copies).map { UInt64($0) * offset }
        let order = model([[TraceRecord]](repeating: all, count: copies), starts: starts, byRecords: unit == .none)
        // 0x123000 and 300 pages: two blocks of 2 MiB for each copy.
        var stated = Set<UInt16>()
        let wanted = order.map { k, i in
          var record = all[i]
          record.thread += UInt16(k * threads)
          if !isShared { record.address += UInt64(k) << 22 }
          if unit != .none && stated.insert(record.thread).inserted { record.gap += UInt32(starts[k]) }
          return record
        }
        #expect(try scaled() == wanted)
        #expect(header.threads == copies * threads)
        let one = try TraceReader(path: scratch.path("a.pft")).header
        #expect(header.footprintPages == one.footprintPages * (isShared ? 1 : copies))
        #expect(header.footprintHugeBlocks == one.footprintHugeBlocks * (isShared ? 1 : copies))
      }
    }
  }

  @Test func differentTracesKeepTheirRecords() throws {
    let a = records(200, seed: 1, threads: 2)
    let b = records(90, seed: 2, threads: 3, base: 0x7FFF_0000_0000).map { record in
      var record = record
      (record.repeats, record.address) = (0, record.address & ~4095)
      return record
    }
    try write(a, to: scratch.path("a.pft"), provenance: TraceProvenance(program: "a", date: "today"))
    try write(
      b, to: scratch.path("b.pft"), layout: TraceLayout(granuleShift: 12, isCoalesced: false),
      provenance: TraceProvenance(program: "b", date: "today"))
    let header = try scale(["b.pft", "a.pft"]) { $0.arrangement = .threads }
    #expect(header.layout == TraceLayout())
    #expect(header.provenance.program == "b | a" && header.provenance.date == "today")
    #expect(header.provenance.notes == "scale of b.pft (90 records), a.pft (200 records): --as threads")
    let wanted = model([b, a], starts: [0, 0]).map { k, i in
      var record = [b, a][k][i]
      if k == 1 {
        record.thread += 3
        // Behind b's last page, whose block of 2 MiB is the one at 0x7fff00000000.
        record.address += 0x7FFF_0020_0000
      }
      return record
    }
    #expect(try scaled() == wanted)
  }

  /// Three copies of a trace of two processes: equal addresses of six processes are six pages.
  @Test func copiesAsProcessesHaveAddressSpacesOfTheirOwn() throws {
    let all = records(200, seed: 11, threads: 3).map { record in
      var record = record
      record.process = record.thread % 2
      record.isTouch = record.repeats == 1
      return record
    }
    let layout = TraceLayout(isCacheFiltered: true, hasTouches: true)
    let one = try write(all, to: scratch.path("a.pft"), layout: layout)
    let header = try scale(["a.pft"]) {
      $0.copies = 3
      $0.arrangement = .processes
    }
    let wanted = model([all, all, all], starts: [0, 0, 0]).map { k, i in
      var record = all[i]
      record.thread += UInt16(3 * k)
      record.process += UInt16(2 * k)
      return record
    }
    #expect(try scaled() == wanted)
    #expect(header.layout == layout && header.touches == 3 * one.touches)
    #expect(header.threads == 9 && header.processes == 6)
    #expect(header.footprintPages == 3 * one.footprintPages)
    #expect(header.footprintHugeBlocks == 3 * one.footprintHugeBlocks)
    #expect(header.lowestAddress == one.lowestAddress && header.highestAddress == one.highestAddress)
    let error = #expect(throws: TraceError.self) {
      try scale(["a.pft"]) {
        $0.copies = 2
        $0.arrangement = .threads
      }
    }
    #expect(error?.problem == "2 processes cannot become threads of one")
  }

  /// Traces whose clocks began elsewhere begin together, each later by the offset.
  @Test func timeStampsDecideWhereAllHaveThem() throws {
    func timed(_ times: [UInt64], thread: UInt16 = 0) -> [TraceRecord] {
      times.map { TraceRecord(address: 4096, thread: thread, gap: 5, time: $0) }
    }
    for unit in [GapUnit.nanoseconds, .instructions] {
      let layout = TraceLayout(gapUnit: unit, hasTimes: true)
      try write(timed([100, 130, 120, 200]), to: scratch.path("a.pft"), layout: layout)
      try write(timed([9000, 9010, 9095]), to: scratch.path("b.pft"), layout: layout)
      try write(timed([0, 0]), to: scratch.path("c.pft"), layout: TraceLayout(gapUnit: unit))
      let header = try scale(["a.pft", "b.pft"]) {
        $0.arrangement = .processes
        $0.offset = 25
      }
      let found = try scaled()
      #expect(found.map(\.time) == [100, 125, 130, 120, 135, 200, 220])
      #expect(found.map(\.thread) == [0, 1, 0, 0, 1, 0, 1] && found.map(\.process) == [0, 1, 0, 0, 1, 0, 1])
      #expect(found.map(\.gap) == [5, unit == .nanoseconds ? 30 : 5, 5, 5, 5, 5, 5])
      #expect(header.layout == layout)
      let other = try scale(["a.pft", "c.pft"]) { $0.arrangement = .processes }
      #expect(!other.layout.hasTimes && other.lastTime == 0)
      #expect(other.provenance.notes.hasSuffix("; time stamps left out, not all inputs have them"))
      #expect(try scaled().map(\.thread) == [0, 1, 0, 1, 0, 0])
    }
    try write(timed([.max - 100]), to: scratch.path("late.pft"), layout: TraceLayout(hasTimes: true))
    let error = #expect(throws: TraceError.self) {
      try scale(["late.pft", "late.pft"]) {
        $0.arrangement = .processes
        $0.offset = 100
      }
    }
    #expect(error?.kind == .limit)
  }

  @Test func equalInputsMakeEqualBytes() throws {
    try write(records(500, seed: 3, threads: 2), to: scratch.path("a.pft"))
    func make() throws -> [UInt8] {
      _ = try scale(["a.pft", "a.pft", "a.pft"]) {
        $0.arrangement = .threads
        $0.thin = try? PageSampling("1/2")
      }
      return try bytes(of: scratch.path("out.pft"))
    }
    #expect(try make() == make())
  }

  /// A page is kept with all its records, in their place in the thread's work.
  @Test(arguments: ["1/2", "0.125", "7/8"])
  func thinningKeepsWholePagesAndTheirPlaceInTheWork(share: String) throws {
    let sampling = try PageSampling(share)
    let all = records(2000, seed: 6, threads: 3)
    try write(all, to: scratch.path("a.pft"))
    let header = try scale(["a.pft"]) { $0.thin = sampling }
    var work: [UInt64] = [0, 0, 0]
    var wanted: [(record: TraceRecord, work: UInt64)] = []
    for record in all {
      work[Int(record.thread)] += UInt64(record.gap)
      if sampling.keeps(process: 0, address: record.address) { wanted.append((record, work[Int(record.thread)])) }
    }
    let found = try scaled()
    #expect(found.count == wanted.count && found.count < 2000)
    var at: [UInt64] = [0, 0, 0]
    for (record, one) in zip(found, wanted) {
      at[Int(record.thread)] += UInt64(record.gap)
      #expect(at[Int(record.thread)] == one.work)
      var same = record
      same.gap = one.record.gap
      #expect(same == one.record)
    }
    // 300 pages: six standard deviations.
    #expect(
      abs(Double(header.footprintPages) - 300 * sampling.share) < 6
        * (300 * sampling.share * (1 - sampling.share)).squareRoot())
  }

  /// Of 40,000 uses of 6,000 pages, zipf 0.8: the share of reuses below each distance, in the sample below an eighth of it.
  /// Tolerance: three hundredths, from distance 64 on.
  @Test func thinningKeepsTheDistributionOfReuseDistances() throws {
    var random = Seeded(12)
    var sums: [Double] = []
    for rank in 1...6000 { sums.append((sums.last ?? 0) + pow(Double(rank), -0.8)) }
    let all = (0..<40_000).map { _ in
      let x = Double(random.next() >> 11) / 0x1p53 * sums[5999]
      var (low, high) = (0, 5999)
      while low < high {
        let middle = (low + high) / 2
        if sums[middle] < x { low = middle + 1 } else { high = middle }
      }
      return TraceRecord(address: UInt64(low) << 12, gap: 10)
    }
    try write(all, to: scratch.path("a.pft"))
    let whole = try #require(try TraceInfo(path: scratch.path("a.pft")).reuseDistance)
    let header = try scale(["a.pft"]) { $0.thin = try? PageSampling("1/8") }
    let sample = try #require(try TraceInfo(path: scratch.path("out.pft")).reuseDistance)
    #expect(abs(Double(header.footprintPages) / 750 - 1) < 0.1)
    func below(_ distance: UInt64, _ reuse: Reuse) -> (Double, all: Double) {
      let counts = reuse.histogram.map { ($0.to < distance ? $0.records : 0, $0.records) }
      return (Double(counts.reduce(0) { $0 + $1.0 }), Double(counts.reduce(0) { $0 + $1.1 }))
    }
    for k in 6...13 as ClosedRange<UInt64> {
      let (all, count) = below(1 << k, whole)
      let (sampled, sampleCount) = below(1 << (k - 3), sample)
      // The paper's correction: what the sample lacks of its expected size, or has too much, is of the hottest pages.
      let lacking = count / 8 - sampleCount
      #expect(abs(all / count - (sampled + lacking) / (count / 8)) < 0.03, "distance 2^\(k)")
    }
  }

  @Test func whatAFilterLeftOutIsAddedUpWhereItIsKnown() throws {
    func make(_ name: String, cached: Int) throws {
      var writer = try TraceWriter(path: scratch.path(name), layout: TraceLayout(isCacheFiltered: true))
      for page in 0..<40 as Range<UInt64> { try writer.append(TraceRecord(address: page << 12, gap: 10)) }
      _ = try writer.finish(cachedAccesses: cached)
    }
    try make("a.pft", cached: 17)
    try make("b.pft", cached: 5)
    try make("c.pft", cached: 0)
    #expect(try scale(["a.pft", "b.pft"]) { $0.arrangement = .threads }.cachedAccesses == 22)
    #expect(try scale(["a.pft", "c.pft"]) { $0.arrangement = .threads }.cachedAccesses == 0)
    #expect(try scale(["a.pft"]) { $0.thin = try? PageSampling("1/2") }.cachedAccesses == 0)
  }

  @Test func whatDoesNotGoTogetherIsRefusedAndLeavesNothing() throws {
    try write([TraceRecord(address: 64, gap: 9)], to: scratch.path("a.pft"))
    try write([TraceRecord(address: 64)], to: scratch.path("none.pft"), layout: TraceLayout(gapUnit: .none))
    try write([TraceRecord(address: 64)], to: scratch.path("physical.pft"), layout: TraceLayout(addressKind: .physical))
    try write([TraceRecord(address: 64)], to: scratch.path("cached.pft"), layout: TraceLayout(isCacheFiltered: true))
    try write([TraceRecord(address: 64, thread: 40_000)], to: scratch.path("threads.pft"))
    try write([TraceRecord(address: 0), TraceRecord(address: 7 << 61)], to: scratch.path("wide.pft"))
    try FileManager.default.createSymbolicLink(atPath: scratch.path("l.pft"), withDestinationPath: "a.pft")
    let names = scratch.names
    func refused(
      _ inputs: [String], _ output: String = "out.pft", _ change: (inout ScaleOptions) throws -> Void = { _ in }
    ) throws -> TraceError? {
      var options = ScaleOptions()
      options.arrangement = .threads
      try change(&options)
      return #expect(throws: TraceError.self) {
        try TraceScaler(options).run(inputs: inputs.map(scratch.path), output: scratch.path(output))
      }
    }
    #expect(try refused([])?.kind == .usage)
    #expect(try refused(["a.pft"]) { $0.copies = 0 }?.kind == .usage)
    #expect(try refused(["a.pft", "a.pft"]) { $0.copies = 2 }?.problem == "copies of 2 traces")
    #expect(try refused(["a.pft", "a.pft"]) { $0.arrangement = nil }?.kind == .usage)
    #expect(
      try refused(["a.pft", "a.pft"]) {
        $0.arrangement = .processes
        $0.isShared = true
      }?.kind == .usage)
    for (name, problem) in [
      ("none.pft", "has no work, unlike"), ("physical.pft", "has physical addresses, unlike"),
      ("cached.pft", "is filtered by caches, unlike"),
    ] {
      let error = try refused(["a.pft", name])
      #expect(error?.kind == .usage && error?.file == scratch.path(name) && error?.problem.hasPrefix(problem) == true)
    }
    #expect(try refused(["threads.pft", "threads.pft"])?.kind == .limit)
    #expect(try refused(["wide.pft", "wide.pft"])?.kind == .limit)
    #expect(try refused(["a.pft", "a.pft"]) { $0.offset = 1 << 56 }?.kind == .limit)
    #expect(try refused(["a.pft", "a.pft", "a.pft"]) { $0.offset = 1 << 63 }?.kind == .limit)
    #expect(try refused(["a.pft"]) { $0.thin = try PageSampling("1/1000000") }?.kind == .empty)
    for output in ["a.pft", "l.pft"] { #expect(try refused(["wide.pft", "a.pft"], output)?.kind == .usage) }
    #expect(try refused(["a.pft", "missing.pft"])?.kind == .system)
    #expect(scratch.names == names)
  }

  @Test func sharesAreFractions() throws {
    for (text, share) in [
      ("1/8", 0.125), ("0.125", 0.125), ("1", 1), ("1.0", 1), ("3/4", 0.75), ("8/8", 1), ("0.5", 0.5),
    ] {
      #expect(try PageSampling(text).share == share)
    }
    for text in [
      "", "0", "0/8", "9/8", "1.5", "2", "-1", "1/", "/8", "1/8/2", ".5", "1e-3", "0.0", "1/0", "a", "0.", "+1",
    ] {
      #expect(throws: TraceError.self, "\(text)") { try PageSampling(text) }
    }
  }

  /// Which pages are kept must not change: published samples would.
  @Test func theHashIsThis() throws {
    let sampling = try PageSampling("1/16")
    let kept = (0..<100 as Range<UInt64>).filter { sampling.keeps(process: 0, address: $0 << 12 + 77) }
    let others = (0..<100 as Range<UInt64>).filter { sampling.keeps(process: 1, address: $0 << 12) }
    #expect(kept == [19, 25, 29, 40, 45, 48, 71, 83])
    #expect(others == [0, 8, 11, 22, 53, 61, 63])
  }
}
