// Bytes from a file, a pipe or standard input, inflated on the way if they are gzip.
import CZlib

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A forward-only source of bytes. gzip is recognised by its first two bytes, never by a name.
final class ByteInput {
  /// The name in errors.
  let file: String
  /// Bytes taken from the file itself (compressed, if it is).
  private(set) var consumed = 0
  /// Size of the file itself; nil for pipes.
  let total: Int?
  /// Which file it is; nil when the system does not say.
  let identity: FileIdentity?
  /// Whether the end of the file itself was seen.
  private(set) var isAtEnd = false
  /// Whether the bytes are inflated.
  private(set) var isGzip = false

  private let descriptor: Int32
  private let closes: Bool
  /// Whether the writer is gone, for a pipe that others may hold open.
  private let hasEnded: (() -> Bool)?
  private static let chunk = 1 << 18
  /// Microseconds between two looks into an empty pipe. poll(2) would slow the writer down: a pipe that was ever polled wakes its
  /// readers at each write (Linux, fs/pipe.c, poll_usage), and valgrind writes line by line.
  private static let nap: UInt32 = 1_000
  /// Bytes that the last read got.
  private var lastRead = chunk
  private let raw = UnsafeMutablePointer<UInt8>.allocate(capacity: chunk)
  private var rawStart = 0
  private var rawEnd = 0
  private var stream: UnsafeMutablePointer<z_stream>?
  private var memberOpen = false
  /// Bytes that `head` has read ahead, and how many of them were taken since.
  private var ahead: [UInt8] = []
  private var aheadTaken = 0

  /// Opens `path`; `-` is standard input.
  init(path: String) throws(TraceError) {
    let isStandardInput = path == "-"
    file = isStandardInput ? "standard input" : path
    descriptor = isStandardInput ? 0 : open(path, O_RDONLY | O_CLOEXEC)
    closes = !isStandardInput
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
    total = nil
    identity = nil
    self.hasEnded = hasEnded
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
  }

  deinit {
    if let stream {
      inflateEnd(stream)
      stream.deallocate()
    }
    raw.deallocate()
    if closes && descriptor >= 0 { close(descriptor) }
  }

  private func detect() throws(TraceError) {
    while rawEnd < 2 { if try fill() == 0 { return } }
    guard raw[0] == 0x1F && raw[1] == 0x8B else { return }
    isGzip = true
    let z = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    z.initialize(to: z_stream())
    guard inflateInit2_(z, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      z.deallocate()
      throw TraceError(.system, file: file, problem: "zlib cannot start", fix: "free some memory")
    }
    stream = z
    memberOpen = true
  }

  /// Reads more raw bytes after `rawEnd`; the count, 0 at the end.
  private func fill() throws(TraceError) -> Int {
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
    return try isGzip ? inflated(into: target, count) : plain(into: target, count)
  }

  /// The first `count` bytes, or all when there are fewer; they are read again afterwards. Only before the first read.
  func head(_ count: Int) throws(TraceError) -> [UInt8] {
    precondition(ahead.isEmpty && aheadTaken == 0, "the head is taken once")
    let room = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 8)
    defer { room.deallocate() }
    let n = try read(into: room, count: count)
    ahead = [UInt8](UnsafeRawBufferPointer(start: room, count: n))
    return ahead
  }

  private func plain(into target: UnsafeMutableRawPointer, _ count: Int) throws(TraceError) -> Int {
    if rawStart == rawEnd { if try fill() == 0 { return 0 } }
    let n = min(count, rawEnd - rawStart)
    target.copyMemory(from: raw + rawStart, byteCount: n)
    rawStart += n
    return n
  }

  private func inflated(into target: UnsafeMutableRawPointer, _ count: Int) throws(TraceError) -> Int {
    guard let stream else { return 0 }
    while true {
      if rawStart == rawEnd {
        if try fill() == 0 {
          if !memberOpen { return 0 }
          throw TraceError(
            .truncated, file: file, problem: "the gzip data end in the middle (after \(consumed) compressed bytes)",
            fix: "fetch the file again")
        }
      }
      if !memberOpen {
        inflateReset(stream)
        memberOpen = true
      }
      let room = min(count, Int(UInt32.max) / 2)
      stream.pointee.next_in = raw + rawStart
      stream.pointee.avail_in = UInt32(rawEnd - rawStart)
      stream.pointee.next_out = target.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = UInt32(room)
      let result = inflate(stream, Z_NO_FLUSH)
      rawStart = rawEnd - Int(stream.pointee.avail_in)
      if result == Z_STREAM_END {
        memberOpen = false
      } else if result != Z_OK && result != Z_BUF_ERROR {
        let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(result)"
        throw TraceError(
          .damaged, file: file,
          problem: "gzip data are damaged near compressed byte \(consumed - (rawEnd - rawStart)): \(reason)",
          fix: "fetch the file again")
      }
      let produced = room - Int(stream.pointee.avail_out)
      if produced > 0 { return produced }
    }
  }
}
