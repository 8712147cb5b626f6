// Writes a trace: blocks as they fill, the header last, the name when all is safe.

/// Writes one trace file in bounded memory: one block, 64 bytes for each 2 MiB of footprint, and 16 for each block written.
///
/// Nothing appears under the final name before `finish` returns; a writer that is dropped earlier, or after an error,
/// removes its temporary file.
public struct TraceWriter: ~Copyable {
  private let file: OutputFile
  private var encoder: BlockEncoder
  private var header: TraceHeader
  private var index = TraceIndex()
  /// By thread: whether `index` has its process.
  private var isKnown: [Bool] = []
  private var pages = PageSet()
  private let granuleMask: UInt64

  /// The level of compression where none is asked for.
  public static let standardLevel = 3

  /// Records written so far.
  public var records: Int { header.records }
  /// Bytes in the file so far; the block being filled is not.
  public var bytes: Int { file.offset }

  /// Opens a temporary file beside `path`. `level` is zstd's, 1 to 19; 0 leaves blocks uncompressed.
  ///
  /// Throws when the layout or the provenance does not fit the format, the file cannot be made, or `path` is no regular file
  /// or the file `input`, which is being read.
  public init(
    path: String, layout: TraceLayout, provenance: TraceProvenance = TraceProvenance(),
    level: Int = standardLevel, reading input: FileIdentity? = nil, guarding: TemporaryGuard? = nil
  ) throws(TraceError) {
    try Self.check(path, layout, provenance, level)
    let opened = try OutputFile(path: path, reading: input, guarding: guarding)
    try Self.append([UInt8](repeating: 0, count: TraceFormat.headerBytes), to: opened)
    file = opened
    header = TraceHeader(layout: layout, provenance: provenance)
    header.lowestAddress = .max
    header.firstTime = .max
    granuleMask = 1 << UInt64(layout.granuleShift) - 1
    encoder = BlockEncoder(level: level)
  }

  /// Checks what can be checked before the first record.
  private static func check(
    _ path: String, _ layout: TraceLayout, _ provenance: TraceProvenance, _ level: Int
  ) throws(TraceError) {
    guard (0...19).contains(level) else {
      throw TraceError(.usage, file: path, problem: "compression level \(level)", fix: "levels are 0 (none) to 19")
    }
    if let objection = layout.objection {
      throw TraceError(.usage, file: path, problem: objection, fix: "choose another layout")
    }
    let room = TraceFormat.maxProvenanceBytes - TraceFormat.maxFilterNoteBytes
    guard provenance.encoded.count <= room else {
      throw TraceError(
        .limit, file: path, problem: "\(provenance.encoded.count) bytes of provenance text, at most \(room) fit",
        fix: "shorten the command line or the notes")
    }
  }

  private static func append(_ bytes: [UInt8], to file: OutputFile) throws(TraceError) {
    let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
    defer { raw.deallocate() }
    raw.copyBytes(from: bytes)
    try file.append(UnsafeRawBufferPointer(raw))
  }

  /// Adds a record. Throws when it breaks a rule of the format or the disk is full.
  public mutating func append(_ record: TraceRecord) throws(TraceError) {
    if let objection = objection(to: record) { throw limit(objection.problem, objection.fix) }
    guard header.totalGap + Int(record.gap) < 1 << 56 else {
      throw limit("gaps of 2^56 and more in all", "import less of the input, with a record limit")
    }
    if encoder.isFull { try flush() }
    try claim(record.thread, for: record.process)
    encoder.append(record)
    header.records += 1
    header.accesses += record.accesses
    header.writes += record.writes
    header.touches += record.isTouch ? record.accesses : 0
    header.firstTime = min(header.firstTime, record.time)
    header.lastTime = max(header.lastTime, record.time)
    header.lowestAddress = min(header.lowestAddress, record.address)
    header.highestAddress = max(header.highestAddress, record.address + UInt64(record.size - 1))
    header.totalGap += Int(record.gap)
  }

  /// Notes whose thread it is, which is the same for all its records.
  private mutating func claim(_ thread: UInt16, for process: UInt16) throws(TraceError) {
    let thread = Int(thread)
    if thread < isKnown.count, isKnown[thread], index.processes[thread] == process { return }
    while isKnown.count <= thread {
      isKnown.append(false)
      index.processes.append(0)
    }
    guard !isKnown[thread] else {
      throw limit(
        "thread \(thread) of process \(index.processes[thread]) in process \(process)",
        "number threads over all processes")
    }
    isKnown[thread] = true
    index.processes[thread] = process
    header.processes = max(header.processes, Int(process) + 1)
  }

