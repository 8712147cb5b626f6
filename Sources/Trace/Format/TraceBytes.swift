// The bytes of a trace: a file that is read piece by piece, or memory.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A regular file, or a copy of bytes that stand for one. Several threads may read it.
///
/// Blocks are read into a buffer that stays in cache. To map them is dearer: there is a page table to fill, and the checksum waits
/// for memory, which the kernel's copy does in longer steps. A file that another program cuts short meanwhile is an error, where
/// a mapping would end the reader with SIGBUS.
final class TraceBytes: @unchecked Sendable {
  let count: Int
  private let file: String
  private let descriptor: Int32
  private let memory: UnsafeMutableRawPointer?

  /// Reads the file open at `descriptor`, of `count` bytes, and closes it at last.
  init(descriptor: Int32, count: Int, file: String) {
    self.descriptor = descriptor
    self.count = count
    self.file = file
    memory = nil
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
  }

  /// Copies `bytes`.
  init(copying bytes: UnsafeRawBufferPointer, name: String) {
    let copy = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 16)
    UnsafeMutableRawBufferPointer(start: copy, count: bytes.count).copyMemory(from: bytes)
    memory = copy
    count = bytes.count
    file = name
    descriptor = -1
  }

  deinit {
    memory?.deallocate()
    if descriptor >= 0 { close(descriptor) }
  }

  /// The bytes `range`, which lies in the file: in `buffer`, which has room for them, or where they are in memory anyway.
  func read(_ range: Range<Int>, into buffer: UnsafeMutableRawPointer) throws(TraceError) -> UnsafeRawPointer {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    if let memory { return UnsafeRawPointer(memory + range.lowerBound) }
    var done = 0
    while done < range.count {
      let n = pread(descriptor, buffer + done, range.count - done, range.lowerBound + done)
      if n < 0 {
        guard errno == EINTR else {
          throw TraceError.system("read", file, fix: "check the disk, and fetch the trace again")
        }
      } else if n == 0 {
        throw TraceError(
          .truncated, file: file, byte: range.lowerBound + done, problem: "the file was cut short while it was read",
          fix: "fetch or record the trace again")
      } else {
        done += n
      }
    }
    return UnsafeRawPointer(buffer)
  }

  /// Calls `body` with the bytes `range`, which lies in the file.
  func with<T>(_ range: Range<Int>, _ body: (UnsafeRawPointer) throws(TraceError) -> T) throws(TraceError) -> T {
    guard let buffer = malloc(range.count) else { throw TraceError.system("malloc", file, fix: "free memory") }
    defer { free(buffer) }
    return try body(try read(range, into: buffer))
  }
}
