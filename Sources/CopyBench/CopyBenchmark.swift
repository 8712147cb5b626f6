// The measuring loop. What is compared takes turns, so that a neighbour on the machine slows all alike.

import CCopyKernels
import CopyKernels
import HostMemory
import PageCopy
import Units

#if canImport(Glibc)
  import Glibc
#endif

/// Runs a plan.
public struct CopyBenchmark {
  /// Most copies of a row in one round, and most bytes of them, for what is smaller.
  private static let mostCopies = 32
  private static let mostBytes = 2 << 20

  /// An engine and the rows that it fills.
  private struct Running {
    var offer: EngineOffer
    var engine: any CopyEngine
    var isLimit: Bool
  }

  /// What is measured in turns within a round.
  private struct Turn {
    var subject: CopySubject
    var caches: CacheState
    /// Indices of engines, and where their samples are.
    var rows: [(engine: Int, samples: Int)]
  }

  private let plan: CopyBenchPlan
  private var engines: [Running] = []
  private var result = CopyBenchResult()

  /// Measures everything that a plan names, and the machine's limit.
  /// - Parameter progress: told after each turn how many of how many are done.
  /// - Throws: `CopyBenchError` for a wrong copy or a plan that cannot be; errors of memory, threads and engines.
  public static func run(_ plan: CopyBenchPlan, progress: (Int, Int) -> Void = { _, _ in }) throws -> CopyBenchResult {
    guard let cpu = plan.cpus.first, (1...10_000).contains(plan.rounds) else {
      throw CopyBenchError.setting("a plan needs a CPU, and 1 to 10000 rounds")
    }
    for case .list(let name, let list) in plan.subjects { try CopyArenas.check(list, name: name, size: plan.arena) }
    // Opened before the binding: threads that an engine starts inherit where they may run.
    var benchmark = try CPUBinding.bound(to: plan.cpus) { try CopyBenchmark(plan) }
    try CPUBinding.bound(to: cpu) { try benchmark.measure(progress) }
    return benchmark.result
  }

  private init(_ plan: CopyBenchPlan) throws {
    self.plan = plan
    for offer in plan.engines { engines.append(Running(offer: offer, engine: try offer.open(), isLimit: false)) }
    for offer in try Self.limits(plan) where !engines.contains(where: { $0.offer.name == offer.name }) {
      engines.append(Running(offer: offer, engine: try offer.open(), isLimit: true))
    }
    result.clock = Self.clockTime()
    for running in engines { result.remarks += running.offer.remarks + running.engine.remarks }
  }

  /// Streams by every kernel in one thread, and by the widest in as many as the plan has.
  private static func limits(_ plan: CopyBenchPlan) throws -> [EngineOffer] {
    let catalog = EngineCatalog(cpus: plan.cpus, threads: [])
    var offers = catalog.offers.filter { $0.obstacle == nil }
    let kernels = CopyKernel.available()
    let plain = kernels.last { !$0.fillsCaches && !$0.name.hasSuffix("by4") } ?? .memcpy
    for threads in Set(plan.engines.map(\.threads)).sorted() where threads > 1 {
      for kernel in Set([CopyKernel.memcpy, plain, .best(destinationUsedNext: false)]).sorted(by: { $0.name < $1.name })
      {
        offers.append(try catalog.offer("mt:\(threads):bytes:\(kernel)"))
      }
    }
    return offers
  }

  private mutating func measure(_ progress: (Int, Int) -> Void) throws {
    let turns = (plan.subjects.count * plan.caches.count + 1) * plan.rounds * plan.routes.count
    var done = 0
    for route in plan.routes {
      let arenas = try CopyArenas(from: route.from, to: route.to, size: plan.arena, strangers: plan.strangers)
      for remark in arenas.remarks where !result.remarks.contains(remark) { result.remarks.append(remark) }
      for words in arenas.descriptions where !result.memory.contains(words) { result.memory.append(words) }
      let schedule = turnsOf(route)
      for round in 0..<plan.rounds {
        for turn in schedule {
          for index in turn.rows.indices {
            let row = turn.rows[(index + round) % turn.rows.count]
            try measure(turn, engines[row.engine], row.samples, arenas)
          }
          done += 1
          progress(done, turns)
        }
      }
      try arenas.verifySources()
    }
  }

