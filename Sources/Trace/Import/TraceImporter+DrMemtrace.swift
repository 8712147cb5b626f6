// DynamoRIO's drmemtrace: records of 12 bytes, packed and little-endian.
// Source: DynamoRIO/dynamorio, clients/drcachesim/common/trace_entry.h, trace_type_t, trace_marker_type_t, _trace_entry_t; what a
// reader does with each is in clients/drcachesim/reader/reader.cpp, process_input_entry.

/// One record of a drmemtrace file of a 64-bit machine.
struct DrMemtraceEntry {
  static let bytes = 12
  /// Versions of the format: TRACE_ENTRY_VERSION_NO_KERNEL_PC to TRACE_ENTRY_VERSION_FREQUENT_TIMESTAMPS of trace_version_t.
  static let versions: ClosedRange<UInt64> = 2...6

  /// trace_type_t.
  var type: UInt16
  /// Bytes of an access or instruction, instructions of a bundle, or trace_marker_type_t.
  var size: UInt16
  /// Address, thread, process, version or the value of a marker.
  var value: UInt64

  init(at raw: UnsafeRawPointer) {
    type = UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: 0, as: UInt16.self))
    size = UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
    value = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 4, as: UInt64.self))
  }

  /// The numbers of trace_type_t.
  enum Kind {
    case read, write
    /// An instruction that is fetched and executed.
    case instruction
    /// Up to eight more instructions behind the last one, their lengths in the bytes of the value.
    case bundle
    /// An iteration of a string instruction, which DynamoRIO does not count as an instruction.
    case noFetch
    /// An instruction unless it is the one before again.
    case maybeFetch
    case thread, process, threadExit, header, footer, marker
    /// Prefetches, flushes and encodings.
    case passed
  }

  /// Nil for a type that there is not.
  var kind: Kind? {
    switch type {
    case 0: .read
    case 1: .write
    case 10...16, 31, 48, 49: .instruction
    case 17: .bundle
    case 22: .thread
    case 23: .threadExit
    case 24: .process
    case 25: .header
    case 26: .footer
    case 28: .marker
    case 29: .noFetch
    case 30: .maybeFetch
    case 2...9, 18...21, 27, 32...47: .passed
    default: nil
    }
  }

  /// Markers that are read, of trace_marker_type_t.
  enum Marker: UInt16 {
    case timestamp = 2
    /// Only in raw traces, which raw2trace turns into what is read here.
    case splitValue = 8
    case fileType = 9
    case version = 12
  }
}

/// What the reader of drmemtrace keeps from record to record.
struct DrMemtraceState {
  var hasHeader = false
  /// Whether the last trace of the stream ended as it should.
  var hasFooter = false
  /// The thread of the records that follow.
  var thread: UInt64?
  /// Whether the sink knows of the thread.
  var isSelected = false
  /// Processes of threads.
  var processes: [UInt64: UInt64] = [:]
  /// Address of the last instruction, and of the one behind it.
  var lastPC: UInt64?
  var nextPC: UInt64 = 0
  /// What time stamps are counted from, in microseconds.
  var origin: UInt64?
  /// Bits of offline_file_type_t that were noted already.
  var noted: UInt64 = 0

  /// Microseconds from 1601, where drmemtrace counts from, to 1970.
  static let unixEpoch: UInt64 = 11_644_473_600_000_000
  /// OFFLINE_FILE_TYPE_FILTERED, _IFILTERED and _DFILTERED.
  static let filtered: UInt64 = 0x1 | 0x80 | 0x100
  /// OFFLINE_FILE_TYPE_ARCH_ARM32 and _ARCH_X86_32.
  static let narrow: UInt64 = 0x10 | 0x20
}

extension TraceImporter {
  /// Reads the record at `raw`. Reads and writes are accesses, instructions are work or reads, time stamps are stamped; prefetches,
  /// flushes, encodings and other markers are passed over.
  func drMemtrace<Sink: AccessSink & ~Copyable>(
    _ raw: UnsafeRawPointer, _ file: String, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    let entry = DrMemtraceEntry(at: raw)
    func fail(_ problem: String, _ fix: String = Self.drMemtraceFix) -> TraceError {
      badRecord(.drmemtrace, file, state, problem, fix: fix)
    }
    guard let kind = entry.kind else { throw fail("type \(entry.type), which is none") }
    if !state.drmemtrace.hasHeader && kind != .header {
      var error = fail("the file does not begin with a header record")
      error.kind = .format
      throw error
    }
    switch kind {
    case .header:
      guard DrMemtraceEntry.versions.contains(entry.value) else {
        var error = fail(
          "version \(entry.value), not one of \(DrMemtraceEntry.versions.lowerBound) to \(DrMemtraceEntry.versions.upperBound)",
          "64-bit traces of these versions are read; convert others with DynamoRIO's record_filter")
        error.kind = .format
        throw error
      }
      state.drmemtrace.hasHeader = true
      state.drmemtrace.hasFooter = false
      state.drmemtrace.thread = nil
      state.passed += 1
    case .footer:
      state.drmemtrace.hasFooter = true
      state.passed += 1
    case .thread:
      state.drmemtrace.thread = entry.value
      state.drmemtrace.isSelected = false
      state.passed += 1
    case .process:
      guard let thread = state.drmemtrace.thread else { throw fail("a process before any thread") }
      state.drmemtrace.processes[thread] = entry.value
      state.drmemtrace.isSelected = false
      state.passed += 1
    case .marker: try drMemtraceMarker(entry, file, &sink, &state)
    case .threadExit, .noFetch, .passed: state.passed += 1
    case .instruction, .bundle, .maybeFetch:
      try drMemtraceSelect(file, &sink, &state)
      try drMemtraceInstructions(entry, kind, file, &sink, &state)
    case .read, .write:
      guard entry.size > 0, entry.value <= UInt64.max - UInt64(entry.size) else {
        throw fail("an access of \(entry.size) bytes at this address")
      }
      try drMemtraceSelect(file, &sink, &state)
      // Saving all registers may take more than a page.
      var done = 0
      while done < Int(entry.size) && !sink.isComplete {
        let part = min(Int(entry.size) - done, TraceFormat.maxAccessBytes)
        try sink.access(entry.value + UInt64(done), size: part, isWrite: kind == .write)
        done += part
      }
    }
  }

