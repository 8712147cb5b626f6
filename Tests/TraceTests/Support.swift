// What the tests of this room share: a scratch folder, seeded records, files as bytes.
import CZlib
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
