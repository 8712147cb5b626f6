// The decision at a NUMA hint fault: promote this page now, or make it accessible again. Source: mm/memory.c
// do_numa_page, kernel/sched/fair.c should_numa_migrate_memory, mm/migrate.c migrate_misplaced_folio_prepare; for TPP
// the patches' do_numa_page and the booted kernel (31 hint faults a base-page promotion).

import Machine
import MemoryModel
import Migration
import Units

/// What a hint fault comes to.
public enum HintFaultOutcome: Sendable {
  /// The page stays where it is and is accessible again.
  case restored
  /// The same, because a migration that was wanted could not be begun (TNF_MIGRATE_FAIL).
  case failed
  /// The folio was isolated; migrate it to the node, then the access is tried again.
  case promote(folio: PFN, node: Int)
  /// TPP: the page could not be activated yet; it stays inaccessible and the access faults again later.
  case stuck
}

/// Hot-page selection and promotion.
public final class HintFaultPolicy {
  private let memory: Memory
  private let clock: KernelClock
  public var knobs: BalancingKnobs
  /// Bits of the time stamp kept in the page's cpupid field: 8 + log2(CONFIG_NR_CPUS); 21 with Debian's 8192.
  public var stampBits = 21

  public init(memory: Memory, clock: KernelClock, knobs: BalancingKnobs) {
    self.memory = memory
    self.clock = clock
    self.knobs = knobs
  }

  /// Decides the fault on `slot` by a thread on `cpu`, whose node is `cpuNode`. `faults` is how many hint faults the access
  /// took.
  public func fault(slot: Int, cpu: Int, cpuNode: Int, now: Picoseconds, faults: inout Int) -> HintFaultOutcome {
    let folio = memory.folio(slot: slot)
    let node = memory.node(of: folio)
    let pages = memory.pages(of: folio)
    faults = 1
    // 5.13 does not look further at a page of a 2 MiB folio that is mapped page by page.
    if memory.rules.isTPP && memory.isPageMapped(folio) { return restore(slot) }
    memory.vmstat[.numa_hint_faults] += 1
    if node == cpuNode { memory.vmstat[.numa_hint_faults_local] += 1 }

    if memory.rules.isTPP && memory.tieringMode && pages == 1 && !memory.isTopTier(node) {
      // The inactive page is marked accessed and stays inaccessible: the same access faults until it is active.
      while !memory.isActive(folio) {
        guard faults < 64 else { return .stuck }
        memory.markAccessed(folio, cpu: cpu)
        faults += 1
        memory.vmstat[.numa_hint_faults] += 1
        if node == cpuNode { memory.vmstat[.numa_hint_faults_local] += 1 }
      }
    }

    let target = cpuNode
    guard node != target, shouldPromote(folio, from: node, to: target, pages: pages, now: now) else {
      return restore(slot)
    }
    return prepare(folio, slot: slot, to: target, pages: pages)
  }

  private func fail(_ slot: Int) -> HintFaultOutcome {
    memory.unprotect(slot: slot)
    return .failed
  }

  private func restore(_ slot: Int) -> HintFaultOutcome {
    memory.unprotect(slot: slot)
    return .restored
  }

  /// `should_numa_migrate_memory`.
  private func shouldPromote(_ folio: PFN, from node: Int, to target: Int, pages: Int, now: Picoseconds) -> Bool {
    guard knobs.mode & 2 != 0 || (memory.rules.isTPP && memory.tieringMode) else {
      return secondTouch(folio)
    }
    // Between top-tier nodes the normal rules hold.
    if memory.isTopTier(node) { return secondTouch(folio) }
    if memory.rules.isTPP {
      if pages == 1 {
        memory.vmstat[.pgpromote_candidate] += 1
        memory.vmstat[memory.isFile(folio) ? .pgpromote_candidate_file : .pgpromote_candidate_anon] += 1
        if memory.wasDemoted(folio) { memory.vmstat[.pgpromote_candidate_demoted] += 1 }
      }
      return true
    }
    return isHot(folio, target: target, pages: pages, now: now)
  }

  /// Normal NUMA balancing's two-touch filter, with the fault stamp standing for the last faulting task.
  private func secondTouch(_ folio: PFN) -> Bool {
    let stamp = memory.cold[Int(folio)].stamp
    memory.cold[Int(folio)].stamp = stamp ^ 1
    return stamp & 1 == 1
  }

