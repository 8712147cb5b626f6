// Blocks to records: what lies in a payload, and what must hold of its pages. BlockDecoder+Records reads and checks the records.
import CPlatform
import CZstd

/// What a payload must agree with.
struct BlockRules {
  let layout: TraceLayout
  /// By thread, its process.
  let processes: [UInt16]
  let processCount: Int
}

/// Decodes payloads whose checksum has been verified, and still trusts nothing in them.
struct BlockDecoder: ~Copyable {
  let rules: BlockRules
  let vectors: pf_vectors
  /// A block as it lies in the file: room for `TraceFormat.maxStoredBytes` and a header, of which most is never touched.
  let stored: UnsafeMutableRawPointer
  /// A decompressed payload.
  private let payload: UnsafeMutableRawPointer
  private let decompressor = ZSTD_createDCtx()
  /// By page of the block: 255 when a record names it.
  let isUsed: UnsafeMutablePointer<UInt8>

  /// What is wrong with a payload; `record` is its number in the block, where it is one record's fault.
  struct Failure: Error {
    var problem: String
    var record: Int?
  }

  /// `vectors` are those of this CPU, or narrower ones.
  init(_ rules: BlockRules, vectors: pf_vectors = pf_widest_vectors()) {
    self.rules = rules
    self.vectors = vectors
    stored = .allocate(byteCount: TraceFormat.blockHeaderBytes + TraceFormat.maxStoredBytes, alignment: 64)
    payload = .allocate(byteCount: TraceFormat.maxBlockPayload, alignment: 16)
    isUsed = .allocate(capacity: TraceFormat.maxBlockRecords)
    isUsed.initialize(repeating: 0, count: TraceFormat.maxBlockRecords)
  }

  deinit {
    stored.deallocate()
    payload.deallocate()
    isUsed.deallocate()
    ZSTD_freeDCtx(decompressor)
  }

  /// Decodes the block whose stored bytes begin at `stored`.
  mutating func decode(_ head: BlockHead, _ stored: UnsafeRawPointer, into block: TraceBlock) throws(Failure) {
    block.count = 0
    block.pageCount = 0
    switch head.codec {
    case .stored: try decode(head, payload: stored, into: block)
    case .zstd:
      guard ZSTD_getFrameContentSize(stored, head.storedBytes) == UInt64(head.payloadBytes) else {
        throw Failure(problem: "the compressed payload is not of the size stated")
      }
      let n = ZSTD_decompressDCtx(decompressor, payload, head.payloadBytes, stored, head.storedBytes)
      guard n == head.payloadBytes else { throw Failure(problem: "the compressed payload is damaged") }
      try decode(head, payload: UnsafeRawPointer(payload), into: block)
    }
  }

