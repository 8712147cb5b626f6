// Bad, damaged and hostile files: the exact messages, and that nothing traps.
import Events
import Foundation
import Testing

@testable import Workload

@Suite struct ErrorTests {
  /// A file with one task of these phases over region A of 100 pages; the phases begin in line 4.
  static func phases(_ text: String) -> String {
    "name: w\nregions: {A: {pages: 100}}\ntasks: [{phases: [\n\(text)\n]}]"
  }

  /// A file whose one task, in line 2, has these keys beside a trace.
  static func task(_ keys: String) -> String { "name: w\ntasks: [{trace: t, \(keys)}]" }

  /// A file with this region beside a task that uses it.
  static func region(_ text: String) -> String {
    "name: w\nregions: {A: \(text)}\ntasks: [{phases: [{access: A}]}]"
  }

  /// Text and the message that refuses it, without the path.
  static let table: [(text: String, message: String)] = [
    ("", ": the file is empty; write at least `name:` and `tasks:`"),
    ("# nothing", ": the file is empty; write at least `name:` and `tasks:`"),
    ("---", ":2:1: is nothing, not a mapping; write its keys, such as `name`"),
    ("just text", ":1:1: is 'just text', not a mapping; write its keys, such as `name`"),
    ("- a\n- b", ":1:1: is a list, not a mapping; write its keys, such as `name`"),
    ("tasks: [{trace: t}]", ":1:1: `name` is missing; write `name:` and a name for reports"),
    ("name: w", ":1:1: `tasks` is missing; write `tasks:` with at least one task"),
    ("name: w\ntasks: []", ":2:8: tasks: is an empty list; write at least one task"),
    ("name: w\ntasks: {trace: t}", ":2:8: tasks: is a mapping, not a list; write a list of tasks, one `-` each"),
    (
      "name: a b\ntasks: [{trace: t}]",
      ":1:7: name: 'a b' is not a name; use up to 100 letters, digits, `.`, `_` and `-`, no `.` in front"
    ),
    (
      "name: w\nabout: \"red \\e[31m\"\ntasks: [{trace: t}]",
      ":2:8: about: has the control character U+001B; write printable characters only"
    ),
    (
      "name: w\nabout: \"red \\x9b31m\"\ntasks: [{trace: t}]",
      ":2:8: about: has the control character U+009B; write printable characters only"
    ),
    ("name: [w]\ntasks: [{trace: t}]", ":1:7: name: is a list, not a name; write a name"),
    ("name:\ntasks: [{trace: t}]", ":1:6: name: is nothing, not a name; write a name"),
    ("name: w\nabuot: x\ntasks: [{trace: t}]", ":2:1: abuot: a workload has no such key; did you mean `about`?"),
    (
      "name: w\nzzz: x\ntasks: [{trace: t}]",
      ":2:1: zzz: a workload has no such key; known are `name`, `about`, `seed`, `footprint`, `regions`, `tasks`, `events`, `age`"
    ),
    ("name: w\nname: v\ntasks: [{trace: t}]", ":1:1: name: the key is written twice; keep one of them"),
    (
      "name: w\n1: {2: 3}\n? [a]\n: b\ntasks: [{trace: t}]",
      ":3:3: has a key that is not text; write its keys, such as `name`"
    ),
    (
      "name: w\nseed: -1\ntasks: [{trace: t}]", ":2:7: seed: '-1' is not a number from 0 to 2^64 - 1; write digits only"
    ),
    (
      "name: w\nseed: 99999999999999999999\ntasks: [{trace: t}]",
      ":2:7: seed: '99999999999999999999' is not a number from 0 to 2^64 - 1; write digits only"
    ),
    (
      "name: w\nfootprint: 5000\ntasks: [{trace: t}]",
      ":2:12: footprint: 5000 bytes is not a whole number of 4 KiB pages; write a multiple of 4K"
    ),
    ("name: w\n\ttasks: []", ":2:1: not YAML: a tab character indents; indent with spaces"),
    ("name: \"w", ":1:9: not YAML: found unexpected end of stream; check indentation, brackets and quotes"),
    (
      "name: w\ntasks: [{trace: t}",
      ":3:1: not YAML: did not find expected ',' or ']'; check indentation, brackets and quotes"
    ),
    ("name: w\n--- \nname: v", ":2:1: not YAML: another document begins; keep one document in the file"),
    (
      "name: *b\ntasks: [{trace: t}]",
      ":1:7: not YAML: `*` names an anchor that is not there; quote text that begins with `*`"
    ),
    (
      "name: w\u{1}\ntasks: []",
      ":1:8: not text: control characters are not allowed; a workload file holds printable characters only"
    ),
    (region("{size: 10M, pages: 3}"), ":2:21: regions.A.size: `pages` gives the size already; keep one of them"),
    (region("{}"), ":2:14: regions.A: `size` is missing; write `size: 600M` or `pages: 153600`"),
    (region("{pages: 0}"), ":2:22: regions.A.pages: 0 is out of range; write 1 to 2147483136"),
    (region("{pages: 2147483137}"), ":2:22: regions.A.pages: 2147483137 is out of range; write 1 to 2147483136"),
    (
      region("{pages: 1e3}"),
      ":2:22: regions.A.pages: '1e3' is not a whole number; write digits only, such as 1000000 or 1_000_000"
    ),
    (
      region("{size: 10X}"),
      ":2:21: regions.A.size: '10X' has an unknown unit 'X'; use K, M, G or T, which are powers of 1024"
    ),
    (region("{size: -10M}"), ":2:21: regions.A.size: '-10M' is negative; write a size such as 600M"),
    (
      region("{size: 1.3K}"),
      ":2:21: regions.A.size: '1.3K' is not a whole number of bytes below 2^63; write a size such as 600M"
    ),
    (
      region("{size: 99999999999T}"),
      ":2:21: regions.A.size: '99999999999T' is not a whole number of bytes below 2^63; write a size such as 600M"
    ),
    (region("{size: 16T}"), ":2:21: regions.A.size: '16T' is out of range; write less than 8T"),
    (region("{size: 8T}"), ":2:21: regions.A.size: '8T' is out of range; write less than 8T"),
    (region("{size: M}"), ":2:21: regions.A.size: 'M' is not a number; write a size such as 600M"),
    (region("{pages: 1, kind: anon}"), ":2:31: regions.A.kind: 'anon' is not known; known are `anonymous`, `file`"),
    (
      region("{pages: 1, thp: sometimes}"),
      ":2:30: regions.A.thp: 'sometimes' is not known; known are `default`, `madvise`, `never`, `always`"
    ),
    (region("{pages: 1, szie: 3}"), ":2:25: regions.A.szie: a region has no such key; did you mean `size`?"),
    (region("3"), ":2:14: regions.A: is '3', not a mapping; write its keys, such as `size`"),
    (
      "name: w\nregions: {A: {pages: 1}}\ntasks: [{trace: t}]",
      ":2:11: regions.A: no task uses the region; remove it, or access it in a phase"
    ),
    (
      "name: w\nregions: [A]\ntasks: [{trace: t}]",
      ":2:10: regions: is a list, not a mapping; write `NAME: {size: 600M}` for each region"
    ),
    (
      "name: w\nregions: {A: {pages: 2147483136}, B: {pages: 1}}\ntasks: [{phases: [{access: A}, {access: B}]}]",
      ":2:35: regions.B: the regions of process task0 have 8 TiB or more together; make them smaller"
    ),
    ("name: w\ntasks: [{weight: 1}]", ":2:9: tasks[0]: `phases` is missing; write `trace: FILE` or `phases:`"),
    (task("phases: []"), ":2:28: tasks[0].phases: the task replays a trace already; make a second task of the phases"),
    (task("cpus: 3-1"), ":2:26: tasks[0].cpus: '3-1' is not an ascending range below 4096; write 0, 0-3 or [0, 2]"),
    (
      task("cpus: 0-9999999999999999999999"),
      ":2:26: tasks[0].cpus: '0-9999999999999999999999' is not a list of CPUs; write 0, 0-3 or [0, 2]"
    ),
    (task("cpus: []"), ":2:26: tasks[0].cpus: is an empty list; write 0, 0-3 or [0, 2], or leave it out for any CPU"),
    (task("cpus: [a]"), ":2:27: tasks[0].cpus[0]: 'a' is not a list of CPUs; write 0, 0-3 or [0, 2]"),
    (task("cpus: 0-1-2"), ":2:26: tasks[0].cpus: '0-1-2' is not a list of CPUs; write 0, 0-3 or [0, 2]"),
    (task("threads: 0"), ":2:29: tasks[0].threads: 0 is out of range; write 1 to 4096"),
    (task("mlp: 0.5"), ":2:25: tasks[0].mlp: '0.5' is out of range; write 1 to 1024"),
    (task("mlp: 1.2345"), ":2:25: tasks[0].mlp: '1.2345' is not a number of at most three decimals; write 1 to 1024"),
    (
      task("bytes: 100"),
      ":2:27: tasks[0].bytes: 100 is not the size of an access; write 64, 128, 256, 512, 1024, 2048 or 4096"
    ),
    (task("weight: 0"), ":2:28: tasks[0].weight: 0 is out of range; write 1 to 1000000"),
    (
      task("repeat: never"),
      ":2:28: tasks[0].repeat: 'never' is not a whole number; write digits only, such as 1000000 or 1_000_000"
    ),
    (
      task("repeat: forever"),
      ":2:9: tasks[0]: every task goes on forever, so the run never ends; give one task a number of repeats"
    ),
    (task("start: 5"), ":2:27: tasks[0].start: '5' has no unit; use ps, ns, us, ms, s, min or h, as in 36ms"),
    (
      task("start: 5 parsecs"),
      ":2:27: tasks[0].start: '5 parsecs' has an unknown unit 'parsecs'; use ps, ns, us, ms, s, min or h, as in 36ms"
    ),
    (
      task("start: 31000h"),
      ":2:27: tasks[0].start: '31000h' is not a whole number of picoseconds up to 30 days; write a time such as 36ms"
    ),
    (
      task("start: 0.5ps"),
      ":2:27: tasks[0].start: '0.5ps' is not a whole number of picoseconds up to 30 days; write a time such as 36ms"
    ),
    (task("trace: u"), ":2:10: trace: the key is written twice; keep one of them"),
    (
      "name: w\ntasks: [{name: a, trace: t}, {name: a, trace: u}]",
      ":2:30: tasks[1]: a task before it is named 'a' too; give each task its own name"
    ),
    (
      "name: w\ntasks: [{name: a, process: b, trace: t}, {name: b, trace: u}]",
      ":2:42: tasks[1]: task 'b' has a process of its own, and another task's process bears that name; write `process:` for this task"
    ),
    (
      "name: w\nregions: {A: {pages: 1}}\ntasks:\n- {name: a, process: p, phases: [{access: A}]}\n"
        + "- {name: b, process: q, phases: [{access: A}]}",
      ":5:22: tasks[1].process: process 'q' shares a region with process 'p'; give both the same process, or each its own region"
    ),
    (
      phases("{}"),
      ":4:1: tasks[0].phases[0]: names no action; known are `access`, `mix`, `map`, `unmap`, `sleep`, `compute`, `set`, `snap`, `buddyinfo`, `punch`, `mark`, `loop`"
    ),
    (phases(""), ":3:18: tasks[0].phases: is an empty list; write at least one phase"),
    (phases("{acess: A}"), ":4:2: tasks[0].phases[0].acess: names no action; did you mean `access`?"),
    (phases("{access: B}"), ":4:10: tasks[0].phases[0].access: 'B' is not a region; known are `A`"),
    (
      phases("{access: A, map: A}"),
      ":4:13: tasks[0].phases[0].map: is an action of its own beside `access`; begin a new phase with `-`"
    ),
    (
      phases("{access: A, strid: 3}"),
      ":4:13: tasks[0].phases[0].strid: an `access` phase has no such key; did you mean `stride`?"
    ),
    (phases("{map: A, sede: 3}"), ":4:10: tasks[0].phases[0].sede: a `map` phase has no such key; known are `map`"),
    (
      phases("{access: A, pattern: zip}"), ":4:22: tasks[0].phases[0].pattern: 'zip' is not known; did you mean `zipf`?"
    ),
    (
      phases("{access: A, pattern: zipf, stride: 3}"),
      ":4:36: tasks[0].phases[0].stride: does not go with pattern zipf; remove it or write `pattern: strided`"
    ),
    (
      phases("{access: A, exponent: 2}"),
      ":4:23: tasks[0].phases[0].exponent: does not go with pattern seq; remove it or write `pattern: zipf`"
    ),
    (
      phases("{access: A, pattern: zipf, exponent: 9}"),
      ":4:38: tasks[0].phases[0].exponent: '9' is out of range; write 0.001 to 8"
    ),
    (
      phases("{access: A, pattern: zipf, exponent: x}"),
      ":4:38: tasks[0].phases[0].exponent: 'x' is not a number; write a number from 0.001 to 8"
    ),
    (
      phases("{access: A, hot: 3}"),
      ":4:18: tasks[0].phases[0].hot: does not go with pattern seq; remove it or write `pattern: drift`"
    ),
    (
      phases("{access: A, pattern: strided}"),
      ":4:1: tasks[0].phases[0]: `stride` is missing; write `stride: 8` or `pattern: seq`"
    ),
    (phases("{access: A, pattern: drift}"), ":4:1: tasks[0].phases[0]: `hot` is missing; write how many pages are hot"),
    (
      phases("{access: A, pattern: drift, hot: 100}"),
      ":4:34: tasks[0].phases[0].hot: 100 is out of range; write 1 to 99"
    ),
    (
      phases("{access: A, pattern: drift, hot: 10, hot_share: 0.9}"),
      ":4:49: tasks[0].phases[0].hot_share: '0.9' has no percent sign; write a share such as 30%"
    ),
    (
      phases("{access: A, pattern: drift, hot: 10, hot_share: 90.00001%}"),
      ":4:49: tasks[0].phases[0].hot_share: '90.00001%' has more than four decimals; write a share such as 0.5%"
    ),
    (
      phases("{access: A, pattern: drift, hot: 10, hot_share: 190%}"),
      ":4:49: tasks[0].phases[0].hot_share: '190%' is more than 100%; write 0% to 100%"
    ),
    (
      phases("{access: A, pattern: drift, hot: 10, hot_share: 90%}"),
      ":4:1: tasks[0].phases[0]: `period` is missing; write after how many accesses the hot set moves"
    ),
    (phases("{access: A, first: 100}"), ":4:20: tasks[0].phases[0].first: 100 is out of range; write 0 to 99"),
    (phases("{access: A, first: 60, pages: 41}"), ":4:31: tasks[0].phases[0].pages: 41 is out of range; write 1 to 40"),
    (
      phases("{access: A, accesses: 0}"),
      ":4:23: tasks[0].phases[0].accesses: 0 is out of range; write 1 to 1099511627776"
    ),
    (
      phases("{access: A, accesses: 1099511627776, rounds: 1000000000}"),
      ":4:1: tasks[0].phases[0]: accesses add up to more than 2^60; make fewer accesses or rounds"
    ),
    (
      phases("{access: A, for: 1s, rounds: 3}"),
      ":4:30: tasks[0].phases[0].rounds: `for` says how long the phase is already; keep one of them"
    ),
    (
      phases("{access: A, for: 0}"),
      ":4:18: tasks[0].phases[0].for: a phase of no time makes no access; write a time such as 10s"
    ),
    (
      phases("{access: A, for: 40000min}, {access: A, for: 4000min}"),
      ":4:29: tasks[0].phases[1]: waits and think times add up to more than 30 days; shorten or repeat less"
    ),
    (
      phases("{access: A, pattern: sweep}"),
      ":4:1: tasks[0].phases[0]: `stride` is missing; write the step in bytes, as in `stride: 64`"
    ),
    (
      phases("{access: A, pattern: sweep, stride: 9T}"),
      ":4:37: tasks[0].phases[0].stride: 9895604649984 bytes is out of range; write at most 8T"
    ),
    (
      phases("{access: A, pattern: uniform, size: 401K}"),
      ":4:37: tasks[0].phases[0].size: 410624 bytes is out of range; write 1 to 409600 bytes"
    ),
    (
      phases("{access: A, pattern: uniform, pages: 3, size: 1}"),
      ":4:38: tasks[0].phases[0].pages: `size` gives the window already; keep one of them"
    ),
    (
      phases("{access: A, pattern: zipf, size: 4K}"),
      ":4:34: tasks[0].phases[0].size: does not go with pattern zipf; remove it or write `pattern: sweep`"
    ),
    (
      phases("{mix: A, for: 1s}"),
      ":4:7: tasks[0].phases[0].mix: is 'A', not a list; write a list of windows such as `{access: A, weight: 3}`, one `-` each"
    ),
    (
      phases("{mix: [], for: 1s}"),
      ":4:7: tasks[0].phases[0].mix: has no window with a weight above 0; list at least one"
    ),
    (
      phases("{mix: [{access: A, weight: 0}], for: 1s}"),
      ":4:7: tasks[0].phases[0].mix: has no window with a weight above 0; list at least one"
    ),
    (
      phases("{mix: [{access: A}]}"),
      ":4:1: tasks[0].phases[0]: `for` is missing; write how long the phase is, as in `for: 10s`"
    ),
    (
      phases("{mix: [{access: A, wieght: 2}], for: 1s}"),
      ":4:20: tasks[0].phases[0].mix[0].wieght: a window of a mix has no such key; did you mean `weight`?"
    ),
    (phases("{mix: [{weight: 2}], for: 1s}"), ":4:8: tasks[0].phases[0].mix[0]: `access` is missing; name a region"),
    (
      phases("{mix: [{access: A}, {access: A, pattern: chase}], for: 1s}"),
      ":4:21: tasks[0].phases[0].mix[1]: pattern chase waits for the access before it, other patterns do not; make a task of its own of the chase"
    ),
    (
      phases("{mix: [{access: A}], for: 1s, batch: 0}"),
      ":4:38: tasks[0].phases[0].batch: 0 is out of range; write 1 to 1073741824"
    ),
    (
      phases("{unmap: A}, {mix: [{access: A}], for: 1s}"),
      ":4:13: tasks[0].phases[1]: region 'A' is not mapped here; put `- map: A` before it"
    ),
    (
      phases("{access: A, accesses: 1000000000, think: 1s}"),
      ":4:1: tasks[0].phases[0]: waits and think times add up to more than 30 days; shorten or repeat less"
    ),
    (
      phases("{access: A, write_every: 2, write_share: 3%}"),
      ":4:26: tasks[0].phases[0].write_every: `write_share` says which accesses write already; keep one of them"
    ),
    (phases("{sleep: soon}"), ":4:9: tasks[0].phases[0].sleep: 'soon' is not a number; write a time such as 36ms"),
    (phases("{set: {}}"), ":4:7: tasks[0].phases[0].set: is empty; write `{knob: value}`"),
    (
      phases("{set: {vm.swappiness: [1]}}"),
      ":4:23: tasks[0].phases[0].set.vm.swappiness: is a list, not a knob's value; write a knob's value"
    ),
    (
      phases("{mark: a, warmup: maybe}"),
      ":4:19: tasks[0].phases[0].warmup: 'maybe' is neither true nor false; write true or false"
    ),
    (phases("{punch: A}"), ":4:1: tasks[0].phases[0]: `share` is missing; write `share: 50%`"),
    (phases("{loop: 3}"), ":4:1: tasks[0].phases[0]: `phases` is missing; write `phases:` with what is repeated"),
    (
      phases("{loop: 0, phases: [{access: A}]}"),
      ":4:8: tasks[0].phases[0].loop: 0 is out of range; write 1 to 1000000000"
    ),
    (
      phases("{loop: forever, phases: [{access: A}]}"),
      ":3:9: tasks[0]: every task goes on forever, so the run never ends; give one task a number of repeats"
    ),
    (
      phases("{loop: forever, phases: [{access: A}]}, {sleep: 1s}"),
      ":4:41: tasks[0].phases[1]: comes after a `loop: forever` and never runs; make a second task of it"
    ),
    (
      phases("{access: A}, {loop: forever, phases: [{mark: a}]}"),
      ":3:9: tasks[0]: every task goes on forever, so the run never ends; give one task a number of repeats"
    ),
    (
      phases("{loop: 1000000000, phases: [{loop: 1000000000, phases: [{snap: A}]}]}"),
      ":4:1: tasks[0].phases[0]: loops run more than 1000000000 phases; repeat less"
    ),
    (
      phases("{access: A}, {map: A}"),
      ":4:1: tasks[0].phases[0]: region 'A' is not mapped here; put `- map: A` before it"
    ),
    (
      phases("{loop: 2, phases: [{map: A}, {access: A}, {unmap: A}]}, {snap: A}"),
      ":4:57: tasks[0].phases[1]: region 'A' is not mapped here; put `- map: A` before it"
    ),
    (
      phases("{loop: 2, phases: [{sleep: 1s}, {unmap: A}]}, {map: A}"),
      ":4:33: tasks[0].phases[0].phases[1]: region 'A' is not mapped here; put `- map: A` before it"
    ),
    (
      "name: w\nevents: [{at: 1s}]\ntasks: [{trace: t}]",
      ":2:10: events[0]: `set` is missing; write `set: {knob: value}`"
    ),
    (
      "name: w\nevents: {at: 1s}\ntasks: [{trace: t}]",
      ":2:9: events: is a mapping, not a list; write a list of `{at: 10s, set: {knob: value}}`, one `-` each"
    ),
  ]

