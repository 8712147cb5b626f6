// Huge pages are back whatever ended the process that added them: tried with the built command, on a folder that plays a machine, and on
// this machine where that is allowed.

import Foundation
import Host
import Testing

@testable import HostMemory

/// The built command: what PAGEFERRY names (`make sanitize` does), else beside the test bundle.
private let pageferry: String = {
  if let named = ProcessInfo.processInfo.environment["PAGEFERRY"] { return URL(fileURLWithPath: named).path }
  let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
  return (own as NSString).deletingLastPathComponent + "/pageferry"
}()

/// Where huge pages are added.
private final class Pool {
  let root: HostRoot
  private let folder: String?
  static let node = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/"

  /// A folder with `pages` in its pool, or this machine.
  init(pages: Int?) throws {
    guard let pages else {
      folder = nil
      root = .machine
      return
    }
    let path = NSTemporaryDirectory() + "pageferry-pool-\(UUID().uuidString)"
    folder = path
    root = HostRoot(path)
    let files = [
      "/sys/devices/system/node/online": "0", "/sys/devices/system/node/node0/meminfo": "Node 0 MemTotal: 1048576 kB",
      "/sys/devices/system/node/node0/cpulist": "0", "/sys/devices/system/node/node0/distance": "10",
      "/proc/meminfo": "MemTotal: 1048576 kB\nMemAvailable: 1048576 kB", Pool.node + "nr_hugepages": "\(pages)",
      Pool.node + "surplus_hugepages": "0",
    ]
    for (name, text) in files {
      try FileManager.default.createDirectory(
        atPath: ((path + name) as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try (text + "\n").write(toFile: path + name, atomically: false, encoding: .utf8)
    }
  }

  deinit { if let folder { try? FileManager.default.removeItem(atPath: folder) } }

  var pages: Int { get throws { try PoolSize(root, pageSize: 2 << 20, node: 0).persistent() } }

  /// Whether the pool comes to so many within two seconds.
  func comes(to pages: Int) -> Bool {
    for _ in 0..<200 {
      // A folder's file is empty for a moment when it is written.
      if (try? self.pages) == pages { return true }
      usleep(10_000)
    }
    return false
  }

  var records: [String] { ReservationFolder(root).records }
}

/// `pageferry host --reserve`, holding.
private final class Holder {
  let process = Process()
  private let input = Pipe()
  let errors = Pipe()

  init(_ pages: Int, _ pool: Pool) throws {
    process.executableURL = URL(fileURLWithPath: pageferry)
    process.arguments = ["host", "--reserve", "\(pages)"]
    if !pool.root.isMachine { process.arguments? += ["--sysfs-root", pool.root.prefix] }
    process.standardInput = input
    process.standardOutput = FileHandle.nullDevice
    process.standardError = errors
    try process.run()
  }

  /// Ends its standard input.
  func finish() throws -> Int32 {
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    return process.terminationStatus
  }

  func end(by signal: Int32) {
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
  }
}

/// Whether this machine lets us add pages; nil says why not.
private let refusal: String? = {
  guard geteuid() == 0 else { return "not root" }
  do throws(HostMemoryError) {
    let reservation = try HugePageReservation([.init(node: 0, pages: 2)], executable: pageferry)
    return reservation.release()
  } catch { return "\(error)" }
}()

extension RealMemory {
  struct ReservationTests {
    @Test func `a normal end takes the pages out`() throws {
      let pool = try Pool(pages: 7)
      let holder = try Holder(4, pool)
      #expect(pool.comes(to: 11))
      #expect(pool.records.count == 1)
      #expect(try holder.finish() == 0)
      #expect(try pool.pages == 7 && pool.records.isEmpty)
    }

    @Test(arguments: [SIGINT, SIGKILL]) func `a signal takes the pages out`(signal: Int32) throws {
      let pool = try Pool(pages: 7)
      let holder = try Holder(4, pool)
      #expect(pool.comes(to: 11))
      holder.end(by: signal)
      #expect(pool.comes(to: 7))
    }

    @Test func `what others did to the pool stays`() throws {
      let pool = try Pool(pages: 7)
      let holder = try Holder(4, pool)
      #expect(pool.comes(to: 11))
      #expect(PoolSize(pool.root, pageSize: 2 << 20, node: 0).set(31) == nil)
      holder.end(by: SIGKILL)
      #expect(pool.comes(to: 27))
    }

    @Test func `when the guard dies, its parent takes the pages out`() throws {
      let pool = try Pool(pages: 7)
      let reservation = try HugePageReservation([.init(node: 0, pages: 4)], root: pool.root, executable: pageferry)
      #expect(try pool.pages == 11)
      kill(try keeper(of: pool), SIGKILL)
      let said = reservation.release()
      #expect(said?.contains("left 4 huge pages of 2MiB in the pool; they are taken out again") == true)
      #expect(try pool.pages == 7 && pool.records.isEmpty)
    }

    @Test func `when both die, the next run says it and takes the pages out`() throws {
      let pool = try Pool(pages: 7)
      let holder = try Holder(4, pool)
      #expect(pool.comes(to: 11))
      kill(try keeper(of: pool), SIGKILL)
      holder.end(by: SIGKILL)
      #expect(try pool.pages == 11 && pool.records.count == 1)
      let next = try Holder(1, pool)
      #expect(try next.finish() == 0)
      let said = String(decoding: next.errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      #expect(said.contains("process \(holder.process.processIdentifier) left 4 huge pages"))
      #expect(try pool.pages == 7 && pool.records.isEmpty)
    }

    @Test func `records of another boot are dropped, damaged ones are named`() throws {
      let pool = try Pool(pages: 7)
      let folder = ReservationFolder(pool.root)
      var record = RecordTests.record
      record.keeper.id = .max
      record.owner.id = .max
      #expect(record.write(to: folder.path) == nil)
      #expect(HugePageReservation.recover(pool.root).isEmpty && folder.records.isEmpty)
      try "rubbish".write(toFile: folder.path + "/1-1.hugepages", atomically: true, encoding: .utf8)
      #expect(HugePageReservation.recover(pool.root).first?.contains("does not say which huge pages are left") == true)
      #expect(try pool.pages == 7)
    }

    @Test func `a guard that died before it counted is made good by the former size`() throws {
      let pool = try Pool(pages: 9)
      var record = RecordTests.record
      record.boot = ReservationRecord.thisBoot
      record.owner.id = .max
      record.keeper.id = .max
      record.changes = [.init(node: 0, former: 7, wanted: 4, added: nil)]
      #expect(record.write(to: ReservationFolder(pool.root).path) == nil)
      #expect(HugePageReservation.recover(pool.root).first?.contains("left 2 huge pages") == true)
      #expect(try pool.pages == 7)
    }

    @Test func `more than the memory is refused, and nothing is started`() throws {
      let pool = try Pool(pages: 0)
      #expect {
        try HugePageReservation([.init(node: 0, pages: 500)], root: pool.root, executable: pageferry)
      } throws: {
        ($0 as? HostMemoryError)?.kind == .shortage
      }
      #expect {
        try HugePageReservation([.init(node: 0, pages: .max)], root: pool.root, executable: pageferry)
      } throws: {
        ($0 as? HostMemoryError)?.kind == .request
      }
      #expect { try HugePageReservation([.init(node: 0, pages: 1)], root: pool.root, executable: "/none") } throws: {
        ($0 as? HostMemoryError)?.kind == .system
      }
      #expect(try pool.pages == 0)
    }

    private func keeper(of pool: Pool) throws -> Int32 {
      let folder = ReservationFolder(pool.root)
      let name = try #require(folder.records.first)
      return try #require(ReservationRecord(try HostRoot.machine.text(folder.path + "/" + name))).keeper.id
    }
  }

