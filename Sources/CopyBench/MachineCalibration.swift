// What a machine preset needs to know of this machine: latency, bandwidth against threads, copy rate of one CPU.

import CCopyKernels
import CopyKernels
import Host
import HostMemory
import PageCopy
import Units

/// One thing that was measured, round by round.
public struct CalibrationLine: Sendable, Equatable {
  public enum Quantity: Sendable, Equatable {
    case latency
    case bandwidth
  }

  /// `node 0: reads by 2 threads`.
  public var what: String
  public var quantity: Quantity
  /// Picoseconds, or bytes a second, in the order measured.
  public internal(set) var values: [Int] = []

  public var median: Int {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[(sorted.count - 1) / 2]
  }

  /// `node 0: read latency: 101.3ns, median of 9, 100.9ns to 104.0ns`.
  public var description: String {
    guard let least = values.min(), let most = values.max() else { return "\(what): not measured" }
    return "\(what): \(text(median)), median of \(values.count), \(text(least)) to \(text(most))"
  }

  func text(_ value: Int) -> String { quantity == .latency ? Self.nanoseconds(value) : Self.rate(value) }

  /// To a tenth.
  static func nanoseconds(_ picoseconds: Int) -> String {
    "\(CopyBenchResult.fixed(picoseconds, places: 3, shown: 1))ns"
  }

  /// To three digits and no more than two decimals.
  static func rate(_ bytesPerSecond: Int) -> String {
    let hundredths = (bytesPerSecond + 5_000_000) / 10_000_000
    let unit = hundredths >= 10_000 ? 100 : hundredths >= 1000 ? 10 : 1
    let value = (hundredths + unit / 2) / unit * unit
    return "\(CopyBenchResult.fixed(value, places: 2, shown: 2))GB/s"
  }
}

/// Everything that was measured for a preset.
public struct MachineCalibration: Sendable {
  /// A node of this machine with memory.
  public struct Node: Sendable {
    /// Its number in the preset, from 0.
    public let number: Int
    /// Its number on this machine.
    public let host: Int
    public internal(set) var latency: CalibrationLine
    /// By the number of threads that read or write.
    public internal(set) var reads: [Int: CalibrationLine] = [:]
    public internal(set) var writes: [Int: CalibrationLine] = [:]
  }

  public internal(set) var nodes: [Node] = []
  /// Lists of cold pages within node 0, one thread: the kernel and the bytes of a page.
  public internal(set) var copies: [CalibrationLine] = []
  /// The one of `copies` that a kernel's own copy of huge pages is nearest to.
  public internal(set) var kernelCopy: Int?
  public internal(set) var cpus: [Int] = []
  public internal(set) var remarks: [String] = []
  /// The arenas, in words.
  public internal(set) var memory: [String] = []
  /// Bytes of an arena.
  public internal(set) var arena = 0

  /// How much is measured.
  public struct Plan: Sendable {
    public var rounds: Int
    /// Bytes on each node, a multiple of 2 MiB; larger than all caches together.
    public var arena: Int
    /// Reads of a chain in a round.
    public var steps: Int
    public var cpus: [Int]

    public init(rounds: Int = 9, arena: Int = 512 << 20, steps: Int = 1 << 20, cpus: [Int] = CPUBinding.allowed) {
      self.rounds = rounds
      self.arena = arena
      self.steps = steps
      self.cpus = cpus
    }

    /// Copies within node 0.
    func copies(_ offers: [EngineOffer], _ subjects: [CopySubject]) -> CopyBenchPlan {
      CopyBenchPlan(
        engines: offers, subjects: subjects, caches: [.cold], routes: [CopyRoute(from: 0, to: 0)], rounds: rounds,
        arena: min(arena, 64 << 20), cpus: cpus)
    }

    /// The memory that it takes on this machine, one list after the other.
    public func requests(of memory: HostMemory) -> [[HostMemory.Request]] {
      memory.nodes.indices.map { [.init(node: $0, bytes: arena, pages: .huge)] } + copies([], []).requests
    }
  }

  /// Measures.
  /// - Parameter progress: told after each step how many of how many are done.
  public static func measure(
    _ plan: Plan, of memory: HostMemory = HostMemory(), progress: (Int, Int) -> Void = { _, _ in }
  ) throws -> MachineCalibration {
    guard let cpu = plan.cpus.first, plan.rounds > 0, plan.steps > 0 else {
      throw CopyBenchError.setting("a calibration needs a CPU, rounds and steps")
    }
    return try CPUBinding.bound(to: cpu) {
      var calibration = MachineCalibration()
      try calibration.measure(plan, memory, progress)
      return calibration
    }
  }

  /// 1, 2, 4, ... and all CPUs, as far as a pool goes.
  static func threadCounts(_ cpus: Int) -> [Int] {
    let most = min(max(cpus, 1), CopyLimits.workers)
    return (0...5).map { 1 << $0 }.filter { $0 < most } + [most]
  }

