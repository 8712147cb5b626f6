// The accesses of a recorded trace, as the replay loop takes them: dense slots, gaps in picoseconds.
import MemoryModel
import Trace
import Units

/// Where the pages of a trace are among the slots of a process.
///
/// Each 2 MiB block of addresses that the trace touches has 512 slots, in the order in which the blocks are first used.
public struct TraceMap: Sendable {
  public let header: TraceHeader
  public let directory: PageDirectory
  /// Slots the trace needs.
  public var slotCount: Int { directory.blocks.count * Page.perHuge }

  /// Reads the whole trace once; every checksum in it is verified on the way.
  ///
  /// Complexity: O(records), in memory of about 20 bytes for each 2 MiB of footprint.
  public init(path: String) throws(TraceError) {
    var reader = try TraceReader(path: path)
    let block = TraceBlock()
    var directory = PageDirectory()
    while try reader.next(into: block) {
      let address = block.address
      var last = UInt64.max
      for i in 0..<block.count where address[i] >> 21 != last {
        last = address[i] >> 21
        guard directory.slot(of: last) != nil else {
          throw TraceError(
            .limit, file: path, problem: "more than \(PageDirectory.maxBlocks) blocks of 2 MiB in use",
            fix: "trace a smaller part of the program")
        }
      }
    }
    header = reader.header
    self.directory = directory
  }
}

/// What the time between two records of a trace is worth.
public struct TraceCosts: Sendable {
  /// Picoseconds of one instruction.
  public var instruction: Picoseconds
  /// Picoseconds of an access to the page of the access before it, which a CPU cache answers.
  public var cachedAccess: Picoseconds

  public init(instruction: Picoseconds, cachedAccess: Picoseconds) {
    self.instruction = instruction
    self.cachedAccess = cachedAccess
  }

  /// Picoseconds of a trace's gap unit. A cycle counts as one of a 3 GHz CPU (uncalibrated).
  func span(of unit: GapUnit) -> Picoseconds {
    switch unit {
    case .none: 0
    case .instructions: instruction
    case .cycles: 333
    case .nanoseconds: Picoseconds.nanosecond
    }
  }
}

/// Replays a trace as one round; the work before a record is time before its access.
///
/// The records of a cache-filtered trace are accesses that reached memory, and so are those folded into them: each is an
/// access here. In any other trace the accesses folded into a record go to the page just accessed, whose lines a CPU cache
/// holds: they are time, and the one access of the record is a write if any of them was.
public final class TraceSource: AccessSource {
  public let path: String
  public private(set) var remaining: Int
  public var remainingInRound: Int { remaining }
  public private(set) var roundsDone = 0
  public private(set) var failure: WorkloadError?
  public var hash: UInt64 { isHashing ? fnv : 0 }
  /// Pages that count towards the footprint for this source; 0 when another source over the same slots counts them.
  public let footprintPages: Int

  private let map: TraceMap
  private let baseSlot: Int
  private let isHashing: Bool
  private let gapUnit: Picoseconds
  private let repeatCost: Picoseconds
  /// Whether folded accesses are accesses.
  private let expands: Bool
  /// Accesses that one round makes.
  private let total: Int
  /// Folded accesses of the last record that are still to come, and how many of them are writes.
  private var repeatsLeft = 0
  private var repeatWritesLeft = 0
  private var reader: TraceReader
  private let block = TraceBlock()
  private var position = 0
  private var blockCount = 0
  private var lastBlock = UInt64.max
  private var lastSlot = 0
  private var fnv = PatternSource.hashStart

  /// - Parameters:
  ///   - path: the trace that `map` was made of.
  ///   - baseSlot: first of the trace's slots; `baseSlot + map.slotCount` is at most 2^31.
  ///   - countsFootprint: false when another source over the same slots counts the pages.
  public init(
    path: String, map: TraceMap, baseSlot: Int, costs: TraceCosts, countsFootprint: Bool = true, hashing: Bool = true
  ) throws(TraceError) {
    precondition(baseSlot >= 0 && baseSlot + map.slotCount <= 1 << 31, "slots are 31-bit numbers")
    self.path = path
    self.map = map
    self.baseSlot = baseSlot
    isHashing = hashing
    gapUnit = costs.span(of: map.header.layout.gapUnit)
    repeatCost = costs.cachedAccess
    footprintPages = countsFootprint ? map.header.footprintPages : 0
    expands = map.header.layout.isCacheFiltered
    total = expands ? map.header.accesses : map.header.records
    remaining = total
    reader = try TraceReader(path: path)
    guard reader.header == map.header else {
      throw TraceError(.damaged, file: path, problem: "the trace changed while it was read", fix: "try again")
    }
  }

