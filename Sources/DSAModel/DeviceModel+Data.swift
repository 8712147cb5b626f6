// An engine's data stage: one descriptor's bytes after the other, at the pace the flows' sharing gives.

import DSAFormat
import Units

extension DeviceModel {
  /// Translates a checked descriptor's operands, works out when its first data is there, and puts it on the engine's list.
  func enterEngine(_ slot: Int) {
    let descriptor = slots[slot].descriptor
    let engine = Int(slots[slot].engine)
    let device = Int(engines[engine].device)
    let timing = devices + device
    let operation = Self.operation(descriptor.opcode)
    slots[slot].operation = operation
    var ready = now + timing.pointee.timing.decodeLatency
    if operation != .none {
      let size = Int(descriptor.transferSize)
      // A fill reads nothing, a comparison with a pattern has one operand, a comparison reads both.
      let second =
        operation == .comparePattern ? 0 : memory.path(of: descriptor.destination, length: size, from: device)
      let first = operation == .fill ? 0 : memory.path(of: descriptor.source, length: size, from: device)
      if !translateOperands(descriptor, operation, size: size, engine: engine) {
        ready += timing.pointee.timing.translationLatency
      }
      let spread = Self.spread(size, timing.pointee.timing)
      if operation.reads {
        let pages = Int(((descriptor.source & 4095) &+ UInt64(size) &+ 4095) >> 12)
        var latency = paths[first].readLatency
        if operation == .compare { latency = max(latency, paths[second].readLatency) }
        ready += latency + timing.pointee.timing.fabricLatency + timing.pointee.timing.readLatency
        ready += spread + min(pages - 1, timing.pointee.timing.exposedCrossings) * timing.pointee.timing.crossingLatency
      }
      if operation.writes { slots[slot].tail = paths[second].writeLatency + spread }
      slots[slot].isBackward =
        operation == .memmove && descriptor.destination > descriptor.source && DescriptorCheck.overlap(descriptor)
      slots[slot].flow = flow(
        operation, first: first, second: second, size: size, engine: engine,
        isSerialized: isSerialized(
          operation, source: descriptor.source, destination: descriptor.destination, size: size))
      countOperands(operation, device: device)
    }
    slots[slot].ready = ready
    engines[engine].work.append(Int32(slot), slots)
    if engines[engine].stage == .idle { scheduleNext(engine: engine) }
  }

  private static func operation(_ opcode: Opcode) -> Operation {
    switch opcode {
    case .memmove: .memmove
    case .fill: .fill
    case .compare: .compare
    case .comparePattern: .comparePattern
    default: .none
    }
  }

  /// - Returns: whether the pages that the first data waits for were remembered.
  @inline(__always)
  private func translateOperands(_ descriptor: Descriptor, _ operation: Operation, size: Int, engine: Int) -> Bool {
    var isHit = true
    if operation.reads { isHit = translate(descriptor.source, size, .source, engine: engine) }
    if operation.writes || operation == .compare {
      let isSecondHit = translate(descriptor.destination, size, .destination, engine: engine)
      // The destination of a memmove is translated while the source is read.
      if operation != .memmove { isHit = isHit && isSecondHit }
    }
    return isHit
  }

  @inline(__always)
  private func countOperands(_ operation: Operation, device: Int) {
    if operation.reads { counts[device].readingSource1 += 1 }
    if operation == .compare { counts[device].readingSource2 += 1 }
    if operation.writes { counts[device].writingDestination += 1 }
  }

  // MARK: - Starting

  /// Arranges for the head of an idle engine's list to start when it, the engine and the device can.
  func scheduleNext(engine index: Int) {
    let engine = engines + index
    let head = engine.pointee.work.head
    if head == nothing {
      engine.pointee.stage = .idle
      return
    }
    let nextStart = devices[Int(engine.pointee.device)].nextStart
    let start = max(slots[Int(head)].ready, engine.pointee.busyUntil, nextStart, now)
    engine.pointee.stage = .starting
    if start == now { return startNext(engine: index) }
    engine.pointee.event = start
    schedule(.start, index, at: start)
  }

  /// Starts the head of an engine's list, unless another engine of the device was faster.
  func startNext(engine index: Int) {
    let device = devices + Int(engines[index].device)
    if device.pointee.nextStart > now {
      engines[index].event = device.pointee.nextStart
      return schedule(.start, index, at: device.pointee.nextStart)
    }
    device.pointee.nextStart = now + device.pointee.timing.deviceInterval
    let slot = Int(engines[index].work.head)
    slots[slot].dataFrom = now
    startSegment(slot, engine: index)
  }

