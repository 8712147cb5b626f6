// Configuration files of masim, SeongJae Park's memory access simulator (github.com/sjp38/masim), read as workloads. What they
// say can be written as a workload file too; docs/workload-files.md says how, and what differs from masim itself.
import Units

/// Reads masim configurations: a paragraph of regions, then one of each phase (masim.c: rm_comments, parse_regions, parse_phase).
enum MasimFile {
  /// Accesses that masim makes between two draws of a pattern, and between two looks at its clock (masim.c: do_access).
  static let batch = 128 * 1_024
  /// Regions end at 8 TiB together, phases at 30 days.
  static let mostBytes = SpecDraft.slotLimit * Page.size
  static let mostMilliseconds = Field.longestTime / .millisecond

  /// Whether the file is masim's: named `.cfg`, or its first line beside comments is `NAME, NUMBER`, which no YAML mapping
  /// begins with.
  static func isMasim(text: String, path: String) -> Bool {
    if path.lowercased().hasSuffix(".cfg") { return true }
    guard let first = paragraphs(text, path: path).first?.first else { return false }
    let fields = first.fields
    return (2...3).contains(fields.count) && !fields[0].text.isEmpty && !fields[0].text.contains(":")
      && !fields[1].text.isEmpty && fields[1].text.utf8.allSatisfy(isDigit)
  }

  static func parse(text: String, path: String) throws(WorkloadError) -> WorkloadSpec {
    let paragraphs = paragraphs(text, path: path)
    guard let first = paragraphs.first else {
      throw WorkloadError(path: path, problem: "the file is empty", fix: "write regions, an empty line and phases")
    }
    var reader = MasimReader(path: path)
    for line in first { try reader.region(line) }
    guard paragraphs.count > 1 else {
      throw WorkloadError(
        path: path, problem: "there is no phase", fix: "write an empty line after the regions and then a phase")
    }
    for paragraph in paragraphs.dropFirst() { try reader.phase(paragraph) }
    return try reader.workload()
  }

  /// Runs of lines between empty ones; comment lines are no lines.
  private static func paragraphs(_ text: String, path: String) -> [[MasimLine]] {
    var result: [[MasimLine]] = []
    var isOpen = false
    let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      // An editor's byte order mark.
      let line = index == 0 && line.first == "\u{FEFF}" ? line.dropFirst() : line
      if line.first == "#" { continue }
      guard line.contains(where: { !$0.properties.isWhitespace }) else {
        isOpen = false
        continue
      }
      if !isOpen { result.append([]) }
      isOpen = true
      result[result.count - 1].append(MasimLine(text: line, number: index + 1, path: path))
    }
    return result
  }

  static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

/// A line of a masim file that is not a comment.
private struct MasimLine {
  let text: String.UnicodeScalarView.SubSequence
  /// From 1.
  let number: Int
  let path: String

  struct Part {
    /// Without the white space around it.
    let text: String
    let field: Field
  }

  /// All of it.
  var whole: Part { part(text) }

  /// What stands between commas.
  var fields: [Part] { text.split(separator: ",", omittingEmptySubsequences: false).map(part) }

  private func part(_ piece: String.UnicodeScalarView.SubSequence) -> Part {
    var piece = piece
    while let first = piece.first, first.properties.isWhitespace { piece.removeFirst() }
    while let last = piece.last, last.properties.isWhitespace { piece.removeLast() }
    let text = String(piece)
    let column = self.text.distance(from: self.text.startIndex, to: piece.startIndex) + 1
    return Part(text: text, field: Field(text: text, path: path, line: number, column: column))
  }
}

