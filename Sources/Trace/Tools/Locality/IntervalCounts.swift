// How often each interval came, for intervals of up to 2^64: exact percentiles without a table of all values.

/// Counts in 4096 cells an octave, exact below 8192. A cell never spans two powers of two. 1.7 MiB.
struct IntervalCounts {
  private static let fineBits = 12
  private var cells = [UInt64](repeating: 0, count: (64 - fineBits + 1) << fineBits)
  private(set) var count: UInt64 = 0
  private(set) var most: UInt64 = 0

  @inline(__always)
  mutating func add(_ value: UInt64) {
    cells[Self.cell(of: value)] &+= 1
    count &+= 1
    most = max(most, value)
  }

  @inline(__always)
  private static func cell(of value: UInt64) -> Int {
    let shift = max(0, 63 - fineBits - value.leadingZeroBitCount)
    return shift << fineBits &+ Int(truncatingIfNeeded: value >> UInt64(shift))
  }

  /// The values of cell `i`, as a lowest one and a power of two.
  private static func range(of i: Int) -> (low: UInt64, shift: Int) {
    let shift = max(0, i >> fineBits - 1)
    return (UInt64(i - shift << fineBits) << UInt64(shift), shift)
  }

  /// The cells up to the last that is not empty.
  private var used: ArraySlice<UInt64> { count == 0 ? [] : cells[...Self.cell(of: most)] }

  /// Counts by power of two: `[0]` is value 0, `[k]` the values from 2^(k-1) to 2^k - 1.
  var octaves: [UInt64] {
    var result = [UInt64](repeating: 0, count: 65)
    for (i, n) in used.enumerated() where n > 0 { result[64 - Self.range(of: i).low.leadingZeroBitCount] += n }
    return result
  }

  /// Where the value of this nearest-rank percentile lies; nil when nothing was counted.
  func search(percent: UInt64) -> PercentileSearch? {
    guard count > 0 else { return nil }
    var before: UInt64 = 0
    let rank = max(1, (count * percent + 99) / 100)
    for (i, n) in used.enumerated() where n > 0 {
      if before + n >= rank {
        let range = Self.range(of: i)
        return PercentileSearch(low: range.low, shift: range.shift, rank: rank - before)
      }
      before += n
    }
    return nil
  }
}

/// Narrows a range of values down to the one that has a rank in it, by counting all values again: each round by 2^18. Takes up to
/// 2 MiB.
struct PercentileSearch {
  private static let cellBits = 18

  /// Lowest value of the range.
  private(set) var low: UInt64
  /// The range has 2^shift values.
  private var shift: Int
  /// From 1, among the values in the range.
  private var rank: UInt64
  private var cells: [UInt64] = []

  fileprivate init(low: UInt64, shift: Int, rank: UInt64) {
    self.low = low
    self.shift = shift
    self.rank = rank
  }

  /// Whether `low` is the value.
  var isFound: Bool { shift == 0 }

  /// Before all values are counted again.
  mutating func begin() {
    guard !isFound else { return }
    cells = [UInt64](repeating: 0, count: 1 << min(shift, Self.cellBits))
  }

  @inline(__always)
  mutating func add(_ value: UInt64) {
    let offset = value &- low
    if offset >> UInt64(shift) != 0 || shift == 0 { return }
    cells[Int(truncatingIfNeeded: offset >> UInt64(max(0, shift &- Self.cellBits)))] &+= 1
  }

  /// After all values were counted again: takes the cell that has the rank.
  mutating func end() {
    guard !isFound else { return }
    let finer = max(0, shift - Self.cellBits)
    for (i, n) in cells.enumerated() {
      if n >= rank {
        low += UInt64(i) << UInt64(finer)
        break
      }
      rank -= n
    }
    shift = finer
    cells = []
  }
}
