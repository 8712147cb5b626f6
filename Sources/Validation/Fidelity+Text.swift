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
    * `zipf-thp` (huge pages under v6.12): the model promotes and demotes a tenth less than the kernel. Its scans come when the
      kernel's do, within 0.2 s but for the last two; a few more of its kswapd's first huge pages are found idle.
    * `frag-thp` (compaction): 57 direct compactions succeed where the kernel's 55 do, then the scanners have met and the rest
      fails, as there. Base pages that the kernel promotes are other processes': the shell's, idle while the program runs and demoted,
      wait for it to end. They are why the kernel counts 898 hint faults, 31 for each of 26, where the model, which has no shell, has
      those of its huge pages alone: numa_hint_faults differs for that.
    * `hot-tail-thp` on four CPUs is shape only, as its runs are free: their times are the host's, and the fill must outrun kswapd for hot
      pages to begin on node 1. With the times of a huge page's fault and demotion in one of the kernel's runs all eight counters agree, of
      all three variants; with the one-CPU machine's kswapd keeps up, and 8 huge pages are promoted where the kernel promotes 36 to 43.
    * `frag-thp` on four CPUs, in shape with the one-CPU machine's times: 8 of 9 counters agree, and 6 of 9 where several threads copy. The model
      promotes more huge pages after the fill, 32 and 35 where the kernel promotes 10 to 25 and up to 14; with threads copying, fewer direct
      compactions succeed.
    * `tppnomark`: the kernel wakes kswapd once during the fill and demotes 163 idle pages; the model does not wake it.

    ## What made the difference

    Facts about the kernels that were needed to agree, each found by comparing. Costs of the machines were read off the runs
    that are compared here, but for the counters themselves; two numbers had to be chosen so that the times of scans and the
    fill agree: `sim.untouched_mappings` and the kernel's own pages (`hw.node0.kernel_pages`: with a hundred pages more, 22
    of v6.12's 27 counters agree, with a hundred fewer 25: when a scan falls due decides on thousands of pages).

    * A huge page that TPP demotes stays accessible, unlike a base page: the next scan finds it (152 of 152 in `hot-tail-thp` on one CPU). And
      its promotion is none of migrate_pages: thp_migration_success counts demotions alone there.
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
    * A huge page is 512 pages to every count of reclaim and of the scanner, and one folio to look at, one entry to change: charged by
      the page, kswapd took a second for what it does in milliseconds, and demoted no huge page.
    * kswapd gives up a high order after twice its pages, and whether it may sleep goes by the order that it ended with.
    * ZONE_DMA holds nothing of the kernel's but a pool of 256 KiB; the huge pages that fit into it decide how near it is to its marks,
      and one zone above its mark is enough for kswapd to find the node balanced.
    * The statistics' flush is deferrable: a machine that sleeps delays it, and all that follow.
    * At the end of a pass the mappings that a scan skipped are scanned one by one before the sequence number changes and the period with
      it.
    * Compaction goes on one pageblock behind the one that it has done with, so that each success costs two of the migrate scanner's
      blocks and one of the free scanner's: after some 55 of them the scanners meet.
    * Until 6.5 the fast search marked the block that it named as one to skip, so that the scan passed it by; until 6.9 free pages
      were isolated for the whole list again, whatever was left of it. Both searches put what they looked at where the next
      one looks last.
    * Until 6.1 a migrated page was old until its next access. What compaction moved is what kswapd demotes first: 16,591 pages at once in
      `frag-thp`, 16,585 in the kernel.

    ## Not compared

    Speed, `kernel.rules = v7.1` (code reading only), machines of more than two nodes.

    """
}
