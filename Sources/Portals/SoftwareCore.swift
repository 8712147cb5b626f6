// What the submitters and the engines of a software device share.

import CPlatform
import CPortals
import DSAFormat
import DSAModel
import Synchronization

/// Memory that its owner vouches for: mapped, present, readable and writable until it is taken back.
struct RegisteredMemory: Sendable {
  struct Range {
    var start: UInt64
    var end: UInt64
    /// How often it was registered.
    var count: Int

    /// Nothing lies in it.
    static let none = Range(start: 0, end: 0, count: 0)

    @inline(__always)
    func contains(_ address: UInt64, _ length: Int) -> Bool {
      address >= start && address < end && UInt64(length) <= end - address
    }
  }

  /// Ascending; may touch and overlap.
  private var ranges: [Range] = []
  /// Whether no range reaches into the next.
  private var areApart = true

  mutating func add(_ start: UInt64, _ length: Int) {
    let end = start + UInt64(length)
    if let index = ranges.firstIndex(where: { $0.start == start && $0.end == end }) {
      ranges[index].count += 1
      return
    }
    ranges.append(Range(start: start, end: end, count: 1))
    ranges.sort { $0.start < $1.start }
    areApart = zip(ranges, ranges.dropFirst()).allSatisfy { $0.end <= $1.start }
  }

  /// Takes one registration of this range back.
  mutating func remove(_ start: UInt64, _ length: Int) {
    let end = start + UInt64(length)
    guard let index = ranges.firstIndex(where: { $0.start == start && $0.end == end }) else { return }
    ranges[index].count -= 1
    if ranges[index].count == 0 { ranges.remove(at: index) }
  }

  /// Whether one range has all of it.
  func contains(_ start: UInt64, _ length: Int) -> Bool { range(of: start, length) != nil }

  /// A range that has all of it. O(log ranges), and more where ranges overlap.
  func range(of start: UInt64, _ length: Int) -> Range? {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].start <= start { low = middle + 1 } else { high = middle }
    }
    while low > 0 {
      low -= 1
      if ranges[low].contains(start, length) { return ranges[low] }
      if areApart { return nil }
    }
    return nil
  }
}

final class SoftwareCore: @unchecked Sendable {
  /// Polls of an engine that finds no work before it sleeps. Uncalibrated.
  static let idlePolls = 4096
  /// Polls, some 20 us, before every 64th yields the CPU: to get it back takes a neighbour's time slice. Uncalibrated.
  static let ownPolls = 512

  let configuration: DeviceConfiguration
  let queues: [SoftwareQueue]
  let groups: [SoftwareGroup]
  let copy: CopyFunction
  /// Whether engines and a thread that waits for them have fewer CPUs than they are.
  let isCrowded: Bool

  let isGone = Atomic<Bool>(false)
  let isStopping = Atomic<Bool>(false)

  private let lock = HostLock()
  private var books: [EngineBooks] = []
  private var error = SoftwareError()
  private var registered = RegisteredMemory()
  let registrations = Atomic<Int>(0)

  private let faultLock = HostLock()
  private let faults: FaultPlan
  private var pageFaults: FaultSource
  private var fullQueues: FaultSource
  private var vanishings: FaultSource

  /// Word 0: changes when work comes; at 64: engines that sleep or are about to.
  private let bell: SharedPages
  private let sleepers = Atomic<Int>(0)

  init(
    _ configuration: DeviceConfiguration, faults: FaultPlan, isCrowded: Bool = false, copy: @escaping CopyFunction
  ) throws(SoftwareDeviceError) {
    self.configuration = configuration
    self.copy = copy
    self.isCrowded = isCrowded
    self.faults = faults
    pageFaults = FaultSource(faults.pageFault, seed: faults.seed)
    fullQueues = FaultSource(faults.queueFull, seed: faults.seed &+ 1)
    vanishings = FaultSource(faults.deviceGone, seed: faults.seed &+ 2)
    bell = try SharedPages(bytes: 64)
    var queues: [SoftwareQueue] = []
    for (index, queue) in configuration.queues.enumerated() {
      queues.append(try SoftwareQueue(queue, index: index, of: configuration))
    }
    self.queues = queues
    groups = configuration.groups.enumerated().map { index, group in
      SoftwareGroup(queues: queues.filter { $0.group == index }, engines: group.engines)
    }
  }

