// The rounds of a DSA copy: descriptors filled, and submitted as far as the queues have room. How they end: CopyJob+Completion.swift.

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
  /// Rounds that may be in flight, and whether descriptors ask for an interrupt: the knobs when the copy began.
  var depth = 1
  var isAsync = false
  /// Rests of copies that stopped at a page fault; and those in flight.
  var repairs: [Repair] = []
  var repairing: [Repair] = []

  /// A part of an item that is submitted again, and how often it was.
  struct Repair {
    var slice: PageSlice
    var attempts: Int
  }

  mutating func reset() {
    begun = 0
    finished = 0
    waiting = nil
    hasTimedOut = false
    repairs.removeAll(keepingCapacity: true)
    repairing.removeAll(keepingCapacity: true)
    banks[0].isOpen = false
    banks[1].isOpen = false
  }
}

extension CopyJob {
  /// Times that the rest of an item is submitted again before the CPU takes over.
  static var mostAttempts: Int { 3 }

  func beginRounds(_ list: PageList, item: Int) {
    let knobs = context.knobs
    round.reset()
    round.depth = knobs.dsaRoundOverlap ? 2 : 1
    round.isAsync = knobs.dsaAsyncMode
    planItem = item
    if plan?.channels == knobs.limitChans, plan?.cut == knobs.dsaListCut {
      plan?.replan(list)
    } else {
      // The knob has the range of channels.
      plan = try? CopyPlan(list, channels: knobs.limitChans, cut: knobs.dsaListCut)
    }
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
    guard let record = waitingRecord else { return true }
    return record.writtenStatus != .none
  }

  /// At `wait`: the record that is waited for, where a device writes it.
  public var waitingRecord: UnsafeMutablePointer<CompletionRecord>? {
    guard let pool, let place = round.waiting else { return nil }
    return pool.record(place.channel, place.bank, place.slot)
  }

  /// At `submit`: whether it is the rests of copies that stopped at page faults. A driver touches their pages first.
  public var submitsRests: Bool { round.banks[0].isOpen && round.banks[0].round == nil }

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

