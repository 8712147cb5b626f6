// Tables of measurements: what is read, and what is refused where.
import Foundation
import Testing
import Validation

@testable import Calibration

@Suite struct CalibrationTableTests {
  private func read(_ text: String) throws(CalibrationError) -> CalibrationTable {
    try CalibrationTable("t.csv", columns: ["case", "us"], text: text, file: "d/t.csv")
  }

  @Test func quotedFieldsMayHoldCommasAndQuotes() throws {
    let table = try read("case,us\r\n\"a, \"\"b\"\"\",2.5\r\n\nc,1\n")
    #expect(table.rows.map(\.fields) == [["a, \"b\"", "2.5"], ["c", "1"]])
    #expect(table.rows.map(\.line) == [2, 4])
    #expect(try table.rows[0].value("us") == 2.5 && table.rows[1].count("us", in: 1...1) == 1)
  }

  @Test(arguments: [
    ("us,case\na,1\n", "d/t.csv:1: the heading is 'us,case'; want case,us"),
    ("case,us\na,1,2\n", "d/t.csv:2: the row has 3 fields; want 2: case,us"),
    ("case,us\n\"a,1\n", "d/t.csv:2: a quote is not closed; close it on the same line"),
    ("case,us\n\"a\"b,1\n", "d/t.csv:2: text follows a closing quote; put a comma there"),
    ("case,us\n", "d/t.csv: has no rows; give a table of measurements"),
    ("", "d/t.csv: has no rows; give a table of measurements"),
  ])
  func tablesThatAreRefused(text: String, error: String) {
    let found = #expect(throws: CalibrationError.self) { try read(text) }
    #expect(found?.description == error)
  }

  @Test(arguments: ["", "-1", "0", "x", "nan", "inf", "1e999"])
  func valuesThatAreRefused(value: String) throws {
    let row = try read("case,us\na,\(value)\n").rows[0]
    #expect(throws: CalibrationError.self) { try row.value("us") }
    #expect(throws: CalibrationError.self) { try row.count("us", in: 1...10) }
  }

  @Test func aChoiceNamesWhatIsKnown() throws {
    let row = try read("case,us\nb,1\n").rows[0]
    #expect(throws: CalibrationError(file: "d/t.csv", line: 2, problem: "case is 'b'", fix: "want one of: a, c")) {
      try row.choice("case", [("a", 1), ("c", 2)])
    }
  }

  @Test func aMissingTableIsNamed() {
    #expect(throws: CalibrationError.self) { try Calibration(folder: "/nonexistent", copyBandwidth: 1) }
  }

  @Test func rowsNoDeviceCanBeAreRefused() throws {
    let folder = NSTemporaryDirectory() + "pageferry-calibration-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let heading = "chunk_bytes,devices,gb_per_s,source,precision\n"
    for row in ["2097152,17,1,S3,x", "64,128,1,S3,x", "4294967296,1,1,S3,x", "4096,0,1,S3,x", "4096,3,1,S3,x"] {
      try (heading + row + "\n").write(
        toFile: folder + "/dsa-multi-device.csv", atomically: true, encoding: .utf8)
      var points: [CalibrationPoint] = []
      #expect(throws: CalibrationError.self, "\(row)") { try DSA2LM.splitThroughput(folder, &points) }
    }
  }

  // MARK: - Summaries

  private func point(_ modelled: Double, _ role: CalibrationPoint.Role, _ mark: CalibrationPoint.Mark? = nil)
    -> CalibrationPoint
  {
    CalibrationPoint(
      table: "t", line: 2, source: "S1", name: "p", unit: "us", published: 100, modelled: modelled, role: role,
      mark: mark)
  }

  @Test func mediansAndShares() {
    let summary = CalibrationSummary([
      point(101, .fitted), point(95, .predicted), point(130, .predicted, .notMonotone), point(80, .predicted),
      point(108, .predicted, .digitised), point(88, .fitted, .digitised),
    ])
    #expect(summary.exact == 4 && summary.exactMedian == 12.5)
    #expect(summary.exactWithin20 == 75 && summary.exactWithin10 == 50)
    #expect(summary.predicted == 3 && summary.predictedMedian == 20)
    #expect(summary.digitised == 2 && summary.digitisedMedian == 10 && summary.digitisedWithin10 == 50)
    #expect(summary.worst?.modelled == 130 && !summary.isWithinBars)
    #expect(CalibrationSummary([]).exactMedian == 0)
  }

  // MARK: - The page's file

  @Test func partsStayWhenOthersAreMade() throws {
    var file = FidelityFile()
    file.set([.calibration], "devices\n")
    #expect(file.text.contains("(`--reference`): **not in this file**"))
    file.set([.reference, .referenceTPP], "kernels\n\nmore\n")
    let read = try #require(FidelityFile(text: file.text))
    #expect(read == file && read.inputs == [.reference, .referenceTPP, .calibration])
    #expect(read.text(of: .referenceTPP) == "kernels\n\nmore\n" && read.text(of: .calibration) == "devices\n")
    var again = read
    again.set([.calibration], "others\n")
    #expect(again.text(of: .calibration) == "others\n" && again.text(of: .reference) == "kernels\n\nmore\n")
    #expect(read.lost(by: [.reference]) == [.referenceTPP] && read.lost(by: [.calibration]) == [])
    #expect(read.lost(by: [.reference, .referenceTPP]) == [])
  }

  @Test func otherFilesHoldNothing() {
    #expect(FidelityFile(text: "") == nil && FidelityFile(text: "# Notes\n") == nil)
    let unknown = FidelityFile().text + "\n<!-- made from: guesses -->\n\nx\n"
    #expect(FidelityFile(text: unknown) == nil)
  }
}
