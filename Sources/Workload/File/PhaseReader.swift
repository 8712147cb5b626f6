// Phases of a task. One table says which keys go with which action.
import Units

/// A region named by a phase.
struct RegionUse {
  let region: Int
  /// Whether the phase maps it.
  let isMap: Bool
  let field: Field
}

/// Reads the phases of one task and notes the regions they name.
struct PhaseReader {
  let regions: RegionTable
  /// Seed of patterns without their own.
  let seed: UInt64
  /// log2(bytes / 64) of patterns without their own.
  let sizeClass: Int
  private(set) var uses: [RegionUse] = []
  private var count = 0

  init(regions: RegionTable, seed: UInt64, sizeClass: Int) {
    self.regions = regions
    self.seed = seed
    self.sizeClass = sizeClass
  }

  static let deepestLoop = 8

  /// The keys of each action, the action's own first.
  static let actions: [[String]] = [
    [
      "access", "pattern", "first", "pages", "accesses", "rounds", "write_every", "write_share", "stride", "seed",
      "scatter", "exponent", "hot", "hot_share", "step", "period", "think", "sleep", "bytes",
    ],
    ["map"], ["unmap"], ["sleep"], ["compute"], ["set"], ["snap"], ["punch", "share", "seed"], ["mark", "warmup"],
    ["loop", "phases"],
  ]

  mutating func phases(_ field: Field, depth: Int) throws(WorkloadError) -> [PhaseSpec] {
    var phases: [PhaseSpec] = []
    for item in try field.list("phases") {
      if let last = phases.last, case .loop(.forever, _) = last.action {
        throw item.error("comes after a `loop: forever` and never runs", "make a second task of it")
      }
      phases.append(try phase(item, depth: depth))
    }
    guard !phases.isEmpty else { throw field.error("is an empty list", "write at least one phase") }
    return phases
  }

  private mutating func phase(_ field: Field, depth: Int) throws(WorkloadError) -> PhaseSpec {
    let (action, record) = try Self.action(of: field)
    let number = count
    count += 1
    let subject = try record.required(action, "write it")
    let result: PhaseAction
    switch action {
    case "access": result = .access(try access(record))
    case "map": result = .map(region: try region(subject, isMap: true))
    case "unmap": result = .unmap(region: try region(subject))
    case "snap": result = .snap(region: try region(subject))
    case "sleep": result = .sleep(try subject.time())
    case "compute": result = .compute(try subject.time())
    case "set": result = .set(try subject.knobWrites())
    case "punch":
      let share = try record.required("share", "write `share: 50%`").share()
      result = .punch(
        PunchSpec(region: try region(subject), share: share, seed: try record["seed"]?.seed() ?? seed))
    case "mark":
      result = .mark(name: try subject.identifier(), isWarmup: try record["warmup"]?.flag() ?? false)
    default:
      guard depth < Self.deepestLoop else {
        throw subject.error("loops are more than \(Self.deepestLoop) deep", "flatten them")
      }
      let times = try subject.repeatCount()
      let body = try phases(try record.required("phases", "write `phases:` with what is repeated"), depth: depth + 1)
      result = .loop(times, body)
    }
    return PhaseSpec(action: result, number: number, line: field.line, column: field.node.mark?.column ?? 0)
  }

  /// The action that a phase names, and its keys.
  private static func action(of field: Field) throws(WorkloadError) -> (String, Record) {
    let entries = try field.entries("one action, such as `access: A`")
    let names = entries.map { $0.name.node.scalar?.string ?? "" }
    guard let keys = actions.first(where: { names.contains($0[0]) }) else {
      let hint = NearMiss.hint(names.first ?? "", among: actions.map { $0[0] })
      throw (entries.first?.name ?? field).error("names no action", hint)
    }
    let others = actions.map { $0[0] }.filter { !keys.contains($0) }
    for entry in entries where others.contains(entry.name.node.scalar?.string ?? "") {
      throw entry.name.error("is an action of its own beside `\(keys[0])`", "begin a new phase with `-`")
    }
    let article = keys[0].first.map { "aeiou".contains($0) } ?? false ? "an" : "a"
    return (keys[0], try field.record(keys, of: "\(article) `\(keys[0])` phase"))
  }

