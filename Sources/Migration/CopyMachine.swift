// The copy engines of a modelled machine: its devices, descriptor pools and workers, and who waits for them.

import DSAFormat
import DSAModel
import Machine
import MemoryModel
import PageCopy
import Timeline
import Units

/// The DSA devices of a machine, and which of their queues the kernel copies with.
public struct CopyDevices: Sendable {
  public var devices: [DeviceConfiguration]
  /// Device and queue (as `DeviceConfiguration.queues` has it) of each channel.
  public var channels: [(device: Int, queue: Int)]
  /// Bytes a second of all devices together.
  public var platformBandwidth: Int
  /// The node beside which they sit.
  public var node: Int
  public var hugeSerialization: HugeSerialization
  public var faults: FaultPlan

  public init(
    devices: [DeviceConfiguration], channels: [(device: Int, queue: Int)], platformBandwidth: Int, node: Int = 0,
    hugeSerialization: HugeSerialization = .off, faults: FaultPlan = FaultPlan()
  ) {
    self.devices = devices
    self.channels = channels
    self.platformBandwidth = platformBandwidth
    self.node = node
    self.hugeSerialization = hugeSerialization
    self.faults = faults
  }
}

/// All that moves pages' bytes in modelled time. One for each run; every `MigrationJob` copies through it.
///
/// Devices and links are the quiet world: `ModelCopy` says that it waits, and the run moves this on by `advance` until a copy is
/// ready or its own next event comes.
public final class CopyMachine {
  public let context: CopyContext
  let memory: Memory
  public let links: Links
  let costs: CostKnobs
  let copyCosts: CopyCostKnobs
  let frames: FrameMemory
  /// The CPUs beside each CPU, itself included, in their order: those of its node.
  private let neighbours: (Int) -> Range<Int>

  public let hardware: CopyDevices?
  /// Made when channels are first asked for.
  public private(set) var model: DeviceModel<FrameMemory>?
  /// Who has each CPU's pool, and who waits for it.
  private var owners: [ModelCopy?]
  private var queues: [[ModelCopy]]
  /// Copies that wait for a device, in the order in which they began to.
  private var waiting: [ModelCopy] = []
  /// Copies that wait for free entries of a queue, likewise.
  private var withoutEntries: [ModelCopy] = []
  private var blocked: ModelCopy?

  /// Wakes the thread of a copy that sleeps.
  public var onWake: (ModelCopy, Picoseconds) -> Void = { _, _ in }
  /// Gives a share to the worker of a CPU.
  public var onWork: (CopyWork, Picoseconds) -> Void = { _, _ in }

  /// What jobs, copies and devices leave their times in; nil, and nothing is kept.
  public var timeline: Timeline? {
    didSet { model?.timeline = timeline }
  }
  /// Whether the timeline takes calls that begin now.
  public var isShowing = false

  /// Real memory behind the frames; nil, and content is tags alone.
  public var backing: (any FrameCopier)? {
    didSet { memory.backing = backing }
  }

  /// Failures of target allocations on purpose.
  private var allocationFaults: FaultSource?

  /// - Parameters:
  ///   - hardware: nil for a machine without DSA.
  ///   - cpusBeside: the CPUs of a CPU's node.
  public init(
    memory: Memory, links: Links, costs: CostKnobs, copyCosts: CopyCostKnobs = CopyCostKnobs(),
    knobs: CopyKnobs = CopyKnobs(), hardware: CopyDevices? = nil, cpus: Int = 1,
    cpusBeside: @escaping (Int) -> Range<Int> = { $0..<($0 + 1) }, allocationFaults: FaultSource? = nil
  ) {
    self.memory = memory
    self.links = links
    self.costs = costs
    self.copyCosts = copyCosts
    self.hardware = hardware
    self.allocationFaults = allocationFaults
    neighbours = cpusBeside
    context = CopyContext(knobs: knobs)
    frames = FrameMemory(memory: memory, links: links, cpus: cpus, poolNode: hardware?.node ?? 0)
    owners = [ModelCopy?](repeating: nil, count: cpus)
    queues = [[ModelCopy]](repeating: [], count: cpus)
    context.timer.write(1)
  }

  /// Takes knobs: channels are there from the first time that `dsaState` is set.
  public func apply(_ knobs: CopyKnobs) throws(DeviceConfigurationError) {
    context.knobs = knobs
    guard knobs.dsaState, model == nil, let hardware else { return }
    let paths = links.nodes.enumerated().map { DevicePath(readLatency: $1.readLatency, link: $0) }
    let model = try DeviceModel(
      devices: hardware.devices, memory: frames, paths: paths,
      links: links.nodes.map { DeviceLink(readBandwidth: $0.readBandwidth, writeBandwidth: $0.writeBandwidth) },
      platformBandwidth: hardware.platformBandwidth, faults: hardware.faults,
      hugeSerialization: hardware.hugeSerialization)
    model.timeline = timeline
    self.model = model
    context.setQueues(entries: hardware.channels.map { hardware.devices[$0.device].queues[$0.queue].size })
  }

  /// Whether a batch of unmapped folios is copied as a list, and not one by one.
  var copiesLists: Bool { context.knobs.useDSACopyPages || context.knobs.cpuMultiCopyPages }

  /// Whether a migration's target allocation fails on purpose (debug.fault.alloc).
  func failsAllocation() -> Bool { allocationFaults?.strikes() ?? false }

  func cpusBeside(_ cpu: Int) -> Range<Int> { neighbours(cpu) }

