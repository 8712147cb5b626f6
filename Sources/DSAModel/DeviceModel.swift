// The copy devices of one machine: their state, and how their time moves.

import DSAFormat
import Events
import Timeline
import Units

/// Up to 16 devices under one platform cap, as function and timing in one: descriptors go in at a portal, data moves and
/// records are written in the caller's memory when modelled time says so.
///
/// A descriptor is posted to its queue, dispatched by the group's arbiter to an engine, decoded and translated, waits for its
/// first data, passes the engine's data stage (serial, at the pace that the flows' sharing gives), and its record becomes
/// visible. Everything but the data stage overlaps with other descriptors. Nothing happens for single bytes or lines.
///
/// Not in the model: operations beyond memmove, fill and the comparisons (status 0x10), event logs, and any effect on time of
/// cache control, destination readback, strict ordering and traffic classes.
///
/// Same configuration, submissions and fault plan: same records at the same times. One model belongs to one thread.
public final class DeviceModel<Memory: DeviceMemory> {
  public let memory: Memory
  public let configurations: [DeviceConfiguration]
  /// The model's clock: what was submitted or asked for last.
  public internal(set) var now: Picoseconds = 0

  var events = EventQueue()
  let devices: UnsafeMutablePointer<DeviceState>
  let deviceCount: Int
  let queues: UnsafeMutablePointer<QueueState>
  let queueCount: Int
  /// From a device's first queue plus the number of a queue in its configuration to the queue's place in the table.
  let queueOrder: UnsafeMutablePointer<Int32>
  let groups: UnsafeMutablePointer<GroupState>
  let groupCount: Int
  let engines: UnsafeMutablePointer<EngineState>
  let engineCount: Int
  let counts: UnsafeMutablePointer<DeviceCounters>

  var slots: UnsafeMutablePointer<Slot>
  var slotCapacity = 512
  /// Slots ever used; behind them all are free.
  var slotCount = 0
  var freeSlot = nothing
  /// Descriptors between arrival and record.
  public internal(set) var inFlight = 0

  var flows: Flows
  /// Paces found by the last sharing, by position of the class.
  let paces: UnsafeMutablePointer<Int>
  let paths: UnsafeMutablePointer<DevicePath>
  let pathCount: Int
  /// Resource of a link's reading; its writing is the next. The platform is resource 0, devices follow. Behind the links is what
  /// copies of huge pages may share.
  let firstLink: Int
  let linkCount: Int
  /// Flow class by group, operation, paths of both operands, and demand; `nothing` when not yet made.
  let flowTable: UnsafeMutablePointer<Int32>
  let flowTableSize: Int

  /// Where descriptors leave their times; nil, and nothing is kept.
  public var timeline: Timeline?

  public let hugeSerialization: HugeSerialization
  var recentPieces: RecentPieces

  var pageFaults: FaultSource
  var fullQueues: FaultSource
  var vanishings: FaultSource

  /// - Parameters:
  ///   - devices: 1 to 16.
  ///   - paths: what `memory.path` names; 1 to 16, on links 0..<links.count.
  ///   - links: bandwidths of the memories.
  ///   - platformBandwidth: bytes a second that all devices together can copy. S3 (DSA-2LM): 104 to 110 GB/s.
  ///   - hugeSerialization: a hypothesis about huge pages; off unless it is to be tried.
  public init(
    devices configurations: [DeviceConfiguration], memory: Memory, paths: [DevicePath], links: [DeviceLink],
    platformBandwidth: Int = 106_000_000_000, faults: FaultPlan = FaultPlan(),
    hugeSerialization: HugeSerialization = .off
  ) throws(DeviceConfigurationError) {
    try ModelLayout.validate(configurations, paths: paths, links: links, platformBandwidth: platformBandwidth)
    let layout = ModelLayout(configurations, links: links, platformBandwidth: platformBandwidth)
    self.configurations = configurations
    self.memory = memory
    deviceCount = layout.devices.count
    queueCount = layout.queues.count
    groupCount = layout.groups.count
    engineCount = layout.engines.count
    devices = ModelLayout.table(layout.devices)
    queues = ModelLayout.table(layout.queues)
    queueOrder = ModelLayout.table(layout.queueOrder)
    groups = ModelLayout.table(layout.groups)
    engines = ModelLayout.table(layout.engines)
    counts = ModelLayout.table([DeviceCounters](repeating: DeviceCounters(), count: layout.devices.count))
    slots = .allocate(capacity: slotCapacity)
    flows = Flows(capacities: layout.capacities, engines: max(layout.engines.count, 1))
    paces = ModelLayout.table([Int](repeating: 0, count: max(layout.engines.count, 1)))
    self.paths = ModelLayout.table(paths)
    pathCount = paths.count
    firstLink = layout.firstLink
    linkCount = links.count
    flowTableSize = layout.groups.count * 4 * paths.count * paths.count * 5
    self.hugeSerialization = hugeSerialization
    var reach = 0
    if case .reused(let bytes) = hugeSerialization { reach = bytes }
    recentPieces = RecentPieces(reach: reach)
    flowTable = ModelLayout.table([Int32](repeating: nothing, count: flowTableSize))
    pageFaults = FaultSource(faults.pageFault, seed: faults.seed)
    fullQueues = FaultSource(faults.queueFull, seed: faults.seed &+ 1)
    vanishings = FaultSource(faults.deviceGone, seed: faults.seed &+ 2)
  }

  deinit {
    devices.deallocate()
    queues.deallocate()
    queueOrder.deallocate()
    groups.deallocate()
    engines.deallocate()
    counts.deallocate()
    slots.deallocate()
    paces.deallocate()
    paths.deallocate()
    flowTable.deallocate()
  }