  private func objection(to record: TraceRecord) -> (problem: String, fix: String)? {
    guard (1...TraceFormat.maxAccessBytes).contains(Int(record.size)) else {
      return ("an access of \(record.size) bytes", "an access has 1 to \(TraceFormat.maxAccessBytes) bytes")
    }
    guard Int(record.address & 4095) + Int(record.size) <= TraceFormat.pageBytes else {
      return ("an access that crosses a 4 KiB boundary", "split it in two")
    }
    guard record.address & granuleMask == 0 else {
      return ("an address that is no multiple of the granule", "clear its low \(header.layout.granuleShift) bits")
    }
    guard record.repeatWrites <= record.repeats else {
      return ("more writes among the repeats than repeats", "count writes among the repeats only")
    }
    guard record.repeats == 0 || header.layout.isCoalesced else {
      return ("repeats in a trace that is not coalesced", "declare the layout coalesced")
    }
    guard record.gap == 0 || header.layout.gapUnit != .none else {
      return ("a gap in a trace without a gap unit", "declare the gap unit")
    }
    guard !record.isTouch || header.layout.hasTouches else {
      return ("a touch in a trace without", "declare the layout to have touches")
    }
    guard record.time == 0 || header.layout.hasTimes else {
      return ("a time stamp in a trace without", "declare the layout to have times")
    }
    return nil
  }

  private func limit(_ problem: String, _ fix: String) -> TraceError {
    TraceError(.limit, file: file.path, problem: "record \(header.records): \(problem)", fix: fix)
  }

  private mutating func flush() throws(TraceError) {
    guard header.blocks < TraceFormat.maxBlocks else {
      throw limit("more than \(TraceFormat.maxBlocks) blocks", "split the trace")
    }
    let file = file
    index.blocks.append((file.offset, header.records - encoder.records))
    var pages = pages
    self.pages = PageSet()
    defer { self.pages = pages }
    try encoder.finishBlock(
      index: header.blocks,
      page: { (number, process) throws(TraceError) in
        guard pages.insert(number << 12, of: process) else {
          throw TraceError(
            .limit, file: file.path, problem: "more than \(PageDirectory.maxBlocks) blocks of 2 MiB in use",
            fix: "trace a smaller part of the program")
        }
      },
      body: { (bytes) throws(TraceError) in try file.append(bytes) })
    header.blocks += 1
  }

  /// Writes what is left, the index, the end marker and the header, and gives the file its name.
  ///
  /// `cachedAccesses` and `filterNote` say what a filter left out; the note is appended to `provenance.filters`, and the longest
  /// texts are cut off at their ends where they do not fit. Throws `.empty` when there is no record.
  public consuming func finish(cachedAccesses: Int = 0, filterNote: String = "") throws(TraceError) -> TraceHeader {
    guard header.records > 0 else {
      throw TraceError(
        .empty, file: file.path, problem: "no access to write", fix: "check the input, its filters and its window")
    }
    precondition(cachedAccesses == 0 || header.layout.isCacheFiltered)
    try flush()
    header.reads = header.accesses - header.writes
    header.footprintPages = pages.pages
    header.footprintHugeBlocks = pages.hugeBlocks
    header.cachedAccesses = cachedAccesses
    header.threads = index.processes.count
    header.indexOffset = file.offset
    let indexBytes = index.encoded()
    header.fileBytes = file.offset + indexBytes.count + TraceFormat.footerBytes
    if !filterNote.isEmpty {
      header.provenance.filters += (header.provenance.filters.isEmpty ? "" : "; ") + filterNote
      header.provenance.shorten(to: TraceFormat.maxProvenanceBytes)
    }
    let bytes = header.encoded()
    try Self.append(indexBytes, to: file)
    try Self.append(TraceFooter(header, headerSum: TraceFooter.sum(ofHeader: bytes)).encoded(), to: file)
    let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
    defer { raw.deallocate() }
    raw.copyBytes(from: bytes)
    try file.write(UnsafeRawBufferPointer(raw), at: 0)
    try file.commit()
    return header
  }
}
