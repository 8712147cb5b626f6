// Single files that are whole or not there.

import Foundation
import Testing

@testable import Report

struct WholeFileTests {
  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "pageferry-file-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  private func names(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  @Test func `a file is replaced, and nothing else is left`() throws {
    try withFolder { folder in
      let path = folder + "/figure.svg"
      try WholeFile.write(Data("one".utf8), to: path)
      try WholeFile.write(Data("two".utf8), to: path)
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "two")
      #expect(try names(folder) == ["figure.svg"])
    }
  }

  @Test func `a link stays a link`() throws {
    try withFolder { folder in
      try WholeFile.write(Data("one".utf8), to: folder + "/real")
      try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "real")
      try WholeFile.write(Data("two".utf8), to: folder + "/link")
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/link") == "real")
      #expect(try String(contentsOfFile: folder + "/real", encoding: .utf8) == "two")
    }
  }

  @Test func `a device is written and not replaced`() throws {
    try WholeFile.write(Data("nothing".utf8), to: "/dev/null")
    var status = stat()
    #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
  }

  @Test func `a failure names the file that was wanted and keeps the older one`() throws {
    try withFolder { folder in
      let error = #expect(throws: ReportError.self) { try WholeFile.write(Data(), to: folder + "/no/page.html") }
      #expect(error?.path == folder + "/no/page.html" && error?.problem == "cannot create: No such file or directory")
      let left = try names(folder)
      #expect(left == [])
    }
  }
}
