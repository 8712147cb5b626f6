// S1, LightDSA (EuroSys '26, raw results): latency of one operation, throughput in batches, page faults.

import DSAFormat
import DSAModel
import Units

/// The loops of S1: one thread, a shared queue, pages that the device does not remember.
public enum LightDSA {
  /// ENQCMD back to back, and CPU time to set up and check one member of a batch: S1's 64 B in batches of 32, 44.6 ns a copy,
  /// less an ENQCMD's share and the device's. Memory as S3 has it.
  public static let timing = HarnessTiming(issue: 189 * .nanosecond, work: 36 * .nanosecond)
  /// A CPU's touch of a page, given in the same table; and a page from disk less the page request.
  static let touch = 1_210 * Picoseconds.nanosecond
  static let disk = 527 * Picoseconds.microsecond

  /// What the parameters of `DeviceTiming` and of this harness were chosen by: latencies up to 2 KiB (posting, record, read,
  /// tail), crossings of pages at 8 and 16 KiB, the rate at 1 MiB.
  private static let fittedSync: [Opcode: Set<Int>] = [
    .memmove: [64, 128, 256, 512, 1024, 2048, 8192, 16384, 1 << 20], .fill: [64, 128, 256, 512, 1024, 2048, 1 << 20],
  ]
  private static let fittedAsync: Set<Int> = [64, 2048, 4096, 1 << 20]

  /// Sizes whose throughput is not monotone in time per operation (39.7, 28.2, 40.4 ns).
  private static let notMonotone: Set<Int> = [256, 512, 1024]

  static func syncLatency(_ folder: String, _ points: inout [CalibrationPoint]) throws(CalibrationError) {
    let table = try CalibrationTable(
      "dsa-sync-latency.csv", columns: ["size_bytes", "memmove_us", "fill_us", "source"], folder: folder)
    for row in table.rows {
      let size = try row.size("size_bytes")
      for (operation, column) in [(Opcode.memmove, "memmove_us"), (.fill, "fill_us")] {
        let loop = try Calibration.loop([CopyLoop.shared(engines: 1)], timing, row)
        // Other pages each time: nothing is remembered but the record's.
        let time = loop.latency { step in
          var descriptor = CopyLoop.copy(size, from: (step & 1) << 20, to: (4 << 20) + (step & 1) << 20)
          descriptor.opcode = operation
          return descriptor
        }
        points.append(
          CalibrationPoint(
            table: table.name, line: row.line, source: row["source"],
            name: "\(operation == .fill ? "fill" : "memmove") \(Calibration.size(size))", unit: "us",
            published: try row.value(column), modelled: Double(time) / 1e6,
            role: fittedSync[operation]?.contains(size) == true ? .fitted : .predicted))
      }
    }
  }

  static func throughput(_ folder: String, _ points: inout [CalibrationPoint]) throws(CalibrationError) {
    let table = try CalibrationTable(
      "dsa-async-throughput.csv", columns: ["conditions", "size_bytes", "mib_per_s", "source"], folder: folder)
    for row in table.rows {
      let (members, engines) = try conditions(row)
      let size = try row.size("size_bytes")
      let time = try batches(of: size, members: members, engines: engines, row)
      points.append(
        CalibrationPoint(
          table: table.name, line: row.line, source: row["source"],
          name: "\(Calibration.size(size)), batches of \(members), \(engines) engine\(engines == 1 ? "" : "s")",
          unit: "MiB/s", published: try row.value("mib_per_s"), modelled: Double(size) / time * 1e12 / 1_048_576,
          role: members == 32 && engines == 4 && fittedAsync.contains(size) ? .fitted : .predicted,
          mark: members == 32 && engines == 4 && notMonotone.contains(size) ? .notMonotone : nil))
    }
  }

