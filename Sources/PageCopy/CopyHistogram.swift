// Sizes and latencies of copy calls, in bins of a fixed number.

import Units

/// Calls of one method by the pages they copied and by the time they took.
///
/// A bin is a quarter of an octave, as in an HDR histogram of two significant bits: it is at most a quarter of its lower edge wide.
public struct CopyHistogram: Sendable, Equatable {
  /// Calls by base pages, a huge page counting 512.
  public private(set) var pages: [Int] = []
  /// Calls by nanoseconds, from the beginning of the call to its end.
  public private(set) var nanoseconds: [Int] = []

  public init() {}

  mutating func add(pages count: Int, _ time: Picoseconds) {
    CopyHistogram.count(count, in: &pages)
    CopyHistogram.count(time / Picoseconds.nanosecond, in: &nanoseconds)
  }

  private static func count(_ value: Int, in bins: inout [Int]) {
    let bin = bin(of: value)
    if bin >= bins.count { bins += [Int](repeating: 0, count: bin + 1 - bins.count) }
    bins[bin] += 1
  }

  /// The bin of a value; negative ones are in the first.
  public static func bin(of value: Int) -> Int {
    guard value >= 4 else { return max(value, 0) }
    let octave = Int.bitWidth - 1 - value.leadingZeroBitCount
    return (octave - 1) * 4 + (value >> (octave - 2)) & 3
  }

  /// The least value of a bin, which is below the next bin's.
  public static func edge(of bin: Int) -> Int {
    guard bin >= 4 else { return bin }
    return (4 + bin & 3) << (bin / 4 - 1)
  }
}
