// Nothing appears under a run directory's name before it is whole.

import Foundation
import Testing

@testable import Report

@Suite struct RunDirectoryTests {
  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "pageferry-report-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  private func names(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  @Test func `numbers are taken in order`() throws {
    try withFolder { folder in
      for number in 1...3 {
        let directory = try RunDirectory(.numbered(folder: folder, name: "demo"))
        try directory.write("a", "text")
        #expect(try directory.commit() == "\(folder)/demo-\(number)")
      }
      #expect(try names(folder) == ["demo-1", "demo-2", "demo-3"])
      #expect(try String(contentsOfFile: folder + "/demo-2/a", encoding: .utf8) == "text")
    }
  }

  @Test func `an abandoned directory leaves nothing`() throws {
    try withFolder { folder in
      let directory = try RunDirectory(.path(folder + "/x"))
      try directory.write("a", "text")
      #expect(try names(folder).count == 1)
      directory.abandon()
      #expect(try names(folder).isEmpty)
    }
  }

  @Test func `a taken name is refused before the run`() throws {
    try withFolder { folder in
      let path = folder + "/x"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      #expect(
        throws: ReportError(path: path, problem: "is there already", fix: "name another directory or remove it")
      ) { try RunDirectory(.path(path)) }
    }
  }
}