  /// Makes the rows of a route.
  private mutating func turnsOf(_ route: CopyRoute) -> [Turn] {
    var turns: [Turn] = []
    func add(_ subject: CopySubject, _ caches: CacheState, _ chosen: [Int]) {
      var turn = Turn(subject: subject, caches: caches, rows: [])
      for index in chosen {
        turn.rows.append((index, result.samples.count))
        result.samples.append(
          CopySamples(
            route: route, caches: caches, subject: subject, engine: engines[index].offer,
            isLimit: engines[index].isLimit || subject == .stream, list: subject.list(arena: plan.arena)))
      }
      turns.append(turn)
    }
    add(.stream, .cold, Array(engines.indices))
    for caches in plan.caches {
      for subject in plan.subjects { add(subject, caches, engines.indices.filter { !engines[$0].isLimit }) }
    }
    return turns
  }

  private mutating func measure(_ turn: Turn, _ running: Running, _ row: Int, _ arenas: CopyArenas) throws {
    let bytes = result.samples[row].bytes
    let copies = max(1, min(Self.mostCopies, Self.mostBytes / bytes, plan.arena / bytes))
    let before = result.samples[row].times.count
    let retries = bytes > 32 << 20 ? min(1, plan.retries) : max(0, plan.retries)
    for attempt in 0...retries where result.samples[row].times.count == before {
      try measure(turn, running, row, arenas, copies, keepsAll: attempt == retries)
    }
  }

  /// Measures some copies; those in which another program had the CPU do not count, unless all are to be kept.
  private mutating func measure(
    _ turn: Turn, _ running: Running, _ row: Int, _ arenas: CopyArenas, _ copies: Int, keepsAll: Bool
  ) throws {
    switch turn.caches {
    case .cold:
      var lists: [PlacedList] = []
      for _ in 0..<copies { lists.append(try place(turn.subject, arenas)) }
      let prepared = try lists.map { try running.engine.prepare($0) }
      for list in lists { arenas.spoil(list) }
      arenas.cool(lists)
      for copy in prepared { try time(copy, row, keepsAll, running.offer) }
      for list in lists { try verify(list, running, turn, arenas) }
    case .hot:
      let list = try place(turn.subject, arenas)
      let prepared = try running.engine.prepare(list)
      for _ in 0..<copies {
        arenas.spoil(list)
        try time(prepared, row, keepsAll, running.offer)
        try verify(list, running, turn, arenas)
      }
    }
  }

  private func place(_ subject: CopySubject, _ arenas: CopyArenas) throws -> PlacedList {
    switch subject {
    case .stream: arenas.stream()
    case .order(let order): try arenas.place(order: order)
    case .list(let name, let list): try arenas.place(list, name: name)
    }
  }

  private mutating func time(
    _ copy: any PreparedCopy, _ row: Int, _ keepsAll: Bool, _ offer: EngineOffer
  ) throws {
    let switches = Self.switches()
    let start = Self.now()
    try copy.copy()
    let time = Self.now() - start - result.clock
    // Threads that take turns switch by themselves: that is part of what is measured.
    if offer.takesTurns || Self.switches() == switches {
      result.samples[row].add(time)
    } else if keepsAll {
      result.samples[row].add(time)
      result.disturbed += 1
    } else {
      result.repeated += 1
    }
  }

  private mutating func verify(_ list: PlacedList, _ running: Running, _ turn: Turn, _ arenas: CopyArenas) throws {
    try arenas.verify(list, engine: running.offer.name, name: turn.subject.name)
    result.verified += 1
  }

  // MARK: The clock

  static func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  /// CPU time of the calling thread in nanoseconds.
  static func threadTime() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  /// How often the kernel took a CPU away from a thread of this process.
  private static func switches() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_nivcsw
  }

  /// Nanoseconds between two readings, the median of some.
  private static func clockTime() -> Int {
    (0..<101).map { _ in
      let start = now()
      return now() - start
    }.sorted()[50]
  }
}
