// The end of a run: the books are checked, what a reader should know of the run becomes warnings.

import MemoryModel
import Migration
import Tiering
import Units
import Workload

extension Simulation {
  func finish() -> RunResult {
    for program in programs where program.isEndless || isCut { program.cut(now: now) }
    sample(isLast: true)
    freeAreas.take("end", now: now, memory: memory)
    var faults: [String] = []
    if knobs.check != .off { faults = memory.findFaults() + identityFaults() }
    memory.checkBacking()
    if let backing = copies.backing { faults += backing.report.faults }
    if copies.backing?.drivesClock == true {
      warnings.append("not reproducible: measured copy times drove the clock (clock.copy = measured)")
    }
    warnUnderTwoPasses()
    warnWithoutDemotionMark()
    warnOfEventsAhead()
    warnOfCopies()
    if let timeline { finish(timeline) }
    var result = RunResult(
      workload: spec.name, elapsed: now, tasks: programs.map(\.result),
      processes: spaces.map {
        ProcessResult(name: $0.name, pages: $0.rss, scanPasses: $0.scan.passes)
      },
      samples: sampler.samples, heat: sampler.heat.map, snaps: snaps, freeAreas: freeAreas.samples,
      stalls: StallCause.allCases.compactMap { stalls.summary($0) },
      reuse: sampler.reuse.summary(), trace: trace, memory: memory,
      kswapdTime: kswapdThreads.map(\.cpuTime),
      kernelThreads: (kcompactds.map(\.thread) + [khugepaged?.thread, memoryCompaction?.1].compactMap { $0 }).filter {
        $0.cpuTime > 0
      }.map {
        KernelThreadResult(name: $0.name, cpuTime: $0.cpuTime)
      }, cpuBusy: scheduler.cpus.map(\.busyTime),
      contextSwitches: scheduler.switches, copy: copies.summary(elapsed: now), warnings: warnings, faults: faults,
      isCut: isCut,
      footprintPages: spaces.reduce(0) { $0 + $1.rss })
    result.backing = copies.backing?.report
    result.timeline = timeline.map { timelineResult($0) }
    return result
  }

  private func warnUnderTwoPasses() {
    guard balancing.mode != 0 else { return }
    for space in spaces where space.scan.passes < 2 && space.rss > 0 {
      let scans = ["never scanned", "scanned only once"][space.scan.passes]
      let hasPromoted = memory.vmstat[.numa_pages_migrated] > 0
      let effect = hasPromoted ? "promotion has only begun" : "too few for promotion to show"
      warnings.append(
        "process '\(space.name)' was \(scans): \(effect); run longer, repeat the trace, raise weight, or set sim.time_scale"
      )
    }
  }

  /// In the original the mark is computed only with the watermarks, and only in mode 2.
  private func warnWithoutDemotionMark() {
    guard memory.rules.isTPP, memory.tieringMode, memory.demotionEnabled, memory.demotionMarkFactor == nil else {
      return
    }
    warnings.append(
      "TPP's demotion mark was never computed, so that nothing is demoted ahead of need: write vm.demote_scale_factor after "
        + "kernel.numa_balancing=2, as sysctl/profiles/tpp.conf does")
  }

  private func warnOfEventsAhead() {
    guard nextEvent < spec.events.count else { return }
    let event = spec.events[nextEvent]
    let rest = spec.events.count - nextEvent - 1
    warnings.append(
      "the event at \(TimeSpan.text(event.at)) (line \(event.line)) "
        + (rest == 0 ? "was" : rest == 1 ? "and one after it were" : "and \(rest) after it were")
        + " not reached: the run ended before")
  }
}
