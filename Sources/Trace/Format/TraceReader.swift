// Reads a trace block by block and believes nothing that no checksum covers.
import CPlatform

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reads a trace from its file: from its start, or from any block.
///
/// Each byte of the file is verified before a record that depends on it is handed out, and the totals before `next`
/// answers false. An error names the file and the byte offset.
public struct TraceReader: ~Copyable {
  public let header: TraceHeader
  public let path: String
  /// By thread, its process.
  public var processes: [UInt16] { file.index.processes }
  /// Which file it is.
  public var identity: FileIdentity { file.identity }
  /// Blocks in the file.
  public var blockCount: Int { file.index.blocks.count }
  let file: TraceFile
  private var decoder: BlockDecoder
  private var block = 0
  private var sums = TraceSums()
  private var hasSkipped = false
  /// Whether blocks that are damaged are passed over instead of ending the reading.
  public var isLenient = false
  /// What was passed over as damaged: blocks and their records, and what was wrong with the first.
  public private(set) var lost = (blocks: 0, records: 0, first: TraceError?.none)

  /// Opens `path` and checks its header, length, index and end.
  public init(path: String) throws(TraceError) {
    self.init(try TraceFile(path: path))
  }

  /// Reads an open file from its start.
  init(_ file: TraceFile) {
    self.file = file
    header = file.header
    path = file.path
    decoder = BlockDecoder(file.rules)
  }

  /// Starts again at the first record.
  public mutating func rewind() {
    block = 0
    sums = TraceSums()
    hasSkipped = false
    lost = (0, 0, nil)
  }

  /// Goes on with the block that has record `record`; how many of its records come before that one. At or past the last record
  /// `next` answers false. What was passed over stays unchecked.
  public mutating func seek(to record: Int) -> Int {
    precondition(record >= 0)
    hasSkipped = true
    guard record < header.records else {
      block = blockCount
      return 0
    }
    var (low, high) = (0, blockCount)
    while high - low > 1 {
      let middle = (low + high) / 2
      if file.index.blocks[middle].record <= record { low = middle } else { high = middle }
    }
    block = low
    return record - file.index.blocks[low].record
  }

  /// Decodes the next block; false after the last, when all totals have been verified.
  ///
  /// After an error `block` holds no records and the reader must be rewound or dropped.
  public mutating func next(into target: TraceBlock) throws(TraceError) -> Bool {
    target.count = 0
    while block < blockCount {
      do throws(TraceError) {
        sums.add(try file.decode(block, with: &decoder, into: target))
        block += 1
        return true
      } catch {
        guard isLenient, error.kind == .damaged else { throw error }
        lost = (lost.blocks + 1, lost.records + file.records(ofBlock: block), lost.first ?? error)
        block += 1
      }
    }
    if !hasSkipped && lost.blocks == 0 { try file.check(sums) }
    return false
  }
}

/// What the blocks of a trace add up to.
struct TraceSums: Equatable {
  var (accesses, writes, touches, gap): (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  mutating func add(_ head: BlockHead) {
    accesses &+= head.accesses
    writes &+= head.writes
    touches &+= head.touches
    gap &+= head.gap
  }
}

/// An open trace. It does not change, so that several threads may decode its blocks, each with a decoder of its own.
final class TraceFile: @unchecked Sendable {
  let path: String
  let identity: FileIdentity
  let header: TraceHeader
  let index: TraceIndex
  private let bytes: TraceBytes

  var rules: BlockRules {
    BlockRules(layout: header.layout, processes: index.processes, processCount: header.processes)
  }

  convenience init(path: String) throws(TraceError) {
    let (bytes, identity) = try Self.open(path)
    try self.init(bytes, identity, path: path)
  }

  /// Reads a copy of `bytes`, as if they were a file called `name`.
  convenience init(_ bytes: UnsafeRawBufferPointer, name: String) throws(TraceError) {
    guard !bytes.isEmpty else { throw Self.empty(name) }
    try self.init(TraceBytes(copying: bytes, name: name), .none, path: name)
  }

