// Zipf ranks against a bisection of the full table, weights against exact arithmetic.
import Events
import Testing

@testable import Workload

@Suite struct ZipfTests {
  /// Number of pages and the sum of all weights that the reference gets.
  @Test(arguments: [
    (1, 4_294_967_296), (2, 6_442_450_944), (10, 12_579_822_859), (65_536, 50_111_834_122),
    (65_537, 50_111_899_657), (100_000, 51_926_732_410), (1_000_000, 61_815_790_878),
  ])
  func totalsAreThoseOfTheReference(pages: Int, total: UInt64) {
    #expect(ZipfTable(pages: pages, exponentThousandths: 1_000).total == total)
  }

  @Test(arguments: [1, 2, 3, 100, 65_535, 65_536, 65_537, 70_000, 200_003])
  func everyRankIsThatOfABisection(pages: Int) {
    let table = ZipfTable(pages: pages, exponentThousandths: 1_000)
    var sums: [UInt64] = []
    for rank in 0..<pages { sums.append((sums.last ?? 0) + (1 << 32) / UInt64(rank + 1)) }
    var draws = SplitMix64(seed: UInt64(pages))
    var cases = (0..<20_000).map { _ in draws.next() }
    cases += [0, 1, .max, .max - 1, 1 << 63]
    // The draws on both sides of some steps of the sum.
    for _ in 0..<2_000 {
      let edge = sums[draws.below(pages)]
      let draw = UInt128(edge) << 64 / UInt128(table.total)
      for near in -1...1 where Int128(draw) + Int128(near) <= Int128(UInt64.max) {
        cases.append(UInt64(Int128(draw) + Int128(near)))
      }
    }
    for draw in cases {
      let target = draw.multipliedFullWidth(by: table.total).high
      #expect(Int(table.rank(draw: draw)) == bisectRight(sums, target))
    }
  }

  @Test func otherExponentsAreBisectionsOfTheirWeights() {
    for exponent in [1, 500, 990, 1_001, 2_000, 8_000] {
      let pages = 3_000
      let weights = PowerWeights(exponentThousandths: exponent)
      let table = ZipfTable(pages: pages, exponentThousandths: exponent)
      var sums: [UInt64] = []
      for rank in 1...pages { sums.append((sums.last ?? 0) + weights.weight(rank)) }
      #expect(table.total == sums.last)
      var draws = SplitMix64(seed: 1)
      for draw in (0..<5_000).map({ _ in draws.next() }) + [0, .max] {
        #expect(Int(table.rank(draw: draw)) == bisectRight(sums, draw.multipliedFullWidth(by: table.total).high))
      }
    }
  }

  /// floor(2^32 / rank^s), by exact arithmetic.
  @Test(
    arguments: [
      (990, 2, 2_162_420_578), (990, 3, 1_447_470_825), (990, 1_000, 4_602_140), (990, 65_535, 73_223),
      (500, 3, 2_479_700_524), (500, 10, 1_358_187_913), (2_000, 3, 477_218_588), (2_000, 7, 87_652_393),
      (1, 2, 4_291_991_283), (1_500, 12_345, 3_131), (8_000, 17, 0), (990, 1, 4_294_967_296),
    ] as [(Int, Int, UInt64)])
  func weightsAreExactPowers(exponent: Int, rank: Int, weight: UInt64) {
    #expect(PowerWeights(exponentThousandths: exponent).weight(rank) == weight)
  }

  @Test func aTableStaysSmallWhateverThePages() {
    #expect(ZipfTable(pages: 1 << 31, exponentThousandths: 1_000).pieceCount < 1 << 17)
    #expect(ZipfTable(pages: 1 << 28, exponentThousandths: 990).pieceCount < 1 << 17)
  }

  @Test func scatterIsARemainder() {
    var draws = SplitMix64(seed: 6)
    for pages in [1, 2, 3, 4_096, 153_600, (1 << 31) - 1, 1 << 31] {
      for factor in [1, 2_654_435_761, draws.next(), UInt64(pages)] {
        let scatter = Scatter(factor: factor, pages: pages)
        for rank in [0, pages - 1, pages / 2] + (0..<200).map({ _ in draws.below(pages) }) {
          #expect(UInt128(scatter.page(UInt32(rank))) == UInt128(rank) * UInt128(factor) % UInt128(pages))
        }
      }
    }
  }
}
