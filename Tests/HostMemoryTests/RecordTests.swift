// What is written down of a reservation.

import Foundation
import Testing

@testable import HostMemory

struct RecordTests {
  static let record = ReservationRecord(
    boot: "b", pageSize: 2 << 20, owner: .init(id: 7, start: 70), keeper: .init(id: 8, start: 80),
    changes: [.init(node: 0, former: 3, wanted: 5, added: 5), .init(node: 1, former: 0, wanted: 2, added: nil)])

  @Test func `a record is read as it was written`() {
    #expect(ReservationRecord(RecordTests.record.text) == RecordTests.record)
  }

  @Test(arguments: ["", "boot b", "page_bytes x\nboot b\nowner 1 2\nguard 1 2", "node 0 1 2\n", "node 0 1 -2 3"])
  func `anything else is no record`(text: String) { #expect(ReservationRecord(text) == nil) }

  @Test func `cut off anywhere it is no record, or one without its last changes`() {
    let text = RecordTests.record.text
    for count in 0..<text.count - 1 {
      guard let cut = ReservationRecord(String(text.prefix(count))) else { continue }
      #expect(cut.owner == RecordTests.record.owner && cut.changes.count < 3)
    }
  }

  @Test func `a record that cannot be written leaves nothing behind`() throws {
    let folder = NSTemporaryDirectory() + "pageferry-record-\(UUID().uuidString)"
    #expect(RecordTests.record.write(to: folder)?.hasSuffix(".tmp: No such file or directory") == true)
    // A folder stands where the record is to go.
    let path = "\(folder)/\(RecordTests.record.fileName)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(RecordTests.record.write(to: folder) == "\(path): Is a directory")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [RecordTests.record.fileName])
  }

  @Test func `a process is told apart from a later one with its number`() {
    let own = ReservationRecord.Process.current()
    #expect(own.isAlive && own.start > 0)
    #expect(!ReservationRecord.Process(id: own.id, start: own.start + 1).isAlive)
    #expect(!ReservationRecord.Process(id: Int32.max, start: 1).isAlive)
  }

  @Test func `the guard's arguments are read as they were made`() {
    let task = ReservationGuard.Task(
      root: "/x", folder: "/y z", pageSize: 4096, owner: 12,
      wants: [.init(node: 0, pages: 1), .init(node: 3, pages: 9)])
    #expect(ReservationGuard.Task(task.arguments) == task)
    #expect(ReservationGuard.Task([]) == nil)
    #expect(ReservationGuard.Task(Array(task.arguments.dropLast()) + ["0=-1"]) == nil)
  }
}
