// Descriptors straight to the queues of the machine's devices: copies that the kernel's list code does not make.

import DSAConfig
import DSAFormat
import DSAModel
import Machine
import PageCopy
import Simulation
import Sysctl
import Units

/// How a queue is shared.
public enum QueueMode: String, Sendable, CaseIterable {
  /// Posted writes (MOVDIR64B).
  case dedicated
  /// Each write waits for its answer (ENQCMDS).
  case shared
}

/// One CPU and the queues of the first channels, over memory of the same nodes, with the costs of the knobs.
///
/// A submission to a shared queue takes cost.dsa_submit and what the answer takes longer: accel-datapath measured 189 ns against
/// 107 ns back to back (docs/dsa-model.md).
final class QueueBench {
  /// Descriptors at once on one channel.
  static let slots = 128
  private static let lists: UInt64 = 0x1_0000
  private static let memberRecords: UInt64 = 0x3_0000
  private static let data: UInt64 = 0x4_0000

  private let memory: FlatMemory
  private let model: DeviceModel<FlatMemory>
  private let places: [(device: Int, queue: Int)]
  private let mode: QueueMode
  private let fillCost: Picoseconds
  private let submitCost: Picoseconds
  private let wakeCost: Picoseconds
  private let room: Int
  private(set) var now: Picoseconds = 0
  private(set) var filling: Picoseconds = 0
  private(set) var submitting: Picoseconds = 0
  private(set) var polling: Picoseconds = 0
  /// Writes that a shared queue did not take.
  private(set) var retries = 0

  /// - Parameters:
  ///   - mode: of the first channel's queue; further channels are dedicated.
  ///   - batch: most members of a batch, where the queue of the knobs takes fewer.
  ///   - room: bytes of the source, and of the destination.
  init(
    _ bench: CopyBench, channels: Int, mode: QueueMode = .dedicated, batch: Int = 0, room: Int
  ) throws(RunError) {
    try bench.checkChannels(channels)
    self.mode = mode
    self.room = (room + Page.size - 1) / Page.size * Page.size
    let links = Simulation.idleLinks(bench.tree)
    guard let hardware = try bench.engines().hardware else {
      throw RunError("the machine has no DSA", fix: "name a file in hw.dsa.config", kind: .knob)
    }
    places = Array(hardware.channels.prefix(channels))
    var devices = hardware.devices
    let place = places[0]
    if mode == .shared {
      devices[place.device].queues[place.queue].mode = .shared(
        threshold: devices[place.device].queues[place.queue].size)
    }
    if batch > devices[place.device].queues[place.queue].maxBatch {
      devices[place.device].queues[place.queue].maxBatch = batch
      devices[place.device].maxBatch = max(devices[place.device].maxBatch, batch)
    }
    let source = QueueBench.data
    memory = FlatMemory(
      size: Int(source) + 2 * self.room,
      regions: [(0, hardware.node), (source, bench.from), (source + UInt64(self.room), bench.to)])
    memory.movesData = false
    do throws(DeviceConfigurationError) {
      model = try DeviceModel(
        devices: devices, memory: memory,
        paths: links.nodes.enumerated().map { DevicePath(readLatency: $1.readLatency, link: $0) },
        links: links.nodes.map { DeviceLink(readBandwidth: $0.readBandwidth, writeBandwidth: $0.writeBandwidth) },
        platformBandwidth: hardware.platformBandwidth, faults: hardware.faults,
        hugeSerialization: hardware.hugeSerialization)
    } catch {
      throw RunError("hw.dsa.config: \(error.description)", fix: "run pageferry dsa check on the file", kind: .knob)
    }
    (fillCost, submitCost, wakeCost) = bench.steps(mode: mode)
  }

  /// Entries of the first channel's queue.
  var entries: Int { model.configurations[places[0].device].queues[places[0].queue].size }

  /// Most bytes of one descriptor.
  var maxTransfer: Int { model.configurations[places[0].device].queues[places[0].queue].maxTransfer }

  private func record(_ channel: Int, _ slot: Int = 0) -> UInt64 { UInt64(channel * Page.size + slot * 32) }

  private func isWritten(_ address: UInt64) -> Bool { memory.record(at: address).status != .none }

  // MARK: Steps of the CPU

  /// A copy between offsets of source and destination.
  private func copy(_ offset: Int, _ bytes: Int, record: UInt64) -> Descriptor {
    let at = QueueBench.data + UInt64(offset)
    var descriptor = Descriptor(
      .memmove, flags: [.recordAddressValid, .requestRecord], record: record, source: at,
      destination: at + UInt64(room), size: UInt32(truncatingIfNeeded: bytes))
    descriptor.isPrivileged = true
    return descriptor
  }

  private func fill(_ count: Int = 1) {
    now += count * fillCost
    filling += count * fillCost
  }

