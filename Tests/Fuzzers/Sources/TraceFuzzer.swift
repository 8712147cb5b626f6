// The reader of our own traces.
@testable import Trace

/// Reads `bytes` as a trace in both ways, which find the same; a trace that is whole keeps what the format promises.
func fuzzTrace(_ bytes: UnsafeRawBufferPointer) {
  do throws(TraceError) {
    let file = try TraceFile(bytes, name: "input")
    let serial = records(of: file)
    // Threads are slow to start: what both read alike is looked at in some inputs only.
    if serial.count > 1 || file.header.fileBytes % 16 == 0 {
      precondition(parallelRecords(of: file) == serial, "readers differ")
    }
  } catch {
    precondition(!error.description.isEmpty && !error.fix.isEmpty && error.byte ?? 0 <= bytes.count)
  }
}

/// What reading came to.
private struct Outcome: Equatable {
  var records: [TraceRecord] = []
  var error: String?
  var count: Int { records.count }
}

private func records(of file: TraceFile) -> Outcome {
  var outcome = Outcome()
  var reader = TraceReader(file)
  let block = TraceBlock()
  var counts = VerifiedCounts(file.header, of: "input")
  do throws(TraceError) {
    while try reader.next(into: block) {
      check(block, file)
      for i in 0..<block.count { outcome.records.append(block[i]) }
      try counts.add(block)
    }
    try counts.check()
    precondition(outcome.count == file.header.records)
  } catch {
    precondition(!error.description.isEmpty)
    // Of the counts nothing is said here: the other reader has none.
    if error.kind != .limit && error.fix != VerifiedCounts.fix { outcome.error = error.description }
  }
  return outcome
}

private func parallelRecords(of file: TraceFile) -> Outcome {
  var outcome = Outcome()
  let reader = ParallelReader(file, threads: 2)
  do throws(TraceError) {
    while let block = try reader.next() { for i in 0..<block.count { outcome.records.append(block[i]) } }
  } catch { outcome.error = error.description }
  return outcome
}

/// What holds of any block that is handed out.
private func check(_ block: TraceBlock, _ file: TraceFile) {
  let layout = file.header.layout
  for i in 0..<block.count {
    let record = block[i]
    precondition(record.repeatWrites <= record.repeats && (record.size > 0))
    precondition(Int(record.address & 4095) + Int(record.size) <= TraceFormat.pageBytes)
    precondition(Int(record.thread) < file.header.threads && Int(record.process) < file.header.processes)
    precondition(file.index.processes[Int(record.thread)] == record.process)
    precondition(layout.hasTimes || record.time == 0)
    precondition(layout.hasTouches || !record.isTouch)
  }
}
