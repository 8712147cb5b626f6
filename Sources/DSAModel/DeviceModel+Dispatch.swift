// From queues to engines: the arbiter's credits, the choice of an engine, and what starts there.

import DSAFormat
import Units

extension DeviceModel {
  /// Dispatches from a group's queues while there is work and an engine with room for it.
  func dispatch(group index: Int) {
    let group = groups + index
    if devices[Int(queues[Int(group.pointee.firstQueue)].device)].isGone { return }
    while let (queue, engine) = choose(group) {
      let state = queues + queue
      let slot = Int(state.pointee.list.head)
      state.pointee.list.removeFirst(slots)
      state.pointee.occupancy -= 1
      slots[slot].headAt = max(slots[slot].acceptedAt, state.pointee.lastDispatch)
      slots[slot].dispatchedAt = now
      state.pointee.lastDispatch = now
      begin(slot, engine: engine)
    }
  }

  /// The queue that is served next, and the engine that gets its head: weighted round robin. Every queue starts with its
  /// priority as credit; queues are visited in turn, one with work and credit gives one descriptor for one credit; when no
  /// queue with work has credit left, all get their priority again.
  ///
  /// Source: Intel DSA Architecture Specification 341204, group arbiter.
  private func choose(_ group: UnsafeMutablePointer<GroupState>) -> (queue: Int, engine: Int)? {
    let first = Int(group.pointee.firstQueue)
    let count = Int(group.pointee.queueCount)
    for round in 0..<2 {
      var isStarved = false
      for step in 0..<count {
        var place = Int(group.pointee.cursor) + step
        if place >= count { place -= count }
        let queue = queues + first + place
        let head = queue.pointee.list.head
        if head == nothing || slots[Int(head)].ready > now { continue }
        let isBatch = slots[Int(head)].descriptor.opcode == .batch
        guard let engine = engineWithRoom(group, isBatch: isBatch) else { continue }
        if queue.pointee.credit == 0 {
          isStarved = true
          continue
        }
        queue.pointee.credit -= 1
        group.pointee.cursor = Int32(place + 1 == count ? 0 : place + 1)
        return (first + place, engine)
      }
      if round == 1 || !isStarved { return nil }
      for place in 0..<count { queues[first + place].credit = queues[first + place].priority }
    }
    return nil
  }

  /// The engine with the fewest bytes ahead that can hold one more; the first of equals.
  private func engineWithRoom(_ group: UnsafeMutablePointer<GroupState>, isBatch: Bool) -> Int? {
    var best: Int?
    var least = Int.max
    let first = Int(group.pointee.firstEngine)
    for index in first..<first + Int(group.pointee.engineCount) {
      let engine = engines + index
      let hasRoom =
        isBatch
        ? engine.pointee.batchesInProgress < engine.pointee.batchLimit
        : engine.pointee.inProgress < engine.pointee.workLimit
      if hasRoom && engine.pointee.backlog < least {
        least = engine.pointee.backlog
        best = index
      }
    }
    return best
  }

  /// What a descriptor adds to an engine's backlog.
  @inline(__always)
  func load(_ descriptor: Descriptor, device: Int) -> Int {
    // An interval's worth of bytes even for the smallest.
    let least = 1500
    if descriptor.opcode == .batch { return max(Int(descriptor.transferSize), 1) &* least }
    return descriptor.opcode.rawValue < Opcode.memmove.rawValue ? least : max(Int(descriptor.transferSize), least)
  }

  /// A descriptor from a queue reaches its engine.
  private func begin(_ slot: Int, engine index: Int) {
    let engine = engines + index
    let device = Int(engine.pointee.device)
    slots[slot].engine = Int32(index)
    engine.pointee.backlog += load(slots[slot].descriptor, device: device)
    let opcode = slots[slot].descriptor.opcode
    if opcode == .batch {
      engine.pointee.batchesInProgress += 1
    } else {
      engine.pointee.inProgress += 1
    }
    guard pass(slot, isMember: false) else { return }
    switch opcode {
    case .batch: beginBatch(slot)
    case .drain: beginDrain(slot)
    default: enterEngine(slot)
    }
  }

