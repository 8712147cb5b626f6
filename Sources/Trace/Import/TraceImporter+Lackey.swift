// valgrind's lackey: `I  ADDRESS,SIZE`, ` L ADDRESS,SIZE`, ` S ADDRESS,SIZE`, ` M ADDRESS,SIZE`.
// Source: valgrind 3.19, lackey/lk_main.c, trace_instr, trace_load, trace_store, trace_modify.

extension TraceImporter {
  /// Parses the lines now in `text`. A modify is a load and a store; `==`, `--` and `**` lines are valgrind's own.
  func lackey<Sink: AccessSink & ~Copyable>(
    _ text: inout LineReader, _ builder: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    let end = text.end
    while text.cursor < end && !builder.isComplete {
      var p = text.cursor
      let kind: UInt8
      if p[0] == 0x20 && p[1] != 0x0A && p[2] == 0x20 {
        kind = p[1]
        p += 3
      } else if p[0] == 0x49 && p[1] == 0x20 && p[2] == 0x20 {
        kind = 0x49
        p += 3
      } else if p[0] == p[1] && (p[0] == 0x3D || p[0] == 0x2D || p[0] == 0x2A) {
        text.skipLine()
        state.passed += 1
        continue
      } else {
        throw text.malformed("neither a lackey line nor valgrind's own", fix: Self.lackeyFix)
      }
      guard let address = hexNumber(&p), p[0] == 0x2C else {
        throw text.malformed("no `ADDRESS,SIZE` in hexadecimal and decimal", fix: Self.lackeyFix)
      }
      p += 1
      guard let size = decimalNumber(&p), p[0] == 0x0A else {
        throw text.malformed("no size after the comma, or something behind it", fix: Self.lackeyFix)
      }
      guard size > 0, size <= TraceFormat.maxAccessBytes, address <= UInt64.max - size else {
        throw text.malformed("an access of \(size) bytes at this address", fix: "sizes are 1 to 4096 bytes")
      }
      if text.endsWithoutLineFeed && p + 1 == end {
        throw text.malformed("the last line is cut off", fix: "let the traced program end, then import again")
      }
      switch kind {
      case 0x49:
        state.instructions += 1
        if options.instructions {
          try builder.access(address, size: Int(size), isWrite: false)
        } else {
          builder.work(1)
        }
      case 0x4C: try builder.access(address, size: Int(size), isWrite: false)
      case 0x53: try builder.access(address, size: Int(size), isWrite: true)
      case 0x4D:
        try builder.access(address, size: Int(size), isWrite: false)
        try builder.access(address, size: Int(size), isWrite: true)
      default: throw text.malformed("unknown kind of access", fix: Self.lackeyFix)
      }
      text.cursor = p + 1
      text.lines += 1
    }
  }

  private static var lackeyFix: String {
    "lines are `I  ADDR,SIZE`, ` L ADDR,SIZE`, ` S ADDR,SIZE`, ` M ADDR,SIZE`; keep the program's own output out"
      + " with --log-fd=9 9>&1 >/dev/null"
  }
}
