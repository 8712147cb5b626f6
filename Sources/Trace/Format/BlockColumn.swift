// One field of all records of a block: a base, and a number of equal width for each record.

/// The columns of a payload, in their order in the file.
enum BlockColumn: Int, CaseIterable {
  /// By page of the block: its number (an address / 4096).
  case page
  /// By page of the block: the process whose page it is.
  case process
  /// By record: which of the block's pages.
  case pageIndex
  /// By record: offset in the page, write bit and touch bit.
  case place
  case thread, size, gap, repeats, repeatWrites, time

  /// Bytes of the field's widest value.
  var maxWidth: Int {
    switch self {
    case .page, .time: 8
    case .gap, .repeats, .repeatWrites: 4
    case .process, .pageIndex, .place, .thread, .size: 2
    }
  }
}

/// How the values of a column are made of the numbers stored.
enum ColumnCoding: UInt8 {
  /// The value is the base plus the number.
  case plain = 0
  /// The value is the one before it plus the number, which is zigzag-coded; before the first comes the base.
  case differences = 1
}

/// What a payload says of a column before its numbers.
struct ColumnHead: Equatable {
  static let bytes = 16

  var base: UInt64
  /// Bytes of each number: 0, 1, 2, 4 or 8.
  var width: Int
  var coding: ColumnCoding

