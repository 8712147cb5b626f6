// libCacheSim's oracleGeneral: records of 24 bytes, packed and little-endian.
// Source: 1a1a11a/libCacheSim, traceReader/customizedReader/oracle/oracleGeneralBin.h.

/// One request of an oracleGeneral trace.
struct OracleRecord {
  static let bytes = 24

  /// Seconds.
  var time: UInt32
  var object: UInt64
  /// Bytes of the object.
  var size: UInt32
  /// Number of the object's next request; -1 or the highest number when there is none.
  var next: Int64

  init(at raw: UnsafeRawPointer) {
    time = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
    object = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
    size = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
    next = Int64(littleEndian: raw.loadUnaligned(fromByteOffset: 16, as: Int64.self))
  }

  /// What cannot be in a record after one of time `last`, if anything. Traces have below 2^48 requests.
  func objection(after last: UInt32) -> String? {
    if time < last { return "time \(time) s comes after \(last) s" }
    if next < -1 || (next >= 1 << 48 && next != .max) { return "\(next) as the next request of the object" }
    return nil
  }
}

extension TraceImporter {
  /// Reads all records: each request reads all pages of its object, at the addresses that `ObjectRanges` gives. Requests
  /// of 0 bytes are passed over. The records read and their bytes.
  func oracleGeneral(
    _ input: ByteInput, _ builder: inout RecordBuilder, _ progress: (ImportProgress) -> Void
  ) throws(TraceError) -> (lines: Int, bytes: Int) {
    let room = OracleRecord.bytes << 12
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 8)
    defer { buffer.deallocate() }
    var ranges = ObjectRanges()
    var records = 0
    var last: UInt32?
    func fail(_ kind: TraceError.Kind, _ problem: String, _ fix: String) -> TraceError {
      TraceError(
        kind, file: input.file, byte: records * OracleRecord.bytes, problem: "record \(records): \(problem)", fix: fix)
    }
    while !builder.isComplete {
      let count = try input.read(into: buffer, count: room)
      if count == 0 { break }
      var offset = 0
      while offset < count && !builder.isComplete {
        guard count - offset >= OracleRecord.bytes else {
          throw fail(
            .truncated, "\(count - offset) bytes of \(OracleRecord.bytes)",
            "fetch the file again, or cut it to a multiple of \(OracleRecord.bytes) bytes")
        }
        let record = OracleRecord(at: buffer + offset)
        if let problem = record.objection(after: last ?? 0) {
          throw fail(
            .malformed, problem, "check that the file is oracleGeneral, sorted by time and not compressed by zstd")
        }
        builder.work(UInt64(record.time - (last ?? record.time)) * 1_000_000_000)
        last = record.time
        if record.size > 0 {
          guard let address = ranges.address(of: record.object, bytes: record.size) else {
            throw fail(.limit, "more than \(ObjectRanges.maxObjects) objects", "import fewer records, with --limit")
          }
          try read(address, bytes: record.size, &builder)
        }
        records += 1
        offset += OracleRecord.bytes
      }
      progress(
        ImportProgress(
          bytesConsumed: input.consumed, totalBytes: input.total, lines: records, accesses: builder.accesses,
          traceBytes: builder.traceBytes))
    }
    return (records, records * OracleRecord.bytes)
  }

  private func read(_ address: UInt64, bytes: UInt32, _ builder: inout RecordBuilder) throws(TraceError) {
    var done: UInt32 = 0
    while done < bytes && !builder.isComplete {
      let part = min(bytes - done, UInt32(TraceFormat.pageBytes))
      try builder.access(address + UInt64(done), size: Int(part), isWrite: false)
      done += part
    }
  }
}
