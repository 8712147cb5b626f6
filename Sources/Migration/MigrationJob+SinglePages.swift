// 5.13: one page at a time through all stages.
// Source: mm/migrate.c migrate_pages, unmap_and_move.

import MemoryModel
import PageCopy
import Units

extension MigrationJob {
  func unmapPage(now: Picoseconds, cpu: Int) -> Picoseconds? {
    var time = 0
    while pendingIndex < pending.count {
      let old = pending[pendingIndex]
      pendingIndex += 1
      if takeFreed(old, cpu: cpu) { continue }
      if splitsFirst(old, time: &time) {
        insertSplits()
        continue
      }
      guard let new = allocateTarget(order: memory.order(of: old), cpu: cpu, time: &time) else {
        if noTarget(for: old, time: &time) {
          insertSplits()
          continue
        }
        leftovers.append(contentsOf: pending[pendingIndex...])
        pendingIndex = pending.count
        break
      }
      time += unmap(old, to: new)
      if memory.order(of: old) == 0 { time += flush() }
      unmapped.removeAll(keepingCapacity: true)
      unmapped.append((old, new))
      if memory.order(of: old) > 0 {
        listCopy.start(unmapped, isSingle: true, cpu: cpu, isUsedNext: reason.usesNext)
        phase = .pageCopy
        return time
      }
      phase = .pageRemap
      return time + copy(unmapped[0])
    }
    end(now: now, cpu: cpu)
    return time > 0 ? time : nil
  }

  /// A split folio's pages are tried in its place, in the same pass.
  private func insertSplits() {
    pending.insert(contentsOf: splits, at: pendingIndex)
    splits.removeAll(keepingCapacity: true)
  }

  func remapPage(cpu: Int) -> Picoseconds? {
    phase = .pageUnmap
    return remap(unmapped[0], cpu: cpu)
  }
}
