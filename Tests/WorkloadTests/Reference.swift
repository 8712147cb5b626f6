// The reference generator once more, written for plainness instead of speed, and the shared places of the tests.
import Events
import Foundation
import MemoryModel

@testable import Workload

/// Page numbers within the region, one an access, all rounds after one another.
func referencePages(_ spec: AccessSpec) -> [Int] {
  var draws = SplitMix64(seed: spec.seed)
  var sums: [UInt64] = []
  if case .zipf = spec.pattern {
    var sum: UInt64 = 0
    for rank in 0..<spec.pages {
      sum += (1 << 32) / UInt64(rank + 1)
      sums.append(sum)
    }
  }
  return (0..<(spec.accesses * spec.rounds)).map { access in
    let rank: Int
    switch spec.pattern {
    case .sequential(let stride): rank = access * stride % spec.pages
    case .uniform: rank = draws.below(spec.pages)
    case .zipf: rank = bisectRight(sums, draws.next().multipliedFullWidth(by: sums[spec.pages - 1]).high)
    default: fatalError("the reference has no such pattern")
    }
    if spec.scatter == 0 { return spec.first + rank }
    return spec.first + Int(UInt128(rank) * UInt128(spec.scatter) % UInt128(spec.pages))
  }
}

/// The number of sums that are not above the target.
func bisectRight(_ sums: [UInt64], _ target: UInt64) -> Int {
  var low = 0
  var high = sums.count
  while low < high {
    let middle = (low + high) / 2
    if sums[middle] > target { high = middle } else { low = middle + 1 }
  }
  return low
}

/// The hash that the reference prints.
func referenceHash(_ pages: some Sequence<Int>) -> UInt64 {
  pages.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}

/// All accesses of a source as (slot, is write), in batches of varying limits.
func drain(_ source: any AccessSource, capacity: Int = 1_000) -> [(slot: Int, isWrite: Bool)] {
  let batch = AccessBatch(capacity: capacity)
  var result: [(slot: Int, isWrite: Bool)] = []
  var limits = SplitMix64(seed: 5)
  while source.remaining > 0 {
    source.fill(batch, limit: 1 + limits.below(2 * capacity))
    for i in 0..<batch.count { result.append((Int(batch.slots[i] >> 1), batch.slots[i] & 1 == 1)) }
  }
  return result
}

/// Runs a source to its end and returns its hash.
func hash(of spec: AccessSpec) -> UInt64 {
  let source = PatternSource(spec, baseSlot: 0)
  let batch = AccessBatch(capacity: 4_096)
  while source.remaining > 0 { source.fill(batch, limit: .max) }
  return source.hash
}

/// The folder of shared reference data; nil, said aloud, where there is none.
let sharedFolder: String? = {
  let beside = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared").path
  let folder = ProcessInfo.processInfo.environment["PAGEFERRY_SHARED"] ?? beside
  if FileManager.default.fileExists(atPath: folder + "/oracle/scenarios") { return folder }
  print("SKIPPED: no reference data in \(folder); set PAGEFERRY_SHARED")
  return nil
}()

/// The folder of this checkout's example workloads.
let workloadsFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appendingPathComponent("workloads").path
