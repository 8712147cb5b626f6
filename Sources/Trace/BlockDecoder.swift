// Block payloads to records: the one loop of this room that runs per record.

/// Decodes payloads whose checksum has been verified, and still trusts nothing in them.
///
/// The payload must be followed by `slack` readable bytes: a record is read in whole words.
struct BlockDecoder: ~Copyable {
  /// Readable bytes needed after a payload: the longest record and a word.
  static let slack = 48
  private static let stride = TraceFormat.historyLength + 1

  private let granule: UInt64
  private let threads: Int
  private let maxUnits: UInt64
  /// Per thread: `historyLength` addresses, newest at `(next - 1) & 15`, then `next`.
  private let history: UnsafeMutablePointer<UInt64>
  /// Threads whose history is not zero: each listed once.
  private var used: [UInt16] = []
  private let isUsed: UnsafeMutablePointer<Bool>

  /// What a block adds up to, or where it is wrong.
  struct Outcome {
    var accesses: UInt64 = 0
    var writes: UInt64 = 0
    var gap: UInt64 = 0
    /// Payload offset of the first record that cannot be, with the reason.
    var failure: (offset: Int, problem: String)?
  }

  init(granuleShift: Int, threads: Int) {
    granule = UInt64(granuleShift)
    maxUnits = UInt64.max >> UInt64(granuleShift)
    self.threads = threads
    history = .allocate(capacity: threads * Self.stride)
    history.initialize(repeating: 0, count: threads * Self.stride)
    isUsed = .allocate(capacity: threads)
    isUsed.initialize(repeating: false, count: threads)
  }

  deinit {
    history.deallocate()
    isUsed.deallocate()
  }

  private mutating func touch(_ thread: Int) {
    if isUsed[thread] { return }
    isUsed[thread] = true
    used.append(UInt16(thread))
  }

  private mutating func reset() {
    for thread in used {
      (history + Int(thread) * Self.stride).update(repeating: 0, count: Self.stride)
      isUsed[Int(thread)] = false
    }
    used.removeAll(keepingCapacity: true)
  }

  /// Decodes exactly `records` records from `payload` into `block`. `records` fits the block.
  mutating func decode(
    _ payload: UnsafeRawPointer, bytes: Int, records: Int, into block: TraceBlock
  ) -> Outcome {
    precondition(records <= TraceBlock.capacity)
    reset()
    touch(0)
    var outcome = Outcome()
    let (address, threadOut, sizeOut, isWrite) = (block.address, block.thread, block.size, block.isWrite)
    let (gapOut, repeatsOut, repeatWritesOut) = (block.gap, block.repeats, block.repeatWrites)
    let end = payload + bytes
    var p = payload
    var thread = 0
    var size = UInt64(TraceFormat.initialSize)
    var recent = history
    var next = 0
    var faults: UInt64 = 0
    var i = 0
    while i < records {
      guard p < end else {
        outcome.failure = (bytes, "records are missing")
        return outcome
      }
      let tag = UInt64(p.load(as: UInt8.self))
      var q = p + 1
      var repeats: UInt64 = 0
      var repeatWrites: UInt64 = 0
      if tag & 2 != 0 {
        let more = UInt64(q.load(as: UInt8.self))
        q += 1
        if more & 8 != 0 {
          recent[TraceFormat.historyLength] = UInt64(next)
          thread = Int(UInt16(littleEndian: q.loadUnaligned(as: UInt16.self)))
          q += 2
          guard thread < threads else {
            outcome.failure = (p - payload, "thread \(thread) of \(threads)")
            return outcome
          }
          touch(thread)
          recent = history + thread * Self.stride
          next = Int(recent[TraceFormat.historyLength])
        }
        if more & 7 == 7 {
          size = UInt64(UInt16(littleEndian: q.loadUnaligned(as: UInt16.self))) + 1
          q += 2
        } else {
          size = 1 << (more & 7)
        }
        (q, gapOut[i]) = Self.short(q, tag >> 2 & 3)
        var word: UInt32
        (q, word) = Self.short(q, more >> 4 & 3)
        repeats = UInt64(word)
        (q, word) = Self.short(q, more >> 6)
        repeatWrites = UInt64(word)
        if repeatWrites > repeats || size > TraceFormat.maxAccessBytes { faults |= 1 << 63 }
      } else {
        (q, gapOut[i]) = Self.short(q, tag >> 2 & 3)
      }
      let zigzag: UInt64
      (q, zigzag) = Self.prefixed(q)
      let base = recent[(next &- 1 &- Int(tag >> 4)) & (TraceFormat.historyLength - 1)]
      let units = base &+ (zigzag >> 1 ^ (0 &- (zigzag & 1)))
      recent[next] = units
      next = (next + 1) & (TraceFormat.historyLength - 1)
      let first = units << granule
      // The sign bit of `faults` is a rule broken: here, an access over the end of its page.
      faults |= UInt64(TraceFormat.pageBytes) &- ((first & 4095) &+ size)
      if faults >> 63 != 0 || units > maxUnits {
        outcome.failure = (p - payload, "record \(i) breaks a rule of the format")
        return outcome
      }
      address[i] = first
      threadOut[i] = UInt16(truncatingIfNeeded: thread)
      sizeOut[i] = UInt16(truncatingIfNeeded: size)
      isWrite[i] = tag & 1 != 0
      repeatsOut[i] = UInt32(truncatingIfNeeded: repeats)
      repeatWritesOut[i] = UInt32(truncatingIfNeeded: repeatWrites)
      outcome.gap &+= UInt64(gapOut[i])
      outcome.accesses &+= 1 &+ repeats
      outcome.writes &+= (tag & 1) &+ repeatWrites
      p = q
      i += 1
    }
    if p != end { outcome.failure = (min(p - payload, bytes), "records and payload do not end together") }
    return outcome
  }

  /// A number of 0, 1, 2 or 4 bytes, and where it ends.
  @inline(__always)
  private static func short(_ p: UnsafeRawPointer, _ lengthClass: UInt64) -> (UnsafeRawPointer, UInt32) {
    let length = 0x4210 >> (lengthClass &* 4) & 7
    let word = UInt64(UInt32(littleEndian: p.loadUnaligned(as: UInt32.self)))
    return (p + Int(length), UInt32(truncatingIfNeeded: word & (1 &<< (length &* 8) &- 1)))
  }

  /// A number of 1 to 9 bytes, its length in the trailing zeros of the first, and where it ends.
  @inline(__always)
  private static func prefixed(_ p: UnsafeRawPointer) -> (UnsafeRawPointer, UInt64) {
    let word = UInt64(littleEndian: p.loadUnaligned(as: UInt64.self))
    let zeros = UInt64((word | 0x100).trailingZeroBitCount)
    if zeros == 8 { return (p + 9, UInt64(littleEndian: p.loadUnaligned(fromByteOffset: 1, as: UInt64.self))) }
    let length = zeros &+ 1
    return (p + Int(length), (word &<< (64 &- 8 &* length)) &>> (64 &- 7 &* length))
  }
}
