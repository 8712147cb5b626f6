// A column that is read a few thousand records at a time, so that what is checked of a record is still near.
import CPlatform

/// The numbers of one column of a block that are still to be read.
struct ColumnReader {
  private let base: UInt64
  private let width: Int
  private let coding: ColumnCoding
  /// No value may be higher.
  private let limit: UInt64
  private let vectors: pf_vectors
  private var numbers: UnsafeRawPointer
  /// The value before the next one, of differences.
  private var last: UInt64

  /// Whether all values are equal: none is written then, for the block has them.
  var isConstant: Bool { width == 0 }

  /// Begins at `numbers`, where there are enough of them. The base is at most `limit`.
  init(_ head: ColumnHead, _ numbers: UnsafeRawPointer, upTo limit: UInt64, vectors: pf_vectors) {
    precondition(head.base <= limit)
    (base, width, coding) = (head.base, head.width, head.coding)
    (self.numbers, self.limit, self.vectors) = (numbers, limit, vectors)
    last = head.base
  }

  /// Reads the next `count` values, at most 2^16; false when one is above the limit.
  mutating func next(_ count: Int, into values: UnsafeMutablePointer<UInt16>) -> Bool {
    guard !isConstant else { return true }
    defer { numbers += width * count }
    guard coding == .plain else { return differences(count, into: values) != nil }
    let highest = pf_widen16(vectors, numbers, Int32(width), UInt16(truncatingIfNeeded: base), count, values)
    return UInt64(highest) <= limit - base
  }

  /// Reads the next `count` values, at most 2^16; their sum, or nil when one is above the limit.
  mutating func nextSumming(_ count: Int, into values: UnsafeMutablePointer<UInt32>) -> UInt64? {
    let bases = base &* UInt64(count)
    guard !isConstant else { return bases }
    defer { numbers += width * count }
    guard coding == .plain else { return differences(count, into: values) }
    let found = pf_widen32(vectors, numbers, Int32(width), UInt32(truncatingIfNeeded: base), count, values)
    return UInt64(found.highest) <= limit - base ? bases &+ found.sum : nil
  }

  private mutating func differences<T: FixedWidthInteger & UnsignedInteger>(
    _ count: Int, into values: UnsafeMutablePointer<T>
  ) -> UInt64? {
    switch width {
    case 1: differences(count, into: values, as: UInt8.self)
    case 2: differences(count, into: values, as: UInt16.self)
    default: differences(count, into: values, as: UInt32.self)
    }
  }

  @inline(__always)
  private mutating func differences<T: FixedWidthInteger & UnsignedInteger, N: FixedWidthInteger & UnsignedInteger>(
    _ count: Int, into values: UnsafeMutablePointer<T>, as: N.Type
  ) -> UInt64? {
    var value = last
    var sum: UInt64 = 0
    var isOver = false
    for i in 0..<count {
      let number = UInt64(
        N(littleEndian: numbers.loadUnaligned(fromByteOffset: i &* MemoryLayout<N>.size, as: N.self)))
      value = value &+ (number >> 1 ^ (0 &- (number & 1)))
      isOver = isOver || value > limit
      sum &+= value
      values[i] = T(truncatingIfNeeded: value)
    }
    last = value
    return isOver ? nil : sum
  }
}
