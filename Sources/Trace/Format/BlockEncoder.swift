// Records to blocks. docs/trace-format.md, section "Blocks", is the specification.
import CPlatform
import CZstd

/// The arrays of a block, to be filled.
private struct WritableBlock {
  private let block = TraceBlock()
  var pageCount = 0

  private func writable<T>(_ array: UnsafePointer<T>) -> UnsafeMutablePointer<T> {
    UnsafeMutablePointer(mutating: array)
  }

  var page: UnsafeMutablePointer<UInt64> { writable(block.page) }
  var pageProcess: UnsafeMutablePointer<UInt16> { writable(block.pageProcess) }
  var pageIndex: UnsafeMutablePointer<UInt16> { writable(block.pageIndex) }
  var place: UnsafeMutablePointer<UInt16> { writable(block.place) }
  var thread: UnsafeMutablePointer<UInt16> { writable(block.thread) }
  var size: UnsafeMutablePointer<UInt16> { writable(block.size) }
  var gap: UnsafeMutablePointer<UInt32> { writable(block.gap) }
  var repeats: UnsafeMutablePointer<UInt32> { writable(block.repeats) }
  var repeatWrites: UnsafeMutablePointer<UInt32> { writable(block.repeatWrites) }
  var time: UnsafeMutablePointer<UInt64> { writable(block.time) }
}

/// Collects the records of one block after another. Raw pointers live here and in the decoder only.
struct BlockEncoder: ~Copyable {
  /// The records so far, one array a field; pages in order of first use.
  private var block = WritableBlock()
  /// By hash of process and page: index of the page in `block`, or all ones.
  private let table: UnsafeMutablePointer<UInt32>
  private static let tableSize = 1 << 17
  /// By page of the block: its place in `table`.
  private let tablePlaces: UnsafeMutablePointer<UInt32>
  /// Block header and payload, or the same compressed.
  private let plain: UnsafeMutableRawPointer
  private let packed: UnsafeMutableRawPointer
  private let packedRoom: Int
  private let compressor: OpaquePointer?
  private let level: Int32

  private var head = BlockHead()
  private var lastPage: UInt64 = .max
  private var lastProcess: UInt16 = 0
  private var lastIndex: UInt16 = 0

  /// Records in the block.
  var records: Int { head.records }
  /// Whether the block has no room for another record.
  var isFull: Bool { head.records == TraceFormat.maxBlockRecords }

  /// `level` is zstd's, 1 to 19; 0 leaves blocks uncompressed.
  init(level: Int) {
    self.level = Int32(level)
    let room = TraceFormat.maxBlockPayload
    packedRoom = level > 0 ? Int(ZSTD_compressBound(room)) : 0
    plain = .allocate(byteCount: TraceFormat.blockHeaderBytes + room, alignment: 16)
    packed = .allocate(byteCount: TraceFormat.blockHeaderBytes + packedRoom, alignment: 16)
    compressor = level > 0 ? ZSTD_createCCtx() : nil
    table = .allocate(capacity: Self.tableSize)
    table.initialize(repeating: .max, count: Self.tableSize)
    tablePlaces = .allocate(capacity: TraceFormat.maxBlockRecords)
  }

  deinit {
    plain.deallocate()
    packed.deallocate()
    table.deallocate()
    tablePlaces.deallocate()
    if let compressor { ZSTD_freeCCtx(compressor) }
  }

  /// Appends a checked record. The caller has seen that the block is not full.
  mutating func append(_ record: TraceRecord) {
    let page = record.address >> 12
    if page != lastPage || record.process != lastProcess {
      lastIndex = index(of: page, record.process)
      (lastPage, lastProcess) = (page, record.process)
    }
    let i = head.records
    block.pageIndex[i] = lastIndex
    block.place[i] =
      UInt16(truncatingIfNeeded: record.address & 4095) | (record.isWrite ? TraceBlock.writeBit : 0)
      | (record.isTouch ? TraceBlock.touchBit : 0)
    block.thread[i] = record.thread
    block.size[i] = record.size
    block.gap[i] = record.gap
    block.repeats[i] = record.repeats
    block.repeatWrites[i] = record.repeatWrites
    block.time[i] = record.time
    head.records += 1
    head.accesses += UInt64(record.accesses)
    head.writes += UInt64(record.writes)
    head.touches += record.isTouch ? UInt64(record.accesses) : 0
    head.gap += UInt64(record.gap)
  }

  private mutating func index(of page: UInt64, _ process: UInt16) -> UInt16 {
    var i = Int(((page ^ UInt64(process) << 48) &* 0x9E37_79B9_7F4A_7C15) >> (64 - 17))
    while table[i] != .max {
      let known = Int(table[i])
      if block.page[known] == page && block.pageProcess[known] == process { return UInt16(known) }
      i = (i + 1) & (Self.tableSize - 1)
    }
    let new = block.pageCount
    table[i] = UInt32(new)
    tablePlaces[new] = UInt32(i)
    block.page[new] = page
    block.pageProcess[new] = process
    block.pageCount += 1
    return UInt16(new)
  }