  /// Writes the descriptors of a submission, members of batches too, and clears their records; once for each, before it is submitted.
  /// What comes first is under way then while the rest is written.
  ///
  /// - Returns: the descriptors, in memory that stays until their records are written.
  public func fillDescriptors(of submission: CopySubmission) -> UnsafeBufferPointer<Descriptor> {
    guard let pool else { return UnsafeBufferPointer(start: nil, count: 0) }
    for slot in submission.slots { fill(slot, submission.channel, submission.bank, pool) }
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
        if pool.record(place.channel, place.bank, place.slot).writtenStatus == .none, !round.hasTimedOut {
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

  /// Makes submissions of what there is room for; false if that is nothing.
  private func submitMore(_ pool: CopyPool) -> Bool {
    submissions.removeAll(keepingCapacity: true)
    (filled, submitted) = (0, 0)
    defer { context.timer.descriptors += submitted }
    for bank in 0..<pool.banks where round.banks[bank].isOpen { addSubmissions(bank) }
    if !submissions.isEmpty { return true }
    guard let plan, round.begun < plan.rounds.count, round.begun - round.finished < min(round.depth, pool.banks),
      !hasUnsubmitted
    else { return false }
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
    if !isOnPage { context.timer.rounds += 1 }
    addSubmissions(bank)
    return !submissions.isEmpty
  }

  /// Whether an open bank has descriptors that found no free entry.
  private var hasUnsubmitted: Bool {
    guard let plan else { return false }
    for bank in 0..<2 where round.banks[bank].isOpen {
      for channel in 0..<plan.channels where round.banks[bank].next[channel] < round.banks[bank].total[channel] {
        return true
      }
    }
    return false
  }

  /// Makes submissions of a bank's descriptors as far as the queues have room.
  ///
  /// Slices and singles go round the channels; batches come last, one channel after the other.
  private func addSubmissions(_ bank: Int) {
    guard let plan else { return }
    var isBatched = false
    if let index = round.banks[bank].round { isBatched = plan.rounds[index].isBatched(channels: plan.channels) }
    let first = submissions.count
    var batches = InlineArray<8, Bool>(repeating: false)
    for channel in 0..<plan.channels {
      let from = round.banks[bank].next[channel]
      let to = min(round.banks[bank].total[channel], from + context.free(channel))
      if from >= to { continue }
      batches[channel] = isBatched && to == round.banks[bank].total[channel]
      let ends = batches[channel] ? to - 1 : to
      if from < ends {
        submissions.append(
          CopySubmission(channel: channel, bank: bank, slots: from..<ends, filled: 0, submitted: 0, stride: 1))
      }
      round.banks[bank].next[channel] = to
      context.take(to - from, channel)
    }
    numberSubmissions(from: first)
    for channel in 0..<plan.channels where batches[channel] {
      let slot = round.banks[bank].next[channel] - 1
      if case .batch(let run) = content(slot, channel, bank) {
        filled += run.count
        context.timer.batches += 1
        context.timer.members += run.count
      }
      filled += 1
      submitted += 1
      submissions.append(
        CopySubmission(
          channel: channel, bank: bank, slots: slot..<(slot + 1), filled: filled, submitted: submitted, stride: 1))
    }
  }

  /// Says when the CPU submits each of the slices and singles: one of each channel in turn, or one channel after the other where
  /// some had less room than others.
  private func numberSubmissions(from first: Int) {
    let count = submissions.count - first
    guard count > 0 else { return }
    let most = submissions[first].slots.count
    var takesTurns = true
    for index in first..<submissions.count {
      let slots = submissions[index].slots.count
      if slots > (index > first ? submissions[index - 1].slots.count : slots) || slots < most - 1 { takesTurns = false }
    }
    let (filledBefore, submittedBefore) = (filled, submitted)
    for index in first..<submissions.count {
      let place = takesTurns ? index - first : submitted - submittedBefore
      submissions[index].filled = filledBefore + place + 1
      submissions[index].submitted = submittedBefore + place + 1
      submissions[index].stride = takesTurns ? count : 1
      filled += submissions[index].slots.count
      submitted += submissions[index].slots.count
    }
  }

  /// Fills one descriptor, and the members of a batch.
  private func fill(_ slot: Int, _ channel: Int, _ bank: Int, _ pool: CopyPool) {
    let target = pool.descriptor(channel, bank, slot)
    let record = pool.record(channel, bank, slot)
    record.pointee.status = .none
    guard case .batch(let run) = content(slot, channel, bank) else {
      if let slice = slice(slot, channel, bank) {
        target.pointee = memmove(slice, record: pool.address(of: record), isTop: true)
      }
      return
    }
    guard let plan else { return }
    fillMembers(plan.members(of: run), channel, bank, pool)
    target.pointee = Descriptor(
      .batch, flags: flags(isTop: true), record: pool.address(of: record),
      source: pool.address(of: pool.member(channel, bank, 0)), size: UInt32(truncatingIfNeeded: run.count))
    target.pointee.isPrivileged = isPrivileged
  }

  /// Fills the members of a batch: all alike but for their addresses.
  private func fillMembers(_ slices: CopyPlan.Members, _ channel: Int, _ bank: Int, _ pool: CopyPool) {
    let members = pool.member(channel, bank, 0)
    let records = pool.memberRecord(channel, bank, 0)
    let firstRecord = pool.address(of: records)
    var descriptor = Descriptor(.memmove, flags: flags(isTop: false))
    descriptor.isPrivileged = isPrivileged
    let first = planItem
    sources.withUnsafeBufferPointer { sources in
      destinations.withUnsafeBufferPointer { destinations in
        var slices = slices
        var index = 0
        while let slice = slices.next() {
          descriptor.recordAddress = firstRecord + UInt64(index * CompletionRecord.size)
          descriptor.source = sources[first + slice.item] + UInt64(slice.offset)
          descriptor.destination = destinations[first + slice.item] + UInt64(slice.offset)
          descriptor.transferSize = UInt32(truncatingIfNeeded: slice.bytes)
          records[index].status = .none
          members[index] = descriptor
          index += 1
        }
      }
    }
  }

  private func flags(isTop: Bool) -> DescriptorFlags {
    var flags: DescriptorFlags = [.recordAddressValid, .requestRecord]
    if isTop && round.isAsync { flags.insert(.requestInterrupt) }
    return flags
  }

  private func memmove(_ slice: PageSlice, record: UInt64, isTop: Bool) -> Descriptor {
    var descriptor = Descriptor(
      .memmove, flags: flags(isTop: isTop), record: record, source: sources[slice.item] + UInt64(slice.offset),
      destination: destinations[slice.item] + UInt64(slice.offset), size: UInt32(truncatingIfNeeded: slice.bytes))
    descriptor.isPrivileged = isPrivileged
    return descriptor
  }

  /// What stands in a slot, if the bank has a round of the plan.
  func content(_ slot: Int, _ channel: Int, _ bank: Int) -> CopyPlan.Descriptor? {
    guard let plan, let index = round.banks[bank].round else { return nil }
    return plan.descriptor(round: index, channel: channel, slot: slot)
  }

  /// The part of an item that a slot moves; nil for a batch.
  func slice(_ slot: Int, _ channel: Int, _ bank: Int) -> PageSlice? {
    guard let plan else { return nil }
    switch content(slot, channel, bank) {
    case .slice(let slice), .single(let slice): return moved(slice)
    case .batch: return nil
    case nil: return round.repairing[slot * plan.channels + channel].slice
    }
  }

  /// From an item of the plan to one of the list.
  @inline(__always)
  func moved(_ slice: PageSlice) -> PageSlice {
    PageSlice(item: slice.item + planItem, offset: slice.offset, bytes: slice.bytes)
  }
}