extension MasimLine.Part {
  /// Digits only: masim's `atoi` would take the digits in front and drop the rest.
  func number(_ what: String, in range: ClosedRange<Int>) throws(WorkloadError) -> Int {
    guard !text.isEmpty, text.utf8.allSatisfy(MasimFile.isDigit) else {
      throw field.error("\(field.kind) is not \(what)", "write digits only")
    }
    guard let value = Int(text), range.contains(value) else {
      throw field.error("\(what) of \(field.kind) is out of range", "write \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// Text that reports can print.
  func name(_ what: String) throws(WorkloadError) -> String {
    guard !text.isEmpty else { throw field.error("\(what) is missing", "write it before the first comma") }
    guard text.unicodeScalars.count <= 100, text == printable(text) || text.unicodeScalars.count > 60 else {
      throw field.error(
        "'\(printable(text))' is not \(what)", "use up to 100 characters without control characters")
    }
    return text
  }
}

/// Collects regions and phases of one file.
private struct MasimReader {
  struct Region {
    let name: String
    let bytes: Int
    let hasData: Bool
    let field: Field
    var isUsed = false
  }

  struct Pattern {
    let region: Int
    let isRandom: Bool
    let stride: Int
    let weight: Int
    let writes: WriteMix
    let field: Field
  }

  struct Phase {
    let name: String
    let time: Picoseconds
    let patterns: [Pattern]
    let field: Field
  }

  let path: String
  private var regions: [Region] = []
  private var numbers: [String: Int] = [:]
  private var phases: [Phase] = []
  private var total: Picoseconds = 0

  init(path: String) { self.path = path }

  /// `NAME, BYTES` and perhaps the file that fills it, or `none`.
  mutating func region(_ line: MasimLine) throws(WorkloadError) {
    let fields = line.fields
    guard (2...3).contains(fields.count) else {
      throw line.whole.field.error(
        "a region's line has 2 or 3 fields, this one has \(fields.count)",
        "write `NAME, BYTES`, without commas within the number, or begin the phases with an empty line")
    }
    let name = try fields[0].name("a region's name")
    guard numbers[name] == nil else {
      throw fields[0].field.error("a region before it is named '\(printable(name))' too", "give each its own name")
    }
    let bytes = try fields[1].number("a size in bytes", in: 1...MasimFile.mostBytes)
    let hasData = fields.count == 3 && fields[2].text != "none"
    if hasData, fields[2].text.isEmpty {
      throw fields[2].field.error("the name of the data file is missing", "write it, or `none`")
    }
    numbers[name] = regions.count
    regions.append(Region(name: name, bytes: bytes, hasData: hasData, field: fields[0].field, isUsed: hasData))
  }

  /// A line with the phase's name, one with its milliseconds, and one for each pattern.
  mutating func phase(_ lines: [MasimLine]) throws(WorkloadError) {
    let name = lines[0].whole
    guard lines.count > 1 else {
      throw name.field.error("the phase has no time", "write its milliseconds in the line after its name")
    }
    let milliseconds = try lines[1].whole.number("a time in milliseconds", in: 0...MasimFile.mostMilliseconds)
    total += milliseconds * .millisecond
    guard total <= Field.longestTime else {
      throw lines[1].whole.field.error("the phases so far take more than 30 days", "shorten them")
    }
    guard lines.count > 2 else {
      throw name.field.error("the phase has no access pattern", "write a line such as `a, 0, 4096, 1`")
    }
    guard lines.count - 2 <= AccessLimits.windows else {
      throw lines[2].whole.field.error("the phase has more than \(AccessLimits.windows) patterns", "write fewer")
    }
    var patterns: [Pattern] = []
    for line in lines.dropFirst(2) { patterns.append(try pattern(line)) }
    guard patterns.contains(where: { $0.weight > 0 }) else {
      throw patterns[0].field.error("no pattern of the phase has a probability above 0", "write 1 or more in one")
    }
    for pattern in patterns where pattern.weight > 0 { regions[pattern.region].isUsed = true }
    phases.append(
      Phase(name: name.text, time: milliseconds * .millisecond, patterns: patterns, field: name.field))
  }

  /// `REGION, RANDOM, STRIDE, PROBABILITY` and perhaps `ro`, `wo` or `rw`.
  private func pattern(_ line: MasimLine) throws(WorkloadError) -> Pattern {
    let fields = line.fields
    guard (4...5).contains(fields.count) else {
      throw line.whole.field.error(
        "a pattern's line has 4 or 5 fields, this one has \(fields.count)",
        "write `REGION, RANDOM, STRIDE, PROBABILITY`, or end the phase with an empty line")
    }
    guard let region = numbers[fields[0].text] else {
      let hint = NearMiss.hint(fields[0].text, among: regions.map(\.name))
      throw fields[0].field.error("\(fields[0].field.kind) is not a region", hint)
    }
    let isRandom = try fields[1].number("0 (sequential) or 1 (random)", in: 0...1) == 1
    let stride = try fields[2].number("a stride in bytes", in: 0...AccessLimits.stride)
    let weight = try fields[3].number("a probability", in: 0...AccessLimits.weight)
    return Pattern(
      region: region, isRandom: isRandom, stride: stride, weight: weight,
      writes: try fields.count == 5 ? writes(fields[4]) : .every(1), field: fields[3].field)
  }

  /// Without a mode masim writes (masim.c: default_rw_mode).
  private func writes(_ part: MasimLine.Part) throws(WorkloadError) -> WriteMix {
    switch part.text {
    case "ro": return .every(0)
    // What `rw` writes was read just before: the line is in the cache.
    case "wo", "rw": return .every(1)
    default: throw part.field.error("\(part.field.kind) is not a mode", "write ro, wo or rw")
    }
  }

  /// One task that goes through the phases, each a section of the report.
  func workload() throws(WorkloadError) -> WorkloadSpec {
    var draft = SpecDraft(path: path)
    var table = RegionTable()
    var places: [Int: Int] = [:]
    for (number, region) in regions.enumerated() where region.isUsed {
      places[number] = table.all.count
      table.append(
        RegionDraft(name: region.name, pages: (region.bytes + Page.size - 1) / Page.size, field: region.field))
    }
    draft.regions = table.all
    var steps = PhaseList()
    for (number, region) in regions.enumerated() where region.hasData {
      guard let place = places[number] else { continue }
      steps.append(
        .access(AccessSpec(region: place, pattern: .sequential(stride: 1), pages: pages(number), writes: .every(1))),
        at: region.field)
    }
    for (number, phase) in phases.enumerated() {
      let seed = UInt64(number + 1)
      var windows: [MixWindow] = []
      for pattern in phase.patterns where pattern.weight > 0 {
        guard let place = places[pattern.region] else { continue }
        windows.append(
          MixWindow(
            AccessSpec(
              region: place, pattern: accessPattern(pattern), pages: pages(pattern.region), writes: pattern.writes,
              seed: AccessLimits.seed(seed, window: windows.count)),
            weight: pattern.weight))
      }
      steps.append(.mark(name: Self.identifier(phase.name, otherwise: "phase"), isWarmup: false), at: phase.field)
      steps.append(
        .mix(MixSpec(windows: windows, duration: phase.time, batch: MasimFile.batch, seed: seed)), at: phase.field)
    }
    let first = phases[0].field
    let task = TaskSpec(
      name: "masim", process: 0, cpus: nil, threads: 1, mlpThousandths: 4_000, sizeClass: 0, weight: 1,
      repeats: .times(1), start: 0, work: .phases(steps.all), line: first.line)
    let uses = places.values.sorted().map { RegionUse(region: $0, isMap: false, field: first) }
    draft.tasks = [TaskDraft(spec: task, process: nil, uses: uses, field: first)]
    let (processes, regionSpecs, tasks) = try draft.assemble()
    let file = path.split(separator: "/").last.map(String.init) ?? ""
    return WorkloadSpec(
      name: Self.identifier(file.lowercased().hasSuffix(".cfg") ? String(file.dropLast(4)) : file, otherwise: "masim"),
      about: about, path: path, seed: 1, statedFootprint: nil, processes: processes, regions: regionSpecs, tasks: tasks,
      events: [])
  }

  private var about: String {
    let seconds = total / .second
    let rest = total % .second / .millisecond
    let time = rest == 0 ? "\(seconds) s" : seconds == 0 ? "\(rest) ms" : "\(seconds * 1_000 + rest) ms"
    return "masim configuration, \(regions.count) region\(regions.count == 1 ? "" : "s"), "
      + "\(phases.count) phase\(phases.count == 1 ? "" : "s") of \(time) together"
  }

  private func pages(_ region: Int) -> Int { (regions[region].bytes + Page.size - 1) / Page.size }

  private func accessPattern(_ pattern: Pattern) -> AccessPattern {
    let bytes = regions[pattern.region].bytes
    if pattern.isRandom { return bytes % Page.size == 0 ? .uniform : .uniformBytes(bytes) }
    return .sweep(bytes: bytes, stride: pattern.stride)
  }

  /// The text with `-` for each run of characters that names do not have.
  private static func identifier(_ text: String, otherwise: String) -> String {
    var name = ""
    for scalar in text.unicodeScalars {
      let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
      if isPlain || "._-".unicodeScalars.contains(scalar) {
        name.unicodeScalars.append(scalar)
      } else if name.last != "-" {
        name += "-"
      }
    }
    while name.first == "." || name.first == "-" { name.removeFirst() }
    while name.last == "-" { name.removeLast() }
    return name.isEmpty ? otherwise : String(name.prefix(100))
  }
}

/// Phases of one task, numbered as they come.
private struct PhaseList {
  private(set) var all: [PhaseSpec] = []

  mutating func append(_ action: PhaseAction, at field: Field) {
    all.append(PhaseSpec(action: action, number: all.count, line: field.line, column: field.column))
  }
}
