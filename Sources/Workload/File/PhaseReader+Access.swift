// What `access` and `mix` phases say: windows, patterns, writes.
import Units

extension PhaseReader {
  private enum PatternName: String, CaseIterable { case seq, strided, sweep, uniform, zipf, drift, chase }

  /// Accesses counted in rounds, or with `for` a mix of one window.
  mutating func access(_ record: Record) throws(WorkloadError) -> PhaseAction {
    var spec = try window(record, seed: seed)
    spec.think = try record.time("think", default: 0)
    spec.sizeClass = try record["bytes"]?.sizeClass() ?? sizeClass
    if let time = record["for"] {
      try record.refuse(
        ["accesses", "rounds", "sleep"], "`for` says how long the phase is already", "keep one of them")
      return .mix(
        MixSpec(
          windows: [MixWindow(spec, weight: 1)], duration: try duration(time), batch: MixSpec.look, seed: spec.seed))
    }
    spec.accesses = try record.count("accesses", in: 1...AccessLimits.accesses, default: spec.pages)
    spec.rounds = try record.count("rounds", in: 1...AccessLimits.rounds, default: 1)
    spec.sleep = try record.time("sleep", default: 0)
    return .access(spec)
  }

  /// Windows drawn by weight, for a time.
  mutating func mix(_ record: Record) throws(WorkloadError) -> MixSpec {
    let list = try record.required("mix", "list its windows")
    let own = try record["seed"]?.seed() ?? seed
    let think = try record.time("think", default: 0)
    let bytes = try record["bytes"]?.sizeClass() ?? sizeClass
    var windows: [MixWindow] = []
    for item in try list.list("windows such as `{access: A, weight: 3}`") {
      let keys = try item.record(Self.windowKeys, of: "a window of a mix")
      var access = try window(keys, seed: AccessLimits.seed(own, window: windows.count))
      access.think = think
      access.sizeClass = bytes
      if let first = windows.first, first.access.isDependent != access.isDependent {
        throw item.error(
          "pattern chase waits for the access before it, other patterns do not", "make a task of its own of the chase")
      }
      windows.append(MixWindow(access, weight: try keys.count("weight", in: 0...AccessLimits.weight, default: 1)))
    }
    guard windows.count <= AccessLimits.windows else {
      throw list.error("lists more than \(AccessLimits.windows) windows", "list fewer")
    }
    guard windows.contains(where: { $0.weight > 0 }) else {
      throw list.error("has no window with a weight above 0", "list at least one")
    }
    let time = try record.required("for", "write how long the phase is, as in `for: 10s`")
    return MixSpec(
      windows: windows, duration: try duration(time),
      batch: try record.count("batch", in: 1...AccessLimits.batch, default: 1), seed: own)
  }

  private func duration(_ field: Field) throws(WorkloadError) -> Picoseconds {
    let time = try field.time()
    guard time > 0 else { throw field.error("a phase of no time makes no access", "write a time such as 10s") }
    return time
  }

  /// Region, pages, pattern and writes.
  private mutating func window(_ record: Record, seed: UInt64) throws(WorkloadError) -> AccessSpec {
    let region = try region(try record.required("access", "name a region"))
    let limit = regions.all[region].pages
    let first = try record.count("first", in: 0...(limit - 1), default: 0)
    var pages = try record.count("pages", in: 1...(limit - first), default: limit - first)
    var bytes = pages * Page.size
    if let size = record["size"] {
      try record.refuse(["pages"], "`size` gives the window already", "keep one of them")
      bytes = try size.sizeInBytes()
      guard (1...pages * Page.size).contains(bytes) else {
        throw size.error("\(bytes) bytes is out of range", "write 1 to \(pages * Page.size) bytes")
      }
      pages = (bytes + Page.size - 1) / Page.size
    }
    return AccessSpec(
      region: region, pattern: try pattern(record, pages: pages, bytes: bytes), first: first, pages: pages,
      writes: try writes(record), seed: try record["seed"]?.seed() ?? seed,
      scatter: try record["scatter"]?.seed() ?? 0)
  }

  private func writes(_ record: Record) throws(WorkloadError) -> WriteMix {
    guard let share = record["write_share"] else {
      return .every(try record.count("write_every", in: 0...AccessLimits.accesses, default: 0))
    }
    try record.refuse(["write_every"], "`write_share` says which accesses write already", "keep one of them")
    return .share(try share.share())
  }

  private func pattern(_ record: Record, pages: Int, bytes: Int) throws(WorkloadError) -> AccessPattern {
    let name = try record["pattern"]?.word(PatternName.self) ?? .seq
    func refuse(_ keys: [String], _ pattern: String) throws(WorkloadError) {
      try record.refuse(keys, "does not go with pattern \(name.rawValue)", "remove it or write `pattern: \(pattern)`")
    }
    if name != .seq && name != .strided && name != .sweep { try refuse(["stride"], "strided") }
    if name != .zipf { try refuse(["exponent"], "zipf") }
    if name != .drift { try refuse(["hot", "hot_share", "step", "period"], "drift") }
    if name != .sweep && name != .uniform { try refuse(["size"], "sweep") }
    switch name {
    case .seq, .strided:
      guard let stride = record["stride"] else {
        if name == .strided { _ = try record.required("stride", "write `stride: 8` or `pattern: seq`") }
        return .sequential(stride: 1 % pages)
      }
      return .sequential(stride: AccessLimits.remainder(try stride.integer(), pages))
    case .sweep:
      let field = try record.required("stride", "write the step in bytes, as in `stride: 64`")
      let stride = try field.sizeInBytes()
      guard stride <= AccessLimits.stride else {
        throw field.error("\(stride) bytes is out of range", "write at most 8T")
      }
      return .sweep(bytes: bytes, stride: stride)
    case .uniform: return bytes % Page.size == 0 ? .uniform : .uniformBytes(bytes)
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