  /// Reads the head at `raw`; nil when no writer makes such a head.
  init?(at raw: UnsafeRawPointer) {
    base = UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self))
    let shape = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    width = Int(shape & 255)
    guard [0, 1, 2, 4, 8].contains(width), let coding = ColumnCoding(rawValue: UInt8(shape >> 8 & 255)) else {
      return nil
    }
    guard shape >> 16 == 0, coding == .plain || width > 0 else { return nil }
    self.coding = coding
  }

  private init(base: UInt64, width: Int, coding: ColumnCoding) {
    self.base = base
    self.width = width
    self.coding = coding
  }

  func store(at raw: UnsafeMutableRawPointer) {
    raw.storeBytes(of: base.littleEndian, as: UInt64.self)
    raw.storeBytes(of: (UInt64(width) | UInt64(coding.rawValue) << 8).littleEndian, toByteOffset: 8, as: UInt64.self)
  }

  /// Bytes that hold numbers up to `highest`.
  private static func width(_ highest: UInt64) -> Int {
    switch highest {
    case 0: 0
    case ..<(1 << 8): 1
    case ..<(1 << 16): 2
    case ..<(1 << 32): 4
    default: 8
    }
  }

  // MARK: Writing

  /// The head under which `count` values, 1 or more, take the fewest bytes in `coding`. A column of equal values is plain, whatever
  /// `coding` says.
  init<T: FixedWidthInteger & UnsignedInteger>(_ values: UnsafePointer<T>, _ count: Int, _ coding: ColumnCoding) {
    var (low, high) = (values[0], values[0])
    for i in 0..<count {
      low = min(low, values[i])
      high = max(high, values[i])
    }
    if coding == .plain || low == high {
      // Without need the base stays 0: the low bits of an address keep their pattern.
      let isBased = Self.width(UInt64(high - low)) < Self.width(UInt64(high))
      self.init(
        base: isBased ? UInt64(low) : 0, width: Self.width(UInt64(isBased ? high - low : high)), coding: .plain)
    } else {
      var widest: UInt64 = 0
      var last = UInt64(values[0])
      for i in 0..<count {
        widest |= Self.zigzag(UInt64(values[i]) &- last)
        last = UInt64(values[i])
      }
      self.init(base: UInt64(values[0]), width: Self.width(widest), coding: .differences)
    }
  }

  private static func zigzag(_ difference: UInt64) -> UInt64 {
    difference << 1 ^ UInt64(bitPattern: Int64(bitPattern: difference) >> 63)
  }

  /// Writes the numbers of `values`; the bytes they take.
  func encode<T: FixedWidthInteger & UnsignedInteger>(
    _ values: UnsafePointer<T>, _ count: Int, to target: UnsafeMutableRawPointer
  ) -> Int {
    switch width {
    case 1: encode(values, count, to: target, as: UInt8.self)
    case 2: encode(values, count, to: target, as: UInt16.self)
    case 4: encode(values, count, to: target, as: UInt32.self)
    case 8: encode(values, count, to: target, as: UInt64.self)
    default: break
    }
    return width * count
  }

  @inline(__always)
  private func encode<T: FixedWidthInteger & UnsignedInteger, N: FixedWidthInteger>(
    _ values: UnsafePointer<T>, _ count: Int, to target: UnsafeMutableRawPointer, as: N.Type
  ) {
    var last = base
    for i in 0..<count {
      let value = UInt64(values[i])
      let number = coding == .plain ? value &- base : Self.zigzag(value &- last)
      last = value
      target.storeBytes(
        of: N(truncatingIfNeeded: number).littleEndian, toByteOffset: i &* MemoryLayout<N>.size, as: N.self)
    }
  }

  // MARK: Reading

  /// Reads `count` values of at most `limit` from `width * count` bytes; whether all were.
  func decode<T: FixedWidthInteger & UnsignedInteger>(
    _ source: UnsafeRawPointer, _ count: Int, upTo limit: UInt64, into values: UnsafeMutablePointer<T>
  ) -> Bool {
    guard base <= limit else { return false }
    switch (coding, width) {
    case (_, 0): values.update(repeating: T(truncatingIfNeeded: base), count: count)
    case (.plain, 1): return plain(source, count, upTo: limit, into: values, as: UInt8.self)
    case (.plain, 2): return plain(source, count, upTo: limit, into: values, as: UInt16.self)
    case (.plain, 4): return plain(source, count, upTo: limit, into: values, as: UInt32.self)
    case (.plain, _): return plain(source, count, upTo: limit, into: values, as: UInt64.self)
    case (.differences, 1): return sums(source, count, upTo: limit, into: values, as: UInt8.self)
    case (.differences, 2): return sums(source, count, upTo: limit, into: values, as: UInt16.self)
    case (.differences, 4): return sums(source, count, upTo: limit, into: values, as: UInt32.self)
    case (.differences, _): return sums(source, count, upTo: limit, into: values, as: UInt64.self)
    }
    return true
  }

  @inline(__always)
  private func plain<T: FixedWidthInteger & UnsignedInteger, N: FixedWidthInteger & UnsignedInteger>(
    _ source: UnsafeRawPointer, _ count: Int, upTo limit: UInt64, into values: UnsafeMutablePointer<T>, as: N.Type
  ) -> Bool {
    let base = T(truncatingIfNeeded: base)
    let room = limit &- self.base
    if room >= UInt64(N.max) {
      for i in 0..<count {
        let number = N(littleEndian: source.loadUnaligned(fromByteOffset: i &* MemoryLayout<N>.size, as: N.self))
        values[i] = base &+ T(truncatingIfNeeded: number)
      }
      return true
    }
    var highest: N = 0
    for i in 0..<count {
      let number = N(littleEndian: source.loadUnaligned(fromByteOffset: i &* MemoryLayout<N>.size, as: N.self))
      highest = max(highest, number)
      values[i] = base &+ T(truncatingIfNeeded: number)
    }
    return UInt64(highest) <= room
  }

  @inline(__always)
  private func sums<T: FixedWidthInteger & UnsignedInteger, N: FixedWidthInteger & UnsignedInteger>(
    _ source: UnsafeRawPointer, _ count: Int, upTo limit: UInt64, into values: UnsafeMutablePointer<T>, as: N.Type
  ) -> Bool {
    var value = base
    var isOver = false
    for i in 0..<count {
      let number = UInt64(
        N(littleEndian: source.loadUnaligned(fromByteOffset: i &* MemoryLayout<N>.size, as: N.self)))
      value = value &+ (number >> 1 ^ (0 &- (number & 1)))
      isOver = isOver || value > limit
      values[i] = T(truncatingIfNeeded: value)
    }
    return !isOver
  }
}
