// The cache filter against a model that is too simple to be wrong.
import Foundation
import Testing

@testable import Trace

/// Inclusive LRU caches as time stamps in dictionaries: slow and plain.
private struct SlowLevels {
  var levels: [AssociativeLevel]
  var lastUse: [[UInt64: Int]]
  var dirty: Set<UInt64> = []
  var now = 0

  init(_ levels: [AssociativeLevel]) {
    self.levels = levels
    lastUse = levels.map { _ in [:] }
  }

  mutating func access(_ line: UInt64, isWrite: Bool) -> Bool {
    now += 1
    let hit = lastUse.firstIndex { $0[line] != nil } ?? levels.count
    if hit < levels.count { lastUse[hit][line] = now }
    for level in (0..<hit).reversed() {
      let sets = UInt64(levels[level].sets)
      let mates = lastUse[level].filter { $0.key % sets == line % sets }
      if mates.count == levels[level].ways {
        let victim = mates.min { $0.value < $1.value }!.key
        for inner in 0...level { lastUse[inner][victim] = nil }
        if level == levels.count - 1 { dirty.remove(victim) }
      }
      lastUse[level][line] = now
    }
    let isFirstWrite = isWrite && !dirty.contains(line)
    if isWrite { dirty.insert(line) }
    return hit == levels.count || isFirstWrite
  }
}

@Suite struct CacheFilterTests {
  @Test(arguments: ["64B:1", "256B:4", "1KiB:2", "512B:2,2KiB:4", "256B:1,512B:8,4KiB:2", "1KiB:16,1KiB:4"])
  func agreesWithTimeStamps(text: String) throws {
    let specification = try CacheSpecification(text)
    #expect(specification.description.contains(":"))
    var fast = SetAssociative(specification.shapes)
    var slow = SlowLevels(specification.shapes)
    var random = Seeded(21)
    var kept = 0
    for i in 0..<30_000 {
      let spread: UInt64 = random.next() % 3 == 0 ? 200 : 20
      let line = random.next() % spread + (i > 15_000 ? 1 << 40 : 0)
      let isWrite = random.next() % 4 == 0
      let (a, b) = (fast.access(line, isWrite: isWrite), slow.access(line, isWrite: isWrite))
      kept += a ? 1 : 0
      if a != b {
        Issue.record("access \(i) of line \(line)")
        return
      }
    }
    #expect(fast.misses + fast.firstWrites == kept)
    #expect(fast.hits.reduce(0, +) == 30_000 - kept)
  }

  @Test(arguments: ["32K:8,1M:16", "32k:8,1m:16", "32 KiB:8,1024K:16", "32768:8,1048576B:16"])
  func sizesAreWrittenAsForKnobs(text: String) throws {
    #expect(try CacheSpecification(text) == CacheSpecification("32KiB:8,1MiB:16"))
  }

  @Test(arguments: [
    "", "32KiB", "32KiB:", ":8", "32KiB:0", "32KiB:65", "48KiB:8", "100B:1", "1MiB:16,32KiB:8",
    "64B:1,64B:1,64B:1,64B:1", "32KB:8", "-64:1", "99999999999999999999:1",
  ])
  func badSpecificationsAreNamed(text: String) {
    let error = #expect(throws: TraceError.self) { try CacheSpecification(text) }
    #expect(error?.kind == .usage && error?.fix.isEmpty == false)
  }

