// The first 4096 bytes of a trace: what it is, how much is in it, where it came from.
import CPlatform

/// What a writer must know before the first record.
public struct TraceLayout: Equatable, Sendable, Codable {
  /// What the addresses are.
  public var addressKind: AddressKind
  /// Addresses are multiples of `1 << granuleShift` bytes, 0 (bytes) to 12 (pages).
  public var granuleShift: Int
  /// What gaps are counted in.
  public var gapUnit: GapUnit
  /// Whether back-to-back accesses to a page share a record.
  public var isCoalesced: Bool
  /// Whether accesses that hit a modelled cache were left out.
  public var isCacheFiltered: Bool
  /// Whether accesses that hit a modelled cache and missed the modelled TLB were kept, as touches.
  public var hasTouches: Bool
  /// Whether records state when they were.
  public var hasTimes: Bool

  public init(
    addressKind: AddressKind = .virtual, granuleShift: Int = 0, gapUnit: GapUnit = .instructions,
    isCoalesced: Bool = true, isCacheFiltered: Bool = false, hasTouches: Bool = false, hasTimes: Bool = false
  ) {
    self.addressKind = addressKind
    self.granuleShift = granuleShift
    self.gapUnit = gapUnit
    self.isCoalesced = isCoalesced
    self.isCacheFiltered = isCacheFiltered
    self.hasTouches = hasTouches
    self.hasTimes = hasTimes
  }

  /// Why the format cannot express this layout, or nil.
  var objection: String? {
    if !(0...12).contains(granuleShift) { return "address granule 2^\(granuleShift) is not 2^0 to 2^12" }
    if addressKind == .pageNumber && granuleShift != 12 { return "page numbers need address granule 2^12" }
    if hasTouches && !isCacheFiltered { return "touches are of a cache filter" }
    return nil
  }

  /// The byte of flags in the header.
  var flags: UInt8 {
    (isCoalesced ? 1 : 0) | (isCacheFiltered ? 2 : 0) | (hasTouches ? 4 : 0) | (hasTimes ? 8 : 0)
  }
}

/// The header of a trace.
public struct TraceHeader: Equatable, Sendable, Codable {
  public var layout: TraceLayout
  /// Records in the file.
  public var records = 0
  /// Accesses: records and their repeats.
  public var accesses = 0
  /// Accesses that read.
  public var reads = 0
  /// Accesses that write.
  public var writes = 0
  /// Accesses that are touches: they reached the page table and no memory.
  public var touches = 0
  /// One more than the highest thread number.
  public var threads = 0
  /// One more than the highest process number.
  public var processes = 0
  /// Blocks in the file.
  public var blocks = 0
  /// Distinct 4 KiB pages; equal addresses of two processes are two.
  public var footprintPages = 0
  /// Distinct aligned 2 MiB blocks.
  public var footprintHugeBlocks = 0
  /// Lowest byte address accessed.
  public var lowestAddress: UInt64 = 0
  /// Highest byte address accessed, inclusive.
  public var highestAddress: UInt64 = 0
  /// Sum of all gaps.
  public var totalGap = 0
  /// Accesses that the cache filter left out.
  public var cachedAccesses = 0
  /// Time stamp of the earliest record, in nanoseconds; 0 without time stamps.
  public var firstTime: UInt64 = 0
  /// Time stamp of the latest record.
  public var lastTime: UInt64 = 0
  /// Where the index begins, which is where the blocks end.
  var indexOffset = 0
  /// Bytes of the file.
  public var fileBytes = 0
  public var provenance: TraceProvenance

  init(layout: TraceLayout, provenance: TraceProvenance) {
    self.layout = layout
    self.provenance = provenance
  }
}

