// The replay loop, beside the page table it walks. It is the one loop that runs per access: no hook, no call but the
// prefetch, and it stops for everything that is not a plain access.

import CPlatform
import Units

/// Why the replay loop stopped.
public enum ReplayStop: Sendable {
  /// The batch has no more accesses.
  case batchEnd
  /// Modelled time reached the horizon.
  case horizon
  /// The access at the returned index cannot be done as it is: not present, PROT_NONE, or under migration.
  case fault
}

/// What an access costs, by node and direction, and how often each kind was done.
///
/// The loop's tables are indexed by the page-table entry as it is found, with the direction as one more bit: no field of
/// the entry is taken apart for an access. Entries of one node that differ in accessed and dirty bits cost the same.
public struct AccessCosts {
  /// Bits of an index below the size class: the entry and the direction.
  static let entryBits = 9
  private static let sizeClasses = 8

  /// Picoseconds of an access, index `sizeClass << 9 | entry << 1 | isWrite`.
  let cost: UnsafeMutablePointer<Int>
  /// Accesses done, same index.
  let count: UnsafeMutablePointer<Int>
  /// Whether an access to an entry is anything but a load of cost, index `entry << 1 | isWrite`: it sets a bit, or it
  /// cannot be done.
  let needsWork: UnsafeMutablePointer<UInt8>

  public init() {
    let entries = AccessCosts.sizeClasses << AccessCosts.entryBits
    cost = .allocate(capacity: entries)
    cost.initialize(repeating: 0, count: entries)
    count = .allocate(capacity: entries)
    count.initialize(repeating: 0, count: entries)
    needsWork = .allocate(capacity: 1 << AccessCosts.entryBits)
    for entry in 0..<256 {
      for write in 0...1 {
        let e = UInt8(entry)
        let bits = PTE.accessed | (write == 1 ? PTE.dirty : 0)
        (needsWork + (entry << 1 | write)).initialize(to: e & PTE.hint == PTE.present && e & bits == bits ? 0 : 1)
      }
    }
  }

  public func deallocate() {
    cost.deallocate()
    count.deallocate()
    needsWork.deallocate()
  }

  /// Calls `body` with each index that stands for accesses of one kind.
  @inline(__always)
  private func forEachIndex(_ sizeClass: Int, _ node: Int, _ isWrite: Bool, _ body: (Int) -> Void) {
    let plain = sizeClass << AccessCosts.entryBits | Int(PTE.present) << 1 | node << 1 | (isWrite ? 1 : 0)
    body(plain)
    body(plain | Int(PTE.accessed) << 1)
    body(plain | Int(PTE.dirty) << 1)
    body(plain | Int(PTE.accessed | PTE.dirty) << 1)
  }

  /// Sets what one access of a kind costs. `sizeClass` is log2(bytes / 64), 0 to 6, or `AccessBatch.touchClass`.
  public func set(sizeClass: Int, node: Int, isWrite: Bool, to picoseconds: Int) {
    forEachIndex(sizeClass, node, isWrite) { cost[$0] = picoseconds }
  }

  /// Accesses of a kind since the last call, and their time at the cost in force.
  public func take(sizeClass: Int, node: Int, isWrite: Bool) -> (count: Int, time: Picoseconds) {
    var sum = 0
    var each = 0
    forEachIndex(sizeClass, node, isWrite) {
      sum += count[$0]
      count[$0] = 0
      each = cost[$0]
    }
    return (sum, sum * each)
  }
}

extension Memory {
  /// Replays accesses `from..<batch.count` starting at time `now` until `horizon`. Sets accessed and dirty bits.
  ///
  /// - Returns: the index of the first access not done, the time then, and why it stopped. Time passes `horizon` by at
  ///   most one access.
  public func replay(
    _ batch: AccessBatch, from: Int, now: Picoseconds, horizon: Picoseconds, costs: AccessCosts
  ) -> (index: Int, now: Picoseconds, stop: ReplayStop) {
    batch.isUniform
      ? replayUniform(batch, from: from, now: now, horizon: horizon, costs: costs)
      : replayVaried(batch, from: from, now: now, horizon: horizon, costs: costs)
  }

