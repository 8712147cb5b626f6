// The records of a block: read and checked by pieces that stay in the nearest cache.
import CPlatform

/// The columns of a block that have a number for each record, but for the time.
struct RecordColumns {
  var pageIndex, place, thread, size, gap, repeats, repeatWrites: ColumnReader
}

/// What records add up to.
struct RecordSums {
  var (accesses, writes, touches, gap): (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
}

extension BlockDecoder {
  /// Records of a piece: numbers and values of all columns together are some 60 KiB.
  private static var piece: Int { 2048 }

  /// Reads all records and checks each by itself, and that they name all of the block's pages.
  func readRecords(
    _ source: RecordColumns, _ pages: Int, _ records: Int, into block: TraceBlock
  ) throws(Failure) -> RecordSums {
    var columns = source
    var sums = RecordSums()
    isUsed.update(repeating: 0, count: pages)
    var (namesAll, lookAgain) = (false, 0)
    for begin in stride(from: 0, to: records, by: Self.piece) {
      let count = min(Self.piece, records - begin)
      try readPiece(&columns, begin, count, into: block, &sums)
      // Most pages come again and again: a part of the records may name them all.
      guard !namesAll else { continue }
      pf_mark(isUsed, block.pageIndex + begin, count)
      guard begin + count >= lookAgain || begin + count == records else { continue }
      namesAll = pf_all_marked(vectors, isUsed, pages) != 0
      lookAgain = begin + count + max(2 * Self.piece, pages / 2)
    }
    guard namesAll else { throw Failure(problem: "a page that no record names") }
    return sums
  }

  private func readPiece(
    _ columns: inout RecordColumns, _ begin: Int, _ count: Int, into block: TraceBlock, _ sums: inout RecordSums
  ) throws(Failure) {
    func place<T>(_ values: UnsafePointer<T>) -> UnsafeMutablePointer<T> {
      UnsafeMutablePointer(mutating: values) + begin
    }
    guard columns.pageIndex.next(count, into: place(block.pageIndex)) else { throw Self.tooHigh(.pageIndex) }
    guard columns.place.next(count, into: place(block.place)) else { throw Self.tooHigh(.place) }
    guard columns.thread.next(count, into: place(block.thread)) else { throw Self.tooHigh(.thread) }
    guard columns.size.next(count, into: place(block.size)) else { throw Self.tooHigh(.size) }
    guard let gap = columns.gap.nextSumming(count, into: place(block.gap)) else { throw Self.tooHigh(.gap) }
    guard let repeats = columns.repeats.nextSumming(count, into: place(block.repeats)) else {
      throw Self.tooHigh(.repeats)
    }
    guard let repeatWrites = columns.repeatWrites.nextSumming(count, into: place(block.repeatWrites)) else {
      throw Self.tooHigh(.repeatWrites)
    }
    // Equal sizes are the same everywhere, and near at the beginning.
    let sizes = columns.size.isConstant ? block.size : block.size + begin
    let places = pf_look_at_places(vectors, block.place + begin, sizes, count)
    try check(places, block, begin..<begin + count)
    sums.gap &+= gap
    sums.accesses &+= UInt64(count) &+ repeats
    sums.writes &+= UInt64(places.writes) &+ repeatWrites
    sums.touches &+= UInt64(places.touches)
    guard repeats | repeatWrites != 0 else { return }
    let folded = pf_look_at_repeats(
      vectors, block.place + begin, block.repeats + begin, block.repeatWrites + begin, count)
    guard folded.is_over == 0 else {
      throw Failure(
        problem: "more writes among the repeats than repeats",
        record: (begin..<begin + count).first { block.repeatWrites[$0] > block.repeats[$0] })
    }
    sums.touches &+= folded.of_touches
  }

  /// What holds of each record's place and size: looked at for all at once, and one by one only to name the culprit.
  private func check(_ found: pf_places, _ block: TraceBlock, _ records: Range<Int>) throws(Failure) {
    let (place, size) = (block.place, block.size)
    let granule = (UInt16(1) << UInt16(rules.layout.granuleShift)) &- 1
    guard found.any & granule == 0 else {
      throw Failure(
        problem: "an address that is no multiple of the granule", record: records.first { place[$0] & granule != 0 })
    }
    // At most 4095 + 4096: no overflow.
    guard found.end <= UInt16(TraceFormat.pageBytes), found.smallest > 0 else {
      throw Failure(
        problem: "an access of no bytes, or over the end of its page",
        record: records.first {
          size[$0] == 0 || (place[$0] & TraceBlock.offsetMask) + size[$0] > UInt16(TraceFormat.pageBytes)
        })
    }
  }
}
