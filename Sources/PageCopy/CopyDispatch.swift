// Which engine copies what: a decision from knobs and the list alone.
//
// Source: kernels-with-dsa, the copy phase of migrate_pages_concur and copy_huge_page; the two states of that tree that are
// known.

import Units

/// Whose rules.
public enum CopyRules: String, Sendable, Equatable, CaseIterable {
  /// August 2024: lists beyond 24 huge or 1,024 base pages are refused; any failure of DSA turns `use_dsa_copy_pages` off.
  case c1
  /// May 2025: lists of any length are cut into rounds; only a failing copy of one huge page turns the switch off.
  case c2
}

/// What copies a list.
public enum ListEngine: String, Sendable, Equatable {
  /// dsa_copy_page_lists.
  case dsa
  /// copy_page_lists_mt.
  case workers
  /// One page after the other: base pages by the CPU, each huge page by what `CopyKnobs.engineOfHugePage` says then.
  case pageByPage
  /// The list is empty; there is no copy.
  case nothing
}

/// What copies one huge page: promotions, and the huge pages of lists that go page by page.
public enum HugeEngine: String, Sendable, Equatable {
  /// dsa_multi_copy_pages: a slice for each channel.
  case dsa
  /// copy_page_multithread.
  case workers
  /// Base page by base page on this CPU.
  case cpu
}

/// An engine and why it is that one.
public struct CopyDecision<Engine: Sendable & Equatable>: Sendable, Equatable {
  public var engine: Engine
  public var reason: CopyReason

  public init(engine: Engine, reason: CopyReason) {
    self.engine = engine
    self.reason = reason
  }
}

/// Why an engine was taken.
public enum CopyReason: Sendable, Equatable, CustomStringConvertible {
  case empty
  /// Rules c1: more huge or base pages than one round holds.
  case beyondCaps(huge: Int, base: Int)
  case reachesThreshold(weight: Int, threshold: Int)
  case belowThreshold(weight: Int, threshold: Int)
  /// DSA is wanted and `vm.dsa_state` is 0. The original follows a null pointer here.
  case dsaNotReady
  case dsaOn
  case dsaOff
  case noEngineOn
  /// A page of more than 2 MiB.
  case gigantic
  /// The engine before it failed.
  case afterFailure

  public var description: String {
    switch self {
    case .empty: "the list is empty"
    case .beyondCaps(let huge, let base):
      "\(huge) huge and \(base) base pages are beyond \(CopyLimits.hugeCap) and \(CopyLimits.baseCap)"
    case .reachesThreshold(let weight, let threshold): "\(weight) pages reach vm.dsa_copy_threshold (\(threshold))"
    case .belowThreshold(let weight, let threshold): "\(weight) pages are below vm.dsa_copy_threshold (\(threshold))"
    case .dsaNotReady: "vm.use_dsa_copy_pages is on and vm.dsa_state is 0"
    case .dsaOn: "vm.use_dsa_copy_pages is on"
    case .dsaOff: "vm.use_dsa_copy_pages is off"
    case .noEngineOn: "vm.use_dsa_copy_pages and vm.cpu_multi_copy_pages are off"
    case .gigantic: "gigantic pages are the CPU's"
    case .afterFailure: "the engine before it failed"
    }
  }
}

extension CopyKnobs {
  /// What copies a list. DSA comes before workers; a list below the threshold goes to the workers if they are on.
  public func engine(of list: PageList, rules: CopyRules) -> CopyDecision<ListEngine> {
    if list.isEmpty { return CopyDecision(engine: .nothing, reason: .empty) }
    if rules == .c1, list.hugeCount > CopyLimits.hugeCap || list.baseCount > CopyLimits.baseCap {
      return CopyDecision(engine: .pageByPage, reason: .beyondCaps(huge: list.hugeCount, base: list.baseCount))
    }
    let reason: CopyReason
    if useDSACopyPages {
      if list.weight < dsaCopyThreshold {
        reason = .belowThreshold(weight: list.weight, threshold: dsaCopyThreshold)
      } else if dsaState {
        return CopyDecision(
          engine: .dsa, reason: .reachesThreshold(weight: list.weight, threshold: dsaCopyThreshold))
      } else {
        reason = .dsaNotReady
      }
    } else {
      reason = cpuMultiCopyPages ? .dsaOff : .noEngineOn
    }
    return CopyDecision(engine: cpuMultiCopyPages ? .workers : .pageByPage, reason: reason)
  }

  /// What copies one huge page; the threshold plays no part. Gigantic pages are always the CPU's.
  public func engineOfHugePage(isGigantic: Bool = false) -> CopyDecision<HugeEngine> {
    if isGigantic { return CopyDecision(engine: .cpu, reason: .gigantic) }
    if useDSACopyPages, dsaState { return CopyDecision(engine: .dsa, reason: .dsaOn) }
    let reason: CopyReason = useDSACopyPages ? .dsaNotReady : cpuMultiCopyPages ? .dsaOff : .noEngineOn
    return CopyDecision(engine: cpuMultiCopyPages ? .workers : .cpu, reason: reason)
  }

  /// A list engine failed: the whole list goes page by page, also what was copied. Never to the other list engine.
  public mutating func listFailed(_ engine: ListEngine, rules: CopyRules) -> CopyDecision<ListEngine> {
    if engine == .dsa, rules == .c1 { useDSACopyPages = false }
    return CopyDecision(engine: .pageByPage, reason: .afterFailure)
  }

  /// A device did not answer in time: the switch goes off under either rules, else every list would wait as long.
  public mutating func deviceFailed() { useDSACopyPages = false }

  /// The copy of one huge page failed: the CPU copies it, base page by base page.
  public mutating func hugePageFailed(_ engine: HugeEngine) -> CopyDecision<HugeEngine> {
    if engine == .dsa { useDSACopyPages = false }
    return CopyDecision(engine: .cpu, reason: .afterFailure)
  }
}

/// What copies add to the counters of /proc/timer while it is on.
public struct CopyCounts: Sendable, Equatable {
  /// dsa_hpage_cnt.
  public var dsaHugePages = 0
  /// dsa_bpage_cnt.
  public var dsaBasePages = 0
  /// hpage_cnt.
  public var hugePages = 0
  /// bpage_cnt: a huge page that the CPU copies counts 512 here, beside its 1 in hpage_cnt.
  public var basePages = 0

  public init() {}

  /// A list that a list engine copied. Page by page, count the pages one by one.
  public mutating func add(_ list: PageList, by engine: ListEngine) {
    switch engine {
    case .dsa:
      dsaHugePages += list.hugeCount
      dsaBasePages += list.baseCount
    case .workers:
      hugePages += list.hugeCount
      basePages += list.baseCount
    case .pageByPage, .nothing: break
    }
  }

  public mutating func addHugePage(by engine: HugeEngine) {
    switch engine {
    case .dsa: dsaHugePages += 1
    case .workers: hugePages += 1
    case .cpu:
      hugePages += 1
      basePages += Page.perHuge
    }
  }

  /// A base page that the CPU copied.
  public mutating func addBasePage() { basePages += 1 }
}
