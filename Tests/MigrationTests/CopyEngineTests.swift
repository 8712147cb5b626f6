// Lists that DSA, workers and the CPU copy: who copies what, in which time, and that nothing is lost when an engine fails.
import DSAModel
import Events
import MemoryModel
import PageCopy
import Testing
import Units

@testable import Migration

@Suite struct CopyEngineTests {
  private func dsa(_ change: (inout CopyKnobs) -> Void = { _ in }) -> CopyKnobs {
    var knobs = CopyKnobs()
    knobs.dsaState = true
    knobs.useDSACopyPages = true
    change(&knobs)
    return knobs
  }

  private func workers(_ count: Int, split: WorkerSplit = .items) -> CopyKnobs {
    var knobs = CopyKnobs()
    knobs.cpuMultiCopyPages = true
    knobs.limitMTNum = count
    knobs.mtCopySplit = split
    return knobs
  }

  /// Nothing lost, nothing torn, all books in order.
  private func expectSound(_ bench: Bench, _ comment: Comment? = nil) {
    bench.putBackLeftovers()
    #expect(bench.memory.findFaults().isEmpty, comment)
  }

  @Test func aListThatReachesTheThresholdGoesToDSA() {
    for pages in [11, 12, 32] {
      let bench = Bench(.tpp2021, copy: dsa())
      bench.map(0..<pages)
      bench.start(slots: Array(0..<pages), isConcurrent: true)
      bench.finish()
      let timer = bench.copies.context.timer
      #expect((0..<pages).allSatisfy { bench.node(of: $0) == 1 })
      #expect(timer.engines[CopyMethod.dsa.rawValue].basePages == (pages < 12 ? 0 : pages))
      #expect(timer.engines[CopyMethod.cpu.rawValue].basePages == (pages < 12 ? pages : 0))
      #expect(timer.counts.dsaBasePages == (pages < 12 ? 0 : pages))
      expectSound(bench)
    }
  }

  // MARK: Nothing is lost

  /// A list of so many 2 MiB pages and base pages, mapped and then isolated in an order that mixes them.
  private func startMixed(_ bench: Bench, huge: Int, base: Int, isConcurrent: Bool) -> [Int] {
    for page in 0..<huge { bench.mapHuge(page * 512) }
    bench.map((huge * 512)..<(huge * 512 + base))
    bench.memory.drainAllLRUBatches()
    var slots: [Int] = []
    for index in 0..<max(huge, base) {
      if index < base { slots.append(huge * 512 + index) }
      if index < huge { slots.append(index * 512) }
    }
    bench.start(slots: slots, isConcurrent: isConcurrent)
    return slots
  }

  private struct Way: CustomTestStringConvertible {
    var name: String
    var knobs: CopyKnobs
    var testDescription: String { name }
  }

  private static func on(_ change: (inout CopyKnobs) -> Void = { _ in }) -> CopyKnobs {
    var knobs = CopyKnobs(useDSACopyPages: true, dsaState: true)
    change(&knobs)
    return knobs
  }

  private static let ways = [
    Way(name: "cpu", knobs: CopyKnobs()), Way(name: "dsa", knobs: on()),
    Way(name: "dsa on 3", knobs: on { $0.limitChans = 3 }), Way(name: "dsa on 1", knobs: on { $0.limitChans = 1 }),
    Way(
      name: "dsa as the original",
      knobs: on {
        $0.dsaListCut = .c2
        $0.dsaRules = .c1
      }),
    Way(name: "dsa, overlapping", knobs: on { $0.dsaRoundOverlap = true }),
    Way(name: "dsa, asleep", knobs: on { $0.dsaAsyncMode = true }),
    Way(name: "dsa, umwait", knobs: on { $0.dsaSyncMode = 3 }),
    Way(
      name: "4 workers by items",
      knobs: {
        var knobs = CopyKnobs(cpuMultiCopyPages: true)
        knobs.mtCopySplit = .items
        return knobs
      }()),
    Way(
      name: "3 workers by bytes",
      knobs: {
        var knobs = CopyKnobs(cpuMultiCopyPages: true)
        knobs.mtCopySplit = .bytes
        knobs.limitMTNum = 3
        return knobs
      }()),
  ]