  private init(_ bytes: TraceBytes, _ identity: FileIdentity, path: String) throws(TraceError) {
    self.bytes = bytes
    self.identity = identity
    self.path = path
    let count = bytes.count
    let (header, headerSum) = try bytes.with(0..<min(count, TraceFormat.headerBytes)) { start throws(TraceError) in
      for (i, byte) in TraceFormat.magic.enumerated()
      where i < count && start.load(fromByteOffset: i, as: UInt8.self) != byte {
        throw count > 1 && start.loadUnaligned(as: UInt16.self).littleEndian == 0x8B1F
          ? TraceError(
            .format, file: path, byte: 0, problem: "gzip-compressed; a trace is compressed inside",
            fix: "gunzip it, or import it if it is another tool's")
          : TraceError.noTrace(path, byte: i)
      }
      guard count >= TraceFormat.headerBytes else { throw Self.short(path, count) }
      let sum = start.loadUnaligned(fromByteOffset: TraceFormat.headerBytes - 4, as: UInt32.self)
      return (try TraceHeader(decoding: start, file: path), UInt32(littleEndian: sum))
    }
    guard count == header.fileBytes else {
      throw TraceError(
        count < header.fileBytes ? .truncated : .damaged, file: path, byte: min(count, header.fileBytes),
        problem: "the file has \(count) bytes, its header says \(header.fileBytes)",
        fix: "fetch or record the trace again")
    }
    self.header = header
    let end = header.fileBytes - TraceFormat.footerBytes
    index = try bytes.with(header.indexOffset..<end) { start throws(TraceError) in
      try TraceIndex(decoding: start, at: header.indexOffset, of: header, file: path)
    }
    let footer = TraceFooter(header, headerSum: headerSum).encoded()
    let isWhole = try bytes.with(end..<header.fileBytes) { start throws(TraceError) in
      UnsafeRawBufferPointer(start: start, count: TraceFormat.footerBytes).elementsEqual(footer)
    }
    guard isWhole else { throw damaged(end, "the end marker is damaged or belongs to another file") }
  }

  private static func open(_ path: String) throws(TraceError) -> (TraceBytes, FileIdentity) {
    let descriptor = openForReading(path)
    guard descriptor >= 0 else { throw TraceError.system("open", path) }
    var status = stat()
    var problem: TraceError?
    if fstat(descriptor, &status) != 0 {
      problem = TraceError.system("fstat", path)
    } else if status.st_mode & S_IFMT != S_IFREG {
      problem = TraceError(
        .usage, file: path, problem: "a trace is read at any place, and this is no regular file",
        fix: "write it to a file first")
    } else if status.st_size == 0 {
      problem = empty(path)
    }
    if let problem {
      close(descriptor)
      throw problem
    }
    return (
      TraceBytes(descriptor: descriptor, count: Int(status.st_size), file: path), FileIdentity(status)
    )
  }

  private static func empty(_ path: String) -> TraceError {
    TraceError(.empty, file: path, problem: "the file is empty", fix: "record or import the trace again")
  }

  private static func short(_ path: String, _ count: Int) -> TraceError {
    TraceError(
      .truncated, file: path, byte: count, problem: "the trace ends too early", fix: "fetch or record the trace again")
  }

  /// Records of block number `number`, as the index says.
  func records(ofBlock number: Int) -> Int {
    let next = number + 1 == index.blocks.count ? header.records : index.blocks[number + 1].record
    return next - index.blocks[number].record
  }

  /// Decodes block number `number`; its header.
  func decode(
    _ number: Int, with decoder: inout BlockDecoder, into block: TraceBlock
  ) throws(TraceError) -> BlockHead {
    let (offset, record) = index.blocks[number]
    let isLast = number + 1 == index.blocks.count
    let end = isLast ? header.indexOffset : index.blocks[number + 1].offset
    let records = records(ofBlock: number)
    // A block of more bytes than any has is an error that its header shows.
    let last = min(end, offset + TraceFormat.blockHeaderBytes + TraceFormat.maxStoredBytes)
    let stored = try bytes.read(offset..<last, into: decoder.stored)
    let head = try BlockHead(
      decoding: stored, number: number, at: offset, room: end - offset - TraceFormat.blockHeaderBytes,
      layout: header.layout, file: path)
    guard head.records == records else {
      throw damaged(offset + 16, "\(head.records) records in block \(number), the index says \(records)")
    }
    let payload = offset + TraceFormat.blockHeaderBytes
    guard pf_crc32c(0, stored + TraceFormat.blockHeaderBytes, head.storedBytes) == head.checksum else {
      throw damaged(payload, "checksum of block \(number) does not match")
    }
    do throws(BlockDecoder.Failure) {
      try decoder.decode(head, stored + TraceFormat.blockHeaderBytes, into: block)
    } catch {
      let place = error.record.map { ", record \(record + $0)" } ?? ""
      throw damaged(payload, "block \(number)\(place): \(error.problem)")
    }
    return head
  }

  /// The blocks add up to the header.
  func check(_ sums: TraceSums) throws(TraceError) {
    guard sums.accesses == UInt64(header.accesses), sums.writes == UInt64(header.writes),
      sums.touches == UInt64(header.touches), sums.gap == UInt64(header.totalGap)
    else { throw damaged(header.indexOffset, "the blocks do not add up to the header") }
  }

  private func damaged(_ byte: Int, _ problem: String) -> TraceError {
    TraceError(.damaged, file: path, byte: byte, problem: problem, fix: "fetch or record the trace again")
  }
}

/// open(2), under a name that no method hides.
private func openForReading(_ path: String) -> Int32 { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
