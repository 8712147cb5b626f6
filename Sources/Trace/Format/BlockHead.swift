// The 64 bytes before a block's payload: how long it is, and what its records add up to.
import CPlatform

/// The header of a block.
struct BlockHead: Equatable {
  /// Number of the block, from 0.
  var index = 0
  /// Bytes of the payload in the file.
  var storedBytes = 0
  /// Bytes of the payload once decompressed.
  var payloadBytes = 0
  var records = 0
  var codec = BlockCodec.stored
  var accesses: UInt64 = 0
  var writes: UInt64 = 0
  /// Accesses that are touches.
  var touches: UInt64 = 0
  var gap: UInt64 = 0
  /// Of the stored bytes.
  var checksum: UInt32 = 0

  func store(at raw: UnsafeMutableRawPointer) {
    func store<T: FixedWidthInteger>(_ value: T, _ offset: Int) {
      raw.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
    store(TraceFormat.blockMagic, 0)
    store(UInt32(index), 4)
    store(UInt32(storedBytes), 8)
    store(UInt32(payloadBytes), 12)
    store(UInt32(records), 16)
    store(UInt32(codec.rawValue), 20)
    store(accesses, 24)
    store(writes, 32)
    store(touches, 40)
    store(gap, 48)
    store(checksum, 56)
    store(pf_crc32c(0, raw, 60), 60)
  }

  init() {}

  /// Reads the header of block `number`, at `offset` in `file`; `room` bytes follow it before the next thing.
  init(
    decoding raw: UnsafeRawPointer, number: Int, at offset: Int, room: Int, layout: TraceLayout, file: String
  ) throws(TraceError) {
    func word(_ i: Int) -> UInt32 { UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt32.self)) }
    func long(_ i: Int) -> UInt64 { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)) }
    func damaged(_ byte: Int, _ problem: String) -> TraceError {
      TraceError(
        .damaged, file: file, byte: offset + byte, problem: problem, fix: "fetch or record the trace again")
    }
    guard word(0) == TraceFormat.blockMagic, word(60) == pf_crc32c(0, raw, 60) else {
      throw damaged(0, "header of block \(number) is damaged")
    }
    index = Int(word(4))
    storedBytes = Int(word(8))
    payloadBytes = Int(word(12))
    records = Int(word(16))
    accesses = long(24)
    writes = long(32)
    touches = long(40)
    gap = long(48)
    checksum = word(56)
    guard index == number else { throw damaged(4, "block \(index) where block \(number) belongs") }
    guard storedBytes == room else { throw damaged(8, "\(storedBytes) bytes of payload where \(room) lie") }
    guard storedBytes <= TraceFormat.maxStoredBytes else {
      throw damaged(8, "\(storedBytes) bytes of payload in the file")
    }
    guard (TraceFormat.payloadHeaderBytes...TraceFormat.maxBlockPayload).contains(payloadBytes) else {
      throw damaged(12, "\(payloadBytes) bytes of payload in a block")
    }
    guard (1...TraceFormat.maxBlockRecords).contains(records) else {
      throw damaged(16, "\(records) records in a block")
    }
    guard let codec = UInt8(exactly: word(20)).flatMap(BlockCodec.init(rawValue:)) else {
      throw damaged(20, "unknown codec \(word(20))")
    }
    self.codec = codec
    guard codec != .stored || storedBytes == payloadBytes else {
      throw damaged(12, "\(payloadBytes) bytes of payload in \(storedBytes) stored ones")
    }
    guard layout.isCoalesced || accesses == UInt64(records) else {
      throw damaged(24, "repeats in a trace that is not coalesced")
    }
    guard layout.hasTouches || touches == 0 else { throw damaged(40, "touches in a trace without") }
    guard layout.gapUnit != .none || gap == 0 else { throw damaged(48, "gaps in a trace without a gap unit") }
  }
}
