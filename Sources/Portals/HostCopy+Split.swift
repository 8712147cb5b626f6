// Batches for queues that take none, or smaller ones: their members go in parts, and the driver writes the record of the whole.

import DSAFormat
import PageCopy

/// A batch that goes in parts.
struct SplitBatch {
  struct Part {
    var first: Int
    var count: Int
    /// Whether it runs under the entry that the batch itself has taken.
    var isOwn: Bool
  }

  let batch: Descriptor
  let channel: Int
  /// Members of a part at most; 1 when the queue takes no batches.
  let most: Int
  var next = 0
  var inFlight: [Part] = []
  var hasFailed = false
  /// Records of parts that are batches, one for each entry it can have.
  let records: PartRecords

  init(_ batch: Descriptor, channel: Int, part: Int) {
    self.batch = batch
    self.channel = channel
    most = max(1, part)
    records = PartRecords(count: Int(batch.descriptorCount))
  }

  var count: Int { Int(batch.descriptorCount) }
  var isOver: Bool { next == count && inFlight.isEmpty }

  func member(_ index: Int) -> Descriptor? {
    UnsafePointer<Descriptor>(bitPattern: UInt(batch.source))?[index]
  }
}

/// Completion records of a split batch's parts, by their first member.
final class PartRecords {
  let base: UnsafeMutablePointer<CompletionRecord>
  private let memory: UnsafeMutableRawPointer

  init(count: Int) {
    let bytes = max(count, 1) * CompletionRecord.size
    memory = .allocate(byteCount: bytes, alignment: CompletionRecord.size)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    base = memory.assumingMemoryBound(to: CompletionRecord.self)
  }

  deinit { memory.deallocate() }
}

extension HostCopy {
  /// Submits what there is room for of all split batches, and takes note of what has ended.
  ///
  /// - Returns: whether anything did.
  func pump() -> Bool {
    var hasMoved = false
    for index in splits.indices {
      if collect(index) { hasMoved = true }
      while submitPart(index) { hasMoved = true }
      if splits[index].isOver { publishEnd(of: splits[index]) }
    }
    splits.removeAll(where: \.isOver)
    return hasMoved
  }

  /// Takes note of parts that have ended.
  private func collect(_ index: Int) -> Bool {
    var hasMoved = false
    var left: [SplitBatch.Part] = []
    for part in splits[index].inFlight {
      guard let status = status(of: part, splits[index]), status != .none else {
        left.append(part)
        continue
      }
      hasMoved = true
      if status != .success { splits[index].hasFailed = true }
      if !part.isOwn {
        let channel = splits[index].channel
        channels.locked { $0.release(1, channel) }
      }
    }
    splits[index].inFlight = left
    return hasMoved
  }

  private func status(of part: SplitBatch.Part, _ split: SplitBatch) -> CompletionStatus? {
    if part.count > 1 { return (split.records.base + part.first).writtenStatus }
    return split.member(part.first).flatMap { record(of: $0) }?.writtenStatus
  }

  /// Submits the next part, if there is an entry for it and the queue takes it.
  private func submitPart(_ index: Int) -> Bool {
    let split = splits[index]
    guard split.next < split.count, var descriptor = split.member(split.next) else { return false }
    let isOwn = !split.inFlight.contains(where: \.isOwn)
    if !isOwn {
      let hasTaken = channels.locked { context in
        if context.free(split.channel) <= 0 { return false }
        context.take(1, split.channel)
        return true
      }
      if !hasTaken { return false }
    }
    let count = min(split.most, split.count - split.next)
    if count > 1 {
      let record = split.records.base + split.next
      record.pointee.status = .none
      descriptor = split.batch
      descriptor.source &+= UInt64(split.next * Descriptor.size)
      descriptor.descriptorCount = UInt32(count)
      descriptor.recordAddress = UInt64(UInt(bitPattern: record))
    }
    let taken = withUnsafePointer(to: descriptor) {
      channels.portals[split.channel].submit(UnsafeBufferPointer(start: $0, count: 1).span)
    }
    if taken == 0 {
      result.retries += 1
      if !isOwn { channels.locked { $0.release(1, split.channel) } }
      return false
    }
    splits[index].inFlight.append(SplitBatch.Part(first: split.next, count: count, isOwn: isOwn))
    splits[index].next += count
    return true
  }

  /// Gives up the split batches of a channel on which nothing is carried out any more; the one that is waited for is left without
  /// a record.
  func dropSplits(channel: Int) {
    for index in splits.indices where splits[index].channel == channel {
      _ = collect(index)
      let split = splits[index]
      let others = split.inFlight.count { !$0.isOwn }
      channels.locked { $0.release(others, channel) }
      let record = record(of: split.batch)
      if split.next == split.count, split.inFlight.isEmpty {
        publishEnd(of: split)
      } else if record != job.waitingRecord {
        record?.publish(CompletionRecord(status: .hardwareError))
      }
    }
    splits.removeAll { $0.channel == channel }
  }

  private func publishEnd(of split: SplitBatch) {
    record(of: split.batch)?.publish(
      CompletionRecord(
        status: split.hasFailed ? .batchFailed : .success, bytesCompleted: split.batch.descriptorCount))
  }
}
