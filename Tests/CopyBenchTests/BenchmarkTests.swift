import CopyKernels
import HostMemory
import PageCopy
import Synchronization
import Testing
import Units

@testable import CopyBench

/// Copies, and then flips one bit of what it wrote.
private final class FlippingEngine: CopyEngine {
  private let byte: Int

  init(byte: Int) { self.byte = byte }

  func prepare(_ list: PlacedList) -> any PreparedCopy { Prepared(list, byte) }

  final class Prepared: PreparedCopy {
    let list: PlacedList
    let byte: Int

    init(_ list: PlacedList, _ byte: Int) { (self.list, self.byte) = (list, byte) }

    func copy() throws {
      try CopyKernel.memcpy.copy(list.pieces)
      var left = byte
      for place in list.places {
        if left < place.bytes {
          let at = place.to + left
          at.storeBytes(of: at.load(as: UInt8.self) ^ 0x10, as: UInt8.self)
          return
        }
        left -= place.bytes
      }
    }
  }
}

/// Does nothing at all.
private final class IdleEngine: CopyEngine, PreparedCopy {
  func prepare(_ list: PlacedList) -> any PreparedCopy { self }
  func copy() {}
}

/// Moves both ends: the destination agrees with a source that was changed.
private final class MeddlingEngine: CopyEngine {
  func prepare(_ list: PlacedList) -> any PreparedCopy { Prepared(list) }

  final class Prepared: PreparedCopy {
    let list: PlacedList
    init(_ list: PlacedList) { self.list = list }
    func copy() throws {
      for place in list.places { UnsafeMutableRawPointer(mutating: place.from).storeBytes(of: 7, as: UInt8.self) }
      try CopyKernel.memcpy.copy(list.pieces)
    }
  }
}

@Suite(.serialized) struct BenchmarkTests {
  static let cpus = CPUBinding.allowed
  static let small = 4 << 20

  static func plan(_ engines: [EngineOffer], _ subjects: [CopySubject], rounds: Int = 2) -> CopyBenchPlan {
    var plan = CopyBenchPlan(
      engines: engines, subjects: subjects, caches: CacheState.allCases, routes: [CopyRoute(from: 0, to: 1)],
      rounds: rounds, arena: small, cpus: cpus)
    plan.strangers = 1 << 20
    return plan
  }

  static func offer(_ make: @escaping @Sendable () -> any CopyEngine) -> EngineOffer {
    EngineOffer(name: "test", words: "a test's", threads: 1, make: make)
  }

  @Test func everyEngineCopiesEverySubjectAndIsVerified() throws {
    let catalog = EngineCatalog(cpus: Self.cpus, threads: [2, 3])
    let offers = catalog.offers.filter { $0.obstacle == nil }
    let subjects: [CopySubject] = [
      .order(0), .order(3), .order(9), .list("2b,1h,3b", try #require(PageList(text: "2b,1h,3b"))),
    ]
    let done = Mutex((0, 0))
    let result = try CopyBenchmark.run(Self.plan(offers, subjects)) { part, all in done.withLock { $0 = (part, all) } }
    #expect(done.withLock { $0 } == (18, 18))
    for offer in offers {
      for subject in subjects {
        for caches in CacheState.allCases {
          let row = try #require(result.row(offer.name, subject, caches, CopyRoute(from: 0, to: 1)))
          #expect(row.times.count >= 2 && row.times.allSatisfy { $0 > 0 })
          #expect(row.percentile(50) <= row.percentile(90) && row.percentile(90) <= row.percentile(99))
        }
      }
      #expect(result.row(offer.name, .stream, .cold, CopyRoute(from: 0, to: 1)) != nil)
    }
    #expect(result.verified == result.samples.reduce(0) { $0 + $1.times.count } + result.repeated)
    let limit = try #require(result.limit(threads: 1, CopyRoute(from: 0, to: 1)))
    #expect(limit.threads == 1 && limit.bytesPerSecond > 0)
    #expect(result.samples.filter { $0.subject == .stream }.allSatisfy { $0.bytes == Self.small })
  }

  @Test(arguments: [0, 4095, 4096, 4096 + (2 << 20) - 1, (2 << 20) + 4096 * 3 - 1])
  func oneWrongBitIsCaught(_ byte: Int) throws {
    let list = try #require(PageList(text: "1b,1h,2b"))
    let flipping = Self.offer { FlippingEngine(byte: byte) }
    let items = [0, 1, 2].map { list[$0].bytes }
    let item = byte < items[0] ? 0 : byte < items[0] + items[1] ? 1 : byte < items[0] + items[1] + items[2] ? 2 : 3
    let offset = byte - items.prefix(item).reduce(0, +)
    let arenas = try CopyArenas(from: 0, to: 1, size: Self.small, strangers: 1 << 20)
    let placed = try arenas.place(list, name: "L")
    let copy = try flipping.open().prepare(placed)
    arenas.spoil(placed)
    try copy.copy()
    #expect(throws: CopyBenchError.wrongCopy(engine: "test", list: "L", item: item, offset: offset)) {
      try arenas.verify(placed, engine: "test", name: "L")
    }
    #expect(throws: CopyBenchError.self) { try CopyBenchmark.run(Self.plan([flipping], [.list("L", list)], rounds: 1)) }
  }

