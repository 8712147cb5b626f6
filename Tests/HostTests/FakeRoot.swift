// A folder that plays a machine.

import Foundation

@testable import Host

/// Files by path under a folder of its own, gone with the value's owner.
final class FakeRoot {
  let path = NSTemporaryDirectory() + "pageferry-host-\(UUID().uuidString)"
  var root: HostRoot { HostRoot(path) }

  /// Lines `path = text`; `path -> target` is a symbolic link, `path = ` an empty file.
  init(_ text: String) throws {
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      if let arrow = line.range(of: " -> ") {
        try link(String(line[..<arrow.lowerBound]), String(line[arrow.upperBound...]))
      } else if let equals = line.range(of: " =") {
        let value = line[equals.upperBound...].drop { $0 == " " }.replacingOccurrences(of: "\\n", with: "\n")
        try write(String(line[..<equals.lowerBound]), value)
      }
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ text: String) throws {
    let file = path + "/" + name
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try (text + "\n").write(toFile: file, atomically: false, encoding: .utf8)
  }

  private func link(_ name: String, _ target: String) throws {
    let file = path + "/" + name
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: target)
  }

  /// Does something with the folder while it is there.
  static func with<T>(_ text: String, _ body: (HostRoot) throws -> T) throws -> T {
    let fake = try FakeRoot(text)
    return try withExtendedLifetime(fake) { try body(fake.root) }
  }

  /// Two sockets with DSA and a memory expander: what can be wrong with a queue is wrong with one of them.
  static func server<T>(_ body: (HostRoot) throws -> T) throws -> T {
    try with(try String(contentsOfFile: Golden.path("server.files"), encoding: .utf8)) { root in
      for name in ["wq0.0", "wq0.4"] { chmod(root.path("/dev/dsa/" + name), 0o660) }
      return try body(root)
    }
  }
}

/// Stored expectations.
enum Golden {
  static func path(_ name: String) -> String {
    ((#filePath as NSString).deletingLastPathComponent as NSString).appendingPathComponent("golden/\(name)")
  }

  /// The stored text; with PAGEFERRY_RECORD_GOLDEN set, `text` is stored first.
  static func text(_ name: String, recording text: String) throws -> String {
    if ProcessInfo.processInfo.environment["PAGEFERRY_RECORD_GOLDEN"] != nil {
      try text.write(toFile: path(name), atomically: true, encoding: .utf8)
    }
    return try String(contentsOfFile: path(name), encoding: .utf8)
  }

  /// A page without the names of whoever runs the test.
  static func withoutUser(_ page: String) -> String {
    let user = getpwuid(geteuid()).flatMap { String(cString: $0.pointee.pw_name) } ?? "\(geteuid())"
    let group = getgrgid(getegid()).flatMap { String(cString: $0.pointee.gr_name) } ?? "\(getegid())"
    return page.replacingOccurrences(of: " \(user):\(group) ", with: " USER:GROUP ")
  }
}
