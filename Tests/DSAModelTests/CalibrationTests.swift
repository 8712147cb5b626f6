// The model against published measurements: one set of device parameters, a few declared parameters for each harness.
import DSAFormat
import Foundation
import Testing
import Units

@testable import DSAModel

/// Tables of measurements beside the repository; without them these tests skip and say so.
enum Measurements {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
    path: "../../../shared/calibration"
  )
  .standardized

  static var isThere: Bool { FileManager.default.fileExists(atPath: folder.appending(path: "README.md").path) }

  /// Rows of a table without its heading.
  static func rows(_ name: String) throws -> [[String]] {
    let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    return text.split(whereSeparator: \.isNewline).dropFirst().map { line in
      // A quoted first field may hold a comma.
      if line.first == "\"", let end = line.dropFirst().firstIndex(of: "\"") {
        return [String(line[line.index(after: line.startIndex)..<end])]
          + line[end...].dropFirst(2).split(separator: ",").map(String.init)
      }
      return line.split(separator: ",").map(String.init)
    }
  }
}

/// One comparison: what, measured, modelled, in one unit.
struct Point {
  var name: String
  var measured: Double
  var modelled: Double
  var error: Double { (modelled - measured) / measured * 100 }
}

/// Prints a table's points, worst and median, and gives the median of the errors' sizes.
func summary(_ title: String, _ points: [Point]) -> Double {
  print("calibration: \(title)")
  for point in points {
    print(
      String(
        format: "  %-34@ measured %9.3f modelled %9.3f error %+6.1f %%", point.name as NSString, point.measured,
        point.modelled, point.error))
  }
  let sizes = points.map { abs($0.error) }.sorted()
  print(String(format: "  median %.1f %%, worst %.1f %%", sizes[sizes.count / 2], sizes[sizes.count - 1]))
  return sizes[sizes.count / 2]
}

@Suite(.enabled(if: Measurements.isThere, "SKIPPED: no measurements beside the repository (../shared/calibration)"))
struct CalibrationTests {
  /// S1 (LightDSA): shared queue; ENQCMD 189 ns back to back; 36 ns of the CPU's time to set up and check a batch member.
  static let s1 = Harness(issue: 189 * .nanosecond, work: 36 * .nanosecond)
  /// S2 (accel-datapath): MOVDIR64B 107 ns, ENQCMD 189 ns; a ring of 128 warm buffers.
  static func s2(_ isShared: Bool) -> Harness { Harness(issue: (isShared ? 189 : 107) * .nanosecond) }
  /// S3 (DSA-2LM): 238 ns a submission in its kernel module; memory 140 ns away, so that 96 read buffers give 29.3 GB/s.
  static let s3 = Harness(issue: 238 * .nanosecond, distance: 140 * .nanosecond)

  private func copy(_ size: Int, from: Int, to: Int) -> Descriptor {
    Descriptor(
      .memmove, flags: recorded, source: Rig.data + UInt64(from), destination: Rig.data + UInt64(to), size: UInt32(size)
    )
  }

  @Test func syncLatency() throws {
    var moves: [Point] = []
    var fills: [Point] = []
    for row in try Measurements.rows("dsa-sync-latency.csv") {
      let size = try #require(Int(row[0]))
      for operation in [Opcode.memmove, .fill] {
        let loop = try Loop(shared(engines: 1), Self.s1)
        // Other pages each time: nothing is remembered but the record's.
        let time = loop.latency { step in
          var descriptor = copy(size, from: (step & 1) << 20, to: (4 << 20) + (step & 1) << 20)
          descriptor.opcode = operation
          return descriptor
        }
        let measured = try #require(Double(row[operation == .memmove ? 1 : 2]))
        let point = Point(name: "\(operation) \(size) B, us", measured: measured, modelled: Double(time) / 1e6)
        if operation == .memmove { moves.append(point) } else { fills.append(point) }
      }
    }
    #expect(summary("latency of one memmove", moves) < 5)
    #expect(summary("latency of one fill", fills) < 5)
  }

