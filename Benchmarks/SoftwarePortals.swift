// Lists of cold pages through a software device, beside the same copies in a plain loop on its engines' CPUs.

import CPortals
import CopyKernels
import Events
import LimitLoops
import PageCopy
import Portals
import Synchronization
import Units

#if canImport(Glibc)
  import Glibc
#endif

/// Both sides copy by memcpy, so that what is left is planning, descriptors, records and polling.
///
/// Both sides copy on the same CPUs too: a CPU of a shared machine may be a third slower than its neighbour for seconds, whatever it runs.
enum SoftwarePortals {
  private enum Way: CaseIterable {
    case portal
    /// The pieces of the plan, with the lines ahead that an engine asks for.
    case sameCopies
    /// A memcpy a page, nothing ahead: what one would write without a device.
    case pageByPage
  }

  /// Lists in a row, of which the first wakes the threads and does not count.
  private static let listsInRow = 6
  /// Lines of the next member's page that an engine asks for.
  private static let linesAhead = 4

  private static func measure(
    _ arenas: ColdArenas, engines: Int, order: Int, rounds: Int, cpus: [Int]
  ) throws -> [Way: Rounds] {
    let channels = CopyLimits.channels
    let engineCPUs = engines < cpus.count ? Array(cpus[1...engines]) : cpus
    let device = try SoftwareDevice(.software(channels: channels, engines: engines), cpus: engineCPUs)
    let copy = HostCopy(try HostChannels(device.portals, knobs: .host(channels: channels)))
    for memory in arenas.memory { copy.channels.register(memory) }
    let loop = try PlainLoop(threads: engines, asking: cpus[0], cpus: engineCPUs)
    var times: [Way: Rounds] = [:]
    // The first round finds memory and lists new. A list is what is timed: where others use the CPUs too, some lists are copied
    // undisturbed.
    for round in 0...rounds {
      for turn in Way.allCases.indices {
        let way = Way.allCases[(turn + round) % Way.allCases.count]
        let lists = (0..<listsInRow).map { _ in arenas.nextList(order: order) }
        for (index, list) in lists.enumerated() {
          let pieces = Self.pieces(of: list, cut: way == .sameCopies ? channels : 1)
          let ahead = way == .sameCopies && order == 0 ? linesAhead : 0
          let start = wallNanoseconds()
          if way == .portal { _ = try copy.copy(list) }
          let elapsed = way == .portal ? wallNanoseconds() - start : loop.copy(pieces, ahead: ahead)
          if round > 0, index > 0 {
            times[way, default: Rounds()].add(nanoseconds: elapsed, count: list.count << order)
          }
        }
        guard lists.allSatisfy(arenas.areEqual) else { throw SoftwarePortalFailure.wrongCopy }
      }
    }
    guard copy.channels.timer.takenOver == 0 else { throw SoftwarePortalFailure.takenOver }
    return times
  }

  /// Lists through engines that copy nothing: planning, descriptors, submission, what an engine does for each, records and polling, and
  /// none of it hidden behind a copy.
  private static func handle(_ arenas: ColdArenas, order: Int, rounds: Int, cpus: [Int]) throws -> Rounds {
    let device = try SoftwareDevice(
      .software(channels: CopyLimits.channels, engines: 1), cpus: Array(cpus[1...1]), copy: { _, _, _ in })
    let copy = HostCopy(try HostChannels(device.portals, knobs: .host(channels: CopyLimits.channels)))
    for memory in arenas.memory { copy.channels.register(memory) }
    var times = Rounds()
    for _ in 0..<rounds {
      for index in 0..<listsInRow {
        let list = arenas.nextList(order: order)
        let start = wallNanoseconds()
        let result = try copy.copy(list)
        let elapsed = wallNanoseconds() - start
        guard result.engine == .dsa, result.takenOver == 0 else { throw SoftwarePortalFailure.takenOver }
        if index > 0 { times.add(nanoseconds: elapsed, count: list.count << order) }
      }
    }
    return times
  }

  /// Huge pages in as many parts as there are channels, as a plan has them; base pages whole.
  private static func pieces(of list: [CopyPage], cut: Int) -> [LimitPiece] {
    list.flatMap { page in
      let parts = page.order == 0 ? 1 : cut
      let bytes = (Page.size << page.order) / parts
      return (0..<parts).map {
        LimitPiece(to: page.destination + $0 * bytes, from: page.source + $0 * bytes, bytes: bytes)
      }
    }
  }

  static func measure(rounds: Int, arena: Int) throws -> Benchmark.Outcome {
    let arenas = try ColdArenas(bytes: arena)
    let cpus = CPUBinding.allowed
    var outcome = Benchmark.Outcome()
    guard let first = cpus.first else { return outcome }
    for engines in [1, 2] {
      // The thread that plans and polls needs a CPU beside those of the engines.
      let fits = engines < cpus.count
      for (name, order, aim, bar) in [("4KiB", 0, 0.15, 1.5), ("2MiB", Page.hugeOrder, 0.03, 1.25)] {
        let times = try CPUBinding.bound(to: first) {
          try measure(arenas, engines: engines, order: order, rounds: rounds, cpus: cpus)
        }
        guard let portal = times[.portal], let same = times[.sameCopies], let pages = times[.pageByPage] else {
          continue
        }
        let line = "software-portal/\(name) x\(engines)"
        outcome.lines.append(
          Measurement(
            line, unit: "ns/4KiB", portal, limit: "same copies", same, bar: fits ? bar : nil, basis: .median,
            note: fits ? "" : "the thread that submits shares \(cpus.count) CPUs with the engines"))
        outcome.lines.append(
          Measurement("\(line) pages", unit: "ns/4KiB", portal, limit: "memcpy each", pages, basis: .median))
        if fits, engines == 1 {
          let handling = try CPUBinding.bound(to: first) {
            try handle(arenas, order: order, rounds: rounds, cpus: cpus)
          }
          outcome.lines.append(
            Measurement(
              "\(line) handling", unit: "ns/4KiB", handling, limit: "same copies", same, bar: 1.5 * aim, basis: .median,
              note: "lists whose engines copy nothing; aim \(aim)"))
        }
      }
    }
    return outcome
  }
}