  @Test(arguments: ways, [(0, 1), (0, 40), (1, 0), (1, 31), (3, 100)])
  private func `each engine moves each list whole`(_ way: Way, _ list: (huge: Int, base: Int)) {
    for (rules, isConcurrent) in [(KernelRules.tpp2021, true), (.tpp2021, false), (.v6_12, false)] {
      let bench = Bench(rules, copy: way.knobs)
      let slots = startMixed(bench, huge: list.huge, base: list.base, isConcurrent: isConcurrent)
      bench.finish()
      let comment: Comment = "\(way.name), \(rules), \(isConcurrent)"
      #expect(slots.allSatisfy { bench.node(of: $0) == 1 }, comment)
      #expect(bench.job.nrSucceeded == list.huge * 512 + list.base && bench.job.leftovers.isEmpty, comment)
      let timer = bench.copies.context.timer
      #expect(timer.engines.reduce(0) { $0 + $1.hugePages } == list.huge, comment)
      #expect(timer.engines.reduce(0) { $0 + $1.basePages } == list.base, comment)
      #expect(timer.dsaCopyFail == 0 && timer.takenOver == 0, comment)
      let isDSA = way.knobs.useDSACopyPages
      #expect(timer.engines[CopyMethod.dsa.rawValue].hugePages == (isDSA ? list.huge : 0), comment)
      // One page after the other, base pages are the CPU's.
      let isList = rules != .tpp2021 || isConcurrent
      let byDSA = isDSA && isList && list.huge * 512 + list.base >= 12
      #expect(timer.engines[CopyMethod.dsa.rawValue].basePages == (byDSA ? list.base : 0), comment)
      let written = bench.copies.summary(elapsed: bench.now).devices.reduce(0) { $0 + $1.bytesWritten }
      #expect(written == timer.engines[CopyMethod.dsa.rawValue].bytes, comment)
      #expect(bench.links.copiedTo[1] == (list.huge * 512 + list.base) << Page.shift, comment)
      expectSound(bench, comment)
    }
  }

