# vmstat.csv of a run as a table of stages: pages that were promoted, demoted and compacted in each span of modelled time, in MiB.
# awk -v ends=5000,20000 -f workloads/stages.awk RUNDIR/vmstat.csv     (ends of the stages in ms; the last one ends with the run)
BEGIN { FS = ","; stages = split(ends, edge, ",") + 1; stage = 1 }
NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
# TPP's kernel counts promoted huge pages in numa_pages_migrated alone.
function promoted() { return ("pgpromote_success" in column) ? $column["pgpromote_success"] : $column["numa_pages_migrated"] }
function demoted() { return $column["pgdemote_kswapd"] + $column["pgdemote_direct"] }
{
  if (stage < stages && $1 > edge[stage]) stage++
  p = promoted(); d = demoted(); c = $column["pgmigrate_success"] - p - d
  up[stage] += p - p0; down[stage] += d - d0; moved[stage] += c - c0
  accesses = $column["fast_accesses"] + $column["slow_accesses"]
  fast[stage] += $column["fast_accesses"] - fast0; all[stage] += accesses - all0
  last[stage] = $1; p0 = p; d0 = d; c0 = c; fast0 = $column["fast_accesses"]; all0 = accesses
}
END {
  printf "%-16s %10s %10s %10s %14s %12s\n", "until, ms", "promoted", "demoted", "compacted", "moved, MiB/s", "fast access"
  for (s = 1; s <= stage; s++) {
    span = last[s] - last[s - 1]
    printf "%-16.0f %10.0f %10.0f %10.0f %14.1f %10.1f %%\n", last[s], up[s] / 256, down[s] / 256, moved[s] / 256, \
      (span > 0 ? (up[s] + down[s] + moved[s]) / 256 / span * 1000 : 0), (all[s] > 0 ? 100 * fast[s] / all[s] : 0)
  }
}
