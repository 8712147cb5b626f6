// The hardware path without silicon: a file for a node, a software device behind it, and a kernel that says no.

import CPlatform
import CPortals
import DSAFormat
import DSAModel
import Events
import PageCopy
import Synchronization
import Testing
import Units

@testable import Portals

#if canImport(Glibc)
  import Glibc
#endif

/// A node that is a memory file; its page is served by a software device.
private final class FakeNode {
  let device: SoftwareDevice
  private var server: PortalPageServer?
  let file: Int32
  let path: String

  init(entries: Int = 32, engines: Int = 2, faults: FaultPlan = FaultPlan(), isMapped: Bool = true) throws {
    device = try SoftwareDevice(.software(engines: engines, entries: entries), faults: faults)
    file = pf_memory_file("wq")
    try #require(file >= 0 && ftruncate(file, Page.size) == 0)
    path = "/proc/self/fd/\(file)"
    if isMapped { server = try PortalPageServer(file: file, device: device, queue: 0) }
  }

  deinit {
    server = nil
    close(file)
  }

  func description(isDedicated: Bool = true, maxBatch: Int = 128) -> HardwareQueueDescription {
    HardwareQueueDescription(path: path, isDedicated: isDedicated, entries: 32, maxBatch: maxBatch)
  }
}

/// MOVDIR64B where it is, else its stand-in; ENQCMD as the software device answers it.
private func instructions(_ portal: SoftwarePortal? = nil, canStore: Bool = true) -> PortalInstructions {
  PortalInstructions(
    canStore: canStore, canEnqueue: portal != nil, store: PortalInstructions.processor.store,
    enqueue: { _, descriptor in
      withUnsafePointer(to: descriptor) { portal?.submit(UnsafeBufferPointer(start: $0, count: 1).span) == 1 }
    })
}

/// A kernel that refuses mmap, takes writes as idxd_cdev_write does, and gives them to a software device.
private func writingCalls(
  _ portal: SoftwarePortal, mapError: Int32 = EPERM, most: Int = .max, closed: Counter = Counter()
) -> NodeCalls {
  NodeCalls(
    open: { _ in 1000 },
    map: { _, error in
      error = mapError
      return nil
    },
    unmap: { _ in },
    write: { _, bytes, count in
      let list = UnsafeBufferPointer(
        start: bytes.assumingMemoryBound(to: Descriptor.self), count: min(most, count / Descriptor.size))
      if list.contains(where: { $0.opcode == .batch }) { return -Int(EINVAL) }
      let taken = portal.submit(list.span)
      return taken == 0 ? -Int(EAGAIN) : taken * Descriptor.size
    },
    close: { _ in
      portal.settle()
      closed.value.add(1, ordering: .relaxed)
    })
}

private final class Counter: Sendable {
  let value = Atomic<Int>(0)
}

@Suite struct HardwareQueueTests {
  @Test func `stores to a mapped page are carried out`() throws {
    let node = try FakeNode()
    let queue = try HardwareQueue.open(node.description(), instructions: instructions())
    #expect(queue.path == .mapped && queue.limits.batch == 128 && queue.name.hasSuffix("mapped"))
    let shared = try HostChannels([queue], knobs: .host(channels: 1))
    let copy = HostCopy(shared)
    var generator = SplitMix64(seed: 12)
    for _ in 0..<3 {
      let memory = try CopyArena(random(&generator, huge: 2, base: 130), seed: generator.next())
      let result = try copy.copy(memory.pages)
      #expect(memory.isRight && result.engine == .dsa && result.takenOver == 0 && result.splitBatches == 0)
    }
    // More than the page has slots.
    for _ in 0..<20 {
      let memory = try CopyArena([Int](repeating: 0, count: 1), seed: generator.next())
      for _ in 0..<8 { _ = try copy.copy(memory.pages) }
      #expect(memory.isRight)
    }
    #expect(node.device.counters.dropped == 0 && node.device.counters.errors == 0)
  }

  @Test func `what stops at a page is submitted again, and the CPU is last`() throws {
    var faults = FaultPlan()
    faults.pageFault = .rate(millionths: 300_000)
    let node = try FakeNode(faults: faults)
    let queue = try HardwareQueue.open(node.description(maxBatch: 16), instructions: instructions())
    let shared = try HostChannels([queue], knobs: .host(channels: 1))
    let memory = try CopyArena([9, 0, 9] + [Int](repeating: 0, count: 90), seed: 2)
    let result = try HostCopy(shared).copy(memory.pages)
    #expect(memory.isRight && result.resumed > 0 && result.takenOver == shared.timer.takenOver)
    #expect(result.splitBatches > 0)
  }

  @Test func `a device that does not answer is closed before CPUs copy`() throws {
    var faults = FaultPlan()
    faults.deviceGone = .nth(2)
    let node = try FakeNode(faults: faults)
    let queue = try HardwareQueue.open(node.description(), instructions: instructions())
    var knobs = CopyKnobs.host(channels: 1)
    knobs.dsaTimeout = 10 * .millisecond
    let shared = try HostChannels([queue], knobs: knobs)
    let memory = try CopyArena([9, 0, 9, 9], seed: 2)
    let result = try HostCopy(shared).copy(memory.pages)
    #expect(memory.isRight && result.timeouts > 0 && result.takenOver > 0)
    // Closed: it drops like a queue that is disabled.
    #expect(queue.submit([Descriptor(.noOp)].span) == 1)
  }

