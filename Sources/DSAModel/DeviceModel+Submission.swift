// The portals: what is accepted, what is dropped, what is told to try again.

import DSAFormat
import Units

/// How a descriptor is written to a portal.
public enum PortalWrite: Equatable, Sendable {
  /// MOVDIR64B: posted, never answered.
  case posted
  /// ENQCMD: answered; carries the process's PASID and no privilege.
  case enqcmd(pasid: UInt32)
  /// ENQCMDS: answered; PASID and privilege are the descriptor's.
  case enqcmds
}

/// Which portal of a queue. User space has the limited one.
public enum PortalKind: Equatable, Sendable {
  case limited, unlimited
}

/// What became of a descriptor at the portal.
public enum PortalAnswer: Equatable, Sendable {
  case accepted
  /// Not taken; try again (ZF=1). Never the answer to a posted write.
  case retry
  /// A posted write to a full dedicated queue: gone, and SWERROR says so. The CPU is told nothing.
  case dropped
  /// A posted write to a shared queue, to a queue or device that is not there: gone without a trace. The CPU is told nothing.
  case discarded
}

extension DeviceModel {
  /// Writes one descriptor to a portal at `time`, and advances the model to it.
  ///
  /// - Parameters:
  ///   - device: 0..<configurations.count.
  ///   - queue: its place in the device's configuration; one that is not there discards posted writes and answers Retry.
  ///   - time: when the queue takes it; before `now` it counts as `now`.
  /// - Returns: what became of it; a CPU that posted it never learns.
  @discardableResult
  public func submit(
    _ descriptor: Descriptor, device: Int, queue number: Int, portal: PortalKind = .limited,
    write: PortalWrite = .posted,
    at time: Picoseconds
  ) -> PortalAnswer {
    advance(to: time)
    guard let queue = place(of: number, device: device) else {
      if write == .posted {
        counts[device].discarded += 1
        return .discarded
      }
      if portal == .limited { counts[device].retriesLimited += 1 } else { counts[device].retriesUnlimited += 1 }
      return .retry
    }
    var descriptor = descriptor
    switch write {
    case .posted: return post(descriptor, queue: queue)
    case .enqcmd(let pasid):
      descriptor.pasid = pasid
      descriptor.isPrivileged = false
    case .enqcmds: break
    }
    return enqueue(descriptor, queue: queue, portal: portal)
  }

  /// Posts descriptors that the queue takes `interval` apart, the first at `time`, without advancing the model: other CPUs
  /// may submit between them.
  ///
  /// - Parameter time: not before `now`, else `now`.
  /// - Returns: when the CPU has written the last and goes on.
  @discardableResult
  public func post(
    _ descriptors: Span<Descriptor>, device: Int, queue number: Int, at time: Picoseconds, interval: Picoseconds
  ) -> Picoseconds {
    var at = max(time, now)
    guard let queue = place(of: number, device: device) else {
      counts[device].discarded += descriptors.count
      return at + descriptors.count * interval
    }
    // One event for all: each arrival schedules the next.
    var last: Int?
    for position in descriptors.indices {
      let slot = makeSlot(descriptors[position], queue: queue, ready: at)
      if let last { slots[last].next = Int32(slot) } else { schedule(.arrival, slot, at: at) }
      last = slot
      at += interval
    }
    return at
  }

  /// A posted write that was on its way.
  func arrive(_ slot: Int) {
    let descriptor = slots[slot].descriptor
    let queue = Int(slots[slot].queue)
    let next = slots[slot].next
    free(slot)
    post(descriptor, queue: queue)
    if next != nothing { schedule(.arrival, Int(next), at: slots[Int(next)].ready) }
  }

  @discardableResult
  private func post(_ descriptor: Descriptor, queue index: Int) -> PortalAnswer {
    let queue = queues + index
    let device = Int(queue.pointee.device)
    if vanishings.strikes() { vanish(device) }
    if devices[device].isGone || !queue.pointee.isDedicated {
      counts[device].discarded += 1
      return .discarded
    }
    if queue.pointee.occupancy >= queue.pointee.size || fullQueues.strikes() {
      counts[device].dropped += 1
      report(
        CompletionStatus.dedicatedQueueFull, device: device, queue: queue.pointee.index, opcode: descriptor.opcode,
        address: descriptor.recordAddress)
      return .dropped
    }
    counts[device].dedicatedAccepted += 1
    accept(descriptor, queue: index)
    return .accepted
  }

