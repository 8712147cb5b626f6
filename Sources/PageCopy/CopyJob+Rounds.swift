// The rounds of a DSA copy: descriptors filled, submitted as far as the queues have room, waited for channel by channel; then what
// stopped at a page fault is submitted again.

import DSAFormat
import Units

/// What is in flight on one bank of the pool.
struct BankState {
  /// Round of the plan; nil for rests that are submitted again.
  var round: Int?
  /// Descriptors of each channel: in all, submitted, waited for.
  var total = InlineArray<8, Int>(repeating: 0)
  var next = InlineArray<8, Int>(repeating: 0)
  var waited = InlineArray<8, Int>(repeating: 0)
  var isOpen = false
}

/// Where a DSA copy is.
struct RoundState {
  struct Place: Equatable {
    var bank: Int
    var channel: Int
    var slot: Int
  }

  var banks = [BankState(), BankState()]
  /// Rounds of the plan that were begun and that are over.
  var begun = 0
  var finished = 0
  var waiting: Place?
  var hasTimedOut = false
  /// Rests of copies that stopped at a page fault; and those in flight.
  var repairs: [PageSlice] = []
  var repairing: [PageSlice] = []
  var attempts = 0

  mutating func reset() {
    begun = 0
    finished = 0
    waiting = nil
    hasTimedOut = false
    repairs.removeAll(keepingCapacity: true)
    repairing.removeAll(keepingCapacity: true)
    attempts = 0
    banks[0].isOpen = false
    banks[1].isOpen = false
  }
}

extension CopyJob {
  /// Times that the rest of an item is submitted again before the CPU takes over.
  static var mostAttempts: Int { 3 }

  func beginRounds(_ list: PageList, item: Int) {
    round.reset()
    planItem = item
    let knobs = context.knobs
    if plan?.channels == knobs.limitChans, plan?.cut == knobs.dsaListCut {
      plan?.replan(list)
    } else {
      // The knob has the range of channels.
      plan = try? CopyPlan(list, channels: knobs.limitChans, cut: knobs.dsaListCut)
    }
    context.timer.rounds += plan?.rounds.count ?? 0
  }

  /// Whether the plan needs more than the pools have.
  var planOverflows: Bool {
    guard let plan, plan.cut == .c2 else { return false }
    return plan.faultsOfOriginal.contains {
      if case .lostBytes = $0 { return false }
      return true
    }
  }

  // MARK: What the driver asks

  /// At `wait`: whether the record that is waited for is there.
  public var isRecordWritten: Bool {
    guard let pool, let place = round.waiting else { return true }
    return pool.record(place.channel, place.bank, place.slot).pointee.status != .none
  }

  /// At `wait`: the channel.
  public var waitingChannel: Int { round.waiting?.channel ?? 0 }

  /// At `wait`: no record came in time. The driver has made sure that the descriptor will not be carried out any more.
  public func timeOut() {
    round.hasTimedOut = true
    context.timer.timeouts += 1
  }

  /// At `waitForEntries`: whether there is room now.
  public var hasEntries: Bool {
    guard let plan else { return true }
    for bank in 0..<2 where round.banks[bank].isOpen {
      for channel in 0..<plan.channels
      where round.banks[bank].next[channel] < round.banks[bank].total[channel] && context.free(channel) > 0 {
        return true
      }
    }
    return false
  }

  /// The descriptors of a submission, in memory that stays until their records are written.
  public func descriptors(of submission: CopySubmission) -> UnsafeBufferPointer<Descriptor> {
    guard let pool else { return UnsafeBufferPointer(start: nil, count: 0) }
    return UnsafeBufferPointer(
      start: pool.descriptor(submission.channel, submission.bank, submission.slots.lowerBound),
      count: submission.slots.count)
  }

  // MARK: The loop

  /// The next step of the rounds, nil when all of them are over and `failed` says what they could not do.
  func nextOfRounds() -> CopyStep? {
    guard let pool else { return .lockPool }
    while true {
      if let place = round.waiting {
        if pool.record(place.channel, place.bank, place.slot).pointee.status == .none, !round.hasTimedOut {
          return .wait
        }
        endWait(place, pool)
      }
      if submitMore(pool) { return .submit }
      if let place = nextToWaitFor() {
        round.waiting = place
      } else if (0..<2).contains(where: { round.banks[$0].isOpen }) {
        context.timer.fullQueues += 1
        return .waitForEntries
      } else if !beginRepairs() {
        return nil
      }
    }
  }

