// The series of watermarks and copy engines, and the map of address against time, as tables of numbers.

import MemoryModel
import PageCopy
import Simulation
import Units

/// machine.csv.
public enum MachineText {
  /// The whole file: a line for each of vmstat.csv.
  public static func text(_ result: RunResult) -> String {
    let memory = result.memory
    let devices = result.samples.map(\.machine.devices.count).max() ?? 0
    let marks = ["min", "low", "high", memory.rules.isTPP ? "demote" : "promo"]
    var columns = ["time_ms"]
    for node in 0..<memory.nodeCount { columns += marks.map { "node\(node)_\($0)" } }
    columns += CopyMethod.allCases.map { "\($0.name)_bytes" }
    for device in 0..<devices {
      columns += ["busy_ps", "occupancy_ps", "bytes"].map { "dsa\(device)_\($0)" }
    }
    var text = columns.joined(separator: ",") + "\n"
    for sample in result.samples {
      let machine = sample.machine
      text += Decimal.fixed(sample.time / Picoseconds.microsecond, places: 3)
      for node in machine.marks { text += ",\(node.min),\(node.low),\(node.high),\(node.tiering)" }
      for bytes in machine.copied { text += ",\(bytes)" }
      for number in 0..<devices {
        let device = number < machine.devices.count ? machine.devices[number] : MachineSample.Device()
        text += ",\(device.busyTime),\(device.occupancyTime),\(device.bytesWritten)"
      }
      text += "\n"
    }
    return text
  }
}

/// heat.csv.
public enum HeatText {
  /// The whole file: for each column of the map a line for each block.
  public static func text(_ heat: HeatMap) -> String {
    var columns = ["region", "time_ms", "first_page", "pages", "looked_at"]
    columns += (0..<heat.tiers).map { "tier\($0)" }
    var bytes = Array(((columns + ["accesses"]).joined(separator: ",") + "\n").utf8)
    bytes.reserveCapacity(bytes.count + heat.columns.count * heat.blocks * 40)
    // Some ten thousand lines: what is the same in each column is made once.
    let places = (0..<heat.blocks).map { block in
      Array(",\(block * heat.blockPages),\(heat.pages(block: block)),\(heat.lookedAt(block: block))".utf8)
    }
    let names = (0..<heat.blocks).map { Array("\(name(of: $0, heat)),".utf8) }
    for column in heat.columns {
      let time = Array(Decimal.fixed(column.time / Picoseconds.microsecond, places: 3).utf8)
      for block in 0..<heat.blocks {
        bytes += names[block]
        bytes += time
        bytes += places[block]
        for tier in 0..<heat.tiers { append(Int(column.mapped[block * heat.tiers + tier]), to: &bytes) }
        append(column.accesses[block] * heat.accessesPerSample, to: &bytes)
        bytes.append(0x0A)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The regions of regions.csv that have pages in a block, the first three of them.
  private static func name(of block: Int, _ heat: HeatMap) -> String {
    let first = block * heat.blockPages
    let names = heat.regions.filter { $0.firstPage < first + heat.blockPages && $0.firstPage + $0.pages > first }
    return names.prefix(3).map(\.name).joined(separator: "+") + (names.count > 3 ? "+..." : "")
  }

  /// A comma and a number that is not negative.
  private static func append(_ value: Int, to bytes: inout [UInt8]) {
    bytes.append(0x2C)
    let start = bytes.count
    var rest = value
    repeat {
      bytes.append(0x30 + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest > 0
    bytes[start...].reverse()
  }
}

/// regions.csv.
public enum RegionText {
  /// The whole file: a line for each region, in the order of heat.csv's pages. What is no trace has no address.
  public static func text(_ heat: HeatMap) -> String {
    heat.regions.reduce(into: "region,first_address,first_page,pages\n") { text, region in
      let address = region.address.map { "0x" + String($0, radix: 16) } ?? ""
      text += "\(region.name),\(address),\(region.firstPage),\(region.pages)\n"
    }
  }
}

/// copies.csv.
public enum CopyHistogramText {
  /// The whole file: a line for each bin with calls, by engine and measure.
  public static func text(_ timer: CopyTimer) -> String {
    var text = "engine,measure,from,below,calls\n"
    for method in CopyMethod.allCases {
      let histogram = timer.histograms[method.rawValue]
      for (measure, bins) in [("pages", histogram.pages), ("ns", histogram.nanoseconds)] {
        for (bin, calls) in bins.enumerated() where calls > 0 {
          let (from, below) = (CopyHistogram.edge(of: bin), CopyHistogram.edge(of: bin + 1))
          text += "\(method.name),\(measure),\(from),\(below),\(calls)\n"
        }
      }
    }
    return text
  }
}
