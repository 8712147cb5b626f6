// Reading a trace, against copying what it decodes to.

import Trace

#if canImport(Glibc)
  import Glibc
#endif

/// A trace on disk, and as many bytes as it has decoded in memory.
final class TraceReading {
  private let path: String
  private let records: Int
  private let bytesPerRecord = 20  // page index, place, thread, size: 2 each; gap, repeats, repeat writes: 4 each
  private let decoded: UnsafeMutableRawPointer
  private let target: UnsafeMutableRawPointer
  private let elsewhere: UnsafeMutableRawPointer
  private let block = TraceBlock()
  private(set) var bytesOnDisk = 0

  /// The recorded traces of the repository one behind the other, again and again; some are filtered by a TLB too.
  init(records: Int, level: Int) throws {
    self.records = records
    path = "/tmp/pageferry-bench-\(getpid())-\(level).pft"
    decoded = .allocate(byteCount: records * bytesPerRecord, alignment: 64)
    memset(decoded, 1, records * bytesPerRecord)
    target = .allocate(byteCount: TraceBlock.capacity * bytesPerRecord, alignment: 64)
    elsewhere = .allocate(byteCount: records * bytesPerRecord, alignment: 64)
    memset(elsewhere, 1, records * bytesPerRecord)
    let layout = TraceLayout(granuleShift: 6, isCacheFiltered: true, hasTouches: true)
    var writer = try TraceWriter(path: path, layout: layout, level: level)
    while writer.records < records {
      for name in ["sqlite-shop", "graph", "sort", "python", "redis"] {
        var reader = try TraceReader(path: "workloads/traces/\(name).pft")
        while writer.records < records, try reader.next(into: block) {
          for i in 0..<min(block.count, records - writer.records) { try writer.append(block[i]) }
        }
      }
    }
    bytesOnDisk = try writer.finish().fileBytes
  }

  deinit {
    unlink(path)
    decoded.deallocate()
    target.deallocate()
    elsewhere.deallocate()
  }

  /// CPU nanoseconds of reading all records, every checksum verified.
  func read() throws -> Int {
    let start = cpuNanoseconds()
    var reader = try TraceReader(path: path)
    var count = 0
    while try reader.next(into: block) { count += block.count }
    precondition(count == records)
    return cpuNanoseconds() - start
  }

  /// CPU nanoseconds of copying the same fields, block by block into the same place, as if they lay in memory decoded.
  func copy() -> Int {
    let start = cpuNanoseconds()
    let fields = [2, 2, 2, 2, 4, 4, 4]
    var from = UnsafeRawPointer(decoded)
    var left = records
    while left > 0 {
      let n = min(left, TraceBlock.capacity)
      var to = target
      for bytes in fields {
        memcpy(to, from, n * bytes)
        from += n * bytes
        to += TraceBlock.capacity * bytes
      }
      left -= n
    }
    return cpuNanoseconds() - start
  }

  /// CPU nanoseconds of copying all decoded bytes from memory to memory.
  func copyToMemory() -> Int {
    let start = cpuNanoseconds()
    memcpy(elsewhere, decoded, records * bytesPerRecord)
    return cpuNanoseconds() - start
  }

  static func measure(records: Int, rounds: Int) throws -> [Measurement] {
    var lines: [Measurement] = []
    for (name, level, bar) in [("stored", 0, 8.0), ("zstd", TraceWriter.standardLevel, 40.0)] {
      let reading = try TraceReading(records: records, level: level)
      var (read, copy, hot) = (Rounds(), Rounds(), Rounds())
      for _ in 0..<rounds {
        copy.add(nanoseconds: reading.copyToMemory(), count: records)
        hot.add(nanoseconds: reading.copy(), count: records)
        read.add(nanoseconds: try reading.read(), count: records)
      }
      let size = Double(reading.bytesOnDisk) / Double(records)
      lines.append(
        Measurement(
          "trace-reader/\(name)", unit: "ns/record", read, limit: "memcpy", copy, bar: bar,
          note: "\(size.text(0)) bytes a record on disk, \(reading.bytesPerRecord) decoded"))
      lines.append(
        Measurement("trace-reader/\(name)/cached", unit: "ns/record", read, limit: "memcpy, hot", hot))
    }
    return lines
  }
}
