// Copy jobs against a device without time: every byte once, whatever fails; who takes over; what /proc/timer says.
import DSAFormat
import Events
import Testing
import Units

@testable import PageCopy

private func dsa(_ change: (inout CopyKnobs) -> Void = { _ in }) -> CopyKnobs {
  var knobs = CopyKnobs(useDSACopyPages: true, dsaState: true)
  change(&knobs)
  return knobs
}

private func use(_ rig: CopyRig, _ method: CopyMethod) -> EngineUse { rig.context.timer.engines[method.rawValue] }

@Suite struct CopyJobVectorTests {
  private struct Vector: CustomTestStringConvertible {
    var list: String
    var channels = 8
    var cut = ListCut.c2
    /// Descriptors of each channel over all rounds, and batches.
    var descriptors: [Int]
    var batches: [Int] = []
    var rounds = 1
    var testDescription: String { "\(list) on \(channels), \(cut)" }
  }

  private static func eight(_ value: Int) -> [Int] { [Int](repeating: value, count: 8) }

  private static let vectors = [
    Vector(list: "12b", descriptors: [2, 2, 2, 2, 1, 1, 1, 1]),
    Vector(list: "15b", descriptors: [2, 2, 2, 2, 2, 2, 2, 1]),
    Vector(list: "16b", descriptors: eight(1), batches: eight(2)),
    Vector(list: "17b", descriptors: eight(1), batches: [3, 2, 2, 2, 2, 2, 2, 2]),
    Vector(list: "32b", descriptors: eight(1), batches: eight(4)),
    Vector(list: "1h,31b", descriptors: eight(2), batches: [4, 4, 4, 4, 4, 4, 4, 3]),
    Vector(list: "A", descriptors: eight(2), batches: eight(128).dropLast() + [127]),
    Vector(list: "1024b", descriptors: eight(1), batches: eight(128)),
    Vector(list: "24h,16b", cut: .slots, descriptors: eight(25), batches: eight(2)),
    Vector(list: "16b,24h", descriptors: eight(25), batches: eight(2)),
    Vector(list: "8b,24h", descriptors: eight(25)),
    Vector(list: "9b,24h", cut: .slots, descriptors: [26] + eight(25).dropLast(), rounds: 2),
    Vector(list: "512b", channels: 4, descriptors: [1, 1, 1, 1, 0, 0, 0, 0], batches: [128, 128, 128, 128]),
    Vector(
      list: "513b", channels: 4, cut: .slots, descriptors: [2, 1, 1, 1, 0, 0, 0, 0], batches: [128, 128, 128, 128],
      rounds: 2),
    Vector(list: "129b", channels: 1, cut: .slots, descriptors: [2, 0, 0, 0, 0, 0, 0, 0], batches: [128], rounds: 2),
    Vector(list: "1030b", descriptors: [2, 2, 2, 2, 2, 2, 1, 1], batches: eight(128), rounds: 2),
    Vector(list: "25h", descriptors: eight(25), rounds: 2),
    Vector(
      list: "B", descriptors: eight(26),
      batches: [14, 14, 14, 13, 13, 13, 13, 13, 112, 112, 112, 112, 112, 111, 111, 111],
      rounds: 2),
    Vector(list: "3h,17b", channels: 1, descriptors: [4, 0, 0, 0, 0, 0, 0, 0], batches: [17]),
    Vector(list: "2h,5b", channels: 3, descriptors: [4, 4, 3, 0, 0, 0, 0, 0]),
  ]

