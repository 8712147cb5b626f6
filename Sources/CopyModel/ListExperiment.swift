// Lists of base and huge pages under every engine.
// Source: DSA-2LM's test modules, the lists of its figure 10.

import PageCopy
import Simulation
import Units

/// Lists by name, copied in every way.
public struct ListExperiment: Sendable {
  public struct Point: Sendable {
    public var list: String
    public var way: CopyWay
    public var copy: CopyMeasurement
    public var cpu: CopyMeasurement
  }

  public private(set) var points: [Point] = []
  private var lists: [(name: String, list: PageList)] = []
  private let nodes: String
  private let channels: Int
  private let cpus: Int
  private let threads: [Int]

  /// - Parameter threads: CPUs of the multithreaded copies, 1...32.
  public init(_ bench: CopyBench, lists: [(name: String, list: PageList)], threads: [Int]) throws(RunError) {
    nodes = bench.route
    channels = bench.copyKnobs.limitChans
    cpus = bench.cpus
    self.threads = threads
    self.lists = lists
    for (name, list) in lists {
      let cpu = try bench.measure(list, by: .cpu)
      for way in Self.ways(channels: channels, threads: threads) {
        points.append(Point(list: name, way: way, copy: try bench.measure(list, by: way), cpu: cpu))
      }
    }
  }

  private static func ways(channels: Int, threads: [Int]) -> [CopyWay] {
    [.cpu] + threads.map { .workers($0, .items) } + threads.map { .workers($0, .bytes) } + [.raw(channels: channels)]
      + ListCut.allCases.flatMap { cut in
        [false, true].map { .dsa(channels: channels, cut: cut, overlaps: $0) }
      }
  }

  /// What a way took of a list.
  public func copy(_ list: String, _ way: CopyWay) -> CopyMeasurement? {
    points.first { $0.list == list && $0.way == way }?.copy
  }

  public var report: CopyReport {
    var table = CopyTable(
      [.init(key: "list", heading: "list"), .init(key: "engine", heading: "engine")] + CopyTable.measured
        + [.init(key: "rounds", heading: "rounds"), .init(key: "descriptors", heading: "descriptors")])
    var notes: [String] = []
    for point in points {
      table.add(
        [.text(point.list), .text(point.way.name)] + CopyTable.cells(point.copy, point.cpu)
          + [.integer(point.copy.rounds), .integer(point.copy.descriptors)])
      if point.copy.overflowed {
        notes.append(
          "\(point.list): \(point.way.name) plans beyond the original's pools, which crashes it; here the list goes page by page"
        )
      }
    }
    var text = ""
    for (name, list) in lists {
      var part = CopyTable(Array(table.columns.dropFirst()))
      for row in table.rows where row[0] == .text(name) { part.add(Array(row.dropFirst())) }
      text += "\(text.isEmpty ? "" : "\n")list \(name): \(list), \(ByteSize.text(list.bytes)), \(nodes), "
      text += "\(channels) channel\(channels == 1 ? "" : "s")\n\(part.text)"
    }
    return CopyReport(table: table, text: text, notes: notes + CopyBench.notes(threads: threads, cpus: cpus))
  }
}

extension CopyBench {
  /// What is to be said when more CPUs copy than the node has.
  static func notes(threads: [Int], cpus: Int) -> [String] {
    let beyond = threads.filter { $0 > cpus }
    if beyond.isEmpty { return [] }
    let names = beyond.map { "\($0)" }.joined(separator: ", ")
    return ["the node has \(cpus) CPU\(cpus == 1 ? "" : "s"); \(names) threads are those of a node with as many CPUs"]
  }
}