  @Suite(.enabled(if: refusal == nil, "*** SKIPPED: no huge pages can be added here ***"))
  struct RealPoolTests {
    @Test func `kill -9 gives this machine's pages back`() throws {
      let pool = try Pool(pages: nil)
      let before = try pool.pages
      let holder = try Holder(3, pool)
      #expect(pool.comes(to: before + 3))
      holder.end(by: SIGKILL)
      #expect(pool.comes(to: before))
    }

    @Test func `a measurement adds what it lacks, and takes it out again`() throws {
      let pool = try Pool(pages: nil)
      let before = try pool.pages
      let process = Process()
      process.executableURL = URL(fileURLWithPath: pageferry)
      process.arguments = "bench copy --reserve --arena 2MiB --rounds 1 --to 1 --orders 9 --caches hot --engines memcpy"
        .split(separator: " ").map(String.init)
      let output = Pipe()
      process.standardOutput = output
      try process.run()
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0 && text.contains("node 0: 2MiB in 2 MiB pages of hugetlbfs, "))
      #expect(!text.contains("instead of 2 MiB pages of hugetlbfs"), "\(text)")
      #expect(try pool.pages == before)
    }

    @Test func `an arena on reserved pages lies on hugetlbfs, and the pool is as before`() throws {
      let memory = HostMemory()
      let pool = try Pool(pages: nil)
      let before = try pool.pages
      let request = HostMemory.Request(node: 0, bytes: 6 << 20, pages: .huge)
      let reservation = try HugePageReservation(memory.missingHugePages(for: [request]), executable: pageferry)
      do {
        let arena = try #require(try memory.take([request]).first)
        #expect(arena.backing == .hugetlbfs && arena.hugeBytes == 6 << 20 && arena.retreats.isEmpty)
        #expect(arena.placement.isWhole(on: arena.hostNode) && arena.placement.asked == 3)
        arena.bytes[arena.count - 1] = 1
      }
      #expect(reservation.release() == nil)
      #expect(try pool.pages == before)
    }
  }
}
