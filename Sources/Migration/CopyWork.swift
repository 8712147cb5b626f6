// The share of one worker in a multithreaded copy.

import MemoryModel
import PageCopy
import Units

/// What a worker thread of one CPU is to copy.
public final class CopyWork {
  /// Bytes that a worker copies between two looks at how many share its links.
  private static let chunk = 64 << 10

  public let cpu: Int
  /// The copy's number in a timeline.
  public var list: Int { copy.number }
  public var bytes: Int { slices.reduce(0) { $0 + $1.bytes } }
  private let copy: ModelCopy
  private let machine: CopyMachine
  private let slices: [PageSlice]
  /// Added to the slices' items: the plan of one huge page begins at 0.
  private let firstItem: Int
  private var index = 0
  private var offset = 0
  private var hasBegun = false
  private var isSharing = false

  init(copy: ModelCopy, machine: CopyMachine, cpu: Int, slices: [PageSlice], item: Int) {
    self.copy = copy
    self.machine = machine
    self.cpu = cpu
    self.slices = slices
    firstItem = item
  }

  /// CPU time of the next part; nil when the share is done, and then the last part's time is over.
  public func step(now: Picoseconds) -> Picoseconds? {
    if !hasBegun {
      hasBegun = true
      return use(machine.copyCosts.mtWake)
    }
    while index < slices.count {
      let slice = slices[index]
      let (from, to) = copy.addresses(of: firstItem + slice.item)
      let source = machine.memory.node(of: PFN(truncatingIfNeeded: from >> UInt64(Page.shift)))
      let target = machine.memory.node(of: PFN(truncatingIfNeeded: to >> UInt64(Page.shift)))
      if offset == slice.bytes {
        machine.links.endShared(from: source, to: target)
        isSharing = false
        machine.frames.carry(from: from + UInt64(slice.offset), to: to + UInt64(slice.offset), length: slice.bytes)
        index += 1
        offset = 0
        continue
      }
      if !isSharing {
        machine.links.beginShared(from: source, to: target)
        isSharing = true
      }
      let bytes = min(CopyWork.chunk, slice.bytes - offset)
      offset += bytes
      return use(
        machine.links.copyShared(bytes: bytes, from: source, to: target, cpuBandwidth: machine.costs.copyBandwidth))
    }
    copy.shareEnded(now: now)
    return nil
  }

  private func use(_ time: Picoseconds) -> Picoseconds {
    machine.context.timer.engines[CopyMethod.workers.rawValue].cpuTime += time
    return time
  }
}