  @inline(never)
  func replayUniform(
    _ batch: AccessBatch, from: Int, now: Picoseconds, horizon: Picoseconds, costs: AccessCosts
  ) -> (index: Int, now: Picoseconds, stop: ReplayStop) {
    let slots = batch.slots
    let hot = table.hot
    let pmd = table.pmd
    let count = batch.count
    let gap = batch.uniformGap
    let cost = costs.cost + (batch.uniformSizeClass << AccessCosts.entryBits)
    let done = costs.count + (batch.uniformSizeClass << AccessCosts.entryBits)
    let needsWork = costs.needsWork
    var t = now
    var i = from
    while i < count {
      if t >= horizon { return (i, t, .horizon) }
      let access = slots[i]
      let slot = Int(access >> 1)
      pf_prefetch_write(hot + Int(slots[i &+ AccessBatch.prefetchDistance] >> 1))
      var entry = pmd + (slot >> Page.hugeOrder)
      if entry.pointee == 0 { entry = hot + slot }
      let e = entry.pointee
      let kind = Int(e) << 1 | Int(access & 1)
      if needsWork[kind] != 0 {
        guard e & PTE.hint == PTE.present else { return (i, t, .fault) }
        entry.pointee = e | PTE.accessed | (access & 1 != 0 ? PTE.dirty : 0)
      }
      t &+= cost[kind] &+ gap
      done[kind] &+= 1
      i &+= 1
    }
    return (i, t, .batchEnd)
  }

  @inline(never)
  func replayVaried(
    _ batch: AccessBatch, from: Int, now: Picoseconds, horizon: Picoseconds, costs: AccessCosts
  ) -> (index: Int, now: Picoseconds, stop: ReplayStop) {
    let slots = batch.slots
    let gaps = batch.gaps
    let sizes = batch.sizeClasses
    let hot = table.hot
    let pmd = table.pmd
    let count = batch.count
    let cost = costs.cost
    let done = costs.count
    let needsWork = costs.needsWork
    var t = now
    var i = from
    while i < count {
      if t >= horizon { return (i, t, .horizon) }
      let access = slots[i]
      let slot = Int(access >> 1)
      pf_prefetch_write(hot + Int(slots[i &+ AccessBatch.prefetchDistance] >> 1))
      var entry = pmd + (slot >> Page.hugeOrder)
      if entry.pointee == 0 { entry = hot + slot }
      let e = entry.pointee
      let kind = Int(e) << 1 | Int(access & 1)
      if needsWork[kind] != 0 {
        guard e & PTE.hint == PTE.present else { return (i, t, .fault) }
        entry.pointee = e | PTE.accessed | (access & 1 != 0 ? PTE.dirty : 0)
      }
      let sized = Int(sizes[i]) << AccessCosts.entryBits | kind
      t &+= cost[sized] &+ Int(gaps[i])
      done[sized] &+= 1
      i &+= 1
    }
    return (i, t, .batchEnd)
  }

  /// Asks for what the hint faults among accesses `range` will read: their frame numbers, then the frames. Changes nothing.
  ///
  /// A hint fault takes three cache misses, each waiting for the one before; those of a few hundred accesses together take
  /// hardly longer than one. Called when a fault has happened, so that accesses without faults pay nothing.
  public func prefetchFaults(_ batch: AccessBatch, range: Range<Int>) {
    let slots = batch.slots
    let hot = table.hot
    let pmd = table.pmd
    let frame = table.frame
    let end = min(range.upperBound, batch.count)
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { found in
      let found = found.baseAddress!
      var count = 0
      var i = range.lowerBound
      while i < end && count < 64 {
        let slot = slots[i] >> 1
        // The next place in `found` is written in any case and kept when the entry is a hint.
        found[count] = slot
        let isHint = hot[Int(slot)] & PTE.hint == PTE.hint && pmd[Int(slot >> UInt32(Page.hugeOrder))] == 0
        count &+= isHint ? 1 : 0
        i &+= 1
      }
      for k in 0..<count { pf_prefetch_read(frame + Int(found[k])) }
      for k in 0..<count {
        let pfn = Int(frame[Int(found[k])])
        pf_prefetch_write(frames + pfn)
        pf_prefetch_write(cold + pfn)
      }
    }
  }
}
