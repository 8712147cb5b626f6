// One copy of a trace on its way into a scaled one.

/// Reads a copy and hands its records out as they are to be written, those of pages that are not kept left out. Holds one block.
final class ScaleSource {
  let header: TraceHeader
  let identity: FileIdentity
  private var reader: TraceReader
  private let block = TraceBlock()
  private var next = 0
  private var place = ScalePlan.Place()
  private var order = ScalePlan.Order.work
  private var keepsTimes = false
  private var thin: PageSampling?
  /// By thread: its clock at its latest record.
  private var clocks: [UInt64] = []
  private var unstated = UnstatedWork(threads: 0)

  /// The record that comes next.
  private(set) var head = TraceRecord(address: 0)
  /// Its place in the order of the copies.
  private(set) var clock: UInt64 = 0
  /// Records read.
  private(set) var done = 0

  init(path: String) throws(TraceError) {
    reader = try TraceReader(path: path)
    header = reader.header
    identity = reader.identity
  }

  /// Before the first `advance`.
  func begin(_ plan: ScalePlan, copy k: Int, thin: PageSampling?) {
    place = plan.places[k]
    order = plan.order
    keepsTimes = plan.layout.hasTimes
    self.thin = thin
    clocks = [UInt64](repeating: place.start, count: header.threads)
    // An offset is work only where the copies are interleaved by work, or work is time; records without a unit state none.
    let isWork = order == .work || order == .time && plan.layout.gapUnit == .nanoseconds
    unstated = UnstatedWork(threads: header.threads, start: isWork ? place.start : 0)
  }

  /// Sets `head` to the next record that is kept; false after the last.
  func advance() throws(TraceError) -> Bool {
    while true {
      if next == block.count {
        guard try reader.next(into: block) else { return false }
        next = 0
      }
      var record = block[next]
      next += 1
      done += 1
      let thread = record.thread
      clocks[Int(thread)] &+= order == .records ? 1 : UInt64(record.gap)
      unstated.add(UInt64(record.gap), to: thread)
      record.address &+= place.shift
      record.process &+= UInt16(truncatingIfNeeded: place.firstProcess)
      if let thin, !thin.keeps(process: record.process, address: record.address) { continue }
      record.thread &+= UInt16(truncatingIfNeeded: place.firstThread)
      record.gap = unstated.take(thread)
      record.time = keepsTimes ? record.time &+ place.delay : 0
      clock = order == .time ? record.time : clocks[Int(thread)]
      head = record
      return true
    }
  }
}