  /// Threads of a device must not be where the measuring thread is bound to.
  @Test func enginesStartTheirThreadsOnAllCPUs() throws {
    let seen = Mutex<[Int]>([])
    let offer = EngineOffer(name: "test", words: "a test's", threads: 1) {
      seen.withLock { $0 = CPUBinding.allowed }
      return SerialEngine(.memcpy)
    }
    _ = try CopyBenchmark.run(Self.plan([offer], [], rounds: 1))
    #expect(seen.withLock { $0 } == Self.cpus && CPUBinding.allowed == Self.cpus)
  }

  @Test func anEngineThatCopiesNothingIsCaught() {
    let idle = Self.offer { IdleEngine() }
    #expect(throws: CopyBenchError.wrongCopy(engine: "test", list: "stream", item: 0, offset: 0)) {
      try CopyBenchmark.run(Self.plan([idle], [.order(0)], rounds: 1))
    }
  }

  @Test func aSourceThatWasWrittenToIsCaught() {
    let meddling = Self.offer { MeddlingEngine() }
    #expect(throws: CopyBenchError.wrongSource(offset: 0)) {
      try CopyBenchmark.run(Self.plan([meddling], [], rounds: 1))
    }
  }

  @Test func `a list too large for the arenas is refused before anything is measured`() {
    let list = PageList(base: 1025)
    var turns = 0
    let error = #expect(throws: CopyBenchError.self) {
      try CopyBenchmark.run(
        Self.plan([Self.offer { IdleEngine() }], [.order(0), .list("L", list)], rounds: 1)
      ) { _, _ in turns += 1 }
    }
    #expect(error == .room(list: "L", needed: 1025 * 4096, arena: Self.small, pages: "4 KiB") && turns == 0)
  }

  @Test func pagesOfAListAreScatteredAndDisjoint() throws {
    let arenas = try CopyArenas(from: 0, to: 1, size: Self.small, strangers: 1 << 20)
    let list = PageList(huge: 2, base: 512)
    let placed = try arenas.place(list, name: "L")
    for ends in [placed.places.map { UInt(bitPattern: $0.to) }, placed.places.map { UInt(bitPattern: $0.from) }] {
      #expect(Set(ends).count == ends.count)
      let base = ends.dropFirst(2)
      let steps = zip(base, base.dropFirst()).filter { $1 == $0 + 4096 }
      #expect(steps.count < 20)
    }
    #expect(throws: CopyBenchError.self) { try arenas.place(PageList(base: 1025), name: "L") }
    let run = try arenas.place(order: 4)
    #expect(run.pieces.count == 1 && run.pieces[0].bytes == 65_536)
    #expect(try arenas.place(PageList(base: 2), name: "L").pieces.count == 2)
  }

  @Test func percentilesAreByNearestRank() {
    var samples = CopySamples(
      route: CopyRoute(from: 0, to: 1), caches: .cold, subject: .order(0), engine: Self.offer { IdleEngine() },
      isLimit: false, list: PageList(base: 1))
    #expect(samples.median == 0 && samples.bytesPerSecond == 0)
    for time in (1...200).reversed() { samples.add(time) }
    #expect(samples.percentile(50) == 100 && samples.percentile(90) == 180 && samples.percentile(99) == 198)
    #expect(samples.bytesPerSecond == 40_960_000_000)
    #expect(samples.picosecondsPerPage == 100_000)
  }

  @Test func enginesAreReadByName() throws {
    let catalog = EngineCatalog(cpus: Self.cpus, threads: [2])
    #expect(try catalog.offer("memcpy").threads == 1)
    #expect(try catalog.offer("mt:2:items").words.contains("by items"))
    #expect(try catalog.offer("mt:4").words.contains("4 threads, shares by bytes"))
    #expect(try catalog.offer("mt:3:items:memcpy").words.hasSuffix("memcpy"))
    for name in ["", "mt", "mt:", "mt:x", "mt:2:pages", "mt:2:items:nothing", "mt:2:items:memcpy:1", "dsa"] {
      #expect(throws: CopyBenchError.unknownEngine(name, offered: catalog.offers.map(\.name))) {
        try catalog.offer(name)
      }
    }
    #expect(throws: CopyBenchError.threads(33)) { try catalog.offer("mt:33:items") }
    let crowd = try catalog.offer("mt:32:bytes")
    #expect(crowd.remarks.count == (Self.cpus.count < 32 ? 1 : 0))
  }
}
