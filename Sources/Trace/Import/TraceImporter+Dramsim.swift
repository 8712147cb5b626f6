// Traces of DRAMsim3 and DRAMSim2: `0xADDRESS OPERATION CYCLE`.
// Source: umd-memsys/DRAMsim3, src/common.cc, operator>>(std::istream&, Transaction&); umd-memsys/DRAMSim2,
// TraceBasedSim.cpp, parseTraceFileLine, cases k6 and mase.

extension TraceImporter {
  /// Parses the lines now in `text`. Gaps are differences of cycles, which may not fall. Empty lines are passed over.
  func dramsim<Sink: AccessSink & ~Copyable>(
    _ text: inout LineReader, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    let end = text.end
    while text.cursor < end && !sink.isComplete {
      var p = text.cursor
      if state.passesEmptyLine(&text, &p) { continue }
      guard p[0] == 0x30 && p[1] | 0x20 == 0x78, let address = wideNumber(&p), skipBlanks(&p) else {
        throw text.malformed(
          "the line does not begin with 0x and an address of at most 16 digits", fix: Self.dramsimFix)
      }
      guard let isWrite = Self.dramsimOperation(&p), skipBlanks(&p) else {
        throw text.malformed("unknown operation", fix: Self.dramsimFix)
      }
      guard p[0] != 0x30 || p[1] | 0x20 != 0x78, let cycle = wideNumber(&p) else {
        throw text.malformed("no decimal cycle below 2^64 after the operation", fix: Self.dramsimFix)
      }
      skipBlanks(&p)
      guard p[0] == 0x0A else { throw text.malformed("something after the cycle", fix: Self.dramsimFix) }
      let before = state.time
      guard let gap = state.elapsed(to: cycle) else {
        throw text.malformed(
          "cycle \(cycle) comes after cycle \(before ?? 0)", fix: "sort the lines by cycle, or import each run alone")
      }
      sink.work(gap)
      try sink.access(address, size: restOfLine(address), isWrite: isWrite)
      text.cursor = p + 1
      text.lines += 1
    }
  }

  /// Whether the operation at `p` writes; nil when it is none. `p` moves past it.
  ///
  /// As in the simulators, a fetch and a locked access of either kind read, and BOFF (a cycle that was backed off) writes.
  private static func dramsimOperation(_ p: inout UnsafePointer<UInt8>) -> Bool? {
    for (name, isWrite) in dramsimOperations {
      var i = 0
      while i < name.utf8CodeUnitCount && p[i] == name.utf8Start[i] { i += 1 }
      let after = p[i]
      if i == name.utf8CodeUnitCount && (after == 0x20 || after == 0x09) {
        p += i
        return isWrite
      }
    }
    return nil
  }

  private static let dramsimOperations: [(StaticString, Bool)] = [
    ("READ", false), ("WRITE", true), ("read", false), ("write", true), ("P_MEM_RD", false), ("P_MEM_WR", true),
    ("P_FETCH", false), ("IFETCH", false), ("BOFF", true), ("P_LOCK_RD", false), ("P_LOCK_WR", false),
  ]

  private static var dramsimFix: String {
    "lines are `0xADDRESS READ|WRITE CYCLE`; of DRAMSim2 also P_MEM_RD, P_MEM_WR, P_FETCH, IFETCH, P_LOCK_RD, P_LOCK_WR"
      + " and BOFF; filter other lines out"
  }
}
