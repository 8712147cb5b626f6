// One copy of a page list, or of one huge page, as steps: which engine, what it is asked for, and what happens when it fails.
// A state machine without clock and without I/O: a driver does what a step says and calls again.
//
// Source: kernels-with-dsa (madsys-dev/DSA-2LM), the copy phase of migrate_pages_concur, copy_huge_page, dsa_copy_page_lists and
// dsa_multi_copy_pages, with these differences: all that was submitted is waited for before a failure counts; only what failed is
// copied again; every copy is timed.

import DSAFormat
import Units

/// What a job asks of its driver.
public enum CopyStep: Equatable, Sendable {
  /// Lock a pool and set `job.pool`; it stays the job's until `done`.
  case lockPool
  /// Write `job.submissions` to the portals, in the order that their numbers say.
  case submit
  /// Wait until `job.isRecordWritten`, or call `job.timeOut()`.
  case wait
  /// Wait until a channel has a free entry: `job.hasEntries`.
  case waitForEntries
  /// Copy an item on this CPU, whole.
  case copy(item: Int)
  /// Let workers copy their shares of `job.workers`, wait for all of them, and call `job.workIsDone`.
  case work
  /// All items are copied; the pool is free.
  case done
}

/// Descriptors to submit to one channel: `CopyJob.fillDescriptors` writes them.
public struct CopySubmission: Equatable, Sendable {
  public var channel: Int
  public var bank: Int
  /// Slots in a row.
  public var slots: Range<Int>
  /// Descriptors that the CPU fills and submits in this step until the first of these is submitted, itself included; members of
  /// batches count as filled.
  public var filled: Int
  public var submitted: Int
  /// Descriptors from one of these to the next.
  public var stride: Int
}

/// A copy. Made once and started again, so that it does not allocate at each list.
public final class CopyJob {
  enum Phase { case idle, start, rounds, work, worked, pages, takeOver, cpu, end }

  public let context: CopyContext
  /// Whether descriptors carry Priv, as the kernel's do; a process's must not.
  let isPrivileged: Bool
  /// Whether the descriptors of the copy under way ask for an interrupt: vm.dsa_async_mode when it began.
  public var wantsInterrupts: Bool { round.isAsync }
  /// What is copied, in order, and where each item's bytes are and go.
  public private(set) var list = PageList()
  public private(set) var sources: [UInt64] = []
  public private(set) var destinations: [UInt64] = []
  /// CPUs of the node whose CPUs copy.
  private var cpus = 1
  /// Whether this is copy_huge_page and not the copy of a list.
  private var isSingle = false

  /// Set by the driver at `lockPool`.
  public var pool: CopyPool?

  var phase = Phase.idle
  private(set) public var engine = ListEngine.nothing
  /// Why this engine.
  private(set) public var reason = CopyReason.empty
  /// Status of the first descriptor, or member of a batch, that did not succeed since the start: `none` if there was no such, or if
  /// its record never came.
  public internal(set) var firstError = CompletionStatus.none
  /// The shares, at `work`.
  public private(set) var workers: WorkerCopyPlan?
  /// Of which item, when workers copy one huge page; nil for the list.
  public private(set) var workItem: Int?

  /// The descriptors, at `submit`.
  public internal(set) var submissions: [CopySubmission] = []
  /// Descriptors that the CPU fills and submits for all of `submissions`; members of batches count as filled.
  public internal(set) var filled = 0
  public internal(set) var submitted = 0

  // The DSA copy under way (CopyJob+Rounds.swift).
  var plan: CopyPlan?
  /// The item that the plan's first one is: a single huge page has a plan of its own.
  var planItem = 0
  var round = RoundState()
  /// Items that DSA could not copy.
  var failed: [Int] = []

  /// Items still to do page by page, and the item whose copy failed last.
  private var rest: [Int] = []
  private var restIndex = 0
  /// Whether they are what is left of a list that DSA failed to copy.
  private var isAfterFailure = false
  private var beganAt: Picoseconds = 0
  private var pageBeganAt: Picoseconds = 0

