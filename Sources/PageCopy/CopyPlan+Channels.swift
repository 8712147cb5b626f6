// What a round puts on each channel, slot by slot, and the orders of submitting and waiting.

import Units

extension CopyPlan.Round {
  /// Whether base pages go as batches: there are two or more a channel.
  public func isBatched(channels: Int) -> Bool { base.count >= 2 * channels }

  /// Base pages on a channel. Shares differ by at most one page; the first channels have the larger ones.
  public func basePages(channel: Int, of channels: Int) -> Int {
    base.count / channels + (channel < base.count % channels ? 1 : 0)
  }

  /// Descriptors on a channel.
  public func descriptors(channel: Int, of channels: Int) -> Int {
    huge.count + (isBatched(channels: channels) ? 1 : basePages(channel: channel, of: channels))
  }
}

extension CopyPlan {
  /// Bytes of a huge page on a channel. Channels share it equally; what does not divide goes to the last one.
  public func sliceBytes(channel: Int) -> Int {
    let bytes = PageKind.huge.bytes
    return channel == channels - 1 ? bytes - bytes / channels * (channels - 1) : bytes / channels
  }

  /// The descriptor in a slot. O(log huge).
  /// - Precondition: the slot is below `Round.descriptors(channel:of:)`.
  public func descriptor(round: Int, channel: Int, slot: Int) -> Descriptor {
    let round = rounds[round]
    if slot < round.huge.count {
      return .slice(
        PageSlice(
          item: list.hugeItems[round.huge.lowerBound + slot], offset: PageKind.huge.bytes / channels * channel,
          bytes: sliceBytes(channel: channel)))
    }
    guard round.isBatched(channels: channels) else {
      let ordinal = round.base.lowerBound + channel + (slot - round.huge.count) * channels
      return .single(PageSlice(item: list.item(ofBase: ordinal), offset: 0, bytes: Page.size))
    }
    let (share, rest) = round.base.count.quotientAndRemainder(dividingBy: channels)
    return .batch(
      Run(
        firstBase: round.base.lowerBound + share * channel + min(channel, rest),
        count: share + (channel < rest ? 1 : 0)))
  }

  /// The members of a batch, in its order. O(1) each after the first.
  public func members(of run: Run) -> Members {
    Members(
      list: list, item: list.item(ofBase: run.firstBase), nextHuge: list.hugeItemsBeforeBase(run.firstBase),
      left: run.count)
  }

  /// Items of a batch.
  public struct Members: Sequence, IteratorProtocol {
    let list: PageList
    var item: Int
    var nextHuge: Int
    var left: Int

    public mutating func next() -> PageSlice? {
      guard left > 0 else { return nil }
      while nextHuge < list.hugeCount, list.hugeItems[nextHuge] == item {
        nextHuge += 1
        item += 1
      }
      defer {
        item += 1
        left -= 1
      }
      return PageSlice(item: item, offset: 0, bytes: Page.size)
    }
  }

  /// Bytes that a round moves on a channel.
  public func bytes(round: Int, channel: Int) -> Int {
    rounds[round].huge.count * sliceBytes(channel: channel) + rounds[round].basePages(channel: channel, of: channels)
      * Page.size
  }

  /// A descriptor by its place.
  public struct Place: Sendable, Equatable {
    public var channel: Int
    public var slot: Int
  }

  /// The order in which the descriptors of a round are submitted: huge pages in the order of the list, each to all channels, then
  /// singles in the order of the list, or batches by channel. Slots of a channel fill in their order.
  public func submissions(round: Int) -> some Sequence<Place> {
    let round = rounds[round]
    let channels = channels
    let slices = round.huge.count * channels
    let rest = round.isBatched(channels: channels) ? channels : round.base.count
    return (0..<(slices + rest)).lazy.map { Place(channel: $0 % channels, slot: $0 / channels) }
  }

  /// The order in which they are waited for, once all are submitted: all of channel 0, then all of channel 1, and so on.
  public func waits(round: Int) -> some Sequence<Place> {
    let round = rounds[round]
    let channels = channels
    return (0..<channels).lazy.flatMap { channel in
      (0..<round.descriptors(channel: channel, of: channels)).lazy.map { Place(channel: channel, slot: $0) }
    }
  }
}

// MARK: - What the original would have done wrong

extension CopyPlan {
  /// A place where the original, given this plan, leaves its memory or loses bytes. Plans by `ListCut.slots` have none.
  public enum Fault: Sendable, Equatable {
    /// A channel needs more descriptors than its pool has: the original goes on in zeroed memory behind it and follows a null
    /// pointer.
    case slotOverflow(round: Int, channel: Int, slots: Int)
    /// A batch has more members than its array, and than the queue's max_batch_size of 128.
    case batchOverflow(round: Int, channel: Int, members: Int)
    /// Channels do not divide a huge page: the original leaves that many bytes at the end of each of them uncopied. This plan
    /// gives them to the last channel.
    case lostBytes(perHugePage: Int, hugePages: Int)
  }

  /// In the order of rounds and channels; lost bytes come last.
  public var faultsOfOriginal: [Fault] {
    guard cut == .c2 else { return [] }
    var faults: [Fault] = []
    for (index, round) in rounds.enumerated() {
      for channel in 0..<channels {
        let slots = round.descriptors(channel: channel, of: channels)
        if slots > CopyLimits.slots { faults.append(.slotOverflow(round: index, channel: channel, slots: slots)) }
        let members = round.basePages(channel: channel, of: channels)
        if round.isBatched(channels: channels), members > CopyLimits.batchMembers {
          faults.append(.batchOverflow(round: index, channel: channel, members: members))
        }
      }
    }
    let lost = PageKind.huge.bytes % channels
    if lost > 0, list.hugeCount > 0 { faults.append(.lostBytes(perHugePage: lost, hugePages: list.hugeCount)) }
    return faults
  }
}

extension CopyPlan.Fault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .slotOverflow(let round, let channel, let slots):
      "overflow: round \(round + 1) needs \(slots) descriptors on channel \(channel), and its pool has \(CopyLimits.slots)"
    case .batchOverflow(let round, let channel, let members):
      "overflow: round \(round + 1) has a batch of \(members) on channel \(channel), and its array has \(CopyLimits.batchMembers)"
    case .lostBytes(let bytes, let pages):
      "lost bytes: the last \(bytes) of each of \(pages) huge pages would stay behind"
    }
  }
}
