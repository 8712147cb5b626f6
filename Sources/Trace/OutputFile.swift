// A file that appears under its name only when it is whole.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Writes to a temporary name in the same directory; `commit` syncs and renames, `deinit` without it removes.
final class OutputFile {
  let path: String
  private(set) var offset = 0
  private let temporary: String
  private var descriptor: Int32

  init(path: String) throws(TraceError) {
    self.path = path
    var attempt = 0
    var name: String
    repeat {
      name = "\(path).partial-\(getpid())-\(attempt)"
      descriptor = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      attempt += 1
    } while descriptor < 0 && errno == EEXIST && attempt < 100
    temporary = name
    guard descriptor >= 0 else { throw TraceError.system("cannot create \(name)", path) }
  }

  deinit { abandon() }

  /// Removes the temporary file. Safe to call again, and after `commit`.
  func abandon() {
    guard descriptor >= 0 else { return }
    close(descriptor)
    descriptor = -1
    unlink(temporary)
  }

  func append(_ bytes: UnsafeRawBufferPointer) throws(TraceError) {
    try write(bytes, at: offset)
    offset += bytes.count
  }

  /// Writes `bytes` at `position`, for the header that is known last.
  func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(TraceError) {
    precondition(descriptor >= 0, "the file was committed or abandoned")
    var done = 0
    while done < bytes.count {
      let n = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(position + done))
      if n < 0 && errno == EINTR { continue }
      guard n > 0 else { throw TraceError.system("write", path, fix: "check the free space of the disk") }
      done += n
    }
  }

  /// Makes the file durable and gives it its name.
  func commit() throws(TraceError) {
    precondition(descriptor >= 0, "the file was committed or abandoned")
    guard fsync(descriptor) == 0 else { throw TraceError.system("fsync", path, fix: "check the disk") }
    guard rename(temporary, path) == 0 else { throw TraceError.system("rename", path) }
    close(descriptor)
    descriptor = -1
    // The name itself: a file system that cannot sync a directory has nothing better to offer.
    let slash = path.utf8.lastIndex(of: 0x2F)
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let d = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if d >= 0 {
      fsync(d)
      close(d)
    }
  }
}
