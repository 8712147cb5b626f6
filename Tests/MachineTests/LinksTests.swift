// Latency, bandwidth and load of the nodes' memory.
import Testing
import Units

@testable import Machine

@Suite struct LinksTests {
  private let epoch = 10 * Picoseconds.microsecond

  private func link(peak: Int, thread: Int = 5_000_000_000) -> LinkProperties {
    LinkProperties(
      readLatency: 100 * Picoseconds.nanosecond, writeLatency: 150 * Picoseconds.nanosecond, readBandwidth: peak,
      writeBandwidth: peak / 2, threadReadBandwidth: thread, threadWriteBandwidth: thread * 2)
  }

  private func links(_ nodes: LinkProperties..., queue: Int = 250) -> Links {
    Links(nodes: nodes, epoch: epoch, queuePermille: queue)
  }

  @Test(arguments: [
    // One miss at a time costs the latency, four share it.
    (bytes: 64, mlp: 1000, isWrite: false, cost: 100_000), (bytes: 64, mlp: 4000, isWrite: false, cost: 25_000),
    (bytes: 64, mlp: 1000, isWrite: true, cost: 150_000), (bytes: 64, mlp: 1500, isWrite: false, cost: 66_666),
    // Large accesses cost their bytes over the thread's bandwidth: 4096 B / 5 GB/s, 64 B / 5 GB/s.
    (bytes: 4096, mlp: 4000, isWrite: false, cost: 819_200), (bytes: 4096, mlp: 4000, isWrite: true, cost: 409_600),
    (bytes: 64, mlp: 16_000, isWrite: false, cost: 12_800),
  ])
  func unloadedCosts(bytes: Int, mlp: Int, isWrite: Bool, cost: Int) {
    let links = links(link(peak: 100_000_000_000))
    #expect(links.accessCost(node: 0, isWrite: isWrite, bytes: bytes, mlpMilli: mlp) == cost)
  }

  /// Bandwidth that closed-loop threads reach on node 0 over the last of many epochs, bytes a second.
  private func throughput(_ links: Links, threads: Int, isWrite: Bool = false, mlp: Int = 8000) -> Int {
    var moved = 0
    var done = 0
    for round in 0..<600 {
      // A thread does as many accesses in an epoch as their cost lets it.
      let count = threads * epoch / links.accessCost(node: 0, isWrite: isWrite, bytes: 64, mlpMilli: mlp)
      links.addDemand(node: 0, read: isWrite ? 0 : count * 64, write: isWrite ? count * 64 : 0)
      links.endEpoch(elapsed: epoch)
      if round >= 300 {
        moved += count * 64
        done += 1
      }
    }
    return moved * (Picoseconds.second / epoch) / done
  }

  @Test(arguments: [16, 24, 64, 256], [20_000_000_000, 7_000_000_000])
  func manyThreadsSettleAtThePeak(threads: Int, peak: Int) {
    let reached = throughput(links(link(peak: peak)), threads: threads)
    #expect(abs(reached - peak) * 100 <= peak * 2, "\(reached) of \(peak) bytes a second")
  }

  @Test func noNumberOfThreadsDrawsMoreThanThePeak() {
    for threads in 1...32 {
      let reached = throughput(links(link(peak: 20_000_000_000)), threads: threads)
      #expect(reached <= 20_400_000_000, "\(threads) threads drew \(reached)")
    }
  }

  @Test func writesHaveAPeakOfTheirOwn() {
    let reached = throughput(links(link(peak: 20_000_000_000)), threads: 32, isWrite: true)
    #expect(abs(reached - 10_000_000_000) <= 200_000_000)
  }

  @Test func oneThreadReachesItsOwnBandwidthOnly() {
    let reached = throughput(links(link(peak: 200_000_000_000)), threads: 1, mlp: 64_000)
    #expect(abs(reached - 5_000_000_000) <= 50_000_000)
  }

  @Test func latencyFollowsTheQueueOfAnMD1Link() {
    // At half load: 1 + 1 * 0.5 / (2 * 0.5) = 1.5 with the whole wait felt.
    let links = links(link(peak: 64_000_000_000), queue: 1000)
    var latencies: [Int] = []
    for _ in 0..<40 {
      links.addDemand(node: 0, read: 320_000, write: 0)
      links.endEpoch(elapsed: epoch)
      latencies.append(links.latency(node: 0, isWrite: false))
    }
    #expect(latencies.first! == 112_500)
    #expect(zip(latencies, latencies.dropFirst()).allSatisfy { $0 <= $1 })
    #expect(latencies.last == 150_000)
    // Reads leave writes alone.
    #expect(links.latency(node: 0, isWrite: true) == 150_000)
    // Much later, nothing of it is left.
    links.endEpoch(elapsed: 100 * epoch)
    #expect(links.latency(node: 0, isWrite: false) == 100_000)
  }

  @Test func aSteadyLoadLeavesTheCostsAlone() {
    let links = links(link(peak: 64_000_000_000))
    var versions: [Int] = []
    for _ in 0..<40 {
      links.addDemand(node: 0, read: 100_000, write: 0)
      links.endEpoch(elapsed: epoch)
      versions.append(links.version)
    }
    #expect(versions[0] == 1)
    #expect(versions[39] == versions[20])
  }

