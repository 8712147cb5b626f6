// Reading of configuration files: the only place in this room that touches the file system.
import Foundation

/// Lines of a file, read with bounded memory.
enum ConfFile {
  /// The longest line in bytes, without its line feed.
  static let longestLine = 64 << 10
  /// The largest file in bytes.
  static let largestFile = 1 << 20

  /// The files a path stands for: itself, or a directory's `*.conf` in the order of their names' bytes.
  static func files(at path: String) throws(KnobError) -> [String] {
    if path.utf8.contains(0) { throw unreadable(path, "has a NUL in its name") }
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue else {
      return [path]
    }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw unreadable(path, "the directory cannot be listed; check its permissions")
    }
    let wanted = names.filter { $0.utf8.count > 5 && $0.hasSuffix(".conf") && !$0.hasPrefix(".") }
    if wanted.isEmpty { throw unreadable(path, "the directory has no *.conf file; name a file, or put one there") }
    let base = path.hasSuffix("/") ? path : path + "/"
    return wanted.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { base + $0 }
  }

  /// Calls `body` with each line and its number from 1. Line feeds are not part of lines.
  static func forEachLine(
    of path: String, _ body: (Int, [UInt8]) throws(KnobError) -> Void
  ) throws(KnobError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw unreadable(path, "cannot be opened: \(systemReason(errno))") }
    defer { close(descriptor) }
    var chunk = [UInt8](repeating: 0, count: longestLine)
    var pending: [UInt8] = []
    var number = 1
    var total = 0
    while true {
      let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw unreadable(path, "cannot be read: \(systemReason(errno))")
      }
      if count == 0 { break }
      total += count
      if total > largestFile { throw unreadable(path, "is larger than 1 MiB; this is no file of knobs") }
      var start = 0
      for at in 0..<count where chunk[at] == UInt8(ascii: "\n") {
        pending += chunk[start..<at]
        try checkLength(pending, path, number)
        try body(number, pending)
        pending.removeAll(keepingCapacity: true)
        number += 1
        start = at + 1
      }
      pending += chunk[start..<count]
      try checkLength(pending, path, number)
    }
    if !pending.isEmpty { try body(number, pending) }
  }

  private static func checkLength(_ line: [UInt8], _ path: String, _ number: Int) throws(KnobError) {
    guard line.count > longestLine else { return }
    throw KnobError(
      .syntax(reason: "the line is longer than 64 KiB; this is no file of knobs"),
      origin: .file(path: path, line: number))
  }

  private static func unreadable(_ path: String, _ reason: String) -> KnobError {
    KnobError(.unreadable(path: path, reason: reason), origin: .file(path: path, line: 0))
  }

  private static func systemReason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
