// Patterns: the reference generator's sequences, rounds, shares, cycles.
import Events
import MemoryModel
import Testing

@testable import Workload

@Suite struct PatternTests {
  /// Specs with the hash that the reference generator prints for them.
  static let goldens: [(AccessSpec, UInt64)] = [
    (AccessSpec(region: 0, pattern: .sequential(stride: 1), pages: 153_600), 0x1e95_7111_9320_7b25),
    (AccessSpec(region: 0, pattern: .sequential(stride: 1), pages: 87_040), 0xf7f0_b727_bd71_ff25),
    (AccessSpec(region: 0, pattern: .sequential(stride: 1), pages: 76_800), 0xef5f_d4ba_4eb5_5725),
    (
      AccessSpec(region: 0, pattern: .sequential(stride: 7), first: 5, pages: 1_000, accesses: 700, rounds: 5),
      0xac75_807d_7ef8_7425
    ),
    (
      AccessSpec(region: 0, pattern: .sequential(stride: 997), pages: 1_000, accesses: 1_500, rounds: 3, scatter: 17),
      0xd2b6_7147_6c9e_0669
    ),
    (
      AccessSpec(region: 0, pattern: .uniform, first: 9, pages: 12_345, accesses: 20_000, rounds: 3, seed: 7),
      0xb285_27aa_5c86_1798
    ),
    (
      AccessSpec(
        region: 0, pattern: .uniform, pages: 65_536, accesses: 30_000, rounds: 2, seed: .max, scatter: 2_654_435_761),
      0x298d_82ef_3662_d87f
    ),
    (
      AccessSpec(
        region: 0, pattern: .zipf(exponentThousandths: 1_000), first: 3, pages: 1, accesses: 10, rounds: 2, scatter: 5),
      0x092b_c726_9aa0_5749
    ),
    (
      AccessSpec(
        region: 0, pattern: .zipf(exponentThousandths: 1_000), first: 100, pages: 70_001, accesses: 50_000, rounds: 2,
        seed: 9), 0x0e5c_59bb_1f6d_05d3
    ),
    (
      AccessSpec(
        region: 0, pattern: .zipf(exponentThousandths: 1_000), pages: 1_000_003, accesses: 100_000, seed: 42,
        scatter: 6_364_136_223_846_793_005), 0x397f_8541_a4c5_d76c
    ),
    (
      AccessSpec(region: 0, pattern: .zipf(exponentThousandths: 1_000), pages: 17, accesses: 5_000, rounds: 2),
      0xfbe0_b3bd_ce48_1c25
    ),
  ]

  @Test(arguments: goldens.indices) func hashesAreThoseOfTheReference(_ index: Int) {
    let (spec, golden) = Self.goldens[index]
    #expect(hash(of: spec) == golden)
    #expect(referenceHash(referencePages(spec)) == golden)
  }

  @Test func pagesAreThoseOfTheReferenceWhateverTheBatches() {
    var draws = SplitMix64(seed: 11)
    for _ in 0..<60 {
      let pages = 1 + draws.below(5_000)
      let patterns: [AccessPattern] = [
        .sequential(stride: draws.below(pages)), .sequential(stride: 1 % pages), .uniform,
        .zipf(exponentThousandths: 1_000),
      ]
      let spec = AccessSpec(
        region: 0, pattern: patterns[draws.below(4)], first: draws.below(100), pages: pages,
        accesses: 1 + draws.below(4_000), rounds: 1 + draws.below(4), writes: .every(draws.below(6)),
        seed: draws.next(), scatter: draws.below(2) == 0 ? 0 : draws.next())
      let accesses = drain(PatternSource(spec, baseSlot: 1_024), capacity: 1 + draws.below(700))
      #expect(accesses.map(\.slot) == referencePages(spec).map { $0 + 1_024 })
      guard case .every(let interval) = spec.writes else { continue }
      #expect(accesses.indices.allSatisfy { accesses[$0].isWrite == (interval != 0 && $0 % interval == 0) })
    }
  }

