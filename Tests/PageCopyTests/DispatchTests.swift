// Which engine takes what.

import PageCopy
import Testing

@Suite struct DispatchTests {
  private static let dsa = CopyKnobs(useDSACopyPages: true, dsaState: true)
  private static let both = CopyKnobs(useDSACopyPages: true, dsaState: true, cpuMultiCopyPages: true)
  private static let workers = CopyKnobs(cpuMultiCopyPages: true)

  @Test(arguments: CopyRules.allCases)
  func `the threshold is reached, not exceeded`(_ rules: CopyRules) {
    let reached = Self.dsa.engine(of: PageList(base: 12), rules: rules)
    #expect(reached == CopyDecision(engine: .dsa, reason: .reachesThreshold(weight: 12, threshold: 12)))
    let below = Self.dsa.engine(of: PageList(base: 11), rules: rules)
    #expect(below == CopyDecision(engine: .pageByPage, reason: .belowThreshold(weight: 11, threshold: 12)))
    #expect(Self.both.engine(of: PageList(base: 11), rules: rules).engine == .workers)
    #expect(Self.both.engine(of: PageList(base: 12), rules: rules).engine == .dsa)
    // A huge page weighs 512.
    #expect(Self.dsa.engine(of: PageList(huge: 1), rules: rules).engine == .dsa)
    var always = Self.dsa
    always.dsaCopyThreshold = -1
    #expect(always.engine(of: PageList(base: 1), rules: rules).engine == .dsa)
  }

  @Test func `other engines have no threshold`() {
    #expect(
      Self.workers.engine(of: PageList(base: 1), rules: .c2) == CopyDecision(engine: .workers, reason: .dsaOff))
    #expect(
      CopyKnobs().engine(of: PageList(base: 1000), rules: .c2)
        == CopyDecision(engine: .pageByPage, reason: .noEngineOn))
    #expect(Self.both.engine(of: PageList(), rules: .c2) == CopyDecision(engine: .nothing, reason: .empty))
  }

  @Test func `long lists are refused in 2024 and cut in 2025`() {
    for list in [PageList(huge: 25), PageList(base: 1025)] {
      #expect(
        Self.both.engine(of: list, rules: .c1)
          == CopyDecision(engine: .pageByPage, reason: .beyondCaps(huge: list.hugeCount, base: list.baseCount)))
      #expect(Self.both.engine(of: list, rules: .c2).engine == .dsa)
    }
    #expect(Self.both.engine(of: PageList(huge: 24, base: 1024), rules: .c1).engine == .dsa)
  }

  @Test func `DSA without channels is not taken`() {
    let early = CopyKnobs(useDSACopyPages: true)
    #expect(
      early.engine(of: PageList(base: 100), rules: .c1) == CopyDecision(engine: .pageByPage, reason: .dsaNotReady))
    #expect(early.engineOfHugePage() == CopyDecision(engine: .cpu, reason: .dsaNotReady))
  }

  @Test func `huge pages go by the switches alone`() {
    #expect(Self.both.engineOfHugePage().engine == .dsa)
    #expect(Self.workers.engineOfHugePage().engine == .workers)
    #expect(CopyKnobs().engineOfHugePage().engine == .cpu)
    #expect(Self.both.engineOfHugePage(isGigantic: true) == CopyDecision(engine: .cpu, reason: .gigantic))
  }

  @Test func `a failed list goes page by page, never to the other list engine`() {
    var old = Self.both
    #expect(old.listFailed(.dsa, rules: .c1).engine == .pageByPage)
    #expect(old.useDSACopyPages == false && old.engineOfHugePage().engine == .workers)
    var new = Self.both
    #expect(new.listFailed(.dsa, rules: .c2).engine == .pageByPage)
    #expect(new.useDSACopyPages && new.engineOfHugePage().engine == .dsa)
    #expect(new.hugePageFailed(.dsa).engine == .cpu)
    #expect(!new.useDSACopyPages)
    var third = Self.workers
    #expect(third.listFailed(.workers, rules: .c1).engine == .pageByPage && third.cpuMultiCopyPages)
  }

  @Test func `the timer counts as the original does`() {
    var counts = CopyCounts()
    counts.add(PageList(huge: 2, base: 3), by: .dsa)
    counts.add(PageList(huge: 4, base: 5), by: .workers)
    counts.add(PageList(huge: 6, base: 7), by: .pageByPage)
    counts.addHugePage(by: .cpu)
    counts.addHugePage(by: .workers)
    counts.addHugePage(by: .dsa)
    counts.addBasePage()
    #expect(counts.dsaHugePages == 3 && counts.dsaBasePages == 3)
    #expect(counts.hugePages == 6 && counts.basePages == 5 + 512 + 1)
  }
}
