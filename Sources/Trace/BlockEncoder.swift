// Records to block payloads. docs/trace-format.md, section "Records", is the specification.
import CPlatform

/// Builds one block after another in one buffer. Raw pointers live here and in `BlockDecoder` only.
struct BlockEncoder: ~Copyable {
  private let buffer: UnsafeMutableRawPointer
  private let granule: UInt64
  /// Per thread: `historyLength` addresses, newest at `(next - 1) & 15`, then `next`.
  private var history: [UInt64] = []
  private var threadsInUse = 0
  private var cursor: Int
  private var thread: UInt16 = 0
  private var size = UInt16(TraceFormat.initialSize)

  private(set) var records = 0
  private(set) var accesses = 0
  private(set) var writes = 0

  private static let stride = TraceFormat.historyLength + 1

  init(granuleShift: Int) {
    granule = UInt64(granuleShift)
    cursor = TraceFormat.blockHeaderBytes
    buffer = .allocate(
      byteCount: TraceFormat.blockHeaderBytes + TraceFormat.maxBlockPayload + 2 * TraceFormat.maxRecordBytes,
      alignment: 16)
  }

  deinit { buffer.deallocate() }

  /// Whether the next record may not fit.
  var isFull: Bool {
    records == TraceFormat.maxBlockRecords
      || cursor - TraceFormat.blockHeaderBytes + TraceFormat.maxRecordBytes > TraceFormat.maxBlockPayload
  }

  /// Appends a checked record. The caller has seen that the block is not full.
  mutating func append(_ record: TraceRecord) {
    var p = cursor + 1
    let gapClass: UInt8 = record.gap == 0 ? 0 : record.gap < 1 << 8 ? 1 : record.gap < 1 << 16 ? 2 : 3
    let hasExtension = record.thread != thread || record.size != size || record.repeats != 0
    if hasExtension { p = appendExtension(record, at: p) }
    p = store(record.gap, gapClass, p)
    if hasExtension {
      p = store(record.repeats, Self.lengthClass(record.repeats), p)
      p = store(record.repeatWrites, Self.lengthClass(record.repeatWrites), p)
    }
    let (back, zigzag) = predict(record.address >> granule, record.thread)
    let tag = (record.isWrite ? 1 : 0) | (hasExtension ? 2 : 0) | gapClass << 2 | UInt8(back) << 4
    buffer.storeBytes(of: tag, toByteOffset: cursor, as: UInt8.self)
    cursor = storePrefixed(zigzag, p)
    records += 1
    accesses += record.accesses
    writes += record.writes
  }

  private mutating func appendExtension(_ record: TraceRecord, at start: Int) -> Int {
    var p = start + 1
    let sizeClass = record.size.nonzeroBitCount == 1 && record.size <= 64 ? UInt8(record.size.trailingZeroBitCount) : 7
    let changesThread = record.thread != thread
    let byte =
      sizeClass | (changesThread ? 8 : 0) | Self.lengthClass(record.repeats) << 4
      | Self.lengthClass(record.repeatWrites) << 6
    buffer.storeBytes(of: byte, toByteOffset: start, as: UInt8.self)
    if changesThread {
      buffer.storeBytes(of: record.thread.littleEndian, toByteOffset: p, as: UInt16.self)
      p += 2
    }
    if sizeClass == 7 {
      buffer.storeBytes(of: (record.size - 1).littleEndian, toByteOffset: p, as: UInt16.self)
      p += 2
    }
    thread = record.thread
    size = record.size
    return p
  }

  private static func lengthClass(_ value: UInt32) -> UInt8 {
    value == 0 ? 0 : value < 1 << 8 ? 1 : value < 1 << 16 ? 2 : 3
  }

  /// Stores the low 0, 1, 2 or 4 bytes of `value`; the offset after them.
  private func store(_ value: UInt32, _ lengthClass: UInt8, _ p: Int) -> Int {
    buffer.storeBytes(of: value.littleEndian, toByteOffset: p, as: UInt32.self)
    return p + (lengthClass == 3 ? 4 : Int(lengthClass))
  }

  /// The nearest of the thread's last addresses, counted back from 0, and the zigzag-coded way from it.
  private mutating func predict(_ units: UInt64, _ thread: UInt16) -> (back: Int, zigzag: UInt64) {
    let base = Int(thread) * Self.stride
    if history.count < base + Self.stride {
      history.append(contentsOf: repeatElement(0, count: base + Self.stride - history.count))
    }
    threadsInUse = max(threadsInUse, Int(thread) + 1)
    return history.withUnsafeMutableBufferPointer { all in
      let h = all.baseAddress! + base
      let next = Int(h[TraceFormat.historyLength])
      var best = UInt64.max
      var back = 0
      for k in 0..<TraceFormat.historyLength {
        let delta = units &- h[(next &- 1 &- k) & (TraceFormat.historyLength - 1)]
        let zigzag = delta << 1 ^ UInt64(bitPattern: Int64(bitPattern: delta) >> 63)
        if zigzag < best || k == 0 {
          best = zigzag
          back = k
        }
      }
      h[next] = units
      h[TraceFormat.historyLength] = UInt64((next + 1) & (TraceFormat.historyLength - 1))
      return (back, best)
    }
  }

  /// Stores a number of 1 to 9 bytes, its length in the trailing zeros of the first; the offset after it.
  private func storePrefixed(_ value: UInt64, _ p: Int) -> Int {
    let bits = 64 - value.leadingZeroBitCount
    let length = max(1, (bits + 6) / 7)
    if length <= 8 {
      buffer.storeBytes(
        of: (value << UInt64(length) | 1 << UInt64(length - 1)).littleEndian, toByteOffset: p, as: UInt64.self)
      return p + length
    }
    buffer.storeBytes(of: 0, toByteOffset: p, as: UInt8.self)
    buffer.storeBytes(of: value.littleEndian, toByteOffset: p + 1, as: UInt64.self)
    return p + 9
  }

  /// Completes the block as number `index` and hands its bytes to `body`; then the encoder is empty.
  mutating func finishBlock(
    index: Int, _ body: (UnsafeRawBufferPointer) throws(TraceError) -> Void
  ) throws(TraceError) {
    let payload = cursor - TraceFormat.blockHeaderBytes
    precondition(records > 0 && payload <= TraceFormat.maxBlockPayload)
    func store<T: FixedWidthInteger>(_ value: T, _ offset: Int) {
      buffer.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
    store(TraceFormat.blockMagic, 0)
    store(UInt32(index), 4)
    store(UInt32(payload), 8)
    store(UInt32(records), 12)
    store(UInt64(accesses), 16)
    store(UInt64(writes), 24)
    store(pf_crc32c(0, buffer + TraceFormat.blockHeaderBytes, payload), 32)
    store(pf_crc32c(0, buffer, 36), 36)
    let bytes = UnsafeRawBufferPointer(start: buffer, count: cursor)
    cursor = TraceFormat.blockHeaderBytes
    records = 0
    accesses = 0
    writes = 0
    thread = 0
    size = UInt16(TraceFormat.initialSize)
    for i in 0..<threadsInUse * Self.stride { history[i] = 0 }
    threadsInUse = 0
    try body(bytes)
  }
}
