// Real memory behind modelled frames: where a frame lies, what is written there, and whether it is still there.

import CCopyKernels
import CopyKernels
import DSAModel
import HostMemory
import MemoryModel
import Migration
import PageCopy
import Units

/// The frames of a machine as memory of this one. Node by node one arena: frame after frame, so that a 2 MiB folio lies on a huge page
/// where the arena has them. Belongs to the thread of the run; only its copies use others.
///
/// The bytes of a page are a pattern of 512 words that depend on the virtual page, the generation of its content and the word's place, so
/// that a copy that is torn, shifted, late or another page's differs.
public final class RealFrames: FrameCopier {
  public let drivesClock: Bool
  private let arenas: [HostArena]
  /// Where each block of 1,024 frames lies; nodes begin at such blocks.
  private let blocks: [UnsafeMutableRawPointer?]
  let engines: RealEngines
  private var corruptions: FaultSource
  private var state = BackingReport()

  /// Frames of a block.
  private static let blockShift: PFN = 10

  /// What the frames of a machine need: an arena a node.
  public static func requests(for memory: Memory) -> [HostMemory.Request] {
    (0..<memory.nodeCount).compactMap { node in
      let bytes = Int(memory.nodes[node].end - memory.nodes[node].start) << Page.shift
      return bytes > 0 ? HostMemory.Request(node: node, bytes: bytes, pages: .huge) : nil
    }
  }

  /// Takes the memory and the engines.
  ///
  /// - Parameters:
  ///   - memory: the modelled one, before anything is mapped.
  ///   - host: where real memory comes from.
  ///   - drivesClock: whether measured times take the place of modelled ones.
  ///   - corruptions: which folios are spoilt on purpose after their copy.
  public init(
    for memory: Memory, from host: HostMemory = HostMemory(), drivesClock: Bool = false,
    corruptions: FaultSource = FaultSource(.never, seed: 0), engines: RealEngines = RealEngines()
  ) throws(HostMemoryError) {
    arenas = try host.take(Self.requests(for: memory))
    var blocks = [UnsafeMutableRawPointer?](repeating: nil, count: memory.frameEnd >> Int(Self.blockShift) + 1)
    for arena in arenas {
      let first = Int(memory.nodes[arena.request.node].start >> Self.blockShift)
      let count = arena.count >> (Page.shift + Int(Self.blockShift))
      for block in 0..<count { blocks[first + block] = arena.base + block << (Page.shift + Int(Self.blockShift)) }
    }
    self.blocks = blocks
    self.drivesClock = drivesClock
    self.corruptions = corruptions
    self.engines = engines
    for arena in arenas { engines.register(UnsafeRawBufferPointer(arena.bytes)) }
  }

  /// The first byte of a frame. A frame that no node has is a fault of the model, not of its input.
  func address(_ pfn: PFN) -> UnsafeMutableRawPointer {
    guard let block = blocks[Int(pfn >> Self.blockShift)] else { preconditionFailure("no memory behind pfn \(pfn)") }
    return block + Int(pfn & (1 << Self.blockShift - 1)) << Page.shift
  }

  // MARK: Content

  private static func seed(_ slot: Int, _ generation: UInt16) -> UInt64 {
    // Words of a pattern differ by their place times an odd constant: seeds must not differ by small multiples of it, and do not.
    UInt64(truncatingIfNeeded: slot) << 16 | UInt64(generation)
  }

  public func write(_ pfn: PFN, slot: Int, generation: UInt16) {
    state.written += 1
    pf_fill_pattern(address(pfn), Page.size, Self.seed(slot, generation))
  }

  public func check(_ pfn: PFN, slot: Int, generation: UInt16) {
    state.compared += 1
    let offset = pf_check_pattern(address(pfn), Page.size, Self.seed(slot, generation))
    guard offset < Page.size else { return }
    state.wrong += 1
    guard state.faults.count < BackingReport.mostFaults else { return }
    state.faults.append(
      "real memory: virtual page \(slot), content \(generation), in frame \(pfn): byte \(offset) of \(Page.size) is wrong"
    )
  }

  // MARK: Copies

  public func copyPages(_ moves: [FrameMove]) -> Picoseconds {
    let pieces = moves.map(piece)
    let start = RealEngines.nanoseconds()
    engines.copySerially(pieces, isUsedNext: true)
    return end(moves, since: start)
  }

  public func copyPage(_ move: FrameMove, isUsedNext: Bool) -> Picoseconds {
    let pieces = [piece(move)]
    let start = RealEngines.nanoseconds()
    engines.copySerially(pieces, isUsedNext: isUsedNext)
    return end([move], since: start)
  }

  public func copyList(
    _ moves: [FrameMove], knobs: CopyKnobs, isSingle: Bool, cpus: Int, isUsedNext: Bool
  ) -> RealCopy {
    let pieces = moves.map(piece)
    // Threads and devices are made before the clock starts.
    let list = engines.prepare(pieces, knobs: knobs, isUsedNext: isUsedNext)
    let start = RealEngines.nanoseconds()
    let method = engines.copy(list, isSingle: isSingle, cpus: cpus)
    return RealCopy(method: method, measured: end(moves, since: start))
  }

  public func note(_ copy: MeasuredCopy) { state.add(copy) }

  private func piece(_ move: FrameMove) -> CopyPiece {
    CopyPiece(to: address(move.new), from: UnsafeRawPointer(address(move.old)), bytes: Page.size << move.order)
  }

  /// The time since `start`, and what goes wrong on purpose.
  private func end(_ moves: [FrameMove], since start: Int) -> Picoseconds {
    let time = (RealEngines.nanoseconds() - start) * Picoseconds.nanosecond
    for move in moves where corruptions.strikes() {
      let byte = address(move.new) + corruptions.below(Page.size << move.order)
      byte.storeBytes(of: byte.load(as: UInt8.self) ^ 0x10, as: UInt8.self)
    }
    return time
  }

  // MARK: What is left

  public var report: BackingReport {
    var report = state
    report.drivesClock = drivesClock
    report.arenas = arenas.map(\.description)
    report.engines = engines.descriptions
    for remark in arenas.flatMap(\.remarks) + engines.remarks where !report.remarks.contains(remark) {
      report.remarks.append(remark)
    }
    if report.wrong > report.faults.count {
      report.faults.append("real memory: \(report.wrong - report.faults.count) more pages are wrong")
    }
    return report
  }

  /// Frames of the model lie here; for tests that spoil one.
  func bytes(of pfn: PFN) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: address(pfn), count: Page.size)
  }
}
