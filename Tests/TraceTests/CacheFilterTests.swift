// The cache filter against a model that is too simple to be wrong.
import Foundation
import Testing

@testable import Trace

/// Inclusive LRU caches as time stamps in dictionaries: slow and plain.
private struct SlowCaches {
  var levels: [CacheSpecification.Level]
  var lastUse: [[UInt64: Int]]
  var dirty: Set<UInt64> = []
  var now = 0

  init(_ specification: CacheSpecification) {
    levels = specification.levels
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
    var fast = CacheFilter(specification)
    var slow = SlowCaches(specification)
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
    #expect(result.header.provenance.filters.contains("L1 hits 4 dropped; misses 4, first writes to a cached line 1"))
  }
}
