// Compressed inputs: frames and members one behind another, cut off, damaged, with windows too large.
import CZstd
import Foundation
import Testing

@testable import Trace

@Suite struct DecoderTests {
  /// Text that does not compress well, so that it takes several buffers.
  private static func text(_ lines: Int, seed: UInt64 = 1) -> [UInt8] {
    var random = Seeded(seed)
    return Array((0..<lines).map { _ in "l \(String(random.next() >> 20, radix: 16)) 1\n" }.joined().utf8)
  }

  private func plain(_ path: String, by count: Int = 100_000) throws -> [UInt8] {
    let input = try ByteInput(path: path)
    let room = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 8)
    defer { room.deallocate() }
    var all: [UInt8] = []
    while true {
      let n = try input.readSome(into: room, count: count)
      if n == 0 { return all }
      all += UnsafeRawBufferPointer(start: room, count: n)
    }
  }

  /// A frame made in pieces, with a checksum and a window of `windowLog`, which states no size.
  private static func streamed(_ bytes: [UInt8], windowLog: Int32 = 0) -> [UInt8] {
    let stream = ZSTD_createCStream()
    defer { ZSTD_freeCStream(stream) }
    ZSTD_CCtx_setParameter(stream, ZSTD_c_checksumFlag, 1)
    ZSTD_CCtx_setParameter(stream, ZSTD_c_windowLog, windowLog)
    if windowLog > 0 { ZSTD_CCtx_setParameter(stream, ZSTD_c_compressionLevel, 1) }
    var out = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count) + 100)
    let n = out.withUnsafeMutableBytes { target in
      bytes.withUnsafeBytes { source in
        var output = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
        var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count / 2, pos: 0)
        ZSTD_compressStream2(stream, &output, &input, ZSTD_e_flush)
        input.size = source.count
        ZSTD_compressStream2(stream, &output, &input, ZSTD_e_end)
        return output.pos
      }
    }
    return Array(out.prefix(n))
  }

  private static let skippable: [UInt8] = [0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3]

  @Test(arguments: [1, 7, 4096, 1 << 20])
  func zstdFramesReadAsOneText(count: Int) throws {
    let scratch = try Scratch()
    let parts = [Self.text(count < 10 ? 300 : 40_000), Self.text(200, seed: 2), [], Self.text(3000, seed: 3)]
    let whole = Array(parts.joined())
    let packed =
      Self.skippable + zstd(parts[0]) + Self.streamed(parts[1]) + Self.skippable + zstd(parts[2]) + zstd(parts[3])
      + Self.skippable
    #expect(try plain(scratch.write(packed, "in"), by: count) == whole)
    // Highly compressible: the last bytes come without further input.
    let zeros = [UInt8](repeating: 0x30, count: 700_000)
    if count > 10 { #expect(try plain(scratch.write(zstd(zeros), "zeros"), by: count) == zeros) }
  }

  @Test func whatIsCutOffOrDamagedIsNamed() throws {
    let scratch = try Scratch()
    let text = Self.text(3000)
    for (name, packed) in [("gzip", gzip(text)), ("zstd", zstd(text)), ("zstd", Self.streamed(text))] {
      for cut in [1, 5, packed.count / 2, packed.count - 5] {
        let path = try scratch.write(Array(packed.dropLast(cut)), "cut")
        let error = #expect(throws: TraceError.self) { try plain(path) }
        #expect(error?.kind == .truncated && error?.problem.contains("the \(name) data end") == true, "\(name) \(cut)")
      }
      // What is wrong in a frame without a checksum may not show.
      for i in [packed.count / 3, packed.count / 2] where name == "gzip" || packed[4] & 4 != 0 {
        var bad = packed
        for j in 0..<64 { bad[i + j] ^= UInt8(truncatingIfNeeded: 0x5A + j) }
        let path = try scratch.write(bad, "bad")
        let error = #expect(throws: TraceError.self) { try plain(path) }
        #expect(error?.kind == .damaged || error?.kind == .truncated)
        #expect(error?.fix.isEmpty == false)
      }
    }
    let trailing = try scratch.write(zstd(text) + Array("rubbish behind it".utf8), "trailing")
    let error = #expect(throws: TraceError.self) { try plain(trailing) }
    #expect(error?.kind == .damaged && error?.problem.hasPrefix("zstd data are damaged near compressed byte") == true)
  }

  /// 2^27 bytes are taken; a window of 2^28 is refused before memory for it is.
  @Test func windowsAreLimited() throws {
    let scratch = try Scratch()
    // Frame header by RFC 8878: magic, descriptor (no size, no checksum), window descriptor (exponent - 10) << 3; an empty raw block.
    func frame(_ log: UInt8) -> [UInt8] { [0x28, 0xB5, 0x2F, 0xFD, 0, (log - 10) << 3, 1, 0, 0] }
    #expect(try plain(scratch.write(frame(27), "in")) == [])
    let error = #expect(throws: TraceError.self) { try plain(scratch.write(frame(28), "in")) }
    #expect(error?.kind == .limit && error?.problem == "the zstd window is larger than 128 MiB")
    let text = Self.text(500)
    #expect(try plain(scratch.write(Self.streamed(text, windowLog: 24), "in")) == text)
  }

  /// Two bytes are no proof of zlib: 376 seconds begin an oracleGeneral file with such ones.
  @Test func recordsThatLookLikeZlibAreReadAsTheyAre() throws {
    let scratch = try Scratch()
    let bytes = FormatTests.oracle([(376, 9, 64, -1), (0x1_9C78, 8, 64, -1)])
    #expect(Array(bytes.prefix(2)) == [0x78, 0x01])
    #expect(try accesses(TraceImporter(format: .oraclegeneral), scratch.write(bytes, "in")).accesses.count == 2)
    let data = try #require(zlibbed(Self.text(2000)))
    #expect(try plain(scratch.write(data + data, "zz")) == Self.text(2000) + Self.text(2000))
  }

  @Test(arguments: [
    ([0x50, 0x4B, 0x03, 0x04, 0x14] as [UInt8], "is a zip archive", "unzip -p"),
    ([0x04, 0x22, 0x4D, 0x18, 0x64], "is an lz4 file", "lz4 -dc"),
    ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00, 0x00], "is an xz file", "xz -dc"),
  ])
  func otherContainersAreNamed(head: [UInt8], problem: String, command: String) throws {
    let scratch = try Scratch()
    let path = try scratch.write(head + [UInt8](repeating: 7, count: 500), "in")
    for format in [nil, ImportFormat.drmemtrace, .oraclegeneral, .damon] {
      let error = #expect(throws: TraceError.self) {
        try TraceImporter(format: format).run(input: path, output: scratch.path("out.pft"))
      }
      #expect(error?.kind == .format && error?.problem == problem && error?.fix.contains(command) == true)
    }
    #expect(scratch.names == ["in"])
  }
}