  @Test(arguments: vectors, [false, true])
  private func `each vector copies every byte once`(_ vector: Vector, overlaps: Bool) throws {
    let rig = CopyRig(
      dsa {
        $0.limitChans = vector.channels
        $0.dsaListCut = vector.cut
        $0.dsaRoundOverlap = overlaps
      })
    let list = kinds(vector.list)
    let job = rig.job(list)
    try rig.finish(job)
    rig.expectCovered(list)
    #expect(job.engine == .dsa && rig.byCPU.isEmpty)
    #expect(rig.device.submitted == vector.descriptors)
    #expect(rig.device.batches.sorted() == vector.batches.sorted())
    let timer = rig.context.timer
    #expect(timer.descriptors == vector.descriptors.reduce(0, +), "slices, singles and batches, each once")
    #expect(timer.batches == vector.batches.count && timer.members == vector.batches.reduce(0, +))
    #expect(timer.rounds == vector.rounds)
    #expect(timer.counts.dsaHugePages == list.count { $0 == .huge })
    #expect(timer.counts.dsaBasePages == list.count { $0 == .base })
    #expect(timer.counts.hugePages == 0 && timer.counts.basePages == 0 && timer.dsaCopyFail == 0)
    #expect(timer.lastCount == PageList(list).weight && timer.total == timer.last && timer.last > 0)
  }

  /// The rows where the original leaves its memory.
  @Test(arguments: ["9b,24h", "15b,24h"], [CopyRules.c1, .c2])
  func `what overflows the original's pools goes page by page`(_ text: String, rules: CopyRules) throws {
    let rig = CopyRig(
      dsa {
        $0.dsaListCut = .c2
        $0.dsaRules = rules
      })
    let list = kinds(text)
    try rig.finish(rig.job(list))
    rig.expectCovered(list)
    #expect(rig.context.timer.overflows == 1 && rig.context.timer.dsaCopyFail == 1)
    // Each huge page by itself, on all channels; the base pages by the CPU.
    #expect(rig.context.timer.counts.dsaHugePages == 24 && rig.byCPU.count == list.count - 24)
    #expect(rig.context.timer.rounds == 0, "no round of a list began")
  }

  @Test func `rounds overlap only when they are asked to`() throws {
    for (overlaps, most) in [(false, 25), (true, 50)] {
      let rig = CopyRig(dsa { $0.dsaRoundOverlap = overlaps })
      let list = kinds("75h")
      try rig.finish(rig.job(list))
      rig.expectCovered(list)
      #expect(rig.device.mostInFlight == [Int](repeating: most, count: 8))
    }
  }

  @Test(arguments: [1, 3, 16], [false, true])
  func `small queues are never overrun`(_ entries: Int, overlaps: Bool) throws {
    for text in ["12b", "17b", "3h", "30h,40b", "1030b"] {
      for channels in [1, 3, 8] {
        let rig = CopyRig(
          dsa {
            $0.limitChans = channels
            $0.dsaRoundOverlap = overlaps
          }, entries: [Int](repeating: entries, count: 8))
        let list = kinds(text)
        try rig.finish(rig.job(list))
        rig.expectCovered(list)
        #expect(rig.device.mostInFlight.allSatisfy { $0 <= entries })
        #expect(rig.byCPU.isEmpty && rig.context.timer.dsaCopyFail == 0)
      }
    }
  }

  /// Several CPUs with a job each on queues of few entries: some find none, and all of them end.
  @Test(arguments: [1, 5, 40])
  func `jobs of several CPUs share the queues`(_ entries: Int) throws {
    let rig = CopyRig(
      dsa { $0.dsaRoundOverlap = true }, entries: [Int](repeating: entries, count: 7) + [1])
    var random = SplitMix64(seed: UInt64(entries))
    rig.device.choose = { random.below($0) }
    let texts = ["20h,17b", "12b", "1030b,9b", "26h", "27h,1b", "51h,1b"]
    var all: [PageKind] = []
    var jobs: [CopyJob] = []
    for text in texts {
      jobs.append(rig.job(kinds(text), firstItem: all.count))
      all += kinds(text)
    }
    var order = SplitMix64(seed: 3)
    var steps = 0
    while !jobs.isEmpty {
      let index = order.below(jobs.count)
      if try !rig.step(jobs[index], isAlone: false) { jobs.remove(at: index) }
      steps += 1
      try #require(steps < 100_000, "no end")
    }
    rig.expectCovered(all)
    #expect(rig.byCPU.isEmpty)
    #expect(rig.device.mostInFlight.enumerated().allSatisfy { $1 <= ($0 == 7 ? 1 : entries) })
    #expect(entries > 30 || rig.context.timer.fullQueues > 0)
  }

