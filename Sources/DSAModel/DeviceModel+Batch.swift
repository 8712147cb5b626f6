// Batches: reading the list, issuing members, fences, and the end of a batch.

import DSAFormat
import Units

extension DeviceModel {
  /// Asks for the first page of a list.
  func beginBatch(_ slot: Int) {
    let engine = Int(slots[slot].engine)
    let device = Int(engines[engine].device)
    let timing = devices + device
    let list = slots[slot].descriptor.source
    let path = memory.path(of: list, length: Descriptor.size, from: device)
    let isHit = translate(list, Descriptor.size, .list, engine: engine)
    slots[slot].listPage = list >> 12
    var at = now + timing.pointee.timing.decodeLatency + timing.pointee.timing.fabricLatency + paths[path].readLatency
    if !isHit { at += timing.pointee.timing.translationLatency }
    schedule(.list, slot, at: at)
  }

  /// A list's first members are there.
  func listRead(_ slot: Int) {
    let engine = Int(slots[slot].engine)
    if !canReadList(slot, at: slots[slot].descriptor.source) {
      // Until the page is there the batch is on no list.
      if !slots[slot].isWaiting { finishBatchIfDone(slot) }
      return
    }
    engines[engine].batches.append(Int32(slot), slots)
    issueMembers(engine: engine)
  }

  /// Issues members of an engine's batches, oldest batch first, while the engine has room. A batch whose next member waits
  /// behind a fence or for a page of its list lets the next batch pass.
  func issueMembers(engine index: Int) {
    let engine = engines + index
    var previous = nothing
    var batch = engine.pointee.batches.head
    while batch != nothing && engine.pointee.inProgress < engine.pointee.workLimit {
      let slot = Int(batch)
      let next = slots[slot].next
      while engine.pointee.inProgress < engine.pointee.workLimit, issueMember(of: slot, engine: index) {}
      if slots[slot].issued >= slots[slot].descriptor.descriptorCount || slots[slot].status != .none {
        engine.pointee.batches.remove(after: previous, slots)
        finishBatchIfDone(slot)
      } else {
        previous = batch
      }
      batch = next
    }
  }

  /// Issues the next member of a batch.
  /// - Returns: whether it could.
  private func issueMember(of batch: Int, engine index: Int) -> Bool {
    let state = slots + batch
    let count = state.pointee.descriptor.descriptorCount
    if state.pointee.issued >= count || state.pointee.status != .none || state.pointee.isWaiting { return false }
    let device = Int(engines[index].device)
    let address = state.pointee.descriptor.source &+ UInt64(state.pointee.issued) &* 64
    if address >> 12 != state.pointee.listPage {
      state.pointee.listPage = address >> 12
      _ = translate(address, Descriptor.size, .list, engine: index)
      if !canReadList(batch, at: address) { return false }
    }
    var descriptor = memory.descriptor(at: address)
    if descriptor.flags.contains(.fence) {
      if state.pointee.running > 0 { return false }
      if state.pointee.hasFailedMember {
        counts[device].abandoned += Int(count - state.pointee.issued)
        state.pointee.issued = count
        return false
      }
    }
    descriptor.pasidAndPrivilege = descriptor.pasidAndPrivilege & 0x7FF0_0000
    descriptor.pasid = state.pointee.descriptor.pasid
    descriptor.isPrivileged = state.pointee.descriptor.isPrivileged
    state.pointee.issued += 1
    state.pointee.running += 1
    let queue = Int(state.pointee.queue)
    engines[index].inProgress += 1
    // May move the table of slots.
    let slot = makeSlot(descriptor, queue: queue, ready: now)
    slots[slot].parent = Int32(batch)
    slots[slot].engine = Int32(index)
    slots[slot].acceptedAt = now
    slots[slot].dispatchedAt = now
    if pass(slot, isMember: true) { enterEngine(slot) }
    return true
  }

  /// A member's record is written, or it ended without one.
  func memberEnded(_ member: Int, batch: Int) {
    slots[batch].running -= 1
    slots[batch].finished += 1
    if slots[member].status != .success { slots[batch].hasFailedMember = true }
    finishBatchIfDone(batch)
  }

  /// Ends a batch whose members are all issued and done.
  private func finishBatchIfDone(_ batch: Int) {
    let state = slots + batch
    let isStopped = state.pointee.status != .none
    if state.pointee.running > 0 || (state.pointee.issued < state.pointee.descriptor.descriptorCount && !isStopped) {
      return
    }
    if state.pointee.isWaiting || state.pointee.isEnding { return }
    state.pointee.isEnding = true
    if !isStopped { state.pointee.status = state.pointee.hasFailedMember ? .batchFailed : .success }
    let timing = devices[Int(engines[Int(state.pointee.engine)].device)].timing
    state.pointee.done = state.pointee.finished
    schedule(.record, batch, at: max(now + timing.batchFinishLatency, state.pointee.recordReady))
  }

  // MARK: - Pages of the list

  /// Whether a page of a list is there. If not, it is asked for, or the batch stops with status 6.
  private func canReadList(_ batch: Int, at address: UInt64) -> Bool {
    if memory.accessible(address, length: Descriptor.size, isWrite: false, fromEnd: false) >= Descriptor.size {
      return true
    }
    let device = Int(engines[Int(slots[batch].engine)].device)
    counts[device].pageFaults += 1
    slots[batch].faultAddress = address
    if devices[device].pageRequests {
      counts[device].pageRequests += 1
      if let extra = memory.bringIn(address, isWrite: false) {
        slots[batch].isWaiting = true
        schedule(.listAnswer, batch, at: now + devices[device].timing.pageRequestLatency + max(extra, 0))
        return false
      }
    }
    slots[batch].status = .batchListFault
    return false
  }

  /// The page of a list that was asked for is there.
  func listAnswered(_ batch: Int) {
    let engine = Int(slots[batch].engine)
    slots[batch].isWaiting = false
    slots[batch].faultAddress = 0
    if slots[batch].issued == 0 { return listRead(batch) }
    issueMembers(engine: engine)
  }
}
