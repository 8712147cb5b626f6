// Memory that is copied from one node to another, in pages scattered over it.

import CCopyKernels
import CopyKernels
import Events
import HostMemory
import PageCopy
import Units

/// Sources and destinations of one pair of nodes.
public final class CopyArenas {
  /// Pages of one size at both ends.
  private struct Ends {
    let from: HostArena
    let to: HostArena
    let seed: UInt64
    /// Pages of each end in the order in which they are given out.
    var fromOrder: [Int]
    var toOrder: [Int]
    var next = 0

    init(_ from: HostArena, _ to: HostArena, page: Int, seed: UInt64) {
      (self.from, self.to, self.seed) = (from, to, seed)
      var random = SplitMix64(seed: seed)
      fromOrder = (0..<(from.count / page)).shuffled(using: &random)
      toOrder = (0..<(to.count / page)).shuffled(using: &random)
      pf_fill_pattern(from.base, from.count, seed)
    }

    func piece(_ from: Int, _ to: Int, bytes: Int) -> CopyPiece {
      CopyPiece(to: self.to.base + to, from: UnsafeRawPointer(self.from.base + from), bytes: bytes)
    }
  }

  /// Bytes of an end's arena, for base pages and for folios each.
  public let size: Int
  public let from: Int
  public let to: Int
  private var base: Ends
  private var huge: Ends
  /// Pages that nobody copies, to drive others out of the TLBs.
  private let strangers: HostArena
  /// Order of the folios cut from 2 MiB pages, and where the next one lies.
  private var cuts: [Int: (order: [Int], next: Int)] = [:]
  private var random = SplitMix64(seed: 2)

  /// Most bytes of a stream. Longer ones are no faster, and the longer a copy is, the more of a neighbour is in it.
  static let streamed = 16 << 20
  /// The page that the next stream begins with.
  private var streamNext = 0

  /// Takes memory on two nodes (they may be one), 4 times `size` and 64 MiB; sources have content.
  /// - Parameter size: a multiple of 2 MiB.
  public init(memory: HostMemory = HostMemory(), from: Int, to: Int, size: Int, strangers: Int = 64 << 20) throws {
    guard size > 0, size % HostPages.hugeSize == 0 else {
      throw CopyBenchError.setting("--arena: \(size) bytes are no multiple of 2 MiB")
    }
    self.size = size
    self.from = from
    self.to = to
    let arenas = try memory.take(Self.requests(from: from, to: to, size: size, strangers: strangers))
    self.strangers = arenas[4]
    base = Ends(arenas[0], arenas[1], page: Page.size, seed: 11)
    huge = Ends(arenas[2], arenas[3], page: HostPages.hugeSize, seed: 12)
  }

  /// What `init` takes.
  static func requests(from: Int, to: Int, size: Int, strangers: Int) -> [HostMemory.Request] {
    [
      .init(node: from, bytes: size, pages: .base), .init(node: to, bytes: size, pages: .base),
      .init(node: from, bytes: size, pages: .huge), .init(node: to, bytes: size, pages: .huge),
      .init(node: from, bytes: strangers, pages: .base),
    ]
  }

  /// What every output has to say of this memory.
  public var remarks: [String] {
    var remarks: [String] = []
    for arena in [base.from, base.to, huge.from, huge.to] {
      for remark in arena.remarks where !remarks.contains(remark) { remarks.append(remark) }
    }
    return remarks
  }

  /// The arenas, in words.
  public var descriptions: [String] { [base.from, base.to, huge.from, huge.to].map(\.description) }

  /// The pages to give out for a list: base pages and folios wherever they are next in the shuffled orders.
  public func place(_ list: PageList, name: String) throws(CopyBenchError) -> PlacedList {
    try Self.check(list, name: name, size: size)
    return PlacedList(
      list,
      places: (0..<list.count).map {
        list[$0] == .base ? Self.next(&base, Page.size) : Self.next(&huge, HostPages.hugeSize)
      })
  }