  @Test func `only descriptors of async mode ask for interrupts, and members never do`() throws {
    for isAsync in [false, true] {
      let rig = CopyRig(dsa { $0.dsaAsyncMode = isAsync })
      let job = rig.job(kinds("2h,40b"))
      var step = 0
      while try rig.step(job) {
        // A write in the middle is for the next copy.
        if step == 1 { rig.context.knobs.dsaAsyncMode.toggle() }
        step += 1
        if job.isActive, step > 1 { #expect(job.wantsInterrupts == isAsync) }
      }
      #expect(rig.device.interruptsAsked == (isAsync ? rig.context.timer.descriptors : 0))
    }
  }
}

@Suite struct CopyJobFailureTests {
  private enum Failure: String, CaseIterable {
    case hardwareError, batchHardwareError, batchListFault, memberError, memberFault, singleFault, lost, batchLost
  }

  private func inject(_ failure: Failure, _ device: FakeDevice, only victim: Int = 3) {
    switch failure {
    case .hardwareError: device.end = { move, _ in move == victim ? .status(.hardwareError) : .success }
    case .batchHardwareError: device.endOfBatch = { $0 == victim ? .status(.hardwareError) : .members }
    case .batchListFault: device.endOfBatch = { $0 == victim ? .listFault(1) : .members }
    case .memberError: device.end = { move, _ in move == victim ? .status(.falsePredicate) : .success }
    case .memberFault: device.end = { move, _ in move == victim ? .fault(1000) : .success }
    case .singleFault: device.end = { move, _ in move == victim ? .fault(333) : .success }
    case .lost: device.end = { move, _ in move == victim ? .lost : .success }
    case .batchLost: device.endOfBatch = { $0 == victim ? .lost : .members }
    }
  }

  /// Failure, list, items that the CPU takes over, whether the descriptor's rest is submitted again instead.
  @Test(arguments: [
    (Failure.hardwareError, "12b", 1, 0), (.memberError, "12b", 1, 0), (.singleFault, "12b", 0, 1),
    (.lost, "12b", 1, 0),
    (.hardwareError, "32b", 1, 0), (.batchHardwareError, "32b", 4, 0), (.batchListFault, "32b", 0, 3),
    (.memberError, "32b", 1, 0), (.memberFault, "32b", 0, 1), (.batchLost, "32b", 4, 0), (.memberFault, "2h,32b", 0, 1),
    (.hardwareError, "1h", 1, 0), (.singleFault, "1h", 0, 1), (.lost, "1h", 1, 0), (.hardwareError, "3h,17b", 1, 0),
  ])
  private func `only what failed is copied again`(
    _ failure: Failure, _ text: String, _ takenOver: Int, _ resumed: Int
  ) throws {
    for rules in CopyRules.allCases {
      let rig = CopyRig(dsa { $0.dsaRules = rules })
      inject(failure, rig.device)
      let list = kinds(text)
      try rig.finish(rig.job(list))
      rig.expectCovered(list)
      let timer = rig.context.timer
      // Under c2 a huge page of the list that failed is tried once more by itself.
      let isHuge = list[0] == .huge && takenOver > 0
      let isRetried = isHuge && rules == .c2 && failure != .lost
      #expect(timer.takenOver == (isRetried ? 0 : takenOver) && timer.resumed == resumed)
      #expect(rig.byCPU.count == timer.takenOver)
      #expect(timer.dsaCopyFail == (takenOver > 0 ? 1 : 0))
      let isLost = failure == .lost || failure == .batchLost
      #expect(timer.timeouts == (isLost ? 1 : 0))
      #expect(rig.context.knobs.useDSACopyPages == (takenOver == 0 || (rules == .c2 && !isLost)))
      // Success is counted once.
      let counts = timer.counts
      let huge = list.count { $0 == .huge }
      #expect(counts.dsaHugePages + counts.hugePages == huge)
      #expect(counts.dsaBasePages + counts.basePages - Page.perHuge * counts.hugePages == list.count - huge)
      let engines = timer.engines.reduce((0, 0)) { ($0.0 + $1.hugePages, $0.1 + $1.basePages) }
      #expect(engines == (huge, list.count - huge))
    }
  }

