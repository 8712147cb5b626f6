// masim configurations: what they become, the exact messages that refuse them, and that nothing traps.
import Events
import Foundation
import Testing
import Units

@testable import Workload

@Suite struct MasimTests {
  static let config = """
    #regions
    # name, bytes
    a, 10000
    \tb b ,8192, none
    never, 123456789
    c, 4097, /data/c.bin

    first phase!
    1500
    # region, random, stride, probability
    a, 0, 64, 2
    b b, 1, 7, 1, ro
    never, 1, 64, 0

      2nd
    0
    c, 1, 64, 3, rw
    a, 0, 0, 0005, wo
    """

  /// The same as a workload file.
  static let spelledOut = """
    name: config
    regions: {a: {pages: 3}, b b: {pages: 2}, c: {pages: 2}}
    tasks:
      - name: masim
        phases:
          - {access: c, write_every: 1}
          - mark: first-phase
          - mix:
              - {access: a, weight: 2, size: 10000, pattern: sweep, stride: 64, write_every: 1}
              - {access: b b, weight: 1, pattern: uniform}
            for: 1500ms
            batch: 131_072
          - mark: 2nd
          - mix:
              - {access: c, weight: 3, size: 4097, pattern: uniform, write_every: 1}
              - {access: a, weight: 5, size: 10000, pattern: sweep, stride: 0, write_every: 1}
            for: 1ps
            batch: 131_072
            seed: 2
    """.replacing("b b", with: "b-b")

  private func actions(_ spec: WorkloadSpec) throws -> [PhaseAction] {
    guard case .phases(let phases)? = spec.tasks.first?.work else {
      throw WorkloadError(path: "", problem: "", fix: "")
    }
    #expect(phases.map(\.number) == Array(phases.indices))
    return phases.map(\.action)
  }

  @Test func aConfigurationIsAnotherSpellingOfAWorkload() throws {
    let spec = try WorkloadFile.parse(text: Self.config, path: "/x/config")
    let yaml = try WorkloadFile.parse(text: Self.spelledOut, path: "/x/config.yaml")
    #expect(spec.name == "config" && spec.path == "/x/config" && spec.events.isEmpty)
    #expect(spec.about == "masim configuration, 4 regions, 2 phases of 1500 ms together")
    #expect(spec.regions.map(\.name) == ["a", "b b", "c"])
    var named = spec.regions
    for i in named.indices { named[i].name = yaml.regions[i].name }
    #expect(named == yaml.regions && spec.processes == yaml.processes && spec.footprint == 7)
    var ours = try actions(spec)
    // A workload file has no phase of no time.
    if case .mix(var last)? = ours.last {
      #expect(last.duration == 0)
      last.duration = 1
      ours[ours.count - 1] = .mix(last)
    }
    #expect(try actions(yaml) == ours)
    var task = spec.tasks[0]
    task.work = yaml.tasks[0].work
    task.line = yaml.tasks[0].line
    #expect(task == yaml.tasks[0])
  }

  @Test func theFormatIsToldByNameOrContent() throws {
    let small = "a, 4096\n\np\n1\na, 0, 1, 1\n"
    for text in [small, "\u{FEFF}" + small, "# x\n\n\n" + small, small.replacing("\n", with: "\r\n")] {
      #expect(MasimFile.isMasim(text: text, path: "x"))
      #expect(try WorkloadFile.parse(text: text, path: "x").footprint == 1)
    }
    #expect(MasimFile.isMasim(text: "name: w", path: "X.CFG"))
    for text in ["", "# only", "name: w", "a, b", "{a: 1, 2: 3}", "a: 1, 2", "- a, 1, 2, 3, 4"] {
      #expect(!MasimFile.isMasim(text: text, path: "x.yaml"), "\(text)")
    }
  }

