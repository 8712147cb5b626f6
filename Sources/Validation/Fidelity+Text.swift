// The fixed words of docs/fidelity.md.

extension Fidelity {
  static func heading(delays: [Int]) -> String {
    """
    The kernels were booted in an emulator that counts
    instructions, on exactly known access patterns; their runs differ only in a delay before the program, and so do the
    model's, of \(delays.map(String.init).joined(separator: ", ")) ms. A counter *agrees* when the model's median lies within the kernel's [min, max]
    widened by 15 % of its median, or within 512 pages of it. One set of constants a machine: `sysctl/machines/oracle-tcg.conf`
    and `oracle-tpp.conf`, whose comments say where each comes from.

    The emulator has no caches and no memory latency: this compares placement and policy (what is scanned, demoted,
    promoted, in which lists), not speed.

    """
  }
}

extension Fidelity {
  /// What differs and why, and what is not compared.
  static let misses = """

    ## What differs, and why

    * `hot-tail-4k-nodemote`: the kernel promotes 37 to 1,023 pages late in the run, when processes that end elsewhere free
      memory on node 0; the model has no such processes and promotes none. Its scans fall into the same seconds as the
      kernel's but for the last one or two.
    * `seqscan-4k`: the scans come when the kernel's do, but the one burst of some 12,000 promotions follows the fourth scan
      in the model, the fifth in the kernel. It comes when kswapd finds the inactive list all but empty; which scan that is
      depends on small differences of time. The kernel's own runs differ by 22 %.
    * TPP: 8 to 15 % more pages are tried for promotion than in the kernel, and hint faults go with them.
    * `concur` (migrate_pages_concur for demotion): it changes hardly anything here, as on the kernel. There, 15 of 1,196 lists of
      a run leave pages to migrate_pages, because somebody else held a reference to them; in the model nobody does.
    * Two CPUs: the direction of every counter agrees, the size does not. On the reference, two CPUs run in turns
      of some milliseconds and share one instruction budget, so that kswapd falls behind much further than here.
    * `zipf-thp` (huge pages under v6.12): the fill agrees (203 huge faults against 206), what follows does not. The kernel's kswapd
      demotes some 17 whole huge pages and keeps node 0 at its promo mark, so that 50 thousand base pages go up and down; in the
      model it demotes base pages alone, node 0 stays between its low and high mark, and a seventh as many pages are promoted.
    * `frag-thp` (compaction): pages isolated and moved by compaction, the demotion of the whole run, its lists of 32 pages and of
      a block's rest are the kernel's; 62 % of the kernel's direct compactions fail, and hardly one of the model's: there the free
      scanner finds no more pages after some 53 blocks, here it finds them until free memory is at the low mark. So all of the
      huge pages are placed on node 0 at once, where the kernel promotes a third of them later (numa_hint_faults).
    * `tppnomark`: the kernel wakes kswapd once during the fill and demotes 163 idle pages; the model does not wake it.

    ## What made the difference

    Facts about the kernels that were needed to agree, each found by comparing. Costs of the machines were read off the runs
    that are compared here, but for the counters themselves; two numbers had to be chosen so that the times of scans and the
    fill agree: `sim.untouched_mappings` and the kernel's own pages (`hw.node0.kernel_pages`).

    * Pages on per-CPU lists are not free: kswapd overshoots by up to four batches, and the list refills by up to 992 pages
      at a time take a zone from its low mark to zero.
    * On one CPU a woken kswapd preempts at once only when the running task has had its slice; else it waits for the
      next tick, and every hint fault in between finds node 0 full (EEVDF's deadline rule).
    * `inactive_is_low` goes by cgroup statistics that are up to 2 s old, so that whole lists swing from inactive to active.
      When they are flushed is a fact of the boot (`hw.stats_flush_phase`); the flush queues itself anew after 2 s, which the
      timer wheel makes 504 jiffies.
    * A machine is not empty when the program starts: idle pages of sleeping processes lie at the tails of node 0's lists
      (`hw.node0.idle_pages`, `hw.node0.idle_active_pages`). They are demoted first; kswapd, which gives a node up after 16
      runs that reclaimed nothing, would else give this one up, as the model did without them.
    * Scanning costs time in proportion to the entries walked, and the scanner waits 32 times as long as it worked. The
      first scan counts with the scan delay, not with the period that it sets (`task_tick_numa`).
    * In 5.13 a promotion that fails doubles the scan period; from memory tiering on, faults on slow pages do not count.

    ## Not compared

    Huge pages, speed, `kernel.rules = v7.1` (code reading only), machines of more than
    two nodes.

    """
}
