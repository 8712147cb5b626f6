// The pipe that what is recorded comes through.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A pipe whose ends close on exec, and when this is gone.
final class RecordPipe {
  /// For the program to inherit; -1 once it is closed here.
  private(set) var writeEnd: Int32
  private var readEnd: Int32

  /// Bytes asked for; Linux lets every process have as much (`/proc/sys/fs/pipe-max-size`).
  private static let bytes: Int32 = 1 << 20
  /// F_SETPIPE_SZ of Linux's fcntl.h.
  private static let setPipeSize: Int32 = 1031

  init() throws(TraceError) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else {
      throw TraceError.system("pipe", "valgrind", fix: "close other programs' files")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    // A smaller pipe works too.
    _ = fcntl(ends[1], Self.setPipeSize, Self.bytes)
    readEnd = ends[0]
    writeEnd = ends[1]
  }

  deinit {
    closeWriteEnd()
    if readEnd >= 0 { close(readEnd) }
  }

  /// The end to read, which the caller closes.
  func takeReadEnd() -> Int32 {
    defer { readEnd = -1 }
    return readEnd
  }

  /// A reader sees the end of the pipe only when nobody here can write.
  func closeWriteEnd() {
    if writeEnd >= 0 { close(writeEnd) }
    writeEnd = -1
  }
}
