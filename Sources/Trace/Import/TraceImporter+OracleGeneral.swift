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
  /// Reads the record at `raw`: a request reads all pages of its object, at the addresses that `ObjectRanges` gives. Requests of 0
  /// bytes are passed over.
  func oracleGeneral<Sink: AccessSink & ~Copyable>(
    _ raw: UnsafeRawPointer, _ file: String, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    let record = OracleRecord(at: raw)
    if let problem = record.objection(after: UInt32(state.time ?? 0)) {
      throw badRecord(
        .oraclegeneral, file, state, problem, fix: "check that the file is oracleGeneral and sorted by time")
    }
    sink.work((state.elapsed(to: UInt64(record.time)) ?? 0) * 1_000_000_000)
    sink.stamp(UInt64(record.time) * 1_000_000_000)
    guard record.size > 0 else {
      state.passed += 1
      return
    }
    guard let address = state.ranges.address(of: record.object, bytes: record.size) else {
      throw badRecord(
        .oraclegeneral, file, state, "more than \(ObjectRanges.maxObjects) objects", kind: .limit,
        fix: "import fewer records, with --limit")
    }
    var done: UInt32 = 0
    while done < record.size && !sink.isComplete {
      let part = min(record.size - done, UInt32(TraceFormat.pageBytes))
      try sink.access(address + UInt64(done), size: Int(part), isWrite: false)
      done += part
    }
  }
}
