// Every key of a workload file, defaults, processes, the order of phases.
import Foundation
import Testing
import Units

@testable import Workload

@Suite struct KeyTests {
  /// A file with every key of the format.
  static let everything = """
    name: every-key
    about: all of them
    seed: 18446744073709551615
    footprint: 1G
    regions:
      A: {size: 600M, kind: anonymous, thp: madvise, process: p0}
      B: {pages: 1_000, kind: file, thp: never}
      C: {size: 8KiB, thp: always}
    tasks:
      - name: main
        process: p0
        cpus: [4, 0-2]
        threads: 3
        mlp: 2.5
        bytes: 128
        weight: 8
        repeat: 2
        start: 1.5ms
        phases:
          - map: A
          - access: A
            pattern: strided
            stride: -3
            first: 10
            pages: 100
            accesses: 50
            rounds: 4
            write_every: 2
            seed: 9
            scatter: 7
            think: 3900ns
            sleep: 2us
            bytes: 4096
          - {access: A, pattern: uniform, write_share: 12.5%}
          - {access: A, pattern: zipf, exponent: 0.99}
          - {access: A, pattern: drift, hot: 20, hot_share: 90%, step: -1, period: 50}
          - {access: A, pattern: chase, pages: 64}
          - sleep: 2s
          - compute: 36ms
          - set: {vm.swappiness: 0, kernel.numa_balancing: 2}
          - snap: A
          - {mark: warm, warmup: true}
          - {mark: hot}
          - {punch: A, share: 50%, seed: 3}
          - loop: 3
            phases:
              - {access: B, pattern: seq}
              - sleep: 1min
          - {access: A, pattern: sweep, stride: 1K, first: 1, size: 1_000_000}
          - {access: A, pattern: uniform, size: 8193, for: 20ms, write_every: 3}
          - mix:
              - {access: A, weight: 9, pattern: uniform, seed: 5, write_share: 10%}
              - {access: B, size: 8K, pattern: sweep, stride: 64}
            for: 10s
            batch: 1000
            seed: 6
            think: 5ns
            bytes: 256
          - unmap: A
          - buddyinfo: end
      - name: other
        cpus: 1
        repeat: forever
        phases: [{compute: 1h}]
      - trace: t.trace
      - trace: /abs/u.trace
        process: p0
      - phases: [{access: C}]
    events:
      - {at: 10s, set: {b: x}}
      - {at: 5s, set: {a: "1 2"}}
      - {at: 10s, set: {c: z}}
    age: {node: 1, free: 40%, in_blocks: 10%, unmovable: 2%, unmovable_in: 50%, page_cache: 30%, seed: 7}
    """

