// The bare loop that every replay is measured against: it takes the same accesses from the same kind of source and bumps
// one counter a page. Nothing that follows accesses page by page does less.

import MemoryModel
import Workload

#if canImport(Glibc)
  import Glibc
#endif

/// One byte a page and an access source.
final class LimitLoop {
  private let counters: UnsafeMutablePointer<UInt8>
  private let source: PatternSource
  private let batch = AccessBatch(capacity: 4096)

  /// - Parameter isHashing: whether the source hashes page numbers; the bare loop does not.
  init(_ spec: AccessSpec, isHashing: Bool = false) {
    source = PatternSource(spec, baseSlot: 0, hashing: isHashing)
    // Backed by 2 MiB pages where the kernel has them, as the model's own tables are.
    let bytes = (spec.first + spec.pages + (1 << 21) - 1) & ~((1 << 21) - 1)
    let raw = aligned_alloc(1 << 21, bytes)!
    madvise(raw, bytes, Int32(MADV_HUGEPAGE))
    counters = raw.bindMemory(to: UInt8.self, capacity: bytes)
    // Touches every page, so that no round pays for first touches.
    counters.initialize(repeating: 1, count: bytes)
  }

  deinit { free(counters) }

  /// Takes `count` accesses and counts them; returns the CPU time.
  func run(_ count: Int) -> Int {
    let start = cpuNanoseconds()
    var left = count
    while left > 0 {
      if source.remaining == 0 { source.restart() }
      source.fill(batch, limit: left)
      bump(counters, batch.slots, batch.count)
      left -= batch.count
    }
    return cpuNanoseconds() - start
  }

  /// Only takes the accesses.
  func runSource(_ count: Int) -> Int {
    let start = cpuNanoseconds()
    var left = count
    while left > 0 {
      if source.remaining == 0 { source.restart() }
      source.fill(batch, limit: left)
      left -= batch.count
    }
    return cpuNanoseconds() - start
  }

  /// Counts accesses that are there already; returns the CPU time.
  func run(_ batches: [AccessBatch]) -> Int {
    let start = cpuNanoseconds()
    for batch in batches { bump(counters, batch.slots, batch.count) }
    return cpuNanoseconds() - start
  }
}

@inline(never)
private func bump(_ counters: UnsafeMutablePointer<UInt8>, _ slots: UnsafeMutablePointer<UInt32>, _ count: Int) {
  for i in 0..<count { counters[Int(slots[i] >> 1)] &+= 1 }
}
