// How a CPU waits for DSA, and what that costs.
// Source: DSA-2LM, dsa_sync_mode and dsa_async_mode.

import PageCopy
import Simulation
import Units

/// One huge page and lists under each way of waiting.
public struct WaitExperiment: Sendable {
  public static let modes = ["spin", "cond_resched", "pause", "umwait", "interrupt"]

  public struct Point: Sendable {
    public var list: String
    public var mode: String
    public var copy: CopyMeasurement
    public var cpu: CopyMeasurement
  }

  public private(set) var points: [Point] = []
  private let nodes: String
  private let channels: Int

  public init(_ bench: CopyBench) throws(RunError) {
    nodes = bench.route
    channels = bench.copyKnobs.limitChans
    let ways: [(String, PageList, CopyWay)] = [
      ("1h", PageList(huge: 1), .hugePage(channels: channels)),
      ("32b", PageList(base: 32), bench.listCopy(channels: channels)),
      ("A", .workloadA, bench.listCopy(channels: channels)), ("B", .workloadB, bench.listCopy(channels: channels)),
    ]
    for (name, list, way) in ways {
      let cpu = try bench.measure(list, by: .cpu)
      for (index, mode) in Self.modes.enumerated() {
        let copy = try bench.measure(list, by: way) { knobs in
          knobs.dsaAsyncMode = index == 4
          knobs.dsaSyncMode = index % 4
        }
        points.append(Point(list: name, mode: mode, copy: copy, cpu: cpu))
      }
    }
  }

  public var report: CopyReport {
    var table = CopyTable(
      [.init(key: "list", heading: "list"), .init(key: "wait", heading: "wait")] + CopyTable.measured
        + [.init(key: "descriptors", heading: "descriptors")])
    for point in points {
      table.add(
        [.text(point.list), .text(point.mode)] + CopyTable.cells(point.copy, point.cpu)
          + [.integer(point.copy.descriptors)])
    }
    return CopyReport(
      table: table,
      text: "waiting for DSA, \(nodes), \(channels) channel\(channels == 1 ? "" : "s")\n\(table.text)",
      notes: [
        "spin, cond_resched, pause, umwait are vm.dsa_sync_mode 0 to 3, interrupt is vm.dsa_async_mode 1",
        "a CPU in umwait is charged like one that polls; asleep until an interrupt it is free for others",
      ])
  }
}