  /// - Parameter isPrivileged: whether descriptors carry Priv: true in a kernel, false in a process.
  public init(context: CopyContext, isPrivileged: Bool = true) {
    self.context = context
    self.isPrivileged = isPrivileged
  }

  // MARK: What is to be copied

  /// Empties the job's list.
  public func removeAll() {
    precondition(phase == .idle)
    list.removeAll()
    sources.removeAll(keepingCapacity: true)
    destinations.removeAll(keepingCapacity: true)
  }

  /// Adds an item: the addresses of its first byte.
  public func append(_ kind: PageKind, from source: UInt64, to destination: UInt64) {
    list.append(kind)
    sources.append(source)
    destinations.append(destination)
  }

  /// Adds base pages: `place` says of each, from 0, where its first byte is and where it goes.
  public func append(basePages count: Int, place: (Int) -> (source: UInt64, destination: UInt64)) {
    list.append(.base, count: count)
    sources.reserveCapacity(list.count)
    destinations.reserveCapacity(list.count)
    for index in 0..<count {
      let (source, destination) = place(index)
      sources.append(source)
      destinations.append(destination)
    }
  }

  /// Begins.
  ///
  /// - Parameters:
  ///   - cpus: CPUs of the node whose CPUs copy.
  ///   - isSingle: the list is one huge page that is copied by copy_huge_page, where no threshold applies.
  public func start(cpus: Int, isSingle: Bool = false) {
    precondition(phase == .idle && (!isSingle || list.count == 1))
    self.cpus = cpus
    self.isSingle = isSingle
    rest.removeAll(keepingCapacity: true)
    restIndex = 0
    isAfterFailure = false
    failed.removeAll(keepingCapacity: true)
    firstError = .none
    phase = .start
  }

  /// Whether a copy is under way.
  public var isActive: Bool { phase != .idle }

  // MARK: Steps

  /// What to do next. Before, the driver has done what the last step said.
  public func step(now: Picoseconds) -> CopyStep {
    while true {
      switch phase {
      case .idle: return .done
      case .start:
        beganAt = now
        if let step = choose() { return step }
      case .rounds:
        if let step = nextOfRounds() { return step }
        endRounds(now: now)
      case .work: return .work
      case .worked: endWork(now: now)
      case .pages:
        if let step = nextPage(now: now) { return step }
      case .takeOver:
        phase = .cpu
        return .copy(item: rest[restIndex])
      case .cpu:
        endPage(now: now)
      case .end:
        phase = .idle
        pool = nil
        return .done
      }
    }
  }

  private func choose() -> CopyStep? {
    if isSingle {
      rest.append(0)
      phase = .pages
      return nil
    }
    let decision = context.knobs.engine(of: list, rules: context.knobs.dsaRules)
    engine = decision.engine
    reason = decision.reason
    switch decision.engine {
    case .nothing: phase = .end
    case .dsa:
      beginRounds(list, item: 0)
      if planOverflows {
        // The original leaves its memory here. Nothing was submitted.
        context.timer.failed()
        context.timer.overflows += 1
        pageByPage(0..<list.count)
      } else {
        phase = .rounds
      }
    case .workers:
      if let plan = try? WorkerCopyPlan(
        list, limit: context.knobs.limitMTNum, cpus: cpus, split: context.knobs.mtCopySplit)
      {
        return beginWork(plan, item: nil)
      }
      pageByPage(0..<list.count)
    case .pageByPage: pageByPage(0..<list.count)
    }
    return nil
  }

  private func pageByPage(_ items: some Sequence<Int>) {
    rest.append(contentsOf: items)
    phase = .pages
  }

  // MARK: Workers

  private func beginWork(_ plan: WorkerCopyPlan, item: Int?) -> CopyStep {
    workers = plan
    workItem = item
    phase = .work
    return .work
  }

  /// At `work`: all workers have finished.
  public func workIsDone() {
    if phase == .work { phase = .worked }
  }

