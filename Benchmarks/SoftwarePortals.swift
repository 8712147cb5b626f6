// Lists of cold pages through a software device, beside the same copies in a plain loop on as many threads as it has engines.

import CopyKernels
import Events
import PageCopy
import Portals
import Units

#if canImport(Glibc)
  import Glibc
#endif

enum SoftwarePortals {
  /// What copies: plans, descriptors, records and polling; or nothing but the loop.
  private static func pairs(_ arenas: ColdArenas, engines: Int, order: Int, rounds: Int) throws -> (Rounds, Rounds) {
    let device = try SoftwareDevice(.software(channels: CopyLimits.channels, engines: engines))
    let channels = try HostChannels(device.portals, knobs: .host(channels: CopyLimits.channels))
    for memory in arenas.memory { channels.register(memory) }
    let copy = HostCopy(channels)
    let pool = try WorkerPool(engines)
    var (portal, plain) = (Rounds(), Rounds())
    // The first round of each finds memory and lists new. A list is what is timed: where others use the CPUs too, some lists are
    // copied undisturbed.
    for round in 0...rounds {
      for isPortal in round % 2 == 0 ? [true, false] : [false, true] {
        let lists = arenas.nextLists(order: order)
        var start = wallNanoseconds()
        for (index, list) in lists.enumerated() {
          if isPortal { _ = try copy.copy(list) } else { Self.copy(list, pool) }
          let end = wallNanoseconds()
          let pages = list.count << order
          // The first wakes the threads.
          if round > 0, index > 0 {
            if isPortal {
              portal.add(nanoseconds: end - start, count: pages)
            } else {
              plain.add(nanoseconds: end - start, count: pages)
            }
          }
          start = wallNanoseconds()
        }
        guard lists.allSatisfy(arenas.areEqual) else { throw SoftwarePortalFailure.wrongCopy }
      }
    }
    guard channels.timer.takenOver == 0 else { throw SoftwarePortalFailure.takenOver }
    return (portal, plain)
  }

  private static func copy(_ list: [CopyPage], _ pool: WorkerPool) {
    nonisolated(unsafe) let list = list
    let workers = pool.count
    pool.run { worker in
      for index in (list.count * worker / workers)..<(list.count * (worker + 1) / workers) {
        memcpy(list[index].destination, list[index].source, Page.size << list[index].order)
      }
    }
  }

  static func measure(rounds: Int, arena: Int) throws -> Benchmark.Outcome {
    let arenas = try ColdArenas(bytes: arena)
    var outcome = Benchmark.Outcome()
    // Aims: 1.15 for lists of 4 KiB, 1.03 for 2 MiB. Bars are wider: on a busy machine the two threads wait for each other.
    for engines in [1, 2] {
      for (name, order, aim, bar) in [("4KiB", 0, "1.15", 2.5), ("2MiB", Page.hugeOrder, "1.03", 1.5)] {
        let (portal, plain) = try pairs(arenas, engines: engines, order: order, rounds: rounds)
        // The thread that plans and polls needs a CPU beside those of the engines.
        let fits = engines < CPUBinding.allowed.count
        outcome.lines.append(
          Measurement(
            "software-portal/\(name) x\(engines)", unit: "ns/4KiB", portal, limit: "plain loop", plain,
            bar: fits ? bar : nil,
            note: fits
              ? "aim \(aim)" : "the thread that submits shares \(CPUBinding.allowed.count) CPUs with the engines"))
      }
    }
    return outcome
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

  /// An eighth of the arena, or two lists of it: lists of 1,024 base pages, or of 8 huge ones.
  func nextLists(order: Int) -> [[CopyPage]] {
    let places = shuffled[order] ?? []
    let size = Page.size << order
    let each = order == 0 ? 1024 : 8
    let count = min(max(places.count / 8, 2 * each), places.count)
    let pages = (0..<count).map { index in
      let place = places[(next * count + index) % places.count]
      return CopyPage(from: source + place.from * size, to: destination + place.to * size, order: order)
    }
    next += 1
    return stride(from: 0, to: count, by: each).map { Array(pages[$0..<min($0 + each, count)]) }
  }

  func areEqual(_ list: [CopyPage]) -> Bool {
    list.allSatisfy { memcmp($0.source, $0.destination, Page.size << $0.order) == 0 }
  }
}
