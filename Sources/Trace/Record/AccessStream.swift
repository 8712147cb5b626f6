// What our tool in valgrind writes, read as it comes. Valgrind/pageferry_valgrind.c has the same numbers.

/// Reads records of 16 bytes, little-endian: the address; a word with the kind in bits 0-2, the bytes of the access (1 to 4096)
/// in bits 3-15, and in bits 16-63 the instructions executed so far, that of the access included, modulo 2^48. The first 16 bytes
/// are the magic and the version.
struct AccessStream {
  static let recordBytes = 16
  /// `PGPFVG01`.
  static let magic: UInt64 = 0x3130_4756_4650_4750
  static let version: UInt64 = 1
  /// Accesses that the tool holds at most before it writes: modifies, which are two, in each of its records.
  static let maxHeldAccesses = 2 * (8192 + 4)

  private enum Kind {
    static let end: UInt64 = 0
    static let load: UInt64 = 1
    static let store: UInt64 = 2
    static let modify: UInt64 = 3
    static let fetch: UInt64 = 4
  }

  /// Bytes that were understood.
  private(set) var bytes = 0
  /// Whether the last record says that all was handed over.
  private(set) var isWhole = false
  /// Bytes behind the last whole record, 0 to 15; known once the input has ended.
  private(set) var rest = 0
  private var instructions: UInt64 = 0

  /// Reads to the end of `input` or until `sink` has enough. Throws for the first record that the tool does not write, with its
  /// byte.
  mutating func read<Sink: AccessSink & ~Copyable>(
    _ input: ByteInput, _ sink: inout Sink, _ tick: (borrowing Sink) -> Void
  ) throws(TraceError) {
    let room = 1 << 17
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 8)
    defer { buffer.deallocate() }
    var filled = 0
    while !sink.isComplete {
      let n = try input.readSome(into: buffer + filled, count: room - filled)
      if n == 0 { break }
      filled += n
      var offset = 0
      if bytes == 0 && filled >= Self.recordBytes {
        try head(buffer, input.file)
        offset = Self.recordBytes
      }
      while offset + Self.recordBytes <= filled && !sink.isComplete {
        try record(buffer + offset, input.file, &sink)
        offset += Self.recordBytes
      }
      (buffer).copyMemory(from: buffer + offset, byteCount: filled - offset)
      filled -= offset
      tick(sink)
    }
    rest = filled
  }

  private mutating func head(_ raw: UnsafeMutableRawPointer, _ file: String) throws(TraceError) {
    guard raw.load(as: UInt64.self) == Self.magic, (raw + 8).load(as: UInt64.self) == Self.version else {
      throw TraceError(
        .format, file: file, byte: 0, problem: "does not begin as pageferry's tool in valgrind does",
        fix: "remove the cache folder's valgrind tools, or record with --tool lackey")
    }
    bytes = Self.recordBytes
  }

  @inline(__always)
  private mutating func record<Sink: AccessSink & ~Copyable>(
    _ raw: UnsafeMutableRawPointer, _ file: String, _ sink: inout Sink
  ) throws(TraceError) {
    let address = raw.load(as: UInt64.self)
    let word = (raw + 8).load(as: UInt64.self)
    let kind = word & 7
    let size = Int(word >> 3 & 0x1FFF)
    let count = word >> 16
    let work = (count &- instructions) & 0xFFFF_FFFF_FFFF
    guard work < 1 << 47 else { throw bad(file, "fewer instructions than before") }
    isWhole = kind == Kind.end
    if isWhole {
      guard size == 0 && address == 0 else { throw bad(file, "an end with an access") }
    } else {
      guard kind <= Kind.fetch else { throw bad(file, "unknown kind \(kind)") }
      guard size >= 1, size <= TraceFormat.maxAccessBytes, address <= UInt64.max - UInt64(size) else {
        throw bad(file, "an access of \(size) bytes at this address")
      }
    }
    instructions = count
    sink.work(work)
    switch kind {
    case Kind.end: break
    case Kind.store: try sink.access(address, size: size, isWrite: true)
    case Kind.modify:
      try sink.access(address, size: size, isWrite: false)
      try sink.access(address, size: size, isWrite: true)
    default: try sink.access(address, size: size, isWrite: false)
    }
    bytes += Self.recordBytes
  }

  private func bad(_ file: String, _ problem: String) -> TraceError {
    TraceError(
      .malformed, file: file, byte: bytes, problem: problem,
      fix: "the program wrote over valgrind's memory, or valgrind is damaged: record with --tool lackey")
  }
}
