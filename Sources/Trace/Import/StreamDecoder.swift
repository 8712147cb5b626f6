// Compressed bytes to plain ones, a piece at a time: what ByteInput asks of zlib and zstd.

/// What a decoder did with the bytes it got.
struct DecoderStep {
  /// Compressed bytes taken.
  var taken: Int
  /// Plain bytes made.
  var made: Int
}

/// What a decoder says about bytes that it cannot read.
struct DecoderProblem: Error {
  var kind: TraceError.Kind
  var problem: String
  var fix: String
}

/// Decodes gzip members or zstd frames, one behind another.
protocol StreamDecoder: AnyObject {
  /// `gzip`, `zlib` or `zstd`.
  var name: String { get }
  /// Whether all bytes so far are whole members or frames.
  var isBetweenParts: Bool { get }
  /// Takes some of `count` bytes at `source` and makes up to `room` at `target`. With no bytes to take it makes what it has left.
  func step(
    _ source: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutableRawPointer, room: Int
  ) throws(DecoderProblem) -> DecoderStep
}
