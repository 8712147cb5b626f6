// Whole comparisons: the same whatever the threads, complete for programs, errors with the profile's name.

import Foundation
import Report
import Simulation
import Synchronization
import Testing

@testable import Compare

@Suite struct ComparisonTests {
  private static let profiles = "tpp,all-fast,all-slow,first-touch"

  @Test func `a comparison does not depend on the number of threads`() throws {
    let plan = try SmallComparison.plan(Self.profiles)
    let one = try plan.run(jobs: 1, version: "test")
    for jobs in [3, 64] {
      let many = try plan.run(jobs: jobs, version: "test")
      #expect(many == one && many.json == one.json && many.text == one.text && many.csv == one.csv, "\(jobs) jobs")
    }
    #expect(one.basis == .time && one.notes.isEmpty)
    #expect(one.profiles.allSatisfy { $0.given.faults.isEmpty })
    // The hot window lies in slow memory: tiering gains, and memory of one kind bounds it.
    let given = one.profiles.map(\.given)
    #expect(given[0].movedPages > 0)
    #expect(given[1].measuredPs < given[0].measuredPs && given[3].measuredPs <= given[2].measuredPs)
  }

  @Test func `the table of a small workload is as stored`() throws {
    let comparison = try SmallComparison.plan("tpp,first-touch,all-fast").run(jobs: 2, version: "test")
    #expect(
      comparison.text == """
        small: 24 MiB, a sixth of it hot
        footprint 24.0 MiB, 6,144 pages; times are modelled

                                             tpp  first-touch  all-fast
        run time                        68.89 ms     35.69 ms  32.41 ms
          without warm-up               62.41 ms     29.18 ms  26.11 ms
          phase 1, access A seq          6.48 ms      6.50 ms   6.30 ms
          phase 3, access A seq         62.41 ms     29.18 ms  26.11 ms
        speed-up over tpp                      -       2.138x    2.390x
          least of its range                   -       1.394x    1.558x
          greatest of its range                -       3.222x    3.601x
          verdict                              -       faster    faster
        fast-memory accesses               3.7 %        3.0 %   100.0 %
        pages moved
          compaction, of 4 KiB               500            0         0
          compaction, of 2 MiB                 0            0         0
          demotion, of 4 KiB                 989            0         0
          demotion, of 2 MiB                   0            0         0
        migration time                   2.43 ms      8.74 us       0 s
          isolate                      103.18 us      1.57 us       0 s
          allocate                      83.28 us      7.17 us       0 s
          unmap                        372.25 us          0 s       0 s
          flush                        744.50 us          0 s       0 s
          copy                         591.28 us          0 s       0 s
          remap                        297.80 us          0 s       0 s
          put_back                     238.24 us          0 s       0 s
        copy time (the stage 'copy')   591.28 us          0 s       0 s
          CPU time of copying          591.28 us          0 s       0 s
          rate                        10.31 GB/s            -         -
          copied by one CPU              5.8 MiB        0 KiB     0 KiB
          copied by several CPUs           0 KiB        0 KiB     0 KiB
          copied by DSA                    0 KiB        0 KiB     0 KiB
        stalls, first touch                6,144        6,144     6,144
          p50                            1.00 us      1.00 us   1.00 us
          p99                            1.00 us      1.00 us   1.00 us
          p99.9                          1.00 us      1.00 us   1.00 us
          worst                          1.00 us      1.00 us   1.00 us
        stalls, hint fault                 2,428            -         -
          p50                            1.00 us            -         -
          p99                           31.00 us            -         -
          p99.9                         31.00 us            -         -
          worst                         31.00 us            -         -

        speed-up over tpp, by time without warm-up; within 0.5 % is 'same'
        its range: the same with all 33 uncalibrated costs (--list-costs) halved, and doubled; undecided: the three do not say the same

        """)
  }

  @Test func `huge pages are copied by the engine of the profile, and copies take what the stages say`() throws {
    let plan = try SmallComparison.plan(
      "tpp,tpp-dsa,tpp-mt,tpp-concur-mt,tpp-concur-dsa", ["mm.transparent_hugepage.enabled=always"], hasRanges: false)
    let comparison = try plan.run(jobs: 2, version: "test")
    let engines = ["cpu", "dsa", "cpu_multithreaded", "cpu_multithreaded", "dsa"]
    for (profile, engine) in zip(comparison.profiles, engines) {
      let (run, copy) = (profile.given, profile.given.copy)
      for figures in copy.engines where figures.engine != "cpu" {
        #expect((figures.hugePages > 0) == (figures.engine == engine), "\(profile.name) \(figures.engine)")
      }
      #expect(copy.bytes == run.movedPages << 12, "\(profile.name)")
      #expect(copy.bytes == copy.engines.reduce(0) { $0 + $1.bytes })
      #expect(copy.devices.isEmpty == (engine != "dsa"))
      #expect(copy.devices.allSatisfy { $0.busyPs < run.elapsedPs && $0.busyMillionths < 1_000_000 })
      #expect(run.migrationPs == run.stagesPs.reduce(0, +) && run.stagesPs[4] == copy.elapsedPs)
      #expect(copy.dsaFailures == 0 && !copy.isDsaTurnedOff)
    }
    // The device is faster than the CPU, and several CPUs than one.
    let rates = comparison.profiles.map { $0.given.copy.bytesPerSecond ?? 0 }
    #expect(rates[0] < rates[2] && rates[2] < rates[1])
  }

  @Test func `JSON holds the whole comparison`() throws {
    let comparison = try SmallComparison.plan(Self.profiles).run(jobs: 2, version: "test")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    #expect(try decoder.decode(Comparison.self, from: Data(comparison.json.utf8)) == comparison)
    let root = try #require(
      try JSONSerialization.jsonObject(with: Data(comparison.json.utf8)) as? [String: Any])
    for key in ["format", "basis", "reference", "uncalibrated_costs", "profiles", "band_millionths", "notes"] {
      #expect(root[key] != nil, "\(key)")
    }
  }

  @Test func `CSV has a line for each number`() throws {
    let comparison = try SmallComparison.plan("tpp,first-touch").run(jobs: 2, version: "test")
    let lines = comparison.csv.split(separator: "\n")
    #expect(lines[0] == "profile,costs,figure,unit,value")
    let tpp = comparison.profiles[0].given
    #expect(lines.contains("tpp,given,elapsed,ps,\(tpp.elapsedPs)"))
    #expect(lines.contains("tpp,given,migration/demotion/stage/copy,ps,\(try #require(tpp.migrations.last).copyPs)"))
    let speedup = try #require(comparison.profiles[1].speedup)
    #expect(lines.contains("first-touch,halved,speedup,millionths,\(try #require(speedup.halvedMillionths))"))
    #expect(lines.contains("first-touch,all,verdict,,\(speedup.verdict.rawValue)"))
    let numbers = comparison.profiles.flatMap { profile in CostScale.all.compactMap { profile[$0] } }
      .reduce(0) { $0 + $1.figures.count }
    #expect(lines.count == 1 + numbers + 4)
    #expect(lines.allSatisfy { $0.split(separator: ",", omittingEmptySubsequences: false).count == 5 })
  }

  @Test func `runs that are given a time are compared by rate, and that is said`() throws {
    let workload = """
      name: timed
      regions:
        A: {pages: 4096}
      tasks:
        - name: main
          phases:
            - access: A
              write_every: 1
            - access: A
              pattern: uniform
              for: 20ms
      """
    let comparison = try SmallComparison.plan("all-slow,all-fast", workload: workload, hasRanges: false)
      .run(jobs: 2, version: "test")
    #expect(comparison.basis == .rate)
    #expect(
      comparison.notes == ["the runs did not do the same accesses: speed-ups are by accesses a second, not by run time"]
    )
    #expect(comparison.text.contains("speed-up over all-slow, by accesses a second"))
    // By time alone, the faster memory would seem to gain next to nothing.
    #expect(try #require(comparison.profiles[1].speedup).millionths > 1_300_000)
  }

  @Test func `of runs that fail the first in order is named, whatever the threads`() throws {
    // The machine of tpp cannot hold the workload; that of all-fast can.
    let plan = try SmallComparison.plan("all-fast,first-touch,tpp", ["hw.node1.size=8M"])
    for jobs in [1, 4] {
      let error = #expect(throws: CompareError.self) { try plan.run(jobs: jobs, version: "test") }
      #expect(error?.profile == "first-touch")
      #expect(error?.description.hasPrefix("profile first-touch: the workload needs ") == true)
    }
  }

  @Test func `every run is handed out once, with its name and knobs`() throws {
    let plan = try SmallComparison.plan("first-touch,all-fast")
    let seen = Mutex<[String]>([])
    _ = try plan.run(
      jobs: 3, version: "test",
      keep: { (run, result, _) throws(ReportError) in
        seen.withLock { $0.append("\(run.name) \(result.tasks[0].totals.accesses)") }
      })
    let accesses = 6144 + 60 * 1024
    #expect(
      seen.withLock { $0 }.sorted()
        == [
          "all-fast", "all-fast.costs-doubled", "all-fast.costs-halved", "first-touch",
          "first-touch.costs-doubled", "first-touch.costs-halved",
        ].map { "\($0) \(accesses)" })
  }

  @Test func `speed-ups may be over any of the profiles`() throws {
    let plan = try SmallComparison.plan("first-touch,all-fast", over: "all-fast", hasRanges: false)
    let comparison = try plan.run(jobs: 2, version: "test")
    #expect(comparison.profiles[1].speedup == nil)
    #expect(try #require(comparison.profiles[0].speedup).verdict == .slower)
    #expect(try SmallComparison.plan("first-touch,all-fast").reference == "first-touch")
    let error = #expect(throws: CompareError.self) { try SmallComparison.plan("tpp,all-fast", over: "all-fst") }
    #expect(error?.description == "--over: 'all-fst' is none of the profiles; did you mean all-fast?")
  }
}