  private mutating func region(_ field: Field, isMap: Bool = false) throws(WorkloadError) -> Int {
    let name = try field.text("a region's name")
    guard let region = regions.number(of: name) else {
      let hint =
        regions.all.isEmpty ? "declare it under `regions:`" : NearMiss.hint(name, among: regions.all.map(\.name))
      throw field.error("'\(printable(name))' is not a region", hint)
    }
    uses.append(RegionUse(region: region, isMap: isMap, field: field))
    return region
  }

  private enum PatternName: String, CaseIterable { case seq, strided, uniform, zipf, drift, chase }

  private mutating func access(_ record: Record) throws(WorkloadError) -> AccessSpec {
    let region = try region(try record.required("access", "name a region"))
    let size = regions.all[region].pages
    let first = try record.count("first", in: 0...(size - 1), default: 0)
    let pages = try record.count("pages", in: 1...(size - first), default: size - first)
    let accesses = try record.count("accesses", in: 1...AccessLimits.accesses, default: pages)
    return AccessSpec(
      region: region, pattern: try pattern(record, pages: pages), first: first, pages: pages, accesses: accesses,
      rounds: try record.count("rounds", in: 1...AccessLimits.rounds, default: 1), writes: try writes(record),
      seed: try record["seed"]?.seed() ?? seed, scatter: try record["scatter"]?.seed() ?? 0,
      think: try record.time("think", default: 0), sleep: try record.time("sleep", default: 0),
      sizeClass: try record["bytes"]?.sizeClass() ?? sizeClass)
  }

  private func writes(_ record: Record) throws(WorkloadError) -> WriteMix {
    guard let share = record["write_share"] else {
      return .every(try record.count("write_every", in: 0...AccessLimits.accesses, default: 0))
    }
    try record.refuse(["write_every"], "`write_share` says which accesses write already", "keep one of them")
    return .share(try share.share())
  }

  private func pattern(_ record: Record, pages: Int) throws(WorkloadError) -> AccessPattern {
    let name = try record["pattern"]?.word(PatternName.self) ?? .seq
    func refuse(_ keys: [String], _ pattern: String) throws(WorkloadError) {
      try record.refuse(keys, "does not go with pattern \(name.rawValue)", "remove it or write `pattern: \(pattern)`")
    }
    if name != .seq && name != .strided { try refuse(["stride"], "strided") }
    if name != .zipf { try refuse(["exponent"], "zipf") }
    if name != .drift { try refuse(["hot", "hot_share", "step", "period"], "drift") }
    switch name {
    case .seq, .strided:
      guard let stride = record["stride"] else {
        if name == .strided { _ = try record.required("stride", "write `stride: 8` or `pattern: seq`") }
        return .sequential(stride: 1 % pages)
      }
      return .sequential(stride: AccessLimits.remainder(try stride.integer(), pages))
    case .uniform: return .uniform
    case .zipf: return .zipf(exponentThousandths: try record["exponent"]?.thousandths(in: 1...8_000) ?? 1_000)
    case .chase: return .chase
    case .drift: return try drift(record, pages: pages)
    }
  }

  private func drift(_ record: Record, pages: Int) throws(WorkloadError) -> AccessPattern {
    guard pages > 1 else { throw record.whole.error("pattern drift needs 2 pages or more", "write a larger `pages`") }
    let hot = try record.required("hot", "write how many pages are hot").count(in: 1...(pages - 1))
    let share = try record.required("hot_share", "write `hot_share: 90%`").share()
    let period = try record.required("period", "write after how many accesses the hot set moves")
      .count(in: 1...AccessLimits.accesses)
    let step = try record["step"]?.integer() ?? hot
    return .drift(hot: hot, hotShare: share, step: AccessLimits.remainder(step, pages), period: period)
  }
}

/// Bounds that keep counters of a run within 63 bits.
enum AccessLimits {
  static let accesses = 1 << 40
  static let rounds = 1_000_000_000

  /// The remainder that is not negative.
  static func remainder(_ value: Int, _ pages: Int) -> Int {
    let rest = value % pages
    return rest < 0 ? rest + pages : rest
  }
}

extension Field {
  func flag() throws(WorkloadError) -> Bool {
    switch try text("true or false") {
    case "true": return true
    case "false": return false
    default: throw error("\(kind) is neither true nor false", "write true or false")
    }
  }
}
