// pageferry sweep, as a user runs it, kills it and runs it again.

import Foundation
import Testing

private let small = """
  name: small
  regions:
    A: {pages: 1024}
  tasks:
    - name: main
      phases:
        - access: A
          write_every: 1
        - access: A
          pattern: zipf
          accesses: 2_000
          rounds: 20
  """

private let machine = ["--set", "hw.node0.size=2M", "--set", "vm.min_free_kbytes=128", "--set", "sim.time_scale=1000"]
private let tiering = ["--set", "mm.numa.demotion_enabled=1", "--set", "kernel.numa_balancing=2"]

private func start(_ arguments: [String], in folder: String) throws -> Process {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: Command.path)
  process.arguments = arguments
  process.currentDirectoryURL = URL(fileURLWithPath: folder)
  process.standardOutput = FileHandle.nullDevice
  process.standardError = FileHandle.nullDevice
  try process.run()
  return process
}

@Suite struct SweepCommandTests {
  @Test func `a sweep is run, continued, shown, exported and drawn`() throws {
    try Command.withFolder { folder in
      try Command.write(small, folder + "/small.yaml")
      let first = try Command.run(
        ["sweep", "small.yaml", "--vary", "vm.limit_chans=1:4:*2", "--out", "a.sqlite"] + machine, in: folder)
      #expect(first.status == 0 && first.error == "")
      #expect(first.out == "3 cells: 3 run, 0 in a.sqlite before; pageferry sweep show a.sqlite\n")
      let more = try Command.run(
        ["sweep", "run", "small.yaml", "--vary", "vm.limit_chans=1,2,8", "--out", "a.sqlite", "--json"] + machine,
        in: folder)
      #expect(
        more.out
          == "{\n  \"cells\": 3,\n  \"made\": 1,\n  \"known\": 2,\n  \"made_by_others\": 0,\n  \"failed\": 0,\n  "
          + "\"file\": \"a.sqlite\"\n}\n")
      let shown = try Command.run("sweep", "show", "a.sqlite", in: folder)
      #expect(shown.out.hasPrefix("sweep 1: small, 4 cells of 4 combinations\n"))
      let csv = try Command.run("sweep", "export", "a.sqlite", "--csv", in: folder)
      #expect(csv.out.split(separator: "\n").count == 5)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["a.sqlite", "small.yaml"])
      let figure = try Command.run("sweep", "plot", "a.sqlite", "-o", "a.svg", in: folder)
      if figure.error.contains("apt-get install gnuplot-nox") { return print("SKIPPED: gnuplot is not installed") }
      #expect(figure.status == 0 && figure.error == "")
      #expect(FileManager.default.fileExists(atPath: folder + "/a.svg"))
    }
  }

  @Test func `a row's knobs run the same again`() throws {
    try Command.withFolder { folder in
      try Command.write(small, folder + "/small.yaml")
      let arguments = ["sweep", "small.yaml", "--vary", "sim.epoch=20us", "--seeds", "2", "--out", "a.sqlite", "-q"]
      #expect(try Command.run(arguments + machine + tiering, in: folder).status == 0)
      let json = try Command.run("sweep", "show", "a.sqlite", "--json", in: folder).out
      let sweeps = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]])
      let cells = try #require(sweeps[0]["cells"] as? [[String: Any]])
      let digest = try #require(cells[1]["run_json_digest"] as? String)
      // What seed 1 is, by hand.
      let seed = [
        "--set", "sim.epoch=20us", "--set", "sim.seed=2", "--set", "sim.workload_seed=1", "--set",
        "sim.start_delay=37ms",
      ]
      let run = try Command.run(["run", "small.yaml", "--out", "r", "-q"] + machine + tiering + seed, in: folder)
      #expect(run.status == 0)
      var value: UInt64 = 0xCBF2_9CE4_8422_2325
      for byte in try Data(contentsOf: URL(fileURLWithPath: folder + "/r/run.json")) {
        value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
      }
      let digits = String(value, radix: 16)
      #expect(digest == "fnv1a64:" + String(repeating: "0", count: 16 - digits.count) + digits)
    }
  }

  @Test(arguments: [
    (["--vary", "vm.limit_chan=1"], "pageferry: --vary: unknown knob 'vm.limit_chan'; did you mean vm.limit_chans?\n"),
    (["--vary", "vm.limit_chans=1:16:*2"], "pageferry: vm.limit_chans=16 (--vary): out of range 1...8 (channels)\n"),
    ([], "pageferry: nothing varies; add --vary KNOB=VALUES, as --vary vm.limit_chans=1,2,4,8, or --seeds 5\n"),
  ])
  func `bad arguments end with 2, one line and no file`(arguments: [String], message: String) throws {
    try Command.withFolder { folder in
      try Command.write(small, folder + "/small.yaml")
      let outcome = try Command.run(["sweep", "small.yaml", "--out", "a.sqlite"] + arguments, in: folder)
      #expect(outcome.status == 2 && outcome.out == "")
      #expect(outcome.error == message)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["small.yaml"])
    }
  }

  @Test func `a cell that fails makes the status 1, and is in the file`() throws {
    try Command.withFolder { folder in
      try Command.write(small, folder + "/small.yaml")
      let arguments = ["sweep", "small.yaml", "--vary", "hw.node1.size=0,64M", "--out", "a.sqlite"]
      let outcome = try Command.run(arguments + machine, in: folder)
      #expect(outcome.status == 1)
      #expect(outcome.error.hasPrefix("pageferry: 1 of 2 cells have no result; the first: hw.node1.size=0, seed 0: "))
      #expect(outcome.error.split(separator: "\n").count == 1)
      let csv = try Command.run("sweep", "export", "a.sqlite", in: folder).out.split(separator: "\n")
      #expect(csv.count == 3 && csv[1].contains(",failed,") && csv[2].contains(",ok,"))
    }
  }

  @Test func `killed at any moment, a sweep goes on with what it has`() throws {
    try Command.withFolder { folder in
      try Command.write(small, folder + "/small.yaml")
      let arguments =
        ["sweep", "small.yaml", "--vary", "vm.dsa_copy_threshold=1:8:+1", "--seeds", "2", "--jobs", "2", "-q"] + machine
        + tiering
      #expect(try Command.run(arguments + ["--out", "whole.sqlite"], in: folder).status == 0)
      var rows: Set<Substring> = []
      for attempt in 1...6 {
        let process = try start(arguments + ["--out", "killed.sqlite"], in: folder)
        usleep(UInt32(attempt * 60_000))
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        guard FileManager.default.fileExists(atPath: folder + "/killed.sqlite") else { continue }
        let csv = try Command.run("sweep", "export", "killed.sqlite", in: folder)
        // Killed before its tables were there, the file is empty; it is taken again all the same.
        guard csv.status == 0 else { continue }
        let now = Set(csv.out.split(separator: "\n").dropFirst())
        #expect(now.isSuperset(of: rows), "attempt \(attempt)")
        rows = now
      }
      let last = try Command.run(arguments.filter { $0 != "-q" } + ["--out", "killed.sqlite"], in: folder)
      #expect(last.out.hasPrefix("16 cells: \(16 - rows.count) run, \(rows.count) in killed.sqlite before;"))
      let whole = try Command.run("sweep", "export", "whole.sqlite", in: folder).out
      #expect(whole.split(separator: "\n").count == 17)
      #expect(try Command.run("sweep", "export", "killed.sqlite", in: folder).out == whole)
    }
  }

  @Test func `two processes on one file make one sweep`() throws {
    try Command.withFolder { folder in
      try Command.write(small, folder + "/small.yaml")
      let arguments =
        ["sweep", "small.yaml", "--vary", "vm.dsa_copy_threshold=1:6:+1", "--jobs", "1", "-q"] + machine + tiering
      let both = try (0..<2).map { _ in try start(arguments + ["--out", "two.sqlite"], in: folder) }
      for process in both {
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
      }
      #expect(try Command.run(arguments + ["--out", "one.sqlite"], in: folder).status == 0)
      let one = try Command.run("sweep", "export", "one.sqlite", in: folder).out
      #expect(one.split(separator: "\n").count == 7)
      #expect(try Command.run("sweep", "export", "two.sqlite", in: folder).out == one)
    }
  }
}
