// Real memory for tests: a mapping of its own, filled with a seed's bytes.

import DSAFormat
import DSAModel
import Events
import Testing
import Units

@testable import Portals

#if canImport(Glibc)
  import Glibc
#endif

final class Arena {
  let base: UnsafeMutableRawPointer
  let size: Int

  init(pages: Int, seed: UInt64 = 1) throws {
    size = pages * Page.size
    let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    base = try #require(mapped == MAP_FAILED ? nil : mapped)
    // Pages are to come and go one by one.
    madvise(base, size, MADV_NOHUGEPAGE)
    var random = SplitMix64(seed: seed)
    let words = base.bindMemory(to: UInt64.self, capacity: size / 8)
    for word in 0..<size / 8 { words[word] = random.next() }
  }

  deinit { munmap(base, size) }

  func address(_ offset: Int) -> UInt64 { UInt64(UInt(bitPattern: base + offset)) }

  /// Takes pages away for good. Their addresses stay taken: tests run side by side, and others' memory would come to lie there.
  func unmap(page: Int, count: Int = 1) {
    mmap(
      base + page * Page.size, count * Page.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
      -1,
      0)
  }

  /// Makes pages absent: they come back, as zeroes, once they are touched.
  func drop(page: Int, count: Int = 1) { madvise(base + page * Page.size, count * Page.size, MADV_DONTNEED) }

  func protect(page: Int, count: Int = 1, _ protection: Int32) {
    mprotect(base + page * Page.size, count * Page.size, protection)
  }

  func isResident(page: Int) -> Bool {
    var byte: UInt8 = 0
    return mincore(base + page * Page.size, Page.size, &byte) == 0 && byte & 1 != 0
  }

  /// All bytes, as they are now.
  func snapshot() -> UnsafeMutableRawPointer {
    let copy = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    memcpy(copy, base, size)
    return copy
  }
}

/// A device, a portal of one of its queues, and records to wait for.
final class SoftwareRig {
  let device: SoftwareDevice
  let portal: SoftwarePortal
  let arena: Arena
  let records: UnsafeMutablePointer<CompletionRecord>
  private let recordMemory: UnsafeMutableRawPointer
  static let flags: DescriptorFlags = [.recordAddressValid, .requestRecord]

  init(
    _ configuration: DeviceConfiguration = .software(), faults: FaultPlan = FaultPlan(), pages: Int = 64
  ) throws {
    device = try SoftwareDevice(configuration, faults: faults)
    portal = try device.portal(queue: 0)
    arena = try Arena(pages: pages)
    recordMemory = .allocate(byteCount: 256 * 32, alignment: Page.size)
    recordMemory.initializeMemory(as: UInt8.self, repeating: 0, count: 256 * 32)
    records = recordMemory.assumingMemoryBound(to: CompletionRecord.self)
  }

  deinit {
    device.stop()
    recordMemory.deallocate()
  }

  func recordAddress(_ index: Int) -> UInt64 { UInt64(UInt(bitPattern: records + index)) }

  func submit(_ descriptor: Descriptor) -> Int {
    withUnsafePointer(to: descriptor) { portal.submit(UnsafeBufferPointer(start: $0, count: 1).span) }
  }

  /// Submits with record 0 and waits for it.
  func run(_ descriptor: Descriptor) -> CompletionRecord {
    var descriptor = descriptor
    records[0] = CompletionRecord()
    descriptor.recordAddress = recordAddress(0)
    guard submit(descriptor) == 1 else { return CompletionRecord() }
    var wait = BoundedSpin()
    while records.writtenStatus == .none { wait.once() }
    return records[0]
  }

  func memmove(from: Int, to: Int, size: Int, flags: DescriptorFlags = SoftwareRig.flags) -> Descriptor {
    Descriptor(
      .memmove, flags: flags, source: arena.address(from), destination: arena.address(to), size: UInt32(size))
  }
}
