// Dinero's format, and the kin of it that states gaps.

extension TraceImporter {
  /// Bytes of an access: the formats do not say, and 4 is what Dinero IV assumes for them.
  private static let dinSize = 4

  /// Parses the lines now in `text`: `0 ADDR` read, `1 ADDR` write, `2 ADDR` instruction fetch; or `l ADDR GAP`,
  /// `s ADDR GAP`, the gap being instructions since the last access. Words are separated by blanks or tabs. Empty
  /// lines are passed over.
  func din<Sink: AccessSink & ~Copyable>(
    _ text: inout LineReader, _ builder: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    let end = text.end
    while text.cursor < end && !builder.isComplete {
      var p = text.cursor
      if state.passesEmptyLine(&text, &p) { continue }
      let kind = p[0]
      guard kind == 0x30 || kind == 0x31 || kind == 0x32 || kind == 0x6C || kind == 0x73 else {
        throw text.malformed("the line does not begin with 0, 1, 2, l or s", fix: Self.dinFix)
      }
      p += 1
      guard skipBlanks(&p) else { throw text.malformed("no blank after the kind", fix: Self.dinFix) }
      if p[0] == 0x30 && p[1] | 0x20 == 0x78 { p += 2 }
      guard let address = hexNumber(&p) else {
        throw text.malformed("no hexadecimal address of at most 16 digits", fix: Self.dinFix)
      }
      guard address <= UInt64.max - UInt64(Self.dinSize) else {
        throw text.malformed("an access over the end of the address space", fix: Self.dinFix)
      }
      let hasBlank = skipBlanks(&p)
      var stated: UInt64 = 0
      if kind >= 0x6C {
        guard hasBlank, let gap = decimalNumber(&p) else {
          throw text.malformed("no decimal gap below 2^32 after the address", fix: Self.dinFix)
        }
        stated = gap
        skipBlanks(&p)
      }
      guard p[0] == 0x0A else { throw text.malformed("something after the last word", fix: Self.dinFix) }
      builder.work(stated)
      switch kind {
      case 0x32:
        state.instructions += 1
        if options.instructions {
          try builder.access(address, size: Self.dinSize, isWrite: false)
        } else {
          builder.work(1)
        }
      default: try builder.access(address, size: Self.dinSize, isWrite: kind == 0x31 || kind == 0x73)
      }
      text.cursor = p + 1
      text.lines += 1
    }
  }

  private static var dinFix: String { "lines are `0|1|2 HEXADDRESS` or `l|s HEXADDRESS GAP`" }
}
