// What `trace verify` finds: every byte under its checksum, every count of the header counted again.

/// A trace that was read whole and is whole.
public struct TraceVerification: Equatable, Sendable {
  public var header: TraceHeader

  /// Reads the whole of `path`. The reader checks checksums, records, accesses, reads, writes, blocks, total gap and length;
  /// threads, footprint and addresses are compared here. The accesses that a cache filter left out are in no record and cannot be
  /// counted. Throws for the first thing that is wrong, with its byte offset.
  public init(path: String, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }) throws(TraceError) {
    let reader = try ParallelReader(path: path)
    var counts = VerifiedCounts(reader.header, of: path)
    while let block = try reader.next() {
      try counts.add(block)
      progress(counts.records, reader.header.records)
    }
    try counts.check()
    header = reader.header
  }
}

/// What the blocks of a trace have, counted to be compared with what its header states.
struct VerifiedCounts {
  private let header: TraceHeader
  private let path: String
  private(set) var records = 0
  private var pages = PageSet()
  private var (lowest, highest) = (UInt64.max, UInt64.min)
  private var (threads, processes) = (0, 0)
  private var (first, last) = (UInt64.max, UInt64.min)

  init(_ header: TraceHeader, of path: String) {
    self.header = header
    self.path = path
  }

  mutating func add(_ block: TraceBlock) throws(TraceError) {
    for i in 0..<block.count {
      let address = block.address(i)
      guard pages.insert(address, of: block.pageProcess[Int(block.pageIndex[i])]) else {
        throw TraceError(
          .limit, file: path, problem: "more than \(PageDirectory.maxBlocks) blocks of 2 MiB in use",
          fix: "verify a smaller trace")
      }
      lowest = min(lowest, address)
      highest = max(highest, address + UInt64(block.size[i]) - 1)
      threads = max(threads, Int(block.thread[i]) + 1)
      first = min(first, block.time[i])
      last = max(last, block.time[i])
    }
    processes = max(processes, Int(block.pageProcess[block.pageCount - 1]) + 1)
    records += block.count
  }

  /// Throws for the first number of the header that is another than the blocks', with its byte offset.
  func check() throws(TraceError) {
    let comparisons: [(byte: Int, what: String, stated: UInt64, found: UInt64)] = [
      (64, "threads", UInt64(header.threads), UInt64(threads)),
      (68, "processes", UInt64(header.processes), UInt64(processes)),
      (80, "pages of 4 KiB", UInt64(header.footprintPages), UInt64(pages.pages)),
      (88, "blocks of 2 MiB", UInt64(header.footprintHugeBlocks), UInt64(pages.hugeBlocks)),
      (128, "ns as the first time", header.firstTime, first), (136, "ns as the last time", header.lastTime, last),
    ]
    for (byte, what, stated, found) in comparisons where stated != found {
      throw damaged(byte, "the header states \(stated) \(what), the records have \(found)")
    }
    guard header.lowestAddress == lowest else {
      throw damaged(
        96, "the header's lowest address is \(hexText(header.lowestAddress)), the records' \(hexText(lowest))")
    }
    guard header.highestAddress == highest else {
      throw damaged(
        104, "the header's highest address is \(hexText(header.highestAddress)), the records' \(hexText(highest))"
      )
    }
  }

  static let fix = "record or import the trace again"

  private func damaged(_ byte: Int, _ problem: String) -> TraceError {
    TraceError(.damaged, file: path, byte: byte, problem: problem, fix: Self.fix)
  }
}
