// A driver of the runs' copy engine without a run: lists of folios, copied from node to node on an idle machine.

import DSAConfig
import DSAModel
import Machine
import MemoryModel
import Migration
import PageCopy
import Simulation
import Sysctl
import Units

/// Copies lists through the code of runs (`CopyMachine`, `ModelCopy`): the same plans, descriptors, devices and costs.
///
/// What a run adds and this does not: other traffic on the links, other threads on the CPUs, and the stages before and behind
/// the copy. Every measurement is made on a machine of its own, which has copied the like before: devices remember the pages of
/// their records, and not those of the data.
public final class CopyBench {
  /// Copies before the one that is measured: each engine of a device has then written records.
  static let warmups = 4
  /// Idle time between copies.
  private static let gap = 10 * Picoseconds.microsecond
  /// Folios more than a list has, so that successive copies begin at different ones.
  private static let spareBase = 64
  private static let spareHuge = 4

  public let tree: KnobTree
  /// Nodes that are copied from and to.
  public let from: Int
  public let to: Int
  /// Kernel queues of hw.dsa.config: the most channels.
  public let channels: Int
  /// CPUs of the first node that has any.
  public let cpus: Int

  private let memory: Memory
  private let costs: CostKnobs
  private let copyCosts: CopyCostKnobs
  private let base: [(old: PFN, new: PFN)]
  private let huge: [(old: PFN, new: PFN)]

  /// - Parameters:
  ///   - tree: the machine. Its copy switches (vm.use_dsa_copy_pages and the like) are set by each way of copying.
  ///   - room: the most base and huge pages of a list.
  public init(_ tree: KnobTree, from: Int = 0, to: Int = 1, room: PageList) throws(RunError) {
    self.tree = tree
    self.from = from
    self.to = to
    let hardware = tree[HardwareKnobs.self]
    try CopyBench.check(from, of: hardware)
    try CopyBench.check(to, of: hardware)
    let faults = tree[FaultKnobs.self]
    guard [faults.page, faults.queueFull, faults.deviceGone, faults.alloc].allSatisfy({ $0 == .never }) else {
      throw RunError(
        "debug.fault.* are on, and tables of copies are of machines that do not fail", fix: "write them off",
        kind: .knob)
    }
    channels = tree[DSAHardwareKnobs.self].configuration.kernelQueues.count
    costs = tree[CostKnobs.self]
    copyCosts = tree[CopyCostKnobs.self]
    let named = hardware.nodes.compactMap(\.cpus).reduce(0, +)
    let first = hardware.nodes.first.map { $0.cpus ?? max(hardware.cpus - named, 0) } ?? 0
    cpus = max(first > 0 ? first : hardware.nodes.compactMap(\.cpus).first { $0 > 0 } ?? 1, 1)

    let baseCount = room.baseCount + CopyBench.spareBase
    let hugeCount = room.hugeCount + CopyBench.spareHuge
    let each = baseCount + hugeCount * Page.perHuge
    let layouts = hardware.nodes.indices.map { node in
      // Watermarks, page tables and per-CPU lists take their part.
      let copies = (node == from ? 1 : 0) + (node == to ? 1 : 0)
      return NodeLayout(
        tier: node == 0 ? 0 : 1, cpus: node == 0 ? 0..<1 : 1..<1,
        zones: [ZoneLayout(kind: .normal, pages: (copies * each * 5 / 4 + 8191) / 4096 * 4096)])
    }
    var knobs = MemoryKnobs()
    knobs.minFreeKbytes = 128
    memory = Memory(
      nodes: layouts, cpuCount: 1, virtualPages: (each + Page.perHuge) / Page.perHuge * Page.perHuge, rules: .tpp2021,
      knobs: knobs)
    let bases = hugeCount * Page.perHuge..<each
    huge = try CopyBench.folios((0..<hugeCount).map { $0 * Page.perHuge }, isHuge: true, memory, from, to)
    base = try CopyBench.folios(bases, isHuge: false, memory, from, to)
  }

  /// Maps slots on one node, and finds a folio on the other for each.
  private static func folios(
    _ slots: some Collection<Int>, isHuge: Bool, _ memory: Memory, _ from: Int, _ to: Int
  ) throws(RunError) -> [(old: PFN, new: PFN)] {
    var pairs: [(old: PFN, new: PFN)] = []
    pairs.reserveCapacity(slots.count)
    for slot in slots {
      guard
        isHuge
          ? memory.mapHuge(slot: slot, isWrite: true, node: from, cpu: 0)
          : memory.mapBase(slot: slot, isWrite: true, isFile: false, node: from, cpu: 0)
      else { throw RunError("the model has no room for \(slots.count) folios", fix: "copy a shorter list") }
      let old = memory.folio(slot: slot)
      guard let new = memory.allocate(order: memory.order(of: old), node: to, cpu: 0, policy: .promotion),
        memory.node(of: old) == from
      else { throw RunError("the model has no room for \(slots.count) folios", fix: "copy a shorter list") }
      pairs.append((old, new))
    }
    return pairs
  }

