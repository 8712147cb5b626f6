// Blocks to records: column by column, in loops that do nothing else.
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
  private let rules: BlockRules
  /// A decompressed payload.
  private let payload: UnsafeMutableRawPointer
  private let decompressor = ZSTD_createDCtx()
  /// By page of the block: whether a record names it.
  private let isUsed: UnsafeMutablePointer<UInt8>

  /// What is wrong with a payload; `record` is its number in the block, where it is one record's fault.
  struct Failure: Error {
    var problem: String
    var record: Int?
  }

  init(_ rules: BlockRules) {
    self.rules = rules
    payload = .allocate(byteCount: TraceFormat.maxBlockPayload, alignment: 16)
    isUsed = .allocate(capacity: TraceFormat.maxBlockRecords)
    isUsed.initialize(repeating: 0, count: TraceFormat.maxBlockRecords)
  }

  deinit {
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
    /// The shape of a column, or nil when its values are those of the block before.
    func shape(_ column: BlockColumn, _ count: Int, upTo limit: UInt64) throws(Failure) -> ColumnHead? {
      guard let shape = ColumnHead(at: payload + 8 + column.rawValue * ColumnHead.bytes),
        shape.width <= column.maxWidth, shape.width * count <= head.payloadBytes - end, shape.base <= limit
      else { throw Failure(problem: "the \(column) column cannot be") }
      let constant = block.constants[column.rawValue]
      if shape.width == 0, constant.value == shape.base, constant.count >= count { return nil }
      block.constants[column.rawValue] = shape.width == 0 ? (shape.base, count) : (0, 0)
      return shape
    }
    func read<T: FixedWidthInteger & UnsignedInteger>(
      _ column: BlockColumn, _ values: UnsafePointer<T>, _ count: Int, upTo limit: UInt64
    ) throws(Failure) {
      guard let shape = try shape(column, count, upTo: limit) else { return }
      guard shape.decode(payload + end, count, upTo: limit, into: UnsafeMutablePointer(mutating: values)) else {
        throw Failure(problem: "a value of the \(column) column is too high")
      }
      end += shape.width * count
    }
    func sum(_ column: BlockColumn, _ values: UnsafePointer<UInt32>) throws(Failure) -> UInt64 {
      guard let shape = try shape(column, records, upTo: UInt64(UInt32.max)) else {
        return block.constants[column.rawValue].value &* UInt64(records)
      }
      guard let sum = shape.decodeSumming(payload + end, records, into: UnsafeMutablePointer(mutating: values)) else {
        throw Failure(problem: "a value of the \(column) column is too high")
      }
      end += shape.width * records
      return sum
    }
    try read(.page, block.page, pages, upTo: TraceFormat.pageNumbers - 1)
    try read(.process, block.pageProcess, pages, upTo: UInt64(rules.processCount - 1))
    try read(.pageIndex, block.pageIndex, records, upTo: UInt64(pages - 1))
    try read(.place, block.place, records, upTo: rules.layout.hasTouches ? 0x3FFF : 0x1FFF)
    try read(.thread, block.thread, records, upTo: UInt64(rules.processes.count - 1))
    try read(.size, block.size, records, upTo: UInt64(TraceFormat.maxAccessBytes))
    let gap = try sum(.gap, block.gap)
    let repeats = try sum(.repeats, block.repeats)
    let repeatWrites = try sum(.repeatWrites, block.repeatWrites)
    try read(.time, block.time, records, upTo: rules.layout.hasTimes ? .max : 0)
    guard end == head.payloadBytes else { throw Failure(problem: "columns and payload do not end together") }
    block.pageCount = pages
    try checkPages(block, pages, records)
    let writes = try checkRecords(block, records)
    if repeats | repeatWrites != 0 { try checkRepeats(block, records) }
    guard UInt64(records) &+ repeats == head.accesses, writes &+ repeatWrites == head.writes, gap == head.gap,
      touches(block, records) == head.touches
    else { throw Failure(problem: "the records do not add up to the header of their block") }
    block.count = records
  }

  /// Pages ascend, and each belongs to a record.
  private func checkPages(_ block: TraceBlock, _ pages: Int, _ records: Int) throws(Failure) {
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
    let (isUsed, index) = (isUsed, block.pageIndex)
    isUsed.update(repeating: 0, count: pages)
    // Most pages come again and again: a part of the records may name them all.
    var (used, begin) = (0, 0)
    while used < pages && begin < records {
      let end = min(begin + max(4096, 2 * pages), records)
      for i in begin..<end { isUsed[Int(index[i])] = 1 }
      used = 0
      for i in 0..<pages { used &+= Int(isUsed[i]) }
      begin = end
    }
    guard used == pages else { throw Failure(problem: "a page that no record names") }
  }

  /// What holds of each record: looked at for all at once, and one by one only to name the culprit. First accesses that write.
  private func checkRecords(_ block: TraceBlock, _ records: Int) throws(Failure) -> UInt64 {
    let (place, size) = (block.place, block.size)
    var (bits, end, smallest): (UInt16, UInt16, UInt16) = (0, 0, .max)
    // Modulo 2^16, which only a full block of writes reaches: then the write bit is in all.
    var (count, common): (UInt16, UInt16) = (0, .max)
    for i in 0..<records {
      bits |= place[i]
      common &= place[i]
      count &+= place[i] >> 12 & 1
      // At most 4095 + 4096: no overflow.
      end = max(end, (place[i] & TraceBlock.offsetMask) &+ size[i])
      smallest = min(smallest, size[i])
    }
    let granule = (UInt16(1) << UInt16(rules.layout.granuleShift)) &- 1
    guard bits & granule == 0 else {
      throw Failure(
        problem: "an address that is no multiple of the granule",
        record: (0..<records).first { place[$0] & granule != 0 })
    }
    guard end <= UInt16(TraceFormat.pageBytes), smallest > 0 else {
      throw Failure(
        problem: "an access of no bytes, or over the end of its page",
        record: (0..<records).first {
          size[$0] == 0 || (place[$0] & TraceBlock.offsetMask) + size[$0] > UInt16(TraceFormat.pageBytes)
        })
    }
    let writes = common & TraceBlock.writeBit != 0 ? UInt64(records) : UInt64(count)
    guard rules.processCount > 1 else { return writes }
    let (thread, index, process) = (block.thread, block.pageIndex, block.pageProcess)
    let culprit = rules.processes.withUnsafeBufferPointer { processes in
      (0..<records).first { processes[Int(thread[$0])] != process[Int(index[$0])] }
    }
    if let culprit { throw Failure(problem: "a thread in another process's memory", record: culprit) }
    return writes
  }

  /// No record has more writes among its repeats than repeats.
  private func checkRepeats(_ block: TraceBlock, _ records: Int) throws(Failure) {
    let (repeats, repeatWrites) = (block.repeats, block.repeatWrites)
    // Bit 31 is the borrow of the difference, without a compare: this way several are done at a time.
    var borrows: UInt32 = 0
    for i in 0..<records {
      let (all, some) = (repeats[i], repeatWrites[i])
      borrows |= (~all & some) | (~(all ^ some) & (all &- some))
    }
    guard borrows >> 31 == 0 else {
      throw Failure(
        problem: "more writes among the repeats than repeats",
        record: (0..<records).first { repeatWrites[$0] > repeats[$0] })
    }
  }

  /// Accesses of records that are touches.
  private func touches(_ block: TraceBlock, _ records: Int) -> UInt64 {
    guard rules.layout.hasTouches else { return 0 }
    let (place, repeats) = (block.place, block.repeats)
    // The repeats of touches by halves of 16 bits, of which no sum overflows.
    var (count, low, high): (UInt32, UInt32, UInt32) = (0, 0, 0)
    for i in 0..<records {
      let isTouch = UInt32(place[i] >> 13 & 1)
      let folded = repeats[i] & (0 &- isTouch)
      count &+= isTouch
      low &+= folded & 0xFFFF
      high &+= folded >> 16
    }
    return UInt64(count) + UInt64(high) << 16 + UInt64(low)
  }
}