  /// Starts to move what can be reached of a descriptor's rest.
  func startSegment(_ slot: Int, engine index: Int) {
    let engine = engines + index
    let device = Int(engine.pointee.device)
    let timing = devices + device
    engine.pointee.stage = .moving
    var free = now + timing.pointee.timing.engineInterval
    engine.pointee.dataEnd = now
    let operation = slots[slot].operation
    if operation != .none {
      let segment = reachable(slot, device: device)
      slots[slot].segment = UInt32(segment)
      setFlow(slots[slot].flow, engine: index)
      engine.pointee.pace = flows.classes[Int(engine.pointee.flow)].pace
      let bytes = Self.bytesOfLines(slots + slot, segment) + timing.pointee.timing.descriptorOverheadBytes
      engine.pointee.dataEnd = now + bytes * engine.pointee.pace / 1000
      // The cache merges what comes in parts; memory has to be read first.
      if operation.writes && !slots[slot].descriptor.flags.contains(.cacheControl) {
        let partial = slots[slot].descriptor.destination & 63
        if partial != 0 {
          free = max(free, now + timing.pointee.timing.partialLineTime * (partial == 32 ? 1 : 2))
        }
      }
    }
    engine.pointee.busyUntil = free
    engine.pointee.event = max(engine.pointee.dataEnd, free)
    schedule(.end, index, at: engine.pointee.event)
  }

  /// Bytes that can be moved before a page fault, or up to where two operands differ. A faulting operand is noted in the slot.
  private func reachable(_ slot: Int, device: Int) -> Int {
    let state = slots + slot
    let operation = state.pointee.operation
    let descriptor = state.pointee.descriptor
    let isBackward = state.pointee.isBackward
    let done = Int(state.pointee.done)
    let rest = Int(descriptor.transferSize) - done
    let offset = isBackward ? 0 : UInt64(done)
    var reach = rest
    func look(_ address: UInt64, isWrite: Bool, operand: UInt8) {
      let start = address &+ offset
      let bytes = memory.accessible(start, length: rest, isWrite: isWrite, fromEnd: isBackward)
      if bytes < reach {
        reach = bytes
        state.pointee.faultAddress = isBackward ? start &+ UInt64(rest - bytes - 1) : start &+ UInt64(bytes)
        state.pointee.faultInfo = operand << 1
        state.pointee.status = CompletionStatus(rawValue: isWrite ? 0x83 : 0x03)
      }
    }
    if operation.reads { look(descriptor.source, isWrite: false, operand: 1) }
    if operation.writes { look(descriptor.destination, isWrite: true, operand: 2) }
    if operation == .compare { look(descriptor.destination, isWrite: false, operand: 2) }
    if pageFaults.strikes() { reach = injectFault(slot, rest: rest, reach: reach) }
    if !operation.writes {
      let difference =
        operation == .compare
        ? memory.firstDifference(descriptor.source &+ offset, descriptor.destination &+ offset, length: reach)
        : memory.firstDifference(
          descriptor.source &+ offset, pattern: Descriptor.pattern(descriptor.comparedPattern, after: done),
          length: reach)
      if difference < reach {
        reach = difference
        state.pointee.result = 1
        // The page behind the difference was never needed.
        state.pointee.status = .none
        state.pointee.faultAddress = 0
        state.pointee.faultInfo = 0
      }
    }
    return reach
  }

  /// Makes a page of one operand absent for this once.
  private func injectFault(_ slot: Int, rest: Int, reach: Int) -> Int {
    let state = slots + slot
    let operation = state.pointee.operation
    let descriptor = state.pointee.descriptor
    let isSecond = operation == .fill || (operation != .comparePattern && pageFaults.below(2) == 1)
    let isWrite = isSecond && operation.writes
    let offset = state.pointee.isBackward ? 0 : UInt64(state.pointee.done)
    let start = (isSecond ? descriptor.destination : descriptor.source) &+ offset
    let first = start >> 12
    let pages = Int(((start &+ UInt64(rest - 1)) >> 12) - first) + 1
    let page = first + UInt64(pageFaults.below(pages))
    let low = max(page << 12, start)
    let high = min((page + 1) << 12, start &+ UInt64(rest))
    let bytes = state.pointee.isBackward ? Int(start &+ UInt64(rest) &- high) : Int(low &- start)
    if bytes >= reach { return reach }
    state.pointee.faultAddress = page << 12
    state.pointee.faultInfo = isSecond ? 4 : 2
    state.pointee.status = CompletionStatus(rawValue: isWrite ? 0x83 : 0x03)
    return bytes
  }

