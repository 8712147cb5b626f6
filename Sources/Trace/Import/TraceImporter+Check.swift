// A dry run of an import: all is read and counted, nothing is written.

/// What an input holds, before filter, window and coalescing.
public struct ImportCheck: Sendable, Equatable {
  /// The format read.
  public var format: ImportFormat
  /// Lines read, or records of a binary format.
  public var lines: Int
  /// Bytes of input read, uncompressed.
  public var textBytes: Int
  /// Accesses found.
  public var accesses: Int
  /// Those of them that write.
  public var writes: Int
  /// Instruction fetches found.
  public var instructions: Int
  /// Threads with an access.
  public var threads: Int
  /// Processes with an access.
  public var processes: Int
  /// 4 KiB pages with a byte of an access; equal addresses of two processes are two.
  public var pages: Int
  /// Lines or records that were skipped.
  public var skipped: SkippedInput
  /// What else a user of the trace should know.
  public var notes: [String]
}

extension TraceImporter {
  /// Reads `input` (`-` is standard input) as `run` does, and writes nothing. Window, caches and what else shapes the trace are not
  /// looked at. `progress` has 0 as bytes of the trace. Throws what `run` would throw of the input.
  public func check(
    input: String, recognised: (FormatRecognition) -> Void = { _ in }, progress: (ImportProgress) -> Void = { _ in }
  ) throws(TraceError) -> ImportCheck {
    try checkWindow(input)
    return try check(ByteInput(path: input), recognised: recognised, progress: progress)
  }

  /// Reads `bytes` as if they were a file called `name`, and stops when there are `maxAccesses`.
  public func check(
    _ bytes: UnsafeRawBufferPointer, name: String, maxAccesses: Int = .max
  ) throws(TraceError) -> ImportCheck {
    try checkWindow(name)
    return try check(ByteInput(bytes, name: name), maxAccesses: maxAccesses)
  }

  private func check(
    _ bytes: ByteInput, maxAccesses: Int = .max, recognised: (FormatRecognition) -> Void = { _ in },
    progress: (ImportProgress) -> Void = { _ in }
  ) throws(TraceError) -> ImportCheck {
    let format = try chosenFormat(bytes, recognised)
    var text = LineReader(bytes)
    var state = try startState(of: format, &text)
    var sink = AccessCounter(maxAccesses: maxAccesses, file: bytes.file)
    let count = try read(format, bytes, &text, &sink, &state) { sink, lines in
      progress(
        ImportProgress(
          bytesConsumed: bytes.consumed, totalBytes: bytes.total, lines: lines, accesses: sink.accesses, traceBytes: 0))
    }
    guard sink.accesses > 0 else { throw Self.empty(format, bytes, count.lines, count.bytes) }
    return ImportCheck(
      format: format, lines: count.lines, textBytes: count.bytes,
      accesses: sink.accesses, writes: sink.writes, instructions: state.instructions, threads: sink.threads,
      processes: sink.processes, pages: sink.pages.pages, skipped: state.skipped, notes: state.notes)
  }
}

/// Counts accesses and holds readers to what `AccessSink` asks of them.
private struct AccessCounter: AccessSink {
  private let maxAccesses: Int
  private let file: String
  private(set) var accesses = 0
  private(set) var writes = 0
  private(set) var pages = PageSet()
  /// By thread: its process, and whether it had an access.
  private var known: [(process: UInt16, hasAccess: Bool)] = [(0, false)]
  private var thread = 0

  init(maxAccesses: Int, file: String) {
    self.maxAccesses = maxAccesses
    self.file = file
  }

  var isComplete: Bool { accesses >= maxAccesses }
  var threads: Int { known.count { $0.hasAccess } }
  var processes: Int { Set(known.filter(\.hasAccess).map(\.process)).count }

  mutating func select(thread next: UInt16, of process: UInt16) {
    thread = Int(next)
    precondition(thread <= known.count, "threads are numbered in order of appearance")
    if thread == known.count { known.append((process, false)) }
    precondition(known[thread].process == process, "a thread stays in its process")
  }

  mutating func work(_ units: UInt64) {}

  mutating func stamp(_ time: UInt64) {}

  mutating func access(_ address: UInt64, size: Int, isWrite: Bool) throws(TraceError) {
    precondition((1...TraceFormat.maxAccessBytes).contains(size), "an access of \(size) bytes")
    precondition(address <= UInt64.max - UInt64(size - 1), "an access beyond the highest address")
    accesses += 1
    writes += isWrite ? 1 : 0
    known[thread].hasAccess = true
    let last = address + UInt64(size - 1)
    guard pages.insert(address, of: known[thread].process),
      address >> 12 == last >> 12 || pages.insert(last, of: known[thread].process)
    else {
      throw TraceError(
        .limit, file: file, problem: "more than \(PageDirectory.maxBlocks) blocks of 2 MiB in use",
        fix: "trace a smaller part of the program")
    }
  }
}
