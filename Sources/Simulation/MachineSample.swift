// What a sample holds of watermarks and copy engines.

import DSAModel
import MemoryModel
import Migration
import PageCopy
import Units

/// Watermarks and copy engines at the moment of a sample.
public struct MachineSample: Sendable {
  /// Watermarks of a node in base pages: the sums over its zones, the boost in force added.
  public struct Marks: Equatable, Sendable {
    public var min = 0
    public var low = 0
    public var high = 0
    /// WMARK_PROMO, or TPP's demotion mark; 0 when it is not computed.
    public var tiering = 0

    public init() {}
  }

  /// A DSA device since the run began.
  public struct Device: Equatable, Sendable {
    /// Time with a descriptor in a queue or in progress.
    public var busyTime: Picoseconds = 0
    /// Descriptors in queues or in progress, times their time.
    public var occupancyTime: Picoseconds = 0
    public var bytesWritten = 0

    public init() {}
  }

  /// By node.
  public var marks: [Marks] = []
  /// Bytes copied so far, by `CopyMethod`.
  public var copied = [Int](repeating: 0, count: CopyMethod.allCases.count)
  /// Empty until channels are first asked for.
  public var devices: [Device] = []

  public init() {}

  init(memory: Memory, copies: CopyMachine) {
    marks = (0..<memory.nodeCount).map { node in
      var marks = Marks()
      for zone in memory.nodes[node].zones.map({ memory.zones[$0] }) {
        marks.min += zone.mark(.min)
        marks.low += zone.mark(.low)
        marks.high += zone.mark(.high)
        let tiering = memory.rules.isTPP ? zone.demote : zone.promo
        if tiering > 0 { marks.tiering += zone.mark(memory.rules.isTPP ? .demote : .promo) }
      }
      return marks
    }
    copied = copies.context.timer.engines.map(\.bytes)
    guard let model = copies.model else { return }
    devices = model.configurations.indices.map { index in
      var device = Device()
      device.busyTime = model.busyTime(of: index)
      device.occupancyTime = model.occupancyTime(of: index)
      device.bytesWritten = model.counters(of: index).bytesWritten
      return device
    }
  }
}
