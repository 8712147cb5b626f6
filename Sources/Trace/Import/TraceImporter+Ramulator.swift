// CPU traces of Ramulator 1: `INSTRUCTIONS READ [WRITEBACK]`.
// Source: CMU-SAFARI/ramulator, src/Processor.cpp, Trace::get_request, which also takes a leading zero for octal.

extension TraceImporter {
  /// Parses the lines now in `text`: instructions before the read, its address, and the address of a write-back right
  /// after it. Numbers are decimal, or hexadecimal after `0x`. Empty lines are passed over.
  func ramulator<Sink: AccessSink & ~Copyable>(
    _ text: inout LineReader, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    let end = text.end
    while text.cursor < end && !sink.isComplete {
      var p = text.cursor
      if state.passesEmptyLine(&text, &p) { continue }
      guard let gap = wideNumber(&p), gap <= UInt64(UInt32.max), skipBlanks(&p) else {
        throw text.malformed("the line does not begin with a count of instructions below 2^32", fix: Self.ramulatorFix)
      }
      guard let read = wideNumber(&p) else {
        throw text.malformed("no address of a read after the count", fix: Self.ramulatorFix)
      }
      var writeBack: UInt64?
      if skipBlanks(&p) && p[0] != 0x0A {
        writeBack = wideNumber(&p)
        guard writeBack != nil else {
          throw text.malformed("no address of a write-back after that of the read", fix: Self.ramulatorFix)
        }
        skipBlanks(&p)
      }
      guard p[0] == 0x0A else { throw text.malformed("something after the last number", fix: Self.ramulatorFix) }
      sink.work(gap)
      try sink.access(read, size: restOfLine(read), isWrite: false)
      if let writeBack { try sink.access(writeBack, size: restOfLine(writeBack), isWrite: true) }
      text.cursor = p + 1
      text.lines += 1
    }
  }

  private static var ramulatorFix: String {
    "lines are `INSTRUCTIONS READ [WRITEBACK]`, decimal without leading zeros or hexadecimal after 0x; Ramulator's DRAM"
      + " traces (`ADDRESS R|W`) state no gaps and are not read"
  }
}
