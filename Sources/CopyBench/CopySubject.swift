// What is copied, from where to where, and what the caches know of it.

import HostMemory
import PageCopy
import Units

/// What a row of a measurement copies.
public enum CopySubject: Sendable, Equatable {
  /// Up to 16 MiB of an arena, front to back: the machine's own limit.
  case stream
  /// One folio of 2^order base pages.
  case order(Int)
  /// A list by its name: `A`, `24h,12b`.
  case list(String, PageList)

  /// `stream`, `order 3`, `A`.
  public var name: String {
    switch self {
    case .stream: "stream"
    case .order(let order): "order \(order)"
    case .list(let name, _): name
    }
  }

  /// The pages; of a stream those of an arena of `arena` bytes.
  func list(arena: Int) -> PageList {
    switch self {
    case .stream: PageList(huge: min(arena, CopyArenas.streamed) >> (Page.shift + Page.hugeOrder))
    case .order(let order): order == Page.hugeOrder ? PageList(huge: 1) : PageList(base: 1 << order)
    case .list(_, let list): list
    }
  }
}

/// What the caches hold when a copy begins.
public enum CacheState: String, Sendable, Equatable, CaseIterable {
  /// No line of source and destination is in a cache, no page in a TLB.
  case cold
  /// Both were just written and read, as far as they fit.
  case hot
}

/// From which node to which.
public struct CopyRoute: Sendable, Equatable {
  public var from: Int
  public var to: Int

  public init(from: Int, to: Int) {
    self.from = from
    self.to = to
  }
}

/// What a benchmark measures.
public struct CopyBenchPlan: Sendable {
  public var engines: [EngineOffer]
  /// Without `stream`, which is measured anyway.
  public var subjects: [CopySubject]
  public var caches: [CacheState]
  public var routes: [CopyRoute]
  /// Rounds in which everything is measured once, 1...10,000; small copies several times a round.
  public var rounds: Int
  /// Bytes of an arena, a multiple of 2 MiB.
  public var arena: Int
  /// How often a row is measured again in a round while another program has the CPU in all its copies; then they count. Lists of
  /// more than 32 MiB are measured again once at most.
  public var retries = 4
  /// Bytes of the pages that drive others out of the TLBs; more pages than any TLB has.
  public var strangers = 64 << 20
  /// CPUs that copy; the first is the measuring thread's.
  public var cpus: [Int]

  public init(
    engines: [EngineOffer], subjects: [CopySubject], caches: [CacheState], routes: [CopyRoute], rounds: Int,
    arena: Int = 64 << 20, cpus: [Int]
  ) {
    self.engines = engines
    self.subjects = subjects
    self.caches = caches
    self.routes = routes
    self.rounds = rounds
    self.arena = arena
    self.cpus = cpus
  }

  /// The memory that it takes, a list for each route: one is given back before the next is taken.
  public var requests: [[HostMemory.Request]] {
    routes.map { CopyArenas.requests(from: $0.from, to: $0.to, size: arena, strangers: strangers) }
  }
}
