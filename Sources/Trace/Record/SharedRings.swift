// The memory through which a recorded program hands its accesses over: a ring for each of its threads.
import CPlatform

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The recorder's side of Runtime/pageferry_instrument.c, which says what is where. Whatever the program writes there is looked at
/// before it is believed.
final class SharedRings {
  /// Threads that a program may have at once.
  static let lanes = 1024
  /// Pieces of a ring, at most 128. A thread hands over whole ones, and waits when all are full: 512 KiB.
  static let chunks = 16
  /// Accesses in a piece.
  static let chunkEntries = 4096
  /// The variable that tells a program under which descriptor its recorder's memory is.
  static let variable = "PAGEFERRY_TRACE_FD"

  private static let magic: UInt64 = 0x3173_6E69_4650_4750
  private static let pageBytes = 4096
  private static let laneBytes = pageBytes + chunks * chunkEntries * 8
  private static let bytes = pageBytes + lanes * laneBytes

  /// Offsets in the first page.
  private enum Head {
    static let geometry = 8
    static let recorder = 20
    static let owner = 24
    static let stop = 28
    static let threads = 32
    static let lanesUsed = 36
    static let crowded = 40
    static let sleeping = 44
    static let signal = 48
    static let gone = 52
    static let lost = 64
  }

  /// Offsets in the first page of a lane, and what `state` says.
  private enum Lane {
    static let state = 0
    static let thread = 4
    static let full = 8
    static let read = 64
    static let waiting = 68
    static let tickets = 128
    static let free: UInt32 = 0
    static let left: UInt32 = 2
  }

  /// For the program to inherit; closes on exec unless it is handed on.
  let descriptor: Int32
  private let base: UnsafeMutableRawPointer
  /// The name in errors.
  private let file: String
  /// By lane: entries of the piece not yet full that were read.
  private var taken = [Int](repeating: 0, count: lanes)
  /// By the program's number of a thread: the trace's, or nil before its first access.
  private var numbers: [UInt16?] = []
  private var threads = 0

  init(file: String) throws(TraceError) {
    self.file = file
    descriptor = pf_memory_file("pageferry-trace")
    guard descriptor >= 0 else { throw TraceError.system("memfd_create", file, fix: "needs Linux 3.17 or later") }
    // Pages that no thread writes take no memory.
    let map =
      ftruncate(descriptor, off_t(Self.bytes)) == 0
      ? mmap(nil, Self.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0) : MAP_FAILED
    guard let map, map != MAP_FAILED else {
      let error = TraceError.system(
        "cannot map \(Self.bytes >> 20) MiB of address space", file, fix: "raise `ulimit -v` and `ulimit -f`")
      close(descriptor)
      throw error
    }
    base = map
    for (i, count) in [Self.lanes, Self.chunks, Self.chunkEntries].enumerated() {
      pf_store32(map + Head.geometry + 4 * i, UInt32(count))
    }
    pf_store32(map + Head.recorder, UInt32(getpid()))
    map.storeBytes(of: Self.magic, as: UInt64.self)
  }

  deinit {
    munmap(base, Self.bytes)
    close(descriptor)
  }

  /// Whether a program has found the memory.
  var isOwned: Bool { pf_load32(base + Head.owner) != 0 }
  /// Accesses of signal handlers that came while their thread waited for room: they are not here.
  var lost: Int { Int(clamping: pf_load64(base + Head.lost)) }

  /// Tells the program that nothing more is wanted; it goes on unrecorded.
  func stop() {
    pf_store32(base + Head.stop, 1)
    for lane in lanesInUse { pf_wake32(lane.start + Lane.read) }
  }

  /// Sleeps until a piece is full, or for some milliseconds.
  func sleep() {
    let signal = pf_load32(base + Head.signal)
    pf_store32(base + Head.sleeping, 1)
    if !lanesInUse.contains(where: { $0.full != $0.read }) { pf_wait32(base + Head.signal, signal, 10) }
    pf_store32(base + Head.sleeping, 0)
  }

  /// Throws when accesses of the program did not get here.
  func check() throws(TraceError) {
    if pf_load32(base + Head.crowded) != 0 {
      throw TraceError(
        .limit, file: file, problem: "more than \(Self.lanes) threads at once",
        fix: "run it with fewer threads, or record it without --instrument")
    }
    if pf_load32(base + Head.gone) != 0 {
      throw TraceError(
        .system, file: file, problem: "the program does not see this process, and took it for ended",
        fix: "run both in one process namespace")
    }
  }

  // MARK: Reading

  /// A lane as it is now.
  private struct LaneView {
    var index: Int
    var start: UnsafeMutableRawPointer
    var state: UInt32 { pf_load32(start + Lane.state) }
    var thread: Int { Int(pf_load32(start + Lane.thread)) }
    var full: UInt32 { pf_load32(start + Lane.full) }
    var read: UInt32 { pf_load32(start + Lane.read) }
    var ticket: UInt64 { pf_load64(start + Lane.tickets + 8 * (Int(read) % SharedRings.chunks)) }
    /// The piece that is read next.
    var piece: UnsafeMutablePointer<UInt64> {
      (start + SharedRings.pageBytes).assumingMemoryBound(to: UInt64.self)
        + Int(read) % SharedRings.chunks * SharedRings.chunkEntries
    }
  }

