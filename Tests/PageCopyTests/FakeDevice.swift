// A device without time: it carries descriptors out in the order in which a test wants it, and ends them as the test says.
import DSAFormat
import Events
import Testing
import Units

@testable import PageCopy

/// How a descriptor or a member of a batch ends.
enum FakeEnd: Equatable {
  case success
  /// Stops at a page fault behind so many bytes.
  case fault(Int)
  /// Any other status; nothing was copied.
  case status(CompletionStatus)
  /// There is never a record.
  case lost
}

/// How a batch ends, beside what its members do.
enum FakeBatchEnd: Equatable {
  case members
  /// Its list can be read up to so many members.
  case listFault(Int)
  case status(CompletionStatus)
  case lost
}

/// Devices of all channels. An item's bytes are at `source(item)`, and go to `destination(item)`.
final class FakeDevice {
  static func source(_ item: Int) -> UInt64 { UInt64(item + 1) << 32 }
  static func destination(_ item: Int) -> UInt64 { 1 << 60 | UInt64(item + 1) << 32 }

  struct Entry {
    var descriptor: Descriptor
    var pool: CopyPool
    var channel: Int
    /// Whether the copy of a list is under way, or that of one huge page by itself.
    var isOfList: Bool
  }

  /// What the test wants: the end of the n-th descriptor that moves data, and of the n-th batch.
  var end: (Int, Descriptor) -> FakeEnd = { _, _ in .success }
  var endOfBatch: (Int) -> FakeBatchEnd = { _ in .members }
  /// Which of the descriptors in flight is next.
  var choose: (Int) -> Int = { _ in 0 }

  private(set) var inFlight: [Entry] = []
  private(set) var mostInFlight = [Int](repeating: 0, count: 8)
  /// Descriptors and batches carried out, and by channel what was submitted: bytes of singles and slices, members of batches.
  private(set) var moves = 0
  private(set) var batches: [Int] = []
  private(set) var submitted = [Int](repeating: 0, count: 8)
  private(set) var interruptsAsked = 0
  /// Bytes that were copied, by item: by copies of lists, and of single huge pages.
  private(set) var ofLists: [Int: [Range<Int>]] = [:]
  private(set) var ofPages: [Int: [Range<Int>]] = [:]

  func submit(_ submission: CopySubmission, of job: CopyJob) {
    guard let pool = job.pool else { return }
    for descriptor in job.fillDescriptors(of: submission) {
      #expect(!inFlight.contains { $0.pool === pool && $0.descriptor.recordAddress == descriptor.recordAddress })
      #expect(record(descriptor, pool).pointee.status == .none)
      inFlight.append(Entry(descriptor: descriptor, pool: pool, channel: submission.channel, isOfList: !job.isOnPage))
      submitted[submission.channel] += 1
      if descriptor.flags.contains(.requestInterrupt) { interruptsAsked += 1 }
      let count = inFlight.count { $0.channel == submission.channel }
      mostInFlight[submission.channel] = max(mostInFlight[submission.channel], count)
    }
  }

  private func record(_ descriptor: Descriptor, _ pool: CopyPool) -> UnsafeMutablePointer<CompletionRecord> {
    pool.pointer(at: descriptor.recordAddress)!.assumingMemoryBound(to: CompletionRecord.self)
  }

  /// Carries one descriptor out; false if there is none.
  func work() -> Bool {
    guard !inFlight.isEmpty else { return false }
    let entry = inFlight.remove(at: choose(inFlight.count))
    if entry.descriptor.opcode == .batch { runBatch(entry) } else { move(entry.descriptor, entry) }
    return true
  }

  private func runBatch(_ entry: Entry) {
    let count = Int(entry.descriptor.descriptorCount)
    let list = entry.pool.pointer(at: entry.descriptor.source)!.assumingMemoryBound(to: Descriptor.self)
    let end = endOfBatch(batches.count)
    batches.append(count)
    var done = count
    switch end {
    case .lost: return
    case .status(let status):
      record(entry.descriptor, entry.pool).pointee = CompletionRecord(status: status)
      return
    case .listFault(let most): done = min(most, count)
    case .members: break
    }
    var failed = 0
    for index in 0..<done where !move(list[index], entry) { failed += 1 }
    record(entry.descriptor, entry.pool).pointee = CompletionRecord(
      status: done < count ? .batchListFault : failed > 0 ? .batchFailed : .success, bytesCompleted: UInt32(done))
  }

  @discardableResult
  private func move(_ descriptor: Descriptor, _ entry: Entry) -> Bool {
    let pool = entry.pool
    #expect(descriptor.opcode == .memmove && descriptor.isPrivileged)
    let size = Int(descriptor.transferSize)
    let end = end(moves, descriptor)
    moves += 1
    switch end {
    case .success:
      note(descriptor, size, entry)
      record(descriptor, pool).pointee = CompletionRecord(status: .success, bytesCompleted: UInt32(size))
    case .fault(let bytes):
      note(descriptor, min(bytes, size), entry)
      record(descriptor, pool).pointee = CompletionRecord(status: .pageFault, bytesCompleted: UInt32(bytes))
    case .status(let status): record(descriptor, pool).pointee = CompletionRecord(status: status)
    case .lost: break
    }
    return end == .success
  }