  private mutating func measure(_ plan: Plan, _ memory: HostMemory, _ progress: (Int, Int) -> Void) throws {
    cpus = plan.cpus
    arena = plan.arena
    var unread: [Unreadable] = []
    remarks = Self.doubts(plan, HostCPU(.machine, unread: &unread).caches)
    let counts = Self.threadCounts(cpus.count)
    let pools = try counts.map { try WorkerPool($0, cpus: cpus) }
    let total = memory.nodes.count * plan.rounds * (1 + 2 * counts.count) + plan.rounds
    var done = 0
    func step() {
      done += 1
      progress(done, total)
    }
    for (number, host) in memory.nodes.enumerated() {
      let bench = try NodeBench(memory, number: number, bytes: plan.arena)
      for remark in bench.remarks where !remarks.contains(remark) { remarks.append(remark) }
      self.memory.append(bench.memory)
      let name = "node \(number)"
      var node = Node(
        number: number, host: host, latency: CalibrationLine(what: "\(name): read latency", quantity: .latency))
      for _ in 0..<plan.rounds {
        node.latency.values.append(bench.latency(steps: plan.steps))
        step()
        for (count, pool) in zip(counts, pools) {
          let by = "by \(count) thread\(count == 1 ? "" : "s")"
          node.reads[count, default: CalibrationLine(what: "\(name): reads \(by)", quantity: .bandwidth)].values
            .append(bench.reads(pool))
          step()
          node.writes[count, default: CalibrationLine(what: "\(name): writes \(by)", quantity: .bandwidth)].values
            .append(bench.writes(pool))
          step()
        }
      }
      nodes.append(node)
    }
    try measureCopies(plan, step)
  }

  /// What the plan keeps from being true of this machine.
  static func doubts(_ plan: Plan, _ caches: [HostCPU.Cache]) -> [String] {
    var doubts: [String] = []
    let cached = caches.reduce(0) {
      $1.type == "Instruction" ? $0 : $0 + $1.size * max(1, plan.cpus.count / max(1, $1.sharedBy))
    }
    if plan.arena / 2 < cached {
      doubts.append(
        "half an arena is \(ByteSize.text(plan.arena / 2)) and the caches are \(ByteSize.text(cached)): latency and bandwidth are in part "
          + "those of the caches; a larger --arena helps")
    }
    if plan.cpus.count > CopyLimits.workers {
      doubts.append(
        "\(CopyLimits.workers) of \(plan.cpus.count) CPUs read and wrote: all of them together may come to more")
    }
    return doubts
  }

  /// Copies within node 0: lists of 4 MiB of base pages, single folios.
  private mutating func measureCopies(_ plan: Plan, _ step: () -> Void) throws {
    let catalog = EngineCatalog(cpus: plan.cpus, threads: [])
    let kernels = [CopyKernel.memcpy, .repMovsb, .best(destinationUsedNext: false)].filter { $0.obstacle() == nil }
    var offers: [EngineOffer] = []
    for kernel in kernels where !offers.contains(where: { $0.name == kernel.name }) {
      offers.append(try catalog.offer(kernel.name))
    }
    let lists: [(String, CopySubject)] = [
      ("4 KiB pages", .list("4 KiB", PageList(base: 512))), ("2 MiB folios", .order(9)),
    ]
    let result = try CopyBenchmark.run(plan.copies(offers, lists.map(\.1)))
    for _ in 0..<plan.rounds { step() }
    for (words, subject) in lists {
      for offer in offers {
        guard let row = result.row(offer.name, subject, .cold, CopyRoute(from: 0, to: 0)) else { continue }
        if subject == .order(9), offer.name == CopyKernel.repMovsb.name || offer.name == CopyKernel.memcpy.name {
          kernelCopy = copies.count
        }
        copies.append(
          CalibrationLine(
            what: "node 0: cold \(words) copied by \(offer.name)", quantity: .bandwidth,
            values: row.times.map { Int(Double(row.bytes) / Double($0) * 1e9) }))
      }
    }
    for remark in result.remarks where !remarks.contains(remark) { remarks.append(remark) }
  }
}

/// Memory of one node, and loops over it.
private final class NodeBench {
  private let arena: HostArena
  /// The line that the chain has come to.
  private var at: UnsafeRawPointer

  var remarks: [String] { arena.remarks }
  var memory: String { arena.description }

  init(_ memory: HostMemory, number: Int, bytes: Int) throws {
    arena = try memory.take([.init(node: number, bytes: bytes, pages: .huge)])[0]
    pf_make_chain(arena.base, arena.count / 2, 3)
    at = UnsafeRawPointer(arena.base)
  }

  /// Picoseconds a step along a chain that visits every line of the first half in random order.
  func latency(steps: Int) -> Int {
    let start = CopyBenchmark.threadTime()
    at = pf_chase(at, steps)
    return (CopyBenchmark.threadTime() - start) * 1000 / steps
  }

  /// Bytes a second that all workers read.
  func reads(_ pool: WorkerPool) -> Int {
    rate(pool) { base, count in _ = pf_read_all(base, count) }
  }

  /// Bytes a second that all workers write, over the second half: the chain is in the first.
  func writes(_ pool: WorkerPool) -> Int { rate(pool) { base, count in pf_store_all(base, count) } }

  /// Each worker has its share of the half of the arena that has no chain. The CPU time of the slowest counts: what neighbours take is
  /// not in it.
  private func rate(_ pool: WorkerPool, _ loop: @escaping @Sendable (UnsafeMutableRawPointer, Int) -> Void) -> Int {
    let half = arena.count / 2
    let share = half / pool.count / 64 * 64
    let base = UInt(bitPattern: arena.base) + UInt(half)
    let times = UnsafeMutableBufferPointer<Int>.allocate(capacity: pool.count)
    defer { times.deallocate() }
    let slots = UInt(bitPattern: times.baseAddress)
    pool.run { worker in
      let start = CopyBenchmark.threadTime()
      if let first = UnsafeMutableRawPointer(bitPattern: base + UInt(worker * share)) { loop(first, share) }
      UnsafeMutablePointer<Int>(bitPattern: slots)?[worker] = CopyBenchmark.threadTime() - start
    }
    let slowest = max(1, times.max() ?? 1)
    return Int(Double(share * pool.count) / Double(slowest) * 1e9)
  }
}