  /// A folio of 2^order base pages that lie behind each other, as a list of them; order 9 is a 2 MiB page. Orders from 1 on are cut from
  /// 2 MiB pages.
  public func place(order: Int) throws(CopyBenchError) -> PlacedList {
    if order == 0 { return try place(PageList(base: 1), name: "order 0") }
    if order == Page.hugeOrder { return try place(PageList(huge: 1), name: "order 9") }
    let bytes = Page.size << order
    var cut = cuts[order] ?? ((0..<(size / bytes)).shuffled(using: &random), 0)
    // The two ends go through the same order, half of it apart.
    let (source, target) = (cut.order[cut.next], cut.order[(cut.next + cut.order.count / 2) % cut.order.count])
    cut.next = (cut.next + 1) % cut.order.count
    cuts[order] = cut
    return PlacedList(
      PageList(base: 1 << order),
      places: (0..<(1 << order)).map {
        huge.piece(source * bytes + $0 * Page.size, target * bytes + $0 * Page.size, bytes: Page.size)
      })
  }

  /// 2 MiB pages that lie behind each other, as many as there are or 16 MiB: the copy of STREAM, further on in the arena each time.
  public func stream() -> PlacedList {
    let count = min(Self.streamed, size) / HostPages.hugeSize
    let first = streamNext
    streamNext = first + 2 * count <= size / HostPages.hugeSize ? first + count : 0
    return PlacedList(
      PageList(huge: count),
      places: (first..<(first + count)).map {
        huge.piece($0 * HostPages.hugeSize, $0 * HostPages.hugeSize, bytes: HostPages.hugeSize)
      })
  }

  /// Refuses a list that arenas of this size have no room for.
  static func check(_ list: PageList, name: String, size: Int) throws(CopyBenchError) {
    for (bytes, pages) in [(list.baseCount * Page.size, "4 KiB"), (list.hugeCount * HostPages.hugeSize, "2 MiB")]
    where bytes > size {
      throw .room(list: name, needed: bytes, arena: size, pages: pages)
    }
  }

  private static func next(_ ends: inout Ends, _ bytes: Int) -> CopyPiece {
    let index = ends.next
    ends.next = (index + 1) % ends.fromOrder.count
    return ends.piece(ends.fromOrder[index] * bytes, ends.toOrder[index] * bytes, bytes: bytes)
  }

  // MARK: Caches and content

  /// Makes every byte of the destinations wrong.
  func spoil(_ list: PlacedList) { for piece in list.pieces { pf_complement(piece.to, piece.from, piece.bytes) } }

  /// Sends the pages out of all caches and TLBs. Whether the processor has an instruction for the caches; without one another arena is read
  /// instead.
  @discardableResult
  func cool(_ lists: [PlacedList]) -> Bool {
    var flushed = true
    for list in lists {
      for piece in list.pieces {
        if pf_flush_lines(piece.from, piece.bytes) == 0 { flushed = false }
        _ = pf_flush_lines(piece.to, piece.bytes)
      }
    }
    if !flushed { _ = pf_read_all(strangers.base, strangers.count) }
    _ = pf_touch_pages(strangers.base, strangers.count / Page.size)
    return flushed
  }

  /// Compares all bytes of a copy with their source.
  func verify(_ list: PlacedList, engine: String, name: String) throws(CopyBenchError) {
    for (item, place) in list.places.enumerated() {
      let offset = pf_first_difference(place.to, place.from, place.bytes)
      if offset < place.bytes { throw .wrongCopy(engine: engine, list: name, item: item, offset: offset) }
    }
  }

  /// Compares all sources with what they were filled with.
  func verifySources() throws(CopyBenchError) {
    for ends in [base, huge] {
      let offset = pf_check_pattern(ends.from.base, size, ends.seed)
      if offset < size { throw .wrongSource(offset: offset) }
    }
  }
}
