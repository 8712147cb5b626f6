// Memory samples as `perf script` prints them.
// Source: Linux, tools/perf/builtin-script.c, perf_sample__fprintf_start, process_event, data_src__fprintf; tools/perf/util/
// mem-events.c, perf_mem__op_scnprintf.

/// A word of a line: no blanks in it.
private struct PerfWord {
  var start: UnsafePointer<UInt8>
  var end: UnsafePointer<UInt8>

  var count: Int { end - start }
  var endsInColon: Bool { end[-1] == 0x3A }

  /// The word as a number to `base`, all of it; nil when it is none.
  func number(hexadecimal: Bool) -> UInt64? {
    var p = start
    var value: UInt64 = 0
    guard p < end, !hexadecimal || count <= 16 else { return nil }
    while p < end {
      let digit = hexDigit(p[0])
      guard digit < (hexadecimal ? 16 : 10) else { return nil }
      let (tens, isOver) = value.multipliedReportingOverflow(by: hexadecimal ? 16 : 10)
      let (sum, isOverToo) = tens.addingReportingOverflow(digit)
      if isOver || isOverToo { return nil }
      value = sum
      p += 1
    }
    return value
  }

  /// `PID/TID` or `TID`: process and thread.
  var thread: (process: UInt64, thread: UInt64)? {
    guard let slash = (0..<count).first(where: { start[$0] == 0x2F }) else {
      return number(hexadecimal: false).map { (0, $0) }
    }
    guard let process = PerfWord(start: start, end: start + slash).number(hexadecimal: false),
      let thread = PerfWord(start: start + slash + 1, end: end).number(hexadecimal: false)
    else { return nil }
    return (process, thread)
  }

  /// `[CPU]`.
  var isCPU: Bool {
    count > 2 && start[0] == 0x5B && end[-1] == 0x5D
      && PerfWord(start: start + 1, end: end - 1).number(hexadecimal: false) != nil
  }

  /// `SECONDS.FRACTION:` with one to nine digits behind the point, in nanoseconds.
  var time: UInt64? { endsInColon ? perfTime(start, end - 1) : nil }

  /// Whether `text`, in lower case, is in the word in any case.
  func contains(_ text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    guard count >= length else { return false }
    return (0...count - length).contains { at in
      (0..<length).allSatisfy { i in
        let c = start[at + i]
        return ((0x41...0x5A).contains(c) ? c | 0x20 : c) == text.utf8Start[i]
      }
    }
  }
}