  private func note(_ descriptor: Descriptor, _ bytes: Int, _ entry: Entry) {
    let item = Int(descriptor.source >> 32) - 1
    let offset = Int(descriptor.source & 0xFFFF_FFFF)
    #expect(descriptor.destination == FakeDevice.destination(item) + UInt64(offset))
    guard bytes > 0 else { return }
    if entry.isOfList {
      ofLists[item, default: []].append(offset..<(offset + bytes))
    } else {
      ofPages[item, default: []].append(offset..<(offset + bytes))
    }
  }
}

/// A context, its device, and jobs that are driven to their ends.
final class CopyRig {
  let context: CopyContext
  let device = FakeDevice()
  /// Items that the CPU copied, and bytes of workers.
  var byCPU: [Int] = []
  var byWorkers: [Int: [Range<Int>]] = [:]
  var now = 0
  private var pools: [CopyPool] = []
  private var firstItems: [ObjectIdentifier: Int] = [:]

  init(_ knobs: CopyKnobs, entries: [Int] = [Int](repeating: 128, count: 8)) {
    context = CopyContext(knobs: knobs)
    context.setQueues(entries: entries)
    context.timer.write(1)
  }

  func job(_ list: [PageKind], isSingle: Bool = false, firstItem: Int = 0, cpus: Int = 8) -> CopyJob {
    let job = CopyJob(context: context)
    firstItems[ObjectIdentifier(job)] = firstItem
    for (index, kind) in list.enumerated() {
      job.append(
        kind, from: FakeDevice.source(firstItem + index), to: FakeDevice.destination(firstItem + index))
    }
    job.start(cpus: cpus, isSingle: isSingle)
    return job
  }

  /// One step of a job and what it asks for; false when it is done. With others about, it may find no entry.
  func step(_ job: CopyJob, isAlone: Bool = true) throws -> Bool {
    now += 1000
    let firstItem = firstItems[ObjectIdentifier(job)] ?? 0
    switch job.step(now: now) {
    case .done: return false
    case .lockPool:
      let pool = CopyPool(channels: 8, banks: 2)
      pools.append(pool)
      job.pool = pool
    case .submit:
      try #require(!job.submissions.isEmpty)
      var places = Set<Int>()
      for submission in job.submissions {
        device.submit(submission, of: job)
        // Each descriptor has its own place in the order in which the CPU submits.
        for index in submission.slots.indices {
          let place = submission.submitted + (index - submission.slots.lowerBound) * submission.stride
          #expect(places.insert(place).inserted && place >= 1 && place <= job.submitted)
        }
      }
      #expect(places.count == job.submitted)
      #expect(job.submissions.map { $0.filled + ($0.slots.count - 1) * $0.stride }.max() == job.filled)
    case .wait:
      #expect(!job.isRecordWritten)
      if !device.work() { job.timeOut() }
    case .waitForEntries:
      #expect(!job.hasEntries)
      if isAlone {
        let hasWorked = device.work()
        try #require(hasWorked, "it waits for entries that nobody has")
      }
    case .copy(let item): byCPU.append(firstItem + item)
    case .work:
      let plan = try #require(job.workers)
      for worker in 0..<plan.workers {
        for slice in plan.slices(worker: worker) {
          byWorkers[firstItem + slice.item + (job.workItem ?? 0), default: []].append(
            slice.offset..<(slice.offset + slice.bytes))
        }
      }
      job.workIsDone()
    }
    return true
  }

  func finish(_ job: CopyJob) throws {
    var steps = 0
    while try step(job) {
      steps += 1
      try #require(steps < 20_000, "no end")
    }
  }

  /// Every byte of every item was copied; what DSA had copied, nobody copied again.
  func expectCovered(_ list: [PageKind], sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(!context.isBusy, sourceLocation: sourceLocation)
    #expect(device.inFlight.isEmpty, sourceLocation: sourceLocation)
    #expect(Set(byCPU).count == byCPU.count, "an item was copied twice by the CPU", sourceLocation: sourceLocation)
    let cpu = Set(byCPU)
    for (item, kind) in list.enumerated() {
      let whole = [device.ofLists[item], device.ofPages[item], byWorkers[item]].map { isWhole($0 ?? [], kind) }
      if whole.contains(nil) { Issue.record("item \(item): bytes were copied twice", sourceLocation: sourceLocation) }
      let times = whole.count { $0 == true } + (cpu.contains(item) ? 1 : 0)
      if times != 1 { Issue.record("item \(item) was copied \(times) times", sourceLocation: sourceLocation) }
    }
  }

  /// Whether ranges are all of an item; nil when some overlap.
  private func isWhole(_ ranges: [Range<Int>], _ kind: PageKind) -> Bool? {
    var end = 0
    var bytes = 0
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if range.lowerBound < end { return nil }
      end = range.upperBound
      bytes += range.count
    }
    return bytes == kind.bytes
  }
}

/// A list in words: `24h,12b`.
func kinds(_ text: String) -> [PageKind] {
  let list = PageList(text: text)!
  return (0..<list.count).map { list[$0] }
}