  @Test func `a partial completion goes on where it stopped, up to three times`() throws {
    // The slice of channel 2 stops at odd places, 1, 2, 3 and 4 times.
    for faults in 1...4 {
      let rig = CopyRig(dsa { $0.dsaRules = .c1 })
      var left = faults
      rig.device.end = { _, descriptor in
        guard descriptor.source >= FakeDevice.source(0) + 512 << 10,
          descriptor.source < FakeDevice.source(0) + 768 << 10
        else { return .success }
        left -= 1
        return left >= 0 ? .fault(4097) : .success
      }
      let list = kinds("1h,1b,1h")
      try rig.finish(rig.job(list))
      rig.expectCovered(list)
      #expect(rig.context.timer.resumed == min(faults, 3))
      #expect(rig.context.timer.takenOver == (faults > 3 ? 1 : 0))
    }
  }

  @Test func `a record that claims more than was asked for is a failure`() throws {
    for (bytes, takenOver) in [(Page.size, 0), (Page.size + 1, 1)] {
      let rig = CopyRig(dsa())
      rig.device.end = { move, _ in move == 5 ? .fault(bytes) : .success }
      try rig.finish(rig.job(kinds("12b")))
      #expect(rig.byCPU.count == takenOver)
    }
  }

  @Test func `a list that cannot be read is submitted again, all of it`() throws {
    // 128 members of one channel were not begun: more than the slots of one turn.
    let rig = CopyRig(dsa { $0.limitChans = 1 })
    rig.device.endOfBatch = { _ in .listFault(0) }
    let list = kinds("128b")
    try rig.finish(rig.job(list))
    rig.expectCovered(list)
    #expect(rig.context.timer.resumed == 128 && rig.byCPU.isEmpty)
  }

  /// The first wait that ends without a record ends the copy: nothing more is submitted, or each queue entry would wait as long.
  @Test(arguments: [1, 128], [false, true])
  func `a device that is gone is waited for once a descriptor in flight`(_ entries: Int, overlaps: Bool) throws {
    let rig = CopyRig(
      dsa { $0.dsaRoundOverlap = overlaps }, entries: [Int](repeating: entries, count: 8))
    rig.device.end = { _, _ in .lost }
    rig.device.endOfBatch = { _ in .lost }
    let list = kinds("60h,40b")
    try rig.finish(rig.job(list))
    rig.expectCovered(list)
    #expect(rig.byCPU.count == 100)
    #expect(rig.context.timer.timeouts <= min(entries, overlaps ? 50 : 25) * 8)
    #expect(rig.context.timer.dsaCopyFail == 1 && !rig.context.knobs.useDSACopyPages)
    #expect(rig.context.timer.total > 0, "the huge pages that went page by page")
  }