  @Test func `ENQCMD is asked again when it says Retry`() throws {
    var configuration = DeviceConfiguration.software(channels: 1)
    configuration.queues[0].mode = .shared(threshold: 4)
    var faults = FaultPlan()
    faults.queueFull = .rate(millionths: 300_000)
    let device = try SoftwareDevice(configuration, faults: faults)
    let portal = try device.portal(queue: 0)
    let node = try FakeNode(isMapped: false)
    let queue = try HardwareQueue.open(node.description(isDedicated: false), instructions: instructions(portal))
    let memory = try CopyArena([9, 9, 9, 0, 0, 9, 9, 9], seed: 2)
    let result = try HostCopy(try HostChannels([queue], knobs: .host(channels: 1))).copy(memory.pages)
    #expect(memory.isRight && result.takenOver == 0)
    #expect(queue.retries > 0 && queue.retries == result.retries && queue.retries == device.counters.retries)
  }

  @Test(arguments: [.max, 1, 3])
  func `without the right to map, descriptors are written and batches go in parts`(most: Int) throws {
    let device = try SoftwareDevice(.software(engines: 2))
    let portal = try device.portal(queue: 0)
    let closed = Counter()
    do {
      let queue = try HardwareQueue.open(
        HardwareQueueDescription(path: "/dev/dsa/wq0.0", isDedicated: true, entries: 32),
        calls: writingCalls(portal, most: most, closed: closed), instructions: instructions(canStore: false))
      guard case .written(let reason) = queue.path else {
        Issue.record("not written")
        return
      }
      #expect(reason.contains("CAP_SYS_RAWIO") && queue.limits.batch == 1)
      let memory = try CopyArena([9, 0, 9] + [Int](repeating: 0, count: 90), seed: 2)
      let result = try HostCopy(try HostChannels([queue], knobs: .host(channels: 1))).copy(memory.pages)
      #expect(memory.isRight && result.splitBatches == 1 && result.takenOver == 0)
      #expect(device.counters.batches == 0 && device.counters.dropped == 0)
      queue.settle()
      #expect(queue.submit([Descriptor(.noOp)].span) == 0)
    }
    #expect(closed.value.load(ordering: .relaxed) == 1)
  }

  @Test(arguments: [(true, "MOVDIR64B"), (false, "ENQCMD")])
  func `without its instruction a queue is written to`(isDedicated: Bool, name: String) throws {
    let node = try FakeNode()
    let queue = try HardwareQueue.open(
      node.description(isDedicated: isDedicated), instructions: instructions(canStore: false))
    #expect(queue.retreat?.contains("no \(name), which a mapped portal needs") == true)
    #expect(queue.limits.batch == 1)
  }

  @Test func `refusals say what helps`() throws {
    let description = HardwareQueueDescription(path: "/nowhere/wq0.0", isDedicated: true, entries: 16)
    var error = #expect(throws: HardwareQueueError.self) { try HardwareQueue.open(description) }
    #expect(error == .open(path: "/nowhere/wq0.0", error: ENOENT))
    #expect(error?.description.contains("accel-config enable-wq") == true)
    let device = try SoftwareDevice()
    let closed = Counter()
    error = #expect(throws: HardwareQueueError.self) {
      try HardwareQueue.open(
        description, calls: writingCalls(try device.portal(queue: 0), mapError: ENOMEM, closed: closed))
    }
    #expect(error == .map(path: "/nowhere/wq0.0", error: ENOMEM) && closed.value.load(ordering: .relaxed) == 1)
    let node = try FakeNode()
    error = #expect(throws: HardwareQueueError.self) { try HardwareQueue.open(node.description(maxBatch: 0)) }
    #expect(error == .limits(path: node.path))
  }

  @Test func `every status has words, and none are the same`() {
    let known: [CompletionStatus] = [
      .none, .success, .falsePredicate, .pageFault, .pageRequestFailed, .batchFailed, .batchListFault, .invalidOpcode,
      .invalidFlags, .reservedField, .transferSize, .descriptorCount, .fieldValue, .overlap, .dualcastAlignment,
      .listAlignment, .interruptHandle, .recordFault, .recordAlignment, .addressAlignment, .privilege, .trafficClass,
      .readbackFault, .hardwareError, .dedicatedQueueFull, CompletionStatus(rawValue: 0x83),
      CompletionStatus(rawValue: 0x7F),
    ]
    #expect(Set(known.map(\.words)).count == known.count)
  }
}

@Suite struct InstructionTests {
  @Test func `64 bytes arrive whole`() {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 128, alignment: 64)
    defer { memory.deallocate() }
    var descriptor = Descriptor(.memmove, flags: .requestRecord, record: 1, source: 2, destination: 3, size: 4)
    descriptor.operation2 = 5
    for direct in [Int32(0), 1] {
      memset(memory, 0, 128)
      var taken = Descriptor(.noOp)
      #expect(pf_take64_bytes(memory, &taken) == 0)
      pf_store64_bytes(memory, &descriptor, direct)
      #expect(pf_take64_bytes(memory, &taken) == 1 && taken == descriptor)
      #expect(memory.load(fromByteOffset: 64, as: UInt64.self) == 0)
    }
  }

  @Test func `waiting ends without a write too`() {
    var byte: UInt8 = 0
    for _ in 0..<10 {
      pf_monitor_wait(&byte, 0, 10_000)
      pf_monitor_wait(&byte, 1, 10_000)
      pf_timed_pause(10_000)
      pf_pause()
    }
    #expect(byte == 0)
  }

  @Test func `touching keeps the bytes`() throws {
    let arena = try Arena(pages: 4)
    let before = arena.snapshot()
    defer { before.deallocate() }
    pf_touch_range(UInt(bitPattern: arena.base + 100), 2 * Page.size, 1)
    pf_touch_range(UInt(bitPattern: arena.base), arena.size, 0)
    #expect(memcmp(before, arena.base, arena.size) == 0)
  }
}
