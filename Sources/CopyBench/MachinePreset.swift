// A calibration as a file of knobs that says where each number is from.

import Foundation
import Units

/// Who measured what, when and how.
public struct CalibrationProvenance: Sendable {
  public var date: String
  public var host: String
  public var processor: String
  public var kernel: String
  public var version: String
  public var command: String

  /// This machine, now.
  public init(version: String, command: String) {
    let format = ISO8601DateFormatter()
    date = format.string(from: Date())
    var names = utsname()
    uname(&names)
    func text<T>(_ field: T) -> String {
      withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    host = text(names.nodename)
    kernel = "\(text(names.sysname)) \(text(names.release)) \(text(names.machine))"
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
    processor =
      lines.first { $0.hasPrefix("model name") }?.split(separator: ":", maxSplits: 1).last
      .map { $0.trimmingCharacters(in: .whitespaces) } ?? "not named by /proc/cpuinfo"
    self.version = version
    self.command = command
  }
}

extension MachineCalibration {
  /// Nodes that a preset can have (`hw.node0` to `hw.node15`).
  private static let mostNodes = 16

  /// The file. Each measured line stands in it as a comment, above the knobs that were made of it.
  public func preset(_ provenance: CalibrationProvenance) -> String {
    var text = """
      # \(provenance.processor), \(cpus.count) CPU\(cpus.count == 1 ? "" : "s"), measured by Pageferry \(provenance.version).
      # Date: \(provenance.date)
      # Host: \(provenance.host), \(provenance.kernel)
      # Command: \(provenance.command)
      # Times are medians; GB/s are decimal. Latency: a chain of dependent reads in random order. Bandwidth: reads, and stores past the caches,
      # of all threads together.

      """
    for words in memory { text += "# Memory: \(words)\n" }
    if nodes.count > Self.mostNodes {
      text += "# Note: nodes from \(Self.mostNodes) on are left out: a preset has no more than \(Self.mostNodes)\n"
    }
    for remark in remarks { text += "# Note: \(remark)\n" }
    text += "hw.cpus = \(cpus.count)\n"
    for node in nodes.prefix(Self.mostNodes) { text += lines(of: node) }
    if nodes.count == 1 {
      text += """
        # Node 1: this machine has no second node with memory; latency and bandwidth of hw.node1 keep their defaults, which are
        # uncalibrated.

        """
    }
    for copy in copies { text += "# \(copy.description)\n" }
    if let kernelCopy {
      text += """
        # A kernel copies huge pages by its own string copy: that of \(copies[kernelCopy].what.split(separator: " ").last ?? "") is the nearest to it.
        cost.copy_bandwidth = \(copies[kernelCopy].text(copies[kernelCopy].median))

        """
    }
    return text + "# All other costs (cost.*), sizes and tiers keep their defaults: not measured.\n"
  }

  private func lines(of node: Node) -> String {
    let reads = node.reads.sorted { $0.key < $1.key }.map(\.value)
    let writes = node.writes.sorted { $0.key < $1.key }.map(\.value)
    var text = "# Node \(node.number) of this file is node \(node.host) of the machine.\n"
    for line in [node.latency] + reads + writes { text += "# \(line.description)\n" }
    func knob(_ name: String, _ value: String?) {
      if let value { text += "hw.node\(node.number).\(name) = \(value)\n" }
    }
    func most(_ lines: [CalibrationLine]) -> String? {
      lines.max { $0.median < $1.median }.map { $0.text($0.median) }
    }
    knob("read_latency", node.latency.text(node.latency.median))
    text += "# Writes: as reads, uncalibrated.\n"
    knob("write_latency", node.latency.text(node.latency.median))
    knob("read_bandwidth", most(reads))
    knob("write_bandwidth", most(writes))
    knob("thread_read_bandwidth", reads.first.map { $0.text($0.median) })
    knob("thread_write_bandwidth", writes.first.map { $0.text($0.median) })
    return text
  }
}