  private func endWork(now: Picoseconds) {
    if workItem != nil {
      if isAfterFailure { context.timer.takenOver += 1 }
      context.timer.count { $0.addHugePage(by: .workers) }
      add(.workers, PageList(huge: 1), now - pageBeganAt)
      context.timer.time(now - pageBeganAt, pages: Page.perHuge)
      restIndex += 1
      phase = .pages
    } else {
      context.timer.count { $0.add(list, by: .workers) }
      add(.workers, list, now - beganAt)
      context.timer.time(now - beganAt, pages: list.weight)
      phase = .end
    }
  }

  // MARK: DSA

  private func endRounds(now: Picoseconds) {
    if isOnPage { return endPage(now: now) }
    if failed.isEmpty {
      context.timer.count { $0.add(list, by: .dsa) }
      add(.dsa, list, now - beganAt)
      context.timer.time(now - beganAt, pages: list.weight)
      phase = .end
      return
    }
    // What went well stays; the original copies the whole list again.
    failed.sort()
    var done = PageList()
    var next = 0
    var bad: [Int] = []
    for item in 0..<list.count {
      var isBad = false
      while next < failed.count, failed[next] == item {
        isBad = true
        next += 1
      }
      if isBad { bad.append(item) } else { done.append(list[item]) }
    }
    context.timer.failed()
    isAfterFailure = true
    context.timer.count { $0.add(done, by: .dsa) }
    add(.dsa, done, now - beganAt)
    _ = context.knobs.listFailed(.dsa, rules: context.knobs.dsaRules)
    failed.removeAll(keepingCapacity: true)
    pageByPage(bad)
  }

  // MARK: Page by page

  /// Whether the rounds under way copy one huge page of those that go page by page.
  var isOnPage: Bool { !rest.isEmpty }

  private func nextPage(now: Picoseconds) -> CopyStep? {
    guard restIndex < rest.count else {
      phase = .end
      return nil
    }
    let item = rest[restIndex]
    pageBeganAt = now
    if list[item] == .base {
      phase = .cpu
      return .copy(item: item)
    }
    let decision = context.knobs.engineOfHugePage()
    if isSingle { reason = decision.reason }
    switch decision.engine {
    case .dsa:
      phase = .rounds
      beginRounds(PageList(huge: 1), item: item)
      return nil
    case .workers:
      if let plan = try? WorkerCopyPlan(hugePageWithLimit: context.knobs.limitMTNum, cpus: cpus) {
        return beginWork(plan, item: item)
      }
      fallthrough
    case .cpu:
      phase = .cpu
      return .copy(item: item)
    }
  }

  private func endPage(now: Picoseconds) {
    let item = rest[restIndex]
    let isHuge = list[item] == .huge
    if phase == .rounds {
      if !failed.isEmpty {
        // The CPU copies it. Its time runs on, as the original's does.
        failed.removeAll(keepingCapacity: true)
        context.timer.failed()
        if !isAfterFailure { context.timer.takenOver += 1 }
        _ = context.knobs.hugePageFailed(.dsa)
        phase = .takeOver
        return
      }
      context.timer.count { $0.addHugePage(by: .dsa) }
      add(.dsa, PageList(huge: 1), now - pageBeganAt)
    } else {
      if isAfterFailure { context.timer.takenOver += 1 }
      context.timer.count { if isHuge { $0.addHugePage(by: .cpu) } else { $0.addBasePage() } }
      add(.cpu, PageList(huge: isHuge ? 1 : 0, base: isHuge ? 0 : 1), now - pageBeganAt)
    }
    if isHuge { context.timer.time(now - pageBeganAt, pages: Page.perHuge) }
    restIndex += 1
    phase = .pages
  }

  private func add(_ method: CopyMethod, _ list: PageList, _ span: Picoseconds) {
    context.timer.engines[method.rawValue].calls += 1
    context.timer.engines[method.rawValue].basePages += list.baseCount
    context.timer.engines[method.rawValue].hugePages += list.hugeCount
    context.timer.engines[method.rawValue].elapsed += span
    context.timer.histograms[method.rawValue].add(pages: list.weight, span)
  }
}
