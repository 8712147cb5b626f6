// Bytes from a file, a pipe, standard input or memory, decompressed on the way if they are gzip, zstd or zlib.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A forward-only source of bytes. gzip, zstd and zlib are recognised by their first bytes, never by a name; zlib has only two
/// such bytes, so what follows must inflate too.
final class ByteInput {
  /// The name in errors.
  let file: String
  /// Bytes taken from the file itself (compressed, if it is).
  private(set) var consumed = 0
  /// Size of the file itself; nil for pipes.
  let total: Int?
  /// Bytes there are at most to read, where that is known: plain bytes in memory neither grow nor inflate. Buffers need no more.
  var limit: Int? { isInMemory && decoder == nil ? total : nil }
  /// Which file it is; nil when the system does not say.
  let identity: FileIdentity?
  /// Whether the end of the file itself was seen.
  private(set) var isAtEnd = false
  private let descriptor: Int32
  private let closes: Bool
  /// Whether all bytes were in `raw` from the start, and nothing is open.
  private let isInMemory: Bool
  /// Whether the writer is gone, for a pipe that others may hold open.
  private let hasEnded: (() -> Bool)?
  private static let chunk = 1 << 18
  /// Microseconds between two looks into an empty pipe. poll(2) would slow the writer down: a pipe that was ever polled wakes its
  /// readers at each write (Linux, fs/pipe.c, poll_usage), and valgrind writes line by line.
  private static let nap: UInt32 = 1_000
  /// Bytes that the last read got.
  private var lastRead = chunk
  private let raw: UnsafeMutablePointer<UInt8>
  private var rawStart = 0
  private var rawEnd = 0
  /// What decompresses the bytes; nil for plain ones.
  private var decoder: (any StreamDecoder)?
  /// Whether the decoder may have more to give without more input.
  private var mayHoldMore = false
  /// Bytes that `head` has read ahead, and how many of them were taken since.
  private var ahead: [UInt8] = []
  private var aheadTaken = 0

  /// Opens `path`; `-` is standard input.
  init(path: String) throws(TraceError) {
    let isStandardInput = path == "-"
    file = isStandardInput ? "standard input" : path
    descriptor = isStandardInput ? 0 : open(path, O_RDONLY | O_CLOEXEC)
    closes = !isStandardInput
    isInMemory = false
    raw = .allocate(capacity: Self.chunk)
    hasEnded = nil
    var status = stat()
    let isKnown = descriptor >= 0 && fstat(descriptor, &status) == 0
    identity = isKnown ? FileIdentity(status) : nil
    total = isKnown && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    guard descriptor >= 0 else { throw TraceError.system("open", path) }
    try detect()
  }

  /// Reads the pipe `descriptor`, which it closes, up to its end, or until nothing is left in it and `hasEnded` is true.
  /// Nothing is inflated.
  init(pipe descriptor: Int32, name: String, hasEnded: @escaping () -> Bool) {
    file = name
    self.descriptor = descriptor
    closes = true
    isInMemory = false
    raw = .allocate(capacity: Self.chunk)
    total = nil
    identity = nil
    self.hasEnded = hasEnded
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
  }

  /// Reads a copy of `bytes`, as if they were a file called `name`.
  init(_ bytes: UnsafeRawBufferPointer, name: String) throws(TraceError) {
    file = name
    descriptor = -1
    closes = false
    isInMemory = true
    total = bytes.count
    identity = nil
    hasEnded = nil
    raw = .allocate(capacity: bytes.count)
    UnsafeMutableRawBufferPointer(start: raw, count: bytes.count).copyMemory(from: bytes)
    rawEnd = bytes.count
    consumed = bytes.count
    try detect()
  }

  deinit {
    raw.deallocate()
    if closes && descriptor >= 0 { close(descriptor) }
  }

  private func detect() throws(TraceError) {
    // A signature that is cut short is text: no trace is that short.
    while rawEnd < 4 { if try fill() == 0 { break } }
    if ZlibDecoder.mayBeginZlib(raw, rawEnd) { while rawEnd < 512 { if try fill() == 0 { break } } }
    do throws(DecoderProblem) {
      if ZlibDecoder.beginsGzip(raw, rawEnd) {
        decoder = try ZlibDecoder(isGzip: true)
      } else if ZstdDecoder.begins(raw, rawEnd) {
        decoder = try ZstdDecoder()
      } else if ZlibDecoder.beginsZlib(raw, rawEnd) {
        decoder = try ZlibDecoder(isGzip: false)
      }
    } catch {
      throw TraceError(error.kind, file: file, problem: error.problem, fix: error.fix)
    }
  }