  @Test(arguments: [
    "page 2%", "page 100%", "page n=3", "queue 1%", "queue 100%", "queue n=1", "gone n=1", "gone n=9", "gone 10%",
    "page 50%, gone n=20, queue 2%",
  ])
  func `no fault loses a page`(_ text: String) throws {
    var plan = FaultPlan()
    for fault in text.split(separator: ", ") {
      let words = fault.split(separator: " ").map(String.init)
      let trigger = try FaultPlan.Trigger(text: words[1])
      switch words[0] {
      case "page": plan.pageFault = trigger
      case "queue": plan.queueFull = trigger
      default: plan.deviceGone = trigger
      }
    }
    for (seed, rules) in [(1, KernelRules.tpp2021), (2, .v6_12), (3, .tpp2021)] {
      plan.seed = UInt64(seed)
      let bench = Bench(
        rules,
        copy: dsa {
          $0.limitChans = [8, 3, 2][seed - 1]
          $0.dsaAsyncMode = seed == 3
          $0.dsaRoundOverlap = seed > 1
          $0.dsaTimeout = seed == 2 ? Picoseconds.microsecond : 100 * Picoseconds.microsecond
          $0.cpuMultiCopyPages = seed == 2
        }, faults: plan)
      let slots = startMixed(bench, huge: 3, base: 120, isConcurrent: rules == .tpp2021)
      bench.finish()
      #expect(slots.allSatisfy { bench.node(of: $0) == 1 })
      let timer = bench.copies.context.timer
      #expect(timer.engines.reduce(0) { $0 + $1.bytes } == (3 * 512 + 120) << Page.shift)
      #expect(timer.timeouts == 0 || !bench.copies.context.knobs.useDSACopyPages)
      #expect(!bench.copies.context.isBusy)
      if text.hasSuffix("n=1") && seed != 2 { #expect(timer.takenOver > 0 && timer.timeouts > 0) }
      expectSound(bench, "\(text), seed \(seed)")
    }
  }

  @Test(arguments: ["n=1", "n=20", "n=40", "30%", "100%"])
  func `targets that cannot be allocated`(_ text: String) throws {
    for rules in [KernelRules.tpp2021, .v6_12] {
      let bench = Bench(rules, copy: dsa(), failing: try FaultPlan.Trigger(text: text))
      let slots = startMixed(bench, huge: 1, base: 39, isConcurrent: rules == .tpp2021)
      bench.finish()
      let moved = slots.count { bench.node(of: $0) == 1 }
      #expect(bench.copies.context.timer.engines.reduce(0) { $0 + $1.bytes } == bench.job.nrSucceeded << Page.shift)
      if text == "100%" { #expect(moved == 0) }
      if text == "n=40", rules == .tpp2021 { #expect(moved == 40, "migrate_pages takes what the list could not") }
      expectSound(bench, "\(text), \(rules)")
    }
  }

  // MARK: Times

  /// Copying alone, by the stage's own account.
  private func copyTime(_ knobs: CopyKnobs, huge: Int, base: Int, bandwidth: Int = 100_000_000_000, cpus: Int = 4)
    -> Int
  {
    let bench = Bench(.tpp2021, copy: knobs, bandwidth: bandwidth, cpus: cpus)
    _ = startMixed(bench, huge: huge, base: base, isConcurrent: true)
    bench.finish()
    return bench.copies.context.timer.engines.reduce(0) { $0 + $1.elapsed }
  }

  @Test func `DSA is faster than a CPU at 32 pages and at a huge page`() {
    // README of the original: 1.5 to 4 times for lists of base pages, 3 to 14 times for a huge page.
    let list = Double(copyTime(CopyKnobs(), huge: 0, base: 32)) / Double(copyTime(dsa(), huge: 0, base: 32))
    #expect((1.5...8).contains(list), "\(list)")
    let huge = Double(copyTime(CopyKnobs(), huge: 1, base: 0)) / Double(copyTime(dsa(), huge: 1, base: 0))
    #expect((3...20).contains(huge), "\(huge)")
    // All channels together are no faster than the platform.
    let bytes = 3 << 21
    let least = bytes * 1000 / 106 * Picoseconds.nanosecond / 1000
    #expect(copyTime(dsa(), huge: 3, base: 0) > least)
  }

  @Test func `sleeping and polling take longer than spinning, and the CPU is free while it sleeps`() {
    var times: [Int] = []
    var cpu: [Int] = []
    for (mode, isAsync) in [(0, false), (2, false), (1, false), (3, false), (0, true)] {
      let bench = Bench(
        .tpp2021,
        copy: dsa {
          $0.dsaSyncMode = mode
          $0.dsaAsyncMode = isAsync
        })
      _ = startMixed(bench, huge: 2, base: 32, isConcurrent: true)
      bench.finish()
      let use = bench.copies.context.timer.engines[CopyMethod.dsa.rawValue]
      times.append(use.elapsed)
      cpu.append(use.cpuTime)
    }
    #expect(times == times.sorted() && Set(times).count == 5, "\(times)")
    #expect(cpu[0] == times[0], "a CPU that spins does nothing else")
    #expect(cpu[4] < times[4] / 2)
  }

  /// While a slow CPU submits, all but the last of the records come: only for that one it has to wait.
  @Test func `a record that is there when the CPU looks costs no wait`() {
    func time(_ mode: Int) -> Picoseconds {
      var costs = CopyCostKnobs()
      costs.dsaSubmit = 100 * Picoseconds.microsecond
      let bench = Bench(.tpp2021, copy: dsa { $0.dsaSyncMode = mode }, copyCosts: costs)
      bench.map(0..<32)
      bench.start(slots: Array(0..<32), isConcurrent: true)
      return bench.finish()
    }
    let exit = CopyCostKnobs().dsaUmwaitExit
    #expect(time(DSAWait.umwait.rawValue) - time(DSAWait.spin.rawValue) == exit)
  }

  @Test func `workers share their link`() {
    let one = copyTime(workers(1), huge: 4, base: 0)
    let four = copyTime(workers(4, split: .bytes), huge: 4, base: 0)
    #expect(one > 3 * four && one < 4 * four, "\(one) \(four)")
    // A link of 10 GB/s, and CPUs that copy 8 GB/s each: eight are no faster than the link.
    let bytes = 4 << 21
    let least = bytes / 10 * Picoseconds.nanosecond
    for split in WorkerSplit.allCases {
      let eight = copyTime(workers(8, split: split), huge: 4, base: 0, bandwidth: 10_000_000_000, cpus: 8)
      #expect(eight >= least && eight < least * 3 / 2, "\(split): \(eight), the link takes \(least)")
    }
    // By items, one worker has the only huge page.
    let uneven = copyTime(workers(4), huge: 1, base: 60)
    let even = copyTime(workers(4, split: .bytes), huge: 1, base: 60)
    #expect(uneven > 3 * even)
  }

  @Test func `a lost record costs the time-out, once for the list`() {
    var plan = FaultPlan()
    plan.deviceGone = .nth(1)
    let bench = Bench(
      .tpp2021,
      copy: dsa {
        $0.dsaTimeout = 50 * Picoseconds.microsecond
        $0.limitChans = 1
      }, faults: plan)
    _ = startMixed(bench, huge: 4, base: 100, isConcurrent: true)
    bench.finish()
    let use = bench.copies.context.timer.engines[CopyMethod.dsa.rawValue]
    #expect(use.elapsed >= 50 * Picoseconds.microsecond && use.elapsed < 60 * Picoseconds.microsecond)
    #expect(use.bytes == 0)
    expectSound(bench)
  }
}
