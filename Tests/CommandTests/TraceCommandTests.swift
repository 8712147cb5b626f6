// Traces through the command, and workloads that replay them.

import Foundation
import Testing

@Suite struct TraceCommandTests {
  /// 16 MiB written page by page, then the same pages in reverse.
  private static var text: String {
    var text = ""
    for page in 0..<4096 { text += " S \(String(0x4000_0000 + page * 4096, radix: 16)),8\n" }
    for page in (0..<4096).reversed() { text += "I  400000,4\n L \(String(0x4000_0000 + page * 4096, radix: 16)),8\n" }
    return text
  }

  @Test func `an imported trace is replayed, twice and by two tasks alike`() throws {
    try Command.withFolder { folder in
      let made = try Command.run(
        "trace", "import", "--format", "lackey", "-", "-o", "t.pft", "--program", "made up", in: folder,
        input: Self.text)
      #expect(made.status == 0, "\(made.error)")
      let info = try Command.run("trace", "info", "t.pft", in: folder)
      #expect(info.status == 0)
      #expect(info.out.contains("4,096 pages of 4 KiB (16.0 MiB)"))
      let facts = try Command.run("trace", "info", "t.pft", "--json", in: folder).out
      let keys = facts.split(separator: "\n").compactMap { $0.split(separator: "\"").dropFirst().first }
      #expect(keys.contains("footprint_pages") && keys.contains("accesses_per_page") && keys.contains("is_coalesced"))
      #expect(keys.allSatisfy { $0.lowercased() == $0 })
      #expect(info.out.contains("made up"))
      let cat = try Command.run("trace", "cat", "t.pft", "--from", "1", "--count", "2", in: folder)
      #expect(
        cat.out
          == "# thread R|W address size gap repeats repeat-writes\n0 W 0x40001000 8 0 0 0\n0 W 0x40002000 8 0 0 0\n")

      try Command.write("name: twice\ntasks: [{trace: t.pft, repeat: 2}]\n", folder + "/twice.yaml")
      #expect(try Command.run("run", "twice.yaml", "--out", "a", "-q", in: folder).status == 0)
      let once = try json(folder + "/a/run.json")
      #expect(once["footprint_pages"] as? Int == 4096)
      // The page in the middle of the trace is read right after it is written: one record.
      #expect((once["totals"] as? [String: Any])?["accesses"] as? Int == 2 * 8191)

      try Command.write(
        "name: both\ntasks:\n  - {name: a, process: p, trace: t.pft}\n  - {name: b, process: p, trace: t.pft}\n",
        folder + "/both.yaml")
      let shared = try Command.run("run", "both.yaml", "--out", "b", "-q", in: folder)
      #expect(shared.status == 0, "\(shared.error)")
      #expect(try json(folder + "/b/run.json")["footprint_pages"] as? Int == 4096)
    }
  }

  @Test func `a trace is scaled and summarised`() throws {
    try Command.withFolder { folder in
      _ = try Command.run("trace", "import", "--format", "lackey", "-", "-o", "t.pft", in: folder, input: Self.text)
      let made = try Command.run(
        "trace", "scale", "t.pft", "-o", "s.pft", "--copies", "3", "--as", "processes", in: folder)
      #expect(made.status == 0 && made.out.contains("s.pft: 24573 records of 24576 accesses, 3 threads, 12288 pages, "))
      let facts = try Command.run("trace", "info", "s.pft", "--json", "--regions", "2", in: folder).out
      for line in [
        #""processes" : 3,"#, #""cold_records" : 12288,"#, #""folded_repeats" : 3,"#, #""max_pages" : 12287,"#,
      ] {
        #expect(facts.contains(line), "\(line)")
      }
      #expect(facts.components(separatedBy: #""write_share""#).count == 3)
      let brief = try Command.run("trace", "info", "--brief", "s.pft", in: folder)
      #expect(brief.status == 0 && brief.out.contains("records read  none") && !brief.out.contains("reuse"))
      for (arguments, status) in [
        (["t.pft", "-o", "t.pft"], 2), (["t.pft", "-o", "x.pft", "--copies", "2"], 2),
        (["t.pft", "-o", "x.pft", "--thin", "3/2"], 2),
        (["t.pft", "-o", "x.pft", "--copies", "70000", "--as", "processes"], 1),
        (["none.pft", "-o", "x.pft"], 1),
      ] as [([String], Int32)] {
        let outcome = try Command.run(["trace", "scale"] + arguments, in: folder)
        #expect(outcome.status == status && outcome.error.hasPrefix("pageferry: "), "\(arguments) \(outcome.error)")
      }
    }
  }

  @Test func `a damaged or missing trace is found before the run`() throws {
    try Command.withFolder { folder in
      _ = try Command.run("trace", "import", "--format", "lackey", "-", "-o", "t.pft", in: folder, input: Self.text)
      var bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/t.pft"))
      bytes[bytes.count - 100] ^= 1
      try bytes.write(to: URL(fileURLWithPath: folder + "/bad.pft"))
      try Command.write("name: bad\ntasks: [{trace: bad.pft}]\n", folder + "/bad.yaml")
      try Command.write("name: none\ntasks: [{trace: none.pft}]\n", folder + "/none.yaml")
      try bytes.dropLast(100).write(to: URL(fileURLWithPath: folder + "/short.pft"))
      try Command.write("name: short\ntasks: [{trace: short.pft}]\n", folder + "/short.yaml")
      for name in ["bad", "none", "short"] {
        let outcome = try Command.run("run", "\(name).yaml", "--out", "x", in: folder)
        #expect(outcome.status == 1)
        #expect(outcome.error.hasPrefix("pageferry: \(name).yaml:2: trace of task 'task0': \(name).pft: "))
        #expect(!FileManager.default.fileExists(atPath: folder + "/x"))
      }
    }
  }

  @Test func `what is skipped is said`() throws {
    try Command.withFolder { folder in
      let text = "kdamond.0 9 [000] 1.2: damon:damon_aggregated: target_id=0 nr_regions=1 4096-8192: 2 0\n"
      let input = "# made up\n" + text + "rubbish\n" + text.replacing(" 1.2:", with: " 1.3:")
      let strict = try Command.run("trace", "import", "--format", "damon", "-", "-o", "t.pft", in: folder, input: input)
      #expect(strict.status == 1 && strict.error.hasPrefix("pageferry: standard input:3: byte 97: "))
      let lenient = try Command.run("trace", "import", "--lenient", "-", "-o", "t.pft", in: folder, input: input)
      #expect(lenient.status == 0)
      #expect(lenient.error.contains("t.pft: 1 of the lines or regions skipped, the first at line 3, byte 97: "))
      #expect(lenient.out.hasPrefix("t.pft: 4 records of 4 accesses in 2 regions, 1 pages"))
      let info = try Command.run("trace", "info", "t.pft", in: folder)
      #expect(info.out.contains("1 of the lines or regions skipped, the first at line 3"))
      let half = try Command.run(
        "trace", "import", "--damon-sample-us", "50000", "-", "-o", "t.pft", in: folder, input: text + text)
      #expect(half.status == 1)
      let wrong = try Command.run(
        "trace", "import", "--format", "din", "--damon-every-page", "-", "-o", "t.pft", in: folder, input: "0 1\n")
      #expect(wrong.status != 0 && wrong.error.contains("DAMON's options are given for din"))
    }
  }

  @Test func `a check counts and writes nothing`() throws {
    try Command.withFolder { folder in
      let text = "l 1000 0\ns 2000 0\n2 400000\nrubbish\ns 2fff 0\n"
      let strict = try Command.run("trace", "import", "--check", "-", "--format", "din", in: folder, input: text)
      #expect(strict.status == 1 && strict.error.hasPrefix("pageferry: standard input:4: byte 27: "))
      let made = try Command.run("trace", "import", "--check", "--lenient", "-", in: folder, input: text)
      #expect(made.status == 0)
      #expect(
        made.out
          == "-: din, 3 accesses (2 writes) in 5 lines, 1 instruction fetches, 1 threads, 1 processes, 3 pages, 44 bytes\n"
      )
      #expect(made.error.contains("din: 4 of 5 lines are ") && made.error.contains("1 of the lines skipped"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
      for more in [[], ["--check", "-o", "t.pft"], ["--check", "--limit", "5"], ["--check", "--cache", "64B:1"]] {
        let wrong = try Command.run(["trace", "import", "-"] + more, in: folder, input: text)
        #expect(wrong.status == 2 && wrong.error.hasPrefix("pageferry: "), "\(more)")
      }
    }
  }

  /// One page in each block: as many page tables as pages.
  @Test func `a sparse trace has room for its page tables`() throws {
    try Command.withFolder { folder in
      let text = (0..<4_999).map { "0 \(String(0x1000_0000 + $0 << 21, radix: 16))\n" }.joined()
      let made = try Command.run("trace", "import", "--format", "din", "-", "-o", "t.pft", in: folder, input: text)
      #expect(made.status == 0, "\(made.error)")
      try Command.write("name: sparse\ntasks: [{trace: t.pft}]\n", folder + "/sparse.yaml")
      let run = try Command.run("run", "sparse.yaml", "--out", "a", "-q", in: folder)
      #expect(run.status == 0, "\(run.error)")
      let tasks = try #require(try json(folder + "/a/run.json")["tasks"] as? [[String: Any]])
      let phases = try #require(tasks[0]["phases"] as? [[String: Any]])
      #expect(phases.map { $0["what"] as? String } == ["trace"])
      let small = try Command.run("run", "sparse.yaml", "--out", "b", "--set", "hw.node1.size=24M", in: folder)
      #expect(small.status == 2)
      #expect(small.error.hasPrefix("pageferry: the workload needs 9998 pages (page tables included), the nodes have "))
    }
  }

  @Test func `text that is no trace is refused with its line`() throws {
    let outcome = try Command.run(
      "trace", "import", "--format", "din", "-", "-o", "/dev/null/x", input: "0 1000\nnonsense\n")
    #expect(outcome.status == 1)
    #expect(outcome.error.hasPrefix("pageferry: "))
  }

  @Test func `a format that is not given is recognised, and said on standard error`() throws {
    try Command.withFolder { folder in
      let text = "ADDR,RW,ts\n0x1000,R,5\n0x2000,W,9\n"
      let names = ["--columns", "address=ADDR,op=RW,cycle=ts"]
      let made = try Command.run("trace", "import", "-", "-o", "t.pft", names[0], names[1], in: folder, input: text)
      #expect(made.status == 0)
      #expect(made.error == "csv: 2 of 2 lines are values under the columns that the first line names\n")
      #expect(made.out.hasPrefix("t.pft: 2 records of 2 accesses in 3 lines, 2 pages, "))
      let cat = try Command.run("trace", "cat", "t.pft", in: folder)
      #expect(cat.out.hasSuffix("\n0 R 0x1000 64 0 0 0\n0 W 0x2000 64 4 0 0\n"))
      let quiet = try Command.run(
        "trace", "import", "-q", "--format", "auto", "-", "-o", "t.pft", in: folder, input: "0x40 READ 5\n")
      #expect(quiet.status == 0 && quiet.out == "" && quiet.error == "")
    }
    for (format, columns, status) in [("auto", nil, 1), ("paper", nil, 2), ("csv", "what=x", 2), ("din", "op=x", 2)]
      as [(
        String, String?, Int32
      )]
    {
      let more = columns.map { "--columns=\($0)" } ?? "-q"
      let outcome = try Command.run(
        "trace", "import", "--format", format, "-", "-o", "/dev/null/x", more, input: "0 1000\n1 1000\n")
      #expect(outcome.status == status && outcome.error.hasPrefix("pageferry: "))
    }
  }

  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129)] as [(Int32, Int32)])
  func `an interrupted import leaves nothing`(_ signal: Int32, _ status: Int32) throws {
    try Command.withFolder { folder in
      let process = Process()
      process.executableURL = URL(fileURLWithPath: Command.path)
      process.arguments = ["trace", "import", "--format", "din", "-", "-o", "t.pft"]
      process.currentDirectoryURL = URL(fileURLWithPath: folder)
      let (input, error) = (Pipe(), Pipe())
      process.standardInput = input
      process.standardError = error
      try process.run()
      try input.fileHandleForWriting.write(contentsOf: Data("0 1000\n".utf8))
      for _ in 0..<1000 where try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty { usleep(10_000) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).first?.hasPrefix("t.pft.partial-") == true)
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      #expect(process.terminationStatus == status)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
      let said = try error.fileHandleForReading.readToEnd() ?? Data()
      #expect(String(decoding: said, as: UTF8.self) == "pageferry: interrupted; nothing was written\n")
    }
  }

  private func json(_ path: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
  }
}
