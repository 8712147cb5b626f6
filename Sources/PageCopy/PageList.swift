// A list of pages to copy: base pages and huge ones, in order.

import Units

/// What one item of a list is: a 4 KiB page or a folio of 512 of them.
public enum PageKind: Sendable, Equatable {
  case base
  case huge

  /// Bytes of an item.
  public var bytes: Int { self == .base ? Page.size : Page.size * Page.perHuge }
}

/// A mixed list. Base pages take no memory: the list is its length and where its huge pages are.
public struct PageList: Sendable, Equatable {
  /// Items: a huge page is one.
  public private(set) var count = 0
  /// Indices of the huge items, ascending.
  public private(set) var hugeItems: [Int] = []

  public init() {}

  /// `huge` huge items and then `base` base pages.
  public init(huge: Int = 0, base: Int = 0) {
    append(.huge, count: huge)
    append(.base, count: base)
  }

  public init(_ kinds: some Sequence<PageKind>) {
    for kind in kinds { append(kind) }
  }

  public var hugeCount: Int { hugeItems.count }
  public var baseCount: Int { count - hugeItems.count }
  /// In base pages; what `dsa_copy_threshold` is compared with, and last_cnt of /proc/timer.
  public var weight: Int { baseCount + Page.perHuge * hugeCount }
  public var bytes: Int { weight * Page.size }
  public var isEmpty: Bool { count == 0 }

  /// Adds `copies` items of a kind. O(1) for base pages.
  public mutating func append(_ kind: PageKind, count copies: Int = 1) {
    guard copies > 0 else { return }
    if kind == .huge { hugeItems.append(contentsOf: count..<(count + copies)) }
    count += copies
  }

  /// Empties the list and keeps its storage.
  public mutating func removeAll() {
    count = 0
    hugeItems.removeAll(keepingCapacity: true)
  }

  /// The item's kind. O(log huge).
  public subscript(item: Int) -> PageKind {
    let index = hugeItemsBefore(item)
    return index < hugeItems.count && hugeItems[index] == item ? .huge : .base
  }

  /// Huge items before the item. O(log huge).
  public func hugeItemsBefore(_ item: Int) -> Int {
    var low = 0
    var high = hugeItems.count
    while low < high {
      let middle = (low + high) / 2
      if hugeItems[middle] < item { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The item that is base page `ordinal`, counting base pages alone from 0. O(log huge).
  public func item(ofBase ordinal: Int) -> Int { ordinal + hugeItemsBeforeBase(ordinal) }

  /// Huge items before base page `ordinal`.
  func hugeItemsBeforeBase(_ ordinal: Int) -> Int {
    // Huge item k has hugeItems[k] - k base pages before it.
    var low = 0
    var high = hugeItems.count
    while low < high {
      let middle = (low + high) / 2
      if hugeItems[middle] - middle <= ordinal { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Bytes of the items before the item. O(log huge).
  func bytesBefore(_ item: Int) -> Int { (item + hugeItemsBefore(item) * (Page.perHuge - 1)) * Page.size }
}

extension PageList: CustomStringConvertible {
  /// `24 huge + 12 base`.
  public var description: String {
    if isEmpty { return "nothing" }
    if hugeCount == 0 { return "\(baseCount) base" }
    return baseCount == 0 ? "\(hugeCount) huge" : "\(hugeCount) huge + \(baseCount) base"
  }
}

// MARK: - Lists of the original's tests

extension PageList {
  /// 1,024 items, the one at index 5 huge. Source: kernels-with-dsa, the lists of its figure 10, workload A.
  public static let workloadA: PageList = {
    var list = PageList(base: 5)
    list.append(.huge)
    list.append(.base, count: 1018)
    return list
  }()

  /// 1,024 items, 24 of the first 131 huge. Source: as before, workload B.
  public static let workloadB: PageList = {
    let huge = Set([5, 16, 25, 32, 36, 40, 45, 50, 52, 55, 60] + stride(from: 70, through: 130, by: 5))
    return PageList((0..<1024).map { huge.contains($0) ? .huge : .base })
  }()

  /// Most items that `init(text:)` takes.
  public static let maxTextCount = 1 << 24

  /// A list in words: `A`, `B`, or runs in order, `24h,12b,1h`. Nil for anything else and beyond `maxTextCount` items.
  public init?(text: String) {
    switch text {
    case "A": self = .workloadA
    case "B": self = .workloadB
    default:
      self.init()
      for run in text.split(separator: ",", omittingEmptySubsequences: false) {
        guard let letter = run.last, letter == "h" || letter == "b", let copies = Int(run.dropLast()), copies >= 0,
          copies <= Self.maxTextCount - count
        else { return nil }
        append(letter == "h" ? .huge : .base, count: copies)
      }
    }
  }
}