  // MARK: Pools

  /// Gives a CPU's pool to a copy, or puts the copy in the queue for it.
  func lockPool(cpu: Int, for copy: ModelCopy) -> CopyPool? {
    if owners[cpu] === copy { return frames.pool(cpu: cpu) }
    if owners[cpu] == nil {
      owners[cpu] = copy
      return frames.pool(cpu: cpu)
    }
    if !queues[cpu].contains(where: { $0 === copy }) { queues[cpu].append(copy) }
    return nil
  }

  func hasPool(cpu: Int, _ copy: ModelCopy) -> Bool { owners[cpu] === copy }

  func unlockPool(cpu: Int, now: Picoseconds) {
    owners[cpu] = nil
    guard !queues[cpu].isEmpty else { return }
    let next = queues[cpu].removeFirst()
    owners[cpu] = next
    onWake(next, now)
  }

  // MARK: Devices

  /// - Parameter list: the copy's number in a timeline.
  func post(_ submission: CopySubmission, of job: CopyJob, list: Int = 0, at now: Picoseconds) {
    guard let model, let hardware else { return }
    let channel = hardware.channels[submission.channel]
    let each = copyCosts.dsaDescriptor + copyCosts.dsaSubmit
    let first = submission.filled * copyCosts.dsaDescriptor + submission.submitted * copyCosts.dsaSubmit
    let descriptors = job.fillDescriptors(of: submission)
    if let timeline, timeline.mask.contains(.descriptors) {
      for (index, descriptor) in descriptors.enumerated() {
        let time = now + first + index * each * submission.stride
        timeline.add(
          TimelineRecord(
            .post, time, time, track: channel.device, a: Int(bitPattern: UInt(descriptor.recordAddress)), b: list))
      }
    }
    _ = model.post(
      descriptors.span, device: channel.device, queue: channel.queue, at: now + first,
      interval: each * submission.stride)
  }

  /// Whether a channel's device has ended all it was given, or is gone.
  func isQuiet(channel: Int) -> Bool {
    guard let model, let hardware else { return true }
    let device = hardware.channels[channel].device
    return model.isGone(device) || model.isIdle(device)
  }

  // MARK: Waiting

  func beginWait(_ copy: ModelCopy) {
    if !waiting.contains(where: { $0 === copy }) { waiting.append(copy) }
    blocked = copy
  }

  func endWait(_ copy: ModelCopy) {
    waiting.removeAll { $0 === copy }
    if !withoutEntries.isEmpty { withoutEntries.removeAll { $0 === copy } }
  }

  func waitForEntries(_ copy: ModelCopy) {
    if !withoutEntries.contains(where: { $0 === copy }) { withoutEntries.append(copy) }
  }

  /// Wakes the copies for which there are entries now; one that finds them taken waits again.
  func wakeForEntries(now: Picoseconds) {
    if withoutEntries.isEmpty { return }
    let ready = withoutEntries.filter(\.isReady)
    withoutEntries.removeAll(where: \.isReady)
    for copy in ready { onWake(copy, now) }
  }

  func block(_ copy: ModelCopy) { blocked = copy }

  /// The copy whose last step said `spin` or `sleep`; once.
  public func takeBlocked() -> ModelCopy? {
    defer { blocked = nil }
    return blocked
  }

  /// Whether anybody waits for a device.
  public var isAwaited: Bool { !waiting.isEmpty }

  /// Whether devices have something to do, awaited or not.
  public var isBusy: Bool { model.map { $0.inFlight > 0 } ?? false }

  /// When something may happen that a waiting copy is there for; `Picoseconds.max` when nobody waits. Deadlines that are over count
  /// no more: whoever waited for one was told.
  public var nextTime: Picoseconds {
    guard !waiting.isEmpty else { return .max }
    var next = model?.nextEventTime ?? .max
    for copy in waiting where copy.deadline > now { next = min(next, copy.deadline) }
    return next
  }

  /// Lets the devices go on until `time`, and wakes the copies that sleep and whose time has come.
  public func advance(to time: Picoseconds) {
    model?.advance(to: time)
    guard let model else { return }
    let interrupted = frames.interrupted
    frames.interrupted = 0
    for copy in waiting where !copy.isSpinning {
      // Its own interrupt: another device's says nothing of it.
      let device = hardware?.channels[copy.job.waitingChannel].device ?? 0
      if (interrupted >> UInt32(device) & 1 == 1 && copy.isReady) || copy.deadline <= model.now {
        onWake(copy, model.now)
      }
    }
  }

  /// The devices that are there; none before they are first asked for.
  public var deviceConfigurations: [DeviceConfiguration] { model?.configurations ?? [] }

  /// The devices' clock.
  public var now: Picoseconds { model?.now ?? 0 }

  /// The end of an epoch: the devices get what the links have left. Also when they have nothing to do: what comes next in the
  /// epoch is not to find what an earlier load had left.
  public func endEpoch() {
    guard let model else { return }
    for node in links.nodes.indices {
      let left = links.leftForDevices(node: node)
      model.setBandwidth(link: node, read: left.read, write: left.write)
    }
  }

  // MARK: What is left of a run

  /// What was copied.
  public func summary(elapsed: Picoseconds) -> CopySummary {
    var summary = CopySummary(elapsed: elapsed, timer: context.timer, isSwitchedOn: context.knobs.useDSACopyPages)
    if let model { summary.devices = model.configurations.indices.map { model.counters(of: $0) } }
    return summary
  }
}