  // MARK: Submitting

  /// Rounds in flight at most (vm.dsa_round_overlap).
  private var roundsAtOnce: Int { context.knobs.dsaRoundOverlap ? pool?.banks ?? 1 : 1 }

  /// Fills what there is room for; false if that is nothing.
  private func submitMore(_ pool: CopyPool) -> Bool {
    submissions.removeAll(keepingCapacity: true)
    for bank in 0..<pool.banks where round.banks[bank].isOpen { fill(bank, pool) }
    if !submissions.isEmpty { return true }
    guard let plan, round.begun < plan.rounds.count, round.begun - round.finished < roundsAtOnce else { return false }
    let bank = round.begun % pool.banks
    var state = BankState(round: round.begun, isOpen: true)
    var fits = true
    for channel in 0..<plan.channels {
      state.total[channel] = plan.rounds[round.begun].descriptors(channel: channel, of: plan.channels)
      fits = fits && state.total[channel] <= context.free(channel)
    }
    // A second round waits until there is room for all of it.
    if !fits && round.begun > round.finished { return false }
    round.banks[bank] = state
    round.begun += 1
    fill(bank, pool)
    return !submissions.isEmpty
  }

  /// Fills a bank's descriptors as far as the queues have room.
  private func fill(_ bank: Int, _ pool: CopyPool) {
    guard let plan else { return }
    let channels = plan.channels
    let isBatched: Bool
    if let index = round.banks[bank].round {
      isBatched = plan.rounds[index].isBatched(channels: channels)
    } else {
      isBatched = false
    }
    var filled = 0
    var submitted = 0
    let firstSubmission = submissions.count
    for channel in 0..<channels {
      let from = round.banks[bank].next[channel]
      let to = min(round.banks[bank].total[channel], from + context.free(channel))
      if from >= to { continue }
      // Slices and singles go round the channels; batches come last, one channel after the other.
      let hasBatch = isBatched && to == round.banks[bank].total[channel]
      let ends = hasBatch ? to - 1 : to
      if from < ends {
        submissions.append(
          CopySubmission(
            channel: channel, bank: bank, slots: from..<ends, filled: channel + 1, submitted: channel + 1,
            stride: channels))
        for slot in from..<ends { fill(slot, channel, bank, pool) }
        filled += ends - from
      }
      round.banks[bank].next[channel] = to
      context.take(to - from, channel)
      if hasBatch {
        submissions.append(
          CopySubmission(
            channel: channel, bank: bank, slots: ends..<to, filled: fill(ends, channel, bank, pool), submitted: 1,
            stride: 1))
      }
    }
    submitted = filled
    for index in firstSubmission..<submissions.count where submissions[index].stride == 1 && isBatched {
      // Behind all slices and the batches before it.
      filled += submissions[index].filled
      submitted += 1
      submissions[index].filled = filled
      submissions[index].submitted = submitted
    }
    context.timer.descriptors += submitted
  }

  /// Fills one descriptor, and the members of a batch. Returns how many that were.
  @discardableResult
  private func fill(_ slot: Int, _ channel: Int, _ bank: Int, _ pool: CopyPool) -> Int {
    let target = pool.descriptor(channel, bank, slot)
    let record = pool.record(channel, bank, slot)
    record.pointee.status = .none
    guard case .batch(let run) = content(slot, channel, bank) else {
      if let slice = slice(slot, channel, bank) {
        target.pointee = memmove(slice, record: pool.address(of: record), isTop: true)
      }
      return 1
    }
    guard let plan else { return 1 }
    var count = 0
    for slice in plan.members(of: run) {
      let memberRecord = pool.memberRecord(channel, bank, count)
      memberRecord.pointee.status = .none
      pool.member(channel, bank, count).pointee = memmove(
        moved(slice), record: pool.address(of: memberRecord), isTop: false)
      count += 1
    }
    target.pointee = Descriptor(
      .batch, flags: flags(isTop: true), record: pool.address(of: record),
      source: pool.address(of: pool.member(channel, bank, 0)), size: UInt32(truncatingIfNeeded: count))
    target.pointee.isPrivileged = true
    context.timer.batches += 1
    context.timer.members += count
    return count + 1
  }

