// migrate_pages_concur: a whole list through each stage together, then migrate_pages for what it could not take.
// Source: DSA-2LM's 5.13 tree, mm/migrate.c migrate_pages_concur, after Nimble's concurrent page migration.

import MemoryModel
import Units

extension MigrationJob {
  /// Begins with everything on the list.
  func startConcurrent() {
    unmapped.removeAll(keepingCapacity: true)
    serial.removeAll(keepingCapacity: true)
    moveIndex = 0
  }

  /// Unmaps the next folio that can be taken: anonymous ones. A page of a file is left to migrate_pages, a 2 MiB folio that is partly
  /// mapped is too, and so is all the rest once
  /// the target node has no page. The one that found none is not counted as failed, which the original does although it is tried
  /// again.
  ///
  /// Every page is tried once, without waiting for locks: nothing holds one here.
  func unmapNextOfList(cpu: Int) -> Picoseconds? {
    var time = 0
    while pendingIndex < pending.count {
      let old = pending[pendingIndex]
      pendingIndex += 1
      if memory.isFile(old) || memory.isPageMapped(old) && memory.mappedPages(of: old) > 0 {
        serial.append(old)
        continue
      }
      if takeFreed(old, cpu: cpu) { continue }
      guard let new = allocateTarget(order: memory.order(of: old), cpu: cpu, time: &time) else {
        serial.append(contentsOf: pending[(pendingIndex - 1)...])
        pendingIndex = pending.count
        break
      }
      time += unmap(old, to: new)
      if memory.order(of: old) == 0 { time += flush() }
      unmapped.append((old, new))
      return time
    }
    listCopy.start(unmapped, cpu: cpu, isUsedNext: reason.usesNext)
    phase = .listCopy
    return time
  }

  /// Maps the next folio again; behind the last one the call ends, and migrate_pages takes what is left.
  func remapNextOfList(now: Picoseconds, cpu: Int) -> Picoseconds? {
    if moveIndex < unmapped.count {
      defer { moveIndex += 1 }
      return remap(unmapped[moveIndex], cpu: cpu)
    }
    report(.migratePagesConcur, now: now, cpu: cpu)
    guard !serial.isEmpty else {
      phase = .idle
      return nil
    }
    swap(&pending, &serial)
    pendingIndex = 0
    phase = .pageUnmap
    return 0
  }
}