  /// Counts the operation, translates the record's address and checks the descriptor; a refused one goes to its end.
  func pass(_ slot: Int, isMember: Bool) -> Bool {
    let descriptor = slots[slot].descriptor
    let engine = Int(slots[slot].engine)
    let device = Int(engines[engine].device)
    let state = devices + device
    count(descriptor.opcode, device: device)
    if isMember { counts[device].fromBatch += 1 }
    let decoded = now + state.pointee.timing.decodeLatency
    slots[slot].recordReady = decoded
    if descriptor.flags.contains(.recordAddressValid) {
      let isHit = translate(descriptor.recordAddress, 1, .record, engine: engine)
      if !isHit { slots[slot].recordReady = decoded + state.pointee.timing.translationLatency }
    }
    var invalid: UInt32 = 0
    let status = queues[Int(slots[slot].queue)].check.status(of: descriptor, isMember: isMember, invalid: &invalid)
    if status == .none { return true }
    slots[slot].status = status
    slots[slot].invalidFlags = invalid
    finishWork(slot, at: decoded)
    return false
  }

  private func count(_ opcode: Opcode, device: Int) {
    switch opcode {
    case .noOp: counts[device].noOps += 1
    case .batch: counts[device].batches += 1
    case .drain: counts[device].drains += 1
    case .memmove: counts[device].memmoves += 1
    case .fill: counts[device].fills += 1
    case .compare: counts[device].compares += 1
    case .comparePattern: counts[device].comparePatterns += 1
    default: counts[device].otherOperations += 1
    }
  }

  /// Translates the pages of an operand: a request each, a hit where the slot remembers the page.
  ///
  /// One page is remembered for each operand slot of an engine, 4 KiB even within huge pages. S1 (LightDSA): request counts of
  /// its scripts, 1 for a no-op, 1 + 2p for a memmove over p pages.
  /// - Returns: whether the first page was remembered.
  @inline(__always)
  func translate(
    _ address: UInt64, _ length: Int, _ operand: Operand, engine: Int
  ) -> Bool {
    let first = address >> 12
    let last = (address &+ UInt64(max(length, 1) - 1)) >> 12
    let device = Int(engines[engine].device)
    let isHit = engines[engine].pages[operand.rawValue] == first
    counts[device].translationRequests += Int(last &- first) + 1
    if isHit { counts[device].translationHits += 1 }
    engines[engine].pages[operand.rawValue] = last
    return isHit
  }

  // MARK: - Drain

  /// Waits for what is older in the queue: all of it in a dedicated one, what has its PASID in a shared one.
  private func beginDrain(_ slot: Int) {
    let queue = Int(slots[slot].queue)
    var older: UInt32 = 0
    for other in 0..<slotCount where other != slot && slots[other].isUsed && isAwaited(other, by: slot) { older += 1 }
    slots[slot].running = older
    if older == 0 {
      finishDrain(slot)
    } else {
      queues[queue].drains += 1
    }
  }

  private func isAwaited(_ other: Int, by drain: Int) -> Bool {
    let a = slots[other]
    let b = slots[drain]
    return a.queue == b.queue && a.parent == nothing && a.ticket != 0 && a.ticket < b.ticket && !a.isLost
      && (queues[Int(b.queue)].isDedicated || a.descriptor.pasid == b.descriptor.pasid)
  }

  /// A descriptor of a queue with waiting drains is done.
  func releaseDrains(_ done: Int) {
    for drain in 0..<slotCount
    where slots[drain].isUsed && slots[drain].running > 0 && slots[drain].descriptor.opcode == .drain
      && isAwaited(done, by: drain)
    {
      slots[drain].running -= 1
      if slots[drain].running == 0 {
        queues[Int(slots[drain].queue)].drains -= 1
        finishDrain(drain)
      }
    }
  }

  /// Reads back what was written, then ends.
  private func finishDrain(_ slot: Int) {
    let device = Int(engines[Int(slots[slot].engine)].device)
    let timing = devices[device].timing
    slots[slot].status = .success
    let suppressed = slots[slot].descriptor.flags.isSuperset(of: [.suppressReadbackA, .suppressReadbackB])
    let readback = suppressed ? 0 : timing.fabricLatency + paths[0].readLatency
    finishWork(slot, at: now + timing.decodeLatency + readback)
  }
}
