// From what a file says about regions and tasks to address spaces: who shares one, where its regions lie, and the checks that
// need the whole picture (SpecDraft+Checks.swift).
import Units

/// A name that a file gives, with its place.
struct Naming {
  let name: String
  let field: Field

  init?(_ field: Field?) throws(WorkloadError) {
    guard let field else { return nil }
    name = try field.identifier()
    self.field = field
  }
}

struct RegionDraft {
  let name: String
  let pages: Int
  var kind = RegionKind.anonymous
  var hugePages = HugePageAdvice.systemDefault
  var process: Naming?
  let field: Field
}

struct TaskDraft {
  var spec: TaskSpec
  var process: Naming?
  var uses: [RegionUse]
  let field: Field
}

/// Regions in the order of the file, found by name.
struct RegionTable {
  private(set) var all: [RegionDraft] = []
  private var numbers: [String: Int] = [:]

  mutating func append(_ region: RegionDraft) {
    numbers[region.name] = all.count
    all.append(region)
  }

  func number(of name: String) -> Int? { numbers[name] }
}

struct SpecDraft {
  let path: String
  var regions: [RegionDraft] = []
  var tasks: [TaskDraft] = []

  /// Most dense slots of one process, and of all together: 2 MiB less than 8 TiB, which is what slots of 31 bits reach.
  static let slotLimit = 1 << 31 - Page.perHuge

  init(path: String) { self.path = path }

  /// The finished values, every cross-check made.
  func assemble() throws(WorkloadError) -> ([ProcessSpec], [RegionSpec], [TaskSpec]) {
    try checkTaskNames()
    try checkRegionsAreUsed()
    let (names, processOfTask, processOfRegion) = try assignProcesses()
    var processes = names.map { ProcessSpec(name: $0, slots: 0) }
    var isMappedByPhase = [Bool](repeating: false, count: regions.count)
    for task in tasks { for use in task.uses where use.isMap { isMappedByPhase[use.region] = true } }
    var specs: [RegionSpec] = []
    for (index, region) in regions.enumerated() {
      let owner = processOfRegion[index]
      let base = processes[owner].slots
      let end = base + (region.pages + Page.perHuge - 1) / Page.perHuge * Page.perHuge
      guard end <= Self.slotLimit else {
        throw region.field.error(
          "the regions of process \(names[owner]) have 8 TiB or more together", "make them smaller")
      }
      processes[owner].slots = end
      specs.append(
        RegionSpec(
          name: region.name, pages: region.pages, kind: region.kind, hugePages: region.hugePages, process: owner,
          baseSlot: base, isMappedAtStart: !isMappedByPhase[index]))
    }
    var taskSpecs = tasks.map(\.spec)
    for index in taskSpecs.indices { taskSpecs[index].process = processOfTask[index] }
    try checkEndlessTasks()
    for task in tasks { try checkExtent(task) }
    try checkMappingOrder(specs)
    return (processes, specs, taskSpecs)
  }

  /// Groups tasks and regions that share a region or a named process; each group is one process.
  ///
  /// - Returns: process names in the order of their first task, and the process of each task and each region.
  private func assignProcesses() throws(WorkloadError) -> ([String], [Int], [Int]) {
    var groups = Groups(count: tasks.count + regions.count)
    let named: [Naming?] = tasks.map(\.process) + regions.map(\.process)
    var firstOfName: [String: Int] = [:]
    for (index, task) in tasks.enumerated() {
      for use in task.uses { groups.join(index, tasks.count + use.region) }
    }
    for index in named.indices {
      guard let name = named[index]?.name else { continue }
      if let twin = firstOfName[name] { groups.join(index, twin) } else { firstOfName[name] = index }
    }
    var nameOfGroup = [Naming?](repeating: nil, count: named.count)
    for index in named.indices {
      guard let naming = named[index] else { continue }
      let group = groups.root(index)
      if let other = nameOfGroup[group], other.name != naming.name {
        throw naming.field.error(
          "process '\(naming.name)' shares a region with process '\(other.name)'",
          "give both the same process, or each its own region")
      }
      nameOfGroup[group] = naming
    }
    var names: [String] = []
    var number = [Int?](repeating: nil, count: tasks.count + regions.count)
    for (index, task) in tasks.enumerated() {
      let group = groups.root(index)
      if number[group] != nil { continue }
      if nameOfGroup[group] == nil, firstOfName[task.spec.name] != nil {
        throw task.field.error(
          "task '\(task.spec.name)' has a process of its own, and another task's process bears that name",
          "write `process:` for this task")
      }
      number[group] = names.count
      names.append(nameOfGroup[group]?.name ?? task.spec.name)
    }
    var all: [Int] = []
    for index in named.indices { all.append(number[groups.root(index)] ?? 0) }
    return (names, Array(all[..<tasks.count]), Array(all[tasks.count...]))
  }
}

/// Disjoint sets; the root of a set is its smallest member.
private struct Groups {
  private var parent: [Int]

  init(count: Int) { parent = Array(0..<count) }

  mutating func root(_ member: Int) -> Int {
    var at = member
    while parent[at] != at {
      parent[at] = parent[parent[at]]
      at = parent[at]
    }
    return at
  }

  mutating func join(_ a: Int, _ b: Int) {
    let (x, y) = (root(a), root(b))
    parent[max(x, y)] = min(x, y)
  }
}
