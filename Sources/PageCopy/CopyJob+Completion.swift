// The end of a round's descriptors: waited for channel by channel, judged by their records; what stopped at a page fault is submitted again.

import DSAFormat
import Units

extension CopyJob {
  /// The oldest round's first descriptor that was not waited for: all of channel 0, then channel 1, and so on.
  func nextToWaitFor() -> RoundState.Place? {
    guard let plan, let pool else { return nil }
    let oldest = round.finished % pool.banks
    for step in 0..<pool.banks {
      let bank = (oldest + step) % pool.banks
      guard round.banks[bank].isOpen else { continue }
      for channel in 0..<plan.channels where round.banks[bank].waited[channel] < round.banks[bank].next[channel] {
        return RoundState.Place(bank: bank, channel: channel, slot: round.banks[bank].waited[channel])
      }
    }
    return nil
  }

  func endWait(_ place: RoundState.Place, _ pool: CopyPool) {
    round.waiting = nil
    let hasTimedOut = round.hasTimedOut
    round.hasTimedOut = false
    round.banks[place.bank].waited[place.channel] += 1
    context.release(1, place.channel)
    judge(place, pool)
    if hasTimedOut {
      context.knobs.deviceFailed()
      giveUp()
    }
    for bank in 0..<2 where round.banks[bank].isOpen { closeIfOver(bank) }
  }

  /// Nothing more is submitted: what was not yet has failed, what is in flight is waited for.
  private func giveUp() {
    guard let plan else { return }
    for bank in 0..<2 where round.banks[bank].isOpen {
      for channel in 0..<plan.channels {
        for slot in round.banks[bank].next[channel]..<round.banks[bank].total[channel] {
          if case .batch(let run) = content(slot, channel, bank) {
            for slice in plan.members(of: run) { failed.append(moved(slice).item) }
          } else if let slice = slice(slot, channel, bank) {
            failed.append(slice.item)
          }
        }
        round.banks[bank].total[channel] = round.banks[bank].next[channel]
      }
    }
    for index in round.begun..<plan.rounds.count {
      for item in plan.rounds[index].items { failed.append(item + planItem) }
    }
    round.finished += plan.rounds.count - round.begun
    round.begun = plan.rounds.count
  }

  private func closeIfOver(_ bank: Int) {
    guard let plan else { return }
    for channel in 0..<plan.channels where round.banks[bank].waited[channel] < round.banks[bank].total[channel] {
      return
    }
    round.banks[bank].isOpen = false
    if round.banks[bank].round != nil { round.finished += 1 }
  }

  /// What became of a descriptor, or of each member of its batch.
  private func judge(_ place: RoundState.Place, _ pool: CopyPool) {
    let record = pool.record(place.channel, place.bank, place.slot).pointee
    if record.status == .success { return }
    guard let plan else { return }
    switch content(place.slot, place.channel, place.bank) {
    case .batch(let run):
      for (index, slice) in plan.members(of: run).enumerated() {
        let member = pool.memberRecord(place.channel, place.bank, index).pointee
        if member.status == .none, record.status.code == .batchFailed || record.status.code == .batchListFault {
          // It was not begun.
          round.repairs.append(RoundState.Repair(slice: moved(slice), attempts: 0))
        } else {
          judge(moved(slice), pool.member(place.channel, place.bank, index).pointee, member, attempts: 0)
        }
      }
    case .slice(let slice), .single(let slice):
      judge(moved(slice), pool.descriptor(place.channel, place.bank, place.slot).pointee, record, attempts: 0)
    case nil:
      let repair = round.repairing[place.slot * plan.channels + place.channel]
      judge(
        repair.slice, pool.descriptor(place.channel, place.bank, place.slot).pointee, record, attempts: repair.attempts)
    }
  }

  private func judge(_ slice: PageSlice, _ descriptor: Descriptor, _ record: CompletionRecord, attempts: Int) {
    if record.status == .success { return }
    if firstError == .none { firstError = record.status }
    // A fault behind the last byte leaves nothing to do; a record that claims more than was asked for proves nothing.
    if record.status.code == .pageFault, record.bytesCompleted == descriptor.transferSize { return }
    if record.status.code == .pageFault, attempts < CopyJob.mostAttempts, let rest = descriptor.rest(after: record) {
      let part = PageSlice(
        item: slice.item, offset: slice.offset + Int(rest.source - descriptor.source), bytes: Int(rest.transferSize))
      round.repairs.append(RoundState.Repair(slice: part, attempts: attempts))
    } else if failed.last != slice.item {
      failed.append(slice.item)
    }
  }

  // MARK: Once more

  /// Submits what stopped at a page fault again; false if there is nothing.
  func beginRepairs() -> Bool {
    guard let plan, !round.repairs.isEmpty else { return false }
    if !context.knobs.useDSACopyPages {
      for repair in round.repairs { failed.append(repair.slice.item) }
      round.repairs.removeAll(keepingCapacity: true)
      return false
    }
    let count = min(round.repairs.count, CopyLimits.slots * plan.channels)
    round.repairing.removeAll(keepingCapacity: true)
    round.repairing.append(contentsOf: round.repairs[..<count])
    for index in 0..<count { round.repairing[index].attempts += 1 }
    round.repairs.removeFirst(count)
    context.timer.resumed += count
    var state = BankState(round: nil, isOpen: true)
    for channel in 0..<plan.channels {
      state.total[channel] = (count - channel + plan.channels - 1) / plan.channels
    }
    round.banks[0] = state
    return true
  }
}
