// Reads a trace block by block and believes nothing that no checksum covers.
import CPlatform

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reads a trace from a mapped file, or from a gzip stream in bounded memory.
///
/// Each byte of the file is verified before a record that depends on it is handed out, and the totals before `next`
/// answers false. An error names the file and the byte offset.
public struct TraceReader: ~Copyable {
  public let header: TraceHeader
  public let path: String
  /// Bytes of the file on disk: compressed, if it is.
  public let bytesOnDisk: Int
  /// Which file it is.
  public var identity: FileIdentity { bytes.identity }
  private let bytes: TraceBytes
  private var decoder: BlockDecoder
  private var offset = TraceFormat.headerBytes
  private var blocks = 0
  private var records: UInt64 = 0
  private var accesses: UInt64 = 0
  private var writes: UInt64 = 0
  private var gap: UInt64 = 0
  private var hasSkipped = false
  private var isDone = false
  private let headerSum: UInt32

  /// Opens `path`, plain or gzip-compressed, and checks its header (and, in a plain file, its length).
  public init(path: String) throws(TraceError) {
    let opened = try Self.open(path)
    self.path = path
    bytes = opened.bytes
    bytesOnDisk = opened.bytes.bytesOnDisk
    header = opened.header
    headerSum = opened.sum
    decoder = BlockDecoder(granuleShift: opened.header.layout.granuleShift, threads: opened.header.threads)
  }

  private static func open(
    _ path: String
  ) throws(TraceError) -> (bytes: TraceBytes, header: TraceHeader, sum: UInt32) {
    let bytes = try TraceBytes(path: path)
    let raw = try bytes.take(TraceFormat.headerBytes, at: 0)
    let header = try TraceHeader(decoding: raw, file: path)
    if let count = bytes.count, count != header.fileBytes {
      throw TraceError(
        count < header.fileBytes ? .truncated : .damaged, file: path, byte: min(count, header.fileBytes),
        problem: "the file has \(count) bytes, its header says \(header.fileBytes)",
        fix: "fetch or record the trace again")
    }
    let sum = raw.loadUnaligned(fromByteOffset: TraceFormat.headerBytes - 4, as: UInt32.self)
    return (bytes, header, UInt32(littleEndian: sum))
  }

  /// Starts again at the first record.
  public mutating func rewind() throws(TraceError) {
    try bytes.rewind()
    _ = try bytes.take(TraceFormat.headerBytes, at: 0)
    offset = TraceFormat.headerBytes
    blocks = 0
    (records, accesses, writes, gap) = (0, 0, 0, 0)
    hasSkipped = false
    isDone = false
  }

  /// Decodes the next block; false after the last, when all totals have been verified.
  ///
  /// After an error `block` holds no records and the reader must be rewound or dropped.
  public mutating func next(into block: TraceBlock) throws(TraceError) -> Bool {
    block.count = 0
    guard let head = try nextHead() else { return false }
    let payload = try bytes.take(head.payload, at: offset + TraceFormat.blockHeaderBytes)
    guard pf_crc32c(0, payload, head.payload) == head.payloadSum else {
      throw damaged(offset + TraceFormat.blockHeaderBytes, "checksum of block \(blocks) does not match")
    }
    let outcome = decoder.decode(payload, bytes: head.payload, records: head.records, into: block)
    if let failure = outcome.failure {
      throw damaged(offset + TraceFormat.blockHeaderBytes + failure.offset, failure.problem)
    }
    guard outcome.accesses == head.accesses, outcome.writes == head.writes else {
      throw damaged(offset, "block \(blocks) does not add up to its header")
    }
    gap &+= outcome.gap
    advance(over: head)
    block.count = head.records
    return true
  }

  /// Passes over the next block without decoding it (its payload stays unchecked); its records, or 0 after the last.
  public mutating func skipBlock() throws(TraceError) -> Int {
    guard let head = try nextHead() else { return 0 }
    _ = try bytes.take(head.payload, at: offset + TraceFormat.blockHeaderBytes)
    hasSkipped = true
    advance(over: head)
    return head.records
  }

  private struct BlockHead {
    var payload: Int
    var records: Int
    var accesses: UInt64
    var writes: UInt64
    var payloadSum: UInt32
  }

  private mutating func advance(over head: BlockHead) {
    offset += TraceFormat.blockHeaderBytes + head.payload
    blocks += 1
    records &+= UInt64(head.records)
    accesses &+= head.accesses
    writes &+= head.writes
  }

