// The accesses of a recorded trace, as the replay loop takes them: dense slots, gaps in picoseconds.
import MemoryModel
import Trace
import Units

/// Where the pages of a trace, or of one process of it, are among the slots of an address space.
///
/// Each 2 MiB block of addresses that is touched has 512 slots; blocks lie by process and address.
public struct TraceMap: Sendable {
  public let header: TraceHeader
  public let directory: PageDirectory
  /// Distinct 4 KiB pages.
  public let footprintPages: Int
  /// Its records, where several runs share them; nil, and each source decodes them for itself.
  public var decoded: DecodedTrace?
  /// By thread of the trace: its records, and the accesses they stand for.
  let records: [Int]
  let accesses: [Int]
  /// Slots the trace needs.
  public var slotCount: Int { directory.blocks.count * Page.perHuge }

  /// Reads the whole trace once; every checksum in it is verified on the way. `process` leaves out the pages of all others.
  ///
  /// Complexity: O(records), in memory of about 84 bytes for each 2 MiB of footprint.
  public init(path: String, process: UInt16? = nil) throws(TraceError) {
    let reader = try ParallelReader(path: path)
    var directory = PageDirectory()
    var pages = PageSet()
    var records = [Int](repeating: 0, count: reader.header.threads)
    var accesses = records
    while let block = try reader.next() {
      for i in 0..<block.pageCount where process == nil || block.pageProcess[i] == process {
        let address = block.page[i] << 12
        guard directory.slot(of: PageDirectory.block(of: address, in: block.pageProcess[i])) != nil,
          pages.insert(address, of: block.pageProcess[i])
        else {
          throw TraceError(
            .limit, file: path, problem: "more than \(PageDirectory.maxBlocks) blocks of 2 MiB in use",
            fix: "trace a smaller part of the program")
        }
      }
      for i in 0..<block.count {
        records[Int(block.thread[i])] += 1
        accesses[Int(block.thread[i])] += 1 + Int(block.repeats[i])
      }
    }
    directory.sort()
    header = reader.header
    self.directory = directory
    footprintPages = pages.pages
    self.records = records
    self.accesses = accesses
  }

