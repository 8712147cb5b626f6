// From where on one engine beats another.

/// Where an engine begins to win, in a series of growing sizes.
public enum BreakEven: Equatable, Sendable {
  /// It wins at every size.
  case always
  /// It wins at this place of the series and at all behind it; `earlier` of the sizes before it are won, too.
  case from(Int, earlier: Int)
  /// It wins at none.
  case never
  /// It does not win at the last size, but does at some between these places, both won; `losses` lie between them.
  case between(Int, Int, losses: Int)

  /// - Parameter wins: by size; ties are no win.
  public init(wins: [Bool]) {
    let count = wins.count { $0 }
    guard let first = wins.firstIndex(of: true) else {
      self = .never
      return
    }
    guard let lastLoss = wins.lastIndex(of: false) else {
      self = .always
      return
    }
    if lastLoss < wins.count - 1 {
      self = .from(lastLoss + 1, earlier: count - (wins.count - lastLoss - 1))
    } else {
      let last = wins.lastIndex(of: true) ?? first
      self = .between(first, last, losses: last - first + 1 - count)
    }
  }

  /// In words of the sizes.
  public func text(_ name: (Int) -> String) -> String {
    switch self {
    case .always: "always"
    case .never: "never"
    case .from(let place, let earlier): name(place) + (earlier > 0 ? " (and \(earlier) below)" : "")
    case .between(let first, let last, let losses):
      (first == last ? "\(name(first)) only" : "\(name(first)) to \(name(last)) only")
        + (losses > 0 ? " (but \(losses))" : "")
    }
  }
}