  @Test func `the original's order of engines`() throws {
    // The list fails: its huge pages go to the workers under c1, which has cleared the switch; DSA tries again under c2.
    for (rules, byWorkers) in [(CopyRules.c1, true), (.c2, false)] {
      let rig = CopyRig(
        dsa {
          $0.dsaRules = rules
          $0.cpuMultiCopyPages = true
        })
      rig.device.end = { move, _ in move < 8 ? .status(.hardwareError) : .success }
      let list = kinds("1h,20b")
      try rig.finish(rig.job(list))
      rig.expectCovered(list)
      #expect(rig.byWorkers.count == (byWorkers ? 1 : 0))
      #expect(use(rig, .workers).hugePages == (byWorkers ? 1 : 0))
      #expect(use(rig, .dsa).hugePages == (byWorkers ? 0 : 1))
      #expect(use(rig, .dsa).basePages == 20)
      #expect(rig.context.timer.takenOver == (byWorkers ? 1 : 0))
    }
  }

  @Test func `a huge page by itself that fails clears the switch under both rules`() throws {
    for rules in CopyRules.allCases {
      let rig = CopyRig(dsa { $0.dsaRules = rules })
      rig.device.end = { move, _ in move == 7 ? .status(.hardwareError) : .success }
      try rig.finish(rig.job(kinds("1h"), isSingle: true))
      #expect(rig.byCPU == [0] && !rig.context.knobs.useDSACopyPages)
      let timer = rig.context.timer
      #expect(timer.counts.hugePages == 1 && timer.counts.basePages == 512 && timer.counts.dsaHugePages == 0)
      // Timed whoever copied it.
      #expect(timer.lastCount == 512 && timer.last > 0 && timer.dsaCopyFail == 1)
    }
  }

  @Test(arguments: CopyRules.allCases)
  func `lists beyond the caps`(_ rules: CopyRules) throws {
    let rig = CopyRig(dsa { $0.dsaRules = rules })
    let list = kinds("25h,3b")
    try rig.finish(rig.job(list))
    rig.expectCovered(list)
    let timer = rig.context.timer
    #expect(timer.counts.dsaHugePages == 25)
    // Under c1 one huge page after the other, each of 512 pages, and the base pages by the CPU and untimed.
    #expect(timer.lastCount == (rules == .c1 ? 512 : 25 * 512 + 3))
    #expect(rig.byCPU.count == (rules == .c1 ? 3 : 0))
    #expect(use(rig, .dsa).calls == (rules == .c1 ? 25 : 1))
  }

  @Test func `thresholds, workers and the CPU`() throws {
    // Below the threshold without workers: the CPU, and the timer sees no time.
    var rig = CopyRig(dsa())
    try rig.finish(rig.job(kinds("11b")))
    #expect(rig.byCPU.count == 11 && rig.context.timer.counts.basePages == 11)
    #expect(rig.context.timer.total == 0 && rig.context.timer.lastCount == 0)
    // With workers they take it.
    rig = CopyRig(dsa { $0.cpuMultiCopyPages = true })
    try rig.finish(rig.job(kinds("11b")))
    rig.expectCovered(kinds("11b"))
    #expect(rig.byWorkers.count == 11 && rig.context.timer.counts.basePages == 11 && rig.context.timer.lastCount == 11)
    // Workers alone, for a list and for a huge page.
    rig = CopyRig(CopyKnobs(cpuMultiCopyPages: true))
    try rig.finish(rig.job(kinds("2h,5b")))
    try rig.finish(rig.job(kinds("1h"), isSingle: true, firstItem: 7))
    rig.expectCovered(kinds("2h,5b,1h"))
    #expect(rig.context.timer.counts.hugePages == 3 && rig.context.timer.counts.basePages == 5)
    #expect(use(rig, .workers).calls == 2)
    // An empty list.
    rig = CopyRig(dsa())
    let job = rig.job([])
    try rig.finish(job)
    #expect(job.engine == .nothing && rig.context.timer.rounds == 0)
  }

