// A file that appears under its name only when it is whole.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Which file it is, whatever names it has.
public struct FileIdentity: Equatable, Sendable {
  let device: UInt64
  let inode: UInt64

  init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
  }

  /// What is in memory and no file.
  static let none = FileIdentity(device: .max, inode: .max)

  private init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }
}

/// Calls `make`, which makes the temporary file of this name and says whether it did. A caller that may be interrupted sees to
/// the file's removal from then on.
public typealias TemporaryGuard = (_ temporary: String, _ make: () -> Bool) -> Void

/// Writes to a temporary name beside the file; `commit` syncs and renames, `deinit` without it removes. A symbolic link stays
/// one: the file it leads to is replaced.
final class OutputFile {
  let path: String
  private(set) var offset = 0
  /// `path` with a symbolic link followed.
  private let target: String
  private let temporary: String
  private var descriptor: Int32

  /// Refuses a path where something other than a regular file is, and the file `input`, which is being read.
  init(path: String, reading input: FileIdentity? = nil, guarding: TemporaryGuard? = nil) throws(TraceError) {
    self.path = path
    let place = try Self.target(of: path, reading: input)
    var attempt = 0
    var name: String
    var made: Int32 = -1
    var code: Int32 = 0
    repeat {
      name = "\(place).partial-\(getpid())-\(attempt)"
      let make = {
        made = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        code = errno
        return made >= 0
      }
      if let guarding { guarding(name, make) } else { _ = make() }
      attempt += 1
    } while made < 0 && code == EEXIST && attempt < 100
    target = place
    temporary = name
    descriptor = made
    guard descriptor >= 0 else {
      errno = code
      throw TraceError.system("cannot create \(name)", path)
    }
  }

  /// The name to rename to. What is there and cannot be written as a file (a device, a pipe, a directory) is left alone.
  private static func target(of path: String, reading input: FileIdentity?) throws(TraceError) -> String {
    guard !path.isEmpty else {
      throw TraceError(.usage, file: "", problem: "the name of the trace to write is empty", fix: "name a file")
    }
    var status = stat()
    guard lstat(path, &status) == 0 else { return path }
    let isLink = status.st_mode & S_IFMT == S_IFLNK
    guard stat(path, &status) == 0 else {
      throw TraceError.system("the symbolic link leads to no file", path, fix: "remove it or name another file")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw TraceError(.system, file: path, problem: "is there and is no regular file", fix: "name another file")
    }
    guard FileIdentity(status) != input else {
      throw TraceError(.usage, file: path, problem: "is the input too", fix: "write the trace to another file")
    }
    guard isLink else { return path }
    guard let resolved = realpath(path, nil) else { throw TraceError.system("realpath", path) }
    defer { free(resolved) }
    return String(cString: resolved)
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
    guard rename(temporary, target) == 0 else { throw TraceError.system("rename", path) }
    close(descriptor)
    descriptor = -1
    // The name itself: a file system that cannot sync a directory has nothing better to offer.
    let slash = target.utf8.lastIndex(of: 0x2F)
    let directory = slash.map { $0 == target.startIndex ? "/" : String(target[..<$0]) } ?? "."
    let d = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if d >= 0 {
      fsync(d)
      close(d)
    }
  }
}
