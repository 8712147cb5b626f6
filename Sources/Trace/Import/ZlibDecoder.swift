// gzip members and zlib streams through zlib.
import CZlib

/// Inflates gzip members (RFC 1952) or zlib streams (RFC 1950), one behind another. Takes some 40 KiB.
final class ZlibDecoder: StreamDecoder {
  let name: String
  private let stream: UnsafeMutablePointer<z_stream>
  private(set) var isBetweenParts = true

  /// Throws when zlib has no memory.
  init(isGzip: Bool) throws(DecoderProblem) {
    name = isGzip ? "gzip" : "zlib"
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // 15 is the largest window; 16 more says gzip.
    guard inflateInit2_(stream, 15 + (isGzip ? 16 : 0), ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw DecoderProblem(kind: .system, problem: "zlib cannot start", fix: "free some memory")
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// Whether `count` bytes at `head` begin a gzip member.
  static func beginsGzip(_ head: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    count >= 2 && head[0] == 0x1F && head[1] == 0x8B
  }

  /// Whether `count` bytes at `head` may begin a zlib stream with a window of 32 KiB: its two bytes are a multiple of 31.
  static func mayBeginZlib(_ head: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    count >= 2 && head[0] == 0x78 && (Int(head[0]) << 8 | Int(head[1])) % 31 == 0 && head[1] & 0x20 == 0
  }

  /// Whether they do: two bytes are no proof, so the rest is inflated too.
  static func beginsZlib(_ head: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    guard mayBeginZlib(head, count), let decoder = try? ZlibDecoder(isGzip: false) else { return false }
    let scrap = UnsafeMutableRawPointer.allocate(byteCount: 1 << 16, alignment: 8)
    defer { scrap.deallocate() }
    guard let step = try? decoder.step(head, count: count, into: scrap, room: 1 << 16) else { return false }
    return step.made > 0
  }

  func step(
    _ source: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutableRawPointer, room: Int
  ) throws(DecoderProblem) -> DecoderStep {
    if isBetweenParts {
      guard count > 0 else { return DecoderStep(taken: 0, made: 0) }
      inflateReset(stream)
      isBetweenParts = false
    }
    let offered = min(count, Int(UInt32.max) / 2)
    let wanted = min(room, Int(UInt32.max) / 2)
    stream.pointee.next_in = UnsafeMutablePointer(mutating: source)
    stream.pointee.avail_in = UInt32(offered)
    stream.pointee.next_out = target.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(wanted)
    let result = inflate(stream, Z_NO_FLUSH)
    if result == Z_STREAM_END {
      isBetweenParts = true
    } else if result != Z_OK && result != Z_BUF_ERROR {
      let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(result)"
      throw DecoderProblem(kind: .damaged, problem: reason, fix: "fetch the file again")
    }
    return DecoderStep(taken: offered - Int(stream.pointee.avail_in), made: wanted - Int(stream.pointee.avail_out))
  }
}
