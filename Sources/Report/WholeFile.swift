// One file on disk that is whole or is not there: written under a temporary name, renamed when it is complete.

import Foundation

/// Writes single files. A run's folder of files is `RunDirectory`'s.
public enum WholeFile {
  /// Writes bytes to `path`. Whoever opens it meanwhile sees the older file or all of the new one; after a failure the older one is
  /// still there.
  ///
  /// What is no plain file (`/dev/stdout`, a pipe) is written in place. A link stays one, and the file behind it is replaced.
  public static func write(_ data: Data, to path: String) throws(ReportError) {
    var status = stat()
    let isThere = stat(path, &status) == 0
    if isThere, status.st_mode & S_IFMT != S_IFREG { return try fill(path, O_WRONLY | O_CLOEXEC, data) }
    let target = isThere ? resolved(path) : path
    let slash = target.lastIndex(of: "/").map { target.index(after: $0) } ?? target.startIndex
    let temporary = "\(target[..<slash]).\(target[slash...]).partial-\(getpid())"
    // One that a killed process of the same number left.
    unlink(temporary)
    do throws(ReportError) {
      try fill(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, data)
      guard rename(temporary, target) == 0 else { throw ReportError.system("cannot rename", target) }
    } catch {
      unlink(temporary)
      throw ReportError(path: path, problem: error.problem, fix: error.fix)
    }
  }

  /// The file behind a link, or the path itself.
  private static func resolved(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
  }

  /// Opens a file and writes all of it through to the disk.
  static func fill(_ path: String, _ flags: Int32, _ data: Data) throws(ReportError) {
    let descriptor = open(path, flags, 0o666)
    guard descriptor >= 0 else { throw ReportError.system("cannot create", path) }
    var failure: ReportError?
    data.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let count = Foundation.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else {
          failure = ReportError.system("cannot write", path)
          return
        }
        done += count
      }
    }
    // A pipe cannot be synchronised, and need not be.
    if failure == nil, fsync(descriptor) != 0, errno != EINVAL, errno != EROFS {
      failure = ReportError.system("cannot write", path)
    }
    if close(descriptor) != 0, failure == nil { failure = ReportError.system("cannot write", path) }
    if let failure { throw failure }
  }
}