  @Test func nodesDoNotShareTheirLoad() {
    let links = links(link(peak: 10_000_000_000), link(peak: 10_000_000_000))
    links.addDemand(node: 0, read: 1_000_000, write: 0)
    links.endEpoch(elapsed: epoch)
    #expect(links.latency(node: 0, isWrite: false) > 100_000)
    #expect(links.latency(node: 1, isWrite: false) == 100_000)
  }

  // MARK: Copies

  @Test(arguments: [
    // The CPU, the source's one thread, the destination's one thread, in turn, are the slowest.
    (cpu: 1_000_000_000, source: 5_000_000_000, destination: 5_000_000_000, time: 4_096_000),
    (cpu: 11_000_000_000, source: 2_000_000_000, destination: 5_000_000_000, time: 2_048_000),
    (cpu: 11_000_000_000, source: 5_000_000_000, destination: 500_000_000, time: 4_096_000),
  ])
  func aCopyTakesTheSlowestOfItsParts(cpu: Int, source: Int, destination: Int, time: Int) {
    let links = links(
      link(peak: 100_000_000_000, thread: source), link(peak: 100_000_000_000, thread: destination))
    #expect(links.copy(bytes: 4096, from: 0, to: 1, cpuBandwidth: cpu) == time)
    #expect(links.copiedFrom == [4096, 0])
    #expect(links.copiedTo == [0, 4096])
  }

  @Test func aCopyGetsWhatDemandLeavesButAnEighthAtLeast() {
    let links = links(link(peak: 8_000_000_000, thread: 8_000_000_000), link(peak: 800_000_000_000))
    links.addDemand(node: 0, read: 40_000, write: 0)
    links.endEpoch(elapsed: epoch)
    // Half of 8 GB/s is left.
    #expect(links.copy(bytes: 4000, from: 0, to: 1, cpuBandwidth: 11_000_000_000) == 1_000_000)
    links.addDemand(node: 0, read: 1_000_000, write: 0)
    links.endEpoch(elapsed: epoch)
    #expect(links.copy(bytes: 4000, from: 0, to: 1, cpuBandwidth: 11_000_000_000) == 4_000_000)
  }

  @Test func backgroundCopiesSlowDemand() {
    let quiet = links(link(peak: 10_000_000_000), link(peak: 10_000_000_000))
    let busy = links(link(peak: 10_000_000_000), link(peak: 10_000_000_000))
    for links in [quiet, busy] {
      for _ in 0..<50 {
        links.addDemand(node: 0, read: 60_000, write: 0)
        if links === busy { _ = links.copy(bytes: 32_768, from: 0, to: 1, cpuBandwidth: 11_000_000_000) }
        links.endEpoch(elapsed: epoch)
      }
    }
    let before = quiet.accessCost(node: 0, isWrite: false, bytes: 64, mlpMilli: 1000)
    let after = busy.accessCost(node: 0, isWrite: false, bytes: 64, mlpMilli: 1000)
    #expect(Double(after) > 1.3 * Double(before))
  }

  /// kernel/time/timer.c: levels of 63, 504, 4032 jiffies with granularities of 1, 8, 64.
  @Test(arguments: [(4, 2000, 2016), (1, 2000, 2048), (10, 2000, 2080), (4, 40, 44), (4, 252, 256), (4, 512, 544)])
  func workThatQueuesItselfAnewRunsOnTheTimerWheel(jiffy: Int, delay: Int, period: Int) {
    let clock = KernelClock(scale: 1, jiffyMilliseconds: jiffy)
    #expect(clock.timerPeriod(milliseconds: delay) == period * Picoseconds.millisecond)
    let fast = KernelClock(scale: 4, jiffyMilliseconds: jiffy)
    #expect(fast.timerPeriod(milliseconds: delay) == period * Picoseconds.millisecond / 4)
  }

  /// A deferrable timer that waited while the machine slept is queued anew from when it ran, on the same wheel.
  @Test(arguments: [(0, 2016), (3, 2016), (4, 2016), (16, 2048), (300, 2304)])
  func workThatWaitedIsQueuedAnewFromThen(late: Int, period: Int) {
    let clock = KernelClock(scale: 1, jiffyMilliseconds: 4)
    #expect(
      clock.timerPeriod(milliseconds: 2000, late: late * Picoseconds.millisecond) == period * Picoseconds.millisecond)
  }

  @Test func kernelTimeScales() {
    let clock = KernelClock(scale: 1000, jiffyMilliseconds: 4)
    #expect(clock.milliseconds(Picoseconds.millisecond) == 1000)
    #expect(clock.milliseconds(7 * Picoseconds.microsecond) == 4)
    #expect(clock.span(milliseconds: 1000) == Picoseconds.millisecond)
    #expect(KernelClock(scale: 1, jiffyMilliseconds: 10).milliseconds(59 * Picoseconds.millisecond) == 50)
  }
}
