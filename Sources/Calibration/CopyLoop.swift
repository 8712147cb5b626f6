// The published measurements' loops, driven on the model: one CPU that submits descriptors and looks at their records.

import DSAFormat
import DSAModel
import Units

/// What a source's machine and program add to the device. At most three are chosen for a source; the others are facts of its
/// code or stay as they are.
public struct HarnessTiming: Equatable, Sendable {
  /// CPU time of one submission, back to back.
  public var issue: Picoseconds
  /// CPU time between a record and the next submission, or of setting up and checking the members of a batch.
  public var work: Picoseconds = 0
  /// Latency of the memory copied from, as a CPU sees it. S3 (DSA-2LM): 112 ns of local DRAM.
  public var distance: Picoseconds = 112 * .nanosecond
  /// CPU's first look at a line of records that the device has written meanwhile, and at a record of a line looked at before;
  /// a line holds two. The wait for a record includes its look.
  public var firstLook: Picoseconds = 0
  public var nextLook: Picoseconds = 0
}

/// One CPU and some devices over memory whose data is not copied.
final class CopyLoop {
  static let flags: DescriptorFlags = [.recordAddressValid, .requestRecord]
  /// Records lie at the front, lists and data behind.
  static let lists: UInt64 = 0x1_0000
  static let data: UInt64 = 0x4_0000

  let memory: FlatMemory
  let model: DeviceModel<FlatMemory>
  let timing: HarnessTiming
  private let portals: [ModelPortal<FlatMemory>]
  private var now: Picoseconds = 0
  /// Records that a look at their line has shown, by index.
  private var isSeen: [Bool] = []

  /// - Parameter pages: pages of data that may be taken away; all others are there, and hold nothing.
  init(_ devices: [DeviceConfiguration], _ timing: HarnessTiming, pages: Int = 0) throws(DeviceConfigurationError) {
    memory = FlatMemory(size: Int(Self.data) + pages * Page.size)
    memory.movesData = false
    // One memory, wide enough that devices and platform are what binds.
    let link = DeviceLink(readBandwidth: 300_000_000_000, writeBandwidth: 300_000_000_000)
    model = try DeviceModel(
      devices: devices, memory: memory, paths: [DevicePath(readLatency: timing.distance)], links: [link])
    self.timing = timing
    let model = self.model
    portals = devices.indices.map { ModelPortal(model, device: $0, queue: 0, interval: timing.issue) }
  }

  static func shared(engines: Int) -> DeviceConfiguration {
    var device = DeviceConfiguration()
    device.queues[0].mode = .shared(threshold: device.queues[0].size)
    device.groups[0].engines = engines
    return device
  }

  static func copy(_ size: Int, from: Int, to: Int, flags: DescriptorFlags = CopyLoop.flags) -> Descriptor {
    Descriptor(
      .memmove, flags: flags, source: data + UInt64(from), destination: data + UInt64(to), size: UInt32(size))
  }

  func record(_ index: Int) -> UInt64 { UInt64(index * CompletionRecord.size) }

  /// Stores the members of a list, with records from `record` on.
  func store(_ members: [Descriptor], list: Int = 0, record: Int) {
    for (index, member) in members.enumerated() {
      var member = member
      member.recordAddress = self.record(record + index)
      memory.store(member, at: Self.lists + UInt64(list + index * Descriptor.size))
    }
  }

  /// Clears a record and submits what is to write it, in the CPU's time.
  private func submit(_ descriptor: Descriptor, record index: Int, device: Int = 0) {
    var descriptor = descriptor
    descriptor.recordAddress = record(index)
    memory.write(CompletionRecord(), at: record(index))
    if index >= isSeen.count { isSeen += [Bool](repeating: false, count: index + 64 - isSeen.count) }
    isSeen[index] = false
    let one = [descriptor]
    portals[device].now = now
    _ = portals[device].submit(one.span)
    now = portals[device].now
  }

  private func isWritten(_ index: Int) -> Bool { memory.record(at: record(index)).status != .none }

  /// Looks at a record until it is written; a record that never is ends the loop at the end of time.
  private func look(_ index: Int) {
    model.advance(to: now)
    if isWritten(index) {
      now += isSeen[index] ? timing.nextLook : timing.firstLook
    } else {
      while !isWritten(index) && model.nextEventTime != .max { model.advance(to: model.nextEventTime) }
      now = max(now, model.now)
    }
    // The line's other record comes with it.
    let other = index ^ 1
    if other < isSeen.count && isWritten(other) { isSeen[other] = true }
  }

  /// Mean time of an operation with `depth` in flight, each followed by another as soon as the CPU sees its record. Slots are
  /// looked at in turn; the first half of the operations only warms up.
  ///
  /// - Parameter make: the descriptor of an operation, by number of operation and slot.
  func closed(depth: Int, operations: Int, make: (Int, Int) -> Descriptor) -> Picoseconds {
    for slot in 0..<depth { submit(make(slot, slot), record: slot) }
    var start: Picoseconds = 0
    for done in 1...operations {
      let slot = (done - 1) % depth
      look(slot)
      now += timing.work
      if done == operations / 2 { start = now }
      submit(make(depth + done - 1, slot), record: slot)
    }
    return (now - start) / (operations - operations / 2)
  }

  /// Mean time from a submission to its record, one at a time; the first quarter only warms up.
  func latency(operations: Int = 40, make: (Int) -> Descriptor) -> Picoseconds {
    var sum: Picoseconds = 0
    var counted = 0
    for operation in 0..<operations {
      let start = now
      submit(make(operation), record: 0)
      // The CPU does not wait for a posted write to go out before it looks.
      now = start
      look(0)
      if operation >= operations / 4 {
        sum += now - start
        counted += 1
      }
      now = max(now, portals[0].now) + timing.work
    }
    return sum / counted
  }

  /// Time from the first submission until all pieces of one operation are done, a piece on each device.
  func once(make: (Int) -> Descriptor) -> Picoseconds {
    let start = now
    for device in portals.indices { submit(make(device), record: device, device: device) }
    for device in portals.indices { look(device) }
    return now - start
  }

  /// Mean time of an operation whose pieces go to one device each, with up to `depth` operations in flight.
  func split(depth: Int, warm: Int, operations: Int, make: (_ step: Int, _ device: Int) -> Descriptor) -> Picoseconds {
    var start: Picoseconds = 0
    for step in 0..<operations {
      if step == warm { start = now }
      for device in portals.indices {
        let index = step % depth * portals.count + device
        if step >= depth { look(index) }
        submit(make(step, device), record: index, device: device)
      }
    }
    return (now - start) / (operations - warm)
  }

  /// Runs one descriptor and what is left of it after each fault, until it is done.
  ///
  /// - Parameter touch: CPU time to bring in the page that a record names.
  func resuming(_ descriptor: Descriptor, touch: Picoseconds) -> CompletionRecord {
    var rest: Descriptor? = descriptor
    var record = CompletionRecord()
    while let next = rest {
      submit(next, record: 0)
      now = max(now - timing.issue, model.now)
      look(0)
      record = memory.record(at: self.record(0))
      rest = next.rest(after: record)
      if record.status.code == .pageFault && rest != nil {
        memory.setPresent(true, page: Int(record.faultAddress >> 12))
        now += touch
      }
    }
    return record
  }

  var elapsed: Picoseconds { now }
}