  @Test(arguments: table.indices) func badTextIsRefusedWithPlaceAndFix(_ index: Int) {
    let (text, message) = Self.table[index]
    let error = #expect(throws: WorkloadError.self) { try WorkloadFile.parse(text: text, path: "w.yaml") }
    #expect(error?.description == "w.yaml" + message)
  }

  @Test func hostileTextIsRefusedSoon() throws {
    let bomb = (1...30).map {
      "a\($0): &a\($0) [\(Array(repeating: $0 == 1 ? "x" : "*a\($0 - 1)", count: 9).joined(separator: ", "))]"
    }
    let cases: [(String, String)] = [
      (bomb.joined(separator: "\n"), "w.yaml:3:45: more than 16 aliases (`*name`); write the values out"),
      ("a: &a [x]\n? [*a, *a]\n: 1", "w.yaml:2:3: has a key that is not text"),
      (String(repeating: "[", count: 50_000), "w.yaml:"),
      (String(repeating: "{a: ", count: 50_000), "w.yaml:"),
      (String(repeating: "- ", count: 50_000), "w.yaml:"),
      (String(repeating: " ", count: 2 << 20), "w.yaml: the file is larger than 1 MiB"),
      ("name: w\ntasks: [{phases: \(loops(9))}]", "w.yaml:2:"),
      ("name: \"\\0\"\ntasks: [{trace: t}]", "w.yaml:1:7: name: '\u{FFFD}' is not a name"),
      ("name: w\ntasks: [{trace: \"\\0\"}]", "w.yaml:2:17: tasks[0].trace: has a NUL character"),
    ]
    for (text, start) in cases {
      let error = #expect(throws: WorkloadError.self) { try WorkloadFile.parse(text: text, path: "w.yaml") }
      #expect(error?.description.hasPrefix(start) == true, "\(error?.description ?? "")")
    }
    _ = try WorkloadFile.parse(
      text: "name: w\nregions: {A: {pages: 1}}\ntasks: [{phases: [{access: A}, {loop: 1, phases: \(loops(7))}]}]",
      path: "w.yaml")
  }

