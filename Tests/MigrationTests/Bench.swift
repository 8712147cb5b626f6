// A memory of two nodes with pages to move, and a job that moves them.
import DSAModel
import Machine
import MemoryModel
import PageCopy
import Units

@testable import Migration

/// Everything one migration needs.
final class Bench {
  let memory: Memory
  let trace = MigrationTrace(limit: 100)
  let links: Links
  let job: MigrationJob
  let copies: CopyMachine
  /// Shares of workers, and each one's clock.
  private var works: [(work: CopyWork, clock: Picoseconds)] = []
  private(set) var now = 0

  init(
    _ rules: KernelRules, pages: [Int] = [8192, 8192], slowZones: [ZoneLayout]? = nil,
    copy: CopyKnobs = CopyKnobs(), devices: [DeviceConfiguration]? = nil, faults: FaultPlan = FaultPlan(),
    failing: FaultPlan.Trigger = .never, copyCosts: CopyCostKnobs = CopyCostKnobs(), bandwidth: Int = 100_000_000_000,
    cpus: Int = 4,
    change: (inout CostKnobs) -> Void = { _ in }
  ) {
    var knobs = MemoryKnobs()
    knobs.minFreeKbytes = 128
    let layouts = pages.enumerated().map { id, pages in
      NodeLayout(
        tier: id, cpus: id == 0 ? 0..<cpus : cpus..<cpus,
        zones: id == 1
          ? slowZones ?? [ZoneLayout(kind: .normal, pages: pages)] : [ZoneLayout(kind: .normal, pages: pages)])
    }
    memory = Memory(nodes: layouts, cpuCount: cpus, virtualPages: 8192, rules: rules, knobs: knobs)
    let link = LinkProperties(
      readLatency: 100 * Picoseconds.nanosecond, writeLatency: 100 * Picoseconds.nanosecond,
      readBandwidth: bandwidth, writeBandwidth: bandwidth, threadReadBandwidth: 10_000_000_000,
      threadWriteBandwidth: 10_000_000_000)
    links = Links(
      nodes: [LinkProperties](repeating: link, count: pages.count), epoch: 10 * Picoseconds.microsecond,
      queuePermille: 250)
    var costs = CostKnobs()
    change(&costs)
    let devices = devices ?? [DeviceConfiguration](repeating: DeviceConfiguration(), count: 8)
    copies = CopyMachine(
      memory: memory, links: links, costs: costs, copyCosts: copyCosts,
      hardware: CopyDevices(
        devices: devices, channels: devices.indices.map { ($0, 0) }, platformBandwidth: 106_000_000_000, faults: faults),
      cpus: cpus, cpusBeside: { _ in 0..<cpus }, allocationFaults: FaultSource(failing, seed: 1))
    do { try copies.apply(copy) } catch { fatalError("\(error)") }
    job = MigrationJob(memory: memory, links: links, trace: trace, costs: costs, copies: copies)
    copies.onWork = { [unowned self] work, now in works.append((work, now)) }
  }

  /// Maps base pages or, in a block of 512 slots, a 2 MiB page on a node; all written.
  func map(_ slots: Range<Int>, node: Int = 0) {
    for slot in slots {
      guard memory.mapBase(slot: slot, isWrite: true, isFile: false, node: node, cpu: 0) else { fatalError("no room") }
    }
    memory.drainAllLRUBatches()
  }

  func mapHuge(_ slot: Int, node: Int = 0) {
    guard memory.mapHuge(slot: slot, isWrite: true, node: node, cpu: 0) else { fatalError("no 2 MiB block") }
  }

  /// Isolates the folios of these slots and starts a call on them.
  func start(
    slots: [Int], to node: Int = 1, reason: MigrateReason = .demotion, mode: MigrateMode = .async, runningCPUs: Int = 1,
    isConcurrent: Bool = false
  ) {
    let folios = slots.map { memory.folio(slot: $0) }
    for folio in folios {
      guard memory.isolate(folio) else { fatalError("a folio is on no list") }
    }
    folios.withUnsafeBufferPointer {
      job.start(
        $0, to: MigrationTarget(node: node, allowed: 1 << UInt64(node)), reason: reason, mode: mode,
        runningCPUs: runningCPUs, caller: .kswapd(node: 0), isConcurrent: isConcurrent)
    }
  }

  /// One step; nil when the call is over.
  func step() -> Picoseconds? {
    let start = now
    switch job.step(now: now, cpu: 0) {
    case .done: return nil
    case .useCPU(let time): now += time
    case .spin, .sleep: waitForCopy()
    }
    return now - start
  }

  /// Lets devices and workers go on until the copy that was waited for is ready.
  private func waitForCopy() {
    guard let copy = copies.takeBlocked() else { fatalError("nothing is waited for") }
    while !copy.isReady {
      if !works.isEmpty {
        // Workers of several CPUs side by side: always the one that is behind.
        let index = works.indices.min { works[$0].clock < works[$1].clock } ?? 0
        if let time = works[index].work.step(now: works[index].clock) {
          works[index].clock += time
        } else {
          now = max(now, works[index].clock)
          works.remove(at: index)
        }
        continue
      }
      let next = copies.nextTime
      if copy.deadline <= next && copy.deadline != .max {
        copies.advance(to: copy.deadline)
        now = max(now, copy.deadline)
        return
      }
      guard next != .max else { fatalError("a copy waits for nothing") }
      copies.advance(to: next)
    }
    now = max(now, copies.now)
  }

  /// Steps to the end; the CPU time it took.
  @discardableResult
  func finish() -> Picoseconds {
    var total = 0
    while let time = step() { total += time }
    return total
  }

  /// Puts what was not moved back on the lists.
  func putBackLeftovers() { for folio in job.leftovers { memory.putBack(folio) } }

  func isUnavailable(_ slot: Int) -> Bool { memory.entry(slot: slot) & PTE.hint == PTE.special }

  func node(of slot: Int) -> Int { memory.node(of: memory.folio(slot: slot)) }

  func flushes(_ reason: MigrateReason = .demotion) -> Int { trace.flushes[reason.rawValue] }
}