  private static func check(_ node: Int, of hardware: HardwareKnobs) throws(RunError) {
    guard hardware.nodes.indices.contains(node) else {
      throw RunError(
        "there is no node \(node); the machine has nodes 0 to \(hardware.nodes.count - 1)",
        fix: "name one of them, or give hw.node\(node).size", kind: .knob)
    }
    guard hardware.nodes[node].size.resolved(footprintBytes: 1 << 30) > 0 else {
      throw RunError("hw.node\(node).size is 0", fix: "give it a size", kind: .knob)
    }
  }

  // MARK: Copies

  /// What a copy takes. The list is no longer than `room` said, and the way's channels are there (`checkChannels`).
  public func measure(_ list: PageList, by way: CopyWay, change: (inout CopyKnobs) -> Void = { _ in }) throws(RunError)
    -> CopyMeasurement
  {
    try checkChannels(way.channels)
    let copies = try engines(cpus: way.cpus)
    var knobs = way.knobs(tree[CopyKnobs.self])
    change(&knobs)
    do { try copies.apply(knobs) } catch {
      throw RunError("hw.dsa.config: \(error.description)", fix: "run pageferry dsa check on the file", kind: .knob)
    }
    let driver = CopyDriver(copies, switchCost: costs.contextSwitch)
    var isSingle = false
    if case .hugePage = way { isSingle = true }
    for turn in 0..<CopyBench.warmups {
      driver.copy(pairs(list, turn: turn), isSingle: isSingle)
      driver.idle(CopyBench.gap)
    }
    let before = copies.context.timer
    driver.switching = 0
    let start = driver.now
    driver.copy(pairs(list, turn: CopyBench.warmups), isSingle: isSingle)
    try checkFailures(copies.context, way)
    return measurement(list.bytes, driver.now - start, before, copies.context.timer, switching: driver.switching)
  }

  /// A copy that the CPU took over is no copy by DSA.
  private func checkFailures(_ context: CopyContext, _ way: CopyWay) throws(RunError) {
    guard way.channels > 0, context.timer.takenOver > 0 || !context.knobs.useDSACopyPages else { return }
    throw RunError(
      "DSA failed in a copy by \(way.name), \(context.timer.timeouts) time-outs, and the CPU took over",
      fix: "raise vm.dsa_timeout", kind: .knob)
  }

  /// Engines that have copied nothing yet, of a node with so many CPUs at least.
  func engines(cpus count: Int = 1) throws(RunError) -> CopyMachine {
    try Simulation.idleCopies(tree, memory: memory, nodeOfCPU: [Int](repeating: 0, count: max(cpus, count)))
  }

  /// Refuses more channels than there are kernel queues.
  public func checkChannels(_ count: Int) throws(RunError) {
    guard count > channels else { return }
    let name = tree[DSAHardwareKnobs.self].file.name
    throw RunError(
      "\(count) channel\(count == 1 ? " is" : "s are") asked for, and \(name) has \(channels) kernel work "
        + "queue\(channels == 1 ? "" : "s") (dedicated and enabled)",
      fix: channels > 0
        ? "lower vm.limit_chans, or name another file in hw.dsa.config" : "name another file in hw.dsa.config",
      kind: .knob)
  }

  /// The folios of a list; those of successive copies differ.
  private func pairs(_ list: PageList, turn: Int) -> [(old: PFN, new: PFN)] {
    var nextBase = turn * 7 % CopyBench.spareBase
    var nextHuge = turn % CopyBench.spareHuge
    var pairs: [(old: PFN, new: PFN)] = []
    pairs.reserveCapacity(list.count)
    var hugeIndex = 0
    for item in 0..<list.count {
      if hugeIndex < list.hugeCount, list.hugeItems[hugeIndex] == item {
        hugeIndex += 1
        pairs.append(huge[nextHuge])
        nextHuge += 1
      } else {
        pairs.append(base[nextBase])
        nextBase += 1
      }
    }
    return pairs
  }

  private func measurement(
    _ bytes: Int, _ elapsed: Picoseconds, _ before: CopyTimer, _ after: CopyTimer, switching: Picoseconds
  ) -> CopyMeasurement {
    func cpuTime(_ method: CopyMethod) -> Picoseconds {
      after.engines[method.rawValue].cpuTime - before.engines[method.rawValue].cpuTime
    }
    var result = CopyMeasurement(bytes: bytes, elapsed: elapsed)
    result.copying = cpuTime(.cpu) + cpuTime(.workers)
    result.switching = switching
    result.descriptors = after.descriptors - before.descriptors
    result.filling = (result.descriptors + after.members - before.members) * copyCosts.dsaDescriptor
    result.submitting = result.descriptors * copyCosts.dsaSubmit
    result.polling = cpuTime(.dsa) - result.filling - result.submitting
    result.rounds = after.rounds - before.rounds
    result.overflowed = after.overflows > before.overflows
    return result
  }
}