  /// Tells the sink whose accesses come next, if it does not know.
  private func drMemtraceSelect<Sink: AccessSink & ~Copyable>(
    _ file: String, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    if state.drmemtrace.isSelected { return }
    guard let thread = state.drmemtrace.thread else {
      throw badRecord(.drmemtrace, file, state, "comes before any thread record", fix: Self.drMemtraceFix)
    }
    guard let numbers = state.threads.numbers(of: thread, in: state.drmemtrace.processes[thread] ?? 0) else {
      throw badRecord(
        .drmemtrace, file, state, "more than \(TraceFormat.maxThreads) threads", kind: .limit,
        fix: "import the files of fewer threads")
    }
    sink.select(thread: numbers.thread, of: numbers.process)
    state.drmemtrace.isSelected = true
  }

  private func drMemtraceInstructions<Sink: AccessSink & ~Copyable>(
    _ entry: DrMemtraceEntry, _ kind: DrMemtraceEntry.Kind, _ file: String, _ sink: inout Sink,
    _ state: inout ImportState
  ) throws(TraceError) {
    if kind == .bundle {
      guard entry.size <= 8, state.drmemtrace.lastPC != nil else {
        throw badRecord(
          .drmemtrace, file, state, "a bundle of \(entry.size) instructions, or one behind no instruction",
          fix: Self.drMemtraceFix)
      }
      for i in 0..<UInt64(entry.size) {
        let length = entry.value >> (8 * i) & 0xFF
        try drMemtraceInstruction(state.drmemtrace.nextPC, Int(length), &sink, &state)
      }
      return
    }
    // A size of 0 states only where the accesses that follow came from.
    if entry.size == 0 || (kind == .maybeFetch && state.drmemtrace.lastPC == entry.value) {
      state.passed += 1
      return
    }
    try drMemtraceInstruction(entry.value, Int(entry.size), &sink, &state)
  }

  private func drMemtraceInstruction<Sink: AccessSink & ~Copyable>(
    _ pc: UInt64, _ length: Int, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    state.instructions += 1
    if options.instructions && length > 0 && length <= TraceFormat.maxAccessBytes
      && pc <= UInt64.max - UInt64(length)
    {
      try sink.access(pc, size: length, isWrite: false)
    } else {
      sink.work(1)
    }
    state.drmemtrace.lastPC = pc
    state.drmemtrace.nextPC = pc &+ UInt64(length)
  }

  private func drMemtraceMarker<Sink: AccessSink & ~Copyable>(
    _ entry: DrMemtraceEntry, _ file: String, _ sink: inout Sink, _ state: inout ImportState
  ) throws(TraceError) {
    func fail(_ problem: String, _ fix: String) -> TraceError {
      badRecord(.drmemtrace, file, state, problem, fix: fix)
    }
    switch DrMemtraceEntry.Marker(rawValue: entry.size) {
    case .timestamp:
      let origin =
        state.drmemtrace.origin ?? (entry.value >= DrMemtraceState.unixEpoch ? DrMemtraceState.unixEpoch : 0)
      let (time, isOver) = (entry.value &- origin).multipliedReportingOverflow(by: 1000)
      guard entry.value >= origin, !isOver, time < 1 << 63 else {
        throw fail("a time stamp of \(entry.value) us", "check that the trace is whole")
      }
      state.drmemtrace.origin = origin
      sink.stamp(time)
    case .splitValue:
      throw fail("a marker of a raw trace", "convert it first: drrun -t drmemtrace -indir DIR makes DIR/trace")
    case .fileType:
      var error: TraceError?
      if entry.value & DrMemtraceState.narrow != 0 {
        error = fail("a trace of a 32-bit machine", "only 64-bit traces are read")
        error?.kind = .format
      }
      if let error { throw error }
      let new = entry.value & DrMemtraceState.filtered & ~state.drmemtrace.noted
      if new != 0 {
        state.notes.append("filtered by caches while it was recorded (drmemtrace file type \(entry.value))")
        state.drmemtrace.noted |= DrMemtraceState.filtered
      }
    case .version:
      guard DrMemtraceEntry.versions.contains(entry.value) else {
        throw fail("a version marker of \(entry.value)", Self.drMemtraceFix)
      }
    case nil: break
    }
    state.passed += 1
  }

  private static var drMemtraceFix: String {
    "records are 12 bytes: type, size, address, of a 64-bit machine; give the trace folder's files, as in"
      + " unzip -p DIR/trace/*.trace.zip"
  }
}