  /// A write that waits for its answer.
  private func enqueue(_ descriptor: Descriptor, queue index: Int, portal: PortalKind) -> PortalAnswer {
    let queue = queues + index
    let device = Int(queue.pointee.device)
    if vanishings.strikes() { vanish(device) }
    let isLimited = portal == .limited
    let room = isLimited ? queue.pointee.threshold : queue.pointee.size
    // A dedicated queue answers Retry to every such write.
    if devices[device].isGone || queue.pointee.isDedicated || queue.pointee.occupancy >= room || fullQueues.strikes() {
      if isLimited { counts[device].retriesLimited += 1 } else { counts[device].retriesUnlimited += 1 }
      return .retry
    }
    if isLimited { counts[device].sharedAcceptedLimited += 1 } else { counts[device].sharedAcceptedUnlimited += 1 }
    accept(descriptor, queue: index)
    return .accepted
  }

  /// Adds the time since the number of a device's descriptors last changed; called before it does.
  @inline(__always)
  func countOccupancy(_ index: Int) {
    devices[index].occupancyTime += devices[index].active * (now - devices[index].changedAt)
    devices[index].changedAt = now
  }

  private func accept(_ descriptor: Descriptor, queue index: Int) {
    let queue = queues + index
    let ready = now + devices[Int(queue.pointee.device)].timing.postLatency
    let slot = makeSlot(descriptor, queue: index, ready: ready)
    queue.pointee.tickets += 1
    slots[slot].ticket = queue.pointee.tickets
    slots[slot].acceptedAt = now
    queue.pointee.occupancy += 1
    let device = devices + Int(queue.pointee.device)
    if device.pointee.active == 0 { device.pointee.busySince = now }
    countOccupancy(Int(queue.pointee.device))
    device.pointee.active += 1
    queue.pointee.list.append(Int32(slot), slots)
    schedule(.dispatch, Int(queue.pointee.group), at: ready)
  }

  /// Notes an error in SWERROR: the first stays, later ones set its overflow bit.
  func report(_ status: CompletionStatus, device: Int, queue: Int32, opcode: Opcode, address: UInt64) {
    if devices[device].error.code != 0 {
      devices[device].error.overflow = true
      return
    }
    devices[device].error.code = status.rawValue
    devices[device].error.queue = Int(queue)
    devices[device].error.opcode = opcode.rawValue
    devices[device].error.address = address
  }

  /// Takes a device away: its portals discard, and nothing that is in flight on it ever completes.
  public func vanish(_ index: Int) {
    precondition(index >= 0 && index < deviceCount, "no such device")
    if devices[index].isGone { return }
    devices[index].isGone = true
    if devices[index].active > 0 { counts[index].busyTime += now - devices[index].busySince }
    countOccupancy(index)
    devices[index].active = 0
    for slot in 0..<slotCount where slots[slot].isUsed && Int(queues[Int(slots[slot].queue)].device) == index {
      // Posted writes on their way still arrive, and are discarded. Slots of lost ones are never used again: events name them.
      if slots[slot].ticket == 0 && slots[slot].parent == nothing { continue }
      if slots[slot].isLost { continue }
      slots[slot].isLost = true
      inFlight -= 1
      counts[index].lost += 1
    }
    let first = Int(devices[index].firstEngine)
    for engine in first..<first + Int(devices[index].engineCount) {
      setFlow(nothing, engine: engine)
      engines[engine].stage = .idle
      engines[engine].event = -1
      engines[engine].work = SlotList()
      engines[engine].batches = SlotList()
    }
    let firstQueue = Int(devices[index].firstQueue)
    for queue in firstQueue..<firstQueue + Int(devices[index].queueCount) { queues[queue].list = SlotList() }
  }
}