  /// When something happens next; `Picoseconds.max` when nothing will.
  public var nextEventTime: Picoseconds {
    while let event = events.first {
      let (kind, index) = Self.decode(event.payload)
      // Ends that a change of pace has moved.
      if !isOfEngine(kind) || engines[index].event == event.time { return event.time }
      _ = events.pop()
    }
    return .max
  }

  /// Lets everything happen up to and including `time`; a time before `now` changes nothing.
  public func advance(to time: Picoseconds) {
    while events.nextTime <= time, let event = events.pop() {
      now = max(now, event.time)
      let (kind, index) = Self.decode(event.payload)
      handle(kind, index)
    }
    now = max(now, time)
  }

  /// Lets everything happen that is under way.
  /// - Returns: when the last of it happened, which is then `now`.
  @discardableResult
  public func finish() -> Picoseconds {
    while let event = events.pop() {
      let (kind, index) = Self.decode(event.payload)
      if isOfEngine(kind) && engines[index].event != event.time { continue }
      now = max(now, event.time)
      handle(kind, index)
    }
    return now
  }

  @inline(__always)
  func schedule(_ kind: EventKind, _ index: Int, at time: Picoseconds) {
    events.push(kind.rawValue << 20 | index, at: time)
  }

  @inline(__always)
  static func decode(_ payload: Int) -> (EventKind, Int) {
    // Every payload was made by `schedule`.
    (EventKind(rawValue: payload >> 20) ?? .arrival, payload & 0xF_FFFF)
  }

  private func handle(_ kind: EventKind, _ index: Int) {
    switch kind {
    case .arrival: if !slots[index].isLost { arrive(index) }
    case .dispatch: dispatch(group: index)
    case .start, .end:
      if !isValid(kind, engine: index) { return }
      engines[index].event = -1
      if kind == .start { startNext(engine: index) } else { endSegment(engine: index) }
    case .answer:
      if !isValid(kind, engine: index) { return }
      engines[index].event = -1
      pageAnswered(engine: index)
    case .listAnswer: if !slots[index].isLost { listAnswered(index) }
    case .list: if !slots[index].isLost { listRead(index) }
    case .record: if !slots[index].isLost { complete(index) }
    case .recordAnswer: if !slots[index].isLost { recordAnswered(index) }
    case .interrupt:
      let queue = Int(slots[index].queue)
      let device = Int(queues[queue].device)
      counts[device].interrupts += 1
      memory.interrupt(device: device, handle: Int(slots[index].descriptor.interruptHandle), at: now)
      free(index)
    }
  }

  @inline(__always)
  private func isOfEngine(_ kind: EventKind) -> Bool { kind == .start || kind == .end || kind == .answer }

  /// Whether an engine's event is the one it waits for: a change of pace leaves the old one in the queue.
  @inline(__always)
  private func isValid(_ kind: EventKind, engine: Int) -> Bool {
    if engines[engine].event != now { return false }
    switch engines[engine].stage {
    case .starting: return kind == .start
    case .moving: return kind == .end
    case .blocked: return kind == .answer
    case .idle: return false
    }
  }

  // MARK: - What a device says of itself

  public func counters(of device: Int) -> DeviceCounters { counts[device] }
  public func softwareError(of device: Int) -> SoftwareError { devices[device].error }
  public func clearSoftwareError(of device: Int) { devices[device].error = SoftwareError() }
  public func isGone(_ device: Int) -> Bool { devices[device].isGone }
  /// Whether all that a device accepted has ended.
  public func isIdle(_ device: Int) -> Bool { devices[device].active == 0 }

  /// Entries of a queue that are occupied: submitted and not yet dispatched.
  public func occupancy(device: Int, queue: Int) -> Int {
    guard let place = place(of: queue, device: device) else { return 0 }
    return queues[place].occupancy
  }

  /// Changes the threshold of a shared queue; the one field that may change while the queue is enabled. 0 closes the limited
  /// portal, more than the size counts as the size.
  public func setThreshold(_ threshold: Int, device: Int, queue: Int) {
    guard let place = place(of: queue, device: device) else { return }
    let state = queues + place
    state.pointee.threshold = max(0, min(threshold, state.pointee.size))
  }

  /// Where a device's queue stands in the table; nil when it has no such queue.
  func place(of queue: Int, device: Int) -> Int? {
    precondition(device >= 0 && device < deviceCount, "no such device")
    if queue < 0 || queue >= Int(devices[device].queueCount) { return nil }
    return Int(queueOrder[Int(devices[device].firstQueue) + queue])
  }

  // MARK: - Slots

  func makeSlot(_ descriptor: Descriptor, queue: Int, ready: Picoseconds) -> Int {
    inFlight += 1
    let slot: Int
    if freeSlot != nothing {
      slot = Int(freeSlot)
      freeSlot = slots[slot].next
    } else {
      if slotCount == slotCapacity { growSlots() }
      slot = slotCount
      slotCount += 1
    }
    (slots + slot).initialize(to: Slot(descriptor: descriptor, queue: Int32(queue), ready: ready))
    return slot
  }

  func free(_ slot: Int) {
    slots[slot].isUsed = false
    slots[slot].next = freeSlot
    freeSlot = Int32(slot)
    inFlight -= 1
  }

  private func growSlots() {
    precondition(slotCapacity < 1 << 20, "more than a million descriptors in flight")
    let larger = UnsafeMutablePointer<Slot>.allocate(capacity: slotCapacity * 2)
    larger.moveInitialize(from: slots, count: slotCount)
    slots.deallocate()
    slots = larger
    slotCapacity *= 2
  }
}
