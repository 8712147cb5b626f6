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
  private let forms: UnsafeMutablePointer<Form>

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
    forms = .allocate(capacity: 512)
    for bits in 0..<512 { (forms + bits).initialize(to: Form(bits)) }
  }

  deinit {
    history.deallocate()
    isUsed.deallocate()
    forms.deallocate()
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
    guard 2 * records <= bytes else {
      outcome.failure = (bytes, "control words are missing")
      return outcome
    }
    let (address, threadOut, sizeOut, isWrite) = (block.address, block.thread, block.size, block.isWrite)
    let (gapOut, repeatsOut, repeatWritesOut) = (block.gap, block.repeats, block.repeatWrites)
    let maxUnits = maxUnits
    let granule = granule
    let forms = UnsafePointer(forms)
    let end = payload + bytes
    var data = payload + 2 * records
    var thread = 0
    var size = UInt64(TraceFormat.initialSize)
    var recent = history
    var next = 0
    var (gapSum, accessSum, writeSum): (UInt64, UInt64, UInt64) = (0, 0, 0)
    var i = 0
    while i < records {
      // Data end inside the payload, or within the slack after it: looked at before they are used again.
      guard data <= end else {
        outcome.failure = (bytes, "records end after the payload")
        return outcome
      }
      let control = UInt64(UInt16(littleEndian: payload.loadUnaligned(fromByteOffset: 2 &* i, as: UInt16.self)))
      if control & 6 != 0 {
        if control & 2 != 0 {
          recent[TraceFormat.historyLength] = UInt64(next)
          thread = Int(UInt16(littleEndian: data.loadUnaligned(as: UInt16.self)))
          data += 2
          guard thread < threads else {
            outcome.failure = (min(data - payload, bytes), "thread \(thread) of \(threads)")
            return outcome
          }
          touch(thread)
          recent = history + thread * Self.stride
          next = Int(recent[TraceFormat.historyLength])
        }
        if control & 4 != 0 {
          size = UInt64(UInt16(littleEndian: data.loadUnaligned(as: UInt16.self))) + 1
          data += 2
        }
      }
      // Where the fields lie and how wide they are: loads that do not wait for each other, and no variable shift.
      let form = forms[Int(control >> 3 & 511)]
      let gap = UInt64(UInt32(littleEndian: data.loadUnaligned(as: UInt32.self)) & form.gapMask)
      let repeats = UInt64(
        UInt32(littleEndian: data.loadUnaligned(fromByteOffset: Int(form.repeatsAt), as: UInt32.self))
          & form.repeatsMask)
      let repeatWrites = UInt64(
        UInt32(littleEndian: data.loadUnaligned(fromByteOffset: Int(form.writesAt), as: UInt32.self))
          & form.writesMask)
      let zigzag =
        UInt64(littleEndian: data.loadUnaligned(fromByteOffset: Int(form.differenceAt), as: UInt64.self))
        & form.differenceMask
      data += Int(form.length)
      let base = recent[(next &- 1 &- Int(control >> 12)) & (TraceFormat.historyLength - 1)]
      let units = base &+ (zigzag >> 1 ^ (0 &- (zigzag & 1)))
      recent[next] = units
      next = (next &+ 1) & (TraceFormat.historyLength - 1)
      let first = units &<< granule
      guard units <= maxUnits, (first & 4095) &+ size <= TraceFormat.pageBytes, repeatWrites <= repeats else {
        outcome.failure = (min(data - payload, bytes), "record \(i) of the block breaks a rule of the format")
        return outcome
      }
      address[i] = first
      threadOut[i] = UInt16(truncatingIfNeeded: thread)
      sizeOut[i] = UInt16(truncatingIfNeeded: size)
      isWrite[i] = control & 1 != 0
      gapOut[i] = UInt32(truncatingIfNeeded: gap)
      repeatsOut[i] = UInt32(truncatingIfNeeded: repeats)
      repeatWritesOut[i] = UInt32(truncatingIfNeeded: repeatWrites)
      gapSum &+= gap
      accessSum &+= 1 &+ repeats
      writeSum &+= (control & 1) &+ repeatWrites
      i &+= 1
    }
    (outcome.gap, outcome.accesses, outcome.writes) = (gapSum, accessSum, writeSum)
    if data != end { outcome.failure = (min(data - payload, bytes), "records and payload do not end together") }
    return outcome
  }

  /// Layout of a record's data after thread and size, by bits 3 to 11 of its control word.
  private struct Form {
    var differenceMask: UInt64
    var gapMask: UInt32
    var repeatsMask: UInt32
    var writesMask: UInt32
    var repeatsAt: UInt8
    var writesAt: UInt8
    var differenceAt: UInt8
    var length: UInt8

    init(_ bits: Int) {
      let short = [0, 1, 2, 4]
      let (gap, repeats, writes) = (short[bits & 3], short[bits >> 2 & 3], short[bits >> 4 & 3])
      let difference = [0, 1, 2, 3, 4, 5, 6, 8][bits >> 6 & 7]
      gapMask = UInt32(truncatingIfNeeded: (1 << (8 * gap)) - 1)
      repeatsMask = UInt32(truncatingIfNeeded: (1 << (8 * repeats)) - 1)
      writesMask = UInt32(truncatingIfNeeded: (1 << (8 * writes)) - 1)
      differenceMask = difference == 8 ? .max : (1 << UInt64(8 * difference)) - 1
      repeatsAt = UInt8(gap)
      writesAt = UInt8(gap + repeats)
      differenceAt = UInt8(gap + repeats + writes)
      length = UInt8(gap + repeats + writes + difference)
    }
  }
}