  @Test func everyKeyIsRead() throws {
    let spec = try WorkloadFile.parse(text: Self.everything, path: "/data/w.yaml")
    #expect(spec.name == "every-key" && spec.about == "all of them" && spec.path == "/data/w.yaml")
    #expect(spec.seed == .max && spec.statedFootprint == 262_144 && spec.footprint == 262_144)
    #expect(spec.processes.map(\.name) == ["p0", "other", "task2", "task4"])
    #expect(spec.processes.map(\.slots) == [154_624, 0, 0, 512])
    #expect(
      spec.regions == [
        RegionSpec(
          name: "A", pages: 153_600, kind: .anonymous, hugePages: .madvise, process: 0, baseSlot: 0,
          isMappedAtStart: false),
        RegionSpec(
          name: "B", pages: 1_000, kind: .file, hugePages: .never, process: 0, baseSlot: 153_600, isMappedAtStart: true),
        RegionSpec(
          name: "C", pages: 2, kind: .anonymous, hugePages: .always, process: 3, baseSlot: 0, isMappedAtStart: true),
      ])
    #expect(spec.tasks.map(\.name) == ["main", "other", "task2", "task3", "task4"])
    #expect(spec.tasks.map(\.process) == [0, 1, 2, 0, 3])
    let main = spec.tasks[0]
    #expect(main.cpus == [0, 1, 2, 4] && main.threads == 3 && main.mlpThousandths == 2_500 && main.sizeClass == 1)
    #expect(main.weight == 8 && main.repeats == .times(2) && main.start == 1_500_000_000 && main.line == 10)
    #expect(spec.tasks[1].cpus == [1] && spec.tasks[1].repeats == .forever && spec.tasks[1].isEndless)
    #expect(spec.tasks[2].work == .trace(TraceSpec(path: "t.trace", resolvedPath: "/data/t.trace", line: 65)))
    #expect(spec.tasks[3].work == .trace(TraceSpec(path: "/abs/u.trace", resolvedPath: "/abs/u.trace", line: 66)))
    #expect(spec.events.map(\.at) == [5 * .second, 10 * .second, 10 * .second])
    #expect(spec.events.map { $0.writes.map { "\($0.name)=\($0.value)" } } == [["a=1 2"], ["b=x"], ["c=z"]])
  }

  @Test func everyPhaseIsRead() throws {
    let spec = try WorkloadFile.parse(text: Self.everything, path: "w.yaml")
    guard case .phases(let phases) = spec.tasks[0].work else {
      Issue.record("no phases")
      return
    }
    let seed = UInt64.max
    let plain = AccessSpec(region: 0, pattern: .uniform, pages: 153_600, seed: seed, sizeClass: 1)
    func access(_ pattern: AccessPattern, pages: Int = 153_600) -> AccessSpec {
      AccessSpec(region: 0, pattern: pattern, pages: pages, seed: seed, sizeClass: 1)
    }
    var shared = plain
    shared.writes = .share(125_000)
    let expected: [PhaseAction] = [
      .map(region: 0),
      .access(
        AccessSpec(
          region: 0, pattern: .sequential(stride: 97), first: 10, pages: 100, accesses: 50, rounds: 4,
          writes: .every(2), seed: 9, scatter: 7, think: 3_900_000, sleep: 2_000_000, sizeClass: 6)),
      .access(shared),
      .access(access(.zipf(exponentThousandths: 990))),
      .access(access(.drift(hot: 20, hotShare: 900_000, step: 153_599, period: 50))),
      .access(access(.chase, pages: 64)),
      .sleep(2 * .second),
      .compute(36 * .millisecond),
      .set([
        KnobWrite(name: "vm.swappiness", value: "0", line: 40),
        KnobWrite(name: "kernel.numa_balancing", value: "2", line: 40),
      ]),
      .snap(region: 0),
      .mark(name: "warm", isWarmup: true),
      .mark(name: "hot", isWarmup: false),
      .punch(PunchSpec(region: 0, share: 500_000, seed: 3)),
      .loop(
        .times(3),
        [
          PhaseSpec(
            action: .access(
              AccessSpec(region: 1, pattern: .sequential(stride: 1), pages: 1_000, seed: seed, sizeClass: 1)),
            number: 14, line: 47, column: 13),
          PhaseSpec(action: .sleep(60 * .second), number: 15, line: 48, column: 13),
        ]),
      .access(
        AccessSpec(
          region: 0, pattern: .sweep(bytes: 1_000_000, stride: 1_024), first: 1, pages: 245, seed: seed, sizeClass: 1)),
      .mix(
        MixSpec(
          windows: [
            MixWindow(
              AccessSpec(
                region: 0, pattern: .uniformBytes(8_193), pages: 3, writes: .every(3), seed: seed, sizeClass: 1),
              weight: 1)
          ], duration: 20 * .millisecond, batch: 1_024, seed: seed)),
      .mix(
        MixSpec(
          windows: [
            MixWindow(
              AccessSpec(
                region: 0, pattern: .uniform, pages: 153_600, writes: .share(100_000), seed: 5, think: 5_000,
                sizeClass: 2),
              weight: 9),
            MixWindow(
              AccessSpec(
                region: 1, pattern: .sweep(bytes: 8_192, stride: 64), pages: 2, seed: 6 + 2 << 32, think: 5_000,
                sizeClass: 2),
              weight: 1),
          ], duration: 10 * .second, batch: 1_000, seed: 6)),
      .unmap(region: 0),
      .buddyinfo(name: "end"),
    ]
    #expect(phases.count == expected.count)
    for (phase, action) in zip(phases, expected) { #expect(phase.action == action) }
    #expect(phases.map(\.number) == Array(0...13) + Array(16...20))
  }

  @Test func theTablesOfKeysAreWhatTheseTestsCover() {
    let documented = Set(
      WorkloadFile.keys + WorkloadFile.regionKeys + WorkloadFile.taskKeys + WorkloadFile.eventKeys
        + WorkloadFile.ageKeys
        + PhaseReader.actions.flatMap { $0 } + PhaseReader.windowKeys)
    for key in documented { #expect(Self.everything.contains("\(key):"), "\(key)") }
    let page = try? String(contentsOfFile: workloadsFolder + "/../docs/workload-files.md", encoding: .utf8)
    for key in documented {
      #expect(page?.contains("`\(key)`") == true || page?.contains("`\(key):") == true, "\(key) is not documented")
    }
  }

  @Test func theSmallestFileHasDefaults() throws {
    let spec = try WorkloadFile.parse(text: "name: w\ntasks: [{trace: FILE, weight: 1, repeat: 1}]", path: "w.yaml")
    let task = TaskSpec(
      name: "task0", process: 0, cpus: nil, threads: 1, mlpThousandths: 4_000, sizeClass: 0, weight: 1,
      repeats: .times(1), start: 0, work: .trace(TraceSpec(path: "FILE", resolvedPath: "FILE", line: 2)), line: 2)
    #expect(
      spec
        == WorkloadSpec(
          name: "w", about: "", path: "w.yaml", seed: 1, statedFootprint: nil,
          processes: [ProcessSpec(name: "task0", slots: 0)], regions: [], tasks: [task], events: []))
    #expect(spec.footprint == 0)
  }

  @Test func aByteOrderMarkIsPassedOver() throws {
    let text = "name: mine\ntasks: [{trace: mine.trace}]"
    let marked = try WorkloadFile.parse(text: "\u{FEFF}" + text, path: "w.yaml")
    #expect(try marked == WorkloadFile.parse(text: text, path: "w.yaml"))
    // Columns count from behind it.
    let error = #expect(throws: WorkloadError.self) {
      try WorkloadFile.parse(text: "\u{FEFF}nam: mine\ntasks: [{trace: mine.trace}]", path: "w.yaml")
    }
    #expect(error?.line == 1 && error?.column == 1)
  }

  @Test func anAccessHasDefaults() throws {
    let text =
      "name: w\nregions: {A: {pages: 9}}\ntasks: [{trace: t}, {phases: [{access: A, first: 2}, {access: A, pattern: zipf}]}]"
    let spec = try WorkloadFile.parse(text: text, path: "w.yaml")
    guard case .phases(let phases) = spec.tasks[1].work else { return }
    #expect(
      phases.map(\.action) == [
        .access(AccessSpec(region: 0, pattern: .sequential(stride: 1), first: 2, pages: 7, seed: 2)),
        .access(AccessSpec(region: 0, pattern: .zipf(exponentThousandths: 1_000), pages: 9, seed: 2)),
      ])
  }

  @Test func tasksThatShareARegionShareAProcess() throws {
    let text = """
      name: w
      regions: {A: {pages: 1}, B: {pages: 1}, C: {pages: 600, process: db}}
      tasks:
        - {name: a, phases: [{access: A}]}
        - {name: b, phases: [{access: B}]}
        - {name: c, phases: [{access: A}]}
        - {name: d, phases: [{access: C}]}
        - {name: e, process: db, trace: t}
        - {name: f, trace: t}
      """
    let spec = try WorkloadFile.parse(text: text, path: "w.yaml")
    #expect(
      spec.processes == [
        ProcessSpec(name: "a", slots: 512), ProcessSpec(name: "b", slots: 512), ProcessSpec(name: "db", slots: 1_024),
        ProcessSpec(name: "f", slots: 0),
      ])
    #expect(spec.tasks.map(\.process) == [0, 1, 0, 2, 2, 3])
    #expect(spec.regions.map(\.process) == [0, 1, 2])
  }

  @Test(arguments: [
    ("0", 0), ("1ps", 1), ("3.9us", 3_900_000), ("1_000ns", 1_000_000), ("0.000001s", 1_000_000),
    ("1.50 ms", 1_500_000_000),
    ("2min", 120_000_000_000_000), ("720h", 2_592_000_000_000_000_000),
  ])
  func timesAreExact(text: String, picoseconds: Int) throws {
    let spec = try WorkloadFile.parse(text: "name: w\ntasks: [{trace: t, start: \(text)}]", path: "w.yaml")
    #expect(spec.tasks[0].start == picoseconds)
  }

  @Test(arguments: [("4096", 1), ("4K", 1), ("1.5MiB", 384), ("0.5g", 131_072), ("4T", 1 << 30)])
  func sizesAreExact(text: String, pages: Int) throws {
    let spec = try WorkloadFile.parse(
      text: "name: w\nregions: {A: {size: \(text)}}\ntasks: [{phases: [{snap: A}]}]", path: "w.yaml")
    #expect(spec.regions[0].pages == pages)
  }

  @Test func phasesRunInOrderAndLoopsUnroll() throws {
    let text = """
      name: w
      regions: {A: {pages: 1}}
      tasks:
        - repeat: 2
          phases:
            - mark: a
            - loop: 2
              phases:
                - mark: b
                - {loop: 3, phases: [{mark: c}]}
            - mark: d
        - repeat: forever
          phases: [{mark: x}, {access: A}]
      """
    let spec = try WorkloadFile.parse(text: text, path: "w.yaml")
    func cursor(_ task: TaskSpec) -> PhaseCursor? {
      guard case .phases(let phases) = task.work else { return nil }
      return PhaseCursor(phases, repeats: task.repeats)
    }
    var first = try #require(cursor(spec.tasks[0]))
    var names = ""
    while let phase = first.next() {
      if case .mark(let name, _) = phase.action { names += name }
    }
    #expect(names == "abcccbcccdabcccbcccd")
    var second = try #require(cursor(spec.tasks[1]))
    #expect((0..<1_000).allSatisfy { second.next()?.number == $0 % 2 })
    second.stop()
    #expect(second.next() == nil)
  }

  @Test func aPunchFreesItsShare() {
    var freed: [Int] = []
    PunchSpec(region: 0, share: 500_000, seed: 7).forEachFreedPage(of: 10_000) { freed.append($0) }
    #expect((4_800...5_200).contains(freed.count) && freed == freed.sorted())
    freed = []
    PunchSpec(region: 0, share: 1_000_000, seed: 7).forEachFreedPage(of: 10) { freed.append($0) }
    #expect(freed == Array(0..<10))
  }

  @Test func exampleWorkloadsAreGood() throws {
    for file in try FileManager.default.contentsOfDirectory(atPath: workloadsFolder) where file.hasSuffix(".yaml") {
      let spec = try WorkloadFile.parse(path: workloadsFolder + "/" + file)
      #expect(file == spec.name + ".yaml" && !spec.about.isEmpty)
    }
  }
}