  @Test func namesAreFitForFiles() throws {
    let text = "a, 4096\n\nL1$ seq / perf\n1\na, 0, 1, 1\n\n$\n1\na, 0, 1, 1\n"
    let spec = try WorkloadFile.parse(text: text, path: "/x/.odd name.CFG")
    #expect(spec.name == "odd-name")
    #expect(
      try actions(spec).compactMap { action -> String? in
        if case .mark(let name, false) = action { name } else { nil }
      } == ["L1-seq-perf", "phase"])
  }

  /// A file with these pattern lines, which begin in line 5.
  private static func pattern(_ lines: String) -> String { "a, 4096\n\np\n10\n\(lines)\n" }

  static let errors: [(text: String, message: String)] = [
    ("", ": the file is empty; write regions, an empty line and phases"),
    ("# a\n\n \n", ": the file is empty; write regions, an empty line and phases"),
    ("a, 4096\n", ": there is no phase; write an empty line after the regions and then a phase"),
    (
      "a\n",
      ":1:1: a region's line has 2 or 3 fields, this one has 1; "
        + "write `NAME, BYTES`, without commas within the number, or begin the phases with an empty line"
    ),
    (
      "# x\n  a, 100,000,000\n",
      ":2:3: a region's line has 2 or 3 fields, this one has 4; "
        + "write `NAME, BYTES`, without commas within the number, or begin the phases with an empty line"
    ),
    (", 4096\n", ":1:1: a region's name is missing; write it before the first comma"),
    (
      "a\u{1B}, 4096\n",
      ":1:1: 'a\u{FFFD}' is not a region's name; use up to 100 characters without control characters"
    ),
    ("a, 1\na, 2\n", ":2:1: a region before it is named 'a' too; give each its own name"),
    ("a, 10M\n", ":1:4: '10M' is not a size in bytes; write digits only"),
    ("a, -1\n", ":1:4: '-1' is not a size in bytes; write digits only"),
    ("a,\n", ":1:3: nothing is not a size in bytes; write digits only"),
    ("a, 0\n", ":1:4: a size in bytes of '0' is out of range; write 1 to 8796090925056"),
    (
      "a, 99999999999999999999\n",
      ":1:4: a size in bytes of '99999999999999999999' is out of range; write 1 to 8796090925056"
    ),
    ("a, 1, \n", ":1:7: the name of the data file is missing; write it, or `none`"),
    ("a, 1\n\np\n", ":3:1: the phase has no time; write its milliseconds in the line after its name"),
    ("a, 1\n\np\n1.5\n", ":4:1: '1.5' is not a time in milliseconds; write digits only"),
    ("a, 1\n\np\n2592000001\n", ":4:1: a time in milliseconds of '2592000001' is out of range; write 0 to 2592000000"),
    ("a, 1\n\np\n10\n", ":3:1: the phase has no access pattern; write a line such as `a, 0, 4096, 1`"),
    ("a, 1\n\np\n10\n\na, 0, 4096, 1\n", ":3:1: the phase has no access pattern; write a line such as `a, 0, 4096, 1`"),
    (
      "a, 1\n\np\n2592000000\na, 0, 1, 1\n\nq\n1\na, 0, 1, 1\n",
      ":8:1: the phases so far take more than 30 days; shorten them"
    ),
    (
      pattern("a, 0, 64"),
      ":5:1: a pattern's line has 4 or 5 fields, this one has 3; "
        + "write `REGION, RANDOM, STRIDE, PROBABILITY`, or end the phase with an empty line"
    ),
    (
      pattern("a, 0, 4,096, 1, wo"),
      ":5:1: a pattern's line has 4 or 5 fields, this one has 6; "
        + "write `REGION, RANDOM, STRIDE, PROBABILITY`, or end the phase with an empty line"
    ),
    (
      pattern("a, 0, 64, 1\nnext\n20"),
      ":6:1: a pattern's line has 4 or 5 fields, this one has 1; "
        + "write `REGION, RANDOM, STRIDE, PROBABILITY`, or end the phase with an empty line"
    ),
    (pattern("b, 0, 64, 1"), ":5:1: 'b' is not a region; known are `a`"),
    (
      pattern("a, 2, 64, 1"), ":5:4: 0 (sequential) or 1 (random) of '2' is out of range; write 0 to 1"
    ),
    (pattern("a, x, 64, 1"), ":5:4: 'x' is not 0 (sequential) or 1 (random); write digits only"),
    (pattern("a, 0, -64, 1"), ":5:7: '-64' is not a stride in bytes; write digits only"),
    (pattern("a, 0, 64, 50%"), ":5:11: '50%' is not a probability; write digits only"),
    (pattern("a, 0, 64, 0"), ":5:11: no pattern of the phase has a probability above 0; write 1 or more in one"),
    (pattern("a, 0, 64, 1, w"), ":5:14: 'w' is not a mode; write ro, wo or rw"),
    (
      "a, 8796090925056\nb, 1\n\np\n1\na, 0, 1, 1\nb, 0, 1, 1\n",
      ":2:1: the regions of process masim have 8 TiB or more together; make them smaller"
    ),
  ]

  @Test(arguments: errors.indices) func badTextIsRefusedWithPlaceAndFix(_ index: Int) {
    let (text, message) = Self.errors[index]
    let error = #expect(throws: WorkloadError.self) { try WorkloadFile.parse(text: text, path: "m.cfg") }
    #expect(error?.description == "m.cfg" + message)
  }

  @Test func damagedTextNeverTraps() {
    let whole = Array(Self.config.utf8)
    let pieces: [[UInt8]] = ["\n", "\n\n", ",", "#", "9", "999999999999999999999", "-", " ", "\r", "é", "ro"].map {
      Array($0.utf8)
    }
    var draws = SplitMix64(seed: 17)
    var accepted = 0
    for _ in 0..<400 {
      var bytes = whole
      for _ in 0...draws.below(4) {
        let at = draws.below(bytes.count)
        if draws.below(2) == 0 {
          bytes.remove(at: at)
        } else {
          bytes.insert(contentsOf: pieces[draws.below(pieces.count)], at: at)
        }
      }
      let text = String(decoding: bytes, as: UTF8.self)
      do throws(WorkloadError) {
        _ = try WorkloadFile.parse(text: text, path: "m.cfg")
        accepted += 1
      } catch { #expect(!error.problem.isEmpty && !error.fix.isEmpty && !error.description.contains("\n")) }
    }
    #expect(accepted > 20 && accepted < 380)
  }

  @Test func theExampleIsGood() throws {
    let spec = try WorkloadFile.parse(path: workloadsFolder + "/moving.cfg")
    #expect(spec.name == "moving" && spec.footprint == 3 * 4_883)
    #expect(spec.about == "masim configuration, 3 regions, 3 phases of 3300 ms together")
  }

  @Test func filesOfMasimItselfAreRead() throws {
    guard let folder = sharedFolder else { return }
    let expected = [("demo", 2 * 24_415, 7, 40), ("stairs", 10 * 2_442, 11, 60), ("zigzag", 2 * 24_415, 13, 70)]
    for (name, pages, phases, seconds) in expected {
      let path = folder + "/fixtures/masim/\(name).cfg"
      guard FileManager.default.fileExists(atPath: path) else {
        print("SKIPPED: no \(path)")
        continue
      }
      let spec = try WorkloadFile.parse(path: path)
      #expect(spec.name == name && spec.footprint == pages)
      let mixes = try actions(spec).compactMap { action -> MixSpec? in
        if case .mix(let mix) = action { mix } else { nil }
      }
      #expect(mixes.count == phases && mixes.reduce(0) { $0 + $1.duration } == seconds * .second)
      #expect(mixes.allSatisfy { $0.windows.allSatisfy { $0.access.writes == .every(1) } })
    }
  }
}