  /// Addresses that are touched in one go, as ranges of the trace's slots with their first address. A range ends where a 2 MiB block
  /// is not touched, and where another process begins. When there are more than `most`, small gaps count as touched.
  public func ranges(most: Int) -> [(slots: Range<Int>, address: UInt64)] {
    var gap: UInt64 = 1
    while true {
      var ranges: [(slots: Range<Int>, address: UInt64)] = []
      var last: UInt64?
      for (place, block) in directory.blocks.enumerated() {
        let end = (place + 1) * Page.perHuge
        if let last, block - last <= gap, !ranges.isEmpty {
          ranges[ranges.count - 1].slots = ranges[ranges.count - 1].slots.lowerBound..<end
        } else {
          ranges.append((place * Page.perHuge..<end, PageDirectory.address(of: block)))
        }
        last = block
      }
      guard ranges.count > most, gap < 1 << 62 else { return ranges }
      gap *= 2
    }
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

/// Replays a trace, or one thread of it, as one round; the work before a record is time before its access.
///
/// The records of a cache-filtered trace are accesses that reached memory, and so are those folded into them: each is an
/// access here. In any other trace the accesses folded into a record go to the page just accessed, whose lines a CPU cache
/// holds: they are time, and the one access of the record is a write if any of them was. A touch reaches the page table alone.
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
  private var block = TraceBlock()
  /// Block of `map.decoded` that comes next.
  private var nextBlock = 0
  private var position = 0
  private var blockCount = 0
  /// The thread that is replayed; nil for all.
  private let thread: UInt16?
  /// Its process.
  private let process: UInt16?
  /// By page of the block: its slot among the trace's own.
  private let slots: UnsafeMutablePointer<UInt32>
  private var lastPage = 0
  private var fnv = PatternSource.hashStart

  /// - Parameters:
  ///   - path: the trace that `map` was made of.
  ///   - baseSlot: first of the trace's slots; `baseSlot + map.slotCount` is at most 2^31.
  ///   - thread: the only thread of the trace that is replayed; `map` then has the pages of its process.
  ///   - countsFootprint: false when another source over the same slots counts the pages.
  public init(
    path: String, map: TraceMap, baseSlot: Int, costs: TraceCosts, thread: UInt16? = nil, countsFootprint: Bool = true,
    hashing: Bool = true
  ) throws(TraceError) {
    precondition(baseSlot >= 0 && baseSlot + map.slotCount <= 1 << 31, "slots are 31-bit numbers")
    self.path = path
    self.map = map
    self.baseSlot = baseSlot
    isHashing = hashing
    gapUnit = costs.span(of: map.header.layout.gapUnit)
    repeatCost = costs.cachedAccess
    self.thread = thread
    footprintPages = countsFootprint ? map.footprintPages : 0
    expands = map.header.layout.isCacheFiltered
    let counts = expands ? map.accesses : map.records
    total = thread.map { counts[Int($0)] } ?? counts.reduce(0, +)
    remaining = total
    let opened = try TraceReader(path: path)
    guard opened.header == map.header else {
      throw TraceError(.damaged, file: path, problem: "the trace changed while it was read", fix: "try again")
    }
    let processes = opened.processes
    process = thread.map { processes[Int($0)] }
    reader = opened
    slots = .allocate(capacity: TraceBlock.capacity)
    slots.initialize(repeating: 0, count: TraceBlock.capacity)
  }

  deinit { slots.deallocate() }

  public func restart() {
    position = 0
    blockCount = 0
    fnv = PatternSource.hashStart
    failure = nil
    roundsDone = 0
    repeatsLeft = 0
    repeatWritesLeft = 0
    remaining = total
    nextBlock = 0
    reader.rewind()
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

  /// Decodes the next block and looks its pages up; false and a failure when there is none.
  private func readBlock() -> Bool {
    position = 0
    blockCount = 0
    do throws(TraceError) {
      if try nextRecords() {
        blockCount = block.count
        return findPages()
      }
      throw TraceError(.damaged, file: path, problem: "records are missing", fix: "record the trace again")
    } catch {
      fail(error)
      return false
    }
  }

  /// Takes or decodes the next block; false behind the last.
  private func nextRecords() throws(TraceError) -> Bool {
    guard let decoded = map.decoded else { return try reader.next(into: block) }
    guard nextBlock < decoded.blocks.count else { return false }
    block = decoded.blocks[nextBlock]
    nextBlock += 1
    return true
  }

  /// Fills `slots` for the pages of the block; false and a failure when one is new.
  private func findPages() -> Bool {
    var (last, base) = (UInt64.max, 0)
    for i in 0..<block.pageCount {
      let number = PageDirectory.block(of: block.page[i] << 12, in: block.pageProcess[i])
      if number != last {
        // Other processes' pages have no slot where one thread is replayed, and none of its records names them.
        let slot = map.directory.knownSlot(of: number)
        guard slot != nil || (process != nil && block.pageProcess[i] != process) else {
          fail(TraceError(.damaged, file: path, problem: "the trace changed while it was read", fix: "try again"))
          return false
        }
        (last, base) = (number, (slot ?? 0) * Page.perHuge)
      }
      slots[i] = UInt32(base + Int(block.page[i] & 511))
    }
    return true
  }

  /// The last record has been given out: the end of the file is checked too.
  private func endPass() {
    roundsDone += 1
    do throws(TraceError) {
      while try nextRecords() {
        guard thread != nil else {
          throw TraceError(
            .damaged, file: path, problem: "more records than the header says", fix: "record the trace again")
        }
      }
    } catch { fail(error) }
  }

  /// Gives out up to `count` of the block's records, as accesses of their own.
  private func append(to batch: AccessBatch, count: Int) {
    let (index, place, size) = (block.pageIndex + position, block.place + position, block.size + position)
    let (gap, repeats, repeatWrites) = (
      block.gap + position, block.repeats + position, block.repeatWrites + position
    )
    let slots = batch.slots + batch.count
    let gaps = batch.gaps + batch.count
    let sizes = batch.sizeClasses + batch.count
    let wanted = thread
    let threads = block.thread + position
    var done = 0
    var taken = 0
    while taken < count {
      let i = taken
      taken += 1
      if let wanted, threads[i] != wanted { continue }
      let page = Int(self.slots[Int(index[i])])
      let isWrite = place[i] & TraceBlock.writeBit != 0 || (!expands && repeatWrites[i] > 0)
      slots[done] = UInt32(truncatingIfNeeded: (baseSlot &+ page) << 1 | (isWrite ? 1 : 0))
      gaps[done] = UInt32(clamping: Int(gap[i]) * gapUnit + (expands ? 0 : Int(repeats[i]) * repeatCost))
      sizes[done] = Self.sizeClass(Int(size[i]), place[i])
      if isHashing { fnv = (fnv ^ UInt64(page)) &* PatternSource.hashPrime }
      done += 1
      if expands && repeats[i] > 0 {
        repeatsLeft = Int(repeats[i])
        repeatWritesLeft = Int(repeatWrites[i])
        lastPage = page
        break
      }
    }
    position += taken
    batch.count += done
  }

  /// Folded accesses of the record given out last: to the same page, reads first, with nothing between them.
  private func appendRepeats(to batch: AccessBatch, limit: Int) {
    let size = Self.sizeClass(Int(block.size[position - 1]), block.place[position - 1])
    let count = min(limit - batch.count, repeatsLeft)
    for i in batch.count..<(batch.count + count) {
      let isWrite = repeatsLeft <= repeatWritesLeft
      batch.slots[i] = UInt32(truncatingIfNeeded: (baseSlot &+ lastPage) << 1 | (isWrite ? 1 : 0))
      batch.gaps[i] = 0
      batch.sizeClasses[i] = size
      if isHashing { fnv = (fnv ^ UInt64(lastPage)) &* PatternSource.hashPrime }
      repeatsLeft -= 1
      if isWrite { repeatWritesLeft -= 1 }
    }
    batch.count += count
  }

  /// log2(bytes / 64) rounded down, 0 to 6; that of a touch is its own.
  private static func sizeClass(_ bytes: Int, _ place: UInt16) -> UInt8 {
    if place & TraceBlock.touchBit != 0 { return UInt8(AccessBatch.touchClass) }
    return bytes < 128 ? 0 : UInt8(min(Int.bitWidth - 1 - bytes.leadingZeroBitCount - 6, 6))
  }

  private func fail(_ error: TraceError) {
    remaining = 0
    roundsDone += 1
    let place = error.byte.map { "byte \($0): " } ?? ""
    failure = WorkloadError(path: error.file, problem: place + error.problem, fix: error.fix)
  }
}
