// The machine's frames as devices see them: addresses are frame numbers, content is tags.

import DSAFormat
import DSAModel
import Machine
import MemoryModel
import PageCopy
import Units

/// Physical memory below, descriptor pools above. A copy carries a page's tag to another frame only when its pieces cover the whole
/// page from one source at equal offsets; any other piece poisons the destination.
public final class FrameMemory: DeviceMemory {
  /// The device's address of the first pool; each CPU's has a range of its own.
  static let poolBase: UInt64 = 1 << 50
  static let poolStride: UInt64 = 1 << 24

  /// A frame of which a part is copied.
  private struct Part {
    var target: PFN
    var source: PFN
    /// Bytes that are there: disjoint, in no order.
    var pieces: [Range<Int>]
  }

  private let memory: Memory
  private let links: Links
  /// The node beside whose memory pools lie.
  private let poolNode: Int
  private let zones: [(start: PFN, end: PFN, node: Int)]
  var pools: [CopyPool?]
  private var parts: [Part] = []
  /// The devices whose interrupts have come since this was last emptied, a bit each.
  var interrupted: UInt32 = 0

  init(memory: Memory, links: Links, cpus: Int, poolNode: Int) {
    self.memory = memory
    self.links = links
    self.poolNode = poolNode
    zones = (0..<memory.zoneCount).map { (memory.zones[$0].start, memory.zones[$0].end, memory.zones[$0].node) }
    pools = [CopyPool?](repeating: nil, count: cpus)
  }

  /// The pool of a CPU, made at its first use.
  func pool(cpu: Int) -> CopyPool {
    if let pool = pools[cpu] { return pool }
    let pool = CopyPool(
      channels: CopyLimits.channels, banks: 2, base: FrameMemory.poolBase + UInt64(cpu) * FrameMemory.poolStride)
    pools[cpu] = pool
    return pool
  }

  @inline(__always)
  static func address(of pfn: PFN) -> UInt64 { UInt64(pfn) << UInt64(Page.shift) }

  @inline(__always)
  private func frame(_ address: UInt64) -> PFN { PFN(truncatingIfNeeded: address >> UInt64(Page.shift)) }

  /// The node of an address. Frames inside of a 2 MiB page do not carry it: the zone they lie in says it.
  private func node(_ address: UInt64) -> Int {
    let pfn = frame(address)
    for zone in zones where pfn < zone.end && pfn >= zone.start { return zone.node }
    return poolNode
  }

  /// A pool's memory. The address was made by the pool itself.
  private func pointer(_ address: UInt64) -> UnsafeMutableRawPointer {
    let cpu = Int((address - FrameMemory.poolBase) / FrameMemory.poolStride)
    guard let pointer = pools[cpu]?.pointer(at: address) else {
      preconditionFailure("no descriptor pool at \(String(address, radix: 16))")
    }
    return pointer
  }

  // MARK: Copies of any engine

  /// Carries the content of a range to another.
  func carry(from source: UInt64, to target: UInt64, length: Int) {
    var source = source
    var target = target
    var left = length
    let inPage = UInt64(Page.size - 1)
    if (source | target) & inPage == 0, length >= Page.size {
      let pages = length >> Page.shift
      memory.copyContent(from: frame(source), to: frame(target), count: pages)
      let bytes = pages << Page.shift
      source += UInt64(bytes)
      target += UInt64(bytes)
      left -= bytes
    }
    while left > 0 {
      let offset = Int(target & inPage)
      let piece = min(left, Page.size - offset)
      if Int(source & inPage) == offset {
        add(piece: offset..<(offset + piece), from: frame(source), to: frame(target))
      } else {
        memory.poisonContent(frame(target))
      }
      source += UInt64(piece)
      target += UInt64(piece)
      left -= piece
    }
  }

  /// Notes a piece of a page, and carries the tag when it was the last one.
  private func add(piece: Range<Int>, from source: PFN, to target: PFN) {
    if piece.count == Page.size { return memory.copyContent(from: source, to: target, count: 1) }
    var index = parts.firstIndex { $0.target == target } ?? -1
    if index < 0 || parts[index].source != source {
      memory.poisonContent(target)
      if index < 0 {
        index = parts.count
        parts.append(Part(target: target, source: source, pieces: []))
      } else {
        parts[index] = Part(target: target, source: source, pieces: [])
      }
    }
    var merged = piece
    parts[index].pieces.removeAll {
      guard $0.lowerBound <= merged.upperBound, merged.lowerBound <= $0.upperBound else { return false }
      merged = min($0.lowerBound, merged.lowerBound)..<max($0.upperBound, merged.upperBound)
      return true
    }
    if merged.count == Page.size {
      parts.swapAt(index, parts.count - 1)
      parts.removeLast()
      memory.copyContent(from: source, to: target, count: 1)
    } else {
      parts[index].pieces.append(merged)
    }
  }

  /// The pieces of a frame that is copied anew, or is not copied any more, count no longer.
  func forget(_ pfn: PFN, pages: Int) {
    if parts.isEmpty { return }
    parts.removeAll { $0.target >= pfn && $0.target < pfn + PFN(pages) }
  }

  // MARK: DeviceMemory

  public func path(of address: UInt64, length: Int, from device: Int) -> Int {
    address >= FrameMemory.poolBase ? poolNode : node(address)
  }

  public func descriptor(at address: UInt64) -> Descriptor { pointer(address).load(as: Descriptor.self) }

  public func write(_ record: CompletionRecord, at address: UInt64) {
    pointer(address).storeBytes(of: record, as: CompletionRecord.self)
  }

  public func copy(from source: UInt64, to destination: UInt64, length: Int) {
    links.addDevice(bytes: length, from: node(source), to: node(destination))
    carry(from: source, to: destination, length: length)
  }

  public func interrupt(device: Int, handle: Int, at time: Picoseconds) { interrupted |= 1 << UInt32(device) }

  // Copies of pages use none of these.
  public func fill(_ pattern: UInt64, at address: UInt64, length: Int) { memory.poisonContent(frame(address)) }
  public func firstDifference(_ a: UInt64, _ b: UInt64, length: Int) -> Int { 0 }
  public func firstDifference(_ address: UInt64, pattern: UInt64, length: Int) -> Int { 0 }
}
