// Run directories are read strictly: each damage is an error that names the file, and says what to do.

import Foundation
import Report
import Testing

@testable import Charts

struct ReadingTests {
  @Test(arguments: ["run.json", "vmstat.csv", "machine.csv", "heat.csv", "regions.csv", "copies.csv", "config.sysctl"])
  func `a file that is missing, or has another byte, is named`(name: String) throws {
    try TinyRun.withFolder { folder in
      let run = try TinyRun.write("a", in: folder)
      _ = try RunRecord(run)
      let path = "\(run)/\(name)"
      var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      bytes[bytes.count / 2] ^= 0x40
      try bytes.write(to: URL(fileURLWithPath: path))
      // run.json has no digest of itself: a byte of a number may be another number.
      if name != "run.json" {
        let changed = #expect(throws: ReportError.self) { try RunRecord(run) }
        #expect(changed?.path == path && changed?.problem.hasPrefix("is not what the run wrote (fnv1a64:") == true)
      }
      try FileManager.default.removeItem(atPath: path)
      let missing = #expect(throws: ReportError.self) { try RunRecord(run) }
      #expect(missing?.path == path && missing?.problem == "is missing" && missing?.fix.isEmpty == false)
    }
  }

  @Test(arguments: [
    ("", "is no JSON document"), ("[]", "the document is of another type"),
    ("{\"format\": 1}", "the document has no 'pageferry'"),
  ])
  func `a run.json that is none says what is wrong`(text: String, problem: String) throws {
    try TinyRun.withFolder { folder in
      try text.write(toFile: folder + "/run.json", atomically: true, encoding: .utf8)
      let error = #expect(throws: ReportError.self) { try RunRecord(folder) }
      #expect(error?.path == folder + "/run.json" && error?.problem == problem)
    }
  }

  @Test func `a document of another format, and a directory that is not there, are errors`() throws {
    try TinyRun.withFolder { folder in
      let run = try TinyRun.write("a", in: folder)
      let path = run + "/run.json"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      try text.replacing("\"format\": 1,", with: "\"format\": 7,", maxReplacements: 1)
        .write(toFile: path, atomically: true, encoding: .utf8)
      let error = #expect(throws: ReportError.self) { try RunRecord(run) }
      #expect(error?.problem == "is of format 7, and this version reads 1")
      let none = #expect(throws: ReportError.self) { try RunRecord(folder + "/none") }
      #expect(none?.description == "\(folder)/none: there is no such run directory; make one with pageferry run")
    }
  }

  @Test func `runs of one name are called by their paths, the same directory twice and a ninth run are refused`() throws
  {
    try TinyRun.withFolder { folder in
      let (a, b) = (try TinyRun.write("x/tiny", in: folder), try TinyRun.write("y/tiny", in: folder))
      #expect(try RunRecord.read([a]).map(\.name) == ["tiny"])
      #expect(try RunRecord.read([a, b]).map(\.name) == [a, b])
      #expect(throws: ReportError.self) { try RunRecord.read([a, a]) }
      let ninth = #expect(throws: ReportError.self) { try RunRecord.read((0..<9).map { "\($0)" }) }
      #expect(ninth?.path == "8")
    }
  }

  // MARK: Tables

  @Test func `a table has words and numbers by column`() throws {
    let table = try CSVTable(Data("k,a,b\nx,1,2.500\ny,0,12345678901\n".utf8), path: "t.csv", wordColumns: 1)
    #expect(table.rows == 2 && table.words[0] == ["x", "y"])
    #expect(try table.column("a") == [1, 0] && (try table.column("b")) == [2.5, 12_345_678_901])
    let error = #expect(throws: ReportError.self) { try table.column("c") }
    #expect(error?.path == "t.csv:1" && error?.problem == "there is no column 'c'")
  }

  @Test(arguments: [
    ("", 1, "the heading has no end"), ("a,,b\n", 1, "a column has no name"),
    ("a,b\n1\n", 2, "there are 1 values and not 2"),
    ("a,b\n1,2\n1,2,3\n", 3, "there are more than 2 values"), ("a\n1\n-1\n", 3, "'-1' in column a is no number"),
    ("a\n\n", 2, "'' in column a is no number"), ("a\n1.\n", 2, "'1.' in column a is no number"),
    ("a\n.5\n", 2, "'.5' in column a is no number"), ("a\n1.2.3\n", 2, "'1.2.3' in column a is no number"),
    ("a\nnan\n", 2, "'nan' in column a is no number"), ("a\n1\n2", 3, "the file ends in the middle of a line"),
    ("a,b\n1,2\n3,", 3, "the file ends in the middle of a line"),
    ("a\n1111111111111111111111111\n", 2, "'1111111111111111111111111' in column a is no number"),
  ])
  func `a line that is wrong is named with its number`(text: String, line: Int, problem: String) throws {
    let error = #expect(throws: ReportError.self) { try CSVTable(Data(text.utf8), path: "t.csv") }
    #expect(error?.path == "t.csv:\(line)" && error?.problem == problem)
  }

  @Test func `knobs that differ are those whose last value is not the default`() {
    let changes = RunRecord.changes(
      "# head\nvm.swappiness = 60\nhw.cpus = 2\nhw.cpus = 3\nvm.no_such = 1\nkernel.numa_balancing = 2\nvm.swappiness = 61\nvm.swappiness = 60\nhw.dsa.config =\n"
    )
    #expect(changes.map(\.name) == ["hw.cpus", "vm.no_such", "kernel.numa_balancing"])
    #expect(changes.map(\.value) == ["3", "1", "2"])
    #expect(changes[1].standard == nil && changes[2].standard == "0")
  }
}
