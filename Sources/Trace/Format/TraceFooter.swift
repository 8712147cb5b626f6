// The last 48 bytes of a trace: totals again, so that a cut at any byte shows.
import CPlatform

/// The end marker.
struct TraceFooter: Equatable {
  var blocks: Int
  var records: UInt64
  var accesses: UInt64
  var writes: UInt64
  var fileBytes: UInt64
  /// The header's own checksum: binds this end to that beginning.
  var headerSum: UInt32

  init(_ header: TraceHeader, headerSum: UInt32) {
    blocks = header.blocks
    records = UInt64(header.records)
    accesses = UInt64(header.accesses)
    writes = UInt64(header.writes)
    fileBytes = UInt64(header.fileBytes)
    self.headerSum = headerSum
  }

  /// The checksum that ends the encoded header `bytes`.
  static func sum(ofHeader bytes: [UInt8]) -> UInt32 {
    bytes.suffix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  func encoded() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: TraceFormat.footerBytes)
    bytes.withUnsafeMutableBytes { raw in
      raw.storeBytes(of: TraceFormat.footerMagic.littleEndian, toByteOffset: 0, as: UInt32.self)
      raw.storeBytes(of: UInt32(blocks).littleEndian, toByteOffset: 4, as: UInt32.self)
      for (i, value) in [records, accesses, writes, fileBytes].enumerated() {
        raw.storeBytes(of: value.littleEndian, toByteOffset: 8 + 8 * i, as: UInt64.self)
      }
      raw.storeBytes(of: headerSum.littleEndian, toByteOffset: 40, as: UInt32.self)
      raw.storeBytes(of: pf_crc32c(0, raw.baseAddress, 44).littleEndian, toByteOffset: 44, as: UInt32.self)
    }
    return bytes
  }
}
