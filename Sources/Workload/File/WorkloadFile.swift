// Workload files: the outer keys, regions and events. WorkloadFile+Tasks.swift has tasks, PhaseReader.swift phases;
// docs/workload-files.md describes the format.
import Units

/// Reads workload files.
public enum WorkloadFile {
  /// Reads a file, YAML or a masim configuration; relative trace paths are relative to its folder.
  public static func parse(path: String) throws(WorkloadError) -> WorkloadSpec {
    try parse(text: YamlText.contents(path: path), path: path)
  }

  /// Reads text as if it stood in the file `path`, which need not exist.
  public static func parse(text: String, path: String) throws(WorkloadError) -> WorkloadSpec {
    if MasimFile.isMasim(text: text, path: path) { return try MasimFile.parse(text: text, path: path) }
    let yaml = try YamlText(text: text, path: path)
    let root = try Field(node: yaml.root, key: "", path: path).record(keys, of: "a workload")
    let seed = try root["seed"]?.seed() ?? 1
    var draft = SpecDraft(path: path)
    let regions = try regions(root["regions"])
    draft.regions = regions.all
    draft.tasks = try tasks(
      try root.required("tasks", "write `tasks:` with at least one task"), regions: regions, seed: seed)
    let (processes, regionSpecs, taskSpecs) = try draft.assemble()
    return WorkloadSpec(
      name: try root.required("name", "write `name:` and a name for reports").identifier(),
      about: try root["about"]?.oneLine() ?? "", path: path, seed: seed,
      statedFootprint: try root["footprint"]?.sizeInPages(), processes: processes, regions: regionSpecs,
      tasks: taskSpecs, events: try events(root["events"]), ages: try ages(root["age"], seed: seed))
  }

  static let keys = ["name", "about", "seed", "footprint", "regions", "tasks", "events", "age"]
  static let regionKeys = ["size", "pages", "kind", "thp", "process"]
  static let eventKeys = ["at", "set"]

  private static func regions(_ field: Field?) throws(WorkloadError) -> RegionTable {
    var drafts = RegionTable()
    guard let field else { return drafts }
    for (name, value) in try field.entries("`NAME: {size: 600M}` for each region") {
      let record = try value.record(regionKeys, of: "a region")
      drafts.append(
        RegionDraft(
          name: try name.identifier(), pages: try pages(of: record),
          kind: try record["kind"]?.word(RegionKind.self) ?? .anonymous,
          hugePages: try record["thp"]?.word(HugePageAdvice.self) ?? .systemDefault,
          process: try Naming(record["process"]), field: name))
    }
    return drafts
  }

  private static func pages(of record: Record) throws(WorkloadError) -> Int {
    if let pages = record["pages"] {
      try record.refuse(["size"], "`pages` gives the size already", "keep one of them")
      return try pages.count(in: 1...SpecDraft.slotLimit)
    }
    let size = try record.required("size", "write `size: 600M` or `pages: 153600`")
    let pages = try size.sizeInPages()
    guard pages <= SpecDraft.slotLimit else { throw size.error("\(size.kind) is out of range", "write less than 8T") }
    return pages
  }

  private static func events(_ field: Field?) throws(WorkloadError) -> [KnobEvent] {
    guard let field else { return [] }
    var events: [KnobEvent] = []
    for item in try field.list("`{at: 10s, set: {knob: value}}`") {
      let record = try item.record(eventKeys, of: "an event")
      events.append(
        KnobEvent(
          at: try record.required("at", "write `at: 10s`").time(),
          writes: try record.required("set", "write `set: {knob: value}`").knobWrites(), line: item.line))
    }
    // Equal times keep the order of the file.
    let order = events.indices.sorted { (events[$0].at, $0) < (events[$1].at, $1) }
    return order.map { events[$0] }
  }
}

extension Field {
  /// Text for people. Line ends and tabs apart, it has no control characters: it is printed as it is.
  func oneLine() throws(WorkloadError) -> String {
    let text = try text("one line of text")
    for scalar in text.unicodeScalars
    where scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t" {
      throw error(
        "has the control character U+\(String(0x10000 + scalar.value, radix: 16, uppercase: true).dropFirst())",
        "write printable characters only")
    }
    return text
  }

  /// Knob names and values, in the order of the file; whether they exist is for the knob tree to say.
  func knobWrites() throws(WorkloadError) -> [KnobWrite] {
    var writes: [KnobWrite] = []
    for (name, value) in try entries("`{knob: value}`") {
      let knob = try name.text("a knob's name")
      writes.append(KnobWrite(name: knob, value: try value.text("a knob's value"), line: name.line))
    }
    guard !writes.isEmpty else { throw error("is empty", "write `{knob: value}`") }
    return writes
  }
}
