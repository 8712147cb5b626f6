// Traces as the replay loop takes them: what a record's folded accesses are.

import Foundation
import MemoryModel
import Testing
import Trace
import Units

@testable import Workload

@Suite struct TraceSourceTests {
  /// One access as the replay loop sees it.
  private struct Access: Equatable {
    var slot: Int
    var isWrite: Bool
    var gap: Int
  }

  private static let costs = TraceCosts(instruction: 100, cachedAccess: 4000)

  /// All accesses of a text in din format, imported with `options`, in batches of at most `chunk`.
  private func replay(
    _ lines: [String], chunk: Int = 4096, change: (inout ImportOptions) -> Void
  ) throws -> (accesses: [Access], hash: UInt64) {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pageferry-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let input = folder.appendingPathComponent("in.din").path
    let output = folder.appendingPathComponent("out.pft").path
    try (lines.joined(separator: "\n") + "\n").write(toFile: input, atomically: true, encoding: .utf8)
    var options = ImportOptions()
    change(&options)
    _ = try TraceImporter(format: .din, options: options).run(input: input, output: output)
    let source = try TraceSource(path: output, map: TraceMap(path: output), baseSlot: 0, costs: Self.costs)
    let first = try pass(source, chunk: chunk)
    let hash = source.hash
    source.restart()
    #expect(try pass(source, chunk: chunk) == first)
    #expect(source.hash == hash)
    return (first, hash)
  }

  /// One round of a source.
  private func pass(_ source: TraceSource, chunk: Int) throws -> [Access] {
    let batch = AccessBatch(capacity: 4096)
    let promised = source.remaining
    var accesses: [Access] = []
    while source.remaining > 0 {
      source.fill(batch, limit: chunk)
      try #require(batch.count > 0 && source.failure == nil)
      for i in 0..<batch.count {
        accesses.append(
          Access(slot: Int(batch.slots[i] >> 1), isWrite: batch.slots[i] & 1 == 1, gap: Int(batch.gaps[i])))
      }
    }
    #expect(accesses.count == promised && source.roundsDone == 1)
    return accesses
  }

  /// Lines of 64 bytes, two passes over 40 pages; the second line of each page is written.
  private var stream: [String] {
    (0..<2).flatMap { _ in
      (0..<40).flatMap { page in
        (0..<5).map { "\($0 == 1 ? 1 : 0) \(String(page << 12 | $0 << 6, radix: 16))" }
      }
    }
  }

  @Test(arguments: [1, 2, 3, 7, 4096])
  func missesFoldedIntoARecordAreAccesses(chunk: Int) throws {
    let folded = try replay(stream, chunk: chunk) { $0.cache = try? CacheSpecification("64B:1") }
    let plain = try replay(stream, chunk: chunk) {
      $0.cache = try? CacheSpecification("64B:1")
      $0.coalesce = false
    }
    #expect(folded.accesses.count == 400)
    #expect(folded.accesses.map(\.slot) == plain.accesses.map(\.slot))
    #expect(folded.accesses.count(where: \.isWrite) == 80)
    #expect(plain.accesses.count(where: \.isWrite) == 80)
    #expect(folded.accesses.reduce(0) { $0 + $1.gap } == plain.accesses.reduce(0) { $0 + $1.gap })
  }

  @Test func withoutAFilterFoldedAccessesAreCacheHits() throws {
    let (accesses, _) = try replay(stream) { _ in }
    #expect(accesses.count == 80)
    // The page is written in each record, if not by its first access.
    #expect(accesses.allSatisfy { $0.isWrite && $0.gap >= 4 * 4000 })
  }

  @Test func hashesAgreeHoweverTheTraceIsFolded() throws {
    let cache = try CacheSpecification("64B:1")
    let folded = try replay(stream) { $0.cache = cache }
    let plain = try replay(stream) {
      $0.cache = cache
      $0.coalesce = false
    }
    #expect(folded.hash == plain.hash && folded.hash != 0)
  }
}
