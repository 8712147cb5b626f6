// Records to block payloads. docs/trace-format.md, section "Records", is the specification.
import CPlatform

/// Builds one block after another in one buffer. Raw pointers live here and in `BlockDecoder` only.
///
/// A payload is two streams, so that a reader knows where every field is without a chain of loads: first a control
/// word of 16 bits for each record, then the bytes the control words announce.
struct BlockEncoder: ~Copyable {
  /// Block header, room for all control words, data.
  private let buffer: UnsafeMutableRawPointer
  private static let dataStart = TraceFormat.blockHeaderBytes + 2 * TraceFormat.maxBlockRecords
  private let granule: UInt64
  /// Per thread: `historyLength` addresses, newest at `(next - 1) & 15`, then `next`.
  private var history: [UInt64] = []
  private var threadsInUse = 0
  private var dataBytes = 0
  private var thread: UInt16 = 0
  private var size = UInt16(TraceFormat.initialSize)

  private(set) var records = 0
  private(set) var accesses = 0
  private(set) var writes = 0

  private static let stride = TraceFormat.historyLength + 1

  init(granuleShift: Int) {
    granule = UInt64(granuleShift)
    buffer = .allocate(byteCount: Self.dataStart + TraceFormat.maxBlockPayload + 64, alignment: 16)
  }

  deinit { buffer.deallocate() }

  /// Whether the next record may not fit.
  var isFull: Bool {
    records == TraceFormat.maxBlockRecords
      || 2 * records + dataBytes + TraceFormat.maxRecordBytes > TraceFormat.maxBlockPayload
  }

  /// Appends a checked record. The caller has seen that the block is not full.
  mutating func append(_ record: TraceRecord) {
    var control: UInt16 = record.isWrite ? 1 : 0
    if record.thread != thread {
      control |= 2
      storeData(record.thread)
      dataBytes += 2
      thread = record.thread
    }
    if record.size != size {
      control |= 4
      storeData(record.size - 1)
      dataBytes += 2
      size = record.size
    }
    control |= appendShort(record.gap) << 3
    control |= appendShort(record.repeats) << 5
    control |= appendShort(record.repeatWrites) << 7
    let (back, zigzag) = predict(record.address >> granule, record.thread)
    let length = (64 - zigzag.leadingZeroBitCount + 7) / 8
    storeData(zigzag)
    dataBytes += length == 7 ? 8 : length
    control |= UInt16(min(length, 7)) << 9 | UInt16(back) << 12
    buffer.storeBytes(
      of: control.littleEndian, toByteOffset: TraceFormat.blockHeaderBytes + 2 * records, as: UInt16.self)
    records += 1
    accesses += record.accesses
    writes += record.writes
  }

  private func storeData<T: FixedWidthInteger>(_ value: T) {
    buffer.storeBytes(of: value.littleEndian, toByteOffset: Self.dataStart + dataBytes, as: T.self)
  }

  /// Appends the low 0, 1, 2 or 4 bytes of `value`; the class of the length, 0 to 3.
  private mutating func appendShort(_ value: UInt32) -> UInt16 {
    storeData(value)
    let lengthClass: UInt16 = value == 0 ? 0 : value < 1 << 8 ? 1 : value < 1 << 16 ? 2 : 3
    dataBytes += lengthClass == 3 ? 4 : Int(lengthClass)
    return lengthClass
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

  /// Completes the block as number `index` and hands its bytes to `body`; then the encoder is empty.
  mutating func finishBlock(
    index: Int, _ body: (UnsafeRawBufferPointer) throws(TraceError) -> Void
  ) throws(TraceError) {
    let payload = 2 * records + dataBytes
    precondition(records > 0 && payload <= TraceFormat.maxBlockPayload)
    let gapless = buffer + TraceFormat.blockHeaderBytes + 2 * records
    gapless.copyMemory(from: buffer + Self.dataStart, byteCount: dataBytes)
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
    let bytes = UnsafeRawBufferPointer(start: buffer, count: TraceFormat.blockHeaderBytes + payload)
    dataBytes = 0
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