  /// Reads more raw bytes after `rawEnd`; the count, 0 at the end.
  private func fill() throws(TraceError) -> Int {
    if isInMemory {
      isAtEnd = true
      return 0
    }
    if rawStart == rawEnd {
      rawStart = 0
      rawEnd = 0
    }
    // A writer of single lines would have this reader up for each of them. A pipe that had little in it is let fill for a while.
    if hasEnded != nil && lastRead < Self.chunk / 4 { usleep(Self.nap) }
    var naps = 0
    var isLastLook = false
    while true {
      let n = readDescriptor(descriptor, raw + rawEnd, Self.chunk - rawEnd)
      if n >= 0 {
        rawEnd += n
        consumed += n
        isAtEnd = n == 0
        lastRead = n
        return n
      }
      if errno == EINTR { continue }
      guard errno == EAGAIN, let hasEnded else { throw TraceError.system("read", file) }
      if isLastLook {
        isAtEnd = true
        return 0
      }
      naps += 1
      // A writer that was there at the last look and is gone now has written in between.
      if naps % 32 == 0 { isLastLook = hasEnded() }
      if !isLastLook { usleep(Self.nap) }
    }
  }

  /// Reads up to `count` bytes; less than `count` only at the end.
  func read(into target: UnsafeMutableRawPointer, count: Int) throws(TraceError) -> Int {
    var done = 0
    while done < count {
      let n = try readSome(into: target + done, count: count - done)
      if n == 0 { break }
      done += n
    }
    return done
  }

  /// Reads what there is, up to `count` bytes; 0 only at the end. A slow pipe is passed on as it comes.
  func readSome(into target: UnsafeMutableRawPointer, count: Int) throws(TraceError) -> Int {
    if aheadTaken < ahead.count {
      let n = min(count, ahead.count - aheadTaken)
      ahead.withUnsafeBytes { target.copyMemory(from: $0.baseAddress! + aheadTaken, byteCount: n) }
      aheadTaken += n
      if aheadTaken == ahead.count { ahead = [] }
      if ahead.isEmpty { aheadTaken = 0 }
      return n
    }
    guard let decoder else { return try plain(into: target, count) }
    return try decoded(decoder, target, count)
  }

  /// The first `count` bytes, or all when there are fewer; they are read again afterwards. Only before the first read.
  func head(_ count: Int) throws(TraceError) -> [UInt8] {
    precondition(aheadTaken == 0, "the head is looked at before it is read")
    if ahead.count >= count { return Array(ahead.prefix(count)) }
    let room = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 8)
    defer { room.deallocate() }
    let first = ahead
    ahead = []
    let n = try read(into: room, count: count - first.count)
    ahead = first + UnsafeRawBufferPointer(start: room, count: n)
    return ahead
  }

  private func plain(into target: UnsafeMutableRawPointer, _ count: Int) throws(TraceError) -> Int {
    if rawStart == rawEnd { if try fill() == 0 { return 0 } }
    let n = min(count, rawEnd - rawStart)
    target.copyMemory(from: raw + rawStart, byteCount: n)
    rawStart += n
    return n
  }

  private func decoded(
    _ decoder: any StreamDecoder, _ target: UnsafeMutableRawPointer, _ count: Int
  ) throws(TraceError) -> Int {
    while true {
      if rawStart == rawEnd && !mayHoldMore {
        if try fill() == 0 {
          if decoder.isBetweenParts { return 0 }
          throw TraceError(
            .truncated, file: file,
            problem: "the \(decoder.name) data end in the middle (after \(consumed) compressed bytes)",
            fix: "fetch the file again")
        }
      }
      do throws(DecoderProblem) {
        let step = try decoder.step(raw + rawStart, count: rawEnd - rawStart, into: target, room: count)
        rawStart += step.taken
        mayHoldMore = step.made == count
        if step.made > 0 { return step.made }
      } catch {
        let near = consumed - (rawEnd - rawStart)
        throw TraceError(
          error.kind, file: file,
          problem: error.kind == .damaged
            ? "\(decoder.name) data are damaged near compressed byte \(near): \(error.problem)" : error.problem,
          fix: error.fix)
      }
    }
  }
}
