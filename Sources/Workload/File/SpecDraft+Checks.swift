// Checks that need all tasks and regions.
import Units

extension SpecDraft {
  func checkTaskNames() throws(WorkloadError) {
    var seen = Set<String>()
    for task in tasks {
      guard seen.insert(task.spec.name).inserted else {
        throw task.field.error("a task before it is named '\(task.spec.name)' too", "give each task its own name")
      }
    }
  }

  func checkRegionsAreUsed() throws(WorkloadError) {
    var used = [Bool](repeating: false, count: regions.count)
    for task in tasks { for use in task.uses { used[use.region] = true } }
    if let index = used.firstIndex(of: false) {
      throw regions[index].field.error("no task uses the region", "remove it, or access it in a phase")
    }
  }

  func checkEndlessTasks() throws(WorkloadError) {
    guard let first = tasks.first else { return }
    for task in tasks where !task.spec.isEndless { return }
    throw first.field.error("every task goes on forever, so the run never ends", "give one task a number of repeats")
  }

  /// A task's accesses, steps and waits stay countable, and what goes on forever takes time.
  func checkExtent(_ task: TaskDraft) throws(WorkloadError) {
    guard case .phases(let phases) = task.spec.work else { return }
    var extent = try extent(of: phases, key: "\(task.field.key).phases")
    try extent.repeated(task.spec.repeats, place: task.field)
  }

  private func extent(of phases: [PhaseSpec], key: String) throws(WorkloadError) -> Extent {
    var sum = Extent()
    for (index, phase) in phases.enumerated() {
      let place = Place(path: path, line: phase.line, column: phase.column, key: "\(key)[\(index)]")
      var one = Extent(steps: 1)
      switch phase.action {
      case .sleep(let time), .compute(let time): one.time = time
      case .access(let access):
        one.accesses = Extent.product(access.accesses, access.rounds)
        one.time = Extent.sum(
          Extent.product(one.accesses, access.think), Extent.product(access.rounds, access.sleep))
      case .mix(let mix): one.time = mix.duration
      case .loop(let times, let body):
        one = try extent(of: body, key: "\(place.key).phases")
        try one.repeated(times, place: place)
      default: break
      }
      sum.add(one)
      try sum.check(place)
    }
    return sum
  }

  /// Where one task alone handles a region, it maps it before it uses it. (Between tasks only the run can tell.)
  func checkMappingOrder(_ specs: [RegionSpec]) throws(WorkloadError) {
    var users = [Int?](repeating: nil, count: specs.count)
    var isShared = [Bool](repeating: false, count: specs.count)
    for (index, task) in tasks.enumerated() {
      for use in task.uses {
        if let other = users[use.region], other != index { isShared[use.region] = true }
        users[use.region] = index
      }
    }
    // Regions that others handle too count as mapped.
    var isMapped = specs.indices.map { specs[$0].isMappedAtStart || isShared[$0] }
    for task in tasks {
      guard case .phases(let phases) = task.spec.work else { continue }
      for _ in 0..<(task.spec.repeats == .times(1) ? 1 : 2) {
        try walk(phases, key: "\(task.field.key).phases", isShared: isShared, isMapped: &isMapped)
      }
    }
  }

  private func walk(
    _ phases: [PhaseSpec], key: String, isShared: [Bool], isMapped: inout [Bool]
  ) throws(WorkloadError) {
    for (index, phase) in phases.enumerated() {
      let used: [Int]
      switch phase.action {
      case .loop(let times, let body):
        for _ in 0..<(times == .times(1) ? 1 : 2) {
          try walk(body, key: "\(key)[\(index)].phases", isShared: isShared, isMapped: &isMapped)
        }
        continue
      case .map(let region):
        isMapped[region] = true
        continue
      case .unmap(let region), .snap(let region): used = [region]
      case .punch(let punch): used = [punch.region]
      case .access(let access): used = [access.region]
      case .mix(let mix): used = mix.windows.map(\.access.region)
      case .sleep, .compute, .set, .buddyinfo, .mark: continue
      }
      if let missing = used.first(where: { !isMapped[$0] }) {
        let name = regions[missing].name
        throw Place(path: path, line: phase.line, column: phase.column, key: "\(key)[\(index)]")
          .error("region '\(name)' is not mapped here", "put `- map: \(name)` before it")
      }
      if case .unmap(let region) = phase.action { isMapped[region] = isShared[region] }
    }
  }
}

extension TaskSpec {
  /// Whether the task ends only because all others have.
  public var isEndless: Bool {
    if repeats == .forever { return true }
    guard case .phases(let phases) = work else { return false }
    return Self.isEndless(phases)
  }

  private static func isEndless(_ phases: [PhaseSpec]) -> Bool {
    phases.contains { phase in
      guard case .loop(let times, let body) = phase.action else { return false }
      return times == .forever || isEndless(body)
    }
  }
}

/// Somewhere in the file that an error can point to.
private protocol Pointing {
  func error(_ problem: String, _ fix: String) -> WorkloadError
}

extension Field: Pointing {}

private struct Place: Pointing {
  let path: String
  let line: Int
  let column: Int
  let key: String

  func error(_ problem: String, _ fix: String) -> WorkloadError {
    WorkloadError(path: path, line: line, column: column, key: key, problem: problem, fix: fix)
  }
}

/// How much a list of phases does; sums stick at Int.max.
private struct Extent {
  var steps = 0
  var accesses = 0
  var time: Picoseconds = 0

  static let longest = Field.longestTime
  static let mostSteps = 1_000_000_000
  static let mostAccesses = 1 << 60

  static func product(_ a: Int, _ b: Int) -> Int {
    let (value, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? .max : value
  }

  static func sum(_ a: Int, _ b: Int) -> Int {
    let (value, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : value
  }

  mutating func add(_ other: Extent) {
    steps = Self.sum(steps, other.steps)
    accesses = Self.sum(accesses, other.accesses)
    time = Self.sum(time, other.time)
  }

  mutating func repeated(_ times: RepeatCount, place: some Pointing) throws(WorkloadError) {
    switch times {
    case .forever:
      guard time > 0 || accesses > 0 else {
        throw place.error("repeats forever without taking time", "add a sleep, a compute or an access")
      }
    case .times(let count):
      steps = Self.product(steps, count)
      accesses = Self.product(accesses, count)
      time = Self.product(time, count)
    }
    try check(place)
  }

  func check(_ place: some Pointing) throws(WorkloadError) {
    guard time <= Self.longest else {
      throw place.error("waits and think times add up to more than 30 days", "shorten or repeat less")
    }
    guard accesses <= Self.mostAccesses else {
      throw place.error("accesses add up to more than 2^60", "make fewer accesses or rounds")
    }
    guard steps <= Self.mostSteps else {
      throw place.error("loops run more than \(Self.mostSteps) phases", "repeat less")
    }
  }
}
