// Phases of a task. One table says which keys go with which action; PhaseReader+Access.swift reads accesses.
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
      "access", "pattern", "first", "pages", "size", "accesses", "rounds", "for", "write_every", "write_share",
      "stride",
      "seed", "scatter", "exponent", "hot", "hot_share", "step", "period", "think", "sleep", "bytes",
    ],
    ["mix", "for", "batch", "seed", "think", "bytes"],
    ["map"], ["unmap"], ["sleep"], ["compute"], ["set"], ["snap"], ["buddyinfo"], ["punch", "share", "seed"],
    ["mark", "warmup"],
    ["loop", "phases"],
  ]

  /// The keys of one window of a mix.
  static let windowKeys = [
    "access", "weight", "pattern", "first", "pages", "size", "write_every", "write_share", "stride", "seed", "scatter",
    "exponent", "hot", "hot_share", "step", "period",
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
    case "access": result = try access(record)
    case "mix": result = .mix(try mix(record))
    case "map": result = .map(region: try region(subject, isMap: true))
    case "unmap": result = .unmap(region: try region(subject))
    case "snap": result = .snap(region: try region(subject))
    case "buddyinfo": result = .buddyinfo(name: try subject.identifier())
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
    return PhaseSpec(action: result, number: number, line: field.line, column: field.column)
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

  mutating func region(_ field: Field, isMap: Bool = false) throws(WorkloadError) -> Int {
    let name = try field.text("a region's name")
    guard let region = regions.number(of: name) else {
      let hint =
        regions.all.isEmpty ? "declare it under `regions:`" : NearMiss.hint(name, among: regions.all.map(\.name))
      throw field.error("'\(printable(name))' is not a region", hint)
    }
    uses.append(RegionUse(region: region, isMap: isMap, field: field))
    return region
  }
}

/// Bounds that keep counters of a run within 63 bits.
enum AccessLimits {
  static let accesses = 1 << 40
  static let rounds = 1_000_000_000
  /// Accesses that follow one draw of a mix.
  static let batch = 1 << 30
  static let weight = 1 << 31
  /// Windows of a mix.
  static let windows = 4_096
  /// Bytes of a sweep's step: as far as any region reaches.
  static let stride = 1 << 43

  /// Seed of a mix's window without its own, window 0 being the first: no two windows and no other task's patterns share it.
  static func seed(_ seed: UInt64, window: Int) -> UInt64 { seed &+ UInt64(window + 1) << 32 }

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
