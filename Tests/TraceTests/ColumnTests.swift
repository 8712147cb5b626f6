// Columns read by pieces with vectors of any width: the same values, sums, errors.
import CPlatform
import Foundation
import Testing

@testable import Trace

/// The vectors that this CPU has.
private let allVectors = [PF_VECTORS_BASE, PF_VECTORS_AVX2].filter { $0.rawValue <= pf_widest_vectors().rawValue }

@Suite struct ColumnTests {
  /// Counts around the lengths of vectors, and one of a whole piece.
  private static let counts = [0, 1, 2, 7, 8, 15, 16, 31, 33, 63, 64, 65, 100, 2047, 2048]

  /// Random numbers of `width` bytes, some of them the highest, at an odd address in the array returned.
  private func numbers(_ width: Int, _ count: Int, _ random: inout Seeded) -> (values: [UInt64], bytes: [UInt8]) {
    let most = UInt64.max >> UInt64(64 - 8 * width)
    let values = (0..<count).map { _ in random.next() % 8 == 0 ? most : random.next() & most }
    return (values, [0] + values.flatMap { v in (0..<width).map { UInt8(truncatingIfNeeded: v >> UInt64(8 * $0)) } })
  }

  @Test func numbersWidenAlikeWithAnyVectors() {
    if allVectors.count == 1 { print("this CPU has no AVX2: its loops are not tested") }
    var random = Seeded(1)
    for vectors in allVectors {
      for width in [1, 2, 4] {
        for count in Self.counts {
          let (values, bytes) = numbers(width, count, &random)
          let base = random.next()
          bytes.withUnsafeBytes { raw in
            var wide = [UInt32](repeating: 7, count: count + 1)
            let found = pf_widen32(
              vectors, raw.baseAddress! + 1, Int32(width), UInt32(truncatingIfNeeded: base), count, &wide)
            #expect(wide == values.map { UInt32(truncatingIfNeeded: base &+ $0) } + [7])
            #expect(UInt64(found.highest) == values.max() ?? 0 && found.sum == values.reduce(0, +))
            guard width < 4 else { return }
            var narrow = [UInt16](repeating: 7, count: count + 1)
            let highest = pf_widen16(
              vectors, raw.baseAddress! + 1, Int32(width), UInt16(truncatingIfNeeded: base), count, &narrow)
            #expect(narrow == values.map { UInt16(truncatingIfNeeded: base &+ $0) } + [7])
            #expect(UInt64(highest) == values.max() ?? 0)
          }
        }
      }
    }
  }

  /// 2^16 numbers of the highest value: the most that a sum has to hold.
  @Test func sumsOfTheHighestNumbersDoNotOverflow() {
    let count = 1 << 16
    let bytes = [UInt8](repeating: 255, count: 4 * count)
    var values = [UInt32](repeating: 0, count: count)
    let places = [UInt16](repeating: 0x2000, count: count)
    for vectors in allVectors {
      for width in [1, 2, 4] {
        let most = UInt64.max >> UInt64(64 - 8 * width)
        #expect(pf_widen32(vectors, bytes, Int32(width), 0, count, &values).sum == most * UInt64(count))
      }
      let folded = pf_look_at_repeats(vectors, places, values, values, count)
      #expect(folded.of_touches == UInt64(UInt32.max) * UInt64(count) && folded.is_over == 0)
    }
  }

  @Test func placesAndRepeatsAreLookedAtAlikeWithAnyVectors() {
    var random = Seeded(2)
    for vectors in allVectors {
      for count in Self.counts where count > 0 {
        let place = (0..<count).map { _ in UInt16(truncatingIfNeeded: random.next()) & 0x3FFF }
        let size = (0..<count).map { _ in UInt16(truncatingIfNeeded: random.next()) & 0x0FFF }
        let places = pf_look_at_places(vectors, place, size, count)
        #expect(places.any == place.reduce(0, |) && places.smallest == size.min())
        #expect(Int(places.writes) == place.count { $0 & TraceBlock.writeBit != 0 })
        #expect(Int(places.touches) == place.count { $0 & TraceBlock.touchBit != 0 })
        #expect(places.end == zip(place, size).map { ($0 & TraceBlock.offsetMask) + $1 }.max())

        let shift = random.next() % 32
        let repeats = (0..<count).map { _ in UInt32(truncatingIfNeeded: random.next()) >> shift }
        var writes = repeats.map { $0 == 0 ? 0 : UInt32(truncatingIfNeeded: random.next()) % $0 }
        let good = pf_look_at_repeats(vectors, place, repeats, writes, count)
        var folded: UInt64 = 0
        for i in 0..<count where place[i] & TraceBlock.touchBit != 0 { folded += UInt64(repeats[i]) }
        #expect(good.of_touches == folded && good.is_over == 0)
        let one = Int(random.next() % UInt64(count))
        guard repeats[one] < .max else { continue }
        writes[one] = repeats[one] + 1
        #expect(pf_look_at_repeats(vectors, place, repeats, writes, count).is_over != 0)
      }
    }
  }

  @Test func aMarkThatIsMissingIsSeenAnywhere() {
    for vectors in allVectors {
      for count in [1, 3, 4, 5, 64, 130] {
        for missing in 0..<count {
          var marks = [UInt8](repeating: 0, count: count)
          let index = (0..<count).filter { $0 != missing }.map { UInt16($0) }
          pf_mark(&marks, index, index.count)
          #expect(pf_all_marked(vectors, marks, count) == 0, "\(missing) of \(count)")
          pf_mark(&marks, [UInt16(missing)], 1)
          #expect(pf_all_marked(vectors, marks, count) != 0)
        }
      }
    }
  }