  /// Completes the block as number `index`, and hands each of its pages to `page`, in their order, and its bytes to `body`; then the
  /// encoder is empty.
  mutating func finishBlock(
    index: Int, page: (_ number: UInt64, _ process: UInt16) throws(TraceError) -> Void,
    body: (UnsafeRawBufferPointer) throws(TraceError) -> Void
  ) throws(TraceError) {
    precondition(head.records > 0)
    sortPages()
    for i in 0..<block.pageCount { try page(block.page[i], block.pageProcess[i]) }
    head.index = index
    head.payloadBytes = encodePayload(plain + TraceFormat.blockHeaderBytes)
    var target = plain
    (head.codec, head.storedBytes) = (.stored, head.payloadBytes)
    if let compressor {
      let n = ZSTD_compressCCtx(
        compressor, packed + TraceFormat.blockHeaderBytes, packedRoom, plain + TraceFormat.blockHeaderBytes,
        head.payloadBytes, level)
      if ZSTD_isError(n) == 0 && n < head.payloadBytes {
        target = packed
        (head.codec, head.storedBytes) = (.zstd, n)
      }
    }
    head.checksum = pf_crc32c(0, target + TraceFormat.blockHeaderBytes, head.storedBytes)
    head.store(at: target)
    let bytes = UnsafeRawBufferPointer(start: target, count: TraceFormat.blockHeaderBytes + head.storedBytes)
    head = BlockHead()
    for i in 0..<block.pageCount { table[Int(tablePlaces[i])] = .max }
    block.pageCount = 0
    lastPage = .max
    try body(bytes)
  }

  /// Puts the pages in their order in the file, and the records' indices with them.
  private mutating func sortPages() {
    var keys = pageKeys()
    keys.sort()
    let pages = block.pageCount
    withUnsafeTemporaryAllocation(of: (number: UInt64, process: UInt16).self, capacity: pages) { old in
      for i in 0..<pages { old[i] = (block.page[i], block.pageProcess[i]) }
      withUnsafeTemporaryAllocation(of: UInt16.self, capacity: pages) { rank in
        for (i, key) in keys.enumerated() {
          let index = Int(key & 0xFFFF)
          rank[index] = UInt16(i)
          block.page[i] = old[index].number
          block.pageProcess[i] = old[index].process
        }
        for i in 0..<head.records { block.pageIndex[i] = rank[Int(block.pageIndex[i])] }
      }
    }
  }

  /// By page, a number that sorts as process and page do, with the index in its low 16 bits.
  private func pageKeys() -> [UInt64] {
    let pages = block.pageCount
    var (low, high, processes): (UInt64, UInt64, UInt16) = (.max, 0, 0)
    for i in 0..<pages {
      low = min(low, block.page[i])
      high = max(high, block.page[i])
      processes |= block.pageProcess[i]
    }
    // Nearly always one process, and pages within 2^48 of each other.
    if processes == 0 && high - low < 1 << 48 {
      return (0..<pages).map { (block.page[$0] - low) << 16 | UInt64($0) }
    }
    let order = (0..<pages).sorted {
      block.pageProcess[$0] == block.pageProcess[$1]
        ? block.page[$0] < block.page[$1] : block.pageProcess[$0] < block.pageProcess[$1]
    }
    return order.enumerated().map { UInt64($0.offset) << 16 | UInt64($0.element) }
  }

  /// Writes the payload; its bytes.
  private func encodePayload(_ payload: UnsafeMutableRawPointer) -> Int {
    let (pages, records) = (block.pageCount, head.records)
    let coding = indexCoding()
    payload.storeBytes(of: UInt64(pages).littleEndian, as: UInt64.self)
    var end = TraceFormat.payloadHeaderBytes
    func add<T: FixedWidthInteger & UnsignedInteger>(
      _ column: BlockColumn, _ values: UnsafeMutablePointer<T>, _ count: Int, _ coding: ColumnCoding = .plain
    ) {
      let shape = ColumnHead(values, count, coding)
      precondition(shape.width <= column.maxWidth)
      shape.store(at: payload + 8 + column.rawValue * ColumnHead.bytes)
      end += shape.encode(values, count, to: payload + end)
    }
    add(.page, block.page, pages, .differences)
    add(.process, block.pageProcess, pages)
    add(.pageIndex, block.pageIndex, records, coding)
    add(.place, block.place, records)
    add(.thread, block.thread, records)
    add(.size, block.size, records)
    add(.gap, block.gap, records)
    add(.repeats, block.repeats, records)
    add(.repeatWrites, block.repeatWrites, records)
    add(.time, block.time, records, .differences)
    return end
  }

  /// Pages come in sequence in one program and at random in another: what zstd makes smaller, or takes fewer bytes without it. Tries
  /// both where the payload will be.
  private func indexCoding() -> ColumnCoding {
    func bytes(_ coding: ColumnCoding) -> Int {
      let shape = ColumnHead(block.pageIndex, head.records, coding)
      // Of more than 2^15 pages a difference may be wider than the column.
      guard shape.width <= BlockColumn.pageIndex.maxWidth else { return .max }
      let raw = plain + TraceFormat.blockHeaderBytes + TraceFormat.payloadHeaderBytes
      let count = shape.encode(block.pageIndex, head.records, to: raw)
      guard let compressor, count > 0 else { return count }
      let n = ZSTD_compressCCtx(compressor, packed, packedRoom, raw, count, 1)
      return ZSTD_isError(n) == 0 ? n : count
    }
    return bytes(.differences) < bytes(.plain) ? .differences : .plain
  }
}
