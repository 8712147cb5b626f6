// Tasks of a workload file.
import Units

extension WorkloadFile {
  static let taskKeys = [
    "name", "process", "cpus", "threads", "mlp", "bytes", "weight", "repeat", "start", "trace", "phases",
  ]

  static func tasks(_ field: Field, regions: RegionTable, seed: UInt64) throws(WorkloadError) -> [TaskDraft] {
    var drafts: [TaskDraft] = []
    for item in try field.list("tasks") {
      let number = drafts.count
      drafts.append(try task(item, number: number, regions: regions, seed: seed &+ UInt64(number)))
    }
    guard !drafts.isEmpty else { throw field.error("is an empty list", "write at least one task") }
    return drafts
  }

  private static func task(
    _ field: Field, number: Int, regions: RegionTable, seed: UInt64
  ) throws(WorkloadError) -> TaskDraft {
    let record = try field.record(taskKeys, of: "a task")
    let sizeClass = try record["bytes"]?.sizeClass() ?? 0
    var uses: [RegionUse] = []
    let work: TaskWork
    let isRecorded = record["threads"]?.isWord("recorded") == true
    if let trace = record["trace"] {
      try record.refuse(["phases"], "the task replays a trace already", "make a second task of the phases")
      work = .trace(try traceSpec(trace, isRecorded ? .recorded : .shared))
    } else {
      let phases = try record.required("phases", "write `trace: FILE` or `phases:`")
      var reader = PhaseReader(regions: regions, seed: seed, sizeClass: sizeClass)
      work = .phases(try reader.phases(phases, depth: 0))
      uses = reader.uses
    }
    let spec = TaskSpec(
      name: try record["name"]?.identifier() ?? "task\(number)", process: 0, cpus: try record["cpus"]?.cpuList(),
      threads: isRecorded && record["trace"] != nil ? 1 : try record.count("threads", in: 1...4_096, default: 1),
      mlpThousandths: try record["mlp"]?.thousandths(in: 1_000...1_024_000) ?? 4_000, sizeClass: sizeClass,
      weight: try record.count("weight", in: 1...1_000_000, default: 1),
      repeats: try record["repeat"]?.repeatCount() ?? .times(1), start: try record.time("start", default: 0),
      work: work,
      line: field.line)
    return TaskDraft(spec: spec, process: try Naming(record["process"]), uses: uses, field: field)
  }

  private static func traceSpec(_ field: Field, _ threads: TraceThreads) throws(WorkloadError) -> TraceSpec {
    let path = try field.text("a trace file")
    guard !path.utf8.contains(0) else { throw field.error("has a NUL character", "name a trace file") }
    var resolved = path
    if !path.hasPrefix("/"), let slash = field.path.lastIndex(of: "/") {
      resolved = field.path[...slash] + path
    }
    return TraceSpec(path: path, resolvedPath: resolved, line: field.line, threads: threads)
  }
}

extension Field {
  /// Bytes of an access as log2(bytes / 64).
  func sizeClass() throws(WorkloadError) -> Int {
    let bytes = try integer()
    guard let sizeClass = (0...6).first(where: { 64 << $0 == bytes }) else {
      throw error("\(bytes) is not the size of an access", "write 64, 128, 256, 512, 1024, 2048 or 4096")
    }
    return sizeClass
  }
}
