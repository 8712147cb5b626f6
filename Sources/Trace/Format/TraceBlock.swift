// Decoded records, one array a field, for loops that run per record.

/// Room for the records of one block. Reused from block to block: the arrays keep their addresses.
public final class TraceBlock {
  /// Records it has room for; one block of a file always fits.
  public static let capacity = TraceFormat.maxBlockRecords

  /// Records now in it.
  public internal(set) var count = 0
  /// Byte address.
  public let address: UnsafeMutablePointer<UInt64>
  /// Thread number.
  public let thread: UnsafeMutablePointer<UInt16>
  /// Bytes of an access, 1 to 4096.
  public let size: UnsafeMutablePointer<UInt16>
  /// Whether the first access of the record writes.
  public let isWrite: UnsafeMutablePointer<Bool>
  /// Work before the access in the trace's gap unit.
  public let gap: UnsafeMutablePointer<UInt32>
  /// Further accesses to the same page.
  public let repeats: UnsafeMutablePointer<UInt32>
  /// Writes among `repeats`.
  public let repeatWrites: UnsafeMutablePointer<UInt32>

  public init() {
    let n = Self.capacity
    address = .allocate(capacity: n)
    thread = .allocate(capacity: n)
    size = .allocate(capacity: n)
    isWrite = .allocate(capacity: n)
    gap = .allocate(capacity: n)
    repeats = .allocate(capacity: n)
    repeatWrites = .allocate(capacity: n)
    address.initialize(repeating: 0, count: n)
    thread.initialize(repeating: 0, count: n)
    size.initialize(repeating: 0, count: n)
    isWrite.initialize(repeating: false, count: n)
    gap.initialize(repeating: 0, count: n)
    repeats.initialize(repeating: 0, count: n)
    repeatWrites.initialize(repeating: 0, count: n)
  }

  deinit {
    address.deallocate()
    thread.deallocate()
    size.deallocate()
    isWrite.deallocate()
    gap.deallocate()
    repeats.deallocate()
    repeatWrites.deallocate()
  }

  /// Record `i` as a value, for text and tests.
  public subscript(_ i: Int) -> TraceRecord {
    precondition(i >= 0 && i < count)
    return TraceRecord(
      address: address[i], thread: thread[i], size: size[i], isWrite: isWrite[i], gap: gap[i],
      repeats: repeats[i], repeatWrites: repeatWrites[i])
  }
}