  /// What a row was measured with: "swq 1 thread batch32 4 engines".
  private static func conditions(
    _ row: CalibrationTable.Row
  ) throws(CalibrationError) -> (members: Int, engines: Int) {
    let words = row["conditions"].split(separator: " ")
    guard words.count == 6, words[0] == "swq", words[1] == "1", words[2] == "thread", words[3].hasPrefix("batch"),
      let members = Int(words[3].dropFirst(5)), (2...128).contains(members), let engines = Int(words[4]),
      (1...4).contains(engines), words[5].hasPrefix("engine")
    else {
      throw row.refused("conditions", "want 'swq 1 thread batchN M engines', N from 2 to 128, M from 1 to 4")
    }
    return (members, engines)
  }

  /// Picoseconds a member, with eight batches in flight over 32 MiB of sources and as many destinations.
  private static func batches(
    of size: Int, members: Int, engines: Int, _ row: CalibrationTable.Row
  ) throws(CalibrationError) -> Double {
    var perBatch = timing
    perBatch.work *= members
    let loop = try Calibration.loop([CopyLoop.shared(engines: engines)], perBatch, row)
    for slot in 0..<8 {
      let list = (0..<members).map { member in
        let place = (slot * members + member) * size % (32 << 20)
        return CopyLoop.copy(size, from: place, to: (34 << 20) + place)
      }
      loop.store(list, list: slot * members * Descriptor.size, record: 1024 + slot * members)
    }
    let time = loop.closed(depth: 8, operations: 64) { _, slot in
      Descriptor(
        .batch, flags: CopyLoop.flags, source: CopyLoop.lists + UInt64(slot * members * Descriptor.size),
        size: UInt32(members))
    }
    return Double(time) / Double(members)
  }

  // MARK: - Page faults

  static func faults(
    _ folder: String, _ points: inout [CalibrationPoint], _ unscored: inout [UnscoredRow]
  ) throws(CalibrationError) {
    let table = try CalibrationTable(
      "dsa-faults.csv", columns: ["case", "us_per_4k_page", "source"], folder: folder)
    let cases: [(String, Case)] = [
      ("no fault", .none), ("minor fault, block-on-fault off, touch and resubmit", .partial),
      ("minor fault, block-on-fault on (page request)", .request), ("CPU touch only", .touch),
      ("major fault from disk", .disk),
    ]
    for row in table.rows {
      let published = try row.value("us_per_4k_page")
      let kind = try row.choice("case", cases)
      if kind == .touch {
        unscored.append(
          UnscoredRow(
            table: table.name, line: row.line, name: row["case"], reason: "an input: the kernel's time, not a device's")
        )
        continue
      }
      let modelled = try kind == .none ? batches(of: 32768, members: 32, engines: 4, row) / 8e6 : pages(kind, row)
      points.append(
        CalibrationPoint(
          table: table.name, line: row.line, source: row["source"], name: row["case"], unit: "us a page",
          published: published, modelled: modelled, role: kind == .none ? .predicted : .fitted))
    }
  }

  private enum Case {
    case none, partial, request, touch, disk
  }

  /// Microseconds a page of copies of 32 KiB from pages that are not there.
  private static func pages(_ kind: Case, _ row: CalibrationTable.Row) throws(CalibrationError) -> Double {
    var device = CopyLoop.shared(engines: 4)
    let blocks = kind != .partial
    device.queues[0].blockOnFault = blocks
    let loop = try Calibration.loop([device], timing, row, pages: 1024)
    loop.memory.pageTime = kind == .disk ? disk : 0
    let pages = 64
    for page in 0..<pages { loop.memory.setPresent(false, page: Int(CopyLoop.data >> 12) + 512 + page) }
    for piece in 0..<pages / 8 {
      var copy = CopyLoop.copy(8 * 4096, from: piece << 15, to: (2 << 20) + piece << 15)
      if blocks { copy.flags.insert(.blockOnFault) }
      _ = loop.resuming(copy, touch: touch)
    }
    return Double(loop.elapsed) / 1e6 / Double(pages)
  }
}