  private func flags(isTop: Bool) -> DescriptorFlags {
    var flags: DescriptorFlags = [.recordAddressValid, .requestRecord]
    if isTop && wantsInterrupts { flags.insert(.requestInterrupt) }
    return flags
  }

  private func memmove(_ slice: PageSlice, record: UInt64, isTop: Bool) -> Descriptor {
    var descriptor = Descriptor(
      .memmove, flags: flags(isTop: isTop), record: record, source: sources[slice.item] + UInt64(slice.offset),
      destination: destinations[slice.item] + UInt64(slice.offset), size: UInt32(truncatingIfNeeded: slice.bytes))
    descriptor.isPrivileged = true
    return descriptor
  }

  /// What stands in a slot, if the bank has a round of the plan.
  private func content(_ slot: Int, _ channel: Int, _ bank: Int) -> CopyPlan.Descriptor? {
    guard let plan, let index = round.banks[bank].round else { return nil }
    return plan.descriptor(round: index, channel: channel, slot: slot)
  }

  /// The part of an item that a slot moves; nil for a batch.
  private func slice(_ slot: Int, _ channel: Int, _ bank: Int) -> PageSlice? {
    guard let plan else { return nil }
    switch content(slot, channel, bank) {
    case .slice(let slice), .single(let slice): return moved(slice)
    case .batch: return nil
    case nil: return round.repairing[slot * plan.channels + channel]
    }
  }

  /// From an item of the plan to one of the list.
  @inline(__always)
  private func moved(_ slice: PageSlice) -> PageSlice {
    PageSlice(item: slice.item + planItem, offset: slice.offset, bytes: slice.bytes)
  }

  // MARK: Waiting

  /// The oldest round's first descriptor that was not waited for: all of channel 0, then channel 1, and so on.
  private func nextToWaitFor() -> RoundState.Place? {
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

  private func endWait(_ place: RoundState.Place, _ pool: CopyPool) {
    round.waiting = nil
    let hasTimedOut = round.hasTimedOut
    round.hasTimedOut = false
    round.banks[place.bank].waited[place.channel] += 1
    context.release(1, place.channel)
    if hasTimedOut { context.knobs.deviceFailed() }
    judge(place, pool)
    closeIfOver(place.bank)
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
    if case .batch(let run) = content(place.slot, place.channel, place.bank) {
      guard let plan else { return }
      for (index, slice) in plan.members(of: run).enumerated() {
        let member = pool.memberRecord(place.channel, place.bank, index).pointee
        if member.status == .none, record.status.code == .batchFailed || record.status.code == .batchListFault {
          // It was not begun.
          round.repairs.append(moved(slice))
        } else {
          judge(moved(slice), pool.member(place.channel, place.bank, index).pointee, member)
        }
      }
    } else if let slice = slice(place.slot, place.channel, place.bank) {
      judge(slice, pool.descriptor(place.channel, place.bank, place.slot).pointee, record)
    }
  }

  private func judge(_ slice: PageSlice, _ descriptor: Descriptor, _ record: CompletionRecord) {
    if record.status == .success { return }
    if record.status.code == .pageFault, round.attempts < CopyJob.mostAttempts {
      guard let rest = descriptor.rest(after: record) else { return }
      round.repairs.append(
        PageSlice(
          item: slice.item, offset: slice.offset + Int(rest.source - descriptor.source), bytes: Int(rest.transferSize)))
    } else {
      if failed.last != slice.item { failed.append(slice.item) }
    }
  }

  // MARK: Once more

  /// Submits what stopped at a page fault again; false if there is nothing.
  private func beginRepairs() -> Bool {
    guard let plan, !round.repairs.isEmpty else { return false }
    round.attempts += 1
    if round.attempts > CopyJob.mostAttempts || !context.knobs.useDSACopyPages {
      for slice in round.repairs { failed.append(slice.item) }
      round.repairs.removeAll(keepingCapacity: true)
      return false
    }
    let count = min(round.repairs.count, CopyLimits.slots * plan.channels)
    round.repairing.removeAll(keepingCapacity: true)
    round.repairing.append(contentsOf: round.repairs[..<count])
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
