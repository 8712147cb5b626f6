// What lies between the last block and the end marker: whose the threads are, and where the blocks begin.
import CPlatform

/// The threads of a trace and the places of its blocks.
struct TraceIndex: Equatable {
  /// By thread, its process.
  var processes: [UInt16] = []
  /// By block: offset of its header in the file, and number of its first record.
  var blocks: [(offset: Int, record: Int)] = []

  static func == (a: TraceIndex, b: TraceIndex) -> Bool {
    a.processes == b.processes && a.blocks.elementsEqual(b.blocks) { $0 == $1 }
  }

  /// Bytes of the index of a trace with so many threads and blocks.
  static func bytes(threads: Int, blocks: Int) -> Int { 16 + (2 * threads + 7) / 8 * 8 + 16 * blocks + 8 }

  func encoded() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.bytes(threads: processes.count, blocks: blocks.count))
    let table = 16 + (2 * processes.count + 7) / 8 * 8
    bytes.withUnsafeMutableBytes { raw in
      func store<T: FixedWidthInteger>(_ value: T, _ offset: Int) {
        raw.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
      }
      store(TraceFormat.indexMagic, 0)
      store(UInt32(processes.count), 4)
      store(UInt32(blocks.count), 8)
      for (i, process) in processes.enumerated() { store(process, 16 + 2 * i) }
      for (i, block) in blocks.enumerated() {
        store(UInt64(block.offset), table + 16 * i)
        store(UInt64(block.record), table + 16 * i + 8)
      }
      store(pf_crc32c(0, raw.baseAddress, raw.count - 8), raw.count - 8)
    }
    return bytes
  }

  init() {}

  /// Reads the index of the trace `header`, at `offset` in the file.
  init(decoding raw: UnsafeRawPointer, at offset: Int, of header: TraceHeader, file: String) throws(TraceError) {
    func damaged(_ byte: Int, _ problem: String) -> TraceError {
      TraceError(
        .damaged, file: file, byte: offset + byte, problem: problem, fix: "fetch or record the trace again")
    }
    func word(_ i: Int) -> UInt32 { UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt32.self)) }
    func long(_ i: Int) -> UInt64 { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)) }
    let count = Self.bytes(threads: header.threads, blocks: header.blocks)
    guard word(0) == TraceFormat.indexMagic, word(count - 8) == pf_crc32c(0, raw, count - 8), word(count - 4) == 0
    else {
      throw damaged(0, "the index is damaged")
    }
    guard word(4) == header.threads, word(8) == header.blocks, word(12) == 0 else {
      throw damaged(4, "the index is that of another trace")
    }
    let table = 16 + (2 * header.threads + 7) / 8 * 8
    for i in 0..<header.threads {
      let process = UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: 16 + 2 * i, as: UInt16.self))
      guard process < header.processes else {
        throw damaged(16 + 2 * i, "process \(process) of \(header.processes) has thread \(i)")
      }
      processes.append(process)
    }
    for i in 16 + 2 * header.threads..<table where raw.load(fromByteOffset: i, as: UInt8.self) != 0 {
      throw damaged(i, "padding is not zero")
    }
    blocks.reserveCapacity(header.blocks)
    var (place, record) = (UInt64(TraceFormat.headerBytes), UInt64(0))
    for i in 0..<header.blocks {
      let entry = table + 16 * i
      let isInPlace = i == 0 ? long(entry) == place : long(entry) >= place && long(entry) < UInt64(offset)
      guard isInPlace else { throw damaged(entry, "block \(i) cannot begin at byte \(long(entry))") }
      let isNext = i == 0 ? long(entry + 8) == 0 : long(entry + 8) > record && long(entry + 8) < header.records
      guard isNext else { throw damaged(entry + 8, "block \(i) cannot begin with record \(long(entry + 8))") }
      (place, record) = (long(entry), long(entry + 8))
      blocks.append((Int(place), Int(record)))
      place += UInt64(TraceFormat.blockHeaderBytes + 1)
    }
    guard place <= offset else { throw damaged(table, "block \(header.blocks - 1) has no bytes") }
  }
}
