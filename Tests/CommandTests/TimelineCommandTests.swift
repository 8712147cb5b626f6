// `pageferry run --timeline`: its arguments, and the file in the run directory.

import Foundation
import Testing

@Suite struct TimelineCommandTests {
  private static let workload = """
    name: small
    about: writes beyond the fast node
    regions:
      A: {pages: 4700}
    tasks:
      - name: main
        phases:
          - access: A
            write_every: 1
    """
  private static let knobs = [
    "hw.cpus=1", "hw.node0.size=16M", "hw.node1.size=64M", "kernel.rules=tpp2021", "mm.numa.demotion_enabled=1",
    "kernel.numa_balancing=2", "vm.demote_scale_factor=1000",
  ].flatMap { ["--set", $0] }

  @Test(arguments: [
    (["--timeline", "small.yaml", "small.yaml"], "--timeline: 'small.yaml'"),
    (["--timeline", "small.yaml"], "Missing expected argument '<workload.yaml>'"),
    (["small.yaml", "--timeline", "2s:1s"], "a window ends behind its beginning"),
    (["small.yaml", "--timeline", "1:2"], "needs its unit"),
    (["small.yaml", "--timeline-events", "5"], "add --timeline"),
    (["small.yaml", "--timeline", "--timeline-events", "0"], "is not 1 to 10000000"),
  ]) func `bad arguments are refused`(_ arguments: [String], _ reason: String) throws {
    try Command.withFolder { folder in
      try Command.write(Self.workload, folder + "/small.yaml")
      let outcome = try Command.run(["run"] + arguments, in: folder)
      #expect(outcome.status == 2)
      #expect(outcome.error.hasPrefix("pageferry:") && outcome.error.contains(reason), "\(outcome.error)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["small.yaml"])
    }
  }

  @Test func `the file is one of the run directory`() throws {
    try Command.withFolder { folder in
      try Command.write(Self.workload, folder + "/small.yaml")
      for (name, arguments) in [
        ("standard", ["--timeline"]), ("window", ["--timeline", "1us:1s", "--timeline-events", "100"]), ("plain", []),
      ] {
        let outcome = try Command.run(
          ["run", "small.yaml", "--quiet", "--out", name] + Self.knobs + arguments, in: folder)
        #expect(outcome.status == 0, "\(outcome.error)")
      }
      func text(_ path: String) throws -> String { try String(contentsOfFile: folder + "/" + path, encoding: .utf8) }
      let standard = try text("standard/timeline.json")
      #expect(standard.contains("\"name\":\"unmap\"") && standard.contains("\"was_full\":false"))
      #expect(try text("standard/run.json").contains("\"timeline.json\": \""))
      let window = try text("window/timeline.json")
      #expect(window.contains("\"window_from_ps\":1000000,\"window_to_ps\":"))
      #expect(window.contains("\"window_wanted_to_ps\":1000000000000,\"was_full\":true,\"limit\":100,\"records\":"))
      #expect(!FileManager.default.fileExists(atPath: folder + "/plain/timeline.json"))
      #expect(try text("plain/trace.txt") == text("standard/trace.txt"))
    }
  }
}
