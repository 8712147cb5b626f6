// A trace's records in memory: for runs that replay the same one side by side.

import Trace

/// All blocks of a trace, decoded and checked once. Nothing changes them afterwards, so that several threads may read them.
public final class DecodedTrace: @unchecked Sendable {
  /// Most records that are kept, about 20 bytes each; a longer trace is decoded by each run for itself.
  public static let mostRecords = 8 << 20

  let blocks: [TraceBlock]

  /// Decodes a trace; nil when it has more records than are kept.
  public init?(path: String) throws(TraceError) {
    var reader = try TraceReader(path: path)
    var blocks: [TraceBlock] = []
    var records = 0
    while true {
      let block = TraceBlock()
      guard try reader.next(into: block) else { break }
      records += block.count
      guard records <= DecodedTrace.mostRecords else { return nil }
      blocks.append(block)
    }
    self.blocks = blocks
  }
}
