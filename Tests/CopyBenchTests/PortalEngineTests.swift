// Engines of DSA in the catalogue, and what they copy.
import CopyKernels
import Foundation
import Host
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
    #expect(result.verified >= result.samples.reduce(0) { $0 + $1.times.count })
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
    let nowhere = PortalOffers.hardware([queue])
    #expect(nowhere.obstacle?.why.contains("/nowhere/wq0.0") == true)
    #expect(throws: CopyBenchError.self) { try nowhere.open() }
  }

  @Test func `queues that cannot be opened are gone without`() throws {
    var calls = NodeCalls.system
    calls.open = { $0.hasSuffix("1") ? -EBUSY : 1000 }
    calls.close = { _ in }
    calls.map = { _, error in
      error = EPERM
      return nil
    }
    let system = calls
    let queues = (0..<3).map { HardwareQueueDescription(path: "/dev/dsa/wq0.\($0)", isDedicated: true, entries: 16) }
    let offer = PortalOffers.hardware(queues) { (queue) throws(HardwareQueueError) in
      try HardwareQueue.open(queue, calls: system)
    }
    #expect(offer.obstacle == nil && offer.words == "DSA, 2 queues")
    #expect(offer.remarks.count == 1)
    #expect(offer.remarks.first?.contains("wq0.1: Device or resource busy; a dedicated queue has one client") == true)
  }

  /// A queue that takes descriptors by write(2) alone, as one without CAP_SYS_RAWIO does.
  @Test func `an engine says which queue is not mapped`() throws {
    var calls = NodeCalls.system
    calls.open = { _ in 1000 }
    calls.close = { _ in }
    calls.map = { _, error in
      error = EPERM
      return nil
    }
    let description = HardwareQueueDescription(path: "/dev/dsa/wq0.0", isDedicated: true, entries: 16)
    let queue = try HardwareQueue.open(description, calls: calls)
    let engine = PortalEngine(try HostChannels([queue], knobs: .host(channels: 1)))
    #expect(engine.remarks.count == 1)
    #expect(engine.remarks.first?.hasPrefix("/dev/dsa/wq0.0: write(2) in place of its portal: mmap needs") == true)
    let device = try SoftwareDevice(.software(channels: 2))
    #expect(PortalEngine(try HostChannels(device.portals, knobs: .host(channels: 2))).remarks == [])
  }

  @Test func `queues of sysfs are queues if a process can open them`() {
    var queue = IdxdWorkQueue(name: "wq0.1", device: "dsa0", mode: .shared, state: "enabled", type: "user", size: 16)
    #expect(HardwareQueueDescription(queue) == nil, "no node")
    queue.node = IdxdNode(
      path: "/dev/dsa/wq0.1", openPath: "/tmp/wq0.1", owner: 0, group: 0, ownerName: "root", groupName: "root",
      permissions: 0o600, isCharacterDevice: true, isOpenable: true)
    queue.threshold = 9
    queue.maxBatchSize = 64
    #expect(
      HardwareQueueDescription(queue)
        == HardwareQueueDescription(path: "/tmp/wq0.1", isDedicated: false, entries: 9, maxBatch: 64))
    queue.mode = .dedicated
    #expect(HardwareQueueDescription(queue)?.entries == 16)
    queue.type = "kernel"
    #expect(HardwareQueueDescription(queue) == nil)
  }
}
