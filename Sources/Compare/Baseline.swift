// Baselines: the same kernel and CPUs on memory of one kind.

import Machine
import MemoryModel
import Simulation
import Sysctl
import Units

/// A machine that is changed so that there is nothing to migrate.
public enum Baseline: String, CaseIterable, Codable, Sendable {
  /// The fast nodes hold everything, and there is no slow node.
  case allFast = "all-fast"
  /// The like, with latency and bandwidth of the slow node.
  case allSlow = "all-slow"

  public var name: String { rawValue }

  /// Writes the machine's knobs: every fast node gets twice the workload's size, slow nodes without CPUs go, and under `allSlow` the
  /// fast nodes get the link of the slow one. Of several slow nodes that is the one of the last tier, and there of the longest
  /// read latency.
  func apply(to tree: inout KnobTree, workload: PreparedWorkload) throws(KnobError) {
    let nodes = tree[HardwareKnobs.self].nodes
    let tiers = Baseline.tiers(tree[HardwareKnobs.self])
    let origin = KnobOrigin.named(name)
    func write(_ node: Int, _ key: String, _ value: String, _ tree: inout KnobTree) throws(KnobError) {
      try tree.write(name: "hw.node\(node).\(key)", value: value, origin: origin)
    }
    if self == .allSlow {
      let slow = nodes.indices.filter { tiers[$0] > 0 && !Baseline.isAbsent(nodes[$0]) }
      guard let slowest = slow.max(by: { (tiers[$0], nodes[$0].readLatency) < (tiers[$1], nodes[$1].readLatency) })
      else {
        throw KnobError(
          .refused(reason: "the machine has no slow node; give hw.node1 a size"), key: "hw.node1.size", value: "0",
          origin: origin)
      }
      for node in nodes.indices where tiers[node] == 0 {
        for key in Baseline.linkKeys { try write(node, key, try tree.read("hw.node\(slowest).\(key)"), &tree) }
      }
    }
    for node in nodes.indices where tiers[node] == 0 && !Baseline.isAbsent(nodes[node]) {
      let held = nodes[node].kernelPages + nodes[node].idlePages + nodes[node].idleActivePages
      // 256 MiB besides: watermarks are shares of the node or some ten MiB.
      let pages = 2 * (workload.footprintPages + workload.tablePages) + held + 65_536
      try write(node, "size", "\((pages + Page.perHuge - 1) & ~(Page.perHuge - 1))p", &tree)
    }
    for node in nodes.indices.reversed() {
      guard tiers[node] > 0, (nodes[node].cpus ?? 0) == 0 else { break }
      try write(node, "size", "0", &tree)
    }
  }

  static let linkKeys = [
    "read_latency", "write_latency", "read_bandwidth", "write_bandwidth", "thread_read_bandwidth",
    "thread_write_bandwidth",
  ]

  private static func isAbsent(_ node: NodeKnobs) -> Bool {
    if case .bytes(0) = node.size { return true }
    if case .share(0) = node.size { return true }
    return false
  }

  /// The tier of each node, as MachinePlan takes it: 0 for nodes with CPUs and 1 for all others, unless a knob says so.
  private static func tiers(_ hardware: HardwareKnobs) -> [Int] {
    let named = hardware.nodes.compactMap(\.cpus).reduce(0, +)
    return hardware.nodes.enumerated().map { id, node in
      let cpus = node.cpus ?? (id == 0 ? hardware.cpus - named : 0)
      return node.tier ?? (cpus > 0 ? 0 : 1)
    }
  }
}
