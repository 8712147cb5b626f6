// Engines of DSA in the catalogue, and what they copy.
import CopyKernels
import PageCopy
import Portals
import Testing

@testable import CopyBench

@Suite struct PortalEngineTests {
  private static let catalog = EngineCatalog(
    cpus: BenchmarkTests.cpus, threads: [],
    others: [
      PortalOffers.software(channels: 8, engines: 1, cpus: [0, 1], name: "dsa:software"), PortalOffers.hardware([]),
    ])

  @Test func `software queues copy every subject and are verified`() throws {
    let offers = try ["dsa:software", "dsa:software:3x2"].map { try Self.catalog.offer($0) }
    let subjects: [CopySubject] = [
      .order(0), .order(9), .list("2b,1h,30b", try #require(PageList(text: "2b,1h,30b"))),
    ]
    let result = try CopyBenchmark.run(BenchmarkTests.plan(offers, subjects))
    for offer in offers {
      for subject in subjects { #expect(result.row(offer.name, subject, .cold, CopyRoute(from: 0, to: 1)) != nil) }
    }
    #expect(result.verified == result.samples.reduce(0) { $0 + $1.times.count })
  }

  @Test(arguments: [
    "dsa", "dsa:software:9x1", "dsa:software:0x1", "dsa:software:1x17", "dsa:software:x", "dsa:software:2",
  ])
  func `other names are refused`(_ name: String) {
    #expect(throws: CopyBenchError.self) { try Self.catalog.offer(name) }
  }

  @Test func `without queues there is no hardware, and it says so`() throws {
    let offer = try Self.catalog.offer("dsa:hardware")
    #expect(offer.obstacle?.remedy.contains("accel-config enable-wq") == true)
    #expect(throws: CopyBenchError.self) { try offer.open() }
    let queue = HardwareQueueDescription(path: "/nowhere/wq0.0", isDedicated: true, entries: 16)
    #expect(throws: HardwareQueueError.self) { try PortalOffers.hardware([queue]).open() }
  }
}
