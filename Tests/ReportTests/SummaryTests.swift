// The page people read, and run.json.

import Foundation
import Testing
import Units

@testable import Report
@testable import Simulation

@Suite struct SummaryTests {
  @Test func `summary says where the time went`() throws {
    let (result, inputs) = try SmallRun.run()
    let text = Summary(result, inputs: inputs).text
    #expect(text.hasPrefix("small: 24 MiB written once, then read twice\nkernel rules v6.12, "))
    #expect(text.contains("\nfootprint     24.0 MiB, 6,144 pages; fast tier 16.0 MiB\n"))
    #expect(text.contains("\nwhere the time of all threads went (warm-up left out: "))
    #expect(text.contains("\nno page was migrated\n"))
    #expect(text.contains("\n  first touch                6,144     1.00 us"))
    #expect(
      text.contains("\nreuse intervals of one page in 256, by the kernel's clock: 100.0 % below the hot threshold\n"))
    #expect(text.contains("\n  under 1 ms "))
    #expect(text.contains("\naccess hash f414cc38c1933b25  main, phase 1, access A seq\n"))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 && $0.last != " " })
  }

  @Test func `a run says what of it was never compared with a kernel`() throws {
    let (result, inputs) = try SmallRun.run()
    #expect(!Summary(result, inputs: inputs).text.contains("not compared there"))
    let (wide, wideInputs) = try SmallRun.run("hw.cpus = 3\nhw.node2.size = 16M")
    #expect(Summary(wide, inputs: wideInputs).text.contains("\nnot compared there: 3 nodes, 3 CPUs\n\n"))
    #expect(RunFiles(wide, inputs: wideInputs).json.contains("\"not_compared\": [\"3 nodes\", \"3 CPUs\"]"))
  }

  @Test func `warm-up is not in the totals that leave it out`() throws {
    let (result, _) = try SmallRun.run()
    let (totals, elapsed) = result.totalsWithoutWarmup
    #expect(totals.accesses == 2 * 6144)
    #expect(totals.writes == 0)
    #expect(result.totals.accesses == 3 * 6144)
    #expect(elapsed < result.elapsed)
  }

  @Test func `sections add up to the totals`() throws {
    let (result, _) = try SmallRun.run()
    let sum = result.tasks.flatMap(\.sections).reduce(TaskTotals()) { $0 + $1.totals }
    #expect(sum.accesses == result.totals.accesses)
    #expect(sum.bytes == result.totals.bytes)
  }

  @Test func `run.json is JSON with units in its keys`() throws {
    let (result, inputs) = try SmallRun.run()
    let text = RunFiles(result, inputs: inputs).json
    let root = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(root["format"] as? Int == 1)
    #expect(root["elapsed_ps"] as? Int == result.elapsed)
    #expect((root["workload"] as? [String: Any])?["name"] as? String == "small")
    let stalls = try #require(root["stalls"] as? [String: [String: Int]])
    #expect(stalls["first_touch"]?["count"] == 6144)
    #expect(
      (root["files"] as? [String: String])?.keys.sorted() == [
        "buddyinfo", "config.sysctl", "copies.csv", "extfrag_index", "heat.csv", "machine.csv", "pagetypeinfo",
        "regions.csv",
        "timer", "timer.json", "trace.txt", "unusable_index", "vmstat.csv",
      ])
    #expect((root["totals_excluding_warmup"] as? [String: Any])?["accesses"] as? Int == 2 * 6144)
  }

  @Test func `equal runs give equal files`() throws {
    let (a, inputsA) = try SmallRun.run()
    let (b, inputsB) = try SmallRun.run()
    let filesA = RunFiles(a, inputs: inputsA, zoneinfo: true).files
    let filesB = RunFiles(b, inputs: inputsB, zoneinfo: true).files
    #expect(
      filesA.map(\.name) == [
        "config.sysctl", "vmstat.csv", "machine.csv", "heat.csv", "regions.csv", "copies.csv", "trace.txt", "timer",
        "timer.json", "buddyinfo", "pagetypeinfo", "extfrag_index", "unusable_index", "zoneinfo", "run.json",
      ])
    for (x, y) in zip(filesA, filesB) { #expect(x.text == y.text, "\(x.name)") }
  }

  @Test func `sparkline shows shares over time`() {
    func sample(_ time: Int, _ fast: Int, _ slow: Int) -> RunSample {
      RunSample(time: time, events: [], free: [], lru: [], fastAccesses: fast, slowAccesses: slow)
    }
    let line = Sparkline(
      samples: [sample(0, 0, 0), sample(50, 100, 0), sample(75, 100, 0), sample(100, 100, 100)], steps: 4)
    #expect(line.permille == [1000, 1000, nil, 0])
    #expect(line.text == "██ ▁")
    #expect(Sparkline(samples: [], steps: 2).text == "  ")
  }
}