  /// Layouts with columns of all codings and widths, in blocks that do not end with a piece.
  @Test(arguments: [
    TraceLayout(granuleShift: 0), TraceLayout(granuleShift: 6, isCacheFiltered: true, hasTouches: true),
    TraceLayout(granuleShift: 3, isCoalesced: false, hasTimes: true),
  ])
  func blocksDecodeAlikeWithAnyVectors(layout: TraceLayout) throws {
    let scratch = try Scratch()
    for (count, spread) in [(1, 1), (2048, 40), (2049, 300), (7000, 70_000)] {
      var random = Seeded(UInt64(count))
      let records = (0..<count).map { (i: Int) -> TraceRecord in
        let page = random.next() % UInt64(spread)
        var record = TraceRecord(address: page << 12, thread: UInt16(i % 3), size: 8)
        record.isWrite = random.next() % 3 == 0
        record.isTouch = layout.hasTouches && random.next() % 2 == 0
        let bits = random.next() % 32
        record.gap = UInt32(truncatingIfNeeded: random.next()) >> UInt32(bits)
        record.repeats = layout.isCoalesced ? UInt32(random.next() % UInt64(spread)) : 0
        record.repeatWrites = record.repeats / 2
        record.time = layout.hasTimes ? UInt64(i) * 1000 : 0
        return record
      }
      try write(records, to: scratch.path("a.pft"), layout: layout, level: 0)
      let file = try TraceFile(path: scratch.path("a.pft"))
      for vectors in allVectors {
        var decoder = BlockDecoder(file.rules, vectors: vectors)
        let block = TraceBlock()
        _ = try file.decode(0, with: &decoder, into: block)
        #expect((0..<block.count).map { block[$0] } == records)
      }
    }
  }

  /// A record that cannot be is named by its number, whichever piece it is in.
  @Test(arguments: [0, 2047, 2048, 4999])
  func theCulpritIsNamedInAnyPiece(culprit: Int) throws {
    let scratch = try Scratch()
    // Two values of each, so that places and repeats have a number for each record.
    let records = (0..<5000).map { (i: Int) -> TraceRecord in
      TraceRecord(address: UInt64(i % 2) * 64, size: 64, repeats: UInt32(i % 2), repeatWrites: UInt32(i % 2))
    }
    try write(records, to: scratch.path("a.pft"), layout: TraceLayout(granuleShift: 6), level: 0)
    let good = try bytes(of: scratch.path("a.pft"))
    let start = TraceFormat.headerBytes
    let payload = start + TraceFormat.blockHeaderBytes
    // One page: its columns and the index have no numbers, places and the two kinds of repeats one byte each.
    let place = payload + TraceFormat.payloadHeaderBytes
    try #require(good.count > place + 15_000 && good[place + 1] == 64)
    for (offset, value, problem) in [
      (culprit, UInt8(1), "an address that is no multiple of the granule"),
      (10_000 + culprit, 9, "more writes among the repeats than repeats"),
    ] {
      var bad = good
      bad[place + offset] = value
      let end = try TraceFile(path: scratch.path("a.pft")).header.indexOffset
      for (at, range) in [(start + 56, payload..<end), (start + 60, start..<start + 60)] {
        let sum = bad.withUnsafeBytes { pf_crc32c(0, $0.baseAddress! + range.lowerBound, range.count) }
        for k in 0..<4 { bad[at + k] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * k)) }
      }
      let error = #expect(throws: TraceError.self) { try readAll(scratch.write(bad, "b.pft")) }
      #expect(error?.problem == "block 0, record \(culprit): \(problem)")
    }
  }

  @Test func aFileCutShortWhileItIsReadIsAnError() throws {
    let scratch = try Scratch()
    try write([TraceRecord(address: 64), TraceRecord(address: 8192)], to: scratch.path("a.pft"), level: 0)
    var reader = try TraceReader(path: scratch.path("a.pft"))
    #expect(truncate(scratch.path("a.pft"), 4200) == 0)
    let block = TraceBlock()
    do {
      _ = try reader.next(into: block)
      Issue.record("a block that is not there was read")
    } catch {
      #expect(error.kind == .truncated && error.byte == 4200)
    }
  }

  @Test func aBlockOfMoreBytesThanAnyHasIsAnError() throws {
    var head = BlockHead()
    (head.records, head.accesses, head.payloadBytes, head.codec) = (1, 1, 200, .zstd)
    var raw = [UInt8](repeating: 0, count: TraceFormat.blockHeaderBytes)
    for (bytes, isTooMany) in [(TraceFormat.maxStoredBytes, false), (TraceFormat.maxStoredBytes + 1, true)] {
      head.storedBytes = bytes
      raw.withUnsafeMutableBytes { head.store(at: $0.baseAddress!) }
      let error = decodingError(raw, room: bytes)
      #expect(isTooMany ? error?.byte == 8 : error == nil)
    }
  }

  private func decodingError(_ raw: [UInt8], room: Int) -> TraceError? {
    raw.withUnsafeBytes {
      do throws(TraceError) {
        _ = try BlockHead(decoding: $0.baseAddress!, number: 0, at: 0, room: room, layout: TraceLayout(), file: "a")
        return nil
      } catch { return error }
    }
  }
}