  private func decode(_ head: BlockHead, payload: UnsafeRawPointer, into block: TraceBlock) throws(Failure) {
    let records = head.records
    let pages = Int(UInt64(littleEndian: payload.loadUnaligned(as: UInt64.self)) & 0x1_FFFF)
    guard UInt64(littleEndian: payload.loadUnaligned(as: UInt64.self)) == UInt64(pages), (1...records).contains(pages)
    else { throw Failure(problem: "more or fewer pages than records can have") }
    var end = TraceFormat.payloadHeaderBytes
    /// The shape of the next column and where its numbers are. Values that are all equal are written, unless the block has them
    /// from the block before.
    func shape<T: FixedWidthInteger & UnsignedInteger>(
      _ column: BlockColumn, _ values: UnsafePointer<T>, _ count: Int, upTo limit: UInt64
    ) throws(Failure) -> (head: ColumnHead, numbers: UnsafeRawPointer) {
      guard let shape = ColumnHead(at: payload + 8 + column.rawValue * ColumnHead.bytes),
        shape.width <= column.maxWidth, shape.width * count <= head.payloadBytes - end, shape.base <= limit
      else { throw Failure(problem: "the \(column) column cannot be") }
      let numbers = payload + end
      end += shape.width * count
      let constant = block.constants[column.rawValue]
      if shape.width > 0 {
        block.constants[column.rawValue] = (0, 0)
      } else if constant.value != shape.base || constant.count < count {
        UnsafeMutablePointer(mutating: values).update(repeating: T(truncatingIfNeeded: shape.base), count: count)
        block.constants[column.rawValue] = (shape.base, count)
      }
      return (shape, numbers)
    }
    func read<T: FixedWidthInteger & UnsignedInteger>(
      _ column: BlockColumn, _ values: UnsafePointer<T>, _ count: Int, upTo limit: UInt64
    ) throws(Failure) {
      let (shape, numbers) = try shape(column, values, count, upTo: limit)
      guard shape.width == 0 || shape.decode(numbers, count, upTo: limit, into: UnsafeMutablePointer(mutating: values))
      else { throw Self.tooHigh(column) }
    }
    func reader<T: FixedWidthInteger & UnsignedInteger>(
      _ column: BlockColumn, _ values: UnsafePointer<T>, upTo limit: UInt64
    ) throws(Failure) -> ColumnReader {
      let (shape, numbers) = try shape(column, values, records, upTo: limit)
      return ColumnReader(shape, numbers, upTo: limit, vectors: vectors)
    }
    try read(.page, block.page, pages, upTo: TraceFormat.pageNumbers - 1)
    try read(.process, block.pageProcess, pages, upTo: UInt64(rules.processCount - 1))
    let columns = RecordColumns(
      pageIndex: try reader(.pageIndex, block.pageIndex, upTo: UInt64(pages - 1)),
      place: try reader(.place, block.place, upTo: rules.layout.hasTouches ? 0x3FFF : 0x1FFF),
      thread: try reader(.thread, block.thread, upTo: UInt64(rules.processes.count - 1)),
      size: try reader(.size, block.size, upTo: UInt64(TraceFormat.maxAccessBytes)),
      gap: try reader(.gap, block.gap, upTo: UInt64(UInt32.max)),
      repeats: try reader(.repeats, block.repeats, upTo: UInt64(UInt32.max)),
      repeatWrites: try reader(.repeatWrites, block.repeatWrites, upTo: UInt64(UInt32.max)))
    try read(.time, block.time, records, upTo: rules.layout.hasTimes ? .max : 0)
    guard end == head.payloadBytes else { throw Failure(problem: "columns and payload do not end together") }
    block.pageCount = pages
    try checkPages(block, pages)
    let sums = try readRecords(columns, pages, records, into: block)
    if rules.processCount > 1 { try checkProcesses(block, records) }
    guard sums.accesses == head.accesses, sums.writes == head.writes, sums.gap == head.gap,
      sums.touches == head.touches
    else { throw Failure(problem: "the records do not add up to the header of their block") }
    block.count = records
  }

  static func tooHigh(_ column: BlockColumn) -> Failure {
    Failure(problem: "a value of the \(column) column is too high")
  }

  /// Pages ascend.
  private func checkPages(_ block: TraceBlock, _ pages: Int) throws(Failure) {
    let (page, process) = (block.page, block.pageProcess)
    var back: UInt64 = 0
    if rules.processCount == 1 {
      for i in 1..<max(1, pages) { back |= page[i &- 1] < page[i] ? 0 : 1 }
    } else {
      for i in 1..<max(1, pages) {
        let isLater = process[i] == process[i &- 1] ? page[i] > page[i &- 1] : process[i] > process[i &- 1]
        back |= isLater ? 0 : 1
      }
    }
    guard back == 0 else { throw Failure(problem: "the pages do not ascend") }
  }

  /// The thread of each record is of the process whose page it is.
  private func checkProcesses(_ block: TraceBlock, _ records: Int) throws(Failure) {
    let (thread, index, process) = (block.thread, block.pageIndex, block.pageProcess)
    let culprit = rules.processes.withUnsafeBufferPointer { processes in
      (0..<records).first { processes[Int(thread[$0])] != process[Int(index[$0])] }
    }
    if let culprit { throw Failure(problem: "a thread in another process's memory", record: culprit) }
  }
}