  @Test func throughput() throws {
    var points: [Point] = []
    for row in try Measurements.rows("dsa-async-throughput.csv") {
      let size = try #require(Int(row[1]))
      let loop = try Loop(shared(), Harness(issue: Self.s1.issue, work: 32 * Self.s1.work), size: 72 << 20)
      for slot in 0..<8 {
        for member in 0..<32 {
          let place = (slot * 32 + member) * size % (32 << 20)
          var descriptor = copy(size, from: place, to: (34 << 20) + place)
          descriptor.recordAddress = loop.rig.record(1024 + slot * 32 + member)
          loop.rig.memory.store(descriptor, at: Rig.lists + UInt64(slot * 2048 + member * 64))
        }
      }
      let time = loop.closed(depth: 8, operations: 48) { _, slot in
        Descriptor(.batch, flags: recorded, source: Rig.lists + UInt64(slot * 2048), size: 32)
      }
      let measured = try #require(Double(row[2]))
      points.append(
        Point(
          name: "\(size) B, MiB/s", measured: measured, modelled: Double(32 * size) / Double(time) * 1e12 / 1_048_576))
    }
    #expect(summary("throughput in batches of 32", points) < 10)
  }

  @Test func depthSweep() throws {
    var points: [Point] = []
    for row in try Measurements.rows("dsa-depth-sweep.csv") {
      let isShared = row[0] == "shared"
      let (size, depth) = (try #require(Int(row[1])), try #require(Int(row[2])))
      let loop = try Loop(isShared ? shared() : DeviceConfiguration(), Self.s2(isShared))
      let time = loop.closed(depth: depth, operations: 6 * depth + 60) { step, _ in
        copy(size, from: step % 128 * size, to: (4 << 20) + step % 128 * size)
      }
      points.append(
        Point(
          name: "\(row[0]) \(size) B, \(depth) in flight, Mops", measured: try #require(Double(row[3])),
          modelled: 1e6 / Double(time)))
    }
    #expect(summary("operations a second by depth", points) < 10)
  }

  @Test(arguments: [false, true]) func batchLatency(isShared: Bool) throws {
    var points: [Point] = []
    for row in try Measurements.rows("dsa-batch-latency.csv") where (row[0] == "shared") == isShared {
      let count = try #require(Int(row[2]))
      var device = isShared ? shared() : DeviceConfiguration()
      device.queues[0].maxBatch = 1024
      let loop = try Loop(device, Self.s2(isShared), size: 10 << 20)
      for member in 0..<count {
        var descriptor = copy(4096, from: member << 12, to: (5 << 20) + member << 12)
        descriptor.recordAddress = loop.rig.record(128 + member)
        loop.rig.memory.store(descriptor, at: Rig.lists + UInt64(member * 64))
      }
      let time = loop.latency(operations: 8) { _ in
        Descriptor(.batch, flags: recorded, source: Rig.lists, size: UInt32(count))
      }
      points.append(
        Point(
          name: "\(row[0]) \(count) pages, us", measured: try #require(Double(row[3])), modelled: Double(time) / 1e6))
    }
    // The shared queue's points rise less evenly than any sum of a latency and pages over a rate.
    #expect(summary("latency of one batch", points) < (isShared ? 17 : 8))
  }

  @Test func devices() throws {
    var points: [Point] = []
    for row in try Measurements.rows("dsa-multi-device.csv") {
      let (chunk, count) = (try #require(Int(row[0])), try #require(Int(row[1])))
      let rate = try splitRate(chunk: chunk, devices: count)
      points.append(
        Point(name: "\(chunk) B over \(count), GB/s", measured: try #require(Double(row[2])), modelled: rate / 1e9))
    }
    #expect(summary("chunks split over devices", points) < 10)
  }

  /// Bytes a second of chunks that are split evenly over devices, with up to 16 chunks in flight.
  private func splitRate(chunk: Int, devices: Int) throws -> Double {
    let rig = try Rig(
      [DeviceConfiguration](repeating: DeviceConfiguration(), count: devices), size: 12 << 20,
      paths: [DevicePath(readLatency: Self.s3.distance)])
    rig.memory.movesData = false
    let portals = (0..<devices).map { ModelPortal(rig.model, device: $0, queue: 0, interval: Self.s3.issue) }
    let piece = chunk / devices
    var now = 0
    var start = 0
    let (warm, chunks, depth) = (96, 224, 16)
    for step in 0..<chunks {
      if step == warm { start = now }
      for (index, portal) in portals.enumerated() {
        let record = (step % depth) * devices + index
        if step >= depth { now = max(now, rig.wait(record) ?? .max) }
        rig.clear(record)
        let place = step % 2 * (2 << 20) + index * piece
        var descriptor = copy(piece, from: place, to: (5 << 20) + place)
        descriptor.recordAddress = rig.record(record)
        portal.now = now
        let one = [descriptor]
        _ = portal.submit(one.span)
        now = portal.now
      }
    }
    return Double((chunks - warm) * chunk) / Double(now - start) * 1e12
  }

  @Test func hugePages() throws {
    var points: [Point] = []
    for row in try Measurements.rows("huge-page-split-latency.csv") {
      let (size, count) = (try #require(Int(row[0])), try #require(Int(row[1])))
      let rig = try Rig(
        [DeviceConfiguration](repeating: DeviceConfiguration(), count: count), size: 6 << 20,
        paths: [DevicePath(readLatency: Self.s3.distance)])
      rig.memory.movesData = false
      let piece = size / count
      var now = 0
      for index in 0..<count {
        let portal = ModelPortal(rig.model, device: index, queue: 0, interval: Self.s3.issue)
        portal.now = now
        var descriptor = copy(piece, from: index * piece, to: (3 << 20) + index * piece)
        descriptor.recordAddress = rig.record(index)
        let one = [descriptor]
        _ = portal.submit(one.span)
        now = portal.now
      }
      let end = try (0..<count).map { try #require(rig.wait($0)) }.max() ?? 0
      points.append(
        Point(name: "2 MiB over \(count), us", measured: try #require(Double(row[2])), modelled: Double(end) / 1e6))
    }
    #expect(summary("one huge page split over devices", points) < 10)
  }

  @Test func faults() throws {
    // Sequential 32 KiB copies to pages that are not there; the CPU's touch (1.21 us) and the disk (527 us) are given.
    let touch = 1_210 * Picoseconds.nanosecond
    let disk = 527 * Picoseconds.microsecond
    var measured: [String: Double] = [:]
    for row in try Measurements.rows("dsa-faults.csv") { measured[row[0]] = Double(row[1]) }
    let partial = try faultLoop(blocks: false, touch: touch)
    let blocked = try faultLoop(blocks: true, touch: 0)
    let major = try faultLoop(blocks: true, touch: 0, disk: disk)
    let points = [
      Point(
        name: "no block-on-fault, us a page",
        measured: try #require(measured["minor fault, block-on-fault off, touch and resubmit"]),
        modelled: partial),
      Point(
        name: "block-on-fault, us a page",
        measured: try #require(measured["minor fault, block-on-fault on (page request)"]),
        modelled: blocked),
      Point(name: "from disk, us a page", measured: try #require(measured["major fault from disk"]), modelled: major),
    ]
    #expect(summary("page faults", points) < 10)
  }

  private func faultLoop(blocks: Bool, touch: Picoseconds, disk: Picoseconds = 0) throws -> Double {
    var device = shared()
    device.queues[0].blockOnFault = blocks
    let rig = try Rig([device])
    rig.memory.movesData = false
    rig.memory.pageTime = disk
    let pages = 64
    for page in 0..<pages { rig.memory.setPresent(false, page: Int(Rig.data >> 12) + 512 + page) }
    var now = 0
    for piece in 0..<pages / 8 {
      var rest: Descriptor? = copy(8 * 4096, from: piece << 15, to: (2 << 20) + piece << 15)
      if blocks { rest?.flags.insert(.blockOnFault) }
      while let descriptor = rest {
        rig.model.advance(to: now)
        let record = rig.run(descriptor, write: .enqcmds)
        now = rig.model.now
        rest = descriptor.rest(after: record)
        if record.status.code == .pageFault {
          rig.memory.setPresent(true, page: Int(record.faultAddress >> 12))
          now += touch
        }
      }
    }
    return Double(now) / 1e6 / Double(pages)
  }
}
