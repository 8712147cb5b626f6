// Scenarios of the reference runs on a real kernel (JSON, which YAML's reader takes as it is), read into the same values as
// workload files.
import Units

/// A reference scenario.
public struct Scenario: Sendable, Equatable {
  /// One process `main` with one task `main`, whose phases are the program.
  public var workload: WorkloadSpec
  /// CPUs and sizes of the machine, such as `node0_mib`.
  public var machine: [String: Int]
  /// Kernel settings as text, such as `THP`: `never`.
  public var kernel: [String: String]
}

/// Reads reference scenarios.
public enum ScenarioFile {
  /// Reads a file.
  ///
  /// - Parameter accessCost: time between two accesses on the reference machine, for a pattern and its `spin`.
  public static func parse(
    path: String, accessCost: (_ pattern: AccessPattern, _ spin: Int) -> Picoseconds
  ) throws(WorkloadError) -> Scenario {
    try parse(text: YamlText.contents(path: path), path: path, accessCost: accessCost)
  }

  /// Reads text as if it stood in the file `path`.
  public static func parse(
    text: String, path: String, accessCost: (_ pattern: AccessPattern, _ spin: Int) -> Picoseconds
  ) throws(WorkloadError) -> Scenario {
    let yaml = try YamlText(text: text, path: path)
    let root = try Field(node: yaml.root, key: "", path: path).record(keys, of: "a scenario")
    let program = try root.required("program", "write a list of ops")
    var reader = ProgramReader()
    var phases: [PhaseSpec] = []
    for item in try program.list("ops") {
      let action = try reader.action(item, accessCost: accessCost)
      phases.append(
        PhaseSpec(action: action, number: phases.count, line: item.line, column: item.node.mark?.column ?? 0))
    }
    guard !phases.isEmpty else { throw program.error("is an empty list", "write at least one op") }
    var draft = SpecDraft(path: path)
    draft.regions = reader.regions.all
    let main = TaskSpec(
      name: "main", process: 0, cpus: nil, threads: 1, mlpThousandths: 1_000, sizeClass: 0, weight: 1,
      repeats: .times(1), start: 0, work: .phases(phases), line: program.line)
    draft.tasks = [TaskDraft(spec: main, process: nil, uses: reader.uses, field: program)]
    let (processes, regions, tasks) = try draft.assemble()
    let workload = WorkloadSpec(
      name: try root.required("name", "write a name").identifier(), about: try root["about"]?.text("one line") ?? "",
      path: path, seed: 1, statedFootprint: nil, processes: processes, regions: regions, tasks: tasks, events: [])
    return Scenario(workload: workload, machine: try numbers(root["machine"]), kernel: try texts(root["kernel"]))
  }

  static let keys = ["name", "about", "machine", "kernel", "program"]

  private static func numbers(_ field: Field?) throws(WorkloadError) -> [String: Int] {
    var result: [String: Int] = [:]
    for (name, value) in try field?.entries("numbers by name") ?? [] {
      result[try name.text("a name")] = try value.count(in: 0...(1 << 40))
    }
    return result
  }

  private static func texts(_ field: Field?) throws(WorkloadError) -> [String: String] {
    var result: [String: String] = [:]
    for (name, value) in try field?.entries("settings by name") ?? [] {
      result[try name.text("a name")] = try value.text("a setting")
    }
    return result
  }
}

/// Reads the ops of one program; `map` declares the regions.
private struct ProgramReader {
  private(set) var regions = RegionTable()
  private(set) var uses: [RegionUse] = []

  static let ops: [String: [String]] = [
    "map": ["region", "pages", "thp"],
    "unmap": ["region"],
    "snap": ["region"],
    "access": [
      "region", "pattern", "first", "pages", "accesses", "rounds", "write_every", "spin", "sleep_us", "seed", "stride",
      "scatter",
    ],
    "sleep": ["ms"],
    "punch": ["region", "percent", "seed"],
    "write": ["file", "text"],
  ]