  /// Writes one descriptor; on a shared queue as often as it takes.
  private func submit(_ descriptor: Descriptor, channel: Int) {
    memory.write(CompletionRecord(), at: descriptor.recordAddress)
    let (device, queue) = places[channel]
    now += submitCost
    submitting += submitCost
    if mode == .dedicated {
      // Posted: taken at this time, whatever else happens before.
      let one = [descriptor]
      _ = model.post(one.span, device: device, queue: queue, at: now, interval: 0)
      return
    }
    while model.submit(descriptor, device: device, queue: queue, write: .enqcmds, at: now) == .retry,
      model.nextEventTime != .max
    {
      retries += 1
      now += submitCost
      submitting += submitCost
    }
  }

  /// Polls for a record.
  private func wait(_ address: UInt64) throws(RunError) {
    model.advance(to: now)
    guard !isWritten(address) else { return }
    while !isWritten(address) {
      let next = model.nextEventTime
      guard next != .max else {
        throw RunError(
          "a descriptor was lost: its record is never written",
          fix: "this is a fault of the model; please report it with the command")
      }
      model.advance(to: next)
    }
    polling += max(model.now - now, 0) + wakeCost
    now = max(now, model.now) + wakeCost
  }

  private func begin() {
    now += 10 * Picoseconds.microsecond
    (filling, submitting, polling, retries) = (0, 0, 0, 0)
  }

  private func measurement(_ bytes: Int, since start: Picoseconds) -> CopyMeasurement {
    var result = CopyMeasurement(bytes: bytes, elapsed: now - start)
    (result.filling, result.submitting, result.polling) = (filling, submitting, polling)
    result.rounds = 1
    return result
  }

  // MARK: Copies

  /// A contiguous run, cut into a slice for each channel; what does not divide goes to the last. Submitted to all, then waited
  /// for one after the other.
  ///
  /// Source: DSA-2LM, dsa_multi_copy_pages.
  func run(_ bytes: Int) throws(RunError) -> CopyMeasurement {
    var start = now
    for turn in 0...CopyBench.warmups {
      begin()
      start = now
      let offset = turn * bytes % room
      let share = bytes / places.count
      for channel in places.indices {
        fill()
        let isLast = channel == places.count - 1
        submit(
          copy(offset + share * channel, isLast ? bytes - share * channel : share, record: record(channel)),
          channel: channel)
      }
      for channel in places.indices { try wait(record(channel)) }
    }
    return measurement(bytes, since: start)
  }

  /// One batch of base pages on the first channel.
  ///
  /// Source: DSA-2LM, dsa_batch_copy_pages.
  func batch(_ pages: Int) throws(RunError) -> CopyMeasurement {
    var start = now
    for turn in 0...CopyBench.warmups {
      begin()
      start = now
      for member in 0..<pages {
        let memberRecord = QueueBench.memberRecords + UInt64(member * 32)
        memory.store(
          copy((member + turn * 7) * Page.size % room, Page.size, record: memberRecord),
          at: QueueBench.lists + UInt64(member * 64))
        memory.write(CompletionRecord(), at: memberRecord)
      }
      fill(pages + 1)
      var descriptor = Descriptor(
        .batch, flags: [.recordAddressValid, .requestRecord], record: record(0), source: QueueBench.lists,
        size: UInt32(truncatingIfNeeded: pages))
      descriptor.isPrivileged = true
      submit(descriptor, channel: 0)
      try wait(record(0))
    }
    return measurement(pages << Page.shift, since: start)
  }

  /// Single copies of `bytes`, `depth` of them in flight on the first channel, each submitted again as soon as the CPU sees its
  /// record, in turn. Buffers lie one behind the other and are used again after `room` bytes.
  /// - Returns: what `copies` of them took, once all were in flight, and how many that is.
  func stream(bytes: Int, depth: Int) throws(RunError) -> (CopyMeasurement, copies: Int) {
    let buffers = max(room / bytes, 1)
    let skipped = 2 * depth + 16
    let counted = 4 * depth + 32
    var next = 0
    func again(_ slot: Int) {
      fill()
      submit(copy(next % buffers * bytes, bytes, record: UInt64(slot * 32)), channel: 0)
      next += 1
    }
    begin()
    for slot in 0..<depth { again(slot) }
    var start = now
    for done in 0..<(skipped + counted) {
      let slot = done % depth
      if done == skipped {
        start = now
        (filling, submitting, polling) = (0, 0, 0)
      }
      try wait(UInt64(slot * 32))
      again(slot)
    }
    return (measurement(counted * bytes, since: start), counted)
  }
}

extension CopyBench {
  /// CPU time of filling one descriptor, of one submission, and of the end of a wait.
  func steps(mode: QueueMode) -> (fill: Picoseconds, submit: Picoseconds, wake: Picoseconds) {
    let costs = tree[CopyCostKnobs.self]
    let answer =
      mode == .shared ? ModelPortal<FlatMemory>.answeredInterval - ModelPortal<FlatMemory>.postedInterval : 0
    let wake: Picoseconds
    switch tree[CopyKnobs.self].wait {
    case .spin: wake = 0
    case .reschedule: wake = costs.dsaReschedPoll
    case .pause: wake = costs.dsaPausePoll
    case .umwait: wake = costs.dsaUmwaitExit
    }
    return (costs.dsaDescriptor, costs.dsaSubmit + answer, wake)
  }
}
