// A copy job on the real clock: real descriptors through portals, records polled in memory, CPUs where the job says so.

import CPortals
import DSAFormat
import PageCopy
import Units

#if canImport(Glibc)
  import Glibc
#endif

/// A page to copy. Both places are mapped, aligned to nothing in particular, and do not overlap.
public struct CopyPage {
  public var source: UnsafeRawPointer
  public var destination: UnsafeMutableRawPointer
  /// 0 (4 KiB) to 9 (2 MiB). What is in between goes as base pages, since plans know no other.
  public var order: Int

  public init(from source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, order: Int = 0) {
    self.source = source
    self.destination = destination
    self.order = order
  }
}

/// What became of a list.
public struct HostCopyResult: Equatable, Sendable {
  /// Which engine the list was given to, and why.
  public var engine = ListEngine.nothing
  public var reason = CopyReason.empty
  /// From the call to its end.
  public var elapsedNanoseconds = 0
  public var bytes = 0
  /// Submissions that a shared queue answered with Retry.
  public var retries = 0
  /// Descriptors that were never taken, though tried until the time-out.
  public var refused = 0
  /// Rests of copies that stopped at a page, submitted again.
  public var resumed = 0
  /// Waits that ended without a record.
  public var timeouts = 0
  /// Items that CPUs copied after DSA had failed.
  public var takenOver = 0
  /// Batches that went in parts, because the queue takes no batches or smaller ones.
  public var splitBatches = 0
  /// The first status of a descriptor that did not succeed, `none` if there was no such or no record came;
  /// `CompletionStatus.words` says what it means.
  public var firstError = CompletionStatus.none

  public init() {}
}

/// Copies lists, one after the other. Belongs to one thread; threads of a process have one each over the same channels.
///
/// It is the twin of Migration's `ModelCopy`: the same `CopyJob` takes the same steps. When `copy` returns, nothing that it submitted is in
/// flight and every byte is where it belongs, whatever failed.
public final class HostCopy {
  public let channels: HostChannels
  let job: CopyJob
  private let pool: CopyPool
  /// Whether the pages of a list are touched before it is submitted: a device meets no page fault then.
  public var touchesPages = false
  var result = HostCopyResult()
  /// Batches that go in parts.
  var splits: [SplitBatch] = []
  private var startedAt = 0
  private var submittedAt = 0
  private var usedDSA = false
  private var usedWorkers = false

  public init(_ channels: HostChannels) {
    self.channels = channels
    job = channels.job()
    pool = CopyPool(channels: max(1, min(channels.portals.count, CopyLimits.channels)), banks: 2)
    channels.register(poolMemory)
  }

  deinit { channels.unregister(poolMemory) }

