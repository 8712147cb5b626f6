// From accesses of a program to records of a trace: window, split, cache filter, granule, coalescing.

/// What an importer does between the text and the file.
public struct ImportOptions: Sendable, Equatable {
  /// Whether back-to-back accesses to the same 4 KiB page share a record.
  public var coalesce = true
  /// Whether only the page of an address is kept.
  public var pageGranular = false
  /// Caches whose hits are left out; each hit left out adds one to the gap.
  public var cache: CacheSpecification?
  /// A TLB whose misses are kept as touches when a cache answers them; needs `cache`.
  public var tlb: TLBSpecification?
  /// Whether instruction fetches are reads. If not, each is one unit of gap.
  public var instructions = false
  /// Program accesses to pass over first. They still warm the cache filter.
  public var skipAccesses = 0
  /// Records after which the import stops; 0 is no end.
  public var maxRecords = 0
  /// zstd's level for the trace, 1 to 19; 0 leaves it uncompressed.
  public var level = TraceWriter.standardLevel

  public init() {}

  /// The options as text for the provenance.
  public var description: String {
    var words = [coalesce ? "coalesced by page" : "not coalesced"]
    if pageGranular { words.append("page-granular") }
    if let cache { words.append("cache \(cache)") }
    if let tlb { words.append("TLB \(tlb)") }
    if instructions { words.append("instruction fetches as reads") }
    if skipAccesses > 0 { words.append("first \(skipAccesses) accesses skipped") }
    if maxRecords > 0 { words.append("at most \(maxRecords) records") }
    return words.joined(separator: ", ")
  }

  /// The layout of the trace these options make of an input with such addresses and gaps.
  func layout(
    addressKind: AddressKind = .virtual, gapUnit: GapUnit = .instructions, hasTimes: Bool = false
  ) -> TraceLayout {
    let isPages = pageGranular || (addressKind == .pageNumber && cache == nil)
    return TraceLayout(
      addressKind: addressKind == .pageNumber && !isPages ? .virtual : addressKind,
      granuleShift: isPages ? 12 : cache != nil ? 6 : 0, gapUnit: gapUnit, isCoalesced: coalesce,
      isCacheFiltered: cache != nil, hasTouches: cache != nil && tlb != nil, hasTimes: hasTimes)
  }
}

/// What takes the accesses that a reader finds.
protocol AccessSink: ~Copyable {
  /// Whether no more are wanted.
  var isComplete: Bool { get }
  /// Whose accesses and work come next; thread 0 of process 0 before the first call. Thread numbers are unique over all processes,
  /// dense in order of appearance, and a thread's process never changes.
  mutating func select(thread: UInt16, of process: UInt16)
  /// Work without an access: an instruction, or a gap the input states.
  mutating func work(_ units: UInt64)
  /// When the accesses that follow happen, in nanoseconds from any origin. Only in formats that declare `hasTimes`.
  mutating func stamp(_ time: UInt64)
  /// One access; `size` is 1 to 4096 and `address + size - 1` does not wrap.
  mutating func access(_ address: UInt64, size: Int, isWrite: Bool) throws(TraceError)
}

/// Takes accesses in program order and appends records to a writer.
struct RecordBuilder: ~Copyable, AccessSink {
  private var writer: TraceWriter
  private let options: ImportOptions
  private let isFiltered: Bool
  private var filter: CacheFilter
  private var pending = TraceRecord(address: 0)
  private var hasPending = false
  /// Work of `thread` since the first access of its latest record.
  private var gap: UInt64 = 0
  private var thread: UInt16 = 0
  private var process: UInt16 = 0
  private var time: UInt64 = 0
  /// The same of the other threads; as long as the highest thread number seen.
  private var otherGaps: [UInt64] = []
  /// 1 where gaps are instructions, of which an access that hits is one. A stated time has it already.
  private let hitWork: UInt64
  private var toSkip: Int
  private var cachedAccesses = 0

  /// Accesses offered.
  private(set) var accesses = 0
  /// Bytes of the trace in the file so far.
  var traceBytes: Int { writer.bytes }
  /// Whether the record limit was reached: more accesses are ignored.
  private(set) var isComplete = false

  init(
    writer: consuming TraceWriter, options: ImportOptions, gapUnit: GapUnit = .instructions
  ) throws(TraceError) {
    hitWork = gapUnit == .instructions ? 1 : 0
    let tiny = try CacheSpecification("64B:1")
    self.writer = writer
    self.options = options
    isFiltered = options.cache != nil
    filter = CacheFilter(options.cache ?? tiny, tlb: options.tlb)
    toSkip = options.skipAccesses
  }

  mutating func select(thread next: UInt16, of process: UInt16) {
    self.process = process
    if next == thread { return }
    let needed = Int(max(next, thread)) + 1
    if otherGaps.count < needed { otherGaps += [UInt64](repeating: 0, count: needed - otherGaps.count) }
    otherGaps[Int(thread)] = gap
    gap = otherGaps[Int(next)]
    thread = next
  }

  @inline(__always)
  mutating func work(_ units: UInt64) { gap &+= units }

  mutating func stamp(_ time: UInt64) { self.time = time }

  mutating func access(_ address: UInt64, size: Int, isWrite: Bool) throws(TraceError) {
    accesses += 1
    if isComplete { return }
    if isFiltered {
      var line = address >> 6
      let last = (address + UInt64(size - 1)) >> 6
      while line <= last {
        let result = filter.access(line, of: process, isWrite: isWrite)
        if result != .cached && toSkip == 0 {
          try emit(
            line << 6, size: CacheSpecification.lineBytes, isWrite: isWrite, isTouch: result == .touch)
        } else {
          gap &+= hitWork
          cachedAccesses += result == .cached && toSkip == 0 ? 1 : 0
        }
        line += 1
      }
    } else if toSkip == 0 {
      let first = min(size, TraceFormat.pageBytes - Int(address & 4095))
      try emit(address, size: first, isWrite: isWrite)
      if first < size { try emit(address + UInt64(first), size: size - first, isWrite: isWrite) }
    }
    if toSkip > 0 {
      toSkip -= 1
      gap = 0
      if toSkip == 0 { filter.resetCounts() }
    }
  }

  private mutating func emit(
    _ address: UInt64, size: Int, isWrite: Bool, isTouch: Bool = false
  ) throws(TraceError) {
    if hasPending && options.coalesce && pending.address >> 12 == address >> 12 && pending.thread == thread
      && pending.isTouch == isTouch && pending.repeats < .max
    {
      pending.repeats += 1
      pending.repeatWrites += isWrite ? 1 : 0
      return
    }
    try flush()
    if isComplete { return }
    // What a gap cannot hold stays for the next record, so that no work is lost.
    let stated = UInt32(clamping: gap)
    gap &-= UInt64(stated)
    pending = TraceRecord(
      address: options.pageGranular ? address & ~4095 : address, thread: thread, process: process, size: UInt16(size),
      isWrite: isWrite, gap: stated, isTouch: isTouch, time: time)
    hasPending = true
  }

  private mutating func flush() throws(TraceError) {
    guard hasPending else { return }
    try writer.append(pending)
    hasPending = false
    isComplete = options.maxRecords > 0 && writer.records >= options.maxRecords
  }

  /// Writes the last record and closes the file.
  consuming func finish() throws(TraceError) -> TraceHeader {
    try flush()
    let note = isFiltered ? filter.note : ""
    return try writer.finish(cachedAccesses: cachedAccesses, filterNote: note)
  }
}
