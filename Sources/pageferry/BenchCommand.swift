// pageferry bench: this machine measured, with real bytes.

import ArgumentParser
import CopyBench
import CopyKernels
import HostMemory
import PageCopy
import Report
import Units

/// Measures this machine.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measures this machine with real bytes: copies of page lists, latency, bandwidth.",
    subcommands: [BenchCopyCommand.self, BenchCalibrateCommand.self])
}

/// Copies.
struct BenchCopyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "copy",
    abstract: "Copies folios and page lists by every engine this machine has, beside its own limit.",
    discussion: """
      Pages lie scattered in arenas of 64 MiB on two nodes: 4 KiB pages in shuffled order, 2 MiB folios on huge pages. Engines take \
      turns in each round, and each copy is compared with its source, all of it, outside the time that counts. Before a cold copy neither \
      caches nor TLBs know the pages; before a hot one both ends were just written and read. The machine's own limit is 16 MiB (or the \
      arena) copied front to back by its fastest kernel, in the same rounds. GB/s are decimal. docs/bench.md says how to read the tables.

      Examples:
        pageferry bench copy --quick
        pageferry bench copy --list-engines
        pageferry bench copy --list 2h,100b --engines memcpy,avx512-nt-by4,mt:2:bytes --caches cold
        pageferry bench copy --orders 0,9 --rounds 50 --json
        sudo pageferry bench copy --quick --reserve

      Exit status: 0; 1 when a copy was wrong or memory could not be had; 2 for arguments that cannot be.
      """)

  @Flag(help: "Fewer rounds, orders and states: less than 10 s.")
  var quick = false

  @Flag(help: "Say which engines there are here, and for the others why not and what would enable them.")
  var listEngines = false

  @Option(
    help: ArgumentHelp(
      "Engines, in the order of the rows; memcpy is added. (default: all there are)", valueName: "name,..."))
  var engines: String?

  @Option(help: ArgumentHelp("Numbers of threads of the mt engines. (default: 2, and the CPUs)", valueName: "n,..."))
  var threads: ThreadCounts?

  @Option(help: ArgumentHelp("Orders of folios, 0 (4 KiB) to 9 (2 MiB), or none.", valueName: "n,..."))
  var orders: FolioOrders?

  @Option(
    name: .customLong("list"), parsing: .singleValue,
    help: ArgumentHelp(
      "Pages in order, as 24h,12b (h: 2 MiB, b: 4 KiB), or A or B; may be given several times. (default: A and B)",
      valueName: "list"))
  var lists: [String] = []

  @Option(help: ArgumentHelp("cold, hot, or both.", valueName: "state"))
  var caches = "both"

  @Option(help: ArgumentHelp("Node that is copied from.", valueName: "node"))
  var from = 0

  @Option(help: ArgumentHelp("Nodes that are copied to. (default: 0,1; with --quick 1)", valueName: "node,..."))
  var to: NodeNumbers?

  @Option(help: ArgumentHelp("Rounds, 1 to 10000. (default: 15; with --quick 5)", valueName: "n"))
  var rounds: Int?

  @Option(help: ArgumentHelp("Size of each arena, 2 MiB at least; four are taken.", valueName: "size"))
  var arena = "64MiB"

  @OptionGroup var reserve: ReserveOptions

  @Flag(help: "Print all rows as JSON; units are in the keys.")
  var json = false

  @Flag(help: "Print all rows as CSV; units are in the keys.")
  var csv = false

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  func validate() throws {
    if json && csv { throw ValidationError("--json and --csv exclude each other") }
    if reserve.reserve && listEngines { throw ValidationError("--reserve: --list-engines takes no memory") }
    if let rounds, !(1...10_000).contains(rounds) { throw ValidationError("--rounds is 1 to 10000") }
    if !["cold", "hot", "both"].contains(caches) { throw ValidationError("--caches is cold, hot or both") }
    if !(0...1023).contains(from) { throw ValidationError("--from is a node, 0 to 1023") }
  }

  func run() throws {
    let cpus = CPUBinding.allowed
    let copiers = max(1, min(cpus.count - 1, PortalOffers.mostEngines))
    let catalog = EngineCatalog(
      cpus: cpus, threads: threads?.counts ?? Set([2, min(cpus.count, 32)]).sorted(),
      others: [
        PortalOffers.software(channels: PortalOffers.channels, engines: copiers, cpus: cpus, name: "dsa:software"),
        PortalOffers.hardware(),
      ])
    if listEngines { return try Console.out(json ? Self.value(catalog).text : catalog.text) }
    let plan = try plan(catalog, cpus)
    let bar = ProgressBar("bench", isQuiet: quiet)
    let result = try reserve.withReservation(forEach: plan.requests) {
      try CopyBenchmark.run(plan) { done, total in bar.show(done, of: total, "\(done) of \(total) turns") }
    }
    bar.end()
    if csv {
      for remark in result.remarks { Console.error("note: \(remark)") }
      return try Console.out(result.csv)
    }
    try Console.out(json ? Self.value(result).text : result.text)
  }

  private func plan(_ catalog: EngineCatalog, _ cpus: [Int]) throws -> CopyBenchPlan {
    var offers: [EngineOffer] = []
    if let engines {
      let names = engines.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      for name in names where !offers.contains(where: { $0.name == name }) { offers.append(try catalog.offer(name)) }
      if !names.contains("memcpy") { offers.insert(try catalog.offer("memcpy"), at: 0) }
      for offer in offers {
        if let obstacle = offer.obstacle { throw CopyBenchError.unavailable(engine: offer.name, obstacle) }
      }
    } else {
      offers = catalog.offers.filter { $0.obstacle == nil }
    }
    var plan = CopyBenchPlan(
      engines: offers, subjects: try subjects(), caches: CacheState(rawValue: caches).map { [$0] } ?? [.cold, .hot],
      routes: (to?.numbers ?? (quick ? [1] : [0, 1])).map { CopyRoute(from: from, to: $0) },
      rounds: rounds ?? (quick ? 5 : 15), arena: try Self.arenaSize(arena), cpus: cpus)
    if quick { plan.retries = 1 }
    return plan
  }

  /// Folios and lists; those that are named alone, where any are.
  private func subjects() throws -> [CopySubject] {
    var subjects: [CopySubject] = []
    if let orders {
      subjects = orders.orders.map { .order($0) }
    } else if lists.isEmpty {
      subjects = (quick ? [0, 3, 6, 9] : Array(0...Page.hugeOrder)).map { .order($0) }
    }
    for text in lists.isEmpty && orders == nil ? ["A", "B"] : lists {
      guard let list = PageList(text: text), !list.isEmpty else {
        throw ValidationError("--list: '\(text)' is no list; write A, B, or runs as 24h,12b")
      }
      subjects.append(.list(text, list))
    }
    return subjects
  }

  /// An `--arena`, rounded up to whole 2 MiB.
  static func arenaSize(_ text: String) throws -> Int {
    let bytes: Int
    do { bytes = try ByteSize.parse(text) } catch { throw ValidationError("--arena: \(error)") }
    guard bytes >= HostPages.hugeSize, bytes <= 1 << 40 else { throw ValidationError("--arena is 2 MiB to 1 TiB") }
    return (bytes + HostPages.hugeSize - 1) / HostPages.hugeSize * HostPages.hugeSize
  }

  // MARK: JSON

  private static func value(_ result: CopyBenchResult) -> JSONValue {
    .object([
      ("units", "bytes_per_second: bytes copied, decimal; by the median"),
      ("memory", .list(result.memory.map { .string($0) })), ("notes", .list(result.remarks.map { .string($0) })),
      ("clock_ns", .integer(result.clock)), ("verified_copies", .integer(result.verified)),
      ("repeated_copies", .integer(result.repeated)), ("disturbed_copies", .integer(result.disturbed)),
      (
        "rows",
        .list(
          result.samples.map { row in
            .object(
              result.values(row).compactMap { key, value in
                switch value {
                case .text(let text): (key, .string(text))
                case .integer(let value): (key, .integer(value))
                case .flag(let flag): (key, .bool(flag))
                case .none: nil
                }
              })
          })
      ),
    ])
  }

  private static func value(_ catalog: EngineCatalog) -> JSONValue {
    .list(
      catalog.offers.map { offer in
        var pairs: [(String, JSONValue)] = [
          ("engine", .string(offer.name)), ("available", .bool(offer.obstacle == nil)), ("does", .string(offer.words)),
        ]
        if let obstacle = offer.obstacle {
          pairs += [("why_not", .string(obstacle.why)), ("enabled_by", .string(obstacle.remedy))]
        }
        return .object(pairs)
      })
  }
}

/// `--orders 0,3,9`.
struct FolioOrders: ExpressibleByArgument {
  var orders: [Int]

  init?(argument: String) {
    if argument == "none" {
      orders = []
      return
    }
    let words = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    orders = words.compactMap { $0 }
    guard orders.count == words.count, orders.allSatisfy({ (0...Page.hugeOrder).contains($0) }) else { return nil }
    orders = Set(orders).sorted()
  }
}

/// `--to 0,1`.
struct NodeNumbers: ExpressibleByArgument {
  var numbers: [Int]

  init?(argument: String) {
    let words = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    numbers = words.compactMap { $0 }
    guard numbers.count == words.count, numbers.allSatisfy({ (0...1023).contains($0) }) else { return nil }
    numbers = Set(numbers).sorted()
  }
}