  /// The hot threshold and the rate limit of memory tiering mode.
  private func isHot(_ folio: PFN, target: Int, pages: Int, now: Picoseconds) -> Bool {
    let milliseconds = clock.milliseconds(now)
    let state = memory.nodes + target
    if memory.hasAmpleRoom(node: target) {
      state.pointee.hotThreshold = 0
      if memory.rules.countsUnlimitedCandidates { memory.vmstat[.pgpromote_candidate_nrl] += pages }
      return true
    }
    adjustThreshold(target, milliseconds: milliseconds)
    let threshold = state.pointee.hotThreshold == 0 ? knobs.hotThreshold : state.pointee.hotThreshold
    let mask = (1 << stampBits) - 1
    let latency = (milliseconds - Int(memory.cold[Int(folio)].stamp)) & mask
    memory.cold[Int(folio)].stamp = UInt32(truncatingIfNeeded: milliseconds)
    guard latency < threshold else { return false }
    return !isRateLimited(target, pages: pages, milliseconds: milliseconds)
  }

  /// `numa_promotion_rate_limit`: candidates count whether or not they are held back.
  private func isRateLimited(_ node: Int, pages: Int, milliseconds: Int) -> Bool {
    let state = memory.nodes + node
    memory.vmstat[.pgpromote_candidate] += pages
    state.pointee.promoteCandidates += pages
    if milliseconds - state.pointee.rateStart > 1000 {
      state.pointee.rateStart = milliseconds
      state.pointee.rateCandidates = state.pointee.promoteCandidates
    }
    return state.pointee.promoteCandidates - state.pointee.rateCandidates >= knobs.promoteRateLimit << 8
  }

  /// `numa_promotion_adjust_threshold`, once per scan_period_max.
  private func adjustThreshold(_ node: Int, milliseconds: Int) {
    let state = memory.nodes + node
    guard milliseconds - state.pointee.thresholdStart > knobs.scanPeriodMax else { return }
    state.pointee.thresholdStart = milliseconds
    let reference = (knobs.promoteRateLimit << 8) * knobs.scanPeriodMax / 1000
    let difference = state.pointee.promoteCandidates - state.pointee.thresholdCandidates
    let unit = knobs.hotThreshold * 2 / 16
    var threshold = state.pointee.hotThreshold == 0 ? knobs.hotThreshold : state.pointee.hotThreshold
    if difference > reference * 11 / 10 {
      threshold = max(threshold - unit, unit)
    } else if difference < reference * 9 / 10 {
      threshold = min(threshold + unit, knobs.hotThreshold * 2)
    }
    state.pointee.thresholdCandidates = state.pointee.promoteCandidates
    state.pointee.hotThreshold = threshold
  }

  /// `migrate_misplaced_folio_prepare`: room on the target, then isolation.
  private func prepare(_ folio: PFN, slot: Int, to target: Int, pages: Int) -> HintFaultOutcome {
    // A dirty page of a file is left alone.
    if memory.isFile(folio) && memory.entry(slot: slot) & PTE.dirty != 0 { return fail(slot) }
    guard memory.hasRoomForPromotion(node: target, pages: pages) else {
      if memory.rules.isTPP {
        memory.vmstat[.pgmigrate_fail_dst_node_full] += pages
      } else if knobs.mode & 2 != 0 {
        memory.wakeKswapd(node: target, order: memory.order(of: folio))
      }
      return fail(slot)
    }
    guard memory.isolate(folio) else {
      if memory.rules.isTPP { memory.vmstat[.pgmigrate_fail_numa_isolate] += pages }
      return fail(slot)
    }
    return .promote(folio: folio, node: target)
  }

  /// Accounts a promotion that `job` has carried out: counters on success, the old mapping on failure. Of a folio that had to be split
  /// both can be true.
  public func finishPromotion(job: MigrationJob, slot: Int, from node: Int, to target: Int) {
    let pages = job.nrSucceeded
    for folio in job.leftovers { memory.putBack(folio) }
    if pages > 0 {
      memory.vmstat[.numa_pages_migrated] += pages
      let crossesTiers = !memory.isTopTier(node) && memory.isTopTier(target)
      if memory.rules.isTPP {
        if pages == 1 {
          memory.vmstat[.pgpromote_tried] += 1
          memory.vmstat[memory.isFile(memory.folio(slot: slot)) ? .pgpromote_file : .pgpromote_anon] += 1
        }
      } else if knobs.mode & 2 != 0 && crossesTiers {
        memory.vmstat[.pgpromote_success] += pages
      }
      return
    }
    memory.unprotect(slot: slot)
  }
}