  mutating func action(
    _ field: Field, accessCost: (AccessPattern, Int) -> Picoseconds
  ) throws(WorkloadError) -> PhaseAction {
    let entries = try field.entries("an op")
    guard let op = entries.first(where: { $0.name.node.scalar?.string == "op" })?.value else {
      throw field.error("`op` is missing", "write which op it is")
    }
    let name = try op.text("an op")
    guard let keys = Self.ops[name] else {
      throw op.error("'\(printable(name))' is not an op", NearMiss.hint(name, among: Self.ops.keys.sorted()))
    }
    let record = try field.record(["op"] + keys, of: "op `\(name)`")
    switch name {
    case "map": return .map(region: try map(record))
    case "unmap": return .unmap(region: try region(record))
    case "snap": return .snap(region: try region(record))
    case "access": return .access(try access(record, accessCost))
    case "sleep":
      let days = 30 * 86_400 * 1_000
      return .sleep(try record.required("ms", "write how long").count(in: 0...days) * .millisecond)
    case "punch":
      let percent = try record.required("percent", "write how much").count(in: 0...100)
      return .punch(
        PunchSpec(region: try region(record), share: percent * 10_000, seed: try record["seed"]?.seed() ?? 1))
    default:
      let file = try record.required("file", "name a file")
      let text = try record.required("text", "write a text").text("a text")
      return .set([KnobWrite(name: try file.text("a file"), value: text, line: file.line)])
    }
  }

  private mutating func map(_ record: Record) throws(WorkloadError) -> Int {
    let subject = try record.required("region", "name a region")
    let name = try subject.identifier()
    let size = try record.required("pages", "write a number of pages")
    let pages = try size.count(in: 1...SpecDraft.slotLimit)
    if let number = regions.number(of: name) {
      guard regions.all[number].pages == pages else {
        throw size.error("region '\(name)' had \(regions.all[number].pages) pages before", "use another region")
      }
    } else {
      let usesHuge = try record.count("thp", in: 0...1, default: 1) == 1
      regions.append(
        RegionDraft(name: name, pages: pages, hugePages: usesHuge ? .systemDefault : .never, field: subject))
    }
    return try region(record, isMap: true)
  }

  private mutating func region(_ record: Record, isMap: Bool = false) throws(WorkloadError) -> Int {
    let field = try record.required("region", "name a region")
    let name = try field.text("a region's name")
    guard let region = regions.number(of: name) else {
      throw field.error("'\(printable(name))' is not mapped by an op before", "put a map op before it")
    }
    uses.append(RegionUse(region: region, isMap: isMap, field: field))
    return region
  }

  private enum PatternName: String, CaseIterable { case seq, uniform, zipf }

  private mutating func access(
    _ record: Record, _ accessCost: (AccessPattern, Int) -> Picoseconds
  ) throws(WorkloadError) -> AccessSpec {
    let region = try region(record)
    let size = regions.all[region].pages
    let first = try record.count("first", in: 0...(size - 1), default: 0)
    let pages = try record.required("pages", "write a number of pages").count(in: 1...(size - first))
    let pattern: AccessPattern
    switch try record.required("pattern", "write seq, uniform or zipf").word(PatternName.self) {
    case .seq:
      pattern = .sequential(stride: AccessLimits.remainder(try record["stride"]?.integer() ?? 1, pages))
    case .uniform: pattern = .uniform
    case .zipf: pattern = .zipf(exponentThousandths: 1_000)
    }
    let cost = accessCost(pattern, try record.count("spin", in: 0...1_000_000_000, default: 0))
    return AccessSpec(
      region: region, pattern: pattern, first: first, pages: pages,
      accesses: try record.count("accesses", in: 1...AccessLimits.accesses, default: pages),
      rounds: try record.count("rounds", in: 1...AccessLimits.rounds, default: 1),
      writes: .every(try record.count("write_every", in: 0...AccessLimits.accesses, default: 0)),
      seed: try record["seed"]?.seed() ?? 1, scatter: try record["scatter"]?.seed() ?? 0, think: cost,
      sleep: try record.count("sleep_us", in: 0...86_400_000_000, default: 0) * .microsecond)
  }
}