  // MARK: - Ending

  /// The data stage is done with a segment: the memory changes, and the descriptor ends, faults or waits for a page.
  func endSegment(engine index: Int) {
    let engine = engines + index
    let slot = Int(engine.pointee.work.head)
    let state = slots + slot
    let device = Int(engine.pointee.device)
    if state.pointee.operation != .none { apply(slot, device: device) }
    let isFault = state.pointee.status.code == .pageFault
    if isFault {
      counts[device].pageFaults += 1
      if state.pointee.descriptor.flags.contains(.blockOnFault) && devices[device].pageRequests {
        return requestPage(slot, engine: index)
      }
    } else {
      conclude(slot)
    }
    release(slot, engine: index, isFault: isFault)
  }

  /// Takes the head off an engine's list, schedules its record, and starts the next.
  private func release(_ slot: Int, engine index: Int, isFault: Bool) {
    let engine = engines + index
    let timing = devices + Int(engine.pointee.device)
    engine.pointee.work.removeFirst(slots)
    slots[slot].dataTo = now
    let fault = isFault ? timing.pointee.timing.faultLatency : 0
    finishWork(slot, at: engine.pointee.dataEnd + slots[slot].tail + fault)
    let head = engine.pointee.work.head
    // The class stays when the next descriptor follows at once with the same one.
    let canFollow =
      head != nothing && slots[Int(head)].ready <= now && timing.pointee.nextStart <= now
      && slots[Int(head)].flow == engine.pointee.flow
    if !canFollow { setFlow(nothing, engine: index) }
    scheduleNext(engine: index)
  }

  /// Does to memory what a segment did.
  private func apply(_ slot: Int, device: Int) {
    let state = slots + slot
    let descriptor = state.pointee.descriptor
    let length = Int(state.pointee.segment)
    let done = state.pointee.done
    let offset =
      state.pointee.isBackward ? UInt64(descriptor.transferSize - done) - UInt64(length) : UInt64(done)
    if length > 0 {
      switch state.pointee.operation {
      case .memmove:
        memory.copy(from: descriptor.source &+ offset, to: descriptor.destination &+ offset, length: length)
      case .fill:
        memory.fill(
          Descriptor.pattern(descriptor.pattern, after: Int(done)), at: descriptor.destination &+ offset, length: length
        )
      case .none, .compare, .comparePattern: break
      }
    }
    if state.pointee.operation.reads {
      counts[device].bytesRead += state.pointee.operation == .compare ? 2 * length : length
    }
    if state.pointee.operation.writes { counts[device].bytesWritten += length }
    state.pointee.done += UInt32(length)
  }

  /// The status of an operation that ran to its end.
  private func conclude(_ slot: Int) {
    let state = slots + slot
    let isChecked = state.pointee.descriptor.flags.contains(.checkResult)
    let isFalse = isChecked && state.pointee.result != state.pointee.descriptor.expectedResult
    state.pointee.status = isFalse ? .falsePredicate : .success
  }

  // MARK: - Pages

  /// Asks for a page; the engine holds everything behind the descriptor.
  private func requestPage(_ slot: Int, engine index: Int) {
    let device = Int(engines[index].device)
    setFlow(nothing, engine: index)
    counts[device].pageRequests += 1
    engines[index].stage = .blocked
    let extra = memory.bringIn(slots[slot].faultAddress, isWrite: slots[slot].status.isWriteFault)
    if extra == nil { slots[slot].status = CompletionStatus(rawValue: slots[slot].status.rawValue & 0x80 | 0x04) }
    engines[index].event = now + devices[device].timing.pageRequestLatency + max(extra ?? 0, 0)
    schedule(.answer, index, at: engines[index].event)
  }

  /// A page request is answered: the descriptor goes on, or ends with an error.
  func pageAnswered(engine index: Int) {
    let slot = Int(engines[index].work.head)
    if slots[slot].status.code == .pageRequestFailed {
      engines[index].dataEnd = now
      return release(slot, engine: index, isFault: false)
    }
    slots[slot].status = .none
    slots[slot].faultAddress = 0
    slots[slot].faultInfo = 0
    startSegment(slot, engine: index)
  }
}
