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
public struct AccessCosts {
  /// Picoseconds of an access, index `sizeClass << 5 | node << 1 | isWrite`; 7 size classes, 16 nodes.
  public let cost: UnsafeMutablePointer<Int>
  /// Accesses done, same index.
  public let count: UnsafeMutablePointer<Int>
  /// Entries of either table.
  public static let entries = 8 << 5

  public init() {
    cost = .allocate(capacity: AccessCosts.entries)
    cost.initialize(repeating: 0, count: AccessCosts.entries)
    count = .allocate(capacity: AccessCosts.entries)
    count.initialize(repeating: 0, count: AccessCosts.entries)
  }

  public func deallocate() {
    cost.deallocate()
    count.deallocate()
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
    let cost = costs.cost + (batch.uniformSizeClass << 5)
    let done = costs.count + (batch.uniformSizeClass << 5)
    var t = now
    var i = from
    while i < count {
      if t >= horizon { return (i, t, .horizon) }
      let access = slots[i]
      let slot = Int(access >> 1)
      let write = UInt8(truncatingIfNeeded: access & 1)
      pf_prefetch_write(hot + Int(slots[i &+ AccessBatch.prefetchDistance] >> 1))
      var entry = pmd + (slot >> Page.hugeOrder)
      if entry.pointee == 0 { entry = hot + slot }
      let e = entry.pointee
      guard e & PTE.hint == PTE.present else { return (i, t, .fault) }
      let want = e | PTE.accessed | (write &* PTE.dirty)
      if want != e { entry.pointee = want }
      let kind = Int(e & PTE.nodeMask) << 1 | Int(write)
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
    var t = now
    var i = from
    while i < count {
      if t >= horizon { return (i, t, .horizon) }
      let access = slots[i]
      let slot = Int(access >> 1)
      let write = UInt8(truncatingIfNeeded: access & 1)
      pf_prefetch_write(hot + Int(slots[i &+ AccessBatch.prefetchDistance] >> 1))
      var entry = pmd + (slot >> Page.hugeOrder)
      if entry.pointee == 0 { entry = hot + slot }
      let e = entry.pointee
      guard e & PTE.hint == PTE.present else { return (i, t, .fault) }
      let want = e | PTE.accessed | (write &* PTE.dirty)
      if want != e { entry.pointee = want }
      let kind = Int(sizes[i]) << 5 | Int(e & PTE.nodeMask) << 1 | Int(write)
      t &+= cost[kind] &+ Int(gaps[i])
      done[kind] &+= 1
      i &+= 1
    }
    return (i, t, .batchEnd)
  }
}
