// Headers and records of traces as text.

import Report
import Trace

/// Texts of `trace info` and `trace cat`.
enum TraceText {
  /// The first line of `trace cat`.
  static let columns = "# record thread rw address bytes gap repeats repeat_writes\n"

  /// One line of `trace cat`.
  static func line(_ number: Int, _ r: TraceRecord) -> String {
    "\(number) \(r.thread) \(r.isWrite ? "w" : "r") 0x\(String(r.address, radix: 16)) \(r.size) \(r.gap) \(r.repeats) \(r.repeatWrites)\n"
  }

  /// The text of `trace info`.
  static func info(_ h: TraceHeader, path: String) -> String {
    var text = "\(path): trace format \(TraceFormat.version)\n"
    func add(_ label: String, _ value: String) {
      text += "  " + label + String(repeating: " ", count: max(16 - label.count, 1)) + value + "\n"
    }
    add("records", "\(h.records) in \(h.blocks) blocks")
    add("accesses", "\(h.accesses): \(h.reads) reads, \(h.writes) writes")
    add("threads", "\(h.threads)")
    add("footprint", "\(h.footprintPages) pages of 4 KiB in \(h.footprintHugeBlocks) blocks of 2 MiB")
    add("addresses", "0x\(String(h.lowestAddress, radix: 16)) to 0x\(String(h.highestAddress, radix: 16)), \(h.layout.addressKind)")
    add("granule", "\(1 << h.layout.granuleShift) bytes")
    add("gaps", h.layout.gapUnit == .none ? "not known" : "\(h.totalGap) \(h.layout.gapUnit) in all")
    add("coalesced", h.layout.isCoalesced ? "accesses to the page of the one before share its record" : "no")
    if h.layout.isCacheFiltered { add("cache-filtered", "\(h.cachedAccesses) accesses left out") }
    add("size", "\(h.fileBytes) bytes, \(h.fileBytes * 100 / h.records) per 100 records")
    for field in h.provenance.fields { add(field.name, field.value) }
    return text
  }

  /// The document of `trace info --json`.
  static func json(_ h: TraceHeader) -> JSONValue {
    .object([
      ("format", .integer(TraceFormat.version)), ("records", .integer(h.records)), ("blocks", .integer(h.blocks)),
      ("accesses", .integer(h.accesses)), ("reads", .integer(h.reads)), ("writes", .integer(h.writes)),
      ("threads", .integer(h.threads)), ("footprint_pages", .integer(h.footprintPages)),
      ("footprint_blocks_2mib", .integer(h.footprintHugeBlocks)),
      ("lowest_address", .string("0x" + String(h.lowestAddress, radix: 16))),
      ("highest_address", .string("0x" + String(h.highestAddress, radix: 16))),
      ("address_kind", .string("\(h.layout.addressKind)")), ("granule_bytes", .integer(1 << h.layout.granuleShift)),
      ("gap_unit", .string("\(h.layout.gapUnit)")), ("total_gap", .integer(h.totalGap)),
      ("is_coalesced", .bool(h.layout.isCoalesced)), ("is_cache_filtered", .bool(h.layout.isCacheFiltered)),
      ("cached_accesses", .integer(h.cachedAccesses)), ("file_bytes", .integer(h.fileBytes)),
      ("provenance", .object(h.provenance.fields.map { ($0.name, .string($0.value)) })),
    ])
  }
}