  private var lanesInUse: some Sequence<LaneView> {
    let base = base
    return (0..<min(Int(pf_load32(base + Head.lanesUsed)), Self.lanes)).lazy.map { i in
      LaneView(index: i, start: base + Self.pageBytes + i * Self.laneBytes)
    }
  }

  /// Reads one full piece, of those that are there the one that was full first; false when none is.
  ///
  /// Before a thread's first piece comes what the others have written so far: what starts a thread stands before what it does.
  func readPiece(_ builder: inout RecordBuilder) throws(TraceError) -> Bool {
    var first: LaneView?
    var ticket = UInt64.max
    for lane in lanesInUse {
      let state = lane.state
      let count = lane.full &- lane.read
      guard count <= UInt32(Self.chunks) else { throw overwritten }
      if count > 0 && lane.ticket < ticket {
        first = lane
        ticket = lane.ticket
      } else if count == 0 && state == Lane.left {
        try readOpen(&builder, before: lane)
        try readOpen(lane, &builder)
        clear(lane)
        // Nobody's, until its next thread has said who it is.
        pf_store32(lane.start + Lane.thread, .max)
        pf_store32(lane.start + Lane.state, Lane.free)
      }
    }
    guard let lane = first else { return false }
    try readOpen(&builder, before: lane)
    _ = try read(lane, upTo: Self.chunkEntries, &builder)
    clear(lane)
    pf_store32(lane.start + Lane.read, lane.read &+ 1)
    if pf_load32(lane.start + Lane.waiting) != 0 { pf_wake32(lane.start + Lane.read) }
    return true
  }

  /// Reads what is in the piece of each lane that comes next, in the order in which the threads made their first access.
  func readOpen(_ builder: inout RecordBuilder) throws(TraceError) {
    // A thread that begins while the lanes are looked at may be seen before the one that started it.
    try readOpen(&builder, below: Int(pf_load32(base + Head.threads)))
  }

  /// The same before a thread is read for the first time, of those that were there before it. Their pieces that were full earlier
  /// have been read: if one of them started it, that is in the piece that comes next, full by now or not.
  private func readOpen(_ builder: inout RecordBuilder, before new: LaneView) throws(TraceError) {
    let thread = new.thread
    guard thread >= numbers.count || numbers[thread] == nil else { return }
    try readOpen(&builder, below: thread)
  }

  private func readOpen(_ builder: inout RecordBuilder, below end: Int) throws(TraceError) {
    // A lane that is free may get another thread at any time: what is sorted must not change meanwhile.
    let all = lanesInUse.map { (thread: $0.thread, lane: $0) }.filter { $0.thread < end }
    for (thread, lane) in all.sorted(by: { $0.thread < $1.thread }) where lane.thread == thread {
      try readOpen(lane, &builder)
    }
  }

  private func readOpen(_ lane: LaneView, _ builder: inout RecordBuilder) throws(TraceError) {
    // The first word that is zero is not written yet.
    if taken[lane.index] < Self.chunkEntries, pf_load64(lane.piece + taken[lane.index]) != 0 {
      taken[lane.index] = try read(lane, upTo: Self.chunkEntries, &builder)
    }
  }

  private func clear(_ lane: LaneView) {
    lane.piece.update(repeating: 0, count: Self.chunkEntries)
    taken[lane.index] = 0
  }

  /// Entries from where reading stopped up to `end` or the first that is not written; where it stopped.
  private func read(_ lane: LaneView, upTo end: Int, _ builder: inout RecordBuilder) throws(TraceError) -> Int {
    builder.select(thread: try number(of: lane.thread), of: 0)
    let entries = lane.piece
    var i = taken[lane.index]
    while i < end {
      let entry = pf_load64(entries + i)
      if entry == 0 { break }
      let size = Int(entry >> 48 & 0x1FFF)
      guard size - 1 < TraceFormat.maxAccessBytes, size > 0, entry >> 63 == 1 else { throw overwritten }
      // The instruction itself is the work that is known.
      builder.work(1)
      try builder.access(entry & 0xFFFF_FFFF_FFFF, size: size, isWrite: entry >> 62 & 1 == 1)
      i += 1
    }
    return i
  }

  private func number(of thread: Int) throws(TraceError) -> UInt16 {
    if thread < numbers.count, let number = numbers[thread] { return number }
    guard thread <= 1 << 24 else { throw overwritten }
    guard let number = UInt16(exactly: threads) else {
      throw TraceError(
        .limit, file: file, problem: "more than 65,536 threads", fix: "record fewer: --max-records ends the program")
    }
    while numbers.count <= thread { numbers.append(nil) }
    numbers[thread] = number
    threads += 1
    return number
  }

  private var overwritten: TraceError {
    TraceError(
      .damaged, file: file, problem: "the program wrote over the memory of its recording",
      fix: "look for writes out of bounds: clang -fsanitize=address")
  }
}