/// Threads in the place of engines: the thread that asks polls, as it does for a device.
private final class PlainLoop: Sendable {
  private let pool: WorkerPool
  private nonisolated(unsafe) let spans: UnsafeMutableBufferPointer<(start: Int, end: Int)>
  private let ended = Atomic<Int>(0)

  init(threads: Int, asking: Int, cpus: [Int]) throws {
    pool = try WorkerPool(threads + 1, cpus: [asking] + cpus)
    spans = .allocate(capacity: threads)
    spans.initialize(repeating: (0, 0))
  }

  deinit { spans.deallocate() }

  /// Copies the pieces, each thread its share.
  /// - Returns: nanoseconds from the first thread's first byte to the last one's last; asking them does not count.
  func copy(_ pieces: [LimitPiece], ahead: Int) -> Int {
    pieces.withUnsafeBufferPointer { pieces in
      nonisolated(unsafe) let pieces = pieces
      ended.store(0, ordering: .relaxed)
      pool.run { [self] worker in
        if worker == 0 {
          while !pool.isOversubscribed, ended.load(ordering: .relaxed) < spans.count { pf_pause() }
          return
        }
        let (first, end) = ((worker - 1) * pieces.count / spans.count, worker * pieces.count / spans.count)
        let share = UnsafeBufferPointer(rebasing: pieces[first..<end])
        let start = wallNanoseconds()
        limit_copy(share.baseAddress, share.count, ahead)
        spans[worker - 1] = (start, wallNanoseconds())
        ended.add(1, ordering: .relaxed)
      }
    }
    return (spans.map(\.end).max() ?? 0) - (spans.map(\.start).min() ?? 0)
  }
}

enum SoftwarePortalFailure: Error, CustomStringConvertible {
  case noMemory(Int)
  case wrongCopy
  case takenOver

  var description: String {
    switch self {
    case .noMemory(let bytes): "no memory for an arena of \(bytes) bytes"
    case .wrongCopy: "software-portal: a copy is not its source"
    case .takenOver: "software-portal: CPUs took over copies of the software device"
    }
  }
}

/// Two arenas whose pages are taken in turns, so that a page was not touched for as long as its arena is large.
private final class ColdArenas {
  private let source: UnsafeMutableRawPointer
  private let destination: UnsafeMutableRawPointer
  private let bytes: Int
  private var next = 0
  /// Where the n-th copied page comes from and goes to, in pages of each order.
  private let shuffled: [Int: [(from: Int, to: Int)]]

  init(bytes: Int) throws {
    self.bytes = bytes
    func map() throws -> UnsafeMutableRawPointer {
      let align = Page.size << Page.hugeOrder
      guard let base = aligned_alloc(align, bytes) else { throw SoftwarePortalFailure.noMemory(bytes) }
      madvise(base, bytes, MADV_HUGEPAGE)
      return base
    }
    source = try map()
    destination = try map()
    var random = SplitMix64(seed: 1)
    let words = source.bindMemory(to: UInt64.self, capacity: bytes / 8)
    for word in 0..<bytes / 8 { words[word] = random.next() }
    memset(destination, 1, bytes)
    var shuffled: [Int: [(from: Int, to: Int)]] = [:]
    for order in [0, Page.hugeOrder] {
      let count = bytes / (Page.size << order)
      func permutation() -> [Int] {
        var places = Array(0..<count)
        for index in places.indices.dropFirst() { places.swapAt(index, random.below(index + 1)) }
        return places
      }
      shuffled[order] = zip(permutation(), permutation()).map { (from: $0, to: $1) }
    }
    self.shuffled = shuffled
  }

  deinit {
    free(source)
    free(destination)
  }

  var memory: [UnsafeRawBufferPointer] {
    [source, destination].map { UnsafeRawBufferPointer(start: UnsafeRawPointer($0), count: bytes) }
  }

  /// 1,024 base pages, or 8 huge ones.
  func nextList(order: Int) -> [CopyPage] {
    let places = shuffled[order] ?? []
    let size = Page.size << order
    let count = min(order == 0 ? 1024 : 8, places.count)
    defer { next += count }
    return (0..<count).map { index in
      let place = places[(next + index) % places.count]
      return CopyPage(from: source + place.from * size, to: destination + place.to * size, order: order)
    }
  }

  func areEqual(_ list: [CopyPage]) -> Bool {
    list.allSatisfy { memcmp($0.source, $0.destination, Page.size << $0.order) == 0 }
  }
}
