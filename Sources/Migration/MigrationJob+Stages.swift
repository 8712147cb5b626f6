// What each stage does to pages, whatever the order in which a kernel takes them through: destination, split, unmap, flush, copy, remap.

import Machine
import MemoryModel
import PageCopy
import Units

extension MigrationJob {
  /// Accounts the CPU time of a stage.
  @inline(__always)
  func spend(_ time: Picoseconds, _ stage: MigrateStage) {
    trace.add(time, stage, reason)
    if shown.from != nil { show(stage, time) }
  }

  /// A destination of the same order: the preferred node alone, then any allowed one, never with direct reclaim
  /// (`alloc_demote_folio`, `alloc_misplaced_dst_folio`).
  func allocateTarget(order: Int, cpu: Int, time: inout Picoseconds) -> PFN? {
    if let freePages { return takeTarget(from: freePages, time: &time) }
    time += costs.allocate
    spend(costs.allocate, .allocate)
    if copies.failsAllocation() { return nil }
    var policy = AllocationPolicy.promotion
    if reason == .demotion {
      // A base-page demotion wakes kswapd of its target and digs to the min mark; a huge one has its reclaim bits
      // replaced by GFP_TRANSHUGE and wakes nobody.
      policy.mayWakeKswapd = order == 0
    }
    if let pfn = memory.allocate(order: order, node: target.node, cpu: cpu, policy: policy) { return pfn }
    guard reason == .demotion, target.allowed.nonzeroBitCount > 1 else { return nil }
    policy.thisNodeOnly = false
    policy.nodeMask = target.allowed
    return memory.allocate(order: order, node: target.node, cpu: cpu, policy: policy)
  }

  /// Compaction's destination: what the free scanner holds, or finds now (`compaction_alloc`).
  private func takeTarget(from control: CompactControl, time: inout Picoseconds) -> PFN? {
    if copies.failsAllocation() { return nil }
    let pfn = control.takeTarget()
    let scan = control.takeScanned() * costs.compactScan
    time += scan
    spend(scan, .allocate)
    return pfn
  }

  /// No destination for `old`. True if the call can go on: a 2 MiB folio was split (never for promotion).
  func noTarget(for old: PFN, time: inout Picoseconds) -> Bool {
    let pages = memory.pages(of: old)
    if pages > 1 && reason != .numaMisplaced {
      split(old, time: &time)
      return true
    }
    ranOutOfMemory = true
    failedPages += pages
    if pages > 1 { hugeFailed += 1 }
    if memory.rules.isTPP { memory.vmstat[.pgmigrate_fail_nomem] += pages }
    leftovers.append(old)
    return false
  }

  /// Splits a 2 MiB folio that is partly mapped, before anything else is done with it, whatever the reason. 5.13 moves it whole; that
  /// is left out.
  func splitsFirst(_ old: PFN, time: inout Picoseconds) -> Bool {
    guard memory.isPageMapped(old) else { return false }
    split(old, time: &time)
    return true
  }

  /// Splits a 2 MiB folio; its pages are to be tried by themselves.
  private func split(_ old: PFN, time: inout Picoseconds) {
    let pages = memory.pages(of: old)
    memory.splitHuge(old)
    spend(costs.splitHuge, .unmap)
    time += costs.splitHuge
    // 5.13 counts a 2 MiB folio as failed only when it could not be split.
    if memory.rules.migratesInBatches { hugeFailed += 1 }
    hugeSplit += 1
    for i in 0..<pages { splits.append(old + PFN(i)) }
  }

  /// A folio that was unmapped since it was isolated is freed here and counts as moved ("freed from under us").
  func takeFreed(_ old: PFN, cpu: Int) -> Bool {
    let pages = memory.pages(of: old)
    guard memory.releaseOrphan(old, cpu: cpu) else { return false }
    succeeded += pages
    if pages > 1 { hugeSucceeded += 1 }
    return true
  }

  func unmap(_ old: PFN, to new: PFN) -> Picoseconds {
    memory.unmapForMigration(old, to: new)
    spend(costs.unmap, .unmap)
    // A PMD-mapped folio is not covered by the batched flush.
    return costs.unmap + (memory.order(of: old) > 0 ? flush() : 0)
  }

  func flush() -> Picoseconds {
    let time = costs.flush + costs.flushPerCPU * (runningCPUs - 1)
    spend(time, .flush)
    trace.addFlush(reason)
    return time
  }

  /// Copies a folio on this CPU.
  func copy(_ pair: (old: PFN, new: PFN)) -> Picoseconds {
    memory.copyContent(from: pair.old, to: pair.new)
    var time = links.copy(
      bytes: memory.pages(of: pair.old) << Page.shift, from: memory.node(of: pair.old), to: memory.node(of: pair.new),
      cpuBandwidth: costs.copyBandwidth)
    if let backing = copies.backing { time = copyBytes(pair, by: backing, modelled: time) }
    spend(time, .copy)
    copies.context.timer.addSerial(pages: memory.pages(of: pair.old), time)
    return time
  }

  func remap(_ pair: (old: PFN, new: PFN), cpu: Int) -> Picoseconds {
    let pages = memory.pages(of: pair.old)
    let isTPPDemotion = memory.rules.isTPP && reason == .demotion
    // remove_migration_pmd restores a 2 MiB entry as it was: only base pages are left inaccessible.
    memory.finishMigration(
      from: pair.old, to: pair.new, inaccessible: isTPPDemotion && pages == 1, setDemoted: isTPPDemotion, cpu: cpu)
    remapped = true
    succeeded += pages
    if pages > 1 { hugeSucceeded += 1 }
    trace.addMoved(reason, pages: pages)
    spend(costs.remap, .remap)
    spend(costs.putBack, .putBack)
    return costs.remap + costs.putBack
  }

  /// Moves the bytes behind a folio: the time that counts.
  private func copyBytes(
    _ pair: (old: PFN, new: PFN), by backing: any FrameCopier, modelled: Picoseconds
  ) -> Picoseconds {
    let order = memory.order(of: pair.old)
    let measured = backing.copyPage(
      FrameMove(from: pair.old, to: pair.new, order: order), isUsedNext: reason.usesNext)
    if order > 0 { serialCopies.hugePages += 1 } else { serialCopies.basePages += 1 }
    serialCopies.measured += measured
    serialCopies.modelled = backing.drivesClock ? nil : (serialCopies.modelled ?? 0) + modelled
    return backing.drivesClock ? measured : modelled
  }

  /// What was copied page by page since the last report is one copy of real bytes.
  func noteSerialCopies() {
    guard let backing = copies.backing, serialCopies.bytes > 0 else { return }
    backing.note(serialCopies)
    serialCopies = MeasuredCopy(.pages, engine: CopyMethod.cpu.name)
  }
}
