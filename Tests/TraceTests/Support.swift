// What the tests of this room share: a scratch folder, seeded records, files as bytes.
import CZlib
import CZstd
import Foundation
import Testing

@testable import Trace

/// A folder of its own for one test, removed with the value.
final class Scratch {
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("trace-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  /// Names of all files now in the folder.
  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()) ?? [] }

  func write(_ bytes: [UInt8], _ name: String) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
    return path(name)
  }

  func write(_ text: String, _ name: String) throws -> String { try write(Array(text.utf8), name) }
}

/// SplitMix64, as in Events, which this room does not depend on.
struct Seeded: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

func bytes(of path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

/// Writes `records`; the header.
@discardableResult
func write(
  _ records: [TraceRecord], to path: String, layout: TraceLayout = TraceLayout(),
  provenance: TraceProvenance = TraceProvenance(), level: Int = TraceWriter.standardLevel
) throws -> TraceHeader {
  var writer = try TraceWriter(path: path, layout: layout, provenance: provenance, level: level)
  for record in records { try writer.append(record) }
  return try writer.finish()
}

/// All records of a trace.
func readAll(_ path: String) throws -> [TraceRecord] {
  var reader = try TraceReader(path: path)
  let block = TraceBlock()
  var all: [TraceRecord] = []
  while try reader.next(into: block) { for i in 0..<block.count { all.append(block[i]) } }
  return all
}

/// `bytes` as one gzip member.
func gzip(_ bytes: [UInt8]) -> [UInt8] {
  var z = z_stream()
  var out = [UInt8](repeating: 0, count: bytes.count + bytes.count / 100 + 1024)
  var input = bytes
  let n = input.withUnsafeMutableBufferPointer { source in
    out.withUnsafeMutableBufferPointer { target in
      deflateInit2_(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
      z.next_in = source.baseAddress
      z.avail_in = UInt32(source.count)
      z.next_out = target.baseAddress
      z.avail_out = UInt32(target.count)
      deflate(&z, Z_FINISH)
      let n = target.count - Int(z.avail_out)
      deflateEnd(&z)
      return n
    }
  }
  return Array(out.prefix(n))
}

/// `bytes` as a zlib stream, as damo writes them.
func zlibbed(_ bytes: [UInt8]) -> [UInt8]? {
  var size = compressBound(UInt(bytes.count))
  var out = [UInt8](repeating: 0, count: Int(size))
  guard compress(&out, &size, bytes, UInt(bytes.count)) == Z_OK else { return nil }
  return Array(out.prefix(Int(size)))
}

/// `bytes` as one zstd frame.
func zstd(_ bytes: [UInt8]) -> [UInt8] {
  var out = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
  let n = ZSTD_compress(&out, out.count, bytes, bytes.count, 3)
  precondition(ZSTD_isError(n) == 0)
  return Array(out.prefix(n))
}

/// How a test's input is packed.
enum Packing: String, CaseIterable, Sendable {
  case plain, gzip, zstd

  func pack(_ bytes: [UInt8]) -> [UInt8] {
    switch self {
    case .plain: bytes
    case .gzip: TraceTests.gzip(bytes)
    case .zstd: TraceTests.zstd(bytes)
    }
  }
}

/// An access as a reader states it.
struct Access: Equatable {
  var thread: UInt16 = 0
  var process: UInt16 = 0
  var address: UInt64 = 0
  var size = 64
  var isWrite = false
  /// Work of the thread since its last access.
  var work: UInt64 = 0
  var time: UInt64 = 0
}

/// Keeps all accesses.
struct Collector: AccessSink {
  var all: [Access] = []
  var isComplete: Bool { false }
  private var now = Access()
  private var work: [UInt16: UInt64] = [:]

  mutating func select(thread: UInt16, of process: UInt16) { (now.thread, now.process) = (thread, process) }
  mutating func work(_ units: UInt64) { work[now.thread, default: 0] += units }
  mutating func stamp(_ time: UInt64) { now.time = time }
  mutating func access(_ address: UInt64, size: Int, isWrite: Bool) {
    (now.address, now.size, now.isWrite) = (address, size, isWrite)
    now.work = work.removeValue(forKey: now.thread) ?? 0
    all.append(now)
  }
}

/// All accesses that `importer`, which has a format, finds in the file `path`.
func accesses(
  _ importer: TraceImporter, _ path: String
) throws -> (accesses: [Access], lines: Int, state: ImportState) {
  let format = try #require(importer.format)
  let bytes = try ByteInput(path: path)
  var text = LineReader(bytes)
  var state = ImportState()
  var sink = Collector()
  if format == .csv, try text.fill() { state.csv = try importer.csvLayout(&text) }
  let count = try importer.read(format, bytes, &text, &sink, &state) { _, _ in }
  return (sink.all, count.lines, state)
}

/// Records of every shape the layout allows, from a seed.
func randomRecords(_ count: Int, seed: UInt64, layout: TraceLayout, threads: Int = 1) -> [TraceRecord] {
  var random = Seeded(seed)
  var base: UInt64 = 0x7F00_0000_0000
  return (0..<count).map { _ in
    switch random.next() % 8 {
    case 0: base = random.next()
    case 1: base = random.next() % (1 << 30)
    default: base = base &+ random.next() % 4096 &- 2048
    }
    let address = base & (UInt64.max << UInt64(layout.granuleShift))
    let room = 4096 - Int(address & 4095)
    let size = min(room, random.next() % 4 == 0 ? Int(random.next() % 4096) + 1 : 64)
    let repeats =
      layout.isCoalesced && random.next() % 2 == 0
      ? UInt32(truncatingIfNeeded: random.next()) >> UInt32(random.next() % 32) : 0
    let gap = layout.gapUnit == .none ? 0 : UInt32(truncatingIfNeeded: random.next()) >> UInt32(random.next() % 33)
    return TraceRecord(
      address: address, thread: UInt16(random.next() % UInt64(threads)), size: UInt16(size),
      isWrite: random.next() % 2 == 0, gap: gap, repeats: repeats,
      repeatWrites: repeats == 0 ? 0 : UInt32(random.next() % (UInt64(repeats) + 1)))
  }
}