  @Test func `the nine fields are still while the timer is off, but for failures`() throws {
    let rig = CopyRig(dsa())
    rig.context.timer.write(0)
    rig.device.end = { move, _ in move == 0 ? .status(.hardwareError) : .success }
    try rig.finish(rig.job(kinds("12b")))
    #expect(
      rig.context.timer.line
        == "timer_state = 0 total_time = 0ms last_time = 0ns last_cnt = 0 dsa_hpage_cnt = 0 dsa_bpage_cnt = 0 "
        + "dsa_copy_fail = 1 hpage_cnt = 0 bpage_cnt = 0\n")
    rig.context.timer.write(1)
    try rig.finish(rig.job(kinds("1h,40b"), firstItem: 20))
    // A write of 1 while it is on clears nothing.
    rig.context.timer.write(1)
    #expect(rig.context.timer.counts.dsaHugePages == 1 && rig.context.timer.counts.dsaBasePages == 40)
    #expect(rig.context.timer.line.contains("last_cnt = 552 dsa_hpage_cnt = 1 dsa_bpage_cnt = 40 dsa_copy_fail = 0 "))
  }

  @Test(arguments: 0..<4)
  func `random lists and random faults lose nothing`(_ part: Int) throws {
    for seed in (part * 40)..<(part * 40 + 40) {
      var random = SplitMix64(seed: UInt64(seed))
      func below(_ bound: Int) -> Int { random.below(bound) }
      let knobs = dsa {
        $0.limitChans = 1 + below(8)
        $0.dsaListCut = below(2) == 0 ? .c2 : .slots
        $0.dsaRules = below(2) == 0 ? .c1 : .c2
        $0.dsaRoundOverlap = below(2) == 0
        $0.cpuMultiCopyPages = below(3) == 0
        $0.dsaCopyThreshold = [-1, 12, 16][below(3)]
        $0.mtCopySplit = below(2) == 0 ? .items : .bytes
        $0.limitMTNum = 1 + below(8)
      }
      let rig = CopyRig(knobs, entries: (0..<8).map { _ in [1, 2, 7, 16, 128][below(5)] })
      var rates = SplitMix64(seed: UInt64(seed) &+ 1000)
      let (faults, errors, losses) = ([0, 10, 100, 400][below(4)], [0, 0, 5, 50][below(4)], [0, 0, 0, 10][below(4)])
      rig.device.end = { _, descriptor in
        let draw = rates.below(1000)
        if draw < losses { return .lost }
        if draw < losses + errors {
          return .status([.hardwareError, .pageRequestFailed, .falsePredicate, .transferSize][rates.below(4)])
        }
        if draw < losses + errors + faults { return .fault(rates.below(Int(descriptor.transferSize))) }
        return .success
      }
      rig.device.endOfBatch = { _ in
        let draw = rates.below(1000)
        if draw < losses { return .lost }
        if draw < losses + errors { return .status(.hardwareError) }
        return draw < losses + errors + faults ? .listFault(rates.below(4)) : .members
      }
      rig.device.choose = { rates.below($0) }
      var all: [PageKind] = []
      for _ in 0..<3 {
        var list: [PageKind] = []
        for _ in 0...below(3) {
          switch below(4) {
          case 0: list += [PageKind](repeating: .huge, count: below(30))
          case 1: list += [PageKind](repeating: .base, count: below(300))
          case 2: list += [PageKind](repeating: .base, count: [1, 11, 12, 15, 16, 17, 128, 129][below(8)])
          default: for _ in 0..<below(20) { list.append(below(2) == 0 ? .huge : .base) }
          }
        }
        try rig.finish(rig.job(list, firstItem: all.count))
        all += list
        // Whatever was turned off comes on again.
        rig.context.knobs = knobs
      }
      rig.expectCovered(all)
      let counts = rig.context.timer.counts
      let huge = all.count { $0 == .huge }
      #expect(counts.dsaHugePages + counts.hugePages == huge, "seed \(seed)")
      #expect(
        rig.context.timer.engines.reduce(0) { $0 + $1.bytes } == PageList(all).bytes, "seed \(seed): counted once")
    }
  }
}