  private func loops(_ depth: Int) -> String {
    (0..<depth).reduce("[{sleep: 1ns}]") { inner, _ in "[{loop: 2, phases: \(inner)}]" }
  }

  /// Cuts and changes of good text end in a spec or an error, never in a trap.
  @Test func damagedTextNeverTraps() throws {
    let good = Array(KeyTests.everything.utf8)
    var draws = SplitMix64(seed: 2)
    let spice = Array("{}[]:-,*&!|>'\"%@`#\n\t 0199999999e.".utf8) + [0, 0x7F, 0xC3, 0xFF]
    var refused = 0
    for _ in 0..<1_500 {
      var bytes = good
      for _ in 0...draws.below(3) {
        let at = draws.below(bytes.count)
        switch draws.below(3) {
        case 0: bytes[at] = spice[draws.below(spice.count)]
        case 1: bytes.removeSubrange(at..<min(bytes.count, at + 1 + draws.below(20)))
        default: bytes.insert(spice[draws.below(spice.count)], at: at)
        }
      }
      do {
        _ = try WorkloadFile.parse(text: String(decoding: bytes, as: UTF8.self), path: "w.yaml")
      } catch {
        refused += 1
        #expect(!error.problem.isEmpty && !error.fix.isEmpty)
      }
    }
    #expect(refused > 500)
  }

  @Test func unreadableFilesAreRefused() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("workload-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func refusal(_ path: String) -> String? {
      #expect(throws: WorkloadError.self) { try WorkloadFile.parse(path: path) }?.description
    }
    let missing = folder.path + "/none.yaml"
    #expect(refusal(missing) == "\(missing): cannot open: No such file or directory; check the path")
    #expect(refusal(folder.path) == "\(folder.path): cannot read: Is a directory; name a readable file")
    let binary = folder.path + "/binary.yaml"
    try Data([0x61, 0x0A, 0x62, 0x63, 0xFF, 0xFE]).write(to: URL(fileURLWithPath: binary))
    #expect(refusal(binary) == "\(binary):2:3: not UTF-8 text; save the file as UTF-8")
  }
}
