// The numbers of trace format version 2. docs/trace-format.md is the specification; this file must agree with it.

/// Constants and limits of the format.
public enum TraceFormat {
  /// First eight bytes of a trace. As in PNG, the high byte and the line ends show up a transfer in text mode.
  public static let magic: [UInt8] = [0x89, 0x50, 0x46, 0x54, 0x0D, 0x0A, 0x1A, 0x0A]
  /// The version this code reads and writes.
  public static let version = 2
  /// Bytes of the file header, padding and checksum included.
  public static let headerBytes = 4096
  /// Offset of the provenance text in the header.
  static let provenanceOffset = 160
  /// Most bytes of provenance text.
  public static let maxProvenanceBytes = headerBytes - provenanceOffset - 4
  /// Bytes of the provenance text kept free at the start of a recording for what is known only at its end.
  public static let maxFilterNoteBytes = 512
  /// Bytes in a page; the only size version 2 knows.
  public static let pageBytes = 4096
  /// Bytes of a block header.
  public static let blockHeaderBytes = 64
  /// `PFTB`, first bytes of a block, as a little-endian number.
  static let blockMagic: UInt32 = 0x4254_4650
  /// Most records in a block.
  public static let maxBlockRecords = 1 << 16
  /// Bytes of a payload before the columns' data.
  static let payloadHeaderBytes = 8 + BlockColumn.allCases.count * ColumnHead.bytes
  /// Most payload bytes in a block: all columns at their widest.
  public static let maxBlockPayload =
    payloadHeaderBytes + BlockColumn.allCases.reduce(0) { $0 + $1.maxWidth } * maxBlockRecords
  /// Most bytes of a payload in the file: more than zstd makes of any (ZSTD_compressBound in zstd.h: 2,500,264).
  public static let maxStoredBytes = 1 << 22
  /// `PFTI`, first bytes of the index, as a little-endian number.
  static let indexMagic: UInt32 = 0x4954_4650
  /// Bytes of the end marker.
  public static let footerBytes = 48
  /// `PFTE`, first bytes of the end marker, as a little-endian number.
  static let footerMagic: UInt32 = 0x4554_4650
  /// Thread numbers are below this, and so are process numbers.
  public static let maxThreads = 1 << 16
  /// Most bytes in one access.
  public static let maxAccessBytes = 4096
  /// Page numbers are below this.
  static let pageNumbers: UInt64 = 1 << 52
  /// Most blocks in a file.
  public static let maxBlocks = Int(UInt32.max)
}

/// What the addresses of a trace are.
public enum AddressKind: UInt8, Sendable, Codable, CaseIterable {
  /// Virtual addresses of the traced program.
  case virtual = 0
  /// Physical addresses of the machine it ran on.
  case physical = 1
  /// Page numbers of no known meaning, times 4096.
  case pageNumber = 2
}

/// What gaps are counted in.
public enum GapUnit: UInt8, Sendable, Codable, CaseIterable {
  /// Gaps are not known and all zero.
  case none = 0
  /// Instructions; in a cache-filtered trace also one for each access left out.
  case instructions = 1
  /// Cycles of the traced machine.
  case cycles = 2
  /// Nanoseconds.
  case nanoseconds = 3
}

/// How the bytes of a block lie in the file.
enum BlockCodec: UInt8 {
  /// As they are.
  case stored = 0
  /// One zstd frame that states its content size.
  case zstd = 1
}
