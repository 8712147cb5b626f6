// Mixes: the draws, the patterns within them, stretches between looks at the clock; sweeps and draws by the byte.
import Events
import MemoryModel
import Testing

@testable import Workload

@Suite struct MixTests {
  /// The first accesses of a mix, in batches of varying limits.
  private func take(
    _ count: Int, of source: MixSource, capacity: Int = 300, limits seed: UInt64 = 5
  ) -> [(slot: Int, isWrite: Bool)] {
    let batch = AccessBatch(capacity: capacity)
    var result: [(slot: Int, isWrite: Bool)] = []
    var limits = SplitMix64(seed: seed)
    while result.count < count {
      source.fill(batch, limit: min(1 + limits.below(2 * capacity), count - result.count))
      for i in 0..<batch.count { result.append((Int(batch.slots[i] >> 1), batch.slots[i] & 1 == 1)) }
    }
    return result
  }

  private func mix(_ weights: [Int], batch: Int, seed: UInt64 = 3) -> MixSpec {
    MixSpec(
      windows: weights.enumerated().map { index, weight in
        MixWindow(
          AccessSpec(
            region: index, pattern: .uniform, pages: 1_000, writes: .every(index), seed: UInt64(index), think: 7,
            sizeClass: 2),
          weight: weight)
      }, duration: 1, batch: batch, seed: seed)
  }

  @Test(arguments: [1, 3, 64, 1_000, 5_000]) func drawsAreOfTheSeededGenerator(batch: Int) {
    let spec = mix([2, 0, 5, 1], batch: batch)
    let source = MixSource(spec, baseSlots: [0, 1_000, 2_000, 3_000])
    let accesses = take(20_000, of: source)
    // The model: a draw for each batch, and each window's own accesses in their order.
    var draws = SplitMix64(seed: 3)
    var expected: [Int] = []
    var next = spec.windows.map { referencePages(longer($0.access, 20_000)).makeIterator() }
    var counts = [0, 0, 0, 0]
    while expected.count < 20_000 {
      let number = draws.below(8)
      let window = number < 2 ? 0 : number < 7 ? 2 : 3
      for _ in 0..<min(batch, 20_000 - expected.count) {
        expected.append(window * 1_000 + (next[window].next() ?? -1))
        counts[window] += 1
      }
    }
    #expect(accesses.map(\.slot) == expected)
    #expect(source.hash == referenceHash(expected.map { $0 % 1_000 }))
    #expect(accesses.count { $0.slot >= 2_000 && $0.slot < 3_000 && $0.isWrite } == (counts[2] + 1) / 2)
    #expect(accesses.allSatisfy { $0.slot >= 1_000 || !$0.isWrite })
  }

  private func longer(_ spec: AccessSpec, _ accesses: Int) -> AccessSpec {
    var spec = spec
    spec.accesses = accesses
    return spec
  }

  @Test func sharesAreThoseOfTheWeights() {
    let spec = mix([1, 2, 97], batch: 1)
    let accesses = take(200_000, of: MixSource(spec, baseSlots: [0, 1_000, 2_000]))
    var counts = [0, 0, 0]
    for access in accesses { counts[access.slot / 1_000] += 1 }
    // Five standard deviations.
    for (count, share) in zip(counts, [0.01, 0.02, 0.97]) {
      #expect(abs(Double(count) - 200_000 * share) < 5 * (200_000 * share * (1 - share)).squareRoot())
    }
  }

  @Test(arguments: [(1, 1_024), (10, 1_020), (1_024, 1_024), (1_500, 1_500), (131_072, 131_072)])
  func theClockIsLookedAtBetweenWholeDraws(batch: Int, stretch: Int) {
    let spec = mix([1, 1], batch: batch)
    #expect(spec.stretch == stretch)
    let source = MixSource(spec, baseSlots: [0, 0])
    let chunk = AccessBatch(capacity: 700)
    #expect(!source.isBetweenStretches)
    for _ in 0..<2 {
      var done = 0
      while done < stretch {
        source.fill(chunk, limit: .max)
        #expect(chunk.count == min(700, stretch - done) && chunk.uniformGap == 7 && chunk.uniformSizeClass == 2)
        done += chunk.count
        #expect(source.isBetweenStretches == (done == stretch))
      }
    }
    source.end()
    source.end()
    #expect(source.remaining == 0 && source.remainingInRound == 0 && source.roundsDone == 1)
    source.fill(chunk, limit: .max)
    #expect(chunk.count == 0)
  }

  @Test func aRestartRepeatsTheAccesses() {
    let source = MixSource(mix([3, 4], batch: 5), baseSlots: [0, 1_000])
    let first = take(5_000, of: source).map(\.slot)
    let hash = source.hash
    source.end()
    source.restart()
    #expect(take(5_000, of: source, capacity: 4_096, limits: 9).map(\.slot) == first && source.hash == hash)
    #expect(MixSource(mix([3, 4], batch: 5), baseSlots: [0, 1_000], hashing: false).hash == 0)
  }

  @Test(arguments: [
    (10, 4, [0, 4, 8, 0, 4, 8]), (12, 4, [0, 4, 8, 0, 4, 8]), (10_000, 4_096, [0, 4_096, 8_192, 0, 4_096, 8_192]),
    (10_000, 3_000, [0, 3_000, 6_000, 9_000, 0, 3_000]), (10_000, 10_000, [0, 0, 0, 0, 0, 0]),
    (8_192, 0, [0, 0, 0, 0, 0, 0]), (4_097, 4_096, [0, 4_096, 0, 4_096, 0, 4_096]),
  ])
  func aSweepStepsThroughBytes(bytes: Int, stride: Int, offsets: [Int]) {
    let spec = AccessSpec(
      region: 0, pattern: .sweep(bytes: bytes, stride: stride), first: 2, pages: (bytes + 4_095) / 4_096,
      accesses: 3, rounds: 2)
    #expect(drain(PatternSource(spec, baseSlot: 10)).map(\.slot) == offsets.map { 12 + $0 / 4_096 })
  }

  @Test func drawsByTheByteSpareTheEndOfTheLastPage() {
    let bytes = 4 * 4_096 + 1_024
    let spec = AccessSpec(region: 0, pattern: .uniformBytes(bytes), pages: 5, accesses: 100_000, seed: 4)
    var counts = [Int](repeating: 0, count: 5)
    for access in drain(PatternSource(spec, baseSlot: 0)) { counts[access.slot] += 1 }
    for (page, count) in counts.enumerated() {
      let share = (page == 4 ? 1_024.0 : 4_096.0) / Double(bytes)
      #expect(abs(Double(count) - 100_000 * share) < 5 * (100_000 * share).squareRoot())
    }
  }
}