  // MARK: Submitting

  /// Takes one descriptor at a portal, as `DeviceModel.submit` does; rings no bell.
  func submit(_ descriptor: Descriptor, to queue: SoftwareQueue) -> PortalAnswer {
    if faults.deviceGone != .never, faultLock.locked({ vanishings.strikes() }) {
      isGone.store(true, ordering: .sequentiallyConsistent)
    }
    if isGone.load(ordering: .acquiring) {
      if queue.isDedicated {
        queue.discarded.add(1, ordering: .relaxed)
        return .discarded
      }
      queue.retries.add(1, ordering: .relaxed)
      return .retry
    }
    let isFull = faults.queueFull != .never && faultLock.locked { fullQueues.strikes() }
    if !isFull, queue.put(descriptor) {
      queue.accepted.add(1, ordering: .relaxed)
      return .accepted
    }
    if !queue.isDedicated {
      queue.retries.add(1, ordering: .relaxed)
      return .retry
    }
    queue.dropped.add(1, ordering: .relaxed)
    report(.dedicatedQueueFull, queue: queue, opcode: descriptor.opcode, address: descriptor.recordAddress)
    return .dropped
  }

  /// Wakes engines that sleep.
  func ring() {
    // Either the engine sees what was put before, or this sees the engine.
    pf_full_fence()
    guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
    pf_store32(bell.base, pf_load32(bell.base) &+ 1)
    pf_wake32(bell.base)
  }

  /// Sleeps until the bell rings, for 900 ms at most, unless there is something to do.
  func sleep(unless isWanted: () -> Bool) {
    let word = pf_load32(bell.base)
    sleepers.add(1, ordering: .sequentiallyConsistent)
    pf_full_fence()
    if !isWanted() { pf_wait32(bell.base, word, 900) }
    sleepers.subtract(1, ordering: .sequentiallyConsistent)
  }

  // MARK: Faults

  /// Whether pages are absent on purpose.
  var injectsPageFaults: Bool { faults.pageFault != .never }

  /// Whether the next operand that is looked at finds a page absent; with two numbers for the details.
  func injectedFault(operands: Int, pages: (Int) -> Int) -> (operand: Int, page: Int)? {
    if faults.pageFault == .never { return nil }
    return faultLock.locked {
      guard pageFaults.strikes() else { return nil }
      let operand = operands == 2 ? pageFaults.below(2) : 0
      return (operand, pageFaults.below(pages(operand)))
    }
  }

  // MARK: Books

  /// Notes an error in SWERROR: the first stays, later ones set its overflow bit.
  func report(_ status: CompletionStatus, queue: SoftwareQueue, opcode: Opcode, address: UInt64) {
    lock.locked {
      if error.code != 0 {
        error.overflow = true
        return
      }
      error.code = status.rawValue
      error.queue = queue.index
      error.opcode = opcode.rawValue
      error.address = address
    }
  }

  /// The books of one more engine.
  func openBooks() -> EngineBooks {
    let new = EngineBooks()
    lock.locked { books.append(new) }
    return new
  }

  var counters: DeviceCounters {
    var sum = DeviceCounters()
    for engine in lock.locked({ books }) { engine.counts.add(to: &sum) }
    for queue in queues {
      let (accepted, retries) = (queue.accepted.load(ordering: .relaxed), queue.retries.load(ordering: .relaxed))
      if queue.isDedicated { sum.dedicatedAccepted += accepted } else { sum.sharedAcceptedLimited += accepted }
      sum.retriesLimited += retries
      sum.dropped += queue.dropped.load(ordering: .relaxed)
      sum.discarded += queue.discarded.load(ordering: .relaxed)
    }
    return sum
  }

  var softwareError: SoftwareError { lock.locked { error } }

  // MARK: Memory

  func register(_ start: UInt64, _ length: Int) {
    lock.locked { registered.add(start, length) }
    registrations.add(1, ordering: .releasing)
  }

  func unregister(_ start: UInt64, _ length: Int) {
    lock.locked { registered.remove(start, length) }
    registrations.add(1, ordering: .releasing)
  }

  var registeredMemory: RegisteredMemory { lock.locked { registered } }
}