  @Test func drawsAreThoseOfTheSeededGenerator() {
    var ours = DrawStream(seed: 3)
    var theirs = SplitMix64(seed: 3)
    for _ in 0..<100 { #expect(ours.next() == theirs.next()) }
    for _ in 0..<100 { #expect(ours.below(77) == UInt64(theirs.below(77))) }
  }

  @Test func aBatchNeverCrossesTheEndOfARound() {
    let spec = AccessSpec(
      region: 0, pattern: .uniform, pages: 50, accesses: 70, rounds: 3, think: 3_900_000, sizeClass: 2)
    let source = PatternSource(spec, baseSlot: 0)
    let batch = AccessBatch(capacity: 64)
    var sizes: [Int] = []
    var rounds: [Int] = []
    while source.remaining > 0 {
      source.fill(batch, limit: 1_000)
      sizes.append(batch.count)
      rounds.append(source.roundsDone)
      #expect(batch.isUniform && batch.uniformGap == 3_900_000 && batch.uniformSizeClass == 2)
    }
    #expect(sizes == [64, 6, 64, 6, 64, 6])
    #expect(rounds == [0, 1, 1, 2, 2, 3])
    source.fill(batch, limit: 10)
    #expect(batch.count == 0 && source.remainingInRound == 0)
    source.restart()
    source.fill(batch, limit: 0)
    #expect(batch.count == 0 && source.remaining == 210 && source.remainingInRound == 70)
  }

  @Test func restartRepeatsEveryPattern() {
    let patterns: [AccessPattern] = [
      .sequential(stride: 3), .uniform, .zipf(exponentThousandths: 990), .chase,
      .drift(hot: 10, hotShare: 900_000, step: 7, period: 33),
    ]
    for pattern in patterns {
      let spec = AccessSpec(
        region: 0, pattern: pattern, pages: 100, accesses: 250, rounds: 2, writes: .share(300_000), seed: 8)
      let source = PatternSource(spec, baseSlot: 0)
      let first = drain(source)
      let hash = source.hash
      source.restart()
      let second = drain(source, capacity: 17)
      #expect(first.map(\.slot) == second.map(\.slot) && first.map(\.isWrite) == second.map(\.isWrite))
      #expect(source.hash == hash && hash == referenceHash(first.map(\.slot)))
      #expect(PatternSource(spec, baseSlot: 0, hashing: false).hash == 0)
    }
  }

  @Test func aChaseVisitsEveryPageOncePerCycle() {
    for pages in [1, 2, 3, 1_000] {
      let spec = AccessSpec(region: 0, pattern: .chase, pages: pages, rounds: 2, seed: 4)
      let slots = drain(PatternSource(spec, baseSlot: 0)).map(\.slot)
      #expect(slots[..<pages].sorted() == Array(0..<pages))
      #expect(slots[..<pages] == ArraySlice(slots[pages...].map { $0 }))
    }
    #expect(AccessSpec(region: 0, pattern: .chase, pages: 2).isDependent)
  }

  @Test func chaseOrdersAreAllAlike() {
    var seen: [[UInt32]: Int] = [:]
    for seed in 0..<6_000 {
      let cycle = RandomCycle(pages: 4, seed: UInt64(seed))
      seen[(0..<4).map { cycle.order[$0] }, default: 0] += 1
    }
    #expect(seen.count == 6)
    #expect(seen.keys.allSatisfy { $0[0] == 0 })
    #expect(seen.values.allSatisfy { (850...1_150).contains($0) })
  }

  @Test func theHotSetGetsItsShareAndMoves() {
    let spec = AccessSpec(
      region: 0, pattern: .drift(hot: 100, hotShare: 900_000, step: 950, period: 20_000), pages: 1_000,
      accesses: 60_000, seed: 2)
    let slots = drain(PatternSource(spec, baseSlot: 0)).map(\.slot)
    for (period, start) in [(0, 0), (1, 950), (2, 900)] {
      let part = slots[(period * 20_000)..<((period + 1) * 20_000)]
      let hot = part.count { ($0 - start + 1_000) % 1_000 < 100 }
      #expect((17_800...18_200).contains(hot))
      #expect(Set(part).count > 850)
    }
  }

  @Test func aWriteShareLeavesThePagesAlone() {
    var spec = AccessSpec(region: 0, pattern: .uniform, pages: 1_000, accesses: 50_000, seed: 2)
    let plain = drain(PatternSource(spec, baseSlot: 0))
    spec.writes = .share(300_000)
    let mixed = drain(PatternSource(spec, baseSlot: 0))
    #expect(plain.map(\.slot) == mixed.map(\.slot))
    #expect((14_500...15_500).contains(mixed.count { $0.isWrite }))
    spec.writes = .share(1_000_000)
    #expect(drain(PatternSource(spec, baseSlot: 0)).allSatisfy { $0.isWrite })
  }
}
