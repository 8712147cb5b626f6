// Decoded records, one array a field, for loops that run per record.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Room for the records of one block. Reused from block to block: the arrays keep their addresses.
///
/// A block lists the pages it touches, each once; a record names one of them by its index. What is done once a page (looking up
/// where it is, say) need not be done once a record.
public final class TraceBlock {
  /// Records it has room for; one block of a file always fits.
  public static let capacity = TraceFormat.maxBlockRecords

  /// Bits of `place` that are the offset in the page.
  public static let offsetMask: UInt16 = 0x0FFF
  /// Set in `place` when the first access of the record writes.
  public static let writeBit: UInt16 = 0x1000
  /// Set in `place` when the record is a touch.
  public static let touchBit: UInt16 = 0x2000

  /// Records now in it.
  public internal(set) var count = 0
  /// Pages now in it.
  public internal(set) var pageCount = 0
  /// By page: its number, which is an address / 4096. Ascending by process and number.
  public let page: UnsafePointer<UInt64>
  /// By page: its process.
  public let pageProcess: UnsafePointer<UInt16>
  /// Index of the record's page.
  public let pageIndex: UnsafePointer<UInt16>
  /// Offset in the page, with `writeBit` and `touchBit`.
  public let place: UnsafePointer<UInt16>
  /// Thread number.
  public let thread: UnsafePointer<UInt16>
  /// Bytes of an access, 1 to 4096.
  public let size: UnsafePointer<UInt16>
  /// Work before the access in the trace's gap unit.
  public let gap: UnsafePointer<UInt32>
  /// Further accesses to the same page.
  public let repeats: UnsafePointer<UInt32>
  /// Writes among `repeats`.
  public let repeatWrites: UnsafePointer<UInt32>
  /// Nanoseconds; 0 in a trace without time stamps.
  public let time: UnsafePointer<UInt64>

  /// By column: the value that its first so many entries have, left by the last block in which all were equal.
  var constants = [(value: UInt64, count: Int)](repeating: (0, TraceBlock.capacity), count: BlockColumn.allCases.count)

  public init() {
    func make<T: FixedWidthInteger>(_ type: T.Type) -> UnsafePointer<T> {
      // Zeros that take no memory until they are written, as most of a small trace's never are.
      guard let zeros = calloc(Self.capacity, MemoryLayout<T>.stride) else { fatalError("out of memory") }
      return UnsafePointer(zeros.bindMemory(to: T.self, capacity: Self.capacity))
    }
    page = make(UInt64.self)
    pageProcess = make(UInt16.self)
    pageIndex = make(UInt16.self)
    place = make(UInt16.self)
    thread = make(UInt16.self)
    size = make(UInt16.self)
    gap = make(UInt32.self)
    repeats = make(UInt32.self)
    repeatWrites = make(UInt32.self)
    time = make(UInt64.self)
  }

  deinit {
    free(UnsafeMutablePointer(mutating: page))
    free(UnsafeMutablePointer(mutating: pageProcess))
    free(UnsafeMutablePointer(mutating: pageIndex))
    free(UnsafeMutablePointer(mutating: place))
    free(UnsafeMutablePointer(mutating: thread))
    free(UnsafeMutablePointer(mutating: size))
    free(UnsafeMutablePointer(mutating: gap))
    free(UnsafeMutablePointer(mutating: repeats))
    free(UnsafeMutablePointer(mutating: repeatWrites))
    free(UnsafeMutablePointer(mutating: time))
  }

  /// Byte address of record `i`.
  @inlinable public func address(_ i: Int) -> UInt64 {
    page[Int(pageIndex[i])] << 12 | UInt64(place[i] & TraceBlock.offsetMask)
  }

  /// Whether the first access of record `i` writes.
  @inlinable public func isWrite(_ i: Int) -> Bool { place[i] & TraceBlock.writeBit != 0 }

  /// Whether record `i` is a touch.
  @inlinable public func isTouch(_ i: Int) -> Bool { place[i] & TraceBlock.touchBit != 0 }

  /// Record `i` as a value, where speed is not all.
  @inlinable public subscript(_ i: Int) -> TraceRecord {
    precondition(i >= 0 && i < count)
    return TraceRecord(
      address: address(i), thread: thread[i], process: pageProcess[Int(pageIndex[i])], size: size[i],
      isWrite: isWrite(i), gap: gap[i], repeats: repeats[i], repeatWrites: repeatWrites[i], isTouch: isTouch(i),
      time: time[i])
  }
}
