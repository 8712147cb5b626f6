// zstd frames through libzstd.
import CZstd

/// Decodes zstd frames and skippable frames (RFC 8878), one behind another. Takes as much memory as the frame's window.
final class ZstdDecoder: StreamDecoder {
  /// Largest window, as a power of two: what `zstd -d` takes without being told, 128 MiB.
  static let maxWindowLog = 27

  let name = "zstd"
  private let stream: OpaquePointer
  private(set) var isBetweenParts = true

  /// Throws when libzstd has no memory.
  init() throws(DecoderProblem) {
    guard let stream = ZSTD_createDStream() else {
      throw DecoderProblem(kind: .system, problem: "libzstd cannot start", fix: "free some memory")
    }
    self.stream = stream
    ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Int32(Self.maxWindowLog))
  }

  deinit { ZSTD_freeDStream(stream) }

  /// Whether `count` bytes at `head` begin a frame, or a skippable one.
  static func begins(_ head: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    guard count >= 4 else { return false }
    if head[0] == 0x28 && head[1] == 0xB5 && head[2] == 0x2F && head[3] == 0xFD { return true }
    return head[0] & 0xF0 == 0x50 && head[1] == 0x2A && head[2] == 0x4D && head[3] == 0x18
  }

  func step(
    _ source: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutableRawPointer, room: Int
  ) throws(DecoderProblem) -> DecoderStep {
    if isBetweenParts && count == 0 { return DecoderStep(taken: 0, made: 0) }
    var input = ZSTD_inBuffer(src: source, size: count, pos: 0)
    var output = ZSTD_outBuffer(dst: target, size: room, pos: 0)
    let result = ZSTD_decompressStream(stream, &output, &input)
    if ZSTD_isError(result) != 0 {
      let reason = String(cString: ZSTD_getErrorName(result))
      // ZSTD_error_frameParameter_windowTooLarge by its text: its number is in a header of its own.
      if reason.contains("too much memory") {
        throw DecoderProblem(
          kind: .limit, problem: "the zstd window is larger than \((1 << Self.maxWindowLog) >> 20) MiB",
          fix:
            "compress it with a window of at most --long=\(Self.maxWindowLog), or pipe it: zstd -dc --long=31 FILE | pageferry trace import -"
        )
      }
      throw DecoderProblem(kind: .damaged, problem: reason, fix: "fetch the file again")
    }
    isBetweenParts = result == 0
    return DecoderStep(taken: input.pos, made: output.pos)
  }
}