/// `SECONDS.FRACTION` between two places, in nanoseconds; nil when it is none.
func perfTime(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UInt64? {
  var p = start
  guard p < end, var time = decimalNumber(&p), p < end, p[0] == 0x2E else { return nil }
  p += 1
  guard p < end, end - p <= 9 else { return nil }
  let digits = end - p
  while p < end {
    let digit = UInt64(p[0] &- 0x30)
    guard digit < 10 else { return nil }
    time = time * 10 + digit
    p += 1
  }
  for _ in digits..<9 { time *= 10 }
  return time
}

/// What a sample did.
private enum PerfOperation {
  case read, write
  /// No access of memory: a prefetch, an instruction, an auxiliary event.
  case none
}

extension TraceImporter {
  /// Parses the lines now in `text`, a sample each. Comments and empty lines are passed over, and so are samples without an access:
  /// address 0, prefetches, instructions, `mem-loads-aux`.
  func perfScript<Sink: AccessSink & ~Copyable>(
    _ text: inout LineReader, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    let end = text.end
    while text.cursor < end && !sink.isComplete {
      var p = text.cursor
      if state.passesEmptyLine(&text, &p) { continue }
      if p[0] == 0x23 {
        text.skipLine()
        state.passed += 1
        continue
      }
      let thread = try perfThread(&p, text)
      let (operation, address) = try perfAccess(&p, text)
      let before = state.time ?? thread.time
      guard state.elapsed(to: thread.time) != nil else {
        throw text.malformed(
          "time \(thread.time) ns comes after \(before) ns",
          fix: "sort the samples by time: perf script does by default")
      }
      if address == 0 || operation == .none {
        text.skipLine()
        state.passed += 1
        continue
      }
      guard let numbers = state.threads.numbers(of: thread.thread, in: thread.process) else {
        throw text.tooManyThreads("print fewer: perf script --tid or --pid")
      }
      sink.select(thread: numbers.thread, of: numbers.process)
      sink.work(state.threads.elapsed(on: numbers.thread, to: thread.time))
      sink.stamp(thread.time)
      try sink.access(address, size: restOfLine(address), isWrite: operation == .write)
      text.skipLine()
    }
  }

  /// The next word at `p`, which moves past it; nil at the end of the line.
  private func word(_ p: inout UnsafePointer<UInt8>) -> PerfWord? {
    skipBlanks(&p)
    let start = p
    while p[0] != 0x20 && p[0] != 0x09 && p[0] != 0x0A && p[0] != 0x0D { p += 1 }
    return p > start ? PerfWord(start: start, end: p) : nil
  }

  /// Reads up to the time. The program's name comes first and may hold anything, so the time is what follows a thread.
  private func perfThread(
    _ p: inout UnsafePointer<UInt8>, _ text: borrowing LineReader
  ) throws(TraceError) -> (process: UInt64, thread: UInt64, time: UInt64) {
    var thread: (process: UInt64, thread: UInt64)?
    while let word = word(&p) {
      if let thread, let time = word.time { return (thread.process, thread.thread, time) }
      if thread != nil && word.isCPU { continue }
      thread = word.thread
    }
    throw text.malformed("no thread number with a time behind it", fix: Self.perfFix)
  }

  /// Reads from the event on: what the sample did, and its address.
  private func perfAccess(
    _ p: inout UnsafePointer<UInt8>, _ text: borrowing LineReader
  ) throws(TraceError) -> (PerfOperation, UInt64) {
    var event = word(&p)
    if let period = event, period.number(hexadecimal: false) != nil { event = word(&p) }
    guard let event, event.endsInColon, event.count > 1 else {
      throw text.malformed("no event behind the time", fix: Self.perfFix)
    }
    guard let first = word(&p), let address = first.number(hexadecimal: true) else {
      throw text.malformed("no hexadecimal address behind the event", fix: Self.perfFix)
    }
    let second = word(&p)
    if let operation = try perfSource(p, first, second, text) { return (operation, address) }
    // Without data_src nothing but what follows says that the number is the address and not the ip.
    if let second {
      let isIP =
        second.number(hexadecimal: true) != nil && ((0x30...0x39).contains(second.start[0]) || second.count >= 8)
      guard isIP else {
        throw text.malformed("the number behind the event may be the ip", fix: Self.perfFix)
      }
    }
    if event.contains("mem-loads-aux") { return (.none, address) }
    let (isLoad, isStore) = (event.contains("load"), event.contains("store"))
    guard isLoad != isStore else {
      throw text.malformed("the event does not say whether it is a load or a store", fix: Self.perfFix)
    }
    return (isStore ? .write : .read, address)
  }

  /// What the data source says, which is behind `second` or behind the symbol of the address; nil when there is none.
  private func perfSource(
    _ rest: UnsafePointer<UInt8>, _ first: PerfWord, _ second: PerfWord?, _ text: borrowing LineReader
  ) throws(TraceError) -> PerfOperation? {
    var p = rest
    var last = first
    var next = second
    while let found = next {
      if found.count == 3, found.start[0] == 0x7C, found.start[1] == 0x4F, found.start[2] == 0x50 {
        // The word before the operation is the data source as a number.
        guard last.start != first.start, last.number(hexadecimal: true) != nil else {
          throw text.malformed("no address before the data source", fix: Self.perfFix)
        }
        return try perfOperation(p, text)
      }
      last = found
      next = word(&p)
    }
    return nil
  }

  /// The operation behind `|OP `, up to the next bar.
  private func perfOperation(
    _ rest: UnsafePointer<UInt8>, _ text: borrowing LineReader
  ) throws(TraceError) -> PerfOperation {
    var p = rest
    skipBlanks(&p)
    let start = p
    while p[0] != 0x7C && p[0] != 0x0A { p += 1 }
    let operation = PerfWord(start: start, end: p)
    if operation.contains("store") { return .write }
    if operation.contains("load") { return .read }
    for other: StaticString in ["n/a", "no", "pfetch", "exec"] where operation.contains(other) { return .none }
    throw text.malformed("unknown operation in the data source", fix: Self.perfFix)
  }

  private static var perfFix: String {
    "print the samples with perf script -F comm,pid,tid,cpu,time,event,addr,data_src"
  }
}