  public func restart() {
    position = 0
    blockCount = 0
    fnv = PatternSource.hashStart
    failure = nil
    roundsDone = 0
    repeatsLeft = 0
    repeatWritesLeft = 0
    remaining = total
    do throws(TraceError) {
      try reader.rewind()
    } catch { fail(error) }
  }

  public func fill(_ batch: AccessBatch, limit: Int) {
    batch.isUniform = false
    batch.count = 0
    let wanted = min(limit, batch.capacity, remaining)
    while batch.count < wanted {
      if repeatsLeft > 0 {
        appendRepeats(to: batch, limit: wanted)
        continue
      }
      if position == blockCount, !readBlock() { return }
      append(to: batch, count: min(wanted - batch.count, blockCount - position))
      if failure != nil { return }
    }
    remaining -= batch.count
    if remaining == 0, wanted > 0 { endPass() }
  }

  /// Decodes the next block; false and a failure when there is none.
  private func readBlock() -> Bool {
    position = 0
    blockCount = 0
    do throws(TraceError) {
      if try reader.next(into: block) {
        blockCount = block.count
        return true
      }
      throw TraceError(.damaged, file: path, problem: "records are missing", fix: "record the trace again")
    } catch {
      fail(error)
      return false
    }
  }

  /// The last record has been given out: the end of the file is checked too.
  private func endPass() {
    roundsDone += 1
    do throws(TraceError) {
      if try reader.next(into: block) {
        throw TraceError(
          .damaged, file: path, problem: "more records than the header says", fix: "record the trace again")
      }
    } catch { fail(error) }
  }

  private func append(to batch: AccessBatch, count: Int) {
    let (address, isWrite, size) = (block.address + position, block.isWrite + position, block.size + position)
    let (gap, repeats, repeatWrites) = (
      block.gap + position, block.repeats + position, block.repeatWrites + position
    )
    let slots = batch.slots + batch.count
    let gaps = batch.gaps + batch.count
    let sizes = batch.sizeClasses + batch.count
    var done = 0
    for i in 0..<count {
      let number = address[i] >> 21
      if number != lastBlock {
        guard let slot = map.directory.knownSlot(of: number) else {
          fail(TraceError(.damaged, file: path, problem: "the trace changed while it was read", fix: "try again"))
          return
        }
        lastBlock = number
        lastSlot = slot
      }
      let page = lastSlot &* Page.perHuge &+ Int(address[i] >> 12 & 511)
      let writes = isWrite[i] || (!expands && repeatWrites[i] > 0)
      slots[i] = UInt32(truncatingIfNeeded: (baseSlot &+ page) << 1 | (writes ? 1 : 0))
      gaps[i] = UInt32(clamping: Int(gap[i]) * gapUnit + (expands ? 0 : Int(repeats[i]) * repeatCost))
      sizes[i] = TraceSource.sizeClass(Int(size[i]))
      if isHashing { fnv = (fnv ^ UInt64(page)) &* PatternSource.hashPrime }
      done += 1
      if expands && repeats[i] > 0 {
        repeatsLeft = Int(repeats[i])
        repeatWritesLeft = Int(repeatWrites[i])
        break
      }
    }
    position += done
    batch.count += done
  }

  /// Folded accesses of the record given out last: to the same page, reads first, with nothing between them.
  private func appendRepeats(to batch: AccessBatch, limit: Int) {
    let last = position - 1
    let page = lastSlot &* Page.perHuge &+ Int(block.address[last] >> 12 & 511)
    let size = TraceSource.sizeClass(Int(block.size[last]))
    let count = min(limit - batch.count, repeatsLeft)
    for i in batch.count..<(batch.count + count) {
      let isWrite = repeatsLeft <= repeatWritesLeft
      batch.slots[i] = UInt32(truncatingIfNeeded: (baseSlot &+ page) << 1 | (isWrite ? 1 : 0))
      batch.gaps[i] = 0
      batch.sizeClasses[i] = size
      if isHashing { fnv = (fnv ^ UInt64(page)) &* PatternSource.hashPrime }
      repeatsLeft -= 1
      if isWrite { repeatWritesLeft -= 1 }
    }
    batch.count += count
  }

  /// log2(bytes / 64) rounded down, 0 to 6.
  private static func sizeClass(_ bytes: Int) -> UInt8 {
    bytes < 128 ? 0 : UInt8(min(Int.bitWidth - 1 - bytes.leadingZeroBitCount - 6, 6))
  }

  private func fail(_ error: TraceError) {
    remaining = 0
    roundsDone += 1
    let place = error.byte.map { "byte \($0): " } ?? ""
    failure = WorkloadError(path: error.file, problem: place + error.problem, fix: error.fix)
  }
}
