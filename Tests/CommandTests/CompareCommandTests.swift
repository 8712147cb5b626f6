// pageferry compare, as a user runs it.

import Foundation
import Testing

private let tiny = """
  name: tiny
  regions:
    A: {pages: 4096}
  tasks:
    - name: main
      phases:
        - access: A
          write_every: 1
        - access: A
  """

@Suite struct CompareCommandTests {
  @Test func `profiles are compared from any folder, and every run can be run again`() throws {
    try Command.withFolder { folder in
      try Command.write(tiny, folder + "/tiny.yaml")
      try Command.write("kernel.rules = v6.12\n", folder + "/mine.conf")
      let outcome = try Command.run(
        "compare", "tiny.yaml", "--profiles", "tpp,all-slow,mine.conf", "-o", "out/c", "--jobs", "2",
        in: folder)
      #expect(outcome.status == 0 && outcome.error == "")
      #expect(outcome.out.hasPrefix("tiny\nfootprint 16.0 MiB, 4,096 pages; times are modelled\n"))
      let lines = outcome.out.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
      #expect(lines.contains(["tpp", "all-slow", "mine"]))
      #expect(lines.contains { $0.first == "verdict" && $0.count == 4 && $0[1] == "-" })
      let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/out/c").sorted()
      #expect(
        names == [
          "all-slow", "all-slow.costs-doubled", "all-slow.costs-halved", "compare.csv", "compare.json", "compare.txt",
          "mine", "mine.costs-doubled", "mine.costs-halved", "tpp", "tpp.costs-doubled", "tpp.costs-halved",
        ])
      #expect(try String(contentsOfFile: folder + "/out/c/compare.txt", encoding: .utf8) == outcome.out)
      let again = try Command.run(
        "run", "tiny.yaml", "-p", "out/c/all-slow.costs-halved/config.sysctl", "--out", "again", "-q", in: folder)
      #expect(again.status == 0)
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: folder + "/again/run.json"))
          == Data(contentsOf: URL(fileURLWithPath: folder + "/out/c/all-slow.costs-halved/run.json")))
      let json = try Command.run(
        "compare", "tiny.yaml", "--profiles", "tpp,all-slow,mine.conf", "--json", "--jobs", "1", in: folder)
      #expect(try String(contentsOfFile: folder + "/out/c/compare.json", encoding: .utf8) == json.out)
    }
  }

  @Test func `a list of copying CPUs becomes columns`() throws {
    try Command.withFolder { folder in
      try Command.write(tiny, folder + "/tiny.yaml")
      let outcome = try Command.run(
        "compare", "tiny.yaml", "--profiles", "tpp,tpp-concur-mt", "--limit-mt-num", "2,4", "--no-ranges", "--csv",
        in: folder)
      #expect(outcome.status == 0)
      let columns = Set(outcome.out.split(separator: "\n").dropFirst().map { $0.prefix { $0 != "," } })
      #expect(columns == ["tpp", "tpp-concur-mt/2", "tpp-concur-mt/4"])
    }
  }

  @Test(arguments: [
    (["--profiles", "tpp,al-fast"], "pageferry: --profiles: no profile is called 'al-fast'; did you mean all-fast?\n"),
    (["--limit-mt-num", "2,x"], "pageferry: --limit-mt-num: '2,x' is no list of numbers; write each once, as 2,4,8\n"),
    (
      ["--limit-mt-num", "99"],
      "pageferry: profile tpp-concur-mt/99: vm.limit_mt_num=99 (tpp-concur-mt/99): out of range 1...32 (workers)\n"
    ),
    (
      ["--limit-mt-num", "2", "--profiles", "tpp"],
      "pageferry: --limit-mt-num: tpp-concur-mt is none of the profiles; add it to --profiles\n"
    ),
  ])
  func `bad arguments end with 2, one line and no folder`(arguments: [String], message: String) throws {
    try Command.withFolder { folder in
      try Command.write(tiny, folder + "/tiny.yaml")
      let outcome = try Command.run(["compare", "tiny.yaml", "-o", "c"] + arguments, in: folder)
      #expect(outcome.status == 2 && outcome.out == "")
      #expect(outcome.error == message)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["tiny.yaml"])
    }
  }

  @Test func `a run that fails leaves nothing behind`() throws {
    try Command.withFolder { folder in
      try Command.write(tiny, folder + "/tiny.yaml")
      let outcome = try Command.run(
        "compare", "tiny.yaml", "--profiles", "all-fast,first-touch", "--set", "hw.node1.size=8M", "-o", "c", in: folder
      )
      #expect(outcome.status == 2)
      #expect(outcome.error.hasPrefix("pageferry: profile first-touch: the workload needs "))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["tiny.yaml"])
    }
  }
}