  @Test(arguments: ["64:4", "8:8,64:4", "4:1,8:2,16:16"])
  func cachesAndTLBEachSeeEveryAccess(text: String) throws {
    let (cache, tlb) = try (CacheSpecification("512B:2,16KiB:4"), TLBSpecification(text))
    #expect(tlb.description == text)
    var filter = CacheFilter(cache, tlb: tlb)
    var (lines, pages) = (SlowLevels(cache.shapes), SlowLevels(tlb.shapes))
    var random = Seeded(5)
    var found: [FilteredAccess: Int] = [:]
    for i in 0..<20_000 {
      // Few lines of each of many pages: hits of the cache that miss the TLB.
      let line = random.next() % 40 << 6 | random.next() % 2
      let process = UInt16(random.next() % 2)
      let isWrite = random.next() % 4 == 0
      let reaches = lines.access(SetAssociative.key(line, of: process), isWrite: isWrite)
      let walks = pages.access(SetAssociative.key(line >> 6, of: process), isWrite: isWrite)
      let wanted: FilteredAccess = reaches ? .memory : walks ? .touch : .cached
      let result = filter.access(line, of: process, isWrite: isWrite)
      found[result, default: 0] += 1
      if result != wanted {
        Issue.record("access \(i): \(result) instead of \(wanted)")
        return
      }
    }
    #expect(found.count == 3)
    #expect(filter.note.contains("\(found[.touch] ?? 0) of them by cache hits, kept as touches"))
  }

  @Test(arguments: ["", "64", "64:", "48:0", "96:8", "64:65", "64:4,32:4", "1:1,1:1,1:1,1:1", "2097152:4", "64K:4"])
  func badTLBsAreNamed(text: String) {
    let error = #expect(throws: TraceError.self) { try TLBSpecification(text) }
    #expect(error?.kind == .usage && error?.problem.hasPrefix("tlb `") == true)
  }

  @Test func cacheHitsThatMissTheTLBAreTouches() throws {
    let scratch = try Scratch()
    // Two pages in turn, one TLB entry, caches that hold all lines: after the first two accesses each is a page walk. The last
    // write goes to a line and through an entry that were written before.
    let text = "l 1000 1\nl 2000 1\nl 1000 1\ns 2000 1\ns 1000 1\ns 1000 1\n"
    var options = ImportOptions()
    options.cache = try CacheSpecification("1KiB:4")
    options.coalesce = false
    func run(_ tlb: String?) throws -> TraceHeader {
      options.tlb = try tlb.map { try TLBSpecification($0) }
      return try TraceImporter(format: .din, options: options).run(
        input: scratch.write(text, "in.txt"), output: scratch.path("out.pft")
      ).header
    }
    #expect(try run("1:1").touches == 1)
    #expect(
      try readAll(scratch.path("out.pft")).map(TraceText.line) == [
        "0 R 0x1000 64 1 0 0", "0 R 0x2000 64 1 0 0", "0 r 0x1000 64 1 0 0", "0 W 0x2000 64 1 0 0",
        "0 W 0x1000 64 1 0 0",
      ])
    let without = try run(nil)
    #expect(without.touches == 0 && !without.layout.hasTouches && without.records == 4)
    options.cache = nil
    let error = #expect(throws: TraceError.self) { try run("1:1") }
    #expect(error?.kind == .usage)
  }

  @Test func filteredTracesKeepMissesAndCountTheRest() throws {
    let scratch = try Scratch()
    // Two lines, read over and over, then written twice, then an access over a line's end.
    let text = "l 1000 1\nl 1040 1\nl 1004 1\nl 1044 1\ns 1008 1\ns 100c 1\nl 107e 1\nl 2000 1\n"
    var options = ImportOptions()
    options.cache = try CacheSpecification("1KiB:4")
    options.coalesce = false
    let result = try TraceImporter(format: .din, options: options).run(
      input: scratch.write(text, "in.txt"), output: scratch.path("out.pft"))
    // Gaps are instructions and, one each, the accesses left out.
    #expect(
      try readAll(scratch.path("out.pft")).map(TraceText.line) == [
        "0 R 0x1000 64 1 0 0", "0 R 0x1040 64 1 0 0", "0 W 0x1000 64 5 0 0", "0 R 0x1080 64 4 0 0",
        "0 R 0x2000 64 1 0 0",
      ])
    #expect(result.header.cachedAccesses == 4)
    #expect(result.header.layout.isCacheFiltered && result.header.layout.granuleShift == 6)
    #expect(
      result.header.provenance.filters.contains(
        "L1 hits 4; misses 4, first writes to a cached line 1 kept; hits dropped"))
  }
}
