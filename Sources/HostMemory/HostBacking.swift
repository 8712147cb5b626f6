// What memory really lies on, and how it came to that.

import Units

/// Pages that a caller asks for.
public enum HostPages: Sendable, Equatable {
  /// 4 KiB pages, and nothing else: transparent huge pages are switched off for them.
  case base
  /// 2 MiB pages, or what is left to fall back on.
  case huge

  /// Bytes of such a page.
  public var size: Int { self == .base ? 4096 : HostPages.hugeSize }
  /// 2 MiB.
  public static let hugeSize = 2 << 20
}

/// What the bytes of an arena lie on, as found afterwards.
public enum HostBacking: String, Sendable, Equatable {
  /// Pages of the pool that `nr_hugepages` sizes.
  case hugetlbfs
  /// Transparent huge pages, by madvise(MADV_HUGEPAGE): all of the arena.
  case transparentHuge = "thp"
  /// 4 KiB pages: all of the arena, or what transparent huge pages left of it.
  case basePages = "4k"

  /// In words for reports.
  public var words: String {
    switch self {
    case .hugetlbfs: "2 MiB pages of hugetlbfs"
    case .transparentHuge: "transparent huge pages of 2 MiB"
    case .basePages: "4 KiB pages"
    }
  }
}

/// A step back from what was asked for. Every output that shows what was measured there has to show it.
public struct Retreat: Sendable, Equatable, CustomStringConvertible {
  public var from: HostBacking
  public var to: HostBacking
  /// Why, and what would help.
  public var reason: String

  public init(from: HostBacking, to: HostBacking, reason: String) {
    self.from = from
    self.to = to
    self.reason = reason
  }

  public var description: String { "\(to.words) instead of \(from.words): \(reason)" }
}

/// Memory that could not be had.
public struct HostMemoryError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// The request makes no sense.
    case request
    /// There is not so much.
    case shortage
    /// The system refused.
    case system
  }

  public var kind: Kind
  /// What is wrong, with what is needed and what is there.
  public var problem: String
  /// What to do.
  public var fix: String

  public init(_ kind: Kind, _ problem: String, fix: String) {
    self.kind = kind
    self.problem = problem
    self.fix = fix
  }

  /// One line, without a full stop.
  public var description: String { "\(problem); \(fix)" }
}
