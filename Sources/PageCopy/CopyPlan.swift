// How a list of pages is spread over the channels of a copy engine.
//
// Source of the scheme: kernels-with-dsa (madsys-dev/DSA-2LM), dsa_copy_page_lists. Huge pages are cut into a slice for each
// channel; base pages go one by one while a channel has fewer than two of them, and else as one batch a channel.

import Units

/// Where a list that does not fit is cut.
public enum ListCut: String, Sendable, Equatable, CaseIterable {
  /// The longest prefix whose descriptors fit the pools of every channel.
  case slots
  /// As the original of May 2025: behind the 24th huge or the 1,024th base page. Some of these rounds do not fit
  /// (`CopyPlan.overflows`).
  case c2
}

/// Part of an item, copied by one descriptor.
public struct PageSlice: Sendable, Equatable {
  /// Index in the list.
  public var item: Int
  /// Bytes from the item's beginning.
  public var offset: Int
  public var bytes: Int

  public init(item: Int, offset: Int, bytes: Int) {
    self.item = item
    self.offset = offset
    self.bytes = bytes
  }
}

/// A plan: rounds that are submitted and waited for one after the other. Pure counts and ranges: its size and the time to make it
/// grow with the huge pages and the rounds, not with the base pages.
public struct CopyPlan: Sendable, Equatable {
  /// Base pages that follow each other in the list, huge ones in between left out.
  public struct Run: Sendable, Equatable {
    /// Ordinal of the first among the list's base pages (`PageList.item(ofBase:)`).
    public var firstBase: Int
    public var count: Int
  }

  /// What stands in a slot of a channel.
  public enum Descriptor: Sendable, Equatable {
    /// A channel's part of a huge page.
    case slice(PageSlice)
    /// A base page by itself.
    case single(PageSlice)
    /// Base pages as one batch, of 2 or more.
    case batch(Run)
  }

  /// What is submitted and waited for together.
  public struct Round: Sendable, Equatable {
    /// Items of the list.
    public var items: Range<Int>
    /// Its huge pages, as indices into `PageList.hugeItems`.
    public var huge: Range<Int>
    /// Its base pages, as ordinals.
    public var base: Range<Int>
  }

  public private(set) var list: PageList
  /// 1...8.
  public let channels: Int
  public let cut: ListCut
  public private(set) var rounds: [Round] = []

  /// Plans a list. An empty one has no rounds.
  public init(_ list: PageList, channels: Int = CopyLimits.channels, cut: ListCut = .slots) throws(CopyPlanError) {
    guard (1...CopyLimits.channels).contains(channels) else { throw CopyPlanError.channels(channels) }
    self.list = list
    self.channels = channels
    self.cut = cut
    plan()
  }

  /// Plans another list with the same parameters, in the storage that is there.
  public mutating func replan(_ list: PageList) {
    self.list = list
    plan()
  }

  private mutating func plan() {
    rounds.removeAll(keepingCapacity: true)
    var huge = 0
    var base = 0
    while huge + base < list.count {
      let (hugeEnd, baseEnd) = cut == .c2 ? capped(huge, base) : longest(huge, base)
      rounds.append(Round(items: (huge + base)..<(hugeEnd + baseEnd), huge: huge..<hugeEnd, base: base..<baseEnd))
      (huge, base) = (hugeEnd, baseEnd)
    }
  }

  /// Ends behind the item that makes 24 huge or 1,024 base pages.
  private func capped(_ huge: Int, _ base: Int) -> (huge: Int, base: Int) {
    var end = list.count
    let lastHuge = huge + CopyLimits.hugeCap - 1
    if lastHuge < list.hugeCount { end = min(end, list.hugeItems[lastHuge] + 1) }
    let lastBase = base + CopyLimits.baseCap - 1
    if lastBase < list.baseCount { end = min(end, list.item(ofBase: lastBase) + 1) }
    let hugeEnd = list.hugeItemsBefore(end)
    return (hugeEnd, end - hugeEnd)
  }

  /// The longest prefix that fits. A longer one may fit where a shorter does not: 24 huge pages leave one slot a channel, which
  /// takes 8 singles or a batch of 2 a channel, but not what is in between. Prefixes with more huge pages are longer, so the
  /// first that fits counts.
  private func longest(_ huge: Int, _ base: Int) -> (huge: Int, base: Int) {
    func bases(before index: Int) -> Int { index < list.hugeCount ? list.hugeItems[index] - index : list.baseCount }
    for hugeEnd in stride(from: min(list.hugeCount, huge + CopyLimits.slots), through: huge, by: -1) {
      let least = hugeEnd > huge ? bases(before: hugeEnd - 1) - base : 0
      let most = bases(before: hugeEnd) - base
      if let count = fitting(huge: hugeEnd - huge, base: least...most) { return (hugeEnd, base + count) }
    }
    // Not reached: one item always fits.
    return base < list.baseCount ? (huge, base + 1) : (huge + 1, base)
  }

  /// The greatest number of base pages in the range that fits beside that many huge pages.
  private func fitting(huge: Int, base: ClosedRange<Int>) -> Int? {
    let asBatches = min(base.upperBound, channels * CopyLimits.batchMembers)
    if huge < CopyLimits.slots, asBatches >= max(2 * channels, base.lowerBound) { return asBatches }
    let asSingles = min(base.upperBound, 2 * channels - 1, (CopyLimits.slots - huge) * channels)
    return asSingles >= base.lowerBound ? asSingles : nil
  }
}

/// Why there is no plan.
public enum CopyPlanError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Not 1...8. The original divides by zero, or writes past its arrays.
  case channels(Int)

  public var description: String {
    switch self {
    case .channels(let count): "\(count) channels; a copy uses 1 to \(CopyLimits.channels)"
    }
  }
}
