// 6.12: batches of some 512 pages are unmapped together, then moved folio by folio.
// Source: mm/migrate.c migrate_pages_batch.

import MemoryModel
import PageCopy
import Units

extension MigrationJob {
  /// The unmap phase of one batch: folios until their pages reach 512, the folio that crosses included.
  func unmapBatch(now: Picoseconds, cpu: Int) -> Picoseconds? {
    guard pendingIndex < pending.count, !outOfMemory else { return finishPass(now: now, cpu: cpu) }
    unmapped.removeAll(keepingCapacity: true)
    moveIndex = 0
    baseInBatch = false
    var pages = 0
    var time = 0
    while pendingIndex < pending.count, pages < Page.perHuge {
      let old = pending[pendingIndex]
      pendingIndex += 1
      let size = memory.pages(of: old)
      if takeFreed(old, cpu: cpu) { continue }
      pages += size
      if splitsFirst(old, time: &time) { continue }
      guard let new = allocateTarget(order: memory.order(of: old), cpu: cpu, time: &time) else {
        if noTarget(for: old, time: &time) { continue }
        outOfMemory = true
        break
      }
      time += unmap(old, to: new)
      if size == 1 { baseInBatch = true }
      unmapped.append((old, new))
    }
    phase = .flushBatch
    return time
  }

  /// One flush for the batch's base pages; each 2 MiB folio was flushed when it was unmapped.
  ///
  /// With DSA or workers on, the whole batch is then copied as one list: no kernel of these versions does that. It follows the
  /// proposed folios_mc_copy (linux-mm.md 3.6), with the original's threshold.
  func flushBatch(cpu: Int) -> Picoseconds? {
    phase = .moveNext
    if copies.copiesLists, !unmapped.isEmpty {
      phase = .batchCopy
      listCopy.start(unmapped, cpu: cpu, isUsedNext: reason.usesNext)
    }
    guard baseInBatch else { return 0 }
    return flush()
  }

  /// Maps the batch's folios again, one a step.
  func remapBatch(cpu: Int) -> Picoseconds? {
    guard moveIndex < unmapped.count else {
      phase = .unmapBatch
      return 0
    }
    defer { moveIndex += 1 }
    return remap(unmapped[moveIndex], cpu: cpu)
  }

  func moveNext(cpu: Int) -> Picoseconds? {
    guard moveIndex < unmapped.count else {
      phase = .unmapBatch
      return 0
    }
    phase = .remap
    return copy(unmapped[moveIndex])
  }

  func remapMoved(cpu: Int) -> Picoseconds? {
    let time = remap(unmapped[moveIndex], cpu: cpu)
    moveIndex += 1
    phase = .moveNext
    return time
  }

  /// The list is through: the splits get their pass, unless a page found no room, then the call ends.
  func finishPass(now: Picoseconds, cpu: Int) -> Picoseconds? {
    while pendingIndex < pending.count {
      // Not tried after the target ran out: given back, not counted as failed.
      leftovers.append(pending[pendingIndex])
      pendingIndex += 1
    }
    if outOfMemory { leftovers.append(contentsOf: splits) }
    if !splits.isEmpty && !isSplitPass && !outOfMemory {
      isSplitPass = true
      swap(&pending, &splits)
      splits.removeAll(keepingCapacity: true)
      pendingIndex = 0
      outOfMemory = false
      return 0
    }
    end(now: now, cpu: cpu)
    return nil
  }
}
