// A run's files on disk: written under a temporary name, renamed when all are whole.

import Foundation

/// A directory that appears under its name only when it is complete.
///
/// The temporary directory is made at once, so that a place that cannot be written is found before a long run.
public final class RunDirectory {
  /// Where the directory will be; nil as long as a free number is still to be taken.
  private let wanted: Destination
  /// Where it is while it is written.
  public let temporary: String
  private var isCommitted = false

  /// How the name is chosen.
  public enum Destination: Equatable, Sendable {
    /// This path, which must be free.
    case path(String)
    /// `<folder>/<name>-<n>` with the first free number from 1.
    case numbered(folder: String, name: String)
  }

  public init(_ destination: Destination) throws(ReportError) {
    wanted = destination
    let parent: String
    let name: String
    switch destination {
    case .path(let path):
      var trimmed = path
      while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
      if RunDirectory.exists(trimmed) { throw RunDirectory.taken(trimmed) }
      let slash = trimmed.lastIndex(of: "/")
      parent = slash.map { $0 == trimmed.startIndex ? "/" : String(trimmed[..<$0]) } ?? "."
      name = slash.map { String(trimmed[trimmed.index(after: $0)...]) } ?? trimmed
    case .numbered(let folder, let base):
      parent = folder
      name = base
    }
    if !name.isEmpty && !RunDirectory.exists(parent) {
      do {
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
      } catch {
        throw ReportError(
          path: parent, problem: "the folder cannot be made", fix: "check the path and its permissions")
      }
    }
    var attempt = 0
    while true {
      let path = "\(parent)/.\(name).partial-\(getpid())-\(attempt)"
      if mkdir(path, 0o777) == 0 {
        temporary = path
        return
      }
      guard errno == EEXIST, attempt < 100 else { throw ReportError.system("cannot make a directory", path) }
      attempt += 1
    }
  }

  deinit { abandon() }

  /// Removes what was written. Safe to call again, and after `commit`.
  public func abandon() {
    guard !isCommitted else { return }
    isCommitted = true
    RunDirectory.remove(temporary)
  }

  /// Writes one file.
  public func write(_ name: String, _ text: String) throws(ReportError) {
    try RunDirectory.write(text, to: temporary + "/" + name)
  }

  /// Writes a new file, on any thread.
  static func write(_ text: String, to path: String) throws(ReportError) {
    try WholeFile.fill(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, Data(text.utf8))
  }

  /// Gives the directory its name and returns it.
  public func commit() throws(ReportError) -> String {
    precondition(!isCommitted, "the directory was committed or abandoned")
    switch wanted {
    case .path(let path):
      guard try claim(path) else { throw RunDirectory.taken(path) }
      return path
    case .numbered(let folder, let name):
      var number = 1
      while true {
        let path = "\(folder)/\(name)-\(number)"
        if !RunDirectory.exists(path), try claim(path) { return path }
        number += 1
      }
    }
  }

  /// Renames to `path`; false when something is there.
  private func claim(_ path: String) throws(ReportError) -> Bool {
    // mkdir claims the name against other runs; renaming onto the empty directory is atomic.
    guard mkdir(path, 0o777) == 0 else {
      if errno == EEXIST { return false }
      throw ReportError.system("cannot make the directory", path)
    }
    guard rename(temporary, path) == 0 else {
      let error = ReportError.system("cannot rename", path)
      rmdir(path)
      throw error
    }
    isCommitted = true
    return true
  }

  private static func taken(_ path: String) -> ReportError {
    ReportError(path: path, problem: "is there already", fix: "name another directory or remove it")
  }

  private static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// Removes a directory of plain files, and of run directories.
  public static func remove(_ path: String) {
    // Other threads may still be writing: what came in between goes the next time.
    for _ in 0..<16 {
      if let names = try? FileManager.default.contentsOfDirectory(atPath: path) {
        for name in names where unlink(path + "/" + name) != 0 && errno == EISDIR { remove(path + "/" + name) }
      }
      if rmdir(path) == 0 || errno != ENOTEMPTY { return }
    }
  }
}
