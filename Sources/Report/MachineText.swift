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
    var columns = ["time_ms", "first_page", "pages", "looked_at"]
    columns += (0..<heat.tiers).map { "tier\($0)" }
    var text = (columns + ["accesses"]).joined(separator: ",") + "\n"
    for column in heat.columns {
      let time = Decimal.fixed(column.time / Picoseconds.microsecond, places: 3)
      for block in 0..<heat.blocks {
        text += "\(time),\(block * heat.blockPages),\(heat.pages(block: block)),\(heat.lookedAt(block: block))"
        for tier in 0..<heat.tiers { text += ",\(column.mapped[block * heat.tiers + tier])" }
        text += ",\(column.accesses[block] * heat.accessesPerSample)\n"
      }
    }
    return text
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
