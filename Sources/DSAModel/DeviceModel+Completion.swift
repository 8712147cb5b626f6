// The end of a descriptor: its record, its interrupt, what it leaves room for.

import DSAFormat
import Units

extension DeviceModel {
  /// Schedules the record of a descriptor whose work ends at `time`.
  func finishWork(_ slot: Int, at time: Picoseconds) {
    let device = Int(engines[Int(slots[slot].engine)].device)
    let at = max(time, slots[slot].recordReady) + devices[device].timing.recordLatency
    // Work may have ended while the engine was still held.
    schedule(.record, slot, at: max(at, now))
  }

  /// Writes a descriptor's record, and frees what it held.
  func complete(_ slot: Int) {
    let engine = Int(slots[slot].engine)
    let device = Int(engines[engine].device)
    if !writeRecord(slot, device: device) { return }
    countEnd(slot, device: device)
    if let timeline, timeline.mask.contains(.descriptors) { note(slot, in: timeline) }
    let descriptor = slots[slot].descriptor
    let parent = slots[slot].parent
    let queue = Int(slots[slot].queue)
    if descriptor.opcode == .batch && parent == nothing {
      engines[engine].batchesInProgress -= 1
    } else {
      engines[engine].inProgress -= 1
    }
    if parent == nothing {
      engines[engine].backlog -= load(descriptor, device: device)
      countOccupancy(device)
      devices[device].active -= 1
      if devices[device].active == 0 { counts[device].busyTime += now - devices[device].busySince }
    }
    if parent != nothing {
      memberEnded(slot, batch: Int(parent))
    } else if queues[queue].drains > 0 {
      releaseDrains(slot)
    }
    if descriptor.flags.contains(.requestInterrupt) && slots[slot].status != .interruptHandle {
      schedule(.interrupt, slot, at: now + devices[device].timing.interruptLatency)
      // Its ticket would count for drains.
      slots[slot].ticket = 0
    } else {
      free(slot)
    }
    if engines[engine].batches.head != nothing { issueMembers(engine: engine) }
    dispatch(group: Int(engines[engine].group))
  }

  /// - Returns: false when the record's page has to be asked for first.
  @inline(__always)
  private func writeRecord(_ slot: Int, device: Int) -> Bool {
    let state = slots + slot
    let descriptor = state.pointee.descriptor
    let status = state.pointee.status
    let isWanted = descriptor.flags.contains(.requestRecord) || status.isAlwaysRecorded
    if !isWanted { return true }
    let address = descriptor.recordAddress
    if !descriptor.flags.contains(.recordAddressValid) {
      report(
        status, device: device, queue: queues[Int(state.pointee.queue)].index, opcode: descriptor.opcode, address: 0)
      return true
    }
    if address & 31 != 0 {
      // The error of the address hides the descriptor's own.
      state.pointee.status = .recordAlignment
      report(
        .recordAlignment, device: device, queue: queues[Int(state.pointee.queue)].index, opcode: descriptor.opcode,
        address: address)
      return true
    }
    if memory.accessible(address, length: CompletionRecord.size, isWrite: true, fromEnd: false) < CompletionRecord.size
    {
      return recordFaults(slot, device: device)
    }
    counts[device].recordWrites += 1
    memory.write(
      CompletionRecord(
        status: status, result: state.pointee.isBackward && status.code == .pageFault ? 1 : state.pointee.result,
        faultInfo: state.pointee.faultInfo, bytesCompleted: completed(state), faultAddress: state.pointee.faultAddress,
        invalidFlags: DescriptorFlags(rawValue: state.pointee.invalidFlags)), at: address)
    return true
  }

  @inline(__always)
  private func completed(_ state: UnsafeMutablePointer<Slot>) -> UInt32 { state.pointee.done }

  /// Pages of records are asked for if the device may; otherwise SWERROR says that the record is lost.
  private func recordFaults(_ slot: Int, device: Int) -> Bool {
    counts[device].pageFaults += 1
    let descriptor = slots[slot].descriptor
    if devices[device].pageRequests {
      counts[device].pageRequests += 1
      if let extra = memory.bringIn(descriptor.recordAddress, isWrite: true) {
        schedule(.recordAnswer, slot, at: now + devices[device].timing.pageRequestLatency + max(extra, 0))
        return false
      }
    }
    report(
      .recordFault, device: device, queue: queues[Int(slots[slot].queue)].index, opcode: descriptor.opcode,
      address: descriptor.recordAddress)
    return true
  }

  func recordAnswered(_ slot: Int) { complete(slot) }

  @inline(__always)
  private func countEnd(_ slot: Int, device: Int) {
    let status = slots[slot].status
    switch status.code {
    case .success, .falsePredicate: counts[device].successes += 1
    case .pageFault: counts[device].partials += 1
    default: counts[device].errors += 1
    }
    if slots[slot].descriptor.opcode != .batch { counts[device].bytesCompleted += Int(slots[slot].done) }
  }
}