extension TraceHeader {
  /// The header's bytes; the caller has checked that the provenance fits.
  func encoded() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: TraceFormat.headerBytes)
    let text = provenance.encoded
    precondition(text.count <= TraceFormat.maxProvenanceBytes, "provenance was checked before the first record")
    bytes.withUnsafeMutableBytes { raw in
      func store<T: FixedWidthInteger>(_ value: T, _ offset: Int) {
        raw.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
      }
      raw.copyBytes(from: TraceFormat.magic)
      store(UInt32(TraceFormat.version), 8)
      store(UInt32(TraceFormat.headerBytes), 12)
      store(UInt32(TraceFormat.pageBytes), 16)
      raw[20] = layout.addressKind.rawValue
      raw[21] = UInt8(layout.granuleShift)
      raw[22] = layout.gapUnit.rawValue
      raw[23] = layout.flags
      store(UInt64(records), 24)
      store(UInt64(accesses), 32)
      store(UInt64(reads), 40)
      store(UInt64(writes), 48)
      store(UInt64(touches), 56)
      store(UInt32(threads), 64)
      store(UInt32(processes), 68)
      store(UInt32(blocks), 72)
      store(UInt32(text.count), 76)
      store(UInt64(footprintPages), 80)
      store(UInt64(footprintHugeBlocks), 88)
      store(lowestAddress, 96)
      store(highestAddress, 104)
      store(UInt64(totalGap), 112)
      store(UInt64(cachedAccesses), 120)
      store(firstTime, 128)
      store(lastTime, 136)
      store(UInt64(indexOffset), 144)
      store(UInt64(fileBytes), 152)
      UnsafeMutableRawBufferPointer(rebasing: raw[TraceFormat.provenanceOffset...]).copyBytes(from: text)
      store(pf_crc32c(0, raw.baseAddress, TraceFormat.headerBytes - 4), TraceFormat.headerBytes - 4)
    }
    return bytes
  }

  /// Reads and checks a header of `TraceFormat.headerBytes` bytes.
  init(decoding raw: UnsafeRawPointer, file: String) throws(TraceError) {
    func fail(_ kind: TraceError.Kind, _ offset: Int, _ problem: String, _ fix: String) -> TraceError {
      TraceError(kind, file: file, byte: offset, problem: problem, fix: fix)
    }
    func damaged(_ offset: Int, _ what: String) -> TraceError {
      fail(.damaged, offset, "header is inconsistent: \(what)", "fetch or record the trace again")
    }
    func word(_ offset: Int) -> Int {
      Int(UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }
    func long(_ offset: Int) -> UInt64 {
      UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    func count(_ offset: Int) throws(TraceError) -> Int {
      guard let n = Int(exactly: long(offset)), n < 1 << 56 else { throw damaged(offset, "a count of \(long(offset))") }
      return n
    }
    for (i, byte) in TraceFormat.magic.enumerated() where raw.load(fromByteOffset: i, as: UInt8.self) != byte {
      throw TraceError.noTrace(file, byte: i)
    }
    guard word(8) == TraceFormat.version else {
      throw fail(
        .format, 8, "trace format version \(word(8)), this program reads \(TraceFormat.version)",
        "record it again, or use the program that wrote it")
    }
    let sum = word(TraceFormat.headerBytes - 4)
    guard Int(pf_crc32c(0, raw, TraceFormat.headerBytes - 4)) == sum else {
      throw fail(.damaged, 0, "header checksum does not match", "fetch or record the trace again")
    }
    guard word(12) == TraceFormat.headerBytes else { throw damaged(12, "\(word(12)) header bytes") }
    guard word(16) == TraceFormat.pageBytes else { throw damaged(16, "page size \(word(16))") }
    let bytes = UnsafeRawBufferPointer(start: raw, count: TraceFormat.headerBytes)
    guard let kind = AddressKind(rawValue: bytes[20]) else { throw damaged(20, "address kind \(bytes[20])") }
    guard let unit = GapUnit(rawValue: bytes[22]) else { throw damaged(22, "gap unit \(bytes[22])") }
    guard bytes[23] & ~15 == 0 else { throw damaged(23, "unknown flags \(bytes[23])") }
    let layout = TraceLayout(
      addressKind: kind, granuleShift: Int(bytes[21]), gapUnit: unit, isCoalesced: bytes[23] & 1 != 0,
      isCacheFiltered: bytes[23] & 2 != 0, hasTouches: bytes[23] & 4 != 0, hasTimes: bytes[23] & 8 != 0)
    if let objection = layout.objection { throw damaged(21, objection) }
    let textBytes = word(76)
    guard textBytes <= TraceFormat.maxProvenanceBytes else { throw damaged(76, "\(textBytes) bytes of provenance") }
    let text = bytes[TraceFormat.provenanceOffset..<TraceFormat.provenanceOffset + textBytes]
    guard let provenance = TraceProvenance(decoding: Array(text)) else {
      throw damaged(TraceFormat.provenanceOffset, "provenance is not `key: value` lines")
    }
    guard bytes[text.endIndex..<TraceFormat.headerBytes - 4].allSatisfy({ $0 == 0 }) else {
      throw damaged(text.endIndex, "padding is not zero")
    }
    self.init(layout: layout, provenance: provenance)
    records = try count(24)
    accesses = try count(32)
    reads = try count(40)
    writes = try count(48)
    touches = try count(56)
    threads = word(64)
    processes = word(68)
    blocks = word(72)
    footprintPages = try count(80)
    footprintHugeBlocks = try count(88)
    lowestAddress = long(96)
    highestAddress = long(104)
    totalGap = try count(112)
    cachedAccesses = try count(120)
    firstTime = long(128)
    lastTime = long(136)
    indexOffset = try count(144)
    fileBytes = try count(152)
    if let (offset, what) = inconsistency { throw damaged(offset, what) }
  }

  /// The first pair of counts that cannot both be true, and its offset.
  private var inconsistency: (Int, String)? {
    if records < 1 { return (24, "no records") }
    if accesses < records { return (32, "fewer accesses than records") }
    if !layout.isCoalesced && accesses != records { return (32, "repeats in a trace that is not coalesced") }
    if reads + writes != accesses { return (40, "reads and writes are not the accesses") }
    if touches > accesses || (touches > 0 && !layout.hasTouches) { return (56, "\(touches) touches") }
    if !(1...TraceFormat.maxThreads).contains(threads) { return (64, "\(threads) threads") }
    if !(1...TraceFormat.maxThreads).contains(processes) { return (68, "\(processes) processes") }
    if blocks < 1 || blocks > records { return (72, "\(blocks) blocks of \(records) records") }
    if blocks < (records - 1) / TraceFormat.maxBlockRecords + 1 { return (72, "too few blocks") }
    if footprintPages < 1 || footprintPages > records { return (80, "\(footprintPages) pages") }
    if footprintHugeBlocks < 1 || footprintHugeBlocks > footprintPages { return (88, "\(footprintHugeBlocks) blocks") }
    if lowestAddress > highestAddress { return (96, "lowest address above the highest") }
    if layout.gapUnit == .none && totalGap != 0 { return (112, "gaps without a unit") }
    if !layout.isCacheFiltered && cachedAccesses != 0 { return (120, "cached accesses without a filter") }
    if firstTime > lastTime || (lastTime > 0 && !layout.hasTimes) { return (128, "time stamps") }
    if indexOffset < TraceFormat.headerBytes + blocks * (TraceFormat.blockHeaderBytes + 1) {
      return (144, "\(blocks) blocks before byte \(indexOffset)")
    }
    if fileBytes != indexOffset + TraceIndex.bytes(threads: threads, blocks: blocks) + TraceFormat.footerBytes {
      return (152, "\(fileBytes) bytes in the file")
    }
    return nil
  }
}