  private var poolMemory: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: UInt(pool.base)), count: pool.size)
  }

  /// Copies a list.
  ///
  /// - Parameters:
  ///   - pages: source and destination of each.
  ///   - isSingle: the list is one huge page that is copied by copy_huge_page, where no threshold applies.
  ///   - cpus: CPUs that may copy together.
  public func copy(
    _ pages: [CopyPage], isSingle: Bool = false, cpus: Int = CopyLimits.workers
  ) throws(HostCopyError) -> HostCopyResult {
    job.removeAll()
    try append(pages)
    result = HostCopyResult()
    result.bytes = job.list.bytes
    startedAt = Self.nanoseconds()
    if touchesPages { touch(pages) }
    (usedDSA, usedWorkers) = (false, false)
    let isSingle = isSingle && job.list.count == 1 && job.list.hugeCount == 1
    job.start(cpus: cpus, isSingle: isSingle)
    runSteps(isSingle: isSingle)
    result.elapsedNanoseconds = Self.nanoseconds() - startedAt
    return result
  }

  private func append(_ pages: [CopyPage]) throws(HostCopyError) {
    var index = 0
    while index < pages.count {
      let page = pages[index]
      guard (0...9).contains(page.order) else { throw .order(item: index, order: page.order) }
      let (source, destination) = (UInt64(UInt(bitPattern: page.source)), UInt64(UInt(bitPattern: page.destination)))
      var next = index + 1
      if page.order == Page.hugeOrder {
        job.append(.huge, from: source, to: destination)
      } else if page.order > 0 {
        job.append(basePages: 1 << page.order) {
          (source &+ UInt64($0 * Page.size), destination &+ UInt64($0 * Page.size))
        }
      } else {
        while next < pages.count, pages[next].order == 0 { next += 1 }
        job.append(basePages: next - index) {
          let page = pages[index + $0]
          return (UInt64(UInt(bitPattern: page.source)), UInt64(UInt(bitPattern: page.destination)))
        }
      }
      index = next
    }
  }

  private func touch(_ pages: [CopyPage]) {
    for page in pages {
      pf_touch_range(UInt(bitPattern: page.source), Page.size << page.order, 0)
      pf_touch_range(UInt(bitPattern: page.destination), Page.size << page.order, 1)
    }
  }

  // MARK: Steps

  private func runSteps(isSingle: Bool) {
    while true {
      switch nextStep() {
      case .lockPool: job.pool = pool
      case .submit: submit()
      case .wait: waitForRecord()
      case .waitForEntries: waitForEntries()
      case .copy(let item): copyOnCPU(item)
      case .work: work()
      case .done:
        result.engine = isSingle ? usedDSA ? .dsa : usedWorkers ? .workers : .pageByPage : job.engine
        result.reason = job.reason
        result.firstError = job.firstError
        return
      }
    }
  }

  /// Under the lock, so that what the timer counts meanwhile is this job's.
  private func nextStep() -> CopyStep {
    channels.locked { context in
      let (takenOver, resumed) = (context.timer.takenOver, context.timer.resumed)
      let step = job.step(now: now)
      result.takenOver += context.timer.takenOver - takenOver
      result.resumed += context.timer.resumed - resumed
      return step
    }
  }

  /// The job's clock begins with each copy.
  private var now: Picoseconds { (Self.nanoseconds() - startedAt) * .nanosecond }

  static func nanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  private var timeoutNanoseconds: Int { channels.knobs.dsaTimeout / .nanosecond }

  // MARK: CPUs

  private func copyOnCPU(_ item: Int) {
    move(PageSlice(item: item, offset: 0, bytes: job.list[item].bytes), by: channels.workers.copy)
  }

  private func move(_ slice: PageSlice, by copy: CopyFunction) {
    guard let source = UnsafeRawPointer(bitPattern: UInt(job.sources[slice.item])),
      let destination = UnsafeMutableRawPointer(bitPattern: UInt(job.destinations[slice.item]))
    else { return }
    copy(destination + slice.offset, source + slice.offset, slice.bytes)
  }

  private func work() {
    guard let plan = job.workers else { return job.workIsDone() }
    usedWorkers = true
    let first = job.workItem ?? 0
    let shares = WorkerShares(plan: plan, first: first, sources: job.sources, destinations: job.destinations)
    let copy = channels.workers.copy
    channels.workers.run(shares: plan.workers) { shares.copy(worker: $0, by: copy) }
    job.workIsDone()
  }

  // MARK: DSA

  private func submit() {
    usedDSA = true
    let touches = job.submitsRests
    submittedAt = Self.nanoseconds()
    // A span a channel: the round of one descriptor each is the kernel's, and saves a device nothing here.
    for submission in job.submissions {
      let descriptors = job.fillDescriptors(of: submission)
      if touches { for descriptor in descriptors { bringIn(descriptor) } }
      submit(descriptors, channel: submission.channel)
    }
  }

  /// Has the kernel bring the pages of a rest in, as touching them would; where it cannot, the device says so once more.
  private func bringIn(_ descriptor: Descriptor) {
    func ask(_ address: UInt64, isWrite: Bool) {
      let first = address & ~UInt64(Page.size - 1)
      let length = Int(address - first) + Int(descriptor.transferSize)
      _ = pf_populate(UInt(first), (length + Page.size - 1) & ~(Page.size - 1), isWrite ? 1 : 0)
    }
    ask(descriptor.source, isWrite: false)
    ask(descriptor.destination, isWrite: true)
  }

  private func submit(_ descriptors: UnsafeBufferPointer<Descriptor>, channel: Int) {
    let portal = channels.portals[channel]
    if let batch = descriptors.first, batch.opcode == .batch, Int(batch.descriptorCount) > portal.limits.batch {
      result.splitBatches += 1
      splits.append(SplitBatch(batch, channel: channel, part: portal.limits.batch))
      _ = pump()
      return
    }
    var taken = 0
    var wait = BoundedSpin()
    while taken < descriptors.count {
      taken += portal.submit(UnsafeBufferPointer(rebasing: descriptors[taken...]).span)
      if taken == descriptors.count { return }
      result.retries += 1
      if Self.nanoseconds() - submittedAt > timeoutNanoseconds { break }
      wait.once()
    }
    for descriptor in descriptors[taken...] { refuse(descriptor) }
  }

  /// A descriptor that no queue takes: its record says so, and the job has a CPU copy what it was for.
  func refuse(_ descriptor: Descriptor) {
    result.refused += 1
    record(of: descriptor)?.publish(CompletionRecord(status: .hardwareError))
  }

  func record(of descriptor: Descriptor) -> UnsafeMutablePointer<CompletionRecord>? {
    UnsafeMutablePointer(bitPattern: UInt(descriptor.recordAddress))
  }

  private func waitForRecord() {
    guard let record = job.waitingRecord else { return }
    // Who polls on the only CPU keeps it from the thread that would write the record.
    let sharesCPUs = channels.portals[job.waitingChannel].sharesCPUs
    var wait = RecordWait(sharesCPUs ? .reschedule : channels.knobs.wait)
    let timeout = timeoutNanoseconds
    while record.writtenStatus == .none {
      let hasMoved = splits.isEmpty ? false : pump()
      if hasMoved { submittedAt = Self.nanoseconds() }
      wait.once(record)
      if wait.isTimeToLook, Self.nanoseconds() - submittedAt > timeout { return timeOut(record) }
    }
  }

  /// Nothing that was accepted may go on behind the job's back: it gets to its end first.
  private func timeOut(_ record: UnsafeMutablePointer<CompletionRecord>) {
    channels.portals[job.waitingChannel].settle()
    dropSplits(channel: job.waitingChannel)
    if record.writtenStatus != .none { return }
    result.timeouts += 1
    channels.locked { _ in job.timeOut() }
  }

  /// Others, or parts of batches, have the entries.
  private func waitForEntries() {
    var wait = BoundedSpin()
    while !channels.locked({ _ in job.hasEntries }) {
      if !pump() { wait.once() }
    }
  }
}

/// What copying threads need of a job; the job itself belongs to its thread.
private struct WorkerShares: Sendable {
  var plan: WorkerCopyPlan
  var first: Int
  var sources: [UInt64]
  var destinations: [UInt64]

  func copy(worker: Int, by copy: CopyFunction) {
    for slice in plan.slices(worker: worker) {
      guard let source = UnsafeRawPointer(bitPattern: UInt(sources[first + slice.item])),
        let destination = UnsafeMutableRawPointer(bitPattern: UInt(destinations[first + slice.item]))
      else { continue }
      copy(destination + slice.offset, source + slice.offset, slice.bytes)
    }
  }
}