  private mutating func nextHead() throws(TraceError) -> BlockHead? {
    if isDone { return nil }
    if blocks == header.blocks {
      try checkEnd()
      isDone = true
      return nil
    }
    let raw = try bytes.take(TraceFormat.blockHeaderBytes, at: offset)
    func word(_ i: Int) -> UInt32 { UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt32.self)) }
    func long(_ i: Int) -> UInt64 { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)) }
    guard word(0) == TraceFormat.blockMagic, word(36) == pf_crc32c(0, raw, 36) else {
      throw damaged(offset, "header of block \(blocks) is damaged")
    }
    let head = BlockHead(
      payload: Int(word(8)), records: Int(word(12)), accesses: long(16), writes: long(24), payloadSum: word(32))
    guard word(4) == blocks else { throw damaged(offset + 4, "block \(word(4)) where block \(blocks) belongs") }
    guard (1...TraceFormat.maxBlockRecords).contains(head.records) else {
      throw damaged(offset + 12, "\(head.records) records in a block")
    }
    let room = header.fileBytes - offset - TraceFormat.blockHeaderBytes - TraceFormat.footerBytes
    guard head.payload >= 2 * head.records, head.payload <= min(room, TraceFormat.maxBlockPayload) else {
      throw damaged(offset + 8, "\(head.payload) bytes of payload in a block")
    }
    guard header.layout.isCoalesced || head.accesses == UInt64(head.records) else {
      throw damaged(offset + 16, "repeats in a trace that is not coalesced")
    }
    return head
  }

  private func checkEnd() throws(TraceError) {
    let raw = try bytes.take(TraceFormat.footerBytes, at: offset)
    var wanted = TraceFooter(header, headerSum: headerSum)
    wanted.fileBytes = UInt64(offset + TraceFormat.footerBytes)
    let found = UnsafeRawBufferPointer(start: raw, count: TraceFormat.footerBytes)
    guard found.elementsEqual(wanted.encoded()) else {
      throw damaged(offset, "the end marker is damaged or belongs to another file")
    }
    guard records == UInt64(header.records), accesses == UInt64(header.accesses), writes == UInt64(header.writes),
      hasSkipped || gap == UInt64(header.totalGap), offset + TraceFormat.footerBytes == header.fileBytes
    else { throw damaged(offset, "the blocks do not add up to the header") }
    guard try bytes.isEnd(at: offset + TraceFormat.footerBytes) else {
      throw damaged(offset + TraceFormat.footerBytes, "bytes after the end marker")
    }
  }

  private func damaged(_ byte: Int, _ problem: String) -> TraceError {
    TraceError(.damaged, file: path, byte: byte, problem: problem, fix: "fetch or record the trace again")
  }
}

/// The bytes of a trace, in order: a mapping, or a gzip stream with a buffer of one block.
private final class TraceBytes {
  private let path: String
  private let mapping: MappedFile?
  private var stream: ByteInput?
  private let buffer: UnsafeMutableRawPointer?

  let bytesOnDisk: Int
  let identity: FileIdentity

  /// Size of the trace where it is known before reading.
  var count: Int? { mapping?.count }

  init(path: String) throws(TraceError) {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw TraceError.system("open", path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw TraceError.system("fstat", path) }
    guard status.st_mode & S_IFMT != S_IFREG || status.st_size > 0 else {
      throw TraceError(.empty, file: path, problem: "the file is empty", fix: "record or import the trace again")
    }
    bytesOnDisk = Int(status.st_size)
    identity = FileIdentity(status)
    var magic: [UInt8] = [0, 0]
    if status.st_mode & S_IFMT == S_IFREG, pread(descriptor, &magic, 2, 0) == 2, magic != [0x1F, 0x8B] {
      mapping = try MappedFile(descriptor: descriptor, count: Int(status.st_size), file: path)
      buffer = nil
    } else {
      mapping = nil
      buffer = .allocate(byteCount: TraceFormat.maxBlockPayload + BlockDecoder.slack, alignment: 16)
      stream = try ByteInput(path: path)
    }
  }

  deinit { buffer?.deallocate() }

  func rewind() throws(TraceError) {
    if mapping == nil { stream = try ByteInput(path: path) }
  }

  /// The `n` bytes at `offset`, which is where the last call ended. They stay until the next call.
  func take(_ n: Int, at offset: Int) throws(TraceError) -> UnsafeRawPointer {
    let have: Int
    var start: UnsafeRawPointer?
    if let mapping {
      if n <= mapping.count - offset { return mapping.base + offset }
      have = mapping.count
      start = mapping.base
    } else if let stream, let buffer {
      let got = try stream.read(into: buffer, count: n)
      if got == n { return UnsafeRawPointer(buffer) }
      have = offset + got
      start = UnsafeRawPointer(buffer)
    } else {
      have = 0
    }
    if offset == 0, let start {
      for (i, byte) in TraceFormat.magic.prefix(have).enumerated()
      where start.load(fromByteOffset: i, as: UInt8.self) != byte { throw TraceError.noTrace(path, byte: i) }
    }
    throw TraceError(
      have == 0 ? .empty : .truncated, file: path, byte: have, problem: "the trace ends too early",
      fix: "fetch or record the trace again")
  }

  func isEnd(at offset: Int) throws(TraceError) -> Bool {
    if let mapping { return mapping.count == offset }
    guard let stream, let buffer else { return true }
    return try stream.read(into: buffer, count: 1) == 0
  }
}
