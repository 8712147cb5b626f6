// The built command, run as a user runs it.

import Foundation
import Testing

/// What a run of the command left.
struct Outcome {
  var status: Int32
  var out: String
  var error: String
}

enum Command {
  /// Beside the test bundle.
  static let path: String = {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    return (own as NSString).deletingLastPathComponent + "/pageferry"
  }()

  /// The package's folder.
  static let package: String = {
    var path = #filePath as NSString
    for _ in 0..<3 { path = path.deletingLastPathComponent as NSString }
    return path as String
  }()

  /// Runs the command in the package's folder; output goes through files, so that no pipe fills up.
  static func run(_ arguments: String..., in folder: String = package, input: String? = nil) throws -> Outcome {
    try run(arguments, in: folder, input: input)
  }

  static func run(_ arguments: [String], in folder: String = package, input: String? = nil) throws -> Outcome {
    try withFolder { scratch in
      let process = Process()
      process.executableURL = URL(fileURLWithPath: path)
      process.arguments = arguments
      process.currentDirectoryURL = URL(fileURLWithPath: folder)
      _ = FileManager.default.createFile(atPath: scratch + "/out", contents: nil)
      _ = FileManager.default.createFile(atPath: scratch + "/error", contents: nil)
      _ = FileManager.default.createFile(atPath: scratch + "/in", contents: Data((input ?? "").utf8))
      process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch + "/out"))
      process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch + "/error"))
      process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: scratch + "/in"))
      try process.run()
      process.waitUntilExit()
      return Outcome(
        status: process.terminationStatus, out: try String(contentsOfFile: scratch + "/out", encoding: .utf8),
        error: try String(contentsOfFile: scratch + "/error", encoding: .utf8))
    }
  }

  /// A folder that is gone afterwards.
  static func withFolder<T>(_ body: (String) throws -> T) throws -> T {
    let folder = NSTemporaryDirectory() + "pageferry-command-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
  }

  static func write(_ text: String, _ path: String) throws {
    try text.write(toFile: path, atomically: false, encoding: .utf8)
  }
}
